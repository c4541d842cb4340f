/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sodium.h>

#include "pam_module/seal.h"

static const uint8_t ID[STATE_ID_SIZE] = { 3, 1, 4 };
static const char PLAIN[] = "twenty secret bytes!";
#define N sizeof PLAIN

static struct seal with_key(uint8_t first, const char *machine) {
        struct seal s = { .machine_id = machine };
        uint8_t key[SEAL_KEY_SIZE] = { first };
        seal_add(&s, key, "file");
        return s;
}

static int reopen(const struct seal *s, const struct seal_owner *owner, const uint8_t *sealed, size_t size) {
        char plain[N + 16];
        uint8_t id[STATE_ID_SIZE];
        const struct seal_key *k = NULL;
        int r = seal_open(s, owner, sealed, size, plain, id, &k);
        if (r == 0) {
                assert_memory_equal(plain, PLAIN, N);
                assert_memory_equal(id, ID, sizeof id);
                assert_non_null(k);
        }
        return r;
}

static void test_bound(void **state) {
        (void) state;
        static const struct {
                uint8_t key;
                const char *machine;
                struct seal_owner owner;
                int outcome;
        } rows[] = {
                { 1, "machine", { 1000, "yamada" }, 0 }, { 2, "machine", { 1000, "yamada" }, 1 },
                { 1, "other", { 1000, "yamada" }, 1 },   { 1, "machine", { 1001, "yamada" }, 1 },
                { 1, "machine", { 1000, "suzuki" }, 1 }, { 1, "machine1", { 1000, "yamada" }, 1 },
                { 1, "", { 1000, "yamada" }, 1 },        { 1, "machine:10", { 0, "00:6:yamada" }, 1 },
        };
        struct seal s = with_key(1, "machine");
        uint8_t sealed[N + SEAL_OVERHEAD];
        const struct seal_owner owner = { 1000, "yamada" };
        assert_int_equal(seal_close(&s, NULL, &owner, ID, PLAIN, N, sealed), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct seal t = with_key(rows[i].key, rows[i].machine);
                assert_int_equal(reopen(&t, &rows[i].owner, sealed, sizeof sealed), rows[i].outcome);
        }
        for (size_t n = 0; n < sizeof sealed; n++)
                assert_int_equal(reopen(&s, &owner, sealed, n), 1);
        for (size_t i = 0; i < 8 * sizeof sealed; i++) {
                sealed[i / 8] ^= (uint8_t) (1u << i % 8);
                assert_int_equal(reopen(&s, &owner, sealed, sizeof sealed), 1);
                sealed[i / 8] ^= (uint8_t) (1u << i % 8);
        }
        assert_int_equal(reopen(&s, &owner, sealed, sizeof sealed), 0);
}

/* A credential that a site makes later seals what is new, and the file's key still opens what is old. */
static void test_two_keys(void **state) {
        (void) state;
        struct seal file = with_key(1, "m"), both = with_key(2, "m");
        const struct seal_owner owner = { 1, "a" };
        uint8_t old[N + SEAL_OVERHEAD], new[N + SEAL_OVERHEAD], kept[N + SEAL_OVERHEAD];
        seal_add(&both, file.keys[0].bytes, "file");
        assert_int_equal(seal_close(&file, NULL, &owner, ID, PLAIN, N, old), 0);
        assert_int_equal(seal_close(&both, NULL, &owner, ID, PLAIN, N, new), 0);
        assert_int_equal(seal_close(&both, &both.keys[1], &owner, ID, PLAIN, N, kept), 0);
        assert_int_equal(reopen(&both, &owner, old, sizeof old), 0);
        assert_int_equal(reopen(&both, &owner, new, sizeof new), 0);
        assert_int_equal(reopen(&file, &owner, new, sizeof new), 1);
        assert_int_equal(reopen(&file, &owner, kept, sizeof kept), 0);
}

static void test_no_key(void **state) {
        (void) state;
        struct seal s = { .machine_id = "m" };
        const struct seal_owner owner = { 1, "a" };
        uint8_t sealed[N + SEAL_OVERHEAD];
        assert_int_equal(seal_close(&s, NULL, &owner, ID, PLAIN, N, sealed), -ENOKEY);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bound),
                cmocka_unit_test(test_two_keys),
                cmocka_unit_test(test_no_key),
        };
        return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
