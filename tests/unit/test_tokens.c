/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/tokens.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define A        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
#define A_HEX    "3132333435363738393031323334353637383930"
#define B        "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

static void good(void **state) {
        (void) state;
        static const struct {
                const char *text;
                const char *user, *serial, *secret;
                int digits, period;
                const char *algorithm;
        } rows[] = {
                { "user,secret\nyamada," A "\n", "yamada", "", A, 0, 0, NULL },
                { "user,secret\nyamada," A, "yamada", "", A, 0, 0, NULL },
                { "\xef\xbb\xbfuser,secret\r\nyamada," A "\r\n\r\n", "yamada", "", A, 0, 0, NULL },
                { "secret,note,user\n" A ",\"a, \"\"b\"\"\", yamada \n", "yamada", "", A, 0, 0, NULL },
                { "user,serial,secret-hex\nyamada,7," A_HEX "\n", "yamada", "7", A, 0, 0, NULL },
                { "user,secret-hex\nyamada,31 32 33 34 35 36 37 38 39 30 31-32:33 34 35 36 37 38 39 30\n", "yamada", "",
                  A, 0, 0, NULL },
                { "user,secret\nyamada,gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n", "yamada", "", A, 0, 0, NULL },
                { "user,secret,digits,period,algorithm\nyamada," A ",8,60,SHA256\n", "yamada", "", A, 8, 60, "sha256" },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct tokens t;
                assert_int_equal(tokens_parse(rows[i].text, strlen(rows[i].text), &t), 0);
                assert_int_equal(t.n_problems, 0);
                assert_int_equal(t.n, 1);
                assert_int_equal(t.rows[0].line, 2);
                assert_string_equal(t.rows[0].user, rows[i].user);
                assert_string_equal(t.rows[0].serial, rows[i].serial);
                assert_string_equal(t.rows[0].secret, rows[i].secret);
                assert_int_equal(t.rows[0].digits, rows[i].digits);
                assert_int_equal(t.rows[0].period, rows[i].period);
                assert_int_equal(t.rows[0].algorithm != NULL, rows[i].algorithm != NULL);
                tokens_clear(&t);
        }
}

static void bad(void **state) {
        (void) state;
        static const struct {
                const char *text;
                unsigned lines[4]; /* of the problems, 0 at the end */
        } rows[] = {
                { "", { 1 } },
                { "user,secret\n", { 1 } },
                { "user\nyamada\n", { 1 } }, /* and no word about what follows */
                { "user,secret,secret-hex\n", { 1 } },
                { "user,secret,user\n", { 1 } },
                { "user,sekret\nyamada," A "\n", { 1, 1 } },
                { "user,secret\nyamada\n", { 2 } },
                { "user,secret\nyamada," A ",x\n", { 2 } },
                { "user,secret\n," A "\n", { 2 } },
                { "user,secret\nyamada,\n", { 2 } },
                { "user,secret\nyamada,GEZDGNBV\n", { 2 } },
                { "user,secret\nyamada,1" A "\n", { 2 } },
                { "user,secret-hex\nyamada,3132\n", { 2 } },
                { "user,secret-hex\nyamada," A_HEX "3\n", { 2 } },
                { "user,secret\n\"yamada," A "\n", { 2 } },
                { "user,secret\n\"yama\"da," A "\n", { 2 } },
                { "user,secret\nyama\"da," A "\n", { 2 } },
                { "user,secret,digits\nyamada," A ",9\n", { 2 } },
                { "user,secret,digits\nyamada," A ",6x\n", { 2 } },
                { "user,secret,period\nyamada," A ",99999999999999999999\n", { 2 } },
                { "user,secret,algorithm\nyamada," A ",md5\n", { 2 } },
                { "user,secret\nyamada," A "\nsuzuki," B "\nyamada," A "\n", { 4, 4 } },
                { "user,secret\nyamada,?\n\nsuzuki,?\n", { 2, 4 } },
        };
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct tokens t;
                assert_int_equal(tokens_parse(rows[i].text, strlen(rows[i].text), &t), 0);
                size_t n = 0;
                while (n < 4 && rows[i].lines[n])
                        n++;
                if (t.n_problems != n)
                        fail_msg("row %zu: %zu problems", i, t.n_problems);
                for (size_t k = 0; k < n; k++) {
                        assert_int_equal(t.problems[k].line, rows[i].lines[k]);
                        assert_null(strstr(t.problems[k].text, "GEZDGNBV")); /* a secret is never repeated */
                }
                tokens_clear(&t);
        }
        struct tokens t;
        assert_int_equal(tokens_parse("user,secret\0x\n", 14, &t), 0);
        assert_int_equal(t.n_problems, 1);
        tokens_clear(&t);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
