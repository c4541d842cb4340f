/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run over the bytes: 64 at a time become masks, bit i for byte i, and shifting the masks finds where rows of
 * twelve digits, or of four, end. Masks of the block before are kept, since what ends here may have begun there. */
#include <string.h>

#include "mynumber_avx2.h"
#include "mynumber_private.h"

#define BLOCK 64u

/* Masks of the block before. */
struct trail {
        uint64_t digit, gap, r2, r4, r12, two_groups, le, be, jis;
};

struct run {
        struct text text;
        size_t begin, end;
        bool (*found)(const struct mynumber_match *m, void *userdata);
        void *userdata;
        struct trail before;
};

/* Bit i of the result is what was at i - n. */
#define BACK(name, now, n) ((now) << (n) | r->before.name >> (BLOCK - (n)))

/* False to stop. */
static bool try_at(const struct run *r, size_t offset, enum script s) {
        struct mynumber_match m;
        if (offset < r->begin || offset >= r->end || !mynumber_parse(&r->text, offset, s, &m))
                return true;
        return r->found(&m, r->userdata);
}

/* ends: bits of the bytes at (or behind, with the matching back) the last digit. */
static bool try_each(const struct run *r, size_t base, uint64_t ends, size_t back, enum script s) {
        for (; ends; ends &= ends - 1) {
                size_t at = base + (size_t) __builtin_ctzll(ends);
                if (at >= back && !try_at(r, at - back, s))
                        return false;
        }
        return true;
}

/* Four half-width digits, and then no separator of ASCII: perhaps one of another encoding. The first gap may be either.
 */
static bool try_mixed_gaps(const struct run *r, size_t base, uint64_t behind) {
        for (; behind; behind &= behind - 1) {
                size_t at = base + (size_t) __builtin_ctzll(behind);
                if (at >= 4 && !try_at(r, at - 4, SCRIPT_ASCII))
                        return false;
                if (at >= 9 &&
                    (r->text.bytes[at - 5] == ' ' || r->text.bytes[at - 5] == '-' || r->text.bytes[at - 5] == '.') &&
                    !try_at(r, at - 9, SCRIPT_ASCII))
                        return false;
        }
        return true;
}

/* Where rows of full-width digits begin. A bit stands at the lead byte, in UTF-8 at the second of three. */
static bool try_wide(const struct run *r, size_t base, uint64_t wide) {
        for (; wide; wide &= wide - 1) {
                size_t at = base + (size_t) __builtin_ctzll(wide);
                bool on = true;
                switch (r->text.bytes[at]) {
                case 0x82:
                        on = try_at(r, at, SCRIPT_CP932_FULL);
                        break;
                case 0xa3:
                        on = try_at(r, at, SCRIPT_EUC_JP_FULL);
                        break;
                case 0xbc:
                        on = at == 0 || try_at(r, at - 1, SCRIPT_UTF8_FULL);
                        break;
                case 0xff: /* the two UTF-16 look alike but for where they begin */
                        on = try_at(r, at, SCRIPT_UTF16BE_FULL) && (at == 0 || try_at(r, at - 1, SCRIPT_UTF16LE_FULL));
                        break;
                default:
                        break;
                }
                if (!on)
                        return false;
        }
        return true;
}

static uint64_t bytes_equal(const uint8_t bytes[BLOCK], uint8_t value) {
        uint64_t mask = 0;
        for (unsigned i = 0; i < BLOCK; i++)
                mask |= (uint64_t) (bytes[i] == value) << i;
        return mask;
}

/* UTF-16 and ISO-2022-JP: digits with something between them. Bits stand at the second byte of a digit. */
static bool try_odd(struct run *r, size_t base, const uint8_t bytes[BLOCK], const struct block *b) {
        uint64_t zero = bytes_equal(bytes, 0), hash = bytes_equal(bytes, '#');
        uint64_t le = zero & BACK(digit, b->digit, 1);
        uint64_t be = b->digit & (zero << 1 | (base > 0 && r->text.bytes[base - 1] == 0));
        uint64_t jis = b->digit & (hash << 1 | (base > 0 && r->text.bytes[base - 1] == '#'));
        uint64_t le_starts = le & ~BACK(le, le, 2), be_starts = be & ~BACK(be, be, 2),
                 jis_starts = jis & ~BACK(jis, jis, 2);
        r->before.le = le, r->before.be = be, r->before.jis = jis;
        return try_each(r, base, le_starts, 1, SCRIPT_UTF16LE_HALF) &&
               try_each(r, base, be_starts, 1, SCRIPT_UTF16BE_HALF) &&
               try_each(r, base, jis_starts, 1, SCRIPT_ISO2022JP_FULL);
}

