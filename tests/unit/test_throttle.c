/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pam_module/throttle.h"

#define USEC UINT64_C(1000000)

static const struct login_policy usual = { .throttle_free = 3, .throttle_max_delay = 900, .throttle_stop_after = 50 };

static const struct row {
        const char *name;
        uint8_t free;
        uint32_t max, failures, seconds;
} rows[] = {
        { "none", 3, 900, 0, 0 },
        { "first", 3, 900, 1, 0 },
        { "third", 3, 900, 3, 0 },
        { "fourth", 3, 900, 4, 5 },
        { "fifth", 3, 900, 5, 15 },
        { "sixth", 3, 900, 6, 30 },
        { "seventh", 3, 900, 7, 60 },
        { "eighth", 3, 900, 8, 120 },
        { "ninth", 3, 900, 9, 240 },
        { "tenth", 3, 900, 10, 480 },
        { "eleventh", 3, 900, 11, 900 },
        { "cap", 3, 900, 12, 900 },
        { "far", 3, 900, 4000000, 900 },
        { "all bits", 3, 900, UINT32_MAX, 900 },
        { "no free one", 0, 900, 1, 5 },
        { "short cap", 3, 10, 5, 10 },
        { "long cap", 3, 86400, 40, 86400 },
};

static void test_delay(void **state) {
        const struct row *r = *state;
        struct login_policy p = usual;
        p.throttle_free = r->free;
        p.throttle_max_delay = r->max;
        assert_int_equal(throttle_delay(&p, r->failures), r->seconds);
}

static void test_wait(void **state) {
        (void) state;
        struct otp_state s = { .failures = 3 };
        assert_int_equal(throttle_ask(&s, &usual, 0), THROTTLE_GO);
        throttle_charge(&s, &usual, 100 * USEC);
        assert_int_equal(s.failures, 4);
        assert_int_equal(throttle_ask(&s, &usual, 105 * USEC - 1), THROTTLE_WAIT);
        assert_int_equal(throttle_ask(&s, &usual, 105 * USEC), THROTTLE_GO);
        s.failures = 50;
        assert_int_equal(throttle_ask(&s, &usual, UINT64_MAX), THROTTLE_LOCKED);
        s.failures = UINT32_MAX;
        throttle_charge(&s, &usual, 0);
        assert_int_equal(s.failures, UINT32_MAX);
}

/* A new boot's clock starts at nothing: what was left of the wait is not known, so it begins anew, and only once. */
static void test_reboot(void **state) {
        (void) state;
        const uint8_t first[STATE_ID_SIZE] = { 1 }, second[STATE_ID_SIZE] = { 2 };
        struct otp_state s = { .failures = 7, .not_before = 5000 * USEC, .drift_boot_usec = 7 };
        memcpy(s.boot_id, first, sizeof first);
        assert_false(throttle_rearm(&s, &usual, first, 4000 * USEC));
        assert_int_equal(s.not_before, 5000 * USEC);
        assert_true(throttle_rearm(&s, &usual, second, 10 * USEC));
        assert_int_equal(s.not_before, 70 * USEC);
        assert_int_equal(s.drift_boot_usec, 0);
        assert_false(throttle_rearm(&s, &usual, second, 69 * USEC));
        assert_int_equal(throttle_ask(&s, &usual, 69 * USEC), THROTTLE_WAIT);
        assert_int_equal(throttle_ask(&s, &usual, 70 * USEC), THROTTLE_GO);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 2];
        size_t n = 0;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[n++] = (struct CMUnitTest){ rows[i].name, test_delay, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_wait);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_reboot);
        return _cmocka_run_group_tests("throttle", tests, n, NULL, NULL);
}
