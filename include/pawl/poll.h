/* Stackless tasks: functions that are called again and again until they are done; and wakers, what makes a suspended
 * task of either kind runnable again, from anywhere.
 *
 * A stackless task costs its header and its state. Its function looks whether it can go on: if not, it leaves its waker
 * with whoever will know, looks once more, and returns PAWL_PENDING; it is polled again when it was woken, and now and
 * then for no reason. It may call whatever does not suspend: a suspending call returns -EDEADLK, always, as in a timer
 * callback. Polls of one task never overlap, and each sees what the former and the wakers before it wrote; they may run
 * on different threads. One that wakes itself is polled again after the tasks that wait in its worker's queue.
 *
 * Everything else in task.h is the same for both kinds: handles, wakers, pawl_self, tasks_max. pawl_join's result is
 * the pointer to the state.
 *
 * Cancelled, or when its runtime is cancelling everything, a task is polled a last time, the first time if it never
 * was, and pawl_context_cancelled says so: it must return PAWL_READY, and has ended even if it does not. Shields do not
 * put this off: one left open ends with the poll.
 *
 * A waker is four words that may be copied; copying owns nothing. pawl_waker_from, pawl_self_waker and
 * pawl_waker_clone each owe one pawl_waker_drop. A waker may outlive its task and its runtime and is inert then. */
#ifndef PAWL_POLL_H
#define PAWL_POLL_H

#include <pawl/base.h>

PAWL_BEGIN_DECLS

enum pawl_poll { PAWL_PENDING, PAWL_READY };

struct pawl_context; /* one poll: not to be used after it */
struct pawl_waker {
    uintptr_t pawl_private[4];
};

typedef enum pawl_poll pawl_poll_fn(struct pawl_context *cx, void *state);

/* Starts a stackless task. state is the task's until poll has returned PAWL_READY or was told that it is cancelled.
 * *out, unless out is NULL (the task is detached), is stored before the first poll and is to be joined or detached
 * once. Errors: -EINVAL, -ENOMEM, -EAGAIN (tasks_max), -ESHUTDOWN, -EPERM (after fork). */
PAWL_API int pawl_spawn_poll(struct pawl_runtime *rt, pawl_poll_fn *poll, void *state, struct pawl_task **out);

/* The same with a copy of the `size` bytes at state, aligned for any type, which stays in place and goes with the
 * task's last handle or waker. pawl_join gives a handle up: who wants to read the copy that its result points to holds
 * one more (pawl_task_ref). -EINVAL also: state NULL, size 0. */
PAWL_API int pawl_spawn_poll_copy(struct pawl_runtime *rt, pawl_poll_fn *poll, const void *state, size_t size,
                                  struct pawl_task **out);

/* Is this the last poll? It is the same throughout the poll. What the task waits for (wait.h, select.h) is to be
 * brought to an end in it. */
PAWL_API bool pawl_context_cancelled(const struct pawl_context *cx);

/* A waker of the task that is being polled. */
PAWL_API void pawl_waker_from(struct pawl_waker *out, struct pawl_context *cx);

/* *out wakes what w wakes. */
PAWL_API void pawl_waker_clone(struct pawl_waker *out, const struct pawl_waker *w);

/* Wakes; does not consume. What the caller wrote before is visible to the woken task. NULL: nothing. */
PAWL_API void pawl_waker_wake(const struct pawl_waker *w);

/* Gives the waker up. NULL: nothing. */
PAWL_API void pawl_waker_drop(struct pawl_waker *w);

PAWL_END_DECLS

#endif
