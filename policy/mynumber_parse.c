/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One place, exactly. All of it works on bytes: an encoding is a table of what a digit and a separator look like. */
#include <string.h>

#include "mynumber_private.h"

#define DIGITS       12u
#define GROUP        4u

#define IN_ASCII     (1u << MYNUMBER_ASCII)
#define IN_UTF8      (1u << MYNUMBER_UTF8)
#define IN_UTF16LE   (1u << MYNUMBER_UTF16LE)
#define IN_UTF16BE   (1u << MYNUMBER_UTF16BE)
#define IN_CP932     (1u << MYNUMBER_CP932)
#define IN_EUC_JP    (1u << MYNUMBER_EUC_JP)
#define IN_ISO2022JP (1u << MYNUMBER_ISO2022JP)

/* The last byte that differs is base + value: before it stand lead bytes, behind it trail bytes, which are the same for
 * all ten. */
static const struct {
        uint8_t size, at, base, fixed[3];
        enum mynumber_encoding encoding;
        bool full;
        unsigned separators; /* encodings whose separators may stand between its groups */
} scripts[SCRIPT_MAX] = {
        [SCRIPT_ASCII] = { 1,
                           0,
                           0x30,
                           { 0 },
                           MYNUMBER_ASCII,
                           false,
                           IN_ASCII | IN_UTF8 | IN_CP932 | IN_EUC_JP | IN_ISO2022JP },
        [SCRIPT_UTF16LE_HALF] = { 2, 0, 0x30, { 0, 0x00 }, MYNUMBER_UTF16LE, false, IN_UTF16LE },
        [SCRIPT_UTF16BE_HALF] = { 2, 1, 0x30, { 0x00 }, MYNUMBER_UTF16BE, false, IN_UTF16BE },
        [SCRIPT_UTF8_FULL] = { 3, 2, 0x90, { 0xef, 0xbc }, MYNUMBER_UTF8, true, IN_ASCII | IN_UTF8 },
        [SCRIPT_CP932_FULL] = { 2, 1, 0x4f, { 0x82 }, MYNUMBER_CP932, true, IN_ASCII | IN_CP932 },
        [SCRIPT_EUC_JP_FULL] = { 2, 1, 0xb0, { 0xa3 }, MYNUMBER_EUC_JP, true, IN_ASCII | IN_EUC_JP },
        [SCRIPT_ISO2022JP_FULL] = { 2, 1, 0x30, { 0x23 }, MYNUMBER_ISO2022JP, true, IN_ISO2022JP },
        [SCRIPT_UTF16LE_FULL] = { 2, 0, 0x10, { 0, 0xff }, MYNUMBER_UTF16LE, true, IN_UTF16LE },
        [SCRIPT_UTF16BE_FULL] = { 2, 1, 0x10, { 0xff }, MYNUMBER_UTF16BE, true, IN_UTF16BE },
};

/* U+0020, U+00A0, U+3000; U+002E, U+FF0E, U+30FB, U+FF65; U+002D, U+2010 to U+2015, U+2212, U+30FC, U+FF0D, U+FF70. */
#define UTF16(code)                                                                                                    \
        { (char[]){ (char) ((code) &0xff), (char) ((code) >> 8) }, 2, MYNUMBER_UTF16LE }, {                            \
                (char[]){ (char) ((code) >> 8), (char) ((code) &0xff) }, 2, MYNUMBER_UTF16BE                           \
        }
#define OF(encoding, bytes)                                                                                            \
        { bytes, sizeof bytes - 1, encoding }
/* A character of JIS X 0208 among half-width digits, and the other way round. */
#define JIS(bytes)                                                                                                     \
        OF(MYNUMBER_ISO2022JP, bytes), OF(MYNUMBER_ISO2022JP, "\x1b$B" bytes "\x1b(B"),                                \
                OF(MYNUMBER_ISO2022JP, "\x1b$B" bytes "\x1b(J"), OF(MYNUMBER_ISO2022JP, "\x1b$@" bytes "\x1b(B"),      \
                OF(MYNUMBER_ISO2022JP, "\x1b$@" bytes "\x1b(J")
#define JIS_HALF(byte)                                                                                                 \
        OF(MYNUMBER_ISO2022JP, "\x1b(B" byte "\x1b$B"), OF(MYNUMBER_ISO2022JP, "\x1b(J" byte "\x1b$B"),                \
                OF(MYNUMBER_ISO2022JP, "\x1b(B" byte "\x1b$@"), OF(MYNUMBER_ISO2022JP, "\x1b(J" byte "\x1b$@")

