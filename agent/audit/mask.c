/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit/mask.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DIGITS 12u
#define GROUP  4u

/* The full-width digits U+FF10 to U+FF19 are EF BC 90 to EF BC 99, their star U+FF0A is EF BC 8A: the same length. */
#define WIDE_LEAD "\xef\xbc"
#define WIDE_ZERO 0x90u
#define WIDE_STAR "\xef\xbc\x8a"

static const char *const separators[] = {
        "-",
        " ",
        ".",
        "_",
        "\xef\xbc\x8d",
        "\xe3\x80\x80",
        "\xe3\x83\xbc",
        "\xe2\x80\x90",
        "\xe2\x80\x93",
        "\xe2\x88\x92",
        "\xef\xbc\x8e",
        "\xe3\x83\xbb",
        "\xef\xbc\xbf",
        "\xef\xbd\xb0",
};

struct digit {
        char *at;
        size_t length;
        unsigned value;
        bool apart; /* a separator stands before it */
};

static size_t separator_at(const char *s) {
        for (size_t i = 0; i < sizeof separators / sizeof *separators; i++)
                if (strncmp(s, separators[i], strlen(separators[i])) == 0)
                        return strlen(separators[i]);
        return 0;
}

static bool digit_at(char *s, struct digit *ret) {
        if (*s >= '0' && *s <= '9') {
                *ret = (struct digit){ .at = s, .length = 1, .value = (unsigned) (*s - '0') };
                return true;
        }
        if (strncmp(s, WIDE_LEAD, 2) != 0)
                return false;
        unsigned value = (unsigned char) s[2] - WIDE_ZERO;
        if (value > 9)
                return false;
        *ret = (struct digit){ .at = s, .length = 3, .value = value };
        return true;
}

static bool is_number(const struct digit d[DIGITS]) {
        unsigned sum = 0;
        for (size_t i = 0; i < DIGITS; i++) {
                if (i > 0 && i % GROUP != 0 && d[i].apart)
                        return false;
                unsigned n = (unsigned) (DIGITS - 1 - i); /* counted from the right, the check digit being 0 */
                if (n > 0)
                        sum += d[i].value * (n <= 6 ? n + 1 : n - 5);
        }
        unsigned rest = sum % 11;
        return d[DIGITS - 1].value == (rest <= 1 ? 0 : 11 - rest);
}

void mask_numbers(char *s) {
        struct digit last[DIGITS]; /* the values stay here when the text is already stars */
        size_t n = 0;
        bool apart = false;
        while (*s) {
                struct digit d;
                if (digit_at(s, &d)) {
                        d.apart = apart;
                        if (n == DIGITS)
                                memmove(last, last + 1, sizeof last - sizeof *last);
                        else
                                n++;
                        last[n - 1] = d;
                        if (n == DIGITS && is_number(last))
                                for (size_t i = 0; i < DIGITS; i++)
                                        memcpy(last[i].at, last[i].length == 1 ? "*" : WIDE_STAR, last[i].length);
                        apart = false;
                        s += d.length;
                        continue;
                }
                size_t length = apart ? 0 : separator_at(s);
                if (length == 0)
                        n = 0;
                apart = length > 0;
                s += length > 0 ? length : 1;
        }
}
