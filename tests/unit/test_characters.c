/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/characters.h"

#define N(a) (sizeof(a) / sizeof *(a))

static const struct row {
        const char *bytes;
        size_t length; /* 0: no character */
        uint32_t c;
        bool unfit;
} rows[] = {
        { "a", 1, 'a', false },
        { "\xe9\x96\xa2", 3, 0x95a2, false },
        { "\xf0\xa0\xae\xb7", 4, 0x20bb7, false },
        { "\x1b", 1, 0x1b, true },
        { "\xc2\x9b", 2, 0x9b, true },
        { "\xe2\x80\xae", 3, 0x202e, true },
        { "\xef\xbb\xbf", 3, 0xfeff, true },
        { "\xf3\xa0\x81\x81", 4, 0xe0041, true },
        { "\xee\x80\x80", 3, 0xe000, true },
        { "\x80", 0, 0, false },
        { "\xc0\xaf", 0, 0, false },
        { "\xe0\x80\xaf", 0, 0, false },
        { "\xed\xa0\x80", 0, 0, false },
        { "\xf4\x90\x80\x80", 0, 0, false },
        { "\xe9\x96", 0, 0, false },
        { "\xff", 0, 0, false },
};

static void test_rows(void **state) {
        (void) state;
        for (size_t i = 0; i < N(rows); i++) {
                uint32_t c = 0;
                assert_int_equal(character_decode((const unsigned char *) rows[i].bytes, strlen(rows[i].bytes), &c),
                                 rows[i].length);
                if (rows[i].length == 0)
                        continue;
                assert_int_equal(c, rows[i].c);
                assert_int_equal(character_is_unfit(c), rows[i].unfit);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
        return cmocka_run_group_tests_name("characters", tests, NULL, NULL);
}
