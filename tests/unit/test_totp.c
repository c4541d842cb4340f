/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <liboath/oath.h>

#include "pam_module/totp.h"

/* RFC 6238, appendix B (with the erratum about the lengths of the SHA-256 and SHA-512 secrets), and the same cut to six
 * digits as RFC 4226 section 5.3 cuts. */
#define SEED "1234567890123456789012345678901234567890123456789012345678901234"

static const struct row {
        int64_t when;
        enum otp_algorithm algorithm;
        uint8_t digits;
        const char *code;
} rows[] = {
        { 59, OTP_SHA1, 8, "94287082" },
        { 59, OTP_SHA256, 8, "46119246" },
        { 59, OTP_SHA512, 8, "90693936" },
        { 1111111109, OTP_SHA1, 8, "07081804" },
        { 1111111109, OTP_SHA256, 8, "68084774" },
        { 1111111109, OTP_SHA512, 8, "25091201" },
        { 1111111111, OTP_SHA1, 8, "14050471" },
        { 1111111111, OTP_SHA256, 8, "67062674" },
        { 1111111111, OTP_SHA512, 8, "99943326" },
        { 1234567890, OTP_SHA1, 8, "89005924" },
        { 1234567890, OTP_SHA256, 8, "91819424" },
        { 1234567890, OTP_SHA512, 8, "93441116" },
        { 2000000000, OTP_SHA1, 8, "69279037" },
        { 2000000000, OTP_SHA256, 8, "90698825" },
        { 2000000000, OTP_SHA512, 8, "38618901" },
        { 20000000000, OTP_SHA1, 8, "65353130" },
        { 20000000000, OTP_SHA256, 8, "77737706" },
        { 20000000000, OTP_SHA512, 8, "47863826" },
        { 59, OTP_SHA1, 6, "287082" },
        { 59, OTP_SHA256, 6, "119246" },
        { 1111111109, OTP_SHA1, 6, "081804" },
        { 1111111109, OTP_SHA256, 6, "084774" },
        { 2000000000, OTP_SHA1, 6, "279037" },
        { 2000000000, OTP_SHA256, 6, "698825" },
        { 2000000000, OTP_SHA1, 7, "9279037" },
};

static struct totp token(enum otp_algorithm a, uint8_t digits) {
        static const uint8_t lengths[] = { [OTP_SHA1] = 20, [OTP_SHA256] = 32, [OTP_SHA512] = 64 };
        struct totp t = { .n_secret = lengths[a], .digits = digits, .algorithm = (uint8_t) a, .period = 30 };
        memcpy(t.secret, SEED, t.n_secret);
        return t;
}

static void test_vector(void **state) {
        const struct row *r = *state;
        struct totp t = token(r->algorithm, r->digits);
        char code[TOTP_DIGITS_MAX + 1];
        int64_t step = 0;
        assert_int_equal(totp_code(&t, r->when / 30, code), 0);
        assert_string_equal(code, r->code);
        assert_int_equal(totp_find(&t, r->code, r->when / 30 - 1, r->when / 30 + 1, &step), 0);
        assert_int_equal(step, r->when / 30);
}

static void test_length_is_the_enrolled_one(void **state) {
        (void) state;
        struct totp t = token(OTP_SHA1, 8);
        int64_t step = -5;
        for (size_t from = 1; from < 8; from++)
                assert_int_equal(totp_find(&t, &"94287082"[from], 0, 3, &step), 1);
        assert_int_equal(totp_find(&t, "942870820", 0, 3, &step), 1);
        assert_int_equal(totp_find(&t, "", 0, 3, &step), 1);
        assert_int_equal(step, -5);
        assert_int_equal(totp_find(&t, "94287082", 0, 3, &step), 0);
}

static void test_window(void **state) {
        (void) state;
        struct totp t = token(OTP_SHA1, 8);
        int64_t step;
        assert_int_equal(totp_find(&t, "14050471", 37037036, 37037036, &step), 1);
        assert_int_equal(totp_find(&t, "14050471", 37037037, 37037037, &step), 0);
        assert_int_equal(totp_find(&t, "14050471", 37037038, 37037040, &step), 1);
        assert_int_equal(totp_find(&t, "14050471", 37037038, 37037036, &step), 1); /* empty */
}

static void test_refused(void **state) {
        (void) state;
        char code[TOTP_DIGITS_MAX + 1];
        int64_t step;
        struct totp t = token(OTP_SHA1, 6);
        assert_true(totp_valid(&t));
        assert_int_equal(totp_code(&t, -1, code), -22);
        assert_int_equal(totp_code(&t, INT64_MAX, code), -22);
#define REFUSED(member, value)                                                                                         \
        do {                                                                                                           \
                struct totp bad = t;                                                                                   \
                bad.member = value;                                                                                    \
                assert_false(totp_valid(&bad));                                                                        \
                assert_int_equal(totp_code(&bad, 1, code), -22);                                                       \
                assert_int_equal(totp_find(&bad, "755224", 0, 3, &step), -22);                                         \
        } while (0)
        REFUSED(n_secret, 0); /* an empty secret gives codes that anybody can compute */
        REFUSED(n_secret, TOTP_SECRET_MIN - 1);
        REFUSED(n_secret, TOTP_SECRET_MAX + 1);
        REFUSED(digits, 5);
        REFUSED(digits, 9);
        REFUSED(period, 0);
        REFUSED(period, 301);
        REFUSED(algorithm, OTP_ALGORITHM_MAX);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 3];
        size_t n = 0;
        if (oath_init() != OATH_OK)
                return 1;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[n++] =
                        (struct CMUnitTest){ rows[i].code, test_vector, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_length_is_the_enrolled_one);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_window);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_refused);
        return _cmocka_run_group_tests("totp", tests, n, NULL, NULL);
}
