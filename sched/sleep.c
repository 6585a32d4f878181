#define _GNU_SOURCE
#include "sched/sleep.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "base/noise.h"
#include "sched/timeout.h"

int pawl__interruption(struct pawl_task *task)
{
    int error = task_cancellation(task);
    struct timeout *timeout = timeout_in_force(task);
    if (error != 0 || PAWL_LIKELY(timeout == NULL))
        return error;
    return pawl__alarm_rang(&timeout->alarm, task) ? -ETIME : 0;
}

int pawl__deadline_passed(struct pawl_task *task, uint64_t deadline_ns)
{
    if (deadline_ns == PAWL_NEVER || deadline_ns > wait_now_ns(task))
        return 0;
    const struct timeout *timeout = task == NULL ? NULL : timeout_in_force(task);
    return timeout != NULL && timeout->alarm.deadline_ns < deadline_ns ? -ETIME : -ETIMEDOUT;
}

int pawl__await_allowed(const struct pawl_runtime *rt)
{
    struct current *current = pawl__current();
    int error = runtime_usable(rt);
    if (error != 0)
        return error;
    if (!current_may_suspend(current))
        return -EDEADLK;
    struct pawl_task *task = current == NULL ? NULL : current->task;
    return task == NULL ? 0 : pawl__cut_short(task, pawl__interruption(task));
}

/* A budget of cheap calls is a microsecond: to yield so often would cost more than it gains, and whoever yields may be
 * stolen away from the one it works with. */
bool pawl__worker_share_spent(struct worker *worker)
{
    bool in_child = runtime_usable(worker->runtime) != 0; /* a forked one: there is nobody to yield to */
    uint64_t now_ns = monotonic_now_ns();
    if (worker->slice_began_ns == 0)
        worker->slice_began_ns = now_ns;
    else if (now_ns - worker->slice_began_ns >= WORKER_SLICE_NS && !in_child)
        return true;
    worker->current.budget->left = worker->current.budget->full;
    return false;
}

int pawl__await_enter_slowly(struct current *current)
{
    struct pawl_task *task = current->task;
    int error = pawl__await_allowed(current->runtime);
    if (task == NULL)
        return error;
    if (error != 0) {
        current->budget->left = 0; /* else it would run down for ever in a forked child */
        return error;
    }
    bool budget_spent = task_is_usual(task); /* or it would not be here */
    if (!budget_spent && --current->budget->left > 0)
        return 0;
    if (!pawl__worker_share_spent(current->worker))
        return 0;
    pawl__task_yield(task);
    return pawl__cut_short(task, pawl__interruption(task));
}

void pawl__spend_budget(void)
{
    struct current *current = pawl__current();
    if (current == NULL || current->task == NULL || --current->budget->left > 0)
        return;
    if (pawl__worker_share_spent(current->worker))
        pawl__task_yield(current->task);
}

/* ---- suspending ---- */

static int suspend_loop(struct pawl_task *task, bool (*done)(struct pawl_task *task, void *context), void *context,
                        struct alarm *alarm, bool interruptible)
{
    for (;;) {
        if (done(task, context))
            return 0;
        int error = interruptible ? task_cancellation(task) : 0;
        if (error != 0)
            return error;
        if (pawl__alarm_rang(alarm, task))
            return -ETIMEDOUT;
        noise_point("task.state.not_done");
        if (task_take_notice(task))
            pawl__spend_budget();
        else
            pawl__task_suspend(task);
    }
}

int pawl__suspend_while_not(struct pawl_task *task, bool (*done)(struct pawl_task *task, void *context), void *context,
                            uint64_t deadline_ns, bool interruptible)
{
    struct timeout *timeout = interruptible ? timeout_in_force(task) : NULL;
    if (timeout != NULL && timeout->alarm.deadline_ns < deadline_ns) { /* its alarm rings first: no other is needed */
        int error = suspend_loop(task, done, context, &timeout->alarm, true);
        return error == -ETIMEDOUT ? -ETIME : error;
    }
    struct alarm alarm;
    pawl__alarm_start(&alarm, task, deadline_ns);
    int error = suspend_loop(task, done, context, &alarm, interruptible);
    pawl__alarm_stop(&alarm, task);
    return error;
}

/* ---- the public calls ---- */

static bool never_done(struct pawl_task *task, void *context)
{
    (void)task;
    (void)context;
    return false;
}

static int sleep_thread(uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                .tv_nsec = (long)(deadline_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR) {
    }
    return 0;
}

int pawl_sleep_until(uint64_t deadline_ns)
{
    struct current *current = pawl__current();
    if (current == NULL || (current->task == NULL && !current->in_callback))
        return sleep_thread(deadline_ns);
    struct pawl_task *task = current->task;
    int error = pawl__await_allowed(current->runtime);
    if (error != 0)
        return error;
    error = pawl__suspend_while_not(task, never_done, NULL, deadline_ns, true);
    return error == -ETIMEDOUT ? 0 : pawl__cut_short(task, error);
}

int pawl_sleep(uint64_t duration_ns)
{
    return pawl_sleep_until(pawl_saturating_add(wait_now_ns(current_task()), duration_ns));
}

static bool take_permit(struct pawl_task *task, void *context)
{
    (void)context;
    if ((load_relaxed_u64(&task->state) & TASK_PERMIT) == 0) /* relaxed: a look; ours alone to take */
        return false;
    fetch_and_acq_rel_u64(&task->state, ~TASK_PERMIT); /* edge task.state: acquire; what the waker wrote before */
    return true;
}

int pawl_suspend_until(uint64_t deadline_ns)
{
    struct current *current = pawl__current();
    if (!current_may_suspend(current))
        return -EDEADLK;
    if (current == NULL || current->task == NULL)
        return -EINVAL;
    struct pawl_task *task = current->task;
    int error = runtime_usable(task->runtime);
    if (error == 0)
        error = pawl__cut_short(task, pawl__interruption(task));
    if (error != 0)
        return error;
    if (take_permit(task, NULL)) {
        pawl__spend_budget();
        return 0;
    }
    return pawl__cut_short(task, pawl__suspend_while_not(task, take_permit, NULL, deadline_ns, true));
}

/* As pawl__interruption, of a call that does not wait until an alarm rings: on a busy worker it may ring late. */
static int interruption_by_clock(struct pawl_task *task)
{
    int error = pawl__interruption(task);
    struct timeout *timeout = timeout_in_force(task);
    if (error != 0 || PAWL_LIKELY(timeout == NULL))
        return error;
    return clock_now_ns(&task->runtime->clock) >= timeout->alarm.deadline_ns ? -ETIME : 0;
}

int pawl_yield(void)
{
    struct current *current = pawl__current();
    if (current == NULL || (current->task == NULL && !current->in_callback)) {
        sched_yield();
        return 0;
    }
    struct pawl_task *task = current->task;
    int error = pawl__await_allowed(current->runtime);
    if (error != 0)
        return error;
    pawl__task_yield(task);
    return pawl__cut_short(task, interruption_by_clock(task));
}

bool pawl_cancelled(void)
{
    struct pawl_task *task = current_task();
    return task != NULL && task_cancellation(task) != 0;
}

void pawl_shield_begin(void)
{
    struct pawl_task *task = current_task();
    if (task != NULL)
        task->shields++;
}

void pawl_shield_end(void)
{
    struct pawl_task *task = current_task();
    if (task != NULL && task->shields > 0)
        task->shields--;
}
