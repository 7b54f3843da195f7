/* A GPT-2 decoder on the processor: weights, keys and values as bytes, one pass over them for each token.
 *
 * The caller (Python) checks what it passes: sizes, indices, and that one thread at a time uses an engine. Caches are plain
 * memory of companion_cache_bytes() zeroed bytes, owned by the caller; nothing is allocated after companion_open().
 */
#define _GNU_SOURCE
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/auxv.h>
#include <sys/mman.h>
#endif

extern const Kernels kernels_plain;
#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avxvnni, kernels_avx512vnni;
#elif defined(__aarch64__)
extern const Kernels kernels_dotprod;
#endif

PUBLIC const char *companion_fingerprint(void) { return FINGERPRINT; }

#if defined(__x86_64__)
/* Bit 4 of EAX of leaf 7, subleaf 1; compilers do not all know a name for it. */
static int has_avxvnni(void) {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

#if defined(__aarch64__) && defined(__linux__)
/* The bit of the kernel's hardware capabilities for products of bytes (asm/hwcap.h). */
static int has_dotprod(void) { return (getauxval(AT_HWCAP) >> 20) & 1; }
#elif defined(__aarch64__)
/* Every Mac with a processor of Apple's own has them. */
static int has_dotprod(void) { return 1; }
#endif

/* The best kernels that were compiled and that the processor can run. */
static const Kernels *choose(const char *wanted) {
    const Kernels *found[8];
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
#if defined(WITH_AVX512VNNI)
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq"))
        found[count++] = &kernels_avx512vnni;
#endif
#if defined(WITH_AVXVNNI)
    if (has_avxvnni()) found[count++] = &kernels_avxvnni;
#endif
#if defined(WITH_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found[count++] = &kernels_avx2;
#endif
#elif defined(WITH_DOTPROD)
    if (has_dotprod()) found[count++] = &kernels_dotprod;
#endif
    found[count++] = &kernels_plain;
    for (int i = 0; i < count; i++)
        if (!wanted || !*wanted || !strcmp(wanted, found[i]->name)) return found[i];
    return NULL;
}

static int round_up(int number, int to) { return (number + to - 1) / to * to; }

/* Everything that an engine needs lies in one piece of memory, in large pages where the system has them: there are more weights than
 * the processor keeps addresses of small pages for. Without `start`, only the sum is counted. */
typedef struct {
    uint8_t *start;
    size_t used;
} Arena;

#define LARGE_PAGE ((size_t)1 << 21)

static void *take(Arena *arena, size_t bytes) {
    void *memory = arena->start ? arena->start + arena->used : NULL;
    arena->used += (bytes + 63) / 64 * 64;
    return memory;
}

static uint8_t *reserve(size_t bytes) {
    void *memory = NULL;
#if defined(_WIN32)
    memory = _aligned_malloc(bytes, 64);
#else
    if (posix_memalign(&memory, LARGE_PAGE, bytes)) return NULL;
#if defined(MADV_HUGEPAGE)
    madvise(memory, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE); /* only a wish */
#endif
#endif
    return memory;
}

static void release(void *memory) {
#if defined(_WIN32)
    _aligned_free(memory);
#else
    free(memory);
#endif
}

static void place_matrix(Arena *arena, Matrix *matrix, int inputs, int outputs) {
    matrix->inputs = inputs;
    matrix->outputs = outputs;
    matrix->blocks = round_up(inputs, BLOCK) / BLOCK;
    matrix->panels = round_up(outputs, PANEL) / PANEL;
    size_t blocks = (size_t)matrix->blocks * matrix->panels;
    matrix->levels = take(arena, blocks * BLOCK * PANEL);
    matrix->scales = take(arena, blocks * PANEL * sizeof *matrix->scales);
    matrix->bias = take(arena, (size_t)matrix->panels * PANEL * sizeof *matrix->bias);
}

/* Give everything its place, the weights in the order in which a token reads them. */
static void place_all(Engine *engine, Arena *arena) {
    int width = engine->width, wide = round_up(4 * width, BLOCK), blocks = wide / BLOCK, rows = CHUNK;
    for (int i = 0; i < engine->layers; i++) {
        Layer *layer = &engine->layer[i];
        layer->norm1 = take(arena, width * sizeof(float));
        layer->norm2 = take(arena, width * sizeof(float));
        place_matrix(arena, &layer->attend, width, 3 * width);
        place_matrix(arena, &layer->project, width, width);
        place_matrix(arena, &layer->inner, width, 4 * width);
        place_matrix(arena, &layer->outer, 4 * width, width);
    }
    engine->last_norm = take(arena, width * sizeof(float));
    place_matrix(arena, &engine->head, width, engine->vocabulary);
    engine->tokens = take(arena, (size_t)engine->vocabulary * width * sizeof *engine->tokens);
    engine->places = take(arena, (size_t)engine->positions * width * sizeof *engine->places);
    engine->stream = take(arena, (size_t)rows * width * sizeof(float));
    engine->attended = take(arena, (size_t)rows * width * sizeof(float));
    engine->joint = take(arena, (size_t)rows * round_up(3 * width, PANEL) * sizeof(float));
    engine->hidden = take(arena, (size_t)rows * wide * sizeof(float));
    engine->logits = take(arena, (size_t)MOST_ROWS * round_up(engine->vocabulary, PANEL) * sizeof(float));
    engine->room = engine->capacity + MOST_SECTIONS * PANEL;
    engine->scores = take(arena, (size_t)pool_threads(engine->pool) * QUERIES * engine->room * sizeof(float));
    engine->levels.blocks = blocks;
    engine->levels.high = take(arena, (size_t)rows * wide);
    engine->levels.low = take(arena, (size_t)rows * wide);
    engine->levels.scales = take(arena, (size_t)rows * blocks * sizeof(float));
    engine->levels.high_starts = take(arena, (size_t)rows * blocks * sizeof(int32_t));
    engine->levels.low_starts = take(arena, (size_t)rows * blocks * sizeof(int32_t));
}

PUBLIC const char *companion_kernels(const Engine *engine) { return engine->kernels->name; }

PUBLIC void companion_close(Engine *engine) {
    if (!engine) return;
    pool_close(engine->pool);
    free(engine->layer);
    release(engine->memory);
    free(engine);
}

/* NULL when memory is short or the kernels named `wanted` (NULL or "": the best) do not run on this processor. */
PUBLIC Engine *companion_open(int vocabulary, int positions, int width, int layers, int heads, int threads, const char *wanted) {
    Engine *engine = calloc(1, sizeof *engine);
    if (!engine) return NULL;
    *engine = (Engine){.vocabulary = vocabulary, .positions = positions, .width = width, .layers = layers, .heads = heads};
    engine->depth = round_up(width / heads, PANEL);
    engine->capacity = round_up(positions, PANEL);
    engine->kernels = choose(wanted);
    engine->pool = pool_open(threads);
    engine->layer = calloc(layers, sizeof *engine->layer);
    if (engine->kernels && engine->pool && engine->layer) {
        Arena arena = {NULL, 0};
        place_all(engine, &arena);
        arena = (Arena){reserve(arena.used), 0};
        engine->memory = arena.start;
        if (arena.start) {
            place_all(engine, &arena);
            return engine;
        }
    }
    companion_close(engine);
    return NULL;
}

/* The vectors and matrices of an engine, by the numbers that Python uses (see library.py). Layer -1 has the last norm and the head. */
enum { NORM1, NORM2, ATTEND, PROJECT, INNER, OUTER, LAST_NORM, HEAD, TOKENS, PLACES };

PUBLIC void companion_vector(Engine *engine, int which, int layer, const float *values) {
    float *to = which == LAST_NORM ? engine->last_norm : which == NORM1 ? engine->layer[layer].norm1 : engine->layer[layer].norm2;
    memcpy(to, values, engine->width * sizeof *to);
}

/* Embeddings as half floats. */
PUBLIC void companion_table(Engine *engine, int which, const uint16_t *values) {
    size_t rows = which == TOKENS ? engine->vocabulary : engine->positions;
    memcpy(which == TOKENS ? engine->tokens : engine->places, values, rows * engine->width * sizeof *values);
}

typedef struct { Matrix *matrix; const float *weight; } Packing;

/* Levels of one panel: each block of inputs of an output has the scale that makes its largest weight 127. The scale is rounded
 * up to bfloat16 before the levels are computed from it, so its rounding costs nothing. */
static void pack_panel(void *context, int panel, int thread) {
    const Packing *packing = context;
    Matrix *matrix = packing->matrix;
    (void)thread;
    for (int block = 0; block < matrix->blocks; block++) {
        size_t at = (size_t)panel * matrix->blocks + block;
        float part[BLOCK][PANEL] = {{0}}, inverse[PANEL];
        int width = matrix->outputs - panel * PANEL < PANEL ? matrix->outputs - panel * PANEL : PANEL;
        for (int i = 0; i < BLOCK && block * BLOCK + i < matrix->inputs; i++)
            memcpy(part[i], packing->weight + (size_t)(block * BLOCK + i) * matrix->outputs + panel * PANEL, width * sizeof(float));
        for (int output = 0; output < PANEL; output++) {
            float most = 0;
            for (int i = 0; i < BLOCK; i++) {
                float size = __builtin_fabsf(part[i][output]);
                most = size > most ? size : most;
            }
            float scale = most / 127.0f;
            uint32_t bits;
            memcpy(&bits, &scale, sizeof bits);
            bits = (bits + 0xffff) & 0xffff0000u;
            memcpy(&scale, &bits, sizeof bits);
            matrix->scales[at * PANEL + output] = (uint16_t)(bits >> 16);
            inverse[output] = scale > 1e-30f ? 1.0f / scale : 0.0f;
        }
        uint8_t *levels = matrix->levels + at * BLOCK * PANEL;
        for (int i = 0; i < BLOCK; i++)
            for (int output = 0; output < PANEL; output++)
                levels[(i / GROUP) * GROUP * PANEL + output * GROUP + i % GROUP] = (uint8_t)(int)(part[i][output] * inverse[output] + MIDDLE + 0.5f);
    }
}

/* weight [inputs][outputs], bias [outputs] */
PUBLIC void companion_matrix(Engine *engine, int which, int layer, const float *weight, const float *bias) {
    Layer *of = &engine->layer[layer < 0 ? 0 : layer];
    Matrix *matrix = which == HEAD ? &engine->head : which == ATTEND ? &of->attend : which == PROJECT ? &of->project : which == INNER ? &of->inner : &of->outer;
    Packing packing = {matrix, weight};
    pool_run(engine->pool, pack_panel, &packing, matrix->panels);
    memset(matrix->bias, 0, (size_t)matrix->panels * PANEL * sizeof(float));
    memcpy(matrix->bias, bias, matrix->outputs * sizeof(float));
}

static size_t head_bytes(const Engine *engine) { return (size_t)engine->capacity * (2 * engine->depth + 2 * sizeof(float)); }

PUBLIC size_t companion_cache_bytes(const Engine *engine) { return head_bytes(engine) * engine->layers * engine->heads; }

Head head_of(const Engine *engine, uint8_t *cache, int layer, int head) {
    uint8_t *at = cache + head_bytes(engine) * (layer * engine->heads + head);
    size_t bytes = (size_t)engine->capacity * engine->depth;
    float *scales = (float *)(at + 2 * bytes);
    return (Head){at, (int8_t *)(at + bytes), scales, scales + engine->capacity};
}

/* Copy tokens [start, end) of `from` to the places from `at` on of `to`. */
PUBLIC void companion_copy(const Engine *engine, uint8_t *to, int at, uint8_t *from, int start, int end) {
    int depth = engine->depth;
    for (int layer = 0; layer < engine->layers; layer++)
        for (int head = 0; head < engine->heads; head++) {
            Head target = head_of(engine, to, layer, head), source = head_of(engine, from, layer, head);
            size_t count = end - start;
            memcpy(target.values + (size_t)at * depth, source.values + (size_t)start * depth, count * depth);
            memcpy(target.key_scales + at, source.key_scales + start, count * sizeof(float));
            memcpy(target.value_scales + at, source.value_scales + start, count * sizeof(float));
            int token = start;
            while (token < end) {
                int place = at + token - start;
                uint8_t *into = target.keys + (size_t)(place / PANEL) * depth * PANEL;
                const uint8_t *out = source.keys + (size_t)(token / PANEL) * depth * PANEL;
                if (place % PANEL == 0 && token % PANEL == 0 && token + PANEL <= end) {
                    memcpy(into, out, (size_t)depth * PANEL);
                    token += PANEL;
                    continue;
                }
                for (int group = 0; group < depth / GROUP; group++)
                    memcpy(into + (group * PANEL + place % PANEL) * GROUP, out + (group * PANEL + token % PANEL) * GROUP, GROUP);
                token++;
            }
        }
}
