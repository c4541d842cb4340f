/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The portable classifier: eight bytes at a time in one word, without carries from a byte into the next. The top bit of
 * a byte says yes. */
#include <endian.h>
#include <string.h>

#include "mynumber_private.h"

#define EACH(byte) ((byte) *UINT64_C(0x0101010101010101))
#define TOPS       EACH(0x80)
#define REST       EACH(0x7f)

static inline uint64_t load(const uint8_t *bytes) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        return le64toh(word);
}

static inline uint64_t equals(uint64_t word, uint8_t byte) {
        uint64_t differs = word ^ EACH(byte);
        return ~(((differs & REST) + REST) | differs) & TOPS;
}

/* From lowest to lowest + 9, which have the same top bit. */
static inline uint64_t is_one_of_ten(uint64_t word, uint8_t lowest) {
        uint64_t rest = word & REST, top = ~(word ^ EACH(lowest));
        return (rest + EACH(0x80u - (lowest & 0x7fu))) & ~(rest + EACH(0x76u - (lowest & 0x7fu))) & top & TOPS;
}

/* The eight top bits side by side. */
static inline uint64_t gather(uint64_t tops) {
        return (tops >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

#define FOR_EACH_WORD(i) for (unsigned i = 0; i < 64; i += 8)

uint64_t mynumber_digit(const uint8_t *block) {
        uint64_t mask = 0;
        FOR_EACH_WORD(i)
        mask |= gather(is_one_of_ten(load(block + i), '0')) << i;
        return mask;
}

static inline uint64_t is_odd(uint64_t word) {
        return equals(word, 0) | equals(word, 0x1b) | equals(word, '#');
}

uint64_t mynumber_rare(const uint8_t *block) {
        uint64_t mask = 0;
        FOR_EACH_WORD(i) {
                uint64_t word = load(block + i);
                mask |= gather((word & TOPS) | is_odd(word)) << i;
        }
        return mask;
}

bool mynumber_has_odd(const uint8_t *block) {
        uint64_t any = 0;
        FOR_EACH_WORD(i)
        any |= is_odd(load(block + i));
        return any != 0;
}

uint64_t mynumber_behind_gap(const uint8_t *block) {
        uint64_t mask = 0;
        FOR_EACH_WORD(i) {
                uint64_t word = load(block + i - MYNUMBER_BEFORE);
                mask |= gather(equals(word, ' ') | equals(word, '-') | equals(word, '.')) << i;
        }
        return mask;
}

uint64_t mynumber_wide(const uint8_t *block) {
        uint64_t mask = 0;
        FOR_EACH_WORD(i) {
                uint64_t word = load(block + i), behind = load(block + i + 1);
                mask |= gather((equals(word, 0x82) & is_one_of_ten(behind, 0x4f)) |
                               (equals(word, 0xa3) & is_one_of_ten(behind, 0xb0)) |
                               (equals(word, 0xbc) & is_one_of_ten(behind, 0x90)) |
                               (equals(word, 0xff) & is_one_of_ten(behind, 0x10)))
                        << i;
        }
        return mask;
}
