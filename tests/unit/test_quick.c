/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the quick reader reads, it reads as libyaml does; what it does not, it leaves to libyaml. */
#include "same_tokens.h"

#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sekisho/document.h>
#include <sekisho/policy.h>

#include "parser.h"

struct row {
        const char *text;
        enum sameness expected;
};
static const struct row rows[] = {
        /* maps, lists, and where they end */
        { "a: b\n", SAME },
        { "a: b", SAME },
        { "a-b_C9: b\n", SAME },
        { "\n# c\n\na: b\n\n#d\n", SAME },
        { "a:\n  b: c\n  d:\n    e: f\ng: h\n", SAME },
        { "a:\n  - b\n  - c\nd: e\n", SAME },
        { "a:\n- b\n- c\nd: e\n", SAME },
        { "a:\n  b:\n  - c\n  d: e\n", SAME },
        { "a:\n  - b: c\n    d: e\n  - b: f\ng: h\n", SAME },
        { "a:\n  - b: c\n    d:\n    - e\n    - f\n  - g\n", SAME },
        { "a:\n  -   b: c\n      d: e\n", SAME },
        { "a: # c\n  b: c # d\n  # e\n", SAME },
        { "a:\n      b: c\nd:\n - e\n", SAME },
        { "  a: b\n", GAVE_UP },
        { "a:\n  b: c\n d: e\n", GAVE_UP },
        { "a:\n  - b\n - c\n", GAVE_UP },
        { "a:\n  - b\n   - c\n", GAVE_UP },
        { "a:\n  b: c\n    d: e\n", GAVE_UP },
        { "- a\n", GAVE_UP },
        { "a:\n  - - b\n", GAVE_UP },
        { "a:\n  -\n    b: c\n", GAVE_UP },
        { "a:\nb: c\n", GAVE_UP },
        { "a:\n", GAVE_UP },
        { "", GAVE_UP },
        { "a\n", GAVE_UP },
        { "a:b\n", GAVE_UP },
        { "? a\n: b\n", GAVE_UP },
        { "---\na: b\n", GAVE_UP },
        { "a: b\n...\n", GAVE_UP },
        { "a: b\n---\nc: d\n", GAVE_UP },
        { "%YAML 1.1\n---\na: b\n", GAVE_UP },
        { "a: b\n- c\n", GAVE_UP },
        { "a: b\n  - c\n", GAVE_UP },
        { "a:\n- b\n c: d\n", GAVE_UP },
        /* plain values */
        { "a: b c  d   # e\n", SAME },
        { "a: 2026-01-05T09:00:00+09:00\n", SAME },
        { "a: 52:54:00:12:34:56, b\n", SAME },
        { "a: /usr/bin/x\nb: .x\nc: _\nd: (x) = y; ~z\n", SAME },
        { "a: \xe4\xb8\xa5 \xe6\xa0\xbc\nb: {c: \xe4\xb8\xa5, d: e}\n", SAME },
        { "a: b#c\n", GAVE_UP },
        { "a: b c: d\n", GAVE_UP },
        { "a: b:\n", GAVE_UP },
        { "a: b ::c\n", GAVE_UP },
        { "a: b\n  c\n", GAVE_UP },
        { "a: b\n  c: d\n", GAVE_UP },
        { "a: -1\n", GAVE_UP },
        { "a: *b\n", GAVE_UP },
        { "a: &b c\n", GAVE_UP },
        { "a: !b c\n", GAVE_UP },
        { "a: |\n  b\n", GAVE_UP },
        { "a: >\n  b\n", GAVE_UP },
        { "a: @b\n", GAVE_UP },
        { "a: %b\n", GAVE_UP },
        { "a: b\tc\n", GAVE_UP },
        { "a:\tb\n", GAVE_UP },
        { "\ta: b\n", GAVE_UP },
        { "a: b\r\n", GAVE_UP },
        { "a: b # \tc\n", GAVE_UP },
        /* quoted */
        { "a: \"b: # {c}, [d]\"\n", SAME },
        { "a: 'b \"c\"'  # d\n", SAME },
        { "a: \"\"\nb: ''\n", SAME },
        { "a: [\"b\", 'c']\n", SAME },
        { "a: \"b\\n\"\n", GAVE_UP },
        { "a: 'b''c'\n", GAVE_UP },
        { "a: \"b\n  c\"\n", GAVE_UP },
        { "a: \"b\n", GAVE_UP },
        { "a: \"b\"c\n", GAVE_UP },
        { "a: \"b\" : c\n", GAVE_UP },
        { "a: \"b\"#c\n", GAVE_UP },
        { "\"a\": b\n", GAVE_UP },
        /* flow */
        { "a: {b: c, d: [e, f], g: {h: i}}\n", SAME },
        { "a: { b: c , d: [ e , f ] } # g\nh: i\n", SAME },
        { "a: {}\nb: []\n", SAME },
        { "a:\n  - {b: c}\n  - [d]\n  - e\n", SAME },
        { "a: [Mon-Fri 08:30-17:15, 10:00]\n", SAME },
        { "a: {b: [[c], {}]}\n", SAME },
        { "a: {b: c,}\n", GAVE_UP },
        { "a: {b}\n", GAVE_UP },
        { "a: {b: }\n", GAVE_UP },
        { "a: {b:c}\n", GAVE_UP },
        { "a: [b: c]\n", GAVE_UP },
        { "a: [b,, c]\n", GAVE_UP },
        { "a: [, b]\n", GAVE_UP },
        { "a: {b: c\n  , d: e}\n", GAVE_UP },
        { "a: {b: c]\n", GAVE_UP },
        { "a: {b: c}: d\n", GAVE_UP },
        { "a: {b: c}d\n", GAVE_UP },
        { "a: {b: c}#d\n", GAVE_UP },
        { "a: [b #c\n]\n", GAVE_UP },
        { "a: [b\n", GAVE_UP },
        { "a: {\"b\": c}\n", GAVE_UP },
        { "a: [b]]\n", GAVE_UP },
        /* depth: eight at most */
        { "a: [[[[[[[b]]]]]]]\n", SAME },
        { "a: [[[[[[[[b]]]]]]]]\n", GAVE_UP },
};

