/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t) 64 * 1024)
#define BLOCK_MIN  ((size_t) 8 * 1024) /* a permit needs no more */
#define TEXT_SIZE  ((size_t) 4 * 1024)

struct block {
        struct block *next;
        size_t used, size;
        alignas(max_align_t) unsigned char bytes[];
};

struct adopted {
        struct adopted *next;
        void *memory;
};

struct arena {
        struct block *blocks;
        struct adopted *adopted;
        char *text; /* where the next string goes: strings need no alignment, and there are many short ones */
        size_t text_left;
};

struct arena *arena_new(void) {
        return calloc(1, sizeof(struct arena));
}

struct arena *arena_free(struct arena *a) {
        if (!a)
                return NULL;
        for (const struct adopted *m = a->adopted; m; m = m->next) /* the list itself is in the blocks */
                free(m->memory);
        for (struct block *b = a->blocks; b;) {
                struct block *next = b->next;
                free(b);
                b = next;
        }
        free(a);
        return NULL;
}

void *arena_alloc(struct arena *a, size_t n, size_t size) {
        size_t bytes;
        if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 4)
                return NULL;
        bytes = (bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
        if (bytes == 0)
                bytes = alignof(max_align_t);

        struct block *b = a->blocks;
        if (!b || b->size - b->used < bytes) {
                size_t usual = b ? BLOCK_SIZE : BLOCK_MIN, capacity = bytes > usual ? bytes : usual;
                b = calloc(1, sizeof *b + capacity);
                if (!b)
                        return NULL;
                b->size = capacity;
                /* A block made for one large object is full at once: keep filling the one before it. */
                if (a->blocks && bytes > BLOCK_SIZE) {
                        b->next = a->blocks->next;
                        a->blocks->next = b;
                } else {
                        b->next = a->blocks;
                        a->blocks = b;
                }
        }
        void *p = b->bytes + b->used;
        b->used += bytes;
        return p;
}

const char *arena_string(struct arena *a, const char *s, size_t length) {
        if (length >= SIZE_MAX / 4)
                return NULL;
        size_t size = length + 1;
        char *copy;
        if (size > TEXT_SIZE / 4) {
                copy = arena_alloc(a, size, 1);
        } else {
                if (size > a->text_left) {
                        a->text = arena_alloc(a, TEXT_SIZE, 1);
                        a->text_left = a->text ? TEXT_SIZE : 0;
                        if (!a->text)
                                return NULL;
                }
                copy = a->text;
                a->text += size;
                a->text_left -= size;
        }
        if (copy && length > 0)
                memcpy(copy, s, length);
        return copy;
}

int arena_adopt(struct arena *a, void *memory) {
        struct adopted *m = arena_alloc(a, 1, sizeof *m);
        if (!m)
                return -ENOMEM;
        *m = (struct adopted){ .next = a->adopted, .memory = memory };
        a->adopted = m;
        return 0;
}
