/* The end of a task: waking those who wait for it, and giving its header back. */
#ifndef PAWL_SCHED_JOIN_H
#define PAWL_SCHED_JOIN_H

#include <stdbool.h>

#include "base/atomic.h"

struct pawl_task;
struct waiter;

/* AWAKE -> FINISHED: wakes the waiters and gives up the runtime's reference. true: there were waiters. */
bool pawl__task_finish(struct pawl_task *task);

void pawl__task_unref(struct pawl_task *task);

/* For who waits for its end as one thing of several. 0, or why the caller may not: -EDEADLK, -EPERM. */
int pawl__task_may_join(const struct pawl_task *task);
/* Under the task's lock. false: it has finished. Off its list the waiter is granted by its end. */
bool pawl__task_add_waiter_locked(struct pawl_task *task, struct waiter *waiter);
/* Of one that has finished: its result; consumes a handle. */
void *pawl__task_take_result(struct pawl_task *task);

/* Wakes the task for no reason of its user's. The caller keeps it alive. */
void pawl__task_wake(struct pawl_task *task);

/* A waker's function: wakes the task that is its target, of which the waker held a reference. */
void pawl__task_wake_last(void *target);

/* Stores the outcome of its wait for a task that waits for just this, and wakes it: it may end, and the outcome with
 * it, as soon as that is stored. */
void pawl__task_grant(struct pawl_task *task, PAWL_ATOMIC(uint32_t) *outcome, uint32_t value);

#endif
