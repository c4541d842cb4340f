/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pairs.h"

#include <errno.h>
#include <string.h>

int pairs_read(const void *bytes, size_t size, unsigned format, struct pairs *ret) {
        const size_t one = sizeof ret->list[0];
        if (format != 32 || size == 0 || size % one != 0 || size / one > PAIRS_MAX)
                return -EBADMSG;
        memcpy(ret->list, bytes, size);
        ret->n = size / one;
        return 0;
}

uint32_t atoms_listed(const void *bytes, size_t size, unsigned format, const uint32_t *wanted, size_t n) {
        uint32_t listed = 0, atom;
        for (size_t at = 0; format == 32 && at + sizeof atom <= size; at += sizeof atom) {
                memcpy(&atom, (const char *) bytes + at, sizeof atom);
                for (size_t i = 0; i < n && i < 32; i++)
                        if (wanted[i] == atom)
                                listed |= 1u << i;
        }
        return listed;
}
