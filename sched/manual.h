/* Manual clock: time that moves only when it is told to, from deadline to deadline.
 *
 * Model: the runtime has one shard, with ticks of a nanosecond, and only the driver's holder fires in it: so the order
 * is that of deadlines and, within one, of arming. It is also the holder who moves the clock, one step a turn, to the
 * next deadline or, if there is none before it, to where the first of those who advance wants it; that one is then
 * granted its wait. Before each step the runtime has come to rest: what the last deadline made runnable has run. With
 * auto-advance, and while everything is being cancelled, there is no such limit, but blocking calls are waited for too.
 *
 * The holder sees that the runtime is at rest when it is about to sleep, and is then asleep itself as far as the idle
 * set is concerned. It leaves its seat (clock_to_move), is awake, moves the clock, and turns the shard.
 *
 * Edge manual.rest:
 *     who is the last to go to sleep             who holds the driver
 *     1. announce it (sched/idle.h)              1. store wake_at                           pawl__driver_prepare
 *     2. fence_full                              2. fence_full, or fence_heavy              pawl__park
 *     3. all sleep? load wake_at; wake the       3. do all sleep, and is nothing queued?    rest_ns
 *        holder if it sleeps
 *     Either the last one sees that the holder sleeps, or the holder sees that all do. What is queued while all sleep
 * has a worker woken (edge idle.announce), which will be the last one again. Those who advance, and auto-advance, take
 * the same three steps with what they ask for in place of the announcement.
 *
 * Patience: a task that goes on for SETTLE_NS of real time does not hold an advance up for longer. Who then moves the
 * clock is the holder, when it has slept that long, or a busy worker that turns the driver.
 *
 * Threads: the public calls by any, move and rest by workers. Blocks: on its lock, a leaf. */
#ifndef PAWL_SCHED_MANUAL_H
#define PAWL_SCHED_MANUAL_H

#include "base/atomic.h"
#include "base/list.h"
#include "base/lock.h"

struct pawl_runtime;

#define SETTLE_NS UINT64_C(1000000000)

/* Access: A any thread atomic, L(lock) */
struct manual_clock {
    PAWL_ATOMIC(uint64_t) now_ns; /* A written by the driver's holder, L */
    struct lock lock;
    struct list advances;  /* L waiters; the first one's is in progress */
    bool auto_advance;     /* L */
    bool closed;           /* L everything is being cancelled: no more of them, and the clock moves by itself */
    bool impatient;        /* L the one in progress does not wait for rest any more */
    uint64_t waited_since; /* L CLOCK_MONOTONIC: its last step, or its beginning */
};

/* Makes the runtime's clock a manual one. */
void pawl__manual_init(struct pawl_runtime *rt);

/* By the driver's holder, awake, before it turns: moves the clock if it is to be moved. Returns what it reads. */
uint64_t pawl__manual_move(struct pawl_runtime *rt);

/* Steps 2 and 3 of who has announced its sleep. */
void pawl__manual_rest(struct pawl_runtime *rt);

/* Everything is being cancelled: ends all advances with -ESHUTDOWN. On another clock, nothing. */
void pawl__manual_close(struct pawl_runtime *rt);

#endif
