/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hash.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define GROWTH 4u /* moving all entries costs more than a table that is too large for a moment */

/* The kernel left 16 random bytes with the process: no system call. They never change. */
static const unsigned char *secret(void) {
        static const unsigned char none[crypto_shorthash_KEYBYTES], *key;
        if (!key) {
                const unsigned char *random = (const unsigned char *) getauxval(AT_RANDOM);
                key = random ? random : none;
        }
        return key;
}

__extension__ typedef unsigned __int128 product; /* of two words */

/* Of three words: by multiplication with what nobody knows; SipHash takes several times as long for so little. */
static uint64_t hash_words(const uint64_t key[static 3]) {
        uint64_t a, b;
        memcpy(&a, secret(), sizeof a);
        memcpy(&b, secret() + sizeof a, sizeof b);
        product x = (product) (key[0] ^ a) * (key[1] ^ b);
        product y = (product) ((uint64_t) x ^ (uint64_t) (x >> 64) ^ b) * (key[2] ^ a);
        return (uint64_t) y ^ (uint64_t) (y >> 64);
}

/* What is short, as nearly all is, ends with zeroes up to three words. */
static uint64_t hash_bytes(const void *bytes, size_t size) {
        uint64_t words[3] = { 0 }, hash = 0;
        if (size <= sizeof words) {
                memcpy(words, bytes, size);
                return hash_words(words) + size;
        }
        crypto_shorthash((unsigned char *) &hash, bytes, size, secret());
        return hash;
}

/* Of zeroes. It is used in no order, first read and then written: each page would come twice from the kernel. */
static void *table_new(size_t n, size_t size) {
        const size_t page = 4096;
        char *table = calloc(n, size);
        for (size_t i = 0; table && i < n * size; i += page)
                *(volatile char *) (table + i) = 0;
        return table;
}

static int intern_grow(struct intern *t) {
        size_t capacity = t->capacity ? GROWTH * t->capacity : 64;
        struct intern_entry *entries = table_new(capacity, sizeof *entries);
        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < t->capacity; i++) {
                if (!t->entries[i].bytes)
                        continue;
                size_t k = t->entries[i].hash & (capacity - 1);
                while (entries[k].bytes)
                        k = (k + 1) & (capacity - 1);
                entries[k] = t->entries[i];
        }
        free(t->entries);
        t->entries = entries;
        t->capacity = capacity;
        return 0;
}

int intern_add(struct intern *t, struct arena *a, const void *bytes, size_t size, bool text,
               struct intern_entry **ret) {
        if (size > UINT32_MAX || (4 * (t->n + 1) > 3 * t->capacity && intern_grow(t) < 0))
                return -ENOMEM;

        uint64_t hash = hash_bytes(bytes, size);
        size_t k = hash & (t->capacity - 1);
        for (; t->entries[k].bytes; k = (k + 1) & (t->capacity - 1)) {
                struct intern_entry *e = &t->entries[k];
                if (e->hash == hash && e->size == size && memcmp(e->bytes, bytes, size) == 0) {
                        *ret = e;
                        return 0;
                }
        }

        const void *copy;
        if (text) {
                copy = arena_string(a, bytes, size);
        } else {
                void *block = arena_alloc(a, size, 1);
                if (block && size > 0)
                        memcpy(block, bytes, size);
                copy = block;
        }
        if (!copy)
                return -ENOMEM;
        t->entries[k] = (struct intern_entry){ .hash = hash, .bytes = copy, .size = (uint32_t) size };
        t->n++;
        *ret = &t->entries[k];
        return 0;
}

void intern_clear(struct intern *t) {
        free(t->entries);
        *t = (struct intern){ 0 };
}

/* Where the key is, or where it would go. The table has a free place. */
static struct tuple_entry *tuple_slot(struct tuple_entry *entries, size_t capacity, const uint64_t key[static 3]) {
        size_t k = hash_words(key) & (capacity - 1);
        while (entries[k].used && memcmp(entries[k].key, key, sizeof entries[k].key) != 0)
                k = (k + 1) & (capacity - 1);
        return &entries[k];
}

int tuple_map_get(struct tuple_map *m, const uint64_t key[static 3], struct tuple_entry **ret) {
        if (4 * (m->n + 1) > 3 * m->capacity) {
                size_t capacity = m->capacity ? GROWTH * m->capacity : 64;
                struct tuple_entry *entries = table_new(capacity, sizeof *entries);
                if (!entries)
                        return -ENOMEM;
                for (size_t i = 0; i < m->capacity; i++)
                        if (m->entries[i].used)
                                *tuple_slot(entries, capacity, m->entries[i].key) = m->entries[i];
                free(m->entries);
                m->entries = entries;
                m->capacity = capacity;
        }

        struct tuple_entry *e = tuple_slot(m->entries, m->capacity, key);
        if (!e->used) {
                memcpy(e->key, key, sizeof e->key);
                e->used = true;
                m->n++;
        }
        *ret = e;
        return 0;
}

struct tuple_entry *tuple_map_find(const struct tuple_map *m, const uint64_t key[static 3]) {
        if (m->n == 0)
                return NULL;
        struct tuple_entry *e = tuple_slot(m->entries, m->capacity, key);
        return e->used ? e : NULL;
}

void tuple_map_clear(struct tuple_map *m) {
        free(m->entries);
        *m = (struct tuple_map){ 0 };
}

int buffer_append(struct buffer *b, const void *bytes, size_t size) {
        if (b->allocated - b->used < size) {
                size_t allocated = b->allocated ? b->allocated : 256;
                while (allocated - b->used < size)
                        if (__builtin_mul_overflow(allocated, (size_t) 2, &allocated))
                                return -ENOMEM;
                char *grown = realloc(b->bytes, allocated);
                if (!grown)
                        return -ENOMEM;
                b->bytes = grown;
                b->allocated = allocated;
        }
        if (size > 0)
                memcpy(b->bytes + b->used, bytes, size);
        b->used += size;
        return 0;
}

void buffer_clear(struct buffer *b) {
        free(b->bytes);
        *b = (struct buffer){ 0 };
}
