/* One step: tokens go in, keys and values are stored, logits come out. A step has the next tokens of one sequence (a prompt), or the
 * next token of each of several sequences. */
#include "engine.h"

#include <string.h>

#define QUANTIZED_ROWS MOST_ROWS /* rows that one task turns into levels: they lie side by side */
#define MULTIPLIED_PANELS 4      /* panels that one task multiplies */
#define WORTH_SHARING (1 << 17)  /* bytes of weights for which another thread is told of a task */

/* A token, the cache that it goes to, and its place there. Before what is in that cache, its sequence may have `shared_tokens` that
 * several sequences have in common, in a cache of their own. */
typedef struct {
    uint8_t *cache, *shared;
    int place, shared_tokens;
    int64_t id, position;
} Row;

typedef struct {
    Engine *engine;
    int rows;
    const Row *row;              /* [rows] */
    int together;                /* queries of one cache that attend together */
    int precise;                 /* whether inputs have a second level */
    int helped;                  /* whether other threads help even with few rows */
    int layer;
    int first;                   /* the first row whose attention is asked for */
} Step;

/* out [rows][panels * PANEL] = from [rows][inputs], normed if there is a `norm`, times the matrix. */
typedef struct {
    Step *step;
    const Matrix *matrix;
    const float *from, *norm;
    float *out;
    int add, activated, panels; /* panels of one task */
} Product;

static int tasks_of(int count, int each) { return (count + each - 1) / each; }
static int least(int a, int b) { return a < b ? a : b; }

