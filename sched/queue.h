/* Run queue of a worker: a ring, and a slot for the task that was made ready last.
 *
 * The owner pushes at the tail and takes from the head, first in, first out; thieves take up to half from the head, in
 * one compare-and-swap. When the ring is full its older half moves to the injection queue. The slot holds the task
 * that the running one has just made ready: it is likely to find its data in the cache. Thieves take it only from an
 * owner that does not get round to it (see sched/search.c). Instead of a task the slot may hold a chain of them, those
 * that a round of timers has woken, in that order: they were to run by now, so they go before what has been queued, and
 * thieves take them at once.
 *
 * Indices are 64 bits wide and never wrap: no ABA.
 *
 * Edge queue.tail: push's release of tail pairs with the acquire of a thief: the task and all it points to.
 * Edge queue.head: taking is a compare-and-swap on head (acq_rel); the owner's acquire of head in push sees that the
 *     slots before it were read, and may write them again. Thieves read slots before they own them: relaxed atomics,
 *     and worthless unless the compare-and-swap succeeds, which it does only if head has not moved, so no such slot
 *     was written meanwhile: the owner writes slot i of the next round only after head has passed i.
 * Edge queue.slot: store-release or exchange by the owner; exchange by whoever takes.
 *
 * Who may call which at once: push, pop, put_slot, take_slot: the owner. steal, steal_slot, length: anyone. */
#ifndef PAWL_SCHED_QUEUE_H
#define PAWL_SCHED_QUEUE_H

#include "base/assert.h"
#include "base/atomic.h"
#include "base/fifo.h"

struct pawl_task;

#ifndef QUEUE_CAPACITY
#define QUEUE_CAPACITY 256 /* a power of two; the model checker shrinks it */
#endif

/* Access: A any thread atomic, S owner writes, anyone reads */
struct queue {
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) head; /* A taken up to here */
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) tail; /* S pushed up to here */
    PAWL_ATOMIC(void *) slot;                             /* A filled by the owner only */
    PAWL_ATOMIC(void *) ring[QUEUE_CAPACITY];             /* S */
};

/* false: full. */
bool pawl__queue_push(struct queue *queue, struct pawl_task *task);

/* NULL: empty. */
struct pawl_task *pawl__queue_pop(struct queue *queue);

/* Takes the older half of a full ring into `out`; returns how many. */
unsigned pawl__queue_take_half(struct queue *queue, struct pawl_task **out);

/* Moves half of the victim's ring, rounded up, to the thief's own empty one, but for one task, which is returned;
 * *moved: how many in all. NULL: nothing, or somebody else was quicker. */
struct pawl_task *pawl__queue_steal(struct queue *victim, struct queue *own, unsigned *moved);

/* ---- what lies in the slot: a task, or a chain of two or more, which the lowest bit tells ---- */

static inline bool held_is_chain(const void *held)
{
    return ((uintptr_t)held & 1) != 0;
}

static inline struct pawl_task *held_first(void *held)
{
    return (struct pawl_task *)((uintptr_t)held & ~(uintptr_t)1);
}

/* Puts a task into the slot and returns what was there, or NULL. */
static inline void *queue_put_slot(struct queue *queue, void *held)
{
    if (load_relaxed_ptr(&queue->slot) == NULL) { /* relaxed: only we fill it, so empty it stays */
        store_release_ptr(&queue->slot, held);    /* edge queue.slot */
        return NULL;
    }
    return exchange_acq_rel_ptr(&queue->slot, held); /* edge queue.slot */
}

/* Empties the slot; the owner or a thief. */
static inline void *queue_take_slot(struct queue *queue)
{
    if (load_relaxed_ptr(&queue->slot) == NULL) /* relaxed: a look before the exchange that decides */
        return NULL;
    return exchange_acq_rel_ptr(&queue->slot, NULL); /* edge queue.slot */
}

/* Tasks in the ring, as far as one can tell from outside. */
static inline uint64_t queue_length(const struct queue *queue)
{
    uint64_t head = load_acquire_u64(&queue->head); /* acquire, and first: so that it is not past the tail read next */
    uint64_t tail = load_acquire_u64(&queue->tail);
    return tail - head;
}

static inline bool queue_has_slot(const struct queue *queue)
{
    return load_relaxed_ptr(&queue->slot) != NULL; /* relaxed: a hint */
}


void pawl__queue_keep_rest(struct queue *own, const struct pawl_task *first);

/* Of what was taken out of a slot: the first task. The rest of a chain goes into the slot of `own`, which is empty and
 * the caller's. */
static inline struct pawl_task *queue_unchain(struct queue *own, void *held)
{
    if (PAWL_UNLIKELY(held_is_chain(held)))
        pawl__queue_keep_rest(own, held_first(held));
    return held_first(held);
}

/* Fills the empty slot with tasks that are linked by `next`. The owner. */
void pawl__queue_fill_slot(struct queue *queue, struct pawl_task *first);

/* Appends tasks that are linked by `next` to what lies in the slot. The owner. */
void pawl__queue_append_to_slot(struct queue *queue, struct pawl_task *first);

/* Tasks in the slot: 0, 1, or 2 for a chain. */
static inline unsigned queue_slot_length(const struct queue *queue)
{
    void *held = load_relaxed_ptr(&queue->slot); /* relaxed: a hint */
    return held == NULL ? 0 : held_is_chain(held) ? 2 : 1;
}

#endif
