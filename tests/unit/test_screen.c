/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <locale.h>

#include "ctl/screen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void hostile_text(void **state) {
        (void) state;
        static const struct {
                const char *given, *printable;
        } rows[] = {
                { "", "" },
                { "SanDisk Ultra", "SanDisk Ultra" },
                { "個人番号カード", "個人番号カード" },
                { "é \xf0\x9f\x94\x92", "é \xf0\x9f\x94\x92" },
                { "\033[31m", "\\u{001B}[31m" },
                { "a\nb\tc\r", "a\\u{000A}b\\u{0009}c\\u{000D}" },
                { "\x7f", "\\u{007F}" },
                { "\xc2\x9b", "\\u{009B}" },          /* CSI in one character */
                { "\xe2\x80\xae", "\\u{202E}" },      /* right-to-left override */
                { "\xe2\x81\xa6", "\\u{2066}" },      /* isolate */
                { "\xe2\x80\x8b", "\\u{200B}" },      /* zero width space */
                { "\xef\xbb\xbf", "\\u{FEFF}" },      /* byte order mark */
                { "\xf3\xa0\x81\x81", "\\u{E0041}" }, /* tag letter */
                { "\xee\x80\x80", "\\u{E000}" },      /* private use */
                { "\xff", "\\xFF" },                  /* never in UTF-8 */
                { "a\xc3", "a\\xC3" },                /* cut off */
                { "\xc0\xaf", "\\xC0\\xAF" },         /* overlong */
                { "\xe0\x80\xaf", "\\xE0\\x80\\xAF" },
                { "\xed\xa0\x80", "\\xED\\xA0\\x80" }, /* surrogate */
                { "\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80" },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                char *printable = screen_text(rows[i].given);
                assert_string_equal(printable, rows[i].printable);
                free(printable);
        }
        char *printable = screen_text_n("a\0b", 3);
        assert_string_equal(printable, "a\\u{0000}b");
        free(printable);
        printable = screen_text(NULL);
        assert_string_equal(printable, "");
        free(printable);
}

static void widths(void **state) {
        (void) state;
        static const struct {
                const char *text;
                size_t width;
        } rows[] = {
                { "", 0 },         { "abc", 3 }, { "個人番号", 8 },  { "ｶｰﾄﾞ", 4 },
                { "カード 1", 8 }, { "é", 1 },   { "e\xcc\x81", 1 }, { "Ａ", 2 },
        };
        for (size_t i = 0; i < COUNT(rows); i++)
                assert_int_equal(screen_width(rows[i].text), rows[i].width);
}

int main(void) {
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                return 1;
        const struct CMUnitTest tests[] = { cmocka_unit_test(hostile_text), cmocka_unit_test(widths) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
