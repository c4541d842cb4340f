/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pam_module/code.h"

static const struct row {
        const char *typed, *code;
        enum code_kind kind;
} rows[] = {
        { "123456", "123456", CODE_TOTP },
        { "1234567", "1234567", CODE_TOTP },
        { "12345678", "12345678", CODE_TOTP },
        { "12345", "", CODE_OTHER },
        { "123456789", "", CODE_OTHER },
        { " 123 456\t", "123456", CODE_TOTP },
        { "123-456", "123456", CODE_TOTP },
        { "１２３４５６", "123456", CODE_TOTP },
        { "１２３　４５６", "123456", CODE_TOTP },
        { "１２３－４５６", "123456", CODE_TOTP },
        { "１２３ー４５６", "123456", CODE_TOTP },
        { "１２３−４５６", "123456", CODE_TOTP },
        { "１２3４５6", "123456", CODE_TOTP },
        { "l23O56", "123056", CODE_TOTP },
        { "", "", CODE_EMPTY },
        { " \t", "", CODE_EMPTY },
        { "　", "", CODE_EMPTY },
        { "---", "", CODE_EMPTY },
        { "?", "?", CODE_PHONE },
        { "？", "?", CODE_PHONE },
        { "??", "", CODE_OTHER },
        { "abcd-efgh-jkmn", "ABCDEFGHJKMN", CODE_NONCE },
        { "ＡＢＣＤ ＥＦＧＨ ＪＫＭＮ", "ABCDEFGHJKMN", CODE_NONCE },
        { "abcde-fghjk-mnpqr", "ABCDEFGHJKMNPQR", CODE_RECOVERY },
        { "012345678901234", "012345678901234", CODE_RECOVERY },
        { "abcde-fghjk-mnpqu", "", CODE_OTHER }, /* U is in no code */
        { "12345\x01", "", CODE_OTHER },
        { "12345\n6", "", CODE_OTHER },
        { "\xff\xff\xff\xff\xff\xff", "", CODE_OTHER },
        { "123456\xe3\x80", "", CODE_OTHER },                                   /* cut in the middle of a character */
        { "\xc0\xb1\xc0\xb2\xc0\xb3\xc0\xb4\xc0\xb5\xc0\xb6", "", CODE_OTHER }, /* overlong digits */
        { "１２３４５六", "", CODE_OTHER },
        { "12345678901234567890123456789012345", "", CODE_OTHER },
};

static void test_row(void **state) {
        const struct row *r = *state;
        char code[CODE_MAX + 1];
        memset(code, 'x', sizeof code);
        assert_int_equal(code_fold(r->typed, code), r->kind);
        assert_string_equal(code, r->code);
}

static void test_long_answers(void **state) {
        (void) state;
        char code[CODE_MAX + 1], *typed = malloc(1u << 20);
        assert_non_null(typed);
        memset(typed, ' ', 1u << 20);
        memcpy(typed, "123456", 6);
        typed[CODE_TYPED_MAX] = '\0';
        assert_int_equal(code_fold(typed, code), CODE_TOTP);
        typed[CODE_TYPED_MAX] = ' ';
        typed[CODE_TYPED_MAX + 1] = '\0';
        assert_int_equal(code_fold(typed, code), CODE_OTHER);
        typed[(1u << 20) - 1] = '\0';
        typed[CODE_TYPED_MAX + 1] = ' ';
        assert_int_equal(code_fold(typed, code), CODE_OTHER);
        free(typed);
}

/* What is spelt is read back as itself, whatever the bytes. */
static void test_spelling(void **state) {
        (void) state;
        unsigned char bytes[10];
        char spelt[17], grouped[24], folded[CODE_MAX + 1];
        for (unsigned seed = 0; seed < 256; seed++) {
                for (size_t i = 0; i < sizeof bytes; i++)
                        bytes[i] = (unsigned char) (seed * 7 + i * 31);
                code_spell(bytes, sizeof bytes, spelt);
                assert_int_equal(strlen(spelt), 16);
                spelt[CODE_RECOVERY_LENGTH] = '\0';
                code_group(spelt, 5, grouped, sizeof grouped);
                assert_int_equal(strlen(grouped), 17);
                assert_int_equal(code_fold(grouped, folded), CODE_RECOVERY);
                assert_string_equal(folded, spelt);
        }
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows + 2];
        size_t n = 0;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                tests[n++] = (struct CMUnitTest){ rows[i].typed, test_row, NULL, NULL, (void *) (uintptr_t) &rows[i] };
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_long_answers);
        tests[n++] = (struct CMUnitTest) cmocka_unit_test(test_spelling);
        return _cmocka_run_group_tests("code", tests, n, NULL, NULL);
}
