/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hash tables that live as long as one parse. Private to the policy library.
 *
 * Keyed by SipHash with the process's own random bytes: a file made to collide does not make the parser quadratic. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

/* Each different string or block of bytes is in the arena once; equal ones are the same pointer. */
struct intern_entry {
        uint64_t hash;
        const void *bytes; /* NULL: free */
        uint32_t size;
        uint32_t number; /* the caller's; 0 at first */
};
struct intern {
        struct intern_entry *entries;
        size_t n, capacity;
};

/* text: a NUL goes behind it. The entry is valid until the next call. 0 or -ENOMEM. */
int intern_add(struct intern *t, struct arena *a, const void *bytes, size_t size, bool text, struct intern_entry **ret);
void intern_clear(struct intern *t);

/* A map from three words to a number. */
struct tuple_entry {
        uint64_t key[3];
        uint32_t value;
        bool used;
};
struct tuple_map {
        struct tuple_entry *entries;
        size_t n, capacity;
};

/* Finds or, with value 0, makes the entry; valid until the next call. 0 or -ENOMEM. */
int tuple_map_get(struct tuple_map *m, const uint64_t key[static 3], struct tuple_entry **ret);
/* NULL when there is none. */
struct tuple_entry *tuple_map_find(const struct tuple_map *m, const uint64_t key[static 3]);
void tuple_map_clear(struct tuple_map *m);

/* A growing array. */
struct buffer {
        char *bytes;
        size_t used, allocated;
};
int buffer_append(struct buffer *b, const void *bytes, size_t size); /* 0 or -ENOMEM */
void buffer_clear(struct buffer *b);