/* Rows of full-width digits, and half-width ones among what is not ASCII. Rare enough to stand apart. */
static __attribute__((noinline)) bool look_beyond_ascii(struct run *r, size_t base, const uint8_t bytes[BLOCK],
                                                        const struct block *b, uint64_t r4, uint64_t behind) {
        uint64_t four = behind & (b->high | b->odd) & BACK(r4, r4, 1) & ~BACK(digit, b->digit, 5);
        return try_mixed_gaps(r, base, four) && try_wide(r, base, b->wide) && (!b->odd || try_odd(r, base, bytes, b));
}

/* Rows of four digits and more end in this block. */
static __attribute__((noinline)) bool look_at_rows(struct run *r, size_t base, uint64_t grouped, uint64_t r12,
                                                   uint64_t digit) {
        /* Twelve and not more: the thirteenth back from the end is none. */
        uint64_t behind = ~digit & BACK(digit, digit, 1);
        uint64_t exact = behind & BACK(r12, r12, 1) & ~BACK(digit, digit, 13);
        return try_each(r, base, grouped, 13, SCRIPT_ASCII) && try_each(r, base, exact, 12, SCRIPT_ASCII);
}

static inline __attribute__((always_inline)) bool look(struct run *r, size_t base, const uint8_t bytes[BLOCK],
                                                       const struct block *b) {
        uint64_t r2 = b->digit & BACK(digit, b->digit, 1);
        uint64_t r4 = r2 & BACK(r2, r2, 2);
        uint64_t r12 = 0, two_groups = 0;
        bool on = true;

        if (r4 | r->before.r4) {
                r12 = r4 & BACK(r4, r4, 4) & BACK(r4, r4, 8);
                two_groups = r4 & BACK(gap, b->gap, 4) & BACK(r4, r4, 5);
                uint64_t grouped = two_groups & BACK(two_groups, two_groups, 5);
                if (grouped | r12 | r->before.r12 >> 63)
                        on = look_at_rows(r, base, grouped, r12, b->digit);
        }
        if ((b->wide | b->odd) || (b->high && (r4 | r->before.r4)))
                on = on && look_beyond_ascii(r, base, bytes, b, r4, ~b->digit & BACK(digit, b->digit, 1));
        if (!b->odd)
                r->before.le = r->before.be = r->before.jis = 0;
        r->before.digit = b->digit, r->before.gap = b->gap, r->before.r2 = r2, r->before.r4 = r4;
        r->before.r12 = r12, r->before.two_groups = two_groups;
        return on;
}

/* Inlined into both of its users below, each with a classifier of its own. */
static inline __attribute__((always_inline)) bool run_over(struct run *r, classify_fn *classify) {
        uint8_t last[BLOCK] = { 0 };
        struct block b;
        size_t base = 0;
        for (; r->text.size - base >= BLOCK; base += BLOCK) {
                const uint8_t *bytes = r->text.bytes + base;
                classify(bytes, r->text.size - base > BLOCK ? bytes[BLOCK] : 0, &b);
                if (!look(r, base, bytes, &b))
                        return false;
        }
        /* The rest, perhaps none, and NULs behind it: a row ends there that ends with the text. */
        if (r->text.size > base)
                memcpy(last, r->text.bytes + base, r->text.size - base);
        classify(last, 0, &b);
        return look(r, base, last, &b);
}

static struct run run_of(const void *bytes, size_t size, size_t begin, size_t end,
                         bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata) {
        return (struct run){ { bytes, size }, begin, end, found, userdata, { 0 } };
}

bool mynumber_scan_portable(const void *bytes, size_t size, size_t begin, size_t end,
                            bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata) {
        struct run r = run_of(bytes, size, begin, end, found, userdata);
        return run_over(&r, mynumber_classify_portable);
}

#ifdef MYNUMBER_HAS_AVX2
MYNUMBER_AVX2 static bool run_over_avx2(struct run *r) {
        return run_over(r, mynumber_classify_avx2);
}
#endif

bool mynumber_scan(const void *bytes, size_t size, size_t begin, size_t end,
                   bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata) {
#ifdef MYNUMBER_HAS_AVX2
        if (__builtin_cpu_supports("avx2")) {
                struct run r = run_of(bytes, size, begin, end, found, userdata);
                return run_over_avx2(&r);
        }
#endif
        return mynumber_scan_portable(bytes, size, begin, end, found, userdata);
}

static bool stop_at_likely(const struct mynumber_match *m, void *userdata) {
        (void) userdata;
        return m->score < MYNUMBER_LIKELY;
}

bool mynumber_any(const void *bytes, size_t size) {
        return !mynumber_scan(bytes, size, 0, size, stop_at_likely, NULL);
}
