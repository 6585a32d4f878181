/* Waiting in poll functions: how a stackless task waits for a lock, a permit, an item.
 *
 * Model: each waiting call of the other headers has a form that ends in _poll. Its first call tries, and if there is
 *     nothing to be had it queues the wait, first in, first out, among those of tasks and threads: PAWL_PENDING. (That
 *     is also the answer, without a try, when the task has had its share; it is polled again soon.) The task is woken
 *     when it is worth asking again: call it with the same wait until PAWL_READY; then *status is what the waiting call
 *     would have returned, and the wait can be used for another one.
 *     When the task has been cancelled, or its runtime cancels everything, and the wait has no outcome yet, the call
 *     withdraws it: PAWL_READY, *status is -ECANCELED or -ESHUTDOWN.
 *     Before the task ends each pending wait must have been brought to an end so, or by pawl_wait_cancel: also where a
 *     poll function finds pawl_context_cancelled and wants to return PAWL_READY.
 * Memory: the wait is the caller's, in place while it is pending; so is what the call was given (the object, the item).
 *     Zeroed memory is a wait that is not pending.
 * Threads: a wait belongs to one task.
 * Errors: in *status, which is not NULL, with PAWL_READY: -EINVAL also for a wait that is pending for something else,
 *     be it another object, item, or number. */
#ifndef PAWL_WAIT_H
#define PAWL_WAIT_H

#include <pawl/base.h>
#include <pawl/poll.h>

PAWL_BEGIN_DECLS

struct pawl_wait {
    uint64_t pawl_private[18];
};

#define PAWL_WAIT_INITIALIZER                                                                                          \
    {                                                                                                                  \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

PAWL_API void pawl_wait_init(struct pawl_wait *wait);

/* Gives a pending wait up. 0: nothing is owed: it was not pending, or was withdrawn, or what it had just been granted
 * was passed on to the next (a lock, permits, a notification). -EALREADY: what it waited for has happened and cannot
 * be undone: the item was received (and is where it was to be stored) or sent, the barrier was passed. Either way the
 * wait is not pending any more. */
PAWL_API int pawl_wait_cancel(struct pawl_wait *wait);

PAWL_END_DECLS

#endif
