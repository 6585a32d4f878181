/* A counting semaphore for tasks: permits and a queue of those who wait for some.
 *
 * Waiters are served in the order of their coming, each with all the permits it asks for at once. Threads: any thread
 * may release; only tasks acquire. The lock is held for a few instructions and nothing suspends or wakes under it. */
#ifndef PAWL_SUM_GATE_H
#define PAWL_SUM_GATE_H

#include <pthread.h>

struct gate_waiter;

struct gate {
    pthread_mutex_t lock;
    /* under lock: */
    unsigned permits;
    struct gate_waiter *first;
    struct gate_waiter **end;
};

void gate_init(struct gate *gate, unsigned permits);
void gate_fini(struct gate *gate);

/* Suspends until `count` permits are the caller's. Not cut short by cancellation: what stops this program is its stop
 * flag, upon which every permit soon comes back. */
void gate_acquire(struct gate *gate, unsigned count);

void gate_release(struct gate *gate, unsigned count);

#endif
