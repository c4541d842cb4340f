/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <errno.h>

#include "base/timesource.h"

#define N(a) (sizeof(a) / sizeof *(a))

static int64_t wall(void *userdata) {
        return *(int64_t *) userdata;
}

static uint64_t boot(void *userdata) {
        (void) userdata;
        return 42;
}

static const struct floor_row {
        const char *name;
        int64_t wall, floor, raise, now;
        bool behind;
} floors[] = {
        { "clock ahead of the floor", 1000, 500, 0, 1000, false },
        { "clock at the floor", 500, 500, 0, 500, false },
        { "clock set back", 400, 500, 0, 500, true },
        { "no clock at all", 0, 500, 0, 500, true },
        { "clock before the epoch", -5, 0, 0, 0, true },
        { "a newer document", 1000, 500, 2000, 2000, true },
        { "an older document does not lower it", 400, 500, 300, 500, true },
};

static void test_floor(void **state) {
        const struct floor_row *row = *state;
        int64_t clock = row->wall;
        struct time_source t = { .floor = row->floor, .wall = wall, .userdata = &clock };
        time_raise_floor(&t, row->raise);
        assert_int_equal(time_now(&t), row->now);
        assert_int_equal(time_behind_floor(&t), row->behind);
        clock = INT64_C(1) << 40; /* the clock is set right: it counts again */
        assert_int_equal(time_now(&t), clock);
        assert_false(time_behind_floor(&t));
}

static void test_real_clocks(void **state) {
        (void) state;
        struct time_source t = { 0 };
        int64_t before = (int64_t) time(NULL), now = time_now(&t), after = (int64_t) time(NULL);
        assert_true(now >= before && now <= after);

        uint64_t first = time_boot_usec(&t), second = time_boot_usec(&t);
        assert_true(first > 0 && second >= first);
        struct timespec ts;
        assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &ts), 0);
        assert_true((uint64_t) ts.tv_sec * 1000000 + 1000000 > second); /* microseconds, not something else */
        assert_true(second + 60 * UINT64_C(1000000) > (uint64_t) ts.tv_sec * 1000000);

        t.boot = boot;
        assert_int_equal(time_boot_usec(&t), 42);
}

static const struct local_row {
        const char *name, *zone;
        int64_t seconds;
        uint8_t weekday;
        uint16_t minute;
        const char *text;
} locals[] = {
        { "Monday 09:00 in Japan", "JST-9", 1795392000, 0, 540, "2026-11-23T09:00:00+09:00" },
        { "the same moment in UTC", "UTC0", 1795392000, 0, 0, "2026-11-23T00:00:00+00:00" },
        { "Sunday evening, west of it", "EST5", 1795392000, 6, 1140, "2026-11-22T19:00:00-05:00" },
        { "half an hour west", "NST3:30", 1795392000, 6, 1230, "2026-11-22T20:30:00-03:30" },
        { "last minute of a day", "JST-9", 1795359599, 6, 1439, "2026-11-22T23:59:59+09:00" },
        { "midnight", "JST-9", 1795359600, 0, 0, "2026-11-23T00:00:00+09:00" },
        { "the epoch, a Thursday", "UTC0", 0, 3, 0, "1970-01-01T00:00:00+00:00" },
        { "before the epoch", "UTC0", -1, 2, 1439, "1969-12-31T23:59:59+00:00" },
};

static void set_zone(const char *zone) {
        assert_int_equal(setenv("TZ", zone, 1), 0);
        tzset();
}

static void test_local(void **state) {
        const struct local_row *row = *state;
        set_zone(row->zone);
        uint8_t weekday = 99;
        uint16_t minute = 9999;
        assert_int_equal(time_local(row->seconds, &weekday, &minute), 0);
        assert_int_equal(weekday, row->weekday);
        assert_int_equal(minute, row->minute);

        char buffer[32];
        assert_int_equal(time_format(row->seconds, buffer, sizeof buffer), 0);
        assert_string_equal(buffer, row->text);
        assert_int_equal(time_format(row->seconds, buffer, (unsigned) strlen(row->text)), -ENOBUFS);
        assert_int_equal(time_format(row->seconds, buffer, (unsigned) strlen(row->text) + 1), 0);
}

static void test_far(void **state) {
        (void) state;
        set_zone("UTC0");
        uint8_t weekday = 99;
        uint16_t minute = 9999;
        char buffer[32];
        assert_int_equal(time_local(INT64_MAX, &weekday, &minute), -EOVERFLOW);
        assert_int_equal(weekday, 99);
        assert_int_equal(minute, 9999);
        assert_int_equal(time_format(INT64_MAX, buffer, sizeof buffer), -EOVERFLOW);
        /* The last second that struct tm can hold: its year plus 1900 does not fit an int. */
        assert_int_equal(time_format(INT64_C(67768036191676799), buffer, sizeof buffer), 0);
        assert_string_equal(buffer, "2147485547-12-31T23:59:59+00:00");
}

int main(void) {
        struct CMUnitTest tests[N(floors) + N(locals) + 2];
        size_t n = 0;
        for (size_t i = 0; i < N(floors); i++)
                tests[n++] =
                        (struct CMUnitTest){ floors[i].name, test_floor, NULL, NULL, (void *) (uintptr_t) &floors[i] };
        for (size_t i = 0; i < N(locals); i++)
                tests[n++] =
                        (struct CMUnitTest){ locals[i].name, test_local, NULL, NULL, (void *) (uintptr_t) &locals[i] };
        tests[n++] = (struct CMUnitTest){ "clocks of the machine", test_real_clocks, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "far away", test_far, NULL, NULL, NULL };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
