/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that could be somebody's My Number are stars; all else stays as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/mask.h"

static const struct row {
        const char *name, *text, *masked;
} rows[] = {
        { "a number", "/123456789018.pdf", "/************.pdf" },
        { "wrong check digit", "/123456789017.pdf", NULL },
        { "remainder 0 and 1 give check digit 0", "/000000000000 000000000060", "/************ ************" },
        { "eleven digits", "/12345678901", NULL },
        { "full width", "/１２３４５６７８９０１８様.txt", "/＊＊＊＊＊＊＊＊＊＊＊＊様.txt" },
        { "full width, wrong", "/１２３４５６７８９０１７様.txt", NULL },
        { "mixed widths", "/12３４56７８901８", "/**＊＊**＊＊***＊" },
        { "in groups", "/1234-5678-9018 x", "/****-****-**** x" },
        { "in groups, full width", "/１２３４－５６７８　９０１８", "/＊＊＊＊－＊＊＊＊　＊＊＊＊" },
        { "long vowel mark as hyphen", "/1234ー5678ー9018", "/****ー****ー****" },
        { "one gap only", "/12345678_9018", "/********_****" },
        { "groups of other sizes are none", "/123-456-789-018", NULL },
        { "two separators end it", "/1234--5678--9018", NULL },
        { "inside a longer row", "/A91234567890187Z", "/A9************7Z" },
        { "twice", "/123456789018/123456789018", "/************/************" },
        { "across folders is none", "/123456/789018", NULL },
        { "none", "/報告書.pdf", NULL },
        { "cut full-width digit", "/\xef\xbc", NULL },
        { "empty", "", NULL },
};

static void masks(void **state) {
        const struct row *row = *state;
        char *text = strdup(row->text); /* its own block, so that a sanitizer sees every byte beyond it */
        assert_non_null(text);
        mask_numbers(text);
        assert_string_equal(text, row->masked ? row->masked : row->text);
        free(text);
}

/* Exactly one last digit makes eleven others a number. */
static void one_in_ten(void **state) {
        (void) state;
        for (unsigned first = 0; first < 2000; first++) {
                unsigned masked = 0;
                for (unsigned last = 0; last < 10; last++) {
                        char text[32];
                        (void) snprintf(text, sizeof text, "x%u%07u%u", 1000 + first, first * 4391u % 10000000u, last);
                        mask_numbers(text);
                        masked += text[1] == '*';
                }
                assert_int_equal(masked, 1);
        }
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 1];
        size_t n = 0;
        for (; n < sizeof rows / sizeof *rows; n++)
                tests[n] = (struct CMUnitTest){ rows[n].name, masks, NULL, NULL, (void *) (uintptr_t) &rows[n] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(one_in_ten);
        return _cmocka_run_group_tests("mask", tests, n, NULL, NULL);
}
