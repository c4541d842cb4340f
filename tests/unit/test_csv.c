/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells that a spreadsheet reads as they are, and never as a formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/csv.h"

static void cells(void **state) {
        (void) state;
        static const struct {
                const char *text, *cell;
        } rows[] = {
                { "", "\"\"" },
                { "plain", "\"plain\"" },
                { "個人番号", "\"個人番号\"" },
                { "a,b\"c\"\nd", "\"a,b\"\"c\"\"\\x0ad\"" },
                { "=HYPERLINK(1)", "\"'=HYPERLINK(1)\"" },
                { "+1", "\"'+1\"" },
                { "-1", "\"'-1\"" },
                { "@x", "\"'@x\"" },
                { "\tx", "\"'\\x09x\"" },
                { "\rx", "\"'\\x0dx\"" },
                { "\n=x", "\"'\\x0a=x\"" },
                { "a=1", "\"a=1\"" },
                { "＝HYPERLINK(1)", "\"'＝HYPERLINK(1)\"" },
                { "＋1", "\"'＋1\"" },
                { "－1", "\"'－1\"" },
                { "−1", "\"'−1\"" },
                { "＠x", "\"'＠x\"" },
                { "あ＝", "\"あ＝\"" },
                { "\x1b[2Jx\x7f", "\"\\x1b[2Jx\\x7f\"" },
                { "x\xc2\x9b[2J", "\"x\\x9b[2J\"" },
                { "\xc2\xa0 \xc3\x9b\xc2", "\"\xc2\xa0 \xc3\x9b\xc2\"" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *text = NULL;
                size_t size;
                FILE *f = open_memstream(&text, &size);
                assert_non_null(f);
                struct csv c = csv_begin(f);
                csv_cell(&c, rows[i].text);
                csv_number(&c, 7);
                csv_moment(&c, 0);
                csv_end_row(&c);
                csv_number(&c, UINT64_MAX);
                csv_end_row(&c);
                assert_int_equal(fclose(f), 0);
                char expected[128];
                (void) snprintf(expected, sizeof expected, "\xef\xbb\xbf%s,\"7\",\"\"\r\n\"18446744073709551615\"\r\n",
                                rows[i].cell);
                assert_string_equal(text, expected);
                free(text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(cells) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
