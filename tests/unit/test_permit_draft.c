/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a new permit ends, as people say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/permit_draft.h"

#define NOW       INT64_C(1795824000) /* 2026-11-28T09:00:00+09:00 */
#define IN_MARCH  INT64_C(1806505199) /* 2027-03-31T23:59:59+09:00 */
#define ONE_LATER INT64_C(1806505200) /* 2027-04-01T00:00:00+09:00 */

static const struct row {
        const char *text;
        int64_t now, expected; /* 0: refused */
} rows[] = {
        { "fiscal-year", NOW, IN_MARCH },
        { "年度末", NOW, IN_MARCH },
        { "fiscal-year", IN_MARCH, IN_MARCH },
        { "fiscal-year", ONE_LATER, INT64_C(1838127599) }, /* 2028-03-31T23:59:59+09:00, over a leap day */
        { "2027-03-31", NOW, IN_MARCH },
        { "2026-11-28", NOW, INT64_C(1795877999) },
        { "2027-02-29", NOW, 0 },
        { "2027-13-01", NOW, 0 },
        { "2027-3-1", NOW, 0 },
        { "7d", NOW, NOW + 7 * 86400 },
        { "4h", NOW, NOW + 4 * 3600 },
        { "0d", NOW, NOW },
        { "-7d", NOW, 0 },
        { "2027-03-31T23:59:59+09:00", NOW, IN_MARCH },
        { "2027-03-31T14:59:59Z", NOW, IN_MARCH },
        { "never", NOW, 0 },
        { "", NOW, 0 },
        { "next week", NOW, 0 },
};

static void test_end(void **state) {
        const struct row *row = *state;
        int64_t end = -1;
        assert_int_equal(draft_end(row->text, row->now, &end), row->expected != 0);
        if (row->expected)
                assert_int_equal(end, row->expected);
        else
                assert_int_equal(end, -1);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows];
        size_t n = sizeof rows / sizeof *rows;
        (void) setenv("TZ", "Asia/Tokyo", 1);
        tzset();
        for (size_t i = 0; i < n; i++)
                tests[i] = (struct CMUnitTest){ rows[i].text, test_end, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
