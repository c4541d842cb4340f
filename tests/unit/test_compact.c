/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jansson is the witness: the same bytes, for everything that a record may hold. */
#include "audit/compact.h"

#include "audit_fixture.h"

#define GUARD 0x55

static const char *const rows[] = {
        "{}",
        "[]",
        "{\"a\":{}}",
        "{\"a\":[],\"b\":[[],{}]}",
        "{\"b\":1,\"a\":2,\"0\":3}", /* as they were put in */
        "[0,-1,9223372036854775807,-9223372036854775808]",
        "[true,false,null]",
        "[\"\",\"a\",\"窓口 №1\",\"\U0001F512\"]",
        "[\"\\\"\",\"\\\\\",\"\\/\",\"a\\\"b\\\\c\",\"\\\"\\\"\"]",
        "{\"\\\"k\\n\":\"\\u0001\\u001f\\u007f\\u0080\"}",
        "{\"a\":{\"b\":{\"c\":{\"d\":[{\"e\":[1,{\"f\":null}]}]}}}}",
};

static void check(const json_t *value) {
        CLEANUP(free_p) char *wanted = json_dumps(value, JSON_COMPACT);
        assert_non_null(wanted);
        size_t size = strlen(wanted);
        for (size_t cap = 0; cap <= size + 1; cap++) {
                CLEANUP(free_p) char *buffer = malloc(size + 2);
                assert_non_null(buffer);
                memset(buffer, GUARD, size + 2);
                assert_int_equal(compact_json(value, buffer, cap), size);
                size_t written = cap < size ? cap : size;
                assert_memory_equal(buffer, wanted, written);
                for (size_t i = written; i < size + 2; i++)
                        assert_int_equal(buffer[i], GUARD);
        }
}

static void test_as_jansson(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                json_t *value = json_loads(rows[i], JSON_ALLOW_NUL, NULL);
                assert_non_null(value);
                check(value);
                json_decref(value);
        }
}

static void test_each_character(void **state) {
        (void) state;
        char all[128];
        for (size_t i = 0; i < sizeof all; i++) {
                all[i] = (char) i;
                json_t *one = json_pack("{s:s%}", "c", all + i, (size_t) 1);
                check(one);
                json_decref(one);
        }
        json_t *together = json_pack("[s%]", all, sizeof all);
        check(together);
        json_decref(together);
}

static void test_no_fraction(void **state) {
        (void) state;
        char buffer[32];
        json_t *value = json_pack("{s:[i, f]}", "a", 1, 0.5);
        assert_non_null(value);
        assert_int_equal(compact_json(value, buffer, sizeof buffer), 0);
        json_decref(value);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_jansson),
                cmocka_unit_test(test_each_character),
                cmocka_unit_test(test_no_fraction),
        };
        return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
