/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "totp.h"

#include <errno.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <string.h>

static const int flags[OTP_ALGORITHM_MAX] = {
        [OTP_SHA1] = 0,
        [OTP_SHA256] = OATH_TOTP_HMAC_SHA256,
        [OTP_SHA512] = OATH_TOTP_HMAC_SHA512,
};

bool totp_valid(const struct totp *t) {
        return t->n_secret >= TOTP_SECRET_MIN && t->n_secret <= TOTP_SECRET_MAX && t->digits >= 6 &&
               t->digits <= TOTP_DIGITS_MAX && t->algorithm < OTP_ALGORITHM_MAX && t->period >= 15 && t->period <= 300;
}

int totp_code(const struct totp *t, int64_t step, char *ret) {
        int64_t when;
        if (!totp_valid(t) || step < 0 || __builtin_mul_overflow(step, (int64_t) t->period, &when))
                return -EINVAL;
        int r = oath_totp_generate2((const char *) t->secret, t->n_secret, (time_t) when, t->period, 0, t->digits,
                                    flags[t->algorithm], ret);
        return r == OATH_OK ? 0 : -EIO;
}

int totp_find(const struct totp *t, const char *code, int64_t from, int64_t to, int64_t *ret) {
        char given[TOTP_DIGITS_MAX + 1] = { 0 };
        bool length_fits = strlen(code) == t->digits && t->digits <= TOTP_DIGITS_MAX;
        if (length_fits)
                memcpy(given, code, t->digits);

        int64_t found = -1;
        int r = 0;
        for (int64_t step = from; step <= to && r == 0; step++) {
                char candidate[TOTP_DIGITS_MAX + 1] = { 0 };
                r = totp_code(t, step, candidate);
                bool same = r == 0 && sodium_memcmp(candidate, given, sizeof given) == 0;
                found = same ? step : found;
                sodium_memzero(candidate, sizeof candidate);
        }
        sodium_memzero(given, sizeof given);
        if (r < 0)
                return r;
        if (!length_fits || found < 0)
                return 1;
        *ret = found;
        return 0;
}
