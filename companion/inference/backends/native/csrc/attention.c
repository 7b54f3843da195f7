/* Attention of one head over keys and values that are stored as bytes. Compiled once for each VARIANT. */
#include "vectors.h"

/* Vectors of channels that are added up together while the values are read once. */
#define VECTORS (4 * PANEL / LANES < 8 ? 4 * PANEL / LANES : 8)
#define UNSEEN (-1e30f)

INLINE float largest_size(const float *x, int count) {
    Floats most = {0};
    for (int i = 0; i < count; i += LANES) most = greater(magnitude(load(x + i)), most);
    return largest(most);
}

/* x [real], followed by zeros up to `depth`. */
INLINE const float *padded(const float *x, float *room, int real, int depth) {
    if (real == depth) return x;
    memcpy(room, x, real * sizeof *x);
    memset(room + real, 0, (depth - real) * sizeof *x);
    return room;
}

void NAMED(store)(const Head *head, int token, const float *key, const float *value, int real, int depth) {
    float room[2][MOST_DEPTH];
    int8_t levels[MOST_DEPTH];
    key = padded(key, room[0], real, depth);
    value = padded(value, room[1], real, depth);
    float most_key = largest_size(key, depth), most_value = largest_size(value, depth);
    for (int i = 0; i < depth; i += LANES) {
        narrow(levels + i, nearest(load(key + i) * inverse_unit(most_key, 127.0f)));
        narrow(head->values + (size_t)token * depth + i, nearest(load(value + i) * inverse_unit(most_value, 127.0f)));
    }
    uint8_t *keys = head->keys + (size_t)(token / PANEL) * depth * PANEL + (token % PANEL) * GROUP;
    for (int group = 0; group < depth / GROUP; group++) {
        uint32_t four;
        memcpy(&four, levels + group * GROUP, GROUP);
        four ^= 0x80808080u; /* from bytes with a sign to levels around MIDDLE */
        memcpy(keys + group * GROUP * PANEL, &four, GROUP);
    }
    head->key_scales[token] = most_key / 127.0f;
    head->value_scales[token] = most_value / 127.0f;
}

/* A query as levels, with one scale for all its channels, so that its product with a key is one sum. */
typedef struct {
    int8_t high[MOST_DEPTH], low[MOST_DEPTH];
    float scale;
    int32_t high_start, low_start;
} Query;

INLINE void make_query(Query *query, const float *x, int real, int depth) {
    float room[MOST_DEPTH];
    x = padded(x, room, real, depth);
    float most = largest_size(x, depth), inverse = inverse_unit(most, LARGEST);
    Ints coarse_sums = {0}, fine_sums = {0};
    for (int i = 0; i < depth; i += LANES) {
        Ints coarse, fine;
        split(load(x + i) * inverse, &coarse, &fine);
        narrow(query->high + i, coarse);
        narrow(query->low + i, fine);
        coarse_sums += coarse;
        fine_sums += fine;
    }
    query->scale = most / LARGEST / __builtin_sqrtf(real);
    query->high_start = start_of(sum_ints(coarse_sums));
    query->low_start = start_of(sum_ints(fine_sums));
}

/* Scores of the tokens up to the last panel that holds one of the first `seen`; UNSEEN behind them. Returns the largest score. */
INLINE float score(const Head *head, int depth, const Query *query, int seen, float *scores) {
    Floats most = all(UNSEEN);
    Ints lanes;
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = lane;
    for (int token = 0; token < seen; token += LANES) {
        const uint8_t *keys = head->keys + (size_t)(token / PANEL) * depth * PANEL + token % PANEL * GROUP;
        Ints high = all_int(query->high_start), low = all_int(query->low_start), more_high = {0}, more_low = {0};
        /* Two sums each, since a sum waits for its last product. */
        for (int group = 0; group < depth / GROUP; group += 2) {
            const uint8_t *next = keys + GROUP * PANEL;
            high = product(high, keys, query->high + group * GROUP);
            low = product(low, keys, query->low + group * GROUP);
            more_high = product(more_high, next, query->high + (group + 1) * GROUP);
            more_low = product(more_low, next, query->low + (group + 1) * GROUP);
            keys += 2 * GROUP * PANEL;
        }
        Floats total = to_floats(high + more_high) + to_floats(low + more_low) * (1.0f / STEPS);
        total *= load(head->key_scales + token) * query->scale;
        if (token + LANES > seen) total = pick(lanes < seen - token, total, all(UNSEEN));
        most = greater(total, most);
        put(scores + token, total);
    }
    return largest(most);
}

/* Scores become weights, times the scales of the values. Returns one over the sum of the weights. */
INLINE float weigh(const Head *head, float *scores, float most, int seen) {
    Floats total = {0};
    Ints lanes;
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = lane;
    for (int token = 0; token < seen; token += LANES) {
        Floats weight = power(load(scores + token) - most);
        /* The least power is not zero. */
        if (token + LANES > seen) weight = pick(lanes < seen - token, weight, all(0.0f));
        total += weight;
        put(scores + token, weight * load(head->value_scales + token));
    }
    return 1.0f / sum(total);
}

/* sums [queries][vectors] of the channels from `channel` on. `queries` and `vectors` are constants where this is used. */
INLINE void add_values(const Head *head, int depth, int channel, int vectors, const float *scores, int capacity, int queries, int tokens,
                       Floats sums[QUERIES][VECTORS]) {
    for (int query = 0; query < queries; query++)
        for (int i = 0; i < vectors; i++) sums[query][i] = (Floats){0};
    for (int token = 0; token < tokens; token++) {
        const int8_t *values = head->values + (size_t)token * depth + channel;
        for (int i = 0; i < vectors; i++) {
            Floats value = widen(values + i * LANES);
            for (int query = 0; query < queries; query++) sums[query][i] += value * scores[(size_t)query * capacity + token];
        }
    }
}

void NAMED(attend)(const Head *head, int depth, int real, const float *queries, int count, int stride, int seen, float *scores,
                   int capacity, float *out, int out_stride) {
    float shares[QUERIES];
    int tokens = seen + count - 1;
    for (int i = 0; i < count; i++) {
        Query query;
        float *own = scores + (size_t)i * capacity;
        make_query(&query, queries + (size_t)i * stride, real, depth);
        shares[i] = weigh(head, own, score(head, depth, &query, seen + i, own), seen + i);
        /* Queries are added up together, so each has a weight for every token. */
        for (int token = (seen + i + LANES - 1) / LANES * LANES; token < tokens; token++) own[token] = 0.0f;
    }
    for (int channel = 0; channel < depth; channel += VECTORS * LANES) {
        Floats sums[QUERIES][VECTORS];
        int left = (depth - channel) / LANES;
        if (count == 1 && left >= VECTORS) add_values(head, depth, channel, VECTORS, scores, capacity, 1, tokens, sums);
        else if (count == QUERIES && left >= VECTORS) add_values(head, depth, channel, VECTORS, scores, capacity, QUERIES, tokens, sums);
        else add_values(head, depth, channel, left < VECTORS ? left : VECTORS, scores, capacity, count, tokens, sums);
        for (int query = 0; query < count; query++)
            for (int i = 0; i < (left < VECTORS ? left : VECTORS); i++) {
                float result[LANES];
                put(result, sums[query][i] * shares[query]);
                for (int lane = 0, to = channel + i * LANES; lane < LANES && to < real; lane++, to++)
                    out[(size_t)query * out_stride + to] = result[lane];
            }
    }
}
