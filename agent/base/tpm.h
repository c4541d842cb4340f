/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent and sekisho-tpm say to each other: one question and one answer, each one packet of fixed size.
 *
 * Owned by base: plain data, for agent/counter.c and agent/tpm.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TPM_SOCKET "run/sekisho/tpm.sock"

enum tpm_operation {
        TPM_READ,    /* the counter's value */
        TPM_PREPARE, /* the same, after making it if there is none */
        TPM_REACH,   /* makes it value, which may be one more than it is, and no other */
        TPM_OPERATION_MAX,
};

struct tpm_message {
        uint32_t operation; /* enum tpm_operation */
        uint32_t index;     /* of the counter, among the NV indices */
        uint64_t value;     /* question: to be reached; answer: as it is now, 0 where there is none */
        int32_t error; /* answer: 0; -ENOENT: no such counter; -ENODEV: no TPM; -ERANGE: it cannot be reached; others */
        uint32_t zero;
};
