/* Injection queue: tasks made ready by threads that are no workers, and what overflows from run queues.
 *
 * `count` decides emptiness, not the queue's insides, since P1 hangs on it:
 *     who pushes                        who goes to sleep (sched/idle.h)
 *     1. enqueue; count += n            1. announce
 *     2. fence                          2. fence
 *     3. look for sleepers              3. load count
 * A popper may be quicker than the pusher's count, so it may be negative for a moment; negative is empty.
 *
 * Threads: push by any, pop by any (one at a time, by the lock). Blocks: pop, on the lock, a leaf. */
#ifndef PAWL_SCHED_INJECT_H
#define PAWL_SCHED_INJECT_H

#include "base/fifo.h"
#include "base/lock.h"

struct pawl_task;

struct inject {
    struct fifo fifo;
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) count; /* A signed */
    _Alignas(PAWL_CACHE_LINE) struct lock lock;            /* of the popping side */
};

void pawl__inject_init(struct inject *inject);
void pawl__inject_push(struct inject *inject, struct pawl_task *task);
void pawl__inject_push_all(struct inject *inject, struct pawl_task *const *tasks, unsigned count);

/* Up to `most` tasks; returns how many. */
unsigned pawl__inject_pop(struct inject *inject, struct pawl_task **out, unsigned most);

static inline int64_t inject_length(const struct inject *inject)
{
    return (int64_t)load_acquire_u64(&inject->count); /* step 3 above; acquire: what was pushed is there */
}

#endif
