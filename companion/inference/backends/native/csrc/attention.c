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

/* Scores become weights, times the scales of the values. Returns the sum of the weights. */
INLINE Floats weigh(const Head *head, float *scores, float most, int seen) {
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
    return total;
}

/* Add the values' channels from `channel` on to sums [queries][vectors]. `queries` and `vectors` are constants where this is used. */
INLINE void add_values(const Head *head, int depth, int channel, int vectors, const float *scores, int room, int queries, int tokens,
                       Floats sums[QUERIES][VECTORS]) {
    for (int token = 0; token < tokens; token++) {
        const int8_t *values = head->values + (size_t)token * depth + channel;
        for (int i = 0; i < vectors; i++) {
            Floats value = widen(values + i * LANES);
            for (int query = 0; query < queries; query++) sums[query][i] += value * scores[(size_t)query * room + token];
        }
    }
}

/* Where the scores of the section after one of so many tokens begin. */
INLINE int behind(int tokens) { return (tokens + LANES - 1) / LANES * LANES; }

/* The weights of one query, of which `more` tokens of the last section are seen beside those of all sections. They belong to `most`
 * tokens of the last section, since queries are added up together. Returns one over their sum. */
INLINE float weigh_query(const Section *sections, int count, int depth, const Query *query, int more, int most, float *scores) {
    float largest_score = UNSEEN;
    Floats total = {0};
    for (int i = 0, at = 0; i < count; at += behind(sections[i++].tokens)) {
        float found = score(&sections[i].head, depth, query, sections[i].tokens + (i == count - 1 ? more : 0), scores + at);
        largest_score = found > largest_score ? found : largest_score;
    }
    for (int i = 0, at = 0; i < count; at += behind(sections[i++].tokens)) {
        int seen = sections[i].tokens + (i == count - 1 ? more : 0);
        total += weigh(&sections[i].head, scores + at, largest_score, seen);
        for (int token = behind(seen); i == count - 1 && token < sections[i].tokens + most; token++) scores[at + token] = 0.0f;
    }
    return 1.0f / sum(total);
}

void NAMED(attend)(const Section *sections, int section_count, int depth, int real, const float *queries, int count, int stride,
                   float *scores, int room, float *out, int out_stride) {
    float shares[QUERIES];
    for (int i = 0; i < count; i++) {
        Query query;
        make_query(&query, queries + (size_t)i * stride, real, depth);
        shares[i] = weigh_query(sections, section_count, depth, &query, i, count - 1, scores + (size_t)i * room);
    }
    for (int channel = 0; channel < depth; channel += VECTORS * LANES) {
        Floats sums[QUERIES][VECTORS] = {{{0}}};
        int left = (depth - channel) / LANES, vectors = left < VECTORS ? left : VECTORS;
        const float *weights = scores;
        for (int i = 0; i < section_count; weights += behind(sections[i++].tokens)) {
            const Head *head = &sections[i].head;
            int tokens = sections[i].tokens + (i == section_count - 1 ? count - 1 : 0);
            if (count == 1 && left >= VECTORS) add_values(head, depth, channel, VECTORS, weights, room, 1, tokens, sums);
            else if (count == QUERIES && left >= VECTORS) add_values(head, depth, channel, VECTORS, weights, room, QUERIES, tokens, sums);
            else add_values(head, depth, channel, vectors, weights, room, count, tokens, sums);
        }
        for (int query = 0; query < count; query++)
            for (int i = 0; i < vectors; i++) {
                float result[LANES];
                put(result, sums[query][i] * shares[query]);
                for (int lane = 0, to = channel + i * LANES; lane < LANES && to < real; lane++, to++)
                    out[(size_t)query * out_stride + to] = result[lane];
            }
    }
}
