/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, forms and lists of atoms. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session/pairs.h"
#include "session/targets.h"

static void test_names(void **state) {
        (void) state;
        for (const struct target *t = targets; t->name; t++) {
                assert_ptr_equal(target_find(t->name), t);
                assert_true(t->format != FORMAT_LATIN1); /* that is never handed out */
        }
        assert_null(target_find("application/x-own"));
        assert_true(targets_count() <= 32);
        assert_string_equal(target_first_of(FLOW_TEXT), "UTF8_STRING");
        for (int t = 0; t < FLOW_TYPE_MAX; t++)
                assert_non_null(target_first_of((enum flow_type) t));
        for (int f = 0; f < FORMAT_MAX; f++)
                assert_non_null(format_name((enum format) f));
}

static void test_forms(void **state) {
        (void) state;
        static const struct {
                const char *in;
                enum form form;
                const char *out;
        } rows[] = {
                { "abc", FORM_LATIN1, "abc" },           { "\xc3\xa9\xe6\x97\xa5", FORM_LATIN1, "\xe9?" },
                { "\xff\xc3", FORM_LATIN1, "??" },       { "\xf0\x9f\x98\x80z", FORM_LATIN1, "?z" },
                { "x", FORM_COMPOUND, "\033%Gx\033%@" }, { "", FORM_LATIN1, "" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                CLEANUP(blob_unrefp) struct blob *in = blob_new();
                assert_int_equal(blob_append(in, rows[i].in, strlen(rows[i].in), 100), 0);
                CLEANUP(blob_unrefp) struct blob *out = target_convert(in, rows[i].form);
                assert_non_null(out);
                assert_int_equal(out->size, strlen(rows[i].out));
                if (out->size > 0)
                        assert_memory_equal(out->bytes, rows[i].out, out->size);
        }
        CLEANUP(blob_unrefp) struct blob *old = blob_new();
        assert_int_equal(blob_append(old, "a\xe9", 2, 2), 0);
        CLEANUP(blob_unrefp) struct blob *text = target_from_latin1(old);
        assert_int_equal(text->size, 3);
        assert_memory_equal(text->bytes, "a\xc3\xa9", 3);
}

static void test_blobs(void **state) {
        (void) state;
        CLEANUP(blob_unrefp) struct blob *b = blob_new();
        static const char piece[10000] = "x";
        for (size_t i = 0; i < 100; i++)
                assert_int_equal(blob_append(b, piece, sizeof piece, 1000000), 0);
        assert_int_equal(blob_append(b, piece, 1, 1000000), -EFBIG);
        assert_int_equal(b->size, 1000000);
        assert_int_equal(b->bytes[990000], 'x');
        (void) blob_ref(b);
        (void) blob_unref(b);
        assert_int_equal(b->references, 1);
}

static void test_pairs(void **state) {
        (void) state;
        uint32_t list[PAIRS_MAX * 2 + 2] = { 7, 8, 9, 10 };
        struct pairs p;
        assert_int_equal(pairs_read(list, 16, 32, &p), 0);
        assert_int_equal(p.n, 2);
        assert_int_equal(p.list[1].target, 9);
        assert_int_equal(p.list[1].property, 10);
        assert_int_equal(pairs_read(list, PAIRS_MAX * 8, 32, &p), 0);
        assert_int_equal(pairs_read(list, PAIRS_MAX * 8 + 8, 32, &p), -EBADMSG);
        assert_int_equal(pairs_read(list, 12, 32, &p), -EBADMSG);
        assert_int_equal(pairs_read(list, 0, 32, &p), -EBADMSG);
        assert_int_equal(pairs_read(list, 16, 8, &p), -EBADMSG);
}

static void test_listed(void **state) {
        (void) state;
        const uint32_t list[] = { 1, 5, 5, 9 }, wanted[] = { 9, 2, 5 };
        assert_int_equal(atoms_listed(list, sizeof list, 32, wanted, 3), 1u << 0 | 1u << 2);
        assert_int_equal(atoms_listed(list, 7, 32, wanted, 3), 0); /* one and a half */
        assert_int_equal(atoms_listed(list, sizeof list, 16, wanted, 3), 0);
        assert_int_equal(atoms_listed(NULL, 0, 32, wanted, 3), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names), cmocka_unit_test(test_forms),  cmocka_unit_test(test_blobs),
                cmocka_unit_test(test_pairs), cmocka_unit_test(test_listed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