static float half_to_float(uint16_t half) {
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f; /* from the smaller exponent; numbers too small for a leading one become right, too */
    memcpy(&bits, &value, sizeof bits);
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void embed(const Step *step) {
    Engine *engine = step->engine;
    int width = engine->width;
    for (int row = 0; row < step->rows; row++) {
        const uint16_t *token = engine->tokens + step->row[row].id * width, *place = engine->places + step->row[row].position * width;
        float *to = engine->stream + (size_t)row * width;
        for (int i = 0; i < width; i++) to[i] = half_to_float(token[i]) + half_to_float(place[i]);
    }
}

static void to_levels(void *context, int task, int thread) {
    const Product *product = context;
    Engine *engine = product->step->engine;
    const Kernels *kernels = engine->kernels;
    int inputs = product->matrix->inputs, first = task * QUANTIZED_ROWS, last = least(first + QUANTIZED_ROWS, product->step->rows);
    (void)thread;
    for (int row = first; row < last; row++) {
        const float *x = product->from + (size_t)row * inputs;
        /* What attention wrote is no longer needed when a row is normed. */
        float *room = engine->attended + (size_t)row * engine->width;
        if (product->norm) kernels->normalize(x, product->norm, inputs, room, &engine->levels, row);
        else kernels->quantize(x, inputs, &engine->levels, row);
    }
}

static void multiply(void *context, int task, int thread) {
    const Product *product = context;
    const Step *step = product->step;
    const Kernels *kernels = step->engine->kernels;
    const Matrix *matrix = product->matrix;
    int first = task * product->panels, last = least(first + product->panels, matrix->panels), stride = matrix->panels * PANEL;
    (void)thread;
    for (int panel = first; panel < last; panel++)
        /* A panel stays in the nearest cache while all rows are multiplied with it. */
        for (int row = 0; row < step->rows; row += MOST_ROWS)
            kernels->multiply(matrix, panel, &step->engine->levels, row, least(MOST_ROWS, step->rows - row), product->out, stride,
                              product->add, step->precise);
    for (int row = 0; product->activated && row < step->rows; row++)
        kernels->activate(product->out + (size_t)row * stride + first * PANEL, (last - first) * PANEL);
}

static void run_product(Product product) {
    Step *step = product.step;
    int few = step->rows <= MOST_ROWS, panels = product.matrix->panels;
    int helped = step->helped && (size_t)panels * product.matrix->blocks * BLOCK * PANEL >= WORTH_SHARING;
    product.panels = !few ? MULTIPLIED_PANELS : helped ? tasks_of(panels, 2 * pool_threads(step->engine->pool)) : panels;
    pool_run(step->engine->pool, to_levels, &product, tasks_of(step->rows, QUANTIZED_ROWS));
    pool_run(step->engine->pool, multiply, &product, tasks_of(panels, product.panels));
}

static void attend_head(void *context, int head, int thread) {
    const Step *step = context;
    Engine *engine = step->engine;
    const Kernels *kernels = engine->kernels;
    int width = engine->width, real = width / engine->heads, stride = engine->layer[step->layer].attend.panels * PANEL;
    float *scores = engine->scores + (size_t)thread * QUERIES * engine->room;
    for (int i = 0; i < step->rows; i++) {
        Head of = head_of(engine, step->row[i].cache, step->layer, head);
        const float *key = engine->joint + (size_t)i * stride + width + head * real;
        kernels->store(&of, step->row[i].place, key, key + width, real, engine->depth);
    }
    for (int i = step->first; i < step->rows; i += step->together) {
        const Row *row = &step->row[i];
        Section sections[MOST_SECTIONS];
        int count = 0;
        if (row->shared_tokens) sections[count++] = (Section){head_of(engine, row->shared, step->layer, head), row->shared_tokens};
        sections[count++] = (Section){head_of(engine, row->cache, step->layer, head), row->place + 1};
        kernels->attend(sections, count, engine->depth, real, engine->joint + (size_t)i * stride + head * real,
                        least(step->together, step->rows - i), stride, scores, engine->room,
                        engine->attended + (size_t)i * width + head * real, width);
    }
}

static void attend(Step *step) {
    if (step->rows > MOST_ROWS || step->helped) pool_run(step->engine->pool, attend_head, step, step->engine->heads);
    else for (int head = 0; head < step->engine->heads; head++) attend_head(step, head, 0);
}

/* logits [wanted][vocabulary] of the last `wanted` rows. */
static void run(Step *step, int wanted, float *logits) {
    Engine *engine = step->engine;
    size_t width = engine->width, first = step->rows - wanted;
    embed(step);
    for (step->layer = 0; step->layer < engine->layers; step->layer++) {
        const Layer *layer = &engine->layer[step->layer];
        run_product((Product){step, &layer->attend, engine->stream, layer->norm1, engine->joint, .add = 0});
        /* Once the last keys and values are stored, only the rows that are asked for go on. */
        int last = step->layer == engine->layers - 1;
        step->first = last ? (int)first : 0;
        attend(step);
        if (last && !wanted) return;
        if (last && first) {
            memmove(engine->attended, engine->attended + first * width, wanted * width * sizeof(float));
            memmove(engine->stream, engine->stream + first * width, wanted * width * sizeof(float));
            step->rows = wanted;
        }
        run_product((Product){step, &layer->project, engine->attended, NULL, engine->stream, .add = 1});
        run_product((Product){step, &layer->inner, engine->stream, layer->norm2, engine->hidden, .activated = 1});
        run_product((Product){step, &layer->outer, engine->hidden, NULL, engine->stream, .add = 1});
    }
    run_product((Product){step, &engine->head, engine->stream, engine->last_norm, engine->logits, .add = 0});
    for (int row = 0; row < wanted; row++)
        memcpy(logits + (size_t)row * engine->vocabulary, engine->logits + (size_t)row * engine->head.panels * PANEL,
               engine->vocabulary * sizeof(float));
}

/* Feed `count` tokens to a cache that holds `length`; logits [vocabulary] after the last one. The tokens of a prompt have one level each,
 * where the kernels' levels are fine enough: measured on trained checkpoints, only what is written needs two (docs/engines.md). */
PUBLIC void companion_feed(Engine *engine, uint8_t *cache, int length, const int64_t *ids, const int64_t *positions, int count,
                           float *logits) {
    Row row[CHUNK];
    for (int start = 0; start < count; start += CHUNK) {
        int rows = least(CHUNK, count - start);
        for (int i = 0; i < rows; i++)
            row[i] = (Row){.cache = cache, .place = length + start + i, .id = ids[start + i], .position = positions[start + i]};
        Step step = {.engine = engine, .rows = rows, .row = row, .together = QUERIES, .precise = engine->kernels->coarse};
        run(&step, start + rows == count, logits);
    }
}

/* One token of a step: `Call` in library.py. Its sequence has `shared_tokens` in the cache `shared`, then `length` in the cache `cache`. */
typedef struct {
    uint8_t *cache, *shared;
    int64_t length, shared_tokens, id, position;
} Call;

/* Feed one token to each of `rows` (at most MOST_ROWS) sequences, with the help of other threads if `helped`;
 * logits [rows][vocabulary]. */
PUBLIC void companion_step(Engine *engine, const Call *calls, int rows, int helped, float *logits) {
    Row row[MOST_ROWS];
    for (int i = 0; i < rows; i++) {
        const Call *call = &calls[i];
        row[i] = (Row){call->cache, call->shared, (int)call->length, (int)call->shared_tokens, call->id, call->position};
    }
    Step step = {.engine = engine, .rows = rows, .row = row, .together = 1, .precise = 1, .helped = helped};
    run(&step, rows, logits);
}
