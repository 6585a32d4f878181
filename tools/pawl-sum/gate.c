#include "gate.h"

#include <stdbool.h>
#include <stddef.h>

#include <pawl/pawl.h>

/* On the stack of the task that waits. */
struct gate_waiter {
    struct gate_waiter *next;
    unsigned count;
    bool granted; /* under the gate's lock */
    struct pawl_waker waker;
};

void gate_init(struct gate *gate, unsigned permits)
{
    pthread_mutex_init(&gate->lock, NULL);
    gate->permits = permits;
    gate->first = NULL;
    gate->end = &gate->first;
}

void gate_fini(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
}

static bool enter_or_queue(struct gate *gate, struct gate_waiter *waiter)
{
    pthread_mutex_lock(&gate->lock);
    bool entered = gate->first == NULL && gate->permits >= waiter->count;
    if (entered) {
        gate->permits -= waiter->count;
    } else {
        pawl_self_waker(&waiter->waker);
        *gate->end = waiter;
        gate->end = &waiter->next;
    }
    pthread_mutex_unlock(&gate->lock);
    return entered;
}

static bool was_granted(struct gate *gate, const struct gate_waiter *waiter)
{
    pthread_mutex_lock(&gate->lock);
    bool granted = waiter->granted;
    pthread_mutex_unlock(&gate->lock);
    return granted;
}

void gate_acquire(struct gate *gate, unsigned count)
{
    struct gate_waiter waiter = {.count = count};
    if (enter_or_queue(gate, &waiter))
        return;
    pawl_shield_begin();
    while (!was_granted(gate, &waiter))
        (void)pawl_suspend_until(PAWL_NEVER); /* a stale permit may return it early */
    pawl_shield_end();
}

/* Grants the first waiter its permits if there are enough. Its waker becomes the caller's, to be woken and dropped
 * outside the lock: the waiter itself may be gone as soon as the lock is. */
static bool grant_first(struct gate *gate, struct pawl_waker *waker)
{
    struct gate_waiter *waiter = gate->first;
    if (waiter == NULL || gate->permits < waiter->count)
        return false;
    gate->permits -= waiter->count;
    gate->first = waiter->next;
    if (gate->first == NULL)
        gate->end = &gate->first;
    *waker = waiter->waker;
    waiter->granted = true;
    return true;
}

void gate_release(struct gate *gate, unsigned count)
{
    pthread_mutex_lock(&gate->lock);
    gate->permits += count;
    struct pawl_waker waker;
    while (grant_first(gate, &waker)) {
        pthread_mutex_unlock(&gate->lock);
        pawl_waker_wake(&waker);
        pawl_waker_drop(&waker);
        pthread_mutex_lock(&gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}
