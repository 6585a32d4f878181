/* What stands in for liburcu in a model-checked build: the interface that base/fifo.c and base/rcu.c call, in plain
 * C11 atomics, with the edges that liburcu documents and no others. liburcu itself is trusted.
 *
 * Queue: D. Vyukov's, as liburcu's is: an exchange of the tail, then a store of the link. Read sections: a counter of
 * sections a thread; who synchronizes waits until each thread has been seen outside of one. */
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <urcu-bp.h>
#include <urcu/wfcqueue.h>

#include "tools/model/model.h"

typedef _Atomic(struct cds_wfcq_node *) atomic_node;

static atomic_node *link_of(struct cds_wfcq_node *node)
{
    return (atomic_node *)&node->next;
}

static atomic_node *tail_of(struct cds_wfcq_tail *tail)
{
    return (atomic_node *)&tail->p;
}

void cds_wfcq_node_init(struct cds_wfcq_node *node)
{
    atomic_store_explicit(link_of(node), NULL, memory_order_relaxed);
}

void __cds_wfcq_init(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
    atomic_store_explicit(link_of(&head->node), NULL, memory_order_relaxed);
    atomic_store_explicit(tail_of(tail), &head->node, memory_order_relaxed);
}

static void append(struct cds_wfcq_tail *tail, struct cds_wfcq_node *first, struct cds_wfcq_node *last)
{
    struct cds_wfcq_node *former = atomic_exchange_explicit(tail_of(tail), last, memory_order_acq_rel);
    atomic_store_explicit(link_of(former), first, memory_order_release);
}

bool cds_wfcq_enqueue(cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, struct cds_wfcq_node *node)
{
    append(tail, node, node);
    (void)head;
    return true; /* whether it was empty is asked by nobody here */
}

/* The link of a node behind which another one is being enqueued. */
static struct cds_wfcq_node *await_link(struct cds_wfcq_node *node)
{
    struct cds_wfcq_node *next;
    while ((next = atomic_load_explicit(link_of(node), memory_order_acquire)) == NULL)
        model_yield();
    return next;
}

enum cds_wfcq_ret __cds_wfcq_splice_blocking(cds_wfcq_head_ptr_t to_head, struct cds_wfcq_tail *to_tail,
                                             cds_wfcq_head_ptr_t from_head, struct cds_wfcq_tail *from_tail)
{
    struct cds_wfcq_node *head = &from_head._h->node;
    (void)to_head;
    if (atomic_load_explicit(tail_of(from_tail), memory_order_acquire) == head)
        return CDS_WFCQ_RET_SRC_EMPTY;
    struct cds_wfcq_node *first = await_link(head);
    atomic_store_explicit(link_of(head), NULL, memory_order_relaxed);
    append(to_tail, first, atomic_exchange_explicit(tail_of(from_tail), head, memory_order_acq_rel));
    return CDS_WFCQ_RET_DEST_NON_EMPTY;
}

struct cds_wfcq_node *__cds_wfcq_dequeue_blocking(cds_wfcq_head_ptr_t head_pointer, struct cds_wfcq_tail *tail)
{
    struct cds_wfcq_node *head = &head_pointer._h->node, *last, *next;
    struct cds_wfcq_node *node = atomic_load_explicit(link_of(head), memory_order_acquire);
    if (node == NULL && atomic_load_explicit(tail_of(tail), memory_order_acquire) == head)
        return NULL;
    if (node == NULL)
        node = await_link(head);
    next = atomic_load_explicit(link_of(node), memory_order_acquire);
    if (next == NULL) {
        /* perhaps the last one: then the queue is empty again */
        atomic_store_explicit(link_of(head), NULL, memory_order_relaxed);
        last = node;
        if (atomic_compare_exchange_strong_explicit(tail_of(tail), &last, head, memory_order_acq_rel,
                                                    memory_order_relaxed))
            return node;
        next = await_link(node);
    }
    atomic_store_explicit(link_of(head), next, memory_order_relaxed);
    return node;
}

/* ---- read sections ---- */

enum { READERS = 8 };
static _Atomic unsigned in_section[READERS];

static unsigned reader(void)
{
    return (unsigned)pthread_self() % READERS; /* in a model-checked build these are small numbers */
}

void urcu_bp_read_lock(void)
{
    unsigned depth = atomic_load_explicit(&in_section[reader()], memory_order_relaxed);
    atomic_store_explicit(&in_section[reader()], depth + 1, memory_order_relaxed);
    if (depth == 0)
        model_fence_light();
}

void urcu_bp_read_unlock(void)
{
    unsigned depth = atomic_load_explicit(&in_section[reader()], memory_order_relaxed);
    atomic_store_explicit(&in_section[reader()], depth - 1, memory_order_release);
}

void urcu_bp_synchronize_rcu(void)
{
    model_fence_heavy(); /* membarrier, as liburcu has it: a section's entry orders nothing by itself */
    for (unsigned i = 0; i < READERS; i++)
        while (atomic_load_explicit(&in_section[i], memory_order_acquire) != 0)
            model_yield();
}

void urcu_bp_before_fork(void)
{
}

void urcu_bp_after_fork_parent(void)
{
}

void urcu_bp_after_fork_child(void)
{
}
