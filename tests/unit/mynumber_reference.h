/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slow way: text as characters, written in an encoding by iconv(3), one character at a time; where the numbers are
 * is said by a walk over the characters. For test_mynumber.c and test_mynumber_places.c. */
#pragma once

#include <iconv.h>
#include <string.h>

#include "mynumber_private.h"

#define REFERENCE_CHARACTERS 400

struct reference_text {
        uint16_t list[REFERENCE_CHARACTERS];
        size_t n;
};

struct reference_bytes {
        char bytes[REFERENCE_CHARACTERS * 10];
        size_t size;
        struct mynumber_match list[32];
        size_t n;
};

/* ---- making ---- */

static uint64_t reference_random;

static unsigned reference_dice(unsigned sides) {
        reference_random ^= reference_random << 13;
        reference_random ^= reference_random >> 7;
        reference_random ^= reference_random << 17;
        return (unsigned) (reference_random >> 33) % sides;
}

static void reference_add(struct reference_text *t, unsigned c) {
        if (t->n < REFERENCE_CHARACTERS)
                t->list[t->n++] = (uint16_t) c;
}

/* What all the encodings have: hyphens and spaces of JIS X 0208, and of ASCII. */
static const uint16_t reference_gaps[] = { ' ', '-', '.', 0x3000, 0x30fc, 0x2010, 0xff0e, 0x30fb };

static void reference_add_digits(struct reference_text *t, const unsigned *digits, size_t n, bool full, bool grouped) {
        for (size_t i = 0; i < n; i++) {
                if (grouped && i > 0 && i % 4 == 0)
                        reference_add(t, reference_gaps[reference_dice(8)]);
                reference_add(t, (full ? 0xff10 : '0') + digits[i]);
        }
}

static inline void reference_make(unsigned seed, struct reference_text *t) {
        static const uint16_t other[] = { ',', '\n', 'a', 0x5e74, 0x756a, 0x3042, 0x30a2, 0x4e00, '/', '_' };
        reference_random = seed * UINT64_C(0x9e3779b97f4a7c15);
        t->n = 0;
        while (t->n < REFERENCE_CHARACTERS - 40) {
                unsigned digits[16], sum = 0, what = reference_dice(8);
                size_t n = what < 5 ? 12 : 1 + reference_dice(16);
                for (size_t i = 0; i < 16; i++)
                        digits[i] = reference_dice(10);
                for (size_t i = 0; i < 11; i++)
                        sum += digits[i] * (unsigned) (i < 5 ? 6 - i : 12 - i);
                if (what < 4)
                        digits[11] = sum % 11 <= 1 ? 0 : 11 - sum % 11;
                reference_add_digits(t, digits, n, reference_dice(2), reference_dice(2));
                /* Mostly something that ends it; at times what might go on. */
                if (reference_dice(4))
                        reference_add(t, other[reference_dice(10)]);
                else if (reference_dice(2))
                        reference_add(t, reference_gaps[reference_dice(8)]);
        }
}

/* ---- finding ---- */

static int reference_digit(const struct reference_text *t, size_t i, bool full) {
        unsigned c = i < t->n ? t->list[i] : 0;
        unsigned base = full ? 0xff10 : '0';
        return c >= base && c <= base + 9 ? (int) (c - base) : -1;
}

static bool reference_is_gap(const struct reference_text *t, size_t i) {
        for (size_t g = 0; g < sizeof reference_gaps / sizeof *reference_gaps; g++)
                if (i < t->n && t->list[i] == reference_gaps[g])
                        return true;
        return false;
}

static bool reference_any_digit(const struct reference_text *t, size_t i) {
        return reference_digit(t, i, false) >= 0 || reference_digit(t, i, true) >= 0;
}

static bool reference_luhn(const unsigned *d) {
        unsigned sum = 0;
        for (unsigned i = 0; i < 16; i++)
                sum += i % 2 ? d[i] : d[i] * 2 / 10 + d[i] * 2 % 10;
        return sum % 10 == 0;
}