static const struct {
        const char *bytes;
        size_t size;
        enum mynumber_encoding encoding;
} separators[] = {
        OF(MYNUMBER_ASCII, " "),
        OF(MYNUMBER_ASCII, "-"),
        OF(MYNUMBER_ASCII, "."),
        OF(MYNUMBER_UTF8, "\xc2\xa0"),
        OF(MYNUMBER_UTF8, "\xe3\x80\x80"),
        OF(MYNUMBER_UTF8, "\xef\xbc\x8e"),
        OF(MYNUMBER_UTF8, "\xe3\x83\xbb"),
        OF(MYNUMBER_UTF8, "\xef\xbd\xa5"),
        OF(MYNUMBER_UTF8, "\xe2\x80\x90"),
        OF(MYNUMBER_UTF8, "\xe2\x80\x91"),
        OF(MYNUMBER_UTF8, "\xe2\x80\x92"),
        OF(MYNUMBER_UTF8, "\xe2\x80\x93"),
        OF(MYNUMBER_UTF8, "\xe2\x80\x94"),
        OF(MYNUMBER_UTF8, "\xe2\x80\x95"),
        OF(MYNUMBER_UTF8, "\xe2\x88\x92"),
        OF(MYNUMBER_UTF8, "\xe3\x83\xbc"),
        OF(MYNUMBER_UTF8, "\xef\xbc\x8d"),
        OF(MYNUMBER_UTF8, "\xef\xbd\xb0"),
        OF(MYNUMBER_CP932, "\x81\x40"),
        OF(MYNUMBER_CP932, "\x81\x44"),
        OF(MYNUMBER_CP932, "\x81\x45"),
        OF(MYNUMBER_CP932, "\xa5"),
        OF(MYNUMBER_CP932, "\x81\x5b"),
        OF(MYNUMBER_CP932, "\x81\x5c"),
        OF(MYNUMBER_CP932, "\x81\x5d"),
        OF(MYNUMBER_CP932, "\x81\x7c"),
        OF(MYNUMBER_CP932, "\xb0"),
        OF(MYNUMBER_EUC_JP, "\xa1\xa1"),
        OF(MYNUMBER_EUC_JP, "\xa1\xa5"),
        OF(MYNUMBER_EUC_JP, "\xa1\xa6"),
        OF(MYNUMBER_EUC_JP, "\x8e\xa5"),
        OF(MYNUMBER_EUC_JP, "\xa1\xbc"),
        OF(MYNUMBER_EUC_JP, "\xa1\xbd"),
        OF(MYNUMBER_EUC_JP, "\xa1\xbe"),
        OF(MYNUMBER_EUC_JP, "\xa1\xdd"),
        OF(MYNUMBER_EUC_JP, "\x8e\xb0"),
        JIS("\x21\x21"),
        JIS("\x21\x25"),
        JIS("\x21\x26"),
        JIS("\x21\x3c"),
        JIS("\x21\x3d"),
        JIS("\x21\x3e"),
        JIS("\x21\x5d"),
        JIS_HALF(" "),
        JIS_HALF("-"),
        JIS_HALF("."),
        UTF16(0x0020),
        UTF16(0x002d),
        UTF16(0x002e),
        UTF16(0x00a0),
        UTF16(0x3000),
        UTF16(0xff0e),
        UTF16(0x30fb),
        UTF16(0xff65),
        UTF16(0x2010),
        UTF16(0x2011),
        UTF16(0x2012),
        UTF16(0x2013),
        UTF16(0x2014),
        UTF16(0x2015),
        UTF16(0x2212),
        UTF16(0x30fc),
        UTF16(0xff0d),
        UTF16(0xff70),
};

static const char *const encoding_names[MYNUMBER_ENCODING_MAX] = {
        [MYNUMBER_ASCII] = "ascii",           [MYNUMBER_UTF8] = "utf-8",  [MYNUMBER_UTF16LE] = "utf-16le",
        [MYNUMBER_UTF16BE] = "utf-16be",      [MYNUMBER_CP932] = "cp932", [MYNUMBER_EUC_JP] = "euc-jp",
        [MYNUMBER_ISO2022JP] = "iso-2022-jp",
};

static const char *const form_names[MYNUMBER_FORM_MAX] = {
        [MYNUMBER_HALF] = "half",
        [MYNUMBER_HALF_GROUPED] = "half-grouped",
        [MYNUMBER_FULL] = "full",
        [MYNUMBER_FULL_GROUPED] = "full-grouped",
};

const char *mynumber_encoding_name(enum mynumber_encoding e) {
        return e >= 0 && e < MYNUMBER_ENCODING_MAX ? encoding_names[e] : "";
}

const char *mynumber_form_name(enum mynumber_form f) {
        return f >= 0 && f < MYNUMBER_FORM_MAX ? form_names[f] : "";
}

