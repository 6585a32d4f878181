/* Waiter: one wait of one task or plain thread, on its own stack, with one outcome.
 *
 * Whoever will grant keeps the waiter on a list of its own, under a lock of its own; it takes the waiter off under that
 * lock and calls waiter_grant after it. Whoever waits and wants to give up takes the lock: still on the list means it
 * may go; off the list means the grant is on its way and is to be waited for, since it writes to the waiter.
 *
 * Edge waiter.granted: grant's release pairs with the waiter's acquire: all that the granter wrote.
 *
 * Threads: init and wait by the one that waits, grant by any, once. Blocks: wait suspends. */
#ifndef PAWL_SCHED_WAITER_H
#define PAWL_SCHED_WAITER_H

#include "base/atomic.h"
#include "base/list.h"

struct pawl_task;

/* Access: L under the granter's lock, C constant after init, A any thread atomic */
struct waiter {
    struct list_node link;          /* L */
    struct pawl_task *task;         /* C NULL: a plain thread */
    PAWL_ATOMIC(uint32_t) granted;  /* A 1: granted */
};

/* For the caller's task or thread. */
void pawl__waiter_init(struct waiter *waiter);

/* Until granted: 0; or, if `interruptible`, cut short: -ESHUTDOWN, -ECANCELED, -ETIMEDOUT. */
int pawl__waiter_wait(struct waiter *waiter, uint64_t deadline_ns, bool interruptible);

/* The waiter may be gone when this returns. */
void pawl__waiter_grant(struct waiter *waiter);

#endif
