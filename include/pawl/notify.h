/* Notify: tells one waiter, or all, that something has happened.
 *
 * Model: a semaphore of at most one permit that does not block who gives it. Waiters are told in the order of asking.
 * Threads, suspends, memory, errors, visible: as mutex.h: what was written before a notify, to who is told by it. A
 *     notify that finds the permit there already adds nothing but that. */
#ifndef PAWL_NOTIFY_H
#define PAWL_NOTIFY_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_notify {
    uint64_t pawl_private[6];
};

/* Not zeroed memory. */
#define PAWL_NOTIFY_INITIALIZER                                                                                        \
    {                                                                                                                  \
        {                                                                                                              \
            UINT64_C(1) << 32                                                                                          \
        }                                                                                                              \
    }

PAWL_API int pawl_notify_init(struct pawl_notify *n);

/* -EBUSY: somebody waits. */
PAWL_API int pawl_notify_fini(struct pawl_notify *n);

/* Takes the permit, or waits to be told. */
PAWL_API int pawl_notify_wait(struct pawl_notify *n);
PAWL_API int pawl_notify_wait_until(struct pawl_notify *n, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_notify_wait_poll(struct pawl_notify *n, struct pawl_wait *wait, struct pawl_context *cx,
                                              int *status);

/* Takes the permit if it is there. */
PAWL_API bool pawl_notify_try_wait(struct pawl_notify *n);

/* Tells whoever has waited longest; nobody waits: keeps a single permit for who comes next. */
PAWL_API void pawl_notify_one(struct pawl_notify *n);

/* Tells all who wait now; keeps no permit. */
PAWL_API void pawl_notify_all(struct pawl_notify *n);

PAWL_END_DECLS

#endif
