/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bump allocator behind one struct policy: everything is freed at once. Private to the policy library. */
#pragma once

#include <stddef.h>

struct arena;

struct arena *arena_new(void); /* NULL: no memory */
struct arena *arena_free(struct arena *a);

/* Zeroed, aligned for any type, never moved. NULL: no memory (or n * size overflows). size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n, size_t size);

/* Copy of s[0..length) with a NUL behind it. NULL: no memory. */
const char *arena_string(struct arena *a, const char *s, size_t length);

/* Takes over memory from malloc(3), to be freed with the rest. 0; -ENOMEM: it is still the caller's. */
int arena_adopt(struct arena *a, void *memory);
