#define _GNU_SOURCE
#include "sched/sleep.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "base/noise.h"
#include "sched/join.h"
#include "sched/timers.h"

int pawl__interruption(const struct pawl_task *task)
{
    if (task->shields > 0)
        return 0;
    if (runtime_phase(task->runtime) >= PHASE_CANCELLING)
        return -ESHUTDOWN;
    return task_is_cancelled(task) ? -ECANCELED : 0;
}

int pawl__await_allowed(const struct pawl_runtime *rt)
{
    struct current *current = pawl__current();
    int error = runtime_usable(rt);
    if (error != 0)
        return error;
    if (current == NULL)
        return 0;
    if (current->in_callback)
        return -EDEADLK;
    return current->task == NULL ? 0 : pawl__interruption(current->task);
}

void pawl__spend_budget(void)
{
    struct current *current = pawl__current();
    if (current == NULL || current->task == NULL || --current->worker->budget > 0)
        return;
    pawl__task_yield(current->task);
}

/* ---- the alarm of a suspended task: a timer entry on its stack, whose waker holds a reference ---- */

static void wake_sleeper(void *target)
{
    struct pawl_task *task = target;
    pawl__task_wake(task);
    pawl__task_unref(task);
}

struct alarm {
    struct timer_entry entry;
    uint64_t deadline_ns; /* PAWL_NEVER: none, the entry is not in use */
};

static void alarm_start(struct alarm *alarm, struct pawl_task *task, uint64_t deadline_ns)
{
    alarm->deadline_ns = deadline_ns;
    if (deadline_ns == PAWL_NEVER)
        return;
    entry_init_waker(&alarm->entry, (struct waker){.wake = wake_sleeper, .target = task});
    task_ref(task);
    pawl__entry_arm(task->runtime, &alarm->entry, deadline_ns);
}

static void alarm_stop(struct alarm *alarm, struct pawl_task *task)
{
    if (alarm->deadline_ns != PAWL_NEVER && pawl__entry_cancel(task->runtime, &alarm->entry))
        pawl__task_unref(task);
}

/* Has the deadline passed? An alarm that shutdown has completed before its time is started again, for a task that is
 * shielded and sleeps on. */
static bool alarm_rang(struct alarm *alarm, struct pawl_task *task)
{
    if (alarm->deadline_ns == PAWL_NEVER)
        return false;
    uint64_t cell = entry_cell(&alarm->entry);
    if (cell_pending(cell))
        return false;
    if (cell == CELL_FIRED || clock_now_ns(&task->runtime->clock) >= alarm->deadline_ns)
        return true;
    alarm_start(alarm, task, alarm->deadline_ns);
    return false;
}

/* ---- suspending ---- */

static int suspend_loop(struct pawl_task *task, bool (*done)(struct pawl_task *task, void *context), void *context,
                        struct alarm *alarm, bool interruptible)
{
    for (;;) {
        if (done(task, context))
            return 0;
        int error = interruptible ? pawl__interruption(task) : 0;
        if (error != 0)
            return error;
        if (alarm_rang(alarm, task))
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
    struct alarm alarm;
    alarm_start(&alarm, task, deadline_ns);
    int error = suspend_loop(task, done, context, &alarm, interruptible);
    alarm_stop(&alarm, task);
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
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000), .tv_nsec = (long)(deadline_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR) {
    }
    return 0;
}

int pawl_sleep_until(uint64_t deadline_ns)
{
    struct current *current = pawl__current();
    if (current == NULL || (current->task == NULL && !current->in_callback))
        return sleep_thread(deadline_ns);
    int error = pawl__await_allowed(current->runtime);
    if (error != 0)
        return error;
    error = pawl__suspend_while_not(current->task, never_done, NULL, deadline_ns, true);
    return error == -ETIMEDOUT ? 0 : error;
}

int pawl_sleep(uint64_t duration_ns)
{
    struct current *current = pawl__current();
    return pawl_sleep_until(pawl_saturating_add(pawl_now(current == NULL ? NULL : current->runtime), duration_ns));
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
    if (current != NULL && current->in_callback)
        return -EDEADLK;
    if (current == NULL || current->task == NULL)
        return -EINVAL;
    struct pawl_task *task = current->task;
    int error = runtime_usable(task->runtime);
    if (error == 0)
        error = pawl__interruption(task);
    if (error != 0)
        return error;
    if (take_permit(task, NULL)) {
        pawl__spend_budget();
        return 0;
    }
    return pawl__suspend_while_not(task, take_permit, NULL, deadline_ns, true);
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
    return pawl__interruption(task);
}

bool pawl_cancelled(void)
{
    struct pawl_task *task = current_task();
    return task != NULL && pawl__interruption(task) != 0;
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
