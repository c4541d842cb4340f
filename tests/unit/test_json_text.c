/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/json_text.h"

#define R "\xEF\xBF\xBD"

static const struct row {
        const char *name, *in, *out;
} rows[] = {
        { "empty", "", "" },
        { "ascii", "SanDisk Ultra", "SanDisk Ultra" },
        { "japanese", "市民課", "市民課" },
        { "four octets", "\xF0\xA0\xAE\xB7", "\xF0\xA0\xAE\xB7" },
        { "control", "a\x1b[2J\nb\x7f", "a" R "[2J" R "b" R },
        { "stray continuation", "a\x80z", "a" R "z" },
        { "cut short", "a\xE5\xB8", "a" R R },
        { "overlong", "\xC0\xAF", R R },
        { "surrogate", "\xED\xA0\x80", R R R },
        { "beyond the last", "\xF4\x90\x80\x80", R R R R },
        { "not utf-8", "\xff\xfe", R R },
};

static void test_row(void **state) {
        const struct row *row = *state;
        json_t *j = json_text(row->in);
        assert_non_null(j);
        assert_string_equal(json_string_value(j), row->out);
        json_decref(j);
}

static void test_null(void **state) {
        (void) state;
        json_t *none = json_text_or_null(NULL), *some = json_text_or_null("x");
        assert_true(json_is_null(none));
        assert_string_equal(json_string_value(some), "x");
        json_decref(none);
        json_decref(some);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 1];
        size_t n = 0;
        for (; n < sizeof rows / sizeof *rows; n++)
                tests[n] = (struct CMUnitTest){ rows[n].name, test_row, NULL, NULL, (void *) (uintptr_t) &rows[n] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_null);
        return _cmocka_run_group_tests("json_text", tests, n, NULL, NULL);
}
