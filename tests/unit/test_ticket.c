/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets between a right code and the escort's. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pam_module/otpd.h"

#include <cmocka.h>

static uint64_t boot_usec;

static uint64_t boot(void *userdata) {
        (void) userdata;
        return boot_usec;
}

static struct otpd otpd = { .time = { .boot = boot } };

static int set_up(void **state) {
        (void) state;
        boot_usec = 1000000;
        memset(otpd.tickets, 0, sizeof otpd.tickets);
        return sodium_init() < 0 ? -1 : 0;
}

static void test_once_and_for_one(void **state) {
        (void) state;
        char text[TICKET_SIZE], other[TICKET_SIZE];
        ticket_issue(&otpd, 3001, "totp", text);
        ticket_issue(&otpd, 3001, "recovery", other);
        assert_int_equal(strlen(text), TICKET_SIZE - 1);
        assert_string_not_equal(text, other);
        assert_null(ticket_redeem(&otpd, 3002, text));
        assert_string_equal(ticket_redeem(&otpd, 3001, text), "totp");
        assert_null(ticket_redeem(&otpd, 3001, text));
        assert_string_equal(ticket_redeem(&otpd, 3001, other), "recovery");
}

/* A free place is nobody's ticket, root's neither. */
static void test_odd_texts(void **state) {
        (void) state;
        char zeros[TICKET_SIZE] = "00000000000000000000000000000000";
        const char *const rows[] = { "", "0", zeros, "000000000000000000000000000000000" };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_null(ticket_redeem(&otpd, 0, rows[i]));
}

static void test_too_late(void **state) {
        (void) state;
        char text[TICKET_SIZE], other[TICKET_SIZE];
        ticket_issue(&otpd, 3001, "totp", text);
        ticket_issue(&otpd, 3001, "totp", other);
        boot_usec += UINT64_C(179) * 1000000;
        assert_non_null(ticket_redeem(&otpd, 3001, text));
        boot_usec += UINT64_C(1) * 1000000;
        assert_null(ticket_redeem(&otpd, 3001, other));
}

static void test_the_oldest_makes_room(void **state) {
        (void) state;
        char texts[TICKETS_MAX + 1][TICKET_SIZE];
        for (uint32_t i = 0; i <= TICKETS_MAX; i++) {
                ticket_issue(&otpd, 3001, "totp", texts[i]);
                boot_usec++;
        }
        assert_null(ticket_redeem(&otpd, 3001, texts[0]));
        for (uint32_t i = 1; i <= TICKETS_MAX; i++)
                assert_non_null(ticket_redeem(&otpd, 3001, texts[i]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_once_and_for_one, set_up),
                cmocka_unit_test_setup(test_odd_texts, set_up),
                cmocka_unit_test_setup(test_too_late, set_up),
                cmocka_unit_test_setup(test_the_oldest_makes_room, set_up),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
