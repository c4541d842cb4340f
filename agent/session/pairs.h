/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of atoms as any program may have written them: that of a MULTIPLE request (ICCCM 2.6.2: pairs of a target and
 * the property where it is to go), and that of the targets that an owner has. Pure. Owned by agent/session. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PAIRS_MAX 64u
#define ATOMS_MAX 1024u /* of a list of targets; what stands behind is not looked at */

struct pairs {
        struct {
                uint32_t target, property;
        } list[PAIRS_MAX];
        size_t n;
};

/* bytes: of the property, in units of format bits. 0; -EBADMSG: no such list, or too long. */
int pairs_read(const void *bytes, size_t size, unsigned format, struct pairs *ret);

/* Mask of those of wanted[0..n) (up to 32) that stand in the list. What is no list has none. */
uint32_t atoms_listed(const void *bytes, size_t size, unsigned format, const uint32_t *wanted, size_t n);
