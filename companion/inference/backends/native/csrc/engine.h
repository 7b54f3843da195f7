/* The data that the engine and its kernels share. See engine.c for the interface and docs/engines.md for the design.
 *
 * Numbers are stored as bytes with a scale. A panel holds PANEL outputs of a matrix (or PANEL tokens of the keys), and stores
 * GROUP consecutive inputs of each of them side by side, because processors multiply and add four bytes in one instruction.
 */
#ifndef COMPANION_ENGINE_H
#define COMPANION_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

#define PANEL 16       /* outputs, or tokens, in a panel */
#define GROUP 4        /* inputs that one instruction multiplies and adds */
#define BLOCK 32       /* inputs that share a scale */
#define MIDDLE 128     /* levels are stored as unsigned bytes around this number */
#define MOST_ROWS 8    /* rows that a kernel multiplies with a panel at once */
#define CHUNK 128      /* tokens of a prompt that are computed together */
#define QUERIES 4      /* queries that read the values together */
#define MOST_DEPTH 128 /* channels of a head: sums of products of more do not fit */
#define AHEAD 32768    /* bytes of weights that are asked for before they are needed: processors look ahead less far by themselves */

/* A matrix [inputs, outputs] in panels.
 * levels [panels][blocks][BLOCK / GROUP][PANEL][GROUP]; scales [panels][blocks][PANEL] as bfloat16; bias [panels * PANEL]. */
typedef struct {
    int inputs, outputs, blocks, panels;
    uint8_t *levels;
    uint16_t *scales;
    float *bias;
} Matrix;

typedef struct {
    float *norm1, *norm2; /* [width] each; the shifts are part of the next matrix's bias */
    Matrix attend, project, inner, outer;
} Layer;

/* Rows of inputs as bytes: (high + low / STEPS) * scale, where `low` is what `high` rounds away. Rows that are multiplied together
 * lie side by side. high, low [rows / MOST_ROWS][blocks][BLOCK / GROUP][MOST_ROWS][GROUP];
 * scales, high_starts, low_starts [rows / MOST_ROWS][blocks][MOST_ROWS]: where a sum of products begins, so that the offset of
 * the weights' levels is gone in the end. */
typedef struct {
    int blocks;
    int8_t *high, *low;
    float *scales;
    int32_t *high_starts, *low_starts;
} Levels;

/* The keys and values of one head of one layer in a cache. `capacity` is a multiple of PANEL.
 * keys [capacity / PANEL][depth / GROUP][PANEL][GROUP]; values [capacity][depth]; scales [capacity] each. */
typedef struct {
    uint8_t *keys;
    int8_t *values;
    float *key_scales, *value_scales;
} Head;

/* A piece of a sequence: a head's place in a cache, and how many tokens from its beginning belong to the sequence. */
typedef struct {
    Head head;
    int tokens;
} Section;

#define MOST_SECTIONS 2 /* what takes of a part have in common, and what a take has written */

typedef struct Pool Pool;
typedef struct Kernels Kernels;

typedef struct {
    int vocabulary, positions, width, layers, heads;
    int depth;    /* channels of a head, rounded up to a multiple of PANEL */
    int capacity; /* tokens of a cache */
    uint16_t *tokens, *places; /* embeddings [vocabulary, width], [positions, width] as half floats */
    Layer *layer;
    float *last_norm;
    Matrix head;
    const Kernels *kernels;
    Pool *pool;
    void *memory; /* holds all that follows, and everything above that is pointed to */
    /* Working memory for CHUNK rows. */
    float *stream, *attended, *joint, *hidden, *logits;
    int room;      /* for the scores of a query: every section begins with a new vector */
    float *scores; /* [threads][QUERIES][room] */
    Levels levels;
} Engine;

/* One implementation of everything that takes time. */
struct Kernels {
    const char *name;
    int coarse; /* whether one level of an input has too few steps for a prompt */
    /* Turn x [inputs] into row `row` of `levels`. */
    void (*quantize)(const float *x, int inputs, Levels *levels, int row);
    /* Write the layer norm of x [width] without its shift to `normed`, and turn it into row `row` of `levels`. */
    void (*normalize)(const float *x, const float *weight, int width, float *normed, Levels *levels, int row);
    /* out[row * stride + PANEL * panel + ...] = rows [first, first + rows), at most MOST_ROWS, times the panel, plus its bias; added to
     * `out` if `add`. Without `precise`, only the coarse levels of the rows count. `first` is a multiple of MOST_ROWS. */
    void (*multiply)(const Matrix *matrix, int panel, const Levels *levels, int first, int rows, float *out, int stride, int add,
                     int precise);
    /* GELU in its tanh form, in place. */
    void (*activate)(float *x, int count);
    /* Store key and value [real] of a token. */
    void (*store)(const Head *head, int token, const float *key, const float *value, int real, int depth);
    /* out [count][out_stride]: attention of up to QUERIES queries [count][stride]; the first one sees the tokens of all sections, each
     * other one token more of the last section than the one before it. scores [QUERIES][room] is working memory. */
    void (*attend)(const Section *sections, int section_count, int depth, int real, const float *queries, int count, int stride,
                   float *scores, int room, float *out, int out_stride);
};

/* The place of a head in a cache. */
Head head_of(const Engine *engine, uint8_t *cache, int layer, int head);

/* Threads that share the tasks of a step. */
typedef void (*Task)(void *context, int index, int thread);
Pool *pool_open(int threads);
void pool_close(Pool *pool);
int pool_threads(const Pool *pool);
/* Run task(context, 0 .. count - 1), each once, on all threads that are free; return when all are done. count: below 65,536. */
void pool_run(Pool *pool, Task task, void *context, int count);

#endif
