/* The end of a task: waking those who wait for it, and giving its header back. */
#ifndef PAWL_SCHED_JOIN_H
#define PAWL_SCHED_JOIN_H

#include <stdbool.h>

#include "base/atomic.h"

struct pawl_task;

/* AWAKE -> FINISHED: wakes the waiters and gives up the runtime's reference. true: there were waiters. */
bool pawl__task_finish(struct pawl_task *task);

void pawl__task_unref(struct pawl_task *task);

/* Wakes the task for no reason of its user's. The caller keeps it alive. */
void pawl__task_wake(struct pawl_task *task);

/* Stores the outcome of its wait for a task that waits for just this, and wakes it: it may end, and the outcome with
 * it, as soon as that is stored. */
void pawl__task_grant(struct pawl_task *task, PAWL_ATOMIC(uint32_t) *outcome, uint32_t value);

#endif