/* Four digits at i that are not more. */
static bool reference_group(const struct reference_text *t, size_t i, bool full, unsigned *ret) {
        for (size_t n = 0; n < 4; n++) {
                int v = reference_digit(t, i + n, full);
                if (v < 0)
                        return false;
                ret[n] = (unsigned) v;
        }
        return !reference_any_digit(t, i + 4) && (i == 0 || !reference_any_digit(t, i - 1));
}

static bool reference_check(const unsigned *d) {
        unsigned sum = 0, any = 0;
        for (unsigned n = 1; n <= 11; n++) { /* as the order has it: P(n), Q(n), from the lowest digit on */
                sum += d[11 - n] * (n <= 6 ? n + 1 : n - 5);
                any |= d[11 - n];
        }
        return (any || d[11]) && d[11] == (sum % 11 <= 1 ? 0 : 11 - sum % 11);
}

/* Characters of the number that begins at i; 0: none does. */
static size_t reference_number(const struct reference_text *t, size_t i, bool full, bool *ret_grouped) {
        unsigned d[20];
        size_t n = 0;
        while (n < 12 && reference_digit(t, i + n, full) >= 0) {
                d[n] = (unsigned) reference_digit(t, i + n, full);
                n++;
        }
        *ret_grouped = false;
        if (n == 12)
                return reference_check(d) && !reference_any_digit(t, i + 12) &&
                                       (i == 0 || !reference_any_digit(t, i - 1))
                               ? 12
                               : 0;
        *ret_grouped = true;
        if (!reference_group(t, i, full, d) || !reference_is_gap(t, i + 4) || !reference_group(t, i + 5, full, d + 4) ||
            !reference_is_gap(t, i + 9) || !reference_group(t, i + 10, full, d + 8) || !reference_check(d))
                return 0;
        if (reference_is_gap(t, i + 14) && reference_group(t, i + 15, full, d + 12) && reference_luhn(d))
                return 0;
        unsigned card[16];
        memcpy(card + 4, d, 12 * sizeof *d);
        return i >= 5 && reference_is_gap(t, i - 1) && reference_group(t, i - 5, full, card) && reference_luhn(card)
                       ? 0
                       : 14;
}

/* ---- writing ---- */

static void reference_encode(const struct reference_text *t, enum mynumber_encoding e, struct reference_bytes *ret) {
        static const char *const names[MYNUMBER_ENCODING_MAX] = { NULL,    "UTF-8",  "UTF-16LE",   "UTF-16BE",
                                                                  "CP932", "EUC-JP", "ISO-2022-JP" };
        size_t at[REFERENCE_CHARACTERS + 1], end[REFERENCE_CHARACTERS + 1];
        static iconv_t kept[MYNUMBER_ENCODING_MAX]; /* opening one takes longer than all the rest */
        iconv_t to = kept[e] ? kept[e] : iconv_open(names[e], "UTF-16LE");
        assert_true(to != (iconv_t) -1);
        kept[e] = to;
        char *out = ret->bytes;
        size_t left = sizeof ret->bytes;
        ret->n = 0;
        for (size_t i = 0; i < t->n; i++) {
                char in[2] = { (char) (t->list[i] & 0xff), (char) (t->list[i] >> 8) }, *p = in, *before = out;
                size_t n = sizeof in;
                assert_int_equal(iconv(to, &p, &n, &out, &left), 0);
                /* An escape before it is not its own. */
                at[i] = (size_t) (before - ret->bytes) + (*before == 0x1b && e == MYNUMBER_ISO2022JP ? 3 : 0);
                end[i] = (size_t) (out - ret->bytes);
        }
        (void) iconv(to, NULL, NULL, &out, &left);
        ret->size = (size_t) (out - ret->bytes);

        for (size_t i = 0; i < t->n; i++)
                for (int full = 0; full < 2; full++) {
                        bool grouped;
                        size_t n = reference_number(t, i, full, &grouped);
                        if (n == 0)
                                continue;
                        assert_true(ret->n < sizeof ret->list / sizeof *ret->list);
                        ret->list[ret->n++] = (struct mynumber_match){
                                .offset = at[i],
                                .length = end[i + n - 1] - at[i],
                                .form = full ? (grouped ? MYNUMBER_FULL_GROUPED : MYNUMBER_FULL)
                                             : (grouped ? MYNUMBER_HALF_GROUPED : MYNUMBER_HALF),
                        };
                }
}
