/* Worker: a thread that runs tasks, fires its shard's timers and, when there is nothing else, drives or sleeps.
 *
 * Its loop: take the next task (slot, ring, now and then the injection queue first); none: search, that is, steal;
 * none: park. Between tasks it looks at the clock, by an adaptive count so that it costs no reading a task, and then
 * at its own shard and, if nobody holds it, at the driver. */
#ifndef PAWL_SCHED_WORKER_H
#define PAWL_SCHED_WORKER_H

#include <pthread.h>

#include "base/fifo.h"
#include "base/random.h"
#include "base/slab.h"
#include "park/parker.h"
#include "sched/current.h"
#include "sched/queue.h"
#include "sched/stack.h"

struct pawl_runtime;

/* What one thread counts; written by its owner only, or by read-modify-writes if it is shared. */
struct counters {
    PAWL_ATOMIC(uint64_t) spawned, finished, runs, stolen, injected, overflowed, parks, unparks, turns, rescues;
    PAWL_ATOMIC(uint64_t) timers_extended, timers_remote, driver_wakes, overdue;
};

enum {
    WORKER_INJECT_INTERVAL = 61,   /* tasks between looks at the injection queue when there is other work */
    WORKER_SLOT_RUNS_MAX = 32,     /* tasks from the slot in a row while others wait in the ring */
    WORKER_BUDGET = 128,           /* calls that could have suspended but did not, between looks at the clock */
    WORKER_SLICE_NS = 20000,       /* what a task may go on for, from the first of these looks on, until one yields */
    WORKER_WOKEN_MAX = 16,         /* tasks that a round of timers puts before the others */
    WORKER_BRIEF_NS = 50000,       /* from one sleep to the next is brief: the time it takes to wake another worker */
    WORKER_BRIEF_SPELLS = 16,      /* so many in a row, and turns of the driver are calm */
    WORKER_CLOCK_INTERVAL_MAX = WORKER_INJECT_INTERVAL /* tasks between looks at the clock: on one way home */
};

enum leave { LEAVE_SUSPENDED, LEAVE_YIELDED, LEAVE_FINISHED };

/* Access: C constant after init, W its thread, S its thread writes and any reads, A any thread atomic */
struct worker {
    struct current current;     /* W */
    struct pawl_runtime *runtime; /* C */
    unsigned index;             /* C */
    struct shard *shard;        /* C its own */
    struct parker *parker;      /* C */
    pthread_t thread;           /* C */
    struct random random;       /* W */
    struct slab_cache tasks;    /* W */
    struct slab_cache afters;   /* W */
    struct stack_cache stacks;  /* W */
    unsigned until_home;        /* W tasks to run, one handing over to the other, until the loop goes on */
    unsigned until_inject;      /* W tasks to run until the injection queue is first */
    unsigned slot_runs;         /* W */
    uint64_t slice_began_ns;    /* W 0: its task has not spent a budget yet */
    unsigned soon_looks;        /* W at the clock, in a row */
    unsigned until_clock, clock_interval; /* W tasks to run until the clock is read, and from then to the next time */
    uint64_t clock_read_ns;     /* W */
    uint64_t woke_ns;           /* W from its last sleep */
    unsigned brief_spells;      /* W between sleeps, in a row */
    bool searching;             /* W counted as a searcher */
    struct pawl_task *handed;   /* W to be run next, or NULL */
    PAWL_ATOMIC(uint32_t) slot_is_due; /* S there may be a chain in the slot: timers filled it last */
    bool slot_has_front;        /* W before theirs it has a task that was made ready since */
    struct {                    /* W made ready by the round of timers that goes on; then they go to the slot */
        struct pawl_task *first, *last;
        unsigned count;
    } woken;
    struct context home;        /* W its own stack */
    enum leave leave;           /* W why current.task leaves its stack */

    struct queue queue;         /* see sched/queue.h */
    _Alignas(PAWL_CACHE_LINE) struct counters counters;       /* S */
    _Alignas(PAWL_CACHE_LINE) struct fifo inbox;              /* A tasks that only this worker may run */
    PAWL_ATOMIC(uint64_t) inbox_count;                        /* A as inject.count */
};

/* The thread's function; arg is the worker. */
void *pawl__worker_main(void *arg);

/* The running task's budget is spent. true: so is its time, it is to yield. false: it has a new budget. */
bool pawl__worker_share_spent(struct worker *worker);

/* Makes a task that became ready available. worker: the calling one of the same runtime, or NULL. */
void pawl__schedule(struct pawl_runtime *rt, struct worker *worker, struct pawl_task *task);

/* From a task: leaves for the next one or the worker's loop. Returns when resumed, maybe on another worker. */
void pawl__task_suspend(struct pawl_task *task);
void pawl__task_yield(struct pawl_task *task);

/* Around a round of timers: what it makes ready is to run before what has been queued. */
void pawl__worker_begin_round(struct worker *worker);
void pawl__worker_end_round(struct worker *worker);

/* Between tasks, about every 50 us. Busy workers serve their own timers, and the others' if nobody holds the driver. */
void pawl__worker_look_at_clock(struct worker *worker);

/* sched/search.c: one task from the injection queue or another worker; the caller counts as a searcher. */
struct pawl_task *pawl__worker_search(struct worker *worker);

/* A batch from the injection queue: the first is returned, the rest goes to the own ring. */
struct pawl_task *pawl__worker_take_injected(struct worker *worker);

/* The next of its own tasks, NULL: none. */
struct pawl_task *pawl__worker_next_own(struct worker *worker);

/* Is there anything to take in any queue? */
bool pawl__work_anywhere(struct pawl_runtime *rt);

/* relaxed: ours, or a hint */
static inline bool worker_slot_is_due(const struct worker *worker)
{
    return load_relaxed_u32(&worker->slot_is_due) != 0;
}

/* Of what was taken out of a slot: the first task. The rest goes into the worker's own slot, which is empty. */
static inline struct pawl_task *worker_unchain(struct worker *worker, void *held)
{
    worker->slot_has_front = false;
    store_relaxed_u32(&worker->slot_is_due, held_is_chain(held)); /* relaxed: a hint for others */
    return queue_unchain(&worker->queue, held);
}

#endif