static void test_row(void **state) {
        const struct row *r = *state;
        assert_int_equal(compare_readers(r->text, strlen(r->text)), r->expected);
}

static void problems_same(const struct problems *a, const struct problems *b) {
        assert_int_equal(a->n, b->n);
        for (size_t i = 0; i < a->n; i++) {
                assert_int_equal(a->list[i].line, b->list[i].line);
                assert_int_equal(a->list[i].column, b->list[i].column);
                assert_string_equal(a->list[i].path, b->list[i].path);
                assert_string_equal(a->list[i].message, b->list[i].message);
        }
}

/* Every policy of ours, cut off and damaged at many places: the same verdict, the same words, at the same places. */
static void test_policies(void **state) {
        (void) state;
        static const char *const patterns[] = { FIXTURES "/policy/*.yaml", FIXTURES "/../../packaging/*.yaml",
                                                FIXTURES "/../../packaging/examples/policy/*.yaml" };
        static const char damage[] = " \n:-#{}[],\"'x&\t";
        glob_t found = { 0 };
        size_t n_same = 0, n_tried = 0, n_accepted = 0;
        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
                (void) glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &found);
        assert_true(found.gl_pathc > 3);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                struct document d = { 0 };
                assert_int_equal(document_read(AT_FDCWD, found.gl_pathv[i], DOCUMENT_MAX, &d), 0);
                for (size_t at = 0; at < d.size; at += 1 + d.size / 40) {
                        char before = d.bytes[at];
                        for (size_t k = 0; k < sizeof damage; k++) { /* the last: as it is */
                                if (damage[k])
                                        d.bytes[at] = damage[k];
                                struct problems a = { 0 }, b = { 0 };
                                struct policy *p = NULL, *q = NULL;
                                const struct parse_limits slowly = { .cap = POLICY_MAX, .way = PARSE_BY_LIBYAML };
                                int r = policy_parse(d.bytes, d.size, &a, &p);
                                assert_int_equal(policy_parse_limited(d.bytes, d.size, &slowly, &b, &q), r);
                                problems_same(&a, &b);
                                enum sameness s = compare_readers(d.bytes, d.size);
                                assert_int_not_equal(s, DIFFERENT);
                                n_same += s == SAME;
                                n_accepted += r == 0;
                                n_tried++;
                                (void) policy_free(p);
                                (void) policy_free(q);
                                problems_clear(&a);
                                problems_clear(&b);
                                d.bytes[at] = before;
                        }
                }
                document_clear(&d);
        }
        globfree(&found);
        print_message("%zu tried, %zu accepted, %zu read quickly\n", n_tried, n_accepted, n_same);
        assert_true(n_same > 100 && n_same < n_tried);
}

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Columns are counted by characters, from words of eight bytes, whatever stands in the lines before. */
static void test_columns(void **state) {
        (void) state;
        for (unsigned i = 0; i < 40; i++) {
                char text[256];
                (void) snprintf(
                        text, sizeof text,
                        "a: {b: %.*s\xe5\x8e\xb3, c: d, e: '\xe5\x8e\xb3', f: [g, h]}\n# \xe5\x8e\xb3\xe5\x8e\xb3\n"
                        "i:%.*s\n  - j: k # \xe5\x8e\xb3\n    l: \xe5\x8e\xb3\n",
                        (int) i, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", (int) i,
                        "                                        ");
                assert_int_equal(compare_readers(text, strlen(text)), SAME);
        }
}

int main(void) {
        struct CMUnitTest tests[N(rows)] = { 0 };
        for (size_t i = 0; i < N(rows); i++)
                tests[i] = (struct CMUnitTest){ rows[i].text, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        const struct CMUnitTest others[] = { cmocka_unit_test(test_policies), cmocka_unit_test(test_columns) };
        int failed = _cmocka_run_group_tests("rows", tests, N(rows), NULL, NULL);
        failed += cmocka_run_group_tests_name("policies", others, NULL, NULL);
        return failed ? 1 : 0;
}
