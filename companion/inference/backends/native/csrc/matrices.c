/* Everything but attention: rows of numbers become levels, levels are multiplied with matrices. Compiled once for each VARIANT. */
#include "vectors.h"

/* BLOCK inputs as levels; the pointers are those of the row's first input, its scale and its starts in Levels. */
INLINE void quantize_block(const float *x, int8_t *high, int8_t *low, float *scale, int32_t *high_start, int32_t *low_start) {
    Floats most = {0};
    Ints coarse_sums = {0}, fine_sums = {0};
    int8_t coarse_bytes[BLOCK], fine_bytes[BLOCK];
    for (int i = 0; i < BLOCK; i += LANES) most = greater(magnitude(load(x + i)), most);
    float end = largest(most), inverse = inverse_unit(end, LARGEST);
    for (int i = 0; i < BLOCK; i += LANES) {
        Ints coarse, fine;
        split(load(x + i) * inverse, &coarse, &fine);
        narrow(coarse_bytes + i, coarse);
        narrow(fine_bytes + i, fine);
        coarse_sums += coarse;
        fine_sums += fine;
    }
    for (int group = 0; group < BLOCK / GROUP; group++) {
        memcpy(high + group * MOST_ROWS * GROUP, coarse_bytes + group * GROUP, GROUP);
        memcpy(low + group * MOST_ROWS * GROUP, fine_bytes + group * GROUP, GROUP);
    }
    *scale = end / LARGEST;
    *high_start = start_of(sum_ints(coarse_sums));
    *low_start = start_of(sum_ints(fine_sums));
}

static void quantize(const float *x, int inputs, Levels *levels, int row) {
    for (int block = 0; block * BLOCK < inputs; block++) {
        float padded[BLOCK] = {0};
        const float *from = x + block * BLOCK;
        if (inputs - block * BLOCK < BLOCK) from = memcpy(padded, from, sizeof(float) * (inputs - block * BLOCK));
        size_t at = (size_t)(row / MOST_ROWS) * levels->blocks + block, place = row % MOST_ROWS;
        quantize_block(from, levels->high + at * BLOCK * MOST_ROWS + place * GROUP, levels->low + at * BLOCK * MOST_ROWS + place * GROUP,
                       levels->scales + at * MOST_ROWS + place, levels->high_starts + at * MOST_ROWS + place,
                       levels->low_starts + at * MOST_ROWS + place);
    }
}

static void normalize(const float *x, const float *weight, int width, float *normed, Levels *levels, int row) {
    Floats total = {0}, squares = {0};
    for (int i = 0; i < width; i += LANES) total += load(x + i);
    float mean = sum(total) / width;
    for (int i = 0; i < width; i += LANES) {
        Floats centred = load(x + i) - mean;
        squares += centred * centred;
    }
    float scale = 1.0f / __builtin_sqrtf(sum(squares) / width + 1e-5f);
    for (int i = 0; i < width; i += LANES) put(normed + i, (load(x + i) - mean) * scale * load(weight + i));
    quantize(normed, width, levels, row);
}

/* The lanes from `part` on of one panel, for up to TILE_ROWS rows from the `place`th of a group of MOST_ROWS on.
 * `rows` and `precise` are constants where this is used, so every case becomes code of its own. */
INLINE void multiply_tile(const Matrix *matrix, int panel, int part, const Levels *levels, int first, int rows, float *out,
                          int stride, int add, int precise) {
    size_t at = (size_t)(first / MOST_ROWS) * levels->blocks, place = first % MOST_ROWS;
    const int8_t *high_inputs = levels->high + at * BLOCK * MOST_ROWS + place * GROUP;
    const int8_t *low_inputs = levels->low + at * BLOCK * MOST_ROWS + place * GROUP;
    const int32_t *high_starts = levels->high_starts + at * MOST_ROWS + place;
    const int32_t *low_starts = levels->low_starts + at * MOST_ROWS + place;
    const float *row_scales = levels->scales + at * MOST_ROWS + place;
    const uint8_t *weights = matrix->levels + (size_t)panel * matrix->blocks * BLOCK * PANEL + part * GROUP;
    const uint16_t *scales = matrix->scales + (size_t)panel * matrix->blocks * PANEL + part;
    Floats result[TILE_ROWS];
    for (int row = 0; row < rows; row++) result[row] = load(matrix->bias + panel * PANEL + part);
    for (int block = 0; block < matrix->blocks; block++) {
        Ints high[TILE_ROWS], low[TILE_ROWS];
        for (int row = 0; row < rows; row++) {
            high[row] = all_int(high_starts[row]);
            if (precise) low[row] = all_int(low_starts[row]);
        }
        for (int group = 0; group < BLOCK / GROUP; group++) {
            /* With more rows there is time, and with a prompt's the panel is read again and again. */
            if (rows <= 4 && !part) __builtin_prefetch(weights + group * GROUP * PANEL + AHEAD, 0, 1);
            for (int row = 0; row < rows; row++) {
                int input = (group * MOST_ROWS + row) * GROUP;
                high[row] = product(high[row], weights + group * GROUP * PANEL, high_inputs + input);
                if (precise) low[row] = product(low[row], weights + group * GROUP * PANEL, low_inputs + input);
            }
        }
        Floats scale = scales_of(scales);
        for (int row = 0; row < rows; row++) {
            Floats total = to_floats(high[row]);
            if (precise) total += to_floats(low[row]) * (1.0f / STEPS);
            result[row] += total * row_scales[row] * scale;
        }
        weights += BLOCK * PANEL;
        scales += PANEL;
        high_inputs += BLOCK * MOST_ROWS;
        low_inputs += BLOCK * MOST_ROWS;
        row_scales += MOST_ROWS;
        high_starts += MOST_ROWS;
        low_starts += MOST_ROWS;
    }
    for (int row = 0; row < rows; row++) {
        float *to = out + (size_t)(first + row) * stride + panel * PANEL + part;
        put(to, add ? load(to) + result[row] : result[row]);
    }
}

static void multiply(const Matrix *matrix, int panel, const Levels *levels, int first, int rows, float *out, int stride, int add,
                     int precise) {
#define TILE(n) \
    case n: \
        if (precise) multiply_tile(matrix, panel, part, levels, row, n, out, stride, add, 1); \
        else multiply_tile(matrix, panel, part, levels, row, n, out, stride, add, 0); \
        break;
    for (int row = first; row < first + rows; row += TILE_ROWS)
        for (int part = 0; part < PANEL; part += LANES)
            switch (first + rows - row < TILE_ROWS ? first + rows - row : TILE_ROWS) {
                TILE(1) TILE(2) TILE(3) TILE(4)
#if TILE_ROWS == 8
                TILE(5) TILE(6) TILE(7) TILE(8)
#endif
            }
#undef TILE
}

static void activate(float *x, int count) {
    for (int i = 0; i < count; i += LANES) {
        Floats a = load(x + i);
        /* 0.5 a (1 + tanh u) = a / (1 + exp(-2u)), with u = sqrt(2 / pi) (a + 0.044715 a^3) */
        Floats twice = a * (1.5957691f + 0.07135482f * a * a);
        put(x + i, a / (1.0f + power(-twice)));
    }
}

#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
const Kernels NAMED(kernels) = {TEXT(VARIANT), LARGEST < 127, quantize, normalize, multiply, activate, NAMED(store), NAMED(attend)};