bool mynumber_valid(const uint8_t digits[DIGITS]) {
        static const uint8_t weights[DIGITS - 1] = { 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2 };
        unsigned sum = 0, any = digits[DIGITS - 1];
        for (size_t i = 0; i < DIGITS - 1; i++) {
                sum += (unsigned) digits[i] * weights[i];
                any |= digits[i];
        }
        unsigned rest = sum % 11;
        return any != 0 && digits[DIGITS - 1] == (rest <= 1 ? 0 : 11 - rest);
}

/* Its value, or -1. */
static int digit_at(const struct text *t, size_t offset, enum script s) {
        size_t size = scripts[s].size;
        if (offset > t->size || t->size - offset < size)
                return -1;
        const uint8_t *p = t->bytes + offset;
        for (size_t i = 0; i < size; i++)
                if (i != scripts[s].at && p[i] != scripts[s].fixed[i])
                        return -1;
        int value = p[scripts[s].at] - scripts[s].base;
        return value >= 0 && value <= 9 ? value : -1;
}

/* Half-width digits in any of the four encodings, and full-width ones in any: a row goes on with either. */
static const struct neighbours {
        enum script list[4];
        size_t n;
} neighbours[SCRIPT_MAX] = {
        [SCRIPT_ASCII] = { { SCRIPT_ASCII, SCRIPT_UTF8_FULL, SCRIPT_CP932_FULL, SCRIPT_EUC_JP_FULL }, 4 },
        [SCRIPT_UTF8_FULL] = { { SCRIPT_UTF8_FULL, SCRIPT_ASCII }, 2 },
        [SCRIPT_CP932_FULL] = { { SCRIPT_CP932_FULL, SCRIPT_ASCII }, 2 },
        [SCRIPT_EUC_JP_FULL] = { { SCRIPT_EUC_JP_FULL, SCRIPT_ASCII }, 2 },
        [SCRIPT_ISO2022JP_FULL] = { { SCRIPT_ISO2022JP_FULL }, 1 },
        [SCRIPT_UTF16LE_HALF] = { { SCRIPT_UTF16LE_HALF, SCRIPT_UTF16LE_FULL }, 2 },
        [SCRIPT_UTF16LE_FULL] = { { SCRIPT_UTF16LE_HALF, SCRIPT_UTF16LE_FULL }, 2 },
        [SCRIPT_UTF16BE_HALF] = { { SCRIPT_UTF16BE_HALF, SCRIPT_UTF16BE_FULL }, 2 },
        [SCRIPT_UTF16BE_FULL] = { { SCRIPT_UTF16BE_HALF, SCRIPT_UTF16BE_FULL }, 2 },
};

/* In ISO-2022-JP an escape of three bytes stands between the two widths. */
static bool goes_on_behind_escape(const struct text *t, size_t begin, size_t end, enum script s) {
        enum script other = s == SCRIPT_ASCII ? SCRIPT_ISO2022JP_FULL : SCRIPT_ASCII;
        size_t size = 3u + scripts[other].size;
        if (s != SCRIPT_ASCII && s != SCRIPT_ISO2022JP_FULL)
                return false;
        return (end < t->size && t->bytes[end] == 0x1b && digit_at(t, end + 3, other) >= 0) ||
               (begin >= size && t->bytes[begin - 3] == 0x1b && digit_at(t, begin - size, other) >= 0);
}

static bool row_goes_on(const struct text *t, size_t begin, size_t end, enum script s) {
        for (size_t i = 0; i < neighbours[s].n; i++) {
                enum script other = neighbours[s].list[i];
                size_t size = scripts[other].size;
                if (digit_at(t, end, other) >= 0 || (begin >= size && digit_at(t, begin - size, other) >= 0))
                        return true;
        }
        return goes_on_behind_escape(t, begin, end, s);
}

/* Length of the separator at offset, 0: none. *ret: its encoding. */
static size_t separator_at(const struct text *t, size_t offset, enum script s, enum mynumber_encoding *ret) {
        for (size_t i = 0; i < sizeof separators / sizeof *separators; i++) {
                if (!(scripts[s].separators & 1u << separators[i].encoding) || offset > t->size ||
                    t->size - offset < separators[i].size || t->bytes[offset] != (uint8_t) separators[i].bytes[0] ||
                    memcmp(t->bytes + offset, separators[i].bytes, separators[i].size) != 0)
                        continue;
                *ret = separators[i].encoding;
                return separators[i].size;
        }
        return 0;
}

/* UTF-16 that is read from the wrong byte on looks like the other UTF-16. Text stands at even offsets: what begins at
 * an odd one is not it, when the other reading has a digit across one of its ends. */
