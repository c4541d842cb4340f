/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/era.h"

static int tokyo(void **state) {
        (void) state;
        (void) setenv("TZ", "Asia/Tokyo", 1);
        tzset();
        return 0;
}

static void dates(void **state) {
        (void) state;
        static const struct {
                int64_t seconds;
                const char *era, *iso, *moment;
        } rows[] = {
                { 1795402800, "2026-11-23 (Reiwa 8)", "2026-11-23", "2026-11-23 (Reiwa 8) 12:00" },
                { 1556636400, "2019-05-01 (Reiwa 1)", "2019-05-01", "2019-05-01 (Reiwa 1) 00:00" },
                { 1556636399, "2019-04-30", "2019-04-30", "2019-04-30 23:59" },
                { 0, "1970-01-01", "1970-01-01", "1970-01-01 09:00" },
                { INT64_MAX, "-", "-", "-" },
                { INT64_MIN, "-", "-", "-" },
                { 253402300800, "-", "-", "-" }, /* the year 10000 */
        };
        char text[ERA_MAX];
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_string_equal(era_date(rows[i].seconds, text), rows[i].era);
                assert_string_equal(iso_date(rows[i].seconds, text), rows[i].iso);
                assert_string_equal(era_moment(rows[i].seconds, text), rows[i].moment);
        }
        assert_string_equal(era_month(2026, 11, text), "2026-11 (Reiwa 8)");
        assert_string_equal(era_month(2019, 4, text), "2019-04");
}

static void spans(void **state) {
        (void) state;
        static const struct {
                const char *text;
                bool valid;
                int64_t from, to;
        } rows[] = {
                { "2026-11", true, 1793458800, 1796050800 },
                { "2026-12", true, 1796050800, 1798729200 },
                { "2024-02", true, 1706713200, 1709218800 },
                { "2026-13", false, 0, 0 },
                { "2026-00", false, 0, 0 },
                { "2026-1", false, 0, 0 },
                { "2026-11-01", false, 0, 0 },
                { "1969-12", false, 0, 0 },
                { "202６-1", false, 0, 0 },
                { "", false, 0, 0 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                int64_t from = 0, to = 0;
                assert_int_equal(month_span(rows[i].text, &from, &to), rows[i].valid);
                if (rows[i].valid) {
                        assert_int_equal(from, rows[i].from);
                        assert_int_equal(to, rows[i].to);
                }
        }
}

static void days(void **state) {
        (void) state;
        static const struct {
                const char *text;
                int more;
                bool valid;
                int64_t start;
        } rows[] = {
                { "2026-11-01", 0, true, 1793458800 }, { "2026-11-30", 1, true, 1796050800 },
                { "2024-02-29", 0, true, 1709132400 }, { "2026-02-29", 0, false, 0 },
                { "2026-11-31", 0, false, 0 },         { "2026-11-00", 0, false, 0 },
                { "2026-11-01T00:00", 0, false, 0 },   { "yesterday", 0, false, 0 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                int64_t start = 0;
                assert_int_equal(day_start(rows[i].text, rows[i].more, &start), rows[i].valid);
                if (rows[i].valid)
                        assert_int_equal(start, rows[i].start);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(dates), cmocka_unit_test(spans), cmocka_unit_test(days) };
        return cmocka_run_group_tests(tests, tokyo, NULL);
}
