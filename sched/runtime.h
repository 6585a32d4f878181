/* Runtime: what the workers share. */
#ifndef PAWL_SCHED_RUNTIME_H
#define PAWL_SCHED_RUNTIME_H

#include <errno.h>
#include <pawl/runtime.h>

#include "base/fence.h"
#include "base/lock.h"
#include "base/slab.h"
#include "park/driver.h"
#include "sched/after.h"
#include "sched/blocking.h"
#include "sched/current.h"
#include "sched/idle.h"
#include "sched/inject.h"
#include "sched/manual.h"
#include "sched/stack.h"
#include "sched/task.h"
#include "sched/waiter.h"
#include "sched/worker.h"

/* Phases only go forward.
 *
 *     RUNNING --shutdown--> DRAINING --grace over or no task left--> CANCELLING --all ended--> STOPPED
 *
 * Edge runtime.phase:
 *     who spawns                                     who shuts down
 *     1. count the task as spawned; header live      1. store the phase
 *     2. fence_light                                 2. fence_heavy
 *     3. load the phase; too late: take it back      3. sum the counters; walk over all headers
 * Either the spawner gives up or the one who shuts down waits for its task, and cancels it: the walk flags the task as
 * cancelled and wakes it. Who finds the flag loads the phase after it, and so sees why. A timer's task starts even when
 * it is too late, and is then flagged by who starts it. */
enum phase { PHASE_RUNNING, PHASE_DRAINING, PHASE_CANCELLING, PHASE_STOPPED };

/* Port: what threads that are no workers share among those of them that hash to it. */
struct port {
    _Alignas(PAWL_CACHE_LINE) struct counters counters; /* A read-modify-writes */
    struct shard *shard;                                /* C */
};

/* Access: C constant after init, A any thread atomic, L(lock) */
struct pawl_runtime {
    /* read by everybody, written at init */
    uint64_t id;                      /* C unique in the process, never 0 */
    const uint32_t *parent;           /* C in wiped: reads 0 in a forked child */
    struct clock clock;               /* C */
    struct fences fences;             /* C */
    struct pawl_allocator allocator;  /* C */
    struct pawl_hooks hooks;          /* C */
    struct worker *workers;           /* C */
    unsigned worker_count;            /* C */
    struct port *ports;               /* C */
    unsigned port_count;              /* C a power of two */
    struct shard *shards;             /* C those of the workers, then those of the ports */
    unsigned shard_count;             /* C */
    struct wheel_level *levels;       /* C of all shards */
    unsigned level_count;             /* C a shard */
    bool pin_workers;                 /* C */
    uint64_t seed;                    /* C */
    char name[TASK_NAME_SIZE];        /* C */
    struct slab *tasks;               /* C */
    struct wiped *wiped;              /* C */
    PAWL_ATOMIC(uint32_t) phase;      /* A enum phase */

    struct idle idle;
    struct inject inject;
    struct driver driver;
    struct manual_clock manual;
    struct stack_pool stacks;
    struct after_table afters;
    struct blocking_pool blocking;

    /* Edge runtime.quiet:
     *     who waits for rest                      who goes to sleep
     *     1. count itself in as a waiter          1. announce it; what it did before is counted, without fences
     *     2. fence_heavy                          2. fence_light
     *     3. look at the counters and who sleeps  3. load the waiters; any: change the epoch, wake them
     * Either who waits sees that all is done, or who goes to sleep sees the waiter. */
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint32_t) quiet_waiters; /* A */
    PAWL_ATOMIC(uint32_t) quiet_epoch;                             /* A changes whenever a worker goes to sleep */
    PAWL_ATOMIC(uint32_t) closing;                                 /* A 1: a worker closes the shards, or has */
    struct lock shutdown_lock;                                     /* one thread shuts down; outermost */

    PAWL_ATOMIC(void *) next_live; /* L of the registry */
};

/* The runtime that a call is about: rt, or the caller's. NULL: *error says why not. */
struct pawl_runtime *pawl__runtime_of(struct pawl_runtime *rt, int *error);

/* The port of the calling thread, always the same one. */
struct port *pawl__port(struct pawl_runtime *rt);

/* Adds to a counter of the caller, who is `worker` or, if NULL, no worker. */
#define runtime_count(rt, worker, counter, n)                                                                          \
    ((worker) != NULL ? counter_add(&(worker)->counters.counter, n)                                                    \
                      : (void)fetch_add_acq_rel_u64(&pawl__port(rt)->counters.counter, n))

/* Edge counters.finished: release; pairs with the acquire in pawl__runtime_live_tasks: who counts a task as finished
 * counts it, and those it spawned, as spawned. */
static inline void runtime_count_finished(struct pawl_runtime *rt, struct worker *worker)
{
    if (worker == NULL)
        fetch_add_acq_rel_u64(&pawl__port(rt)->counters.finished, 1);
    else /* relaxed: ours alone to write */
        store_release_u64(&worker->counters.finished, load_relaxed_u64(&worker->counters.finished) + 1);
}

/* Tasks spawned and not finished; exact if nothing goes on meanwhile, 0 only if there was a moment without any. */
uint64_t pawl__runtime_live_tasks(struct pawl_runtime *rt);

/* Ends all threads: nothing is left to do. */
void pawl__runtime_stop(struct pawl_runtime *rt);

/* Closes every shard, on a worker that counts as in a callback, once. */
void pawl__runtime_close_shards(struct pawl_runtime *rt);

/* Is no task runnable or running? And no blocking call in progress either? */
bool pawl__runtime_at_rest(struct pawl_runtime *rt);
bool pawl__runtime_is_idle(struct pawl_runtime *rt);

/* To be called by each worker that has announced its sleep: edges runtime.quiet and manual.rest. */
void pawl__runtime_quiet(struct pawl_runtime *rt);

/* 0, or why calls on it fail: -EINVAL for NULL, -EPERM in a forked child. */
static inline int runtime_usable(const struct pawl_runtime *rt)
{
    return rt == NULL ? -EINVAL : *rt->parent == 0 ? -EPERM : 0;
}

static inline enum phase runtime_phase(const struct pawl_runtime *rt)
{
    return (enum phase)load_acquire_u32(&rt->phase); /* edge runtime.phase */
}

#endif
