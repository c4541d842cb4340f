/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is freed at once: aligned, zeroed, never moved; strings packed; sizes that overflow refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "hash.h"

#define N 3000

static void test_alloc(void **state) {
        (void) state;
        struct arena *a = arena_new();
        unsigned char *blocks[N];
        for (size_t i = 0; i < N; i++) {
                size_t size = i * 37 % 1000;
                blocks[i] = arena_alloc(a, size, 1);
                assert_non_null(blocks[i]);
                assert_int_equal((uintptr_t) blocks[i] % alignof(max_align_t), 0);
                for (size_t k = 0; k < size; k++)
                        assert_int_equal(blocks[i][k], 0);
                memset(blocks[i], (int) (i & 0xff), size);
        }
        for (size_t i = 0; i < N; i++) /* nobody wrote into a neighbour */
                for (size_t k = 0; k < i * 37 % 1000; k++)
                        assert_int_equal(blocks[i][k], i & 0xff);
        assert_null(arena_free(a));
}

static void test_strings(void **state) {
        (void) state;
        struct arena *a = arena_new();
        const char *strings[N];
        static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
        for (size_t i = 0; i < N; i++) {
                strings[i] = arena_string(a, text, i % sizeof text);
                assert_non_null(strings[i]);
        }
        for (size_t i = 0; i < N; i++) {
                assert_int_equal(strlen(strings[i]), i % sizeof text);
                assert_memory_equal(strings[i], text, i % sizeof text);
        }
        /* Packed: the second stands right behind the first. */
        struct arena *b = arena_new();
        const char *first = arena_string(b, "abc", 3);
        assert_ptr_equal(arena_string(b, "d", 1), first + 4);
        static const char large[100000];
        assert_memory_equal(arena_string(b, large, sizeof large), large, sizeof large);
        (void) arena_free(a);
        (void) arena_free(b);
}

static void test_limits(void **state) {
        (void) state;
        struct arena *a = arena_new();
        assert_null(arena_alloc(a, SIZE_MAX, 2));
        assert_null(arena_alloc(a, SIZE_MAX / 2, 1));
        assert_null(arena_string(a, "", SIZE_MAX));
        assert_non_null(arena_alloc(a, 0, 8));
        assert_non_null(arena_alloc(a, 1 << 20, 1));
        for (size_t i = 1; i <= 100; i++) /* the sanitizer tells whether they are freed */
                assert_int_equal(arena_adopt(a, malloc(i)), 0);
        (void) arena_free(a);
        assert_null(arena_free(NULL));
}

static void test_intern(void **state) {
        (void) state;
        struct arena *a = arena_new();
        struct intern t = { 0 };
        struct intern_entry *e;
        const void *seen[N];
        for (uint32_t i = 0; i < N; i++) {
                assert_int_equal(intern_add(&t, a, &i, sizeof i, false, &e), 0);
                assert_int_equal(e->number, 0);
                e->number = i + 1;
                seen[i] = e->bytes;
        }
        for (uint32_t i = 0; i < N; i++) {
                assert_int_equal(intern_add(&t, a, &i, sizeof i, false, &e), 0);
                assert_int_equal(e->number, i + 1);
                assert_ptr_equal(e->bytes, seen[i]);
        }
        assert_int_equal(t.n, N);
        intern_clear(&t);
        (void) arena_free(a);
}

/* What is short is hashed with zeroes behind it: these differ in their length alone. */
static void test_intern_lengths(void **state) {
        (void) state;
        static const char zeroes[60];
        struct arena *a = arena_new();
        struct intern t = { 0 };
        struct intern_entry *e;
        for (uint32_t twice = 0; twice < 2; twice++)
                for (uint32_t i = 0; i <= sizeof zeroes; i++) {
                        assert_int_equal(intern_add(&t, a, zeroes, i, false, &e), 0);
                        assert_int_equal(e->size, i);
                        assert_int_equal(e->number, twice ? i + 1 : 0);
                        e->number = i + 1;
                }
        intern_clear(&t);
        (void) arena_free(a);
}

static void test_tuples(void **state) {
        (void) state;
        struct tuple_map m = { 0 };
        struct tuple_entry *e;
        for (uint32_t i = 0; i < N; i++) {
                const uint64_t key[3] = { i & 1, i >> 1, i / 100 };
                assert_null(tuple_map_find(&m, key));
                assert_int_equal(tuple_map_get(&m, key, &e), 0);
                assert_int_equal(e->value, 0);
                e->value = i + 1;
        }
        for (uint32_t i = 0; i < N; i++) {
                const uint64_t key[3] = { i & 1, i >> 1, i / 100 };
                e = tuple_map_find(&m, key);
                assert_non_null(e);
                assert_int_equal(e->value, i + 1);
        }
        tuple_map_clear(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_alloc),          cmocka_unit_test(test_strings),
                                            cmocka_unit_test(test_limits),         cmocka_unit_test(test_intern),
                                            cmocka_unit_test(test_intern_lengths), cmocka_unit_test(test_tuples) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
