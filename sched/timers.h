/* Timers of a runtime: which shard an entry belongs to, from whichever thread one asks. */
#ifndef PAWL_SCHED_TIMERS_H
#define PAWL_SCHED_TIMERS_H

#include "sched/runtime.h"

/* A shard's id holds its runtime's and its index. */
enum { SHARD_INDEX_BITS = 13 };

_Static_assert(2 * PAWL_WORKERS_MAX <= 1 << SHARD_INDEX_BITS, "a shard for each worker, and no more ports than that");

static inline uint64_t shard_id(uint64_t runtime_id, unsigned index)
{
    return runtime_id << SHARD_INDEX_BITS | index;
}

/* For the library's own entries: never armed elsewhere, initialised with a waker, allowed in every phase. */
void pawl__entry_arm(struct pawl_runtime *rt, struct timer_entry *entry, uint64_t deadline_ns);

/* The same for what is accepted as long as timers are: false once the shards are closed. */
bool pawl__entry_arm_tick(struct pawl_runtime *rt, struct timer_entry *entry, uint64_t tick);

/* true: it pended, and its waker will not be called. */
bool pawl__entry_cancel(struct pawl_runtime *rt, struct timer_entry *entry);

#endif
