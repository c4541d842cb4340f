/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hostile text stays text, and charts hold what they were given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/html.h"

static void texts(void **state) {
        (void) state;
        static const struct {
                const char *text, *html;
        } rows[] = {
                { "", "" },
                { NULL, "" },
                { "個人番号 & <b>\"x\"'</b>", "個人番号 &amp; &lt;b&gt;&quot;x&quot;&#39;&lt;/b&gt;" },
                { "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;" },
                { "one\ntwo\n", "one<br>two<br>" },
                { "\x1b[31m\x07", "\\u{001B}[31m\\u{0007}" },
                { "\xe2\x80\xae"
                  "abc",
                  "\\u{202E}abc" }, /* turns the text around */
                { "\xff\xfe", "\\xFF\\xFE" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *text = NULL;
                size_t size;
                FILE *f = open_memstream(&text, &size);
                assert_non_null(f);
                html_text(f, rows[i].text);
                html_element(f, "td", "n", rows[i].text);
                html_elementf(f, "td", NULL, "%s", rows[i].text ? rows[i].text : "");
                assert_int_equal(fclose(f), 0);
                char expected[512];
                (void) snprintf(expected, sizeof expected, "%s<td class=\"n\">%s</td><td>%s</td>", rows[i].html,
                                rows[i].html, rows[i].html);
                assert_string_equal(text, expected);
                free(text);
        }
}

static unsigned count(const char *text, const char *what) {
        unsigned n = 0;
        for (const char *p = text; (p = strstr(p, what)); p++)
                n++;
        return n;
}

static void charts(void **state) {
        (void) state;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        assert_non_null(f);
        const struct chart_bar bars[] = { { "<a>", 0 }, { "b", 5 }, { "c", UINT64_MAX } };
        const uint32_t days[] = { 0, 3, 0, UINT32_MAX };
        chart_bars(f, "bars & more", bars, 3);
        chart_bars(f, "none", NULL, 0);
        chart_days(f, "days", 1793458800, days, 4);
        chart_days(f, "none", 0, NULL, 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(count(text, "<svg"), 4);
        assert_int_equal(count(text, "</svg>"), 4);
        assert_int_equal(count(text, "<rect"), 5); /* a bar of nothing too, a day of nothing not */
        assert_int_equal(count(text, "&lt;a&gt;"), 1);
        assert_int_equal(count(text, ">18446744073709551615<"), 1);
        assert_int_equal(count(text, "nan") + count(text, "inf"), 0);
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(texts), cmocka_unit_test(charts) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
