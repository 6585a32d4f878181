/* The end of a task: waking those who wait for it, and giving its header back. */
#ifndef PAWL_SCHED_JOIN_H
#define PAWL_SCHED_JOIN_H

struct pawl_task;

/* RUNNING -> FINISHED, on the home stack: wakes the waiters and gives up the runtime's reference. */
void pawl__task_finish(struct pawl_task *task);

void pawl__task_unref(struct pawl_task *task);

/* Wakes the task for no reason of its user's. The caller keeps it alive. */
void pawl__task_wake(struct pawl_task *task);

#endif
