/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "interner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a. What is hashed comes from a policy that was accepted, so nobody gains from collisions. */
static uint64_t hash_of(const void *bytes, size_t size) {
        uint64_t h = UINT64_C(14695981039346656037);
        for (size_t i = 0; i < size; i++)
                h = (h ^ ((const uint8_t *) bytes)[i]) * UINT64_C(1099511628211);
        return h;
}

static uint32_t *find(const struct interner *in, const void *bytes, size_t size) {
        size_t i = (size_t) hash_of(bytes, size) & (in->n_slots - 1);
        for (;; i = (i + 1) & (in->n_slots - 1)) {
                uint32_t slot = in->slots[i];
                if (slot == 0)
                        return &in->slots[i];
                const struct blob *b = &in->list[slot - 1];
                if (b->size == size && (size == 0 || memcmp(b->bytes, bytes, size) == 0))
                        return &in->slots[i];
        }
}

static int grow(struct interner *in) {
        size_t n = in->n_slots ? 2 * in->n_slots : 64;
        uint32_t *slots = calloc(n, sizeof *slots);
        struct blob *list = reallocarray(in->list, n / 2, sizeof *list);
        if (list)
                in->list = list;
        if (!slots || !list) {
                free(slots);
                return -ENOMEM;
        }
        free(in->slots);
        in->slots = slots;
        in->n_slots = n;
        in->allocated = n / 2;
        for (size_t i = 0; i < in->n; i++)
                *find(in, in->list[i].bytes, in->list[i].size) = (uint32_t) i + 1;
        return 0;
}

int interner_put(struct interner *in, const void *bytes, size_t size, uint32_t *ret) {
        if (in->n == in->allocated) {
                int r = grow(in);
                if (r < 0)
                        return r;
        }
        uint32_t *slot = find(in, bytes, size);
        if (*slot == 0) {
                void *copy = malloc(size ? size : 1);
                if (!copy)
                        return -ENOMEM;
                if (size)
                        memcpy(copy, bytes, size);
                in->list[in->n] = (struct blob){ copy, size };
                *slot = (uint32_t) ++in->n;
        }
        *ret = *slot - 1;
        return 0;
}

void interner_clear(struct interner *in) {
        for (size_t i = 0; i < in->n; i++)
                free(in->list[i].bytes);
        free(in->list);
        free(in->slots);
        *in = (struct interner){ 0 };
}
