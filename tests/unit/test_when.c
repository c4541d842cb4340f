/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/when.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW      1795392000

static void moments(void **state) {
        (void) state;
        static const struct {
                const char *text;
                bool valid;
                int64_t seconds;
        } rows[] = {
                { "1970-01-01T00:00:00Z", true, 0 },
                { "2026-11-23T09:00:00+09:00", true, 1795392000 },
                { "2026-11-23T00:00:00Z", true, 1795392000 },
                { "2026-11-22T19:30:00-04:30", true, 1795392000 },
                { "2024-02-29T00:00:00Z", true, 1709164800 },
                { "2026-02-29T00:00:00Z", false, 0 },
                { "2026-13-01T00:00:00Z", false, 0 },
                { "2026-00-01T00:00:00Z", false, 0 },
                { "2026-01-32T00:00:00Z", false, 0 },
                { "2026-01-01T24:00:00Z", false, 0 },
                { "2026-01-01T00:60:00Z", false, 0 },
                { "2026-01-01T00:00:00", false, 0 },
                { "2026-01-01T00:00:00z", false, 0 },
                { "2026-01-01 00:00:00Z", false, 0 },
                { "2026-01-01T00:00:00+0900", false, 0 },
                { "2026-01-01T00:00:00+24:00", false, 0 },
                { "2026-01-01T00:00:00+09:60", false, 0 },
                { "2026-01-01T00:00:00Zx", false, 0 },
                { "2026-01-01T00:00:00+09:00x", false, 0 },
                { "2026-01-01", false, 0 },
                { "", false, 0 },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                int64_t seconds = -1;
                if (when_moment(rows[i].text, &seconds) != rows[i].valid)
                        fail_msg("%s", rows[i].text);
                assert_int_equal(seconds, rows[i].valid ? rows[i].seconds : -1);
        }
}

static void how_long_ago(void **state) {
        (void) state;
        static const struct {
                const char *text;
                bool valid;
                int64_t seconds;
        } rows[] = {
                { "90s", true, NOW - 90 },
                { "15min", true, NOW - 900 },
                { "1h", true, NOW - 3600 },
                { "30d", true, NOW - 30 * 86400 },
                { "2026-11-23T09:00:00+09:00", true, NOW },
                { "1", false, 0 },
                { "h", false, 0 },
                { "-1h", false, 0 },
                { "1m", false, 0 },
                { "1 h", false, 0 },
                { "9999999999h", false, 0 },
                { "", false, 0 },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                int64_t seconds = -1;
                if (when_since(rows[i].text, NOW, &seconds) != rows[i].valid)
                        fail_msg("%s", rows[i].text);
                assert_int_equal(seconds, rows[i].valid ? rows[i].seconds : -1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(moments), cmocka_unit_test(how_long_ago) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
