/* Timers by id: pawl_after and pawl_cancel.
 *
 * Each has a record, from a slab, with its timer entry and the task that will call back, so that firing takes no
 * memory. A record keeps its place in the table for good, whoever uses it next; an id is its place and the record's
 * generation, so a stale id is recognised without touching freed memory. Generations begin at a random number that is
 * the runtime's own, so a foreign id is recognised too, but for one chance in 2^40.
 *
 *     control word: generation << 3 | life
 *     FREE      --after-->                                ARMED
 *     ARMED     --due (firing thread)-->                  RUNNING, and when the task ends FREE, next generation
 *     ARMED     --cancel-->                               CANCELLING
 *     CANCELLING--the canceller took it off the wheel-->  FREE, next generation
 *     CANCELLING--it was not on the wheel any more-->     CANCELLED: the firing thread comes by and frees it
 *     CANCELLING--due (firing thread)-->                  FIRED: the canceller frees it
 * So when cancel and firing meet, whoever comes second frees the record, and neither touches it after that.
 *
 * Edge after.control: transitions are compare-and-swaps (acq_rel); who wins owns what comes next.
 *
 * Threads: any. Blocks: no, but for shard locks. */
#ifndef PAWL_SCHED_AFTER_H
#define PAWL_SCHED_AFTER_H

#include "base/lock.h"
#include "base/slab.h"

enum { AFTER_CHUNK = 1024, AFTER_CHUNKS_MAX = 16384 /* so many timers by id at once at most, times AFTER_CHUNK */ };

struct after_chunk {
    PAWL_ATOMIC(void *) records[AFTER_CHUNK]; /* A struct after, or NULL */
};

/* Access: C constant after init, A any thread atomic, L(lock) */
struct after_table {
    struct slab *slab;          /* C */
    uint64_t first_generation;  /* C of each record, never 0 */
    struct lock lock;
    uint64_t used;              /* L places given to records */
    PAWL_ATOMIC(void *) *chunks; /* A AFTER_CHUNKS_MAX of them, struct after_chunk or NULL, written L */
};

/* -ENOMEM. */
int pawl__after_init(struct after_table *table, const struct pawl_allocator *allocator, uint64_t runtime_id);

/* Every record is free, and in the slab. */
void pawl__after_fini(struct after_table *table, const struct pawl_allocator *allocator);

#endif
