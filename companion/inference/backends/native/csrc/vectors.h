/* Vectors of the kernels: GCC's own (also understood by clang), as wide as the registers of the processor. Only what compilers do not
 * find by themselves is written for each kind of processor: the product of bytes, and conversions from and to bytes. */
#ifndef COMPANION_VECTORS_H
#define COMPANION_VECTORS_H

#include "engine.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#define TILE_ROWS 8 /* rows whose sums stay in registers while they are multiplied with a panel */
#elif defined(__AVX2__)
#define LANES 8
#define TILE_ROWS 4
#else
#define LANES 4
#define TILE_ROWS 4
#endif

/* The largest level of an input, and how many steps of the second level make one of the first.
 * Where products are added in 16 bits, 2 * 255 * 63 is the largest sum that fits. */
#if defined(__AVX2__) && !defined(__AVX512VNNI__) && !defined(__AVXVNNI__)
#define LARGEST 63
#define STEPS 128
#else
#define LARGEST 127
#define STEPS 256
#endif

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef int8_t Bytes __attribute__((vector_size(LANES)));
typedef uint16_t Shorts __attribute__((vector_size(2 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE Floats load(const float *from) { Floats x; memcpy(&x, from, sizeof x); return x; }
INLINE void put(float *to, Floats x) { memcpy(to, &x, sizeof x); }
INLINE Floats all(float x) { return x - (Floats){0}; }
INLINE Ints all_int(int32_t x) { return x - (Ints){0}; }
INLINE Floats to_floats(Ints x) { return __builtin_convertvector(x, Floats); }
INLINE Floats magnitude(Floats x) { return (Floats)((Ints)x & 0x7fffffff); }

/* Lane by lane: a where the comparison held, b elsewhere. */
INLINE Ints pick_ints(Ints held, Ints a, Ints b) { return (a & held) | (b & ~held); }
INLINE Floats pick(Ints held, Floats a, Floats b) { return (Floats)pick_ints(held, (Ints)a, (Ints)b); }
INLINE Floats greater(Floats a, Floats b) { return pick(a > b, a, b); }

/* Whole numbers below 2^22. Adding 1.5 * 2^23 rounds, and leaves the number in the lowest bits. */
#define ROUNDING 12582912.0f
INLINE Ints nearest(Floats x) { return (Ints)(x + ROUNDING) - (Ints)all(ROUNDING); }

/* One number from all lanes. */
#define REDUCE(name, type, vector, join) \
    INLINE type name(vector x) { \
        type lanes[LANES]; \
        memcpy(lanes, &x, sizeof x); \
        for (int width = LANES / 2; width; width /= 2) \
            for (int lane = 0; lane < width; lane++) lanes[lane] = join(lanes[lane], lanes[lane + width]); \
        return lanes[0]; \
    }
#define ADD(a, b) ((a) + (b))
#define MOST(a, b) ((a) > (b) ? (a) : (b))
#if defined(__AVX512F__)
INLINE float sum(Floats x) { return _mm512_reduce_add_ps((__m512)x); }
INLINE int32_t sum_ints(Ints x) { return _mm512_reduce_add_epi32((__m512i)x); }
INLINE float largest(Floats x) { return _mm512_reduce_max_ps((__m512)x); }
#else
REDUCE(sum, float, Floats, ADD)
REDUCE(sum_ints, int32_t, Ints, ADD)
REDUCE(largest, float, Floats, MOST)
#endif

/* Bytes with a sign as numbers. (GCC 12 turns the plain conversion into one instruction for each lane.) */
INLINE Floats widen(const int8_t *from) {
#if defined(__AVX512F__)
    return (Floats)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)from)));
#elif defined(__AVX2__)
    return (Floats)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)));
#else
    Bytes bytes;
    memcpy(&bytes, from, sizeof bytes);
    return to_floats(__builtin_convertvector(bytes, Ints));
#endif
}

/* Numbers between -128 and 127 as bytes. */
INLINE void narrow(int8_t *to, Ints x) {
#if defined(__AVX512F__)
    _mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8((__m512i)x));
