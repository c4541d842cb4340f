/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slowest way to what mynumber_scan() finds: the exact parser at every place, in every script. For the tests and
 * the fuzzer of it. */
#pragma once

#include "mynumber_private.h"

/* A separator of JIS X 0208 among half-width digits and without the escapes around it is two signs of ASCII, at which
 * the run does not look. */
static inline bool places_bare_jis(const uint8_t *bytes, size_t size, size_t offset) {
        if (offset + 10 > size)
                return false;
        uint8_t first = bytes[offset + 4], second = bytes[offset + 9];
        return first == '!' || ((first == ' ' || first == '-' || first == '.') && second == '!');
}

static inline void mynumber_every_place(const uint8_t *bytes, size_t size,
                                        bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata) {
        const struct text t = { bytes, size };
        for (size_t offset = 0; offset < size; offset++)
                for (enum script s = 0; s < SCRIPT_MAX; s++) {
                        struct mynumber_match m;
                        if (mynumber_parse(&t, offset, s, &m) &&
                            !(s == SCRIPT_ASCII && places_bare_jis(bytes, size, offset)))
                                (void) found(&m, userdata);
                }
}
