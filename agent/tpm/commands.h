/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four commands of a TPM 2.0 that a counter needs (TPM 2.0 Library, part 3: NV_DefineSpace, NV_Increment, NV_Read,
 * NV_ReadPublic), over a descriptor that takes a command and gives its response: the kernel's resource manager, or a
 * simulator's socket. Authorisations are empty. What comes back is not trusted.
 *
 * Owned by agent/tpm.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Each: 0; -ENOENT: there is no such index; -ENODATA: it was never written; -EACCES: the TPM wants an authorisation;
 * -EIO: it says something else; -EPROTO: its response makes no sense; other -errno of the descriptor. */
int tpm_read_public(int fd, uint32_t index, bool *ret_is_counter, bool *ret_is_written);
int tpm_read_counter(int fd, uint32_t index, uint64_t *ret);
int tpm_increment(int fd, uint32_t index);
int tpm_define_counter(int fd, uint32_t index);
