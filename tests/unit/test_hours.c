/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/hours.h"

#define N(a) (sizeof(a) / sizeof *(a))

static const struct hours_span OFFICE[] = { { 0x1f, 510, 1035 } }, NIGHT[] = { { 4, 1320, 360 } },
                               WHOLE[] = { { 0x7f, 0, 1440 } };

static const struct row {
        uint16_t minute;
        const struct hours_span *first, *second;
        unsigned ahead;
} rows[] = {
        { 0, NULL, NULL, 0 },         { 509, OFFICE, NULL, 1 },    { 510, OFFICE, NULL, 525 },
        { 1034, OFFICE, NULL, 1 },    { 1035, OFFICE, NULL, 915 }, { 1319, OFFICE, NIGHT, 1 },
        { 1439, OFFICE, NIGHT, 361 }, { 0, WHOLE, NULL, 1440 },    { 1, WHOLE, NULL, 1439 },
};

static void finds_the_next(void **state) {
        (void) state;
        for (size_t i = 0; i < N(rows); i++) {
                const struct device_rule rules[] = { { .hours = { rows[i].first, rows[i].first != NULL } },
                                                     { .hours = { rows[i].second, rows[i].second != NULL } } };
                const struct device_policy d = { .rules = rules, .n_rules = 2 };
                assert_int_equal(hours_minutes_ahead(&d, rows[i].minute), rows[i].ahead);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(finds_the_next) };
        return cmocka_run_group_tests_name("hours", tests, NULL, NULL);
}
