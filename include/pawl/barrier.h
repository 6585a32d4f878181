/* Barrier: lets its parties go on when all of them have come, again and again; and once: runs something exactly once.
 *
 * Threads, suspends, errors: as mutex.h.
 * Memory: the caller's. A barrier or once may be fini'd when all calls on it have returned.
 * Visible: what each party wrote before it came, to all after it; what the once function wrote, to all who called. */
#ifndef PAWL_BARRIER_H
#define PAWL_BARRIER_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_barrier {
    uint64_t pawl_private[6];
};

/* parties: at least 1. */
#define PAWL_BARRIER_INITIALIZER(parties)                                                                              \
    {                                                                                                                  \
        {                                                                                                              \
            (uint32_t)(parties)                                                                                        \
        }                                                                                                              \
    }

/* -EINVAL: no parties. */
PAWL_API int pawl_barrier_init(struct pawl_barrier *b, uint32_t parties);

/* -EBUSY: somebody waits. */
PAWL_API int pawl_barrier_fini(struct pawl_barrier *b);

/* 1 for the one that came last, 0 for the rest. An error withdraws the caller's arrival. */
PAWL_API int pawl_barrier_wait(struct pawl_barrier *b);
PAWL_API int pawl_barrier_wait_until(struct pawl_barrier *b, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_barrier_wait_poll(struct pawl_barrier *b, struct pawl_wait *wait, struct pawl_context *cx,
                                               int *status);

/* 0, or a negative errno: not done, the next to call runs it again. */
typedef int pawl_once_fn(void *arg);

struct pawl_once {
    uint64_t pawl_private[8];
};

/* Zeroed memory is one that has not run too. */
#define PAWL_ONCE_INITIALIZER                                                                                          \
    {                                                                                                                  \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

PAWL_API int pawl_once_init(struct pawl_once *once);

/* -EBUSY: it is running. */
PAWL_API int pawl_once_fini(struct pawl_once *once);

/* 0: fn has run and returned 0, here or elsewhere. Who comes while it runs waits. fn may suspend, but not in the poll
 * form, and not call the same once: -EDEADLK. Its error is returned to who ran it. */
PAWL_API int pawl_once_call(struct pawl_once *once, pawl_once_fn *fn, void *arg);
PAWL_API int pawl_once_call_until(struct pawl_once *once, pawl_once_fn *fn, void *arg, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_once_call_poll(struct pawl_once *once, pawl_once_fn *fn, void *arg, struct pawl_wait *wait,
                                            struct pawl_context *cx, int *status);

/* Has it run? */
PAWL_API bool pawl_once_done(const struct pawl_once *once);

PAWL_END_DECLS

#endif
