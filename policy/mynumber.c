/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run over the bytes: 64 at a time become masks, bit i for byte i, and shifting the masks finds where rows of four
 * digits end, and three of them behind each other or with a byte between. Masks of the block before are kept, since
 * what ends here may have begun there. What a mask lets through is perhaps a number: mynumber_parse() says. */
#include <string.h>

#include "mynumber_avx2.h"
#include "mynumber_private.h"

#define BLOCK 64u
#define AHEAD 4096u /* a page: the processor itself does not look ahead beyond the end of one */

/* Where a full-width digit may have its neighbour in another block. */
#define AT_BORDERS (UINT64_C(7) | UINT64_C(7) << 61)

/* Of a block and of the one before. */
struct bits {
        uint64_t now, before;
};

/* A bit stands at the last digit of so many. */
struct rows {
        struct bits digit, two, four;
        struct bits grouped; /* eight, with a gap between the fours */
};

/* What few blocks have; next: where the block behind the last of them begins. */
struct rarity {
        struct bits one, two;
        size_t next;
};

struct run {
        struct text text;
        size_t begin, end;
        bool (*found)(const struct mynumber_match *m, void *userdata);
        void *userdata;
        struct rarity spaced, wide;
};

static inline void advance(struct bits *b, uint64_t now) {
        *b = (struct bits){ now, b->now };
}

/* Bit i of the result is what was at i - n. */
static inline uint64_t back(struct bits b, unsigned n) {
        return (b.now << n) + (b.before >> (BLOCK - n));
}

static void advance_rarity(struct rarity *r, size_t base) {
        if (r->next != base)
                r->one.now = r->two.now = 0;
        r->next = base + BLOCK;
}

static size_t take_lowest(uint64_t *bits, size_t base) {
        size_t at = base + (size_t) __builtin_ctzll(*bits);
        *bits &= *bits - 1;
        return at;
}

static uint8_t byte_at(const struct run *r, size_t at) {
        return at < r->text.size ? r->text.bytes[at] : 0;
}

static bool is_gap(uint8_t c) {
        return c == ' ' || c == '-' || c == '.';
}

/* False to stop. */
static bool try_at(const struct run *r, size_t offset, enum script s) {
        struct mynumber_match m;
        if (offset < r->begin || offset >= r->end || !mynumber_parse(&r->text, offset, s, &m))
                return true;
        return r->found(&m, r->userdata);
}

/* Twelve digits, or three times four with gaps, end in this block. */
static __attribute__((noinline)) bool look_at_rows(const struct run *r, size_t base, uint64_t plain, uint64_t grouped) {
        while (plain)
                if (!try_at(r, take_lowest(&plain, base) - 11, SCRIPT_ASCII))
                        return false;
        while (grouped)
                if (!try_at(r, take_lowest(&grouped, base) - 13, SCRIPT_ASCII))
                        return false;
        return true;
}

/* The first bytes of the separators that are not of ASCII: quicker than the parser, since behind four digits stands
 * mostly something else. */
static const bool begins_other_gap[256] = {
        [0x1b] = true,                                              /* ISO-2022-JP */
        [0x81] = true, [0xa5] = true, [0xb0] = true,                /* CP932 */
        [0x8e] = true, [0xa1] = true,                               /* EUC-JP */
        [0xc2] = true, [0xe2] = true, [0xe3] = true, [0xef] = true, /* UTF-8 */
};

/* Four half-width digits, and at this place perhaps a separator of another encoding. The first gap may be either. */
static __attribute__((noinline)) bool try_mixed_gaps(const struct run *r, size_t at) {
        if (!try_at(r, at - 4, SCRIPT_ASCII))
                return false;
        return at < 9 || !is_gap(byte_at(r, at - 5)) || try_at(r, at - 9, SCRIPT_ASCII);
}

/* UTF-16 and ISO-2022-JP: digits with something between them. Bits stand at the third. */
static bool try_spaced(const struct run *r, size_t base, uint64_t third) {
        while (third) {
                size_t at = take_lowest(&third, base);
                bool on = true;
                if (byte_at(r, at - 1) == 0)
                        on = try_at(r, at - 4, SCRIPT_UTF16LE_HALF) &&
                             (at < 5 || try_at(r, at - 5, SCRIPT_UTF16BE_HALF));
                else if (byte_at(r, at - 1) == '#' && at >= 5)
                        on = try_at(r, at - 5, SCRIPT_ISO2022JP_FULL);
                if (!on)
                        return false;
        }
        return true;
}

/* Rows of full-width digits. A bit stands at the lead byte of the third, in UTF-8 at the second of its three bytes. */
static bool try_wide(const struct run *r, size_t base, uint64_t third) {
        while (third) {
                size_t at = take_lowest(&third, base);
                bool on = true;
                switch (byte_at(r, at)) {
                case 0x82:
                        on = try_at(r, at - 4, SCRIPT_CP932_FULL);
                        break;
                case 0xa3:
                        on = try_at(r, at - 4, SCRIPT_EUC_JP_FULL);
                        break;
                case 0xbc:
                        on = at < 7 || try_at(r, at - 7, SCRIPT_UTF8_FULL);
                        break;
                case 0xff: /* the two UTF-16 look alike but for where they begin */
                        on = try_at(r, at - 4, SCRIPT_UTF16BE_FULL) &&
                             (at < 5 || try_at(r, at - 5, SCRIPT_UTF16LE_FULL));
                        break;
                default:
                        break;
                }
                if (!on)
                        return false;
        }
        return true;
}

