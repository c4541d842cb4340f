/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of a record in one pass: what is read, and what only the parser may read. (fuzz_fields.c holds it against the
 * parser.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/fields.h"

static const struct field_path paths[] = { { "a", -1 }, { "o", -1 }, { "b", 1 }, { "p", 1 }, { "c", 3 } };
enum { A, O, B, P, C, N };

struct expected {
        enum field_type type;
        const char *text;
};

static const struct row {
        const char *line;
        bool scanned, read;
        struct expected values[N];
} rows[] = {
        { "{}", true, true, { { 0 } } },
        { "{\"a\":12}", true, true, { { FIELD_INTEGER, "12" } } },
        { "{\"a\":\"x\",\"o\":{\"b\":true,\"p\":{\"c\":\"deep\"}}}",
          true,
          true,
          { { FIELD_STRING, "x" },
            { FIELD_OBJECT, "{\"b\":true,\"p\":{\"c\":\"deep\"}}" },
            { FIELD_TRUE, "true" },
            { FIELD_OBJECT, "{\"c\":\"deep\"}" },
            { FIELD_STRING, "deep" } } },
        { "{\"x\":{\"a\":1,\"b\":2},\"b\":3}", true, true, { { 0 } } }, /* not where they are wanted */
        { "{\"o\":[{\"b\":1}],\"a\":null}", true, true, { { FIELD_OTHER, "null" }, { FIELD_OTHER, "[{\"b\":1}]" } } },
        { "{\"a\":1.5}", true, true, { { FIELD_OTHER, "1.5" } } },
        { "{\"a\":false}", true, true, { { FIELD_FALSE, "false" } } },
        { "{\"a\":\"\xe9\x96\xa2\xe6\x89\x80 and more than eight bytes\"}",
          true,
          true,
          { { FIELD_STRING, "\xe9\x96\xa2\xe6\x89\x80 and more than eight bytes" } } },
        /* the parser's business, and read all the same */
        { " {\"a\":1}", false, true, { { FIELD_INTEGER, "1" } } },
        { "{\"a\": 1}", false, true, { { FIELD_INTEGER, "1" } } },
        { "{\"\\u0061\":1}", false, true, { { FIELD_INTEGER, "1" } } },
        { "{\"a\":\"\\u0041\"}", false, true, { { FIELD_STRING, "A" } } },
        { "{\"a\":1e2}", false, true, { { FIELD_OTHER, "100.0" } } },
        /* nobody's */
        { "", false, false, { { 0 } } },
        { "[]", false, false, { { 0 } } },
        { "{\"a\":1,\"a\":2}", false, false, { { 0 } } },
        { "{\"a\":1,\"\\u0061\":2}", false, false, { { 0 } } },
        { "{\"a\":01}", false, false, { { 0 } } },
        { "{\"a\":1}x", false, false, { { 0 } } },
        { "{\"a\":\"\xc0\x80\"}", false, false, { { 0 } } },
        { "{\"a\":\"seven b\x01\"}", false, false, { { 0 } } },
        { "{\"a\":\"1234567\x1f\"}", false, false, { { 0 } } },
        { "{\"a\":99999999999999999999}", false, false, { { 0 } } },
};

static void reads(void **state) {
        const struct row *r = *state;
        struct fields f;
        fields_init(&f, paths, N);
        assert_int_equal(fields_scan(&f, r->line, strlen(r->line), false), r->scanned);
        assert_int_equal(fields_read(&f, r->line, strlen(r->line)), r->read);
        for (int i = 0; r->read && i < N; i++) {
                assert_int_equal(f.values[i].type, r->values[i].type);
                if (!r->values[i].text)
                        continue;
                assert_int_equal(f.values[i].size, strlen(r->values[i].text));
                assert_memory_equal(f.values[i].text, r->values[i].text, f.values[i].size);
        }
        fields_clear(&f);
}

static const struct text_row {
        const char *line, *text;
        size_t room;
} text_rows[] = {
        { "{\"a\":\"abc\"}", "abc", 4 },
        { "{\"a\":\"abc\"}", NULL, 3 },
        { "{\"a\":\"\"}", "", 1 },
        { "{\"a\":\"\"}", NULL, 0 },
        { "{\"a\":\"a\\\\b\\n\"}", "a\\b\n", 5 },
        { "{\"a\":\"a\\\\b\\n\"}", NULL, 4 },
        { "{\"a\":7}", NULL, 8 },
        { "{}", NULL, 8 },
};

static void texts(void **state) {
        const struct text_row *r = *state;
        struct fields f;
        char buffer[16] = "untouched";
        fields_init(&f, paths, N);
        assert_true(fields_read(&f, r->line, strlen(r->line)));
        assert_int_equal(field_text(&f.values[A], buffer, r->room), r->text != NULL);
        assert_string_equal(buffer, r->text ? r->text : "untouched");
        fields_clear(&f);
}

static void numbers(void **state) {
        (void) state;
        static const struct {
                const char *line;
                bool ok;
                int64_t n;
        } cases[] = { { "{\"a\":0}", true, 0 },
                      { "{\"a\":-5}", true, -5 },
                      { "{\"a\":999999999999999999}", true, INT64_C(999999999999999999) },
                      { "{\"a\":\"5\"}", false, 0 },
                      { "{\"a\":1.0}", false, 0 },
                      { "{}", false, 0 } };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct fields f;
                int64_t n = 0;
                fields_init(&f, paths, N);
                assert_true(fields_read(&f, cases[i].line, strlen(cases[i].line)));
                assert_int_equal(field_integer(&f.values[A], &n), cases[i].ok);
                assert_int_equal(n, cases[i].n);
                fields_clear(&f);
        }
}

int main(void) {
        enum { ROWS = sizeof rows / sizeof *rows, TEXTS = sizeof text_rows / sizeof *text_rows };
        struct CMUnitTest tests[ROWS + TEXTS + 1];
        for (size_t i = 0; i < ROWS; i++)
                tests[i] = (struct CMUnitTest){ rows[i].line, reads, NULL, NULL, (void *) &rows[i] };
        for (size_t i = 0; i < TEXTS; i++)
                tests[ROWS + i] = (struct CMUnitTest){ text_rows[i].line, texts, NULL, NULL, (void *) &text_rows[i] };
        tests[ROWS + TEXTS] = (struct CMUnitTest) cmocka_unit_test(numbers);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
