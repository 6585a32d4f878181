/* The two fences of a store-load pair, one cheap and one dear.
 *
 *     frequent side            rare side
 *     1. store X               1. store Y
 *     2. fence_light           2. fence_heavy
 *     3. load Y                3. load X
 *
 * At least one side sees the other's store. The frequent side (whoever queues a task or arms a timer) pays a compiler
 * barrier; the rare side (whoever goes to sleep) asks the kernel to run a full barrier on every thread of the process
 * (membarrier). Where the kernel cannot, both are full fences. A light fence pairs with heavy ones only, never with
 * another light one; edge idle.alone (sched/idle.h) tells when a full one will do for the heavy one.
 *
 * Blocks: fence_heavy is a system call of under a microsecond. Source: Linux membarrier(2), PRIVATE_EXPEDITED. */
#ifndef PAWL_BASE_FENCE_H
#define PAWL_BASE_FENCE_H

#include <stdbool.h>

#include "base/assert.h"

struct fences {
    bool asymmetric; /* constant after init */
};

/* Finds out what the kernel can do. */
void pawl__fences_init(struct fences *fences);

void pawl__fence_heavy(const struct fences *fences);

#ifdef PAWL_MODEL
#include "tools/model/veneer.h"
#define fence_full() model__fence(MODEL_SEQ_CST, MODEL__SITE("fence_full"))
#define fence_light(fences) model__fence(MODEL_LIGHT, MODEL__SITE(#fences))
#else
#include <stdatomic.h>

static inline void fence_full(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

static inline void fence_light(const struct fences *fences)
{
    if (PAWL_LIKELY(fences->asymmetric))
        atomic_signal_fence(memory_order_seq_cst);
    else
        fence_full();
}
#endif

#endif