static bool is_askew(const struct text *t, size_t begin, size_t end, enum script s) {
        static const enum script others[SCRIPT_MAX] = {
                [SCRIPT_UTF16LE_HALF] = SCRIPT_UTF16BE_HALF,
                [SCRIPT_UTF16BE_HALF] = SCRIPT_UTF16LE_HALF,
                [SCRIPT_UTF16LE_FULL] = SCRIPT_UTF16BE_FULL,
                [SCRIPT_UTF16BE_FULL] = SCRIPT_UTF16LE_FULL,
        };
        enum script other = others[s];
        return other != SCRIPT_ASCII && begin % 2 == 1 &&
               (digit_at(t, begin - 1, other) >= 0 || digit_at(t, end - 1, other) >= 0);
}

/* n digits from offset on into ret; false: there are not as many. */
static bool digits_at(const struct text *t, size_t offset, enum script s, size_t n, uint8_t *ret) {
        for (size_t i = 0; i < n; i++) {
                int value = digit_at(t, offset + i * scripts[s].size, s);
                if (value < 0)
                        return false;
                ret[i] = (uint8_t) value;
        }
        return true;
}

static bool is_card(const uint8_t digits[16]) {
        unsigned sum = 0;
        for (unsigned i = 0; i < 16; i++) {
                unsigned value = digits[i] * (i % 2 == 0 ? 2u : 1u);
                sum += value > 9 ? value - 9 : value;
        }
        return sum % 10 == 0;
}

/* Three groups of four with one more, before or behind them, that make a payment card's number. */
static bool is_part_of_card(const struct text *t, size_t begin, size_t end, enum script s,
                            const uint8_t digits[DIGITS]) {
        uint8_t card[DIGITS + GROUP];
        enum mynumber_encoding unused;
        size_t gap = separator_at(t, end, s, &unused), group = (size_t) GROUP * scripts[s].size;
        if (gap > 0 && digits_at(t, end + gap, s, GROUP, card + DIGITS)) {
                memcpy(card, digits, DIGITS);
                if (!row_goes_on(t, end + gap, end + gap + group, s) && is_card(card))
                        return true;
        }
        for (gap = 1; gap <= 9 && gap + group <= begin; gap++) {
                if (separator_at(t, begin - gap, s, &unused) != gap ||
                    !digits_at(t, begin - gap - group, s, GROUP, card) ||
                    row_goes_on(t, begin - gap - group, begin - gap, s))
                        continue;
                memcpy(card + GROUP, digits, DIGITS);
                return is_card(card);
        }
        return false;
}

/* ISO-2022-JP: which set the bytes at offset are of is said by the last escape before it on the line. */
static bool is_kanji_mode(const struct text *t, size_t offset) {
        for (size_t i = offset; i-- > 0 && offset - i < MYNUMBER_CONTEXT && t->bytes[i] != '\n';)
                if (t->bytes[i] == 0x1b && offset - i >= 3)
                        return t->bytes[i + 1] == '$';
        return false;
}

static bool reads_as(const struct text *t, size_t offset, enum script s) {
        if (s == SCRIPT_ASCII)
                return !is_kanji_mode(t, offset);
        return s != SCRIPT_ISO2022JP_FULL || is_kanji_mode(t, offset);
}

bool mynumber_parse(const struct text *t, size_t offset, enum script s, struct mynumber_match *ret) {
        uint8_t digits[DIGITS];
        enum mynumber_encoding encoding = scripts[s].encoding, of_gap = encoding;
        const size_t group = (size_t) GROUP * scripts[s].size;
        size_t at = offset + group;
        bool grouped = false;

        if (!digits_at(t, offset, s, GROUP, digits))
                return false;
        for (size_t have = GROUP; have < DIGITS; have += GROUP, at += group) {
                if (have == GROUP)
                        grouped = digit_at(t, at, s) < 0;
                if (grouped) {
                        size_t gap = separator_at(t, at, s, &of_gap);
                        if (gap == 0)
                                return false;
                        if (of_gap != MYNUMBER_ASCII)
                                encoding = of_gap;
                        at += gap;
                }
                if (!digits_at(t, at, s, GROUP, digits + have))
                        return false;
        }
        if (!mynumber_valid(digits) || row_goes_on(t, offset, at, s) || is_askew(t, offset, at, s) ||
            !reads_as(t, offset, s) || (grouped && is_part_of_card(t, offset, at, s, digits)))
                return false;

        *ret = (struct mynumber_match){
                .offset = offset,
                .length = at - offset,
                .encoding = encoding,
                .form = scripts[s].full ? (grouped ? MYNUMBER_FULL_GROUPED : MYNUMBER_FULL)
                                        : (grouped ? MYNUMBER_HALF_GROUPED : MYNUMBER_HALF),
        };
        ret->score = mynumber_score(t, ret, digits);
        volatile uint8_t *wipe = digits;
        for (size_t i = 0; i < DIGITS; i++)
                wipe[i] = 0;
        return true;
}
