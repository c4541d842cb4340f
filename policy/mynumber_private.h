/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The finder of My Numbers in two halves. mynumber.c runs over the bytes in blocks of 64 and picks, with few and cheap
 * operations, the places where a number may begin; mynumber_parse.c looks at such a place exactly. */
#pragma once

#include <sekisho/mynumber.h>

/* How digits are written. The half-width ones of four encodings are the same bytes. */
enum script {
        SCRIPT_ASCII,
        SCRIPT_UTF16LE_HALF,
        SCRIPT_UTF16BE_HALF,
        SCRIPT_UTF8_FULL,
        SCRIPT_CP932_FULL,
        SCRIPT_EUC_JP_FULL,
        SCRIPT_ISO2022JP_FULL,
        SCRIPT_UTF16LE_FULL,
        SCRIPT_UTF16BE_FULL,
        SCRIPT_MAX,
};

struct text {
        const uint8_t *bytes;
        size_t size;
};

/* Whether a number in that script begins at offset. */
bool mynumber_parse(const struct text *t, size_t offset, enum script script, struct mynumber_match *ret);

/* Points out of the text that speak for m or against it; mynumber_score.c. digits: its own. */
uint8_t mynumber_score(const struct text *t, const struct mynumber_match *m, const uint8_t digits[12]);

/* Which of the 64 bytes of a block are of a kind: bit i for byte i. What stands before and behind may be read, too. */
#define MYNUMBER_BEFORE 4 /* bytes; and one behind */
typedef uint64_t classify_fn(const uint8_t *block);
struct classifier {
        classify_fn *digit;                    /* 0 to 9 */
        classify_fn *rare;                     /* 0x80 and above, NUL, ESC and '#': without them it is all ASCII */
        classify_fn *behind_gap;               /* four bytes before it is a space, hyphen or dot */
        bool (*has_odd)(const uint8_t *block); /* any of NUL, ESC and '#' */
        classify_fn *wide; /* a full-width digit begins (CP932, EUC-JP, UTF-16), or one before (UTF-8) */
};

/* Two ways to the same answer; the other one is in mynumber_avx2.h. */
classify_fn mynumber_digit, mynumber_rare, mynumber_behind_gap, mynumber_wide;
bool mynumber_has_odd(const uint8_t *block);
static const struct classifier mynumber_portable = { mynumber_digit, mynumber_rare, mynumber_behind_gap,
                                                     mynumber_has_odd, mynumber_wide };

/* The same result as mynumber_scan(), by the portable way only: for the tests, and for processors without AVX2. */
bool mynumber_scan_portable(const void *bytes, size_t size, size_t begin, size_t end,
                            bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata);
