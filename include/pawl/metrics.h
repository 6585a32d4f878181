/* Counters, readable while the runtime runs. Each only grows; a snapshot's counters are each exact at some moment of
 * the call, not all at the same one. */
#ifndef PAWL_METRICS_H
#define PAWL_METRICS_H

#include <pawl/base.h>

PAWL_BEGIN_DECLS

#define PAWL_LATENESS_CLASSES 24

struct pawl_metrics {
    uint64_t tasks_spawned;
    uint64_t tasks_finished;
    uint64_t task_runs;        /* times a task was resumed */
    uint64_t tasks_stolen;     /* taken from another worker's queue */
    uint64_t tasks_injected;   /* taken from the injection queue */
    uint64_t tasks_overflowed; /* moved to the injection queue because the run queue was full */
    uint64_t parks;            /* times the worker went to sleep */
    uint64_t unparks;          /* times it woke a sleeping worker */
    uint64_t driver_turns;     /* times it held the driver and polled */
    uint64_t driver_rescues;   /* times it took the driver over from a busy worker */
    uint64_t timers_armed;
    uint64_t timers_reset;
    uint64_t timers_cancelled;
    uint64_t timers_fired;     /* those completed by shutdown among them */
    uint64_t timers_remote;     /* resets and cancels asked for by a worker in whose shard the timer was not */
    uint64_t timer_lock_misses; /* times a shard was locked by somebody else */
    uint64_t timer_rescues;     /* shards it found with a timer overdue by a ms or more, or armed for then, and served
                                 * when it held the driver */
    uint64_t driver_wakes;      /* times the sleeping driver was woken for an earlier deadline */
    /* Timers fired, by how late they were when the round began in which they were: [0] less than a tick after the first
     * tick at or after their deadline (of those with slack: after the tick that it was settled for), [n] at least
     * 2^(n-1) ticks and less than 2^n; the last has no end. Those completed by shutdown are not among them. */
    uint64_t timers_late[PAWL_LATENESS_CLASSES];
    uint64_t reserved[14];
};

/* Counters of one worker; worker -1: of all threads that are no worker. size is sizeof *out. -EINVAL: no such worker,
 * or a larger size than this library knows. */
PAWL_API int pawl_metrics_worker(const struct pawl_runtime *rt, int worker, struct pawl_metrics *out, size_t size);

/* The sum over all workers and other threads. */
PAWL_API int pawl_metrics_total(const struct pawl_runtime *rt, struct pawl_metrics *out, size_t size);

PAWL_END_DECLS

#endif
