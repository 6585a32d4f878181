#include "sched/queue.h"

#include "base/noise.h"
#include "sched/task.h"

static PAWL_ATOMIC(void *) *place(struct queue *queue, uint64_t index)
{
    return &queue->ring[index % QUEUE_CAPACITY];
}

bool pawl__queue_push(struct queue *queue, struct pawl_task *task)
{
    uint64_t tail = load_relaxed_u64(&queue->tail); /* relaxed: ours */
    uint64_t head = load_acquire_u64(&queue->head); /* edge queue.head */
    if (tail - head == QUEUE_CAPACITY)
        return false;
    store_relaxed_ptr(place(queue, tail), task); /* relaxed: published by tail */
    store_release_u64(&queue->tail, tail + 1);   /* edge queue.tail */
    return true;
}

struct pawl_task *pawl__queue_pop(struct queue *queue)
{
    uint64_t tail = load_relaxed_u64(&queue->tail); /* relaxed: ours */
    uint64_t head = load_relaxed_u64(&queue->head); /* relaxed: the compare-and-swap decides */
    while (head != tail) {
        struct pawl_task *task = load_relaxed_ptr(place(queue, head)); /* relaxed: we wrote it */
        if (cas_acq_rel_relaxed_u64(&queue->head, &head, head + 1))    /* edge queue.head */
            return task;
    }
    return NULL;
}

unsigned pawl__queue_take_half(struct queue *queue, struct pawl_task **out)
{
    uint64_t head = load_relaxed_u64(&queue->head); /* relaxed: the compare-and-swap decides */
    unsigned count = QUEUE_CAPACITY / 2;
    if (load_relaxed_u64(&queue->tail) - head < count) /* relaxed: ours */
        return 0;
    for (unsigned i = 0; i < count; i++)
        out[i] = load_relaxed_ptr(place(queue, head + i)); /* relaxed: we wrote it */
    return cas_acq_rel_relaxed_u64(&queue->head, &head, head + count) ? count : 0; /* edge queue.head */
}

struct pawl_task *pawl__queue_steal(struct queue *victim, struct queue *own, unsigned *moved)
{
    struct pawl_task *tasks[(QUEUE_CAPACITY + 1) / 2];
    uint64_t head = load_acquire_u64(&victim->head); /* acquire, and first: the tail read next is not behind it */
    uint64_t tail = load_acquire_u64(&victim->tail); /* edge queue.tail */
    uint64_t count = tail - head - (tail - head) / 2;
    if (count == 0 || count > QUEUE_CAPACITY / 2) /* the latter: the head is stale by far */
        return NULL;
    for (uint64_t i = 0; i < count; i++)
        tasks[i] = load_relaxed_ptr(place(victim, head + i)); /* relaxed: edge queue.head says why */
    noise_point("queue.head.read");
    if (!cas_acq_rel_relaxed_u64(&victim->head, &head, head + count))
        return NULL;
    noise_point("queue.head.taken");
    uint64_t own_tail = load_relaxed_u64(&own->tail); /* relaxed: ours, and the ring is empty, so there is room */
    for (uint64_t i = 1; i < count; i++)
        store_relaxed_ptr(place(own, own_tail + i - 1), tasks[i]);
    store_release_u64(&own->tail, own_tail + count - 1); /* edge queue.tail */
    *moved = (unsigned)count;
    return tasks[0];
}

/* ---- chains in the slot ---- */

void pawl__queue_fill_slot(struct queue *queue, struct pawl_task *first)
{
    void *held = (char *)first + (first->next != NULL);
    store_release_ptr(&queue->slot, held); /* edge queue.slot; only the owner fills it, so empty it stayed */
}

void pawl__queue_keep_rest(struct queue *own, const struct pawl_task *first)
{
    pawl__queue_fill_slot(own, first->next);
}

void pawl__queue_append_to_slot(struct queue *queue, struct pawl_task *first)
{
    void *former = queue_take_slot(queue);
    struct pawl_task *last = held_first(former);
    if (former != NULL) {
        while (held_is_chain(former) && last->next != NULL)
            last = last->next;
        last->next = first;
        first = held_first(former);
    }
    pawl__queue_fill_slot(queue, first);
}
