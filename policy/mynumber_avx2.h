/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier for processors with AVX2. A byte's kinds are those that the tables of its two halves have in common
 * (the look-up by PSHUFB of Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019). Included by mynumber.c
 * alone: it has to be inlined into a loop that is compiled for AVX2. */
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include "mynumber_private.h"

#define MYNUMBER_HAS_AVX2 1
#define MYNUMBER_AVX2     __attribute__((target("avx2")))

/* Bits of a kind. A byte is of it when the tables of both its halves say so. */
#define K_WIDE_82  1      /* 82: 4F..58 behind it */
#define K_WIDE_A3  2      /* A3: B0..B9 */
#define K_WIDE_BC  4      /* BC: 90..99 */
#define K_WIDE_FF  8      /* FF: 10..19 */
#define K_HASH     16     /* '#' */
#define K_CONTROL  32     /* NUL, ESC; 0B and 10 too */
#define K_GAP      64     /* space, '-', '.' */
#define K_DIGIT    (-128) /* '0' to '9': the bit that PMOVMSKB takes */

#define K_OF_LOW_0 (K_DIGIT | K_GAP | K_CONTROL)
#define K_OF_LOW_3 (K_DIGIT | K_HASH | K_WIDE_A3)

MYNUMBER_AVX2 static inline __m256i mynumber_lookup(__m256i v, __m256i low, __m256i high) {
        const __m256i half = _mm256_set1_epi8(0x0f);
        return _mm256_and_si256(_mm256_shuffle_epi8(low, _mm256_and_si256(v, half)),
                                _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4), half)));
}

MYNUMBER_AVX2 static inline uint64_t mynumber_bits(__m256i low, __m256i high) {
        return (uint64_t) (uint32_t) _mm256_movemask_epi8(low) | (uint64_t) (uint32_t) _mm256_movemask_epi8(high) << 32;
}

/* The bit of a kind, moved to where PMOVMSKB takes it. */
#define MYNUMBER_BITS_OF(a, b, shift) mynumber_bits(_mm256_slli_epi16(a, shift), _mm256_slli_epi16(b, shift))

#define MYNUMBER_TABLE(...)           _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/* Where a full-width digit may begin. */
MYNUMBER_AVX2 static inline uint64_t mynumber_wide(__m256i kinds_a, __m256i kinds_b, __m256i behind_a,
                                                   __m256i behind_b) {
        /* 4F..58 is 4F, 40..48, 5F and 50..58 here: a few more than there are, which the parser refuses. */
        const __m256i low = MYNUMBER_TABLE(15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 0, 0, 0, 0, 0, 1);
        const __m256i high = MYNUMBER_TABLE(0, 8, 0, 0, 1, 1, 0, 0, 0, 4, 0, 2, 0, 0, 0, 0);
        const __m256i none = _mm256_setzero_si256(), leads = _mm256_set1_epi8(15);
        __m256i a = _mm256_and_si256(_mm256_and_si256(kinds_a, leads), mynumber_lookup(behind_a, low, high));
        __m256i b = _mm256_and_si256(_mm256_and_si256(kinds_b, leads), mynumber_lookup(behind_b, low, high));
        if (_mm256_testz_si256(_mm256_or_si256(a, b), _mm256_set1_epi8(-1)))
                return 0;
        return ~mynumber_bits(_mm256_cmpeq_epi8(a, none), _mm256_cmpeq_epi8(b, none));
}

MYNUMBER_AVX2 static inline void mynumber_classify_avx2(const uint8_t bytes[64], uint8_t next, struct block *ret) {
        const __m256i low =
                MYNUMBER_TABLE(K_OF_LOW_0, K_DIGIT, K_DIGIT | K_WIDE_82, K_OF_LOW_3, K_DIGIT, K_DIGIT, K_DIGIT, K_DIGIT,
                               K_DIGIT, K_DIGIT, 0, K_CONTROL, K_WIDE_BC, K_GAP, K_GAP, K_WIDE_FF);
        const __m256i high = MYNUMBER_TABLE(K_CONTROL, K_CONTROL, K_GAP | K_HASH, K_DIGIT, 0, 0, 0, 0, K_WIDE_82, 0,
                                            K_WIDE_A3, K_WIDE_BC, 0, 0, 0, K_WIDE_FF);
        __m256i a = _mm256_loadu_si256((const __m256i *) (const void *) bytes);
        __m256i b = _mm256_loadu_si256((const __m256i *) (const void *) (bytes + 32));
        __m256i kinds_a = mynumber_lookup(a, low, high), kinds_b = mynumber_lookup(b, low, high);

        ret->digit = mynumber_bits(kinds_a, kinds_b);
        ret->gap = MYNUMBER_BITS_OF(kinds_a, kinds_b, 1);
        ret->high = mynumber_bits(a, b);
        ret->odd = 0;
        ret->wide = 0;
        __m256i odd = _mm256_set1_epi8(K_HASH | K_CONTROL);
        if (!_mm256_testz_si256(_mm256_or_si256(kinds_a, kinds_b), odd))
                ret->odd = MYNUMBER_BITS_OF(kinds_a, kinds_b, 2) | MYNUMBER_BITS_OF(kinds_a, kinds_b, 3);
        if (ret->high) {
                __m256i behind_a = _mm256_loadu_si256((const __m256i *) (const void *) (bytes + 1));
                __m256i behind_b = _mm256_insert_epi8(_mm256_alignr_epi8(_mm256_permute2x128_si256(b, b, 0x81), b, 1),
                                                      (char) next, 31);
                ret->wide = mynumber_wide(kinds_a, kinds_b, behind_a, behind_b);
        }
}
#endif
