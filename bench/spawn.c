/* Spawning, joining, yielding. */
#include <stdlib.h>

#include "bench.h"

#define YIELD_TASKS 1000

static void *empty(void *arg)
{
    bench_tick();
    return arg;
}

/* Tasks that get no argument: the memory between them is zero bytes. */
static void spawn_and_join(struct pawl_runtime *rt, long count)
{
    struct pawl_task **tasks = bench_allocate(count, sizeof(struct pawl_task *));
    for (long i = 0; i < count; i++)
        MUST(pawl_spawn(rt, empty, NULL, &tasks[i]));
    for (long i = 0; i < count; i++)
        MUST(pawl_join(tasks[i], NULL));
    free(tasks);
}

static void *spawn_and_join_share(void *count)
{
    spawn_and_join(NULL, *(long *)count);
    return NULL;
}

/* ---- spawn_join, spawn_remote ---- */

static void join_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, spawn_and_join_share, &n);
}

void bench_spawn_join(const struct bench *b)
{
    bench_throughput(b, b->n, join_rep);
}

static void remote_rep(const struct bench *b)
{
    spawn_and_join(b->runtime, b->n);
}

void bench_spawn_remote(const struct bench *b)
{
    bench_throughput(b, b->n, remote_rep);
}

/* ---- spawn_fan ---- */

static long fan_roots(const struct bench *b)
{
    return 4L * b->workers;
}

static void *fan(void *arg)
{
    const struct bench *b = arg;
    long share = b->n / fan_roots(b);
    bench_run_all(spawn_and_join_share, &share, fan_roots(b), 0);
    return NULL;
}

static void fan_rep(const struct bench *b)
{
    struct bench copy = *b;
    bench_on_worker(b, fan, &copy);
}

void bench_spawn_fan(const struct bench *b)
{
    bench_throughput(b, bench_n(b, fan_roots(b)), fan_rep);
}

/* ---- chain ---- */

/* Handed from each task to the next. */
struct chain {
    long left;
    struct pawl_waker done;
};

static void *link_next(void *arg)
{
    struct chain *chain = arg;
    bench_tick();
    if (--chain->left > 0) {
        MUST(pawl_spawn(NULL, link_next, chain, NULL));
    } else {
        struct pawl_waker done = chain->done; /* the chain is gone once the waker was called */
        pawl_waker_wake(&done);
        pawl_waker_drop(&done);
    }
    return NULL;
}

static void *start_chain(void *count)
{
    struct chain chain = {.left = *(long *)count};
    pawl_self_waker(&chain.done);
    MUST(pawl_spawn(NULL, link_next, &chain, NULL));
    MUST(pawl_suspend_until(PAWL_NEVER));
    return NULL;
}

static void chain_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, start_chain, &n);
}

void bench_chain(const struct bench *b)
{
    bench_throughput(b, b->n, chain_rep);
}

/* ---- yield ---- */

static void *yield_often(void *count)
{
    for (long i = 0; i < *(long *)count; i++) {
        MUST(pawl_yield());
        bench_tick();
    }
    return NULL;
}

static void *yield_together(void *count)
{
    bench_run_all(yield_often, count, YIELD_TASKS, 0);
    return NULL;
}

static void yield_rep(const struct bench *b)
{
    long yields_per_task = b->n / YIELD_TASKS;
    bench_on_worker(b, yield_together, &yields_per_task);
}

void bench_yield(const struct bench *b)
{
    bench_throughput(b, bench_n(b, YIELD_TASKS), yield_rep);
}
