/* Timers an hour and more away, which pend while something else is measured. */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include "bench.h"

#define OTHER_TIMERS 100000

struct pending_timers {
    struct pawl_timer *timers;
    long count;
};

/* Arms `count` of them from a task. */
void bench_pending_arm(const struct bench *b, struct pending_timers *p, long count);

/* Cancels all; each must still have been pending. */
void bench_pending_cancel(struct pending_timers *p);

#endif
