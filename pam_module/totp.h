/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time-based codes (RFC 6238) by liboath, one step at a time. Private to pam_module. Pure but for liboath's set-up:
 * oath_init() must have been called. */
#pragma once

#include <sekisho/policy.h>

#define TOTP_SECRET_MIN 10u /* bytes; RFC 4226 asks for 16 of a new one, hardware tokens of some makers have 10 */
#define TOTP_SECRET_MAX 64u
#define TOTP_SECRET_NEW 20u
#define TOTP_DIGITS_MAX 8u
/* Before this no code is computed: liboath's counter is unsigned and wraps near 1970. 2020-01-01 UTC. */
#define TOTP_TIME_LEAST INT64_C(1577836800)

struct totp {
        uint8_t secret[TOTP_SECRET_MAX];
        uint8_t n_secret;
        uint8_t digits;    /* 6..8 */
        uint8_t algorithm; /* enum otp_algorithm */
        uint32_t period;   /* seconds */
};

/* Whether digits, algorithm, period and secret are ones that can be used. An empty secret cannot. */
bool totp_valid(const struct totp *t);

/* The code of one step; ret: TOTP_DIGITS_MAX + 1 bytes. 0, -EINVAL (not valid), -EIO (liboath). */
int totp_code(const struct totp *t, int64_t step, char *ret);

/* Compares code with every step of from..to, in constant time and to the end. 0: *ret is the latest step that matches;
 * 1: none; -errno. A code of another length than enrolled never matches: liboath takes the length that it is given. */
int totp_find(const struct totp *t, const char *code, int64_t from, int64_t to, int64_t *ret);