static __attribute__((noinline)) bool look_at_odd(struct run *r, size_t base, struct bits digit) {
        struct rarity *spaced = &r->spaced;
        advance_rarity(spaced, base);
        advance(&spaced->one, digit.now & ~back(digit, 1) & back(digit, 2));
        return try_spaced(r, base, spaced->one.now & back(spaced->one, 2));
}

static __attribute__((noinline)) bool look_at_wide(struct run *r, size_t base, uint64_t now) {
        struct rarity *wide = &r->wide;
        advance_rarity(wide, base);
        advance(&wide->one, now);
        advance(&wide->two, now & (back(wide->one, 2) | back(wide->one, 3)));
        return try_wide(r, base, wide->two.now & (back(wide->two, 2) | back(wide->two, 3)));
}

/* What a byte costs is the number of instructions here: each more is seen in the figures. */
static inline __attribute__((always_inline)) bool look(struct run *r, size_t base, const uint8_t *block,
                                                       const struct classifier *c, struct rows *rows) {
        uint64_t digit = c->digit(block), rare = c->rare(block), grouped = 0;
        bool on = true;
        advance(&rows->digit, digit);
        advance(&rows->two, digit & back(rows->digit, 1));
        advance(&rows->four, rows->two.now & back(rows->two, 2));
        if (rows->four.now)
                grouped = rows->four.now & c->behind_gap(block) & back(rows->four, 5);
        advance(&rows->grouped, grouped);
        if (rows->four.now) {
                uint64_t twelve = rows->four.now & back(rows->four, 4) & back(rows->four, 8);
                uint64_t plain = twelve & ~back(rows->digit, 12) & ~(digit >> 1);
                grouped &= back(rows->grouped, 5);
                if (plain | grouped)
                        on = look_at_rows(r, base, plain, grouped);
        }
        if (!rare)
                return on;
        if (rows->four.now | rows->four.before >> (BLOCK - 1)) {
                uint64_t behind_four = rare & back(rows->four, 1) & ~back(rows->digit, 5);
                while (behind_four) {
                        size_t i = take_lowest(&behind_four, 0);
                        if (begins_other_gap[block[i]])
                                on = on && try_mixed_gaps(r, base + i);
                }
        }
        if (c->has_odd(block))
                on = on && look_at_odd(r, base, rows->digit);
        uint64_t wide = c->wide(block);
        if (wide & (wide >> 2 | wide >> 3 | AT_BORDERS))
                on = on && look_at_wide(r, base, wide);
        return on;
}

/* The first block and the last, with NULs where there is no text. */
static const uint8_t *edge(const struct text *t, size_t base, uint8_t room[MYNUMBER_BEFORE + BLOCK + 1]) {
        size_t before = base > 0 ? MYNUMBER_BEFORE : 0, rest = t->size - base;
        memset(room, 0, MYNUMBER_BEFORE + BLOCK + 1);
        memcpy(room + MYNUMBER_BEFORE - before, t->bytes + base - before, before + (rest > BLOCK ? BLOCK + 1 : rest));
        return room + MYNUMBER_BEFORE;
}

/* Inlined into both of its users below, each with a classifier of its own. */
static inline __attribute__((always_inline)) bool run_over(struct run *r, const struct classifier *c) {
        uint8_t room[MYNUMBER_BEFORE + BLOCK + 1];
        const struct text t = r->text;
        struct rows rows = { 0 };
        const size_t last = t.size > 0 ? (t.size - 1) / BLOCK * BLOCK : 0;
        for (size_t base = 0; base <= last; base += BLOCK) {
                const uint8_t *block = base - 1 < last - 1 ? t.bytes + base : edge(&t, base, room);
                __builtin_prefetch(block + AHEAD);
                if (!look(r, base, block, c, &rows))
                        return false;
        }
        return true;
}

static struct run run_of(const void *bytes, size_t size, size_t begin, size_t end,
                         bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata) {
        return (struct run){ { bytes, size }, begin, end, found, userdata, { { 0 }, { 0 }, 0 }, { { 0 }, { 0 }, 0 } };
}

bool mynumber_scan_portable(const void *bytes, size_t size, size_t begin, size_t end,
                            bool (*found)(const struct mynumber_match *m, void *userdata), void *userdata) {
        struct run r = run_of(bytes, size, begin, end, found, userdata);
        return run_over(&r, &mynumber_portable);
}

#ifdef MYNUMBER_HAS_AVX2
MYNUMBER_AVX2 static bool run_over_avx2(struct run *r) {
        return run_over(r, &mynumber_avx2);
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
