/* A waker: a function and a pointer, what a timer or a finished event calls. It owns nothing; who stores one says who
 * keeps the pointer alive.
 *
 * The function runs on whatever thread fires, with no lock of the library held, and must be short. */
#ifndef PAWL_BASE_WAKER_H
#define PAWL_BASE_WAKER_H

#include <stddef.h>

typedef void waker_fn(void *target);

struct waker {
    waker_fn *wake;
    void *target;
};

/* Wakers collected under a lock, to be woken after it. */
#ifndef WAKER_BATCH_MAX
#define WAKER_BATCH_MAX 32 /* the model checker shrinks it */
#endif

struct waker_batch {
    size_t count;
    struct waker wakers[WAKER_BATCH_MAX];
};

static inline void waker_batch_wake(struct waker_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->wakers[i].wake(batch->wakers[i].target);
    batch->count = 0;
}

#endif
