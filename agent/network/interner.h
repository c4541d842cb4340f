/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Equal bytes get one number, counted from 0. Owned by agent/network (compilation). */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct blob {
        void *bytes;
        size_t size;
};

struct interner {
        struct blob *list; /* by number */
        size_t n, allocated;
        uint32_t *slots; /* number + 1; 0: free */
        size_t n_slots;  /* a power of two, or 0 */
};

/* bytes are copied. 0 or -ENOMEM. */
int interner_put(struct interner *in, const void *bytes, size_t size, uint32_t *ret);
void interner_clear(struct interner *in);
