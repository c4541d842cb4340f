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

/* Of 64 bytes, bit i for byte i. */
struct block {
        uint64_t digit; /* 0 to 9 */
        uint64_t gap;   /* space, hyphen, dot */
        uint64_t high;  /* 0x80 and above */
        uint64_t odd;   /* NUL, ESC and '#', without which it is neither UTF-16 nor ISO-2022-JP; and a few others */
        uint64_t wide;  /* a full-width digit may begin here (CP932, EUC-JP, UTF-16) or one before (UTF-8) */
};

/* Two ways to the same answer. next: the byte behind the block, 0 at the end. */
typedef void classify_fn(const uint8_t bytes[64], uint8_t next, struct block *ret);
classify_fn mynumber_classify_portable;

/* The same result as mynumber_scan(), by the portable way only: for the tests, and for processors without AVX2. */
bool mynumber_scan_portable(const void *bytes, size_t size, size_t begin, size_t end,
                            bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata);
