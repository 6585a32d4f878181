/* Mutual exclusion, and condition variables that go with it.
 *
 * Model: a mutex is handed over in the order of asking, so nobody starves. Not recursive.
 * Threads: tasks and plain threads alike, mixed as one likes. Whoever locked unlocks; a task may have moved meanwhile.
 *     A task that ends without unlocking leaves the mutex locked for good.
 * Suspends: lock and wait do; -EDEADLK from a timer callback. A mutex may be held across suspensions.
 * Memory: the caller's. A mutex may be fini'd by whoever was granted it last, as soon as its unlock returned.
 * Errors: are to be looked at: after one the mutex is not held. Every waiting call has those of task.h; -ETIMEDOUT of
 *     the _until forms: not by deadline_ns. What can be had at once is had whatever the deadline.
 * Visible: what was written before an unlock, to the next that locks. */
#ifndef PAWL_MUTEX_H
#define PAWL_MUTEX_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_mutex {
    uint64_t pawl_private[6];
};

/* Zeroed memory is an unlocked mutex too. */
#define PAWL_MUTEX_INITIALIZER                                                                                         \
    {                                                                                                                  \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

PAWL_API int pawl_mutex_init(struct pawl_mutex *m);

/* -EBUSY: it is locked. */
PAWL_API int pawl_mutex_fini(struct pawl_mutex *m);

/* -EDEADLK also: the caller holds it. */
PAWL_API int pawl_mutex_lock(struct pawl_mutex *m);
PAWL_API int pawl_mutex_lock_until(struct pawl_mutex *m, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_mutex_lock_poll(struct pawl_mutex *m, struct pawl_wait *wait, struct pawl_context *cx,
                                             int *status);

/* false: it is locked, or others wait for it. */
PAWL_API bool pawl_mutex_try_lock(struct pawl_mutex *m);

/* By whoever locked it: a debug build of the library aborts if it was somebody else. */
PAWL_API void pawl_mutex_unlock(struct pawl_mutex *m);

struct pawl_condition {
    uint64_t pawl_private[6];
};

/* Zeroed memory is one too. */
#define PAWL_CONDITION_INITIALIZER                                                                                     \
    {                                                                                                                  \
        {                                                                                                              \
            UINT64_C(1) << 32                                                                                          \
        }                                                                                                              \
    }

PAWL_API int pawl_condition_init(struct pawl_condition *c);

/* -EBUSY: somebody waits. */
PAWL_API int pawl_condition_fini(struct pawl_condition *c);

/* Unlocks m, waits for a signal, and locks m again, which is never cut short: so whatever it returns, m is held. No
 * wake-ups for no reason, but what was signalled may be gone again by the time m is held. -EPERM: the caller does not
 * hold m. All that wait at a time wait with the same m.
 * A loop that waits for something must end on an error: a cancelled task gets one each time, at once. */
PAWL_API int pawl_condition_wait(struct pawl_condition *c, struct pawl_mutex *m);
PAWL_API int pawl_condition_wait_until(struct pawl_condition *c, struct pawl_mutex *m, uint64_t deadline_ns);

/* PAWL_PENDING: m is not held, but for the moment before it is locked again; PAWL_READY: it is held. The last poll of a
 * cancelled task cannot wait for m: it is PAWL_READY without it if others hold it, and *status is -ENOLCK then. After a
 * pawl_wait_cancel m is not held. */
PAWL_API enum pawl_poll pawl_condition_wait_poll(struct pawl_condition *c, struct pawl_mutex *m, struct pawl_wait *wait,
                                                 struct pawl_context *cx, int *status);

/* Wakes whoever has waited longest; nobody waits: nothing. m need not be held. */
PAWL_API void pawl_condition_signal(struct pawl_condition *c);
PAWL_API void pawl_condition_broadcast(struct pawl_condition *c);

PAWL_END_DECLS

#endif
