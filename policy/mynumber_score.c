/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands around a number speaks for it or against it. */
#include <string.h>

#include "mynumber_private.h"

#define BEFORE   256u /* bytes that are looked at for words */
#define BEHIND   64u

#define PLAIN    50u
#define GROUPED  60u
#define NAMED    40u /* a word for it stands near */
#define UNLIKELY 30u /* instead of PLAIN */

#define WORD(bytes)                                                                                                    \
        { bytes, sizeof bytes - 1 }

/* Written in every encoding, since the digits of most do not tell which it is. */
static const struct {
        const char *bytes;
        size_t size;
} words[] = {
        /* 個人番号 */
        WORD("\xe5\x80\x8b\xe4\xba\xba\xe7\x95\xaa\xe5\x8f\xb7"), /* utf-8 */
        WORD("\x0b\x50\xba\x4e\x6a\x75\xf7\x53"),                 /* utf-16-le */
        WORD("\x50\x0b\x4e\xba\x75\x6a\x53\xf7"),                 /* utf-16-be */
        WORD("\x8c\xc2\x90\x6c\x94\xd4\x8d\x86"),                 /* cp932 */
        WORD("\xb8\xc4\xbf\xcd\xc8\xd6\xb9\xe6"),                 /* euc-jp */
        WORD("\x38\x44\x3f\x4d\x48\x56\x39\x66"),                 /* iso-2022-jp */
        /* マイナンバー */
        WORD("\xe3\x83\x9e\xe3\x82\xa4\xe3\x83\x8a\xe3\x83\xb3\xe3\x83\x90\xe3\x83\xbc"), /* utf-8 */
        WORD("\xde\x30\xa4\x30\xca\x30\xf3\x30\xd0\x30\xfc\x30"),                         /* utf-16-le */
        WORD("\x30\xde\x30\xa4\x30\xca\x30\xf3\x30\xd0\x30\xfc"),                         /* utf-16-be */
        WORD("\x83\x7d\x83\x43\x83\x69\x83\x93\x83\x6f\x81\x5b"),                         /* cp932 */
        WORD("\xa5\xde\xa5\xa4\xa5\xca\xa5\xf3\xa5\xd0\xa1\xbc"),                         /* euc-jp */
        WORD("\x25\x5e\x25\x24\x25\x4a\x25\x73\x25\x50\x21\x3c"),                         /* iso-2022-jp */
        /* ﾏｲﾅﾝﾊﾞｰ */
        WORD("\xef\xbe\x8f\xef\xbd\xb2\xef\xbe\x85\xef\xbe\x9d\xef\xbe\x8a\xef\xbe\x9e\xef\xbd\xb0"), /* utf-8 */
        WORD("\x8f\xff\x72\xff\x85\xff\x9d\xff\x8a\xff\x9e\xff\x70\xff"),                             /* utf-16-le */
        WORD("\xff\x8f\xff\x72\xff\x85\xff\x9d\xff\x8a\xff\x9e\xff\x70"),                             /* utf-16-be */
        WORD("\xcf\xb2\xc5\xdd\xca\xde\xb0"),                                                         /* cp932 */
        WORD("\x8e\xcf\x8e\xb2\x8e\xc5\x8e\xdd\x8e\xca\x8e\xde\x8e\xb0"),                             /* euc-jp */
        /* 個人ナンバー */
        WORD("\xe5\x80\x8b\xe4\xba\xba\xe3\x83\x8a\xe3\x83\xb3\xe3\x83\x90\xe3\x83\xbc"), /* utf-8 */
        WORD("\x0b\x50\xba\x4e\xca\x30\xf3\x30\xd0\x30\xfc\x30"),                         /* utf-16-le */
        WORD("\x50\x0b\x4e\xba\x30\xca\x30\xf3\x30\xd0\x30\xfc"),                         /* utf-16-be */
        WORD("\x8c\xc2\x90\x6c\x83\x69\x83\x93\x83\x6f\x81\x5b"),                         /* cp932 */
        WORD("\xb8\xc4\xbf\xcd\xa5\xca\xa5\xf3\xa5\xd0\xa1\xbc"),                         /* euc-jp */
        WORD("\x38\x44\x3f\x4d\x25\x4a\x25\x73\x25\x50\x21\x3c"),                         /* iso-2022-jp */
};

/* In lower case; a gap may be anything that is no letter, or nothing. */
static const struct { const char *first, *second; } latin[] = { { "my", "number" }, { "kojin", "bango" } };

static uint8_t lower(uint8_t c) {
        return c >= 'A' && c <= 'Z' ? (uint8_t) (c + 32) : c;
}

static size_t skip_word(const uint8_t *p, size_t size, const char *word) {
        if (size == 0 || lower(*p) != (uint8_t) *word)
                return 0;
        size_t n = strlen(word);
        if (size < n)
                return 0;
        for (size_t i = 0; i < n; i++)
                if (lower(p[i]) != (uint8_t) word[i])
                        return 0;
        return n;
}

static bool is_latin_word(const uint8_t *p, size_t size) {
        for (size_t i = 0; i < sizeof latin / sizeof *latin; i++) {
                size_t n = skip_word(p, size, latin[i].first);
                if (n == 0)
                        continue;
                if (n < size && !(lower(p[n]) >= 'a' && lower(p[n]) <= 'z') &&
                    skip_word(p + n + 1, size - n - 1, latin[i].second))
                        return true;
                if (skip_word(p + n, size - n, latin[i].second))
                        return true;
        }
        return false;
}

static bool names_it(const uint8_t *p, size_t size) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (memmem(p, size, words[i].bytes, words[i].size))
                        return true;
        for (size_t i = 0; i < size; i++)
                if (is_latin_word(p + i, size - i))
                        return true;
        return false;
}

/* 202611281733: a moment, as in names of files and in logs. */
static bool is_moment(const uint8_t d[12]) {
        unsigned century = d[0] * 10u + d[1], month = d[4] * 10u + d[5], day = d[6] * 10u + d[7],
                 hour = d[8] * 10u + d[9], minute = d[10] * 10u + d[11];
        return (century == 19 || century == 20) && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 &&
               minute < 60;
}

static bool is_digit(const struct text *t, size_t at) {
        return at < t->size && t->bytes[at] >= '0' && t->bytes[at] <= '9';
}

/* 0.123456789018, 123456789018.5 */
static bool is_decimal(const struct text *t, const struct mynumber_match *m) {
        size_t end = m->offset + m->length;
        return (m->offset >= 2 && t->bytes[m->offset - 1] == '.' && is_digit(t, m->offset - 2)) ||
               (end < t->size && t->bytes[end] == '.' && is_digit(t, end + 1));
}

uint8_t mynumber_score(const struct text *t, const struct mynumber_match *m, const uint8_t digits[12]) {
        bool grouped = m->form == MYNUMBER_HALF_GROUPED || m->form == MYNUMBER_FULL_GROUPED;
        unsigned score = grouped ? GROUPED : PLAIN;
        if (m->form == MYNUMBER_HALF && (is_moment(digits) || (m->encoding == MYNUMBER_ASCII && is_decimal(t, m))))
                score = UNLIKELY;

        size_t begin = m->offset > BEFORE ? m->offset - BEFORE : 0, end = m->offset + m->length;
        size_t behind = t->size - end < BEHIND ? t->size - end : BEHIND;
        if (names_it(t->bytes + begin, m->offset - begin) || names_it(t->bytes + end, behind))
                score += NAMED;
        return (uint8_t) score;
}
