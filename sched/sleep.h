/* Suspending a task until something is true, until an instant, or until it is interrupted. */
#ifndef PAWL_SCHED_SLEEP_H
#define PAWL_SCHED_SLEEP_H

#include "base/noise.h"
#include "sched/runtime.h"

/* Has the calling task, or its runtime everything, been cancelled? -ESHUTDOWN, -ECANCELED, or 0. */
static inline int task_cancellation(const struct pawl_task *task)
{
    if (task->shields > 0)
        return 0;
    bool cancelled = task_is_cancelled(task); /* first: the end of everything stores the phase, then flags each task */
    if (runtime_phase(task->runtime) >= PHASE_CANCELLING)
        return -ESHUTDOWN;
    return cancelled ? -ECANCELED : 0;
}

/* Why the calling task's suspending calls are to return now, 0: go on. -ESHUTDOWN, -ECANCELED, or -ETIME: the deadline
 * of a pawl_timeout around them. */
int pawl__interruption(struct pawl_task *task);

/* What each public call makes of the error that it is about to return from the functions below and above: notes for the
 * task's pawl_timeout what it was that cut the call short, and returns what the user is to see (-ETIMEDOUT for -ETIME,
 * others as they are). A call that goes on in spite of an error, since its outcome is on the way, does not come here.
 * task NULL: a plain thread. Twice does no harm. */
int pawl__cut_short(struct pawl_task *task, int error);

/* What the deadlines of the caller's waits are on: its task's runtime's clock; task NULL: CLOCK_MONOTONIC. */
static inline uint64_t wait_now_ns(const struct pawl_task *task)
{
    return task == NULL ? monotonic_now_ns() : clock_now_ns(&task->runtime->clock);
}

/* Need a wait of the calling task (NULL: plain thread) not even begin, since its deadline has passed? 0, -ETIMEDOUT, or
 * -ETIME: that of a pawl_timeout around it passed before. */
int pawl__deadline_passed(struct pawl_task *task, uint64_t deadline_ns);

/* Suspends the calling task until done(task, context): 0; or, in this precedence, if interruptible -ESHUTDOWN or
 * -ECANCELED, or at the deadline -ETIMEDOUT, or if interruptible at an earlier one of a pawl_timeout -ETIME. done is
 * asked first, and again after each wake. */
int pawl__suspend_while_not(struct pawl_task *task, bool (*done)(struct pawl_task *task, void *context), void *context,
                            uint64_t deadline_ns, bool interruptible);

/* pawl__waiter_wait without any deadline, for a task: how most waits are. An interruptible wait asked on entry whether
 * it is cancelled; a cancellation since then has left NOTIFIED, so it does not suspend, and asks again. */
static inline int wait_without_deadline(struct waiter *waiter, bool interruptible)
{
    struct pawl_task *task = waiter->task;
    while (waiter_outcome(waiter) == OUTCOME_NONE) {
        noise_point("task.state.not_done");
        pawl__task_suspend(task);
        if (PAWL_LIKELY(waiter_outcome(waiter) != OUTCOME_NONE))
            return 0;
        int error = interruptible ? task_cancellation(task) : 0;
        if (error != 0)
            return error;
    }
    return 0;
}

/* May the caller wait for something of this runtime's? -EDEADLK from a timer callback or a poll; a task's pending
 * interruption, as by pawl__cut_short; -EPERM after fork. */
int pawl__await_allowed(const struct pawl_runtime *rt);

int pawl__await_enter_slowly(struct current *current);

/* Every waiting call that is not about one runtime begins with it: 0, or why the caller may not wait. Now and then it
 * yields, so that a task whose calls never have to wait does not keep the others waiting.
 *
 * In the usual case it asks two words: the budget, which has run out in a forked child, too, and the task's state,
 * which tells of its cancellation, and of that of everything. */
static inline int await_enter(void)
{
    struct current *current = pawl__current();
    if (current == NULL)
        return 0;
    if (PAWL_LIKELY(current->task != NULL && task_is_usual(current->task) && --current->budget->left > 0))
        return 0;
    return pawl__await_enter_slowly(current);
}

/* To be called where a suspending call finds no need to suspend: now and then it yields all the same, so that a task
 * that is always ready does not keep the others waiting. */
void pawl__spend_budget(void);

#endif
