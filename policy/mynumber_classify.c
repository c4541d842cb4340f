/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The portable classifier: a table with one bit for each kind of byte, eight bytes at a time. */
#include "mynumber_private.h"

enum {
        DIGIT = 1,
        GAP = 2,
        HIGH = 4,
        ODD = 8,
        LEAD_CP932 = 16,
        LEAD_EUC = 32,
        SECOND_UTF8 = 64,
        LEAD_UTF16 = 128,
};

#define RANGE_OF_DIGITS(base, of)                                                                                      \
        [base] = of, [base + 1] = of, [base + 2] = of, [base + 3] = of, [base + 4] = of, [base + 5] = of,              \
        [base + 6] = of, [base + 7] = of, [base + 8] = of, [base + 9] = of
#define SIXTEEN(base)                                                                                                  \
        RANGE_OF_DIGITS(base, HIGH), [base + 10] = HIGH, [base + 11] = HIGH, [base + 12] = HIGH, [base + 13] = HIGH,   \
                                             [base + 14] = HIGH, [base + 15] = HIGH

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* a few of the high bytes are more than that */
static const uint8_t kinds[256] = {
        SIXTEEN(0x80),
        SIXTEEN(0x90),
        SIXTEEN(0xa0),
        SIXTEEN(0xb0),
        SIXTEEN(0xc0),
        SIXTEEN(0xd0),
        SIXTEEN(0xe0),
        SIXTEEN(0xf0),
        RANGE_OF_DIGITS('0', DIGIT),
        [' '] = GAP,
        ['-'] = GAP,
        ['.'] = GAP,
        [0x00] = ODD,
        [0x0b] = ODD,
        [0x10] = ODD,
        [0x1b] = ODD,
        ['#'] = ODD,
        [0x82] = HIGH | LEAD_CP932,
        [0xa3] = HIGH | LEAD_EUC,
        [0xbc] = HIGH | SECOND_UTF8,
        [0xff] = HIGH | LEAD_UTF16,
};
#pragma GCC diagnostic pop

static const uint8_t behind_lead[256] = {
        RANGE_OF_DIGITS(0x4f, LEAD_CP932),
        RANGE_OF_DIGITS(0xb0, LEAD_EUC),
        RANGE_OF_DIGITS(0x90, SECOND_UTF8),
        RANGE_OF_DIGITS(0x10, LEAD_UTF16),
};

void mynumber_classify_portable(const uint8_t bytes[64], uint8_t next, struct block *ret) {
        *ret = (struct block){ 0 };
        for (unsigned i = 0; i < 64; i++) {
                uint8_t kind = kinds[bytes[i]], behind = behind_lead[i < 63 ? bytes[i + 1] : next];
                uint64_t bit = UINT64_C(1) << i;
                ret->digit |= kind & DIGIT ? bit : 0;
                ret->gap |= kind & GAP ? bit : 0;
                ret->high |= kind & HIGH ? bit : 0;
                ret->odd |= kind & ODD ? bit : 0;
                ret->wide |= kind & behind ? bit : 0;
        }
}
