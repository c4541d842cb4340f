/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier for processors with AVX2. Included by mynumber.c alone: it has to be inlined into a loop that is
 * compiled for AVX2. */
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include "mynumber_private.h"

#define MYNUMBER_HAS_AVX2   1
#define MYNUMBER_AVX2       __attribute__((target("avx2")))

#define MYNUMBER_TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

MYNUMBER_AVX2 static inline __m256i avx2_load(const uint8_t *bytes) {
        return _mm256_loadu_si256((const __m256i *) (const void *) bytes);
}

/* The top bits. */
MYNUMBER_AVX2 static inline uint64_t avx2_bits(__m256i low, __m256i high) {
        return (uint64_t) (uint32_t) _mm256_movemask_epi8(low) | (uint64_t) (uint32_t) _mm256_movemask_epi8(high) << 32;
}

/* Whether it is in the table at the place of its low half. PSHUFB gives 0 for one of 0x80 and above. */
MYNUMBER_AVX2 static inline __m256i avx2_is_in(__m256i v, __m256i table) {
        return _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(table, v));
}

MYNUMBER_AVX2 static inline uint64_t avx2_digit(const uint8_t *block) {
        const __m256i table = MYNUMBER_TABLE('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 0, 0, 0, 0, 0, 0);
        return avx2_bits(avx2_is_in(avx2_load(block), table), avx2_is_in(avx2_load(block + 32), table));
}

MYNUMBER_AVX2 static inline __m256i avx2_is_odd(__m256i v) {
        return avx2_is_in(v, MYNUMBER_TABLE(0, 0, 0, '#', 0, 0, 0, 0, 0, 0, 0, 0x1b, 0, 0, 0, 0));
}

MYNUMBER_AVX2 static inline uint64_t avx2_rare(const uint8_t *block) {
        __m256i a = avx2_load(block), b = avx2_load(block + 32);
        return avx2_bits(_mm256_or_si256(a, avx2_is_odd(a)), _mm256_or_si256(b, avx2_is_odd(b)));
}

MYNUMBER_AVX2 static inline bool avx2_has_odd(const uint8_t *block) {
        return _mm256_movemask_epi8(
                       _mm256_or_si256(avx2_is_odd(avx2_load(block)), avx2_is_odd(avx2_load(block + 32)))) != 0;
}

MYNUMBER_AVX2 static inline uint64_t avx2_behind_gap(const uint8_t *block) {
        const __m256i table = MYNUMBER_TABLE(' ', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '-', '.', 0);
        const uint8_t *before = block - MYNUMBER_BEFORE;
        return avx2_bits(avx2_is_in(avx2_load(before), table), avx2_is_in(avx2_load(before + 32), table));
}

/* 82 with 4F..58 behind it, A3 with B0..B9, BC with 90..99, FF with 10..19: the low half of the lead's absolute value
 * (7E, 5D, 44, 01) says which. Taken from the first of ten and 127, the ten are the highest of the signed values. */
MYNUMBER_AVX2 static inline __m256i avx2_is_wide(const uint8_t *bytes) {
        const __m256i leads =
                MYNUMBER_TABLE(-1, (char) 0xff, 0, 0, (char) 0xbc, 0, 0, 0, 0, 0, 0, 0, 0, (char) 0xa3, (char) 0x82, 0);
        const __m256i bases = MYNUMBER_TABLE(0, (char) (0x10 + 127), 0, 0, (char) (0x90 + 127), 0, 0, 0, 0, 0, 0, 0, 0,
                                             (char) (0xb0 + 127), (char) (0x4f + 127), 0);
        __m256i v = avx2_load(bytes), which = _mm256_abs_epi8(v);
        __m256i from_highest = _mm256_sub_epi8(_mm256_shuffle_epi8(bases, which), avx2_load(bytes + 1));
        return _mm256_and_si256(_mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(leads, which)),
                                _mm256_cmpgt_epi8(from_highest, _mm256_set1_epi8(127 - 10)));
}

MYNUMBER_AVX2 static inline uint64_t avx2_wide(const uint8_t *block) {
        __m256i a = avx2_is_wide(block), b = avx2_is_wide(block + 32);
        return _mm256_movemask_epi8(_mm256_or_si256(a, b)) ? avx2_bits(a, b) : 0;
}

static const struct classifier mynumber_avx2 = { avx2_digit, avx2_rare, avx2_behind_gap, avx2_has_odd, avx2_wide };
#endif
