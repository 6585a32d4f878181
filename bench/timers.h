/* What the timer workloads share: above all, timers an hour and more away, which pend while something else is measured.
 */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include "bench.h"

#define OTHER_TIMERS 100000

/* How far ahead they are. */
#define PENDING_MIN_NS (3600 * NS_PER_S)
#define PENDING_MAX_NS (7200 * NS_PER_S)

/* The callback of timers that are cancelled, or away too far. */
void bench_must_not_fire(struct pawl_timer *timer, void *arg, int status);

/* Arms a timer `low` to `high` ns ahead of now and cancels it. */
void bench_arm_and_cancel(struct pawl_runtime *runtime, uint64_t now_ns, struct random *r, int64_t low, int64_t high);

/* After operation i of a task. */
void bench_yield_sometimes(long i);

struct pending_timers {
    struct pawl_timer *timers;
    long count;
};

/* Arms `count` of them from a task. */
void bench_pending_arm(const struct bench *b, struct pending_timers *p, long count);

/* Cancels all; each must still have been pending. */
void bench_pending_cancel(struct pending_timers *p);

#endif
