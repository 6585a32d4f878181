/* A runtime that is built by hand: everything that pawl_runtime_create makes but the threads. A scenario's own threads
 * do what its workers and callers would do, so that there are no more steps than the race in question has. The sources
 * are included for what is static in them. */
#ifndef TESTS_MODEL_BUILT_H
#define TESTS_MODEL_BUILT_H

#include "sched/runtime.c"  /* NOLINT: for its static functions */
#include "sched/shutdown.c" /* NOLINT */
#include "sched/worker.c"   /* NOLINT */

#include "tools/model/model.h"

static struct pawl_runtime *rt;

/* Before the first thread starts: it costs no steps. */
static void build_on(int workers, enum pawl_clock clock)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = workers;
    o.clock = clock;
    o.tick_ns = 1000000; /* few levels */
    o.seed = 1;
    rt = pawl__memory_alloc(&o.allocator, sizeof *rt, PAWL_CACHE_LINE);
    MODEL_ASSERT(rt != NULL && init(rt, &o) == 0);
    for (unsigned i = 0; i < rt->worker_count; i++)
        rt->workers[i].until_clock = rt->workers[i].clock_interval = 64; /* the clock is not looked at */
    pawl__registry_add(rt);
}

static inline void build(int workers)
{
    build_on(workers, PAWL_CLOCK_MONOTONIC);
}

/* The calling thread is this worker from now on. */
static struct worker *be_worker(unsigned index)
{
    pawl__current_set(&rt->workers[index].current);
    return &rt->workers[index];
}

static void be_plain(void)
{
    pawl__current_set(NULL);
}

/* Runs what is to be found without stealing. */
static void work(struct worker *worker)
{
    struct pawl_task *task;
    while ((task = next_task(worker)) != NULL)
        run(worker, task);
}

/* Runs what is left and frees everything. What has not come back by then is a leak. */
static inline void tear_down(void)
{
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(pawl__runtime_live_tasks(rt) == 0);
    fini(rt);
}

#endif
