/* Blocking pool: threads for functions that may block.
 *
 * Threads are started when there are more jobs waiting than idle threads, up to a limit, and end after
 * BLOCKING_KEEP_NS without a job. Jobs lie on the suspended callers' stacks and are taken first in, first out. A job
 * that no thread has taken yet may be withdrawn. Each thread that ends joins the one that ended before it.
 *
 * Threads: any. Blocks: on the pool's lock, which nests in nothing and in which nothing nests. */
#ifndef PAWL_SCHED_BLOCKING_H
#define PAWL_SCHED_BLOCKING_H

#include <pthread.h>

#include "base/list.h"
#include "base/lock.h"

struct pawl_runtime;

#define BLOCKING_KEEP_NS UINT64_C(10000000000)

/* Access: C constant after init, L(lock), A any thread atomic */
struct blocking_pool {
    unsigned threads_max;           /* C */
    struct lock lock;
    struct list jobs;               /* L struct job, waiting */
    unsigned threads, idle, queued; /* L threads that take jobs, those of them that wait for one, and jobs waiting */
    unsigned leaving;               /* L threads that take no more and have not ended yet */
    pthread_t last_ended;           /* L joined by the next thread to end, or by stop; valid if has_ended */
    bool has_ended;                 /* L */
    bool stopping;                  /* L */
    PAWL_ATOMIC(uint32_t) wakes;    /* A idle threads sleep on it; changes with each job */
    PAWL_ATOMIC(uint32_t) gone;     /* A changes with each thread that ends while stopping */
    PAWL_ATOMIC(uint64_t) calls;    /* A calls begun << 32 | calls in progress */
};

void pawl__blocking_init(struct blocking_pool *pool, unsigned threads_max);

/* Ends all threads; there are no jobs. Blocks until they have ended. */
void pawl__blocking_stop(struct pawl_runtime *rt);

#endif