#elif defined(__AVX2__)
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
    _mm_storel_epi64((__m128i *)to, _mm_packs_epi16(words, words));
#else
    Bytes bytes = __builtin_convertvector(x, Bytes);
    memcpy(to, &bytes, sizeof bytes);
#endif
}

/* bfloat16 as floats. */
INLINE Floats scales_of(const uint16_t *from) {
    Shorts raw;
    memcpy(&raw, from, sizeof raw);
    return (Floats)(__builtin_convertvector(raw, Words) << 16);
}

/* sums[lane] += the four levels of that lane (unsigned) times the four bytes at `x` (signed). */
INLINE Ints product(Ints sums, const uint8_t *levels, const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
#if defined(__AVX512VNNI__)
    return (Ints)_mm512_dpbusd_epi32((__m512i)sums, _mm512_loadu_si512(levels), _mm512_set1_epi32(four));
#elif defined(__AVXVNNI__)
    return (Ints)_mm256_dpbusd_avx_epi32((__m256i)sums, _mm256_loadu_si256((const __m256i *)levels), _mm256_set1_epi32(four));
#elif defined(__AVX2__)
    __m256i pairs = _mm256_maddubs_epi16(_mm256_loadu_si256((const __m256i *)levels), _mm256_set1_epi32(four));
    return sums + (Ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif defined(__ARM_FEATURE_DOTPROD)
#define SIGNED_LEVELS
    int8x16_t with_sign = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(levels), vdupq_n_u8(MIDDLE)));
    return (Ints)vdotq_s32((int32x4_t)sums, with_sign, vreinterpretq_s8_s32(vdupq_n_s32(four)));
#else
    for (int lane = 0; lane < LANES; lane++)
        for (int i = 0; i < GROUP; i++) sums[lane] += levels[GROUP * lane + i] * x[i];
    return sums;
#endif
}

/* What the offset of the levels adds to a sum of products whose inputs add up to `total`, with the opposite sign. */
INLINE int32_t start_of(int32_t total) {
#ifdef SIGNED_LEVELS
    (void)total;
    return 0;
#else
    return -MIDDLE * total;
#endif
}

/* Inputs as two levels each: (coarse + fine / STEPS) / inverse. */
INLINE void split(Floats x, Ints *coarse, Ints *fine) {
    *coarse = nearest(x);
    *fine = nearest((x - to_floats(*coarse)) * STEPS);
    *fine = pick_ints(*fine > LARGEST, all_int(LARGEST), *fine);
    *fine = pick_ints(*fine < -LARGEST, all_int(-LARGEST), *fine);
}

/* LARGEST over the largest magnitude; zero where everything is zero. */
INLINE float inverse_unit(float most, float end) { return most > 1e-30f ? end / most : 0.0f; }

/* e to the power of x, to about 1e-7 of its value, for -87 ≤ x ≤ 87: 2 to the whole part by its bits, the rest by the Taylor series
 * of 2^f on [-0.5, 0.5]. */
INLINE Floats power(Floats x) {
    Floats turned = x * 1.44269504f;
    turned = greater(turned, all(-126.0f));
    turned = pick(turned > 126.0f, all(126.0f), turned);
    Floats shifted = turned + ROUNDING, rest = turned - (shifted - ROUNDING);
    Floats p = all(1.5403530e-4f);
    p = p * rest + 1.3333558e-3f;
    p = p * rest + 9.6181291e-3f;
    p = p * rest + 5.5504109e-2f;
    p = p * rest + 2.4022651e-1f;
    p = p * rest + 6.9314718e-1f;
    p = p * rest + 1.0f;
    return (Floats)((Ints)p + (((Ints)shifted - (Ints)all(ROUNDING)) << 23));
}

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(name) JOIN(name##_, VARIANT)

/* See Kernels. */
void NAMED(store)(const Head *head, int token, const float *key, const float *value, int real, int depth);
void NAMED(attend)(const Section *sections, int section_count, int depth, int real, const float *queries, int count, int stride,
                   float *scores, int room, float *out, int out_stride);

#endif
