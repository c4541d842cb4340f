/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <security/_pam_types.h>

#include "pam_module/pam_messages.h"
#include "pam_module/pam_options.h"

static void test_options(void **state) {
        (void) state;
        static const struct {
                const char *word;
                int outcome;
        } rows[] = {
                { "decoy", 0 },         { "concat", 0 },    { "quiet", 0 },     { "lang=ja", 0 }, { "lang=en", 0 },
                { "lang=auto", 0 },     { "root=/tmp", 0 }, { "root=tmp", 1 },  { "root=", 1 },   { "lang=", 1 },
                { "lang=fr", 1 },       { "debug", 1 },     { "", 1 },          { "Decoy", 1 },   { "decoy ", 1 },
                { "debug_file=/x", 1 }, { "nullok", 1 },    { "try_first", 1 }, { "decoys", 1 },  { "dec", 1 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct pam_options o;
                const char *words[] = { "quiet", rows[i].word }, *unknown = NULL;
                assert_int_equal(pam_options_parse(2, words, &o, &unknown), rows[i].outcome);
                if (rows[i].outcome)
                        assert_ptr_equal(unknown, rows[i].word);
                else
                        assert_true(o.quiet);
        }
}

static void test_screens(void **state) {
        (void) state;
        static const struct {
                const char *service, *tty, *display;
                bool japanese;
        } rows[] = {
                { "login", "tty1", NULL, false },     { "login", "/dev/tty6", NULL, false },
                { "sudo", "/dev/tty2", NULL, false }, { "login", "ttyS0", NULL, false },
                { "login", "hvc0", NULL, false },     { "login", "/dev/console", NULL, false },
                { "sshd", "ssh", NULL, true },        { "sudo", "/dev/pts/3", NULL, true },
                { "lightdm", ":0", NULL, true },      { "gdm-password", "/dev/tty1", NULL, true },
                { "login", "tty1", ":0", true },      { "i3lock", NULL, NULL, true },
                { NULL, NULL, NULL, true },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(pam_shows_japanese(rows[i].service, rows[i].tty, rows[i].display), rows[i].japanese);
}

/* libpam cuts what is longer than PAM_MAX_MSG_SIZE, in the middle of a character if it comes to that. */
static void test_messages_fit(void **state) {
        (void) state;
        static const char contact[] = "政策経営部 情報政策課 端末担当 内線 2345・2346", nonce[] = "ABCD-EFGH-JKMN";
        for (int m = 0; m < MESSAGE_MAX; m++) {
                char english[2048], japanese[2048];
                bool phone = m == MESSAGE_PHONE;
                message_fill((enum message) m, false, phone ? nonce : contact, phone ? contact : "", english,
                             sizeof english);
                message_fill((enum message) m, true, phone ? nonce : contact, phone ? contact : "", japanese,
                             sizeof japanese);
                assert_true(*english && strlen(english) < PAM_MAX_MSG_SIZE);
                assert_true(*japanese && strlen(japanese) < PAM_MAX_MSG_SIZE);
                assert_null(strstr(english, "%s"));
                assert_null(strstr(japanese, "%s"));
                for (const char *p = english; *p; p++)
                        assert_true((unsigned char) *p < 0x80); /* the bare console has no kanji */
        }
}

static void test_fill_is_bounded(void **state) {
        (void) state;
        char small[8];
        memset(small, 'x', sizeof small);
        message_fill(MESSAGE_REFUSED, false, "%s%n", "", small, sizeof small);
        assert_int_equal(strlen(small), sizeof small - 1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_screens),
                cmocka_unit_test(test_messages_fit),
                cmocka_unit_test(test_fill_is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
