/* Threads that share the tasks of a step.
 *
 * Whoever calls pool_run works too, and waits only for tasks that another thread has begun. A thread whose core is taken by
 * another program therefore costs nothing but its help. Between the steps of a prompt the threads yield; afterwards they sleep.
 */
#include "engine.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PATIENCE 2000 /* yields before a thread sleeps: longer than the pause between two steps of a prompt */

struct Pool {
    int threads; /* with the caller */
    pthread_t *others;
    pthread_mutex_t lock;
    pthread_cond_t work;
    atomic_uint round; /* counts jobs */
    atomic_int closing;
    int asleep;
    Task task;
    void *context;
    /* The round, its number of tasks and the next one in a single number. A late thread can therefore not take a task of another round,
     * and whoever has taken one may read what belongs to its round: the round cannot end before. */
    _Atomic uint64_t next;
    atomic_int done;
};

static uint64_t first_task(unsigned round, int count) { return (uint64_t)round << 32 | (uint64_t)count << 16; }

static void work(Pool *pool, unsigned round, int thread) {
    for (;;) {
        uint64_t next = atomic_load(&pool->next);
        do {
            if ((unsigned)(next >> 32) != round || (next & 0xffff) >= (next >> 16 & 0xffff)) return;
        } while (!atomic_compare_exchange_weak(&pool->next, &next, next + 1));
        pool->task(pool->context, (int)(next & 0xffff), thread);
        atomic_fetch_add(&pool->done, 1);
    }
}

typedef struct { Pool *pool; int thread; } Start;

static void *help(void *argument) {
    Start start = *(Start *)argument;
    Pool *pool = start.pool;
    unsigned seen = 0;
    free(argument);
    for (;;) {
        int patience = PATIENCE;
        while (atomic_load(&pool->round) == seen && --patience) sched_yield();
        if (!patience) {
            pthread_mutex_lock(&pool->lock);
            pool->asleep++;
            while (atomic_load(&pool->round) == seen) pthread_cond_wait(&pool->work, &pool->lock);
            pool->asleep--;
            pthread_mutex_unlock(&pool->lock);
        }
        if (atomic_load(&pool->closing)) return NULL;
        seen = atomic_load(&pool->round);
        work(pool, seen, start.thread);
    }
}

Pool *pool_open(int threads) {
    Pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->others = calloc(threads, sizeof *pool->others);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->threads = 1;
    for (int thread = 1; pool->others && thread < threads; thread++) {
        Start *start = malloc(sizeof *start);
        if (!start) break;
        *start = (Start){pool, thread};
        /* Without another thread the caller does everything. */
        if (pthread_create(&pool->others[thread - 1], NULL, help, start)) { free(start); break; }
        pool->threads++;
    }
    return pool;
}

void pool_close(Pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->closing, 1);
    atomic_fetch_add(&pool->round, 1);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int thread = 1; thread < pool->threads; thread++) pthread_join(pool->others[thread - 1], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->others);
    free(pool);
}

int pool_threads(const Pool *pool) { return pool->threads; }

void pool_run(Pool *pool, Task task, void *context, int count) {
    if (pool->threads < 2 || count < 2) {
        for (int index = 0; index < count; index++) task(context, index, 0);
        return;
    }
    unsigned round = atomic_load(&pool->round) + 1;
    pool->task = task;
    pool->context = context;
    atomic_store(&pool->done, 0);
    atomic_store(&pool->next, first_task(round, count));
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->round, round);
    if (pool->asleep) pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    work(pool, round, 0);
    while (atomic_load(&pool->done) < count) sched_yield();
}
