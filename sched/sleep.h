/* Suspending a task until something is true, until an instant, or until it is interrupted. */
#ifndef PAWL_SCHED_SLEEP_H
#define PAWL_SCHED_SLEEP_H

#include "sched/runtime.h"

/* Suspends the calling task until done(task, context): 0; or, in this precedence, if interruptible -ESHUTDOWN or
 * -ECANCELED, or at the deadline -ETIMEDOUT. done is asked first, and again after each wake. */
int pawl__suspend_while_not(struct pawl_task *task, bool (*done)(struct pawl_task *task, void *context), void *context,
                            uint64_t deadline_ns, bool interruptible);

/* May the caller wait for something of this runtime's? -EDEADLK from a timer callback or a poll; a task's pending
 * interruption; -EPERM after fork. */
int pawl__await_allowed(const struct pawl_runtime *rt);

/* To be called where a suspending call finds no need to suspend: now and then it yields all the same, so that a task
 * that is always ready does not keep the others waiting. */
void pawl__spend_budget(void);

#endif
