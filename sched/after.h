/* Timers by id: pawl_after, pawl_every, pawl_cancel, pawl_cancel_wait.
 *
 * Each has a record, from a slab, with its timer entry and the task that will call back, so that firing takes no
 * memory. A record keeps its place in the table for good, whoever uses it next; an id is its place and the record's
 * generation, so a stale id is recognised without touching freed memory. Generations begin at a random number that is
 * the runtime's own, so a foreign id is recognised too, but for one chance in 2^40.
 *
 *     control word: generation << 4 | life
 *     FREE      --after, every-->                         ARMED, then the entry is filed
 *     ARMED     --due (firing thread)-->                  RUNNING: the task is started
 *     RUNNING   --returned, after-->                      FREE, next generation
 *     RUNNING   --returned, every-->                      FILING, with a new task, then the entry is filed
 *     FILING    --filed-->                                ARMED
 *     FILING    --due (firing thread)-->                  RUNNING: who files it starts the task
 *     FILING    --cancel-->                               CANCELLING: who files it takes the canceller's place
 *     RUNNING   --cancel-->                               STOPPING
 *     STOPPING  --cancel_wait, under the record's lock--> AWAITED
 *     STOPPING, AWAITED --returned-->                     FREE, next generation; those who wait are granted
 *     ARMED     --cancel-->                               CANCELLING
 *     CANCELLING--the canceller took it off the wheel-->  FREE, next generation
 *     CANCELLING--it was not on the wheel any more-->     CANCELLED: the firing thread comes by and frees it
 *     CANCELLING--due (firing thread)-->                  FIRED: the canceller frees it
 * So when cancel and firing meet, whoever comes second frees the record, and neither touches it after that. Until it
 * has left FILING, who files it knows that the record is still there.
 * A closed shard does not take it any more. Then no firing thread comes, and who files it stands in for it: RUNNING is
 * the last call, with -ESHUTDOWN.
 * An every for whose next call there is no task, for want of memory, stays with the present one: FILING, until it is
 * due, but on no wheel.
 *
 * Edge after.control: transitions are compare-and-swaps (acq_rel); who wins owns what comes next.
 *     who waits for the end                       who ends it
 *     1. take the lock                            1. exchange the word (acq_rel) for FREE
 *     2. AWAITED, if it is still STOPPING         2. it was AWAITED: take the lock
 *     3. join the list, release the lock          3. take all off the list, release the lock; grant them
 *     One word: who waits finds that it has ended, or who ends it finds that somebody waits.
 *
 * Threads: any. Blocks: no, but for shard locks; pawl_cancel_wait suspends. */
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
