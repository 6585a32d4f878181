#include "sched/timeout.h"

#include <errno.h>

#include "sched/runtime.h"
#include "sched/sleep.h"

/* ---- what was cut short ---- */

static void note_cut(struct timeout *timeout, int error)
{
    if (timeout->cut == 0 || timeout->cut == -ETIMEDOUT || error == -ESHUTDOWN)
        timeout->cut = error;
}

int pawl__cut_short(struct pawl_task *task, int error)
{
    if (error == 0 || task == NULL || task->timeout == NULL)
        return error;
    if (error == -ECANCELED || error == -ESHUTDOWN)
        note_cut(task->timeout, error);
    if (error != -ETIME)
        return error;
    note_cut(timeout_in_force(task), -ETIMEDOUT);
    return -ETIMEDOUT;
}

/* ---- frames ---- */

static void set_innermost(struct pawl_task *task, struct timeout *timeout)
{
    task->timeout = timeout;
    if (timeout != NULL)
        fetch_or_acq_rel_u64(&task->state, TASK_UNUSUAL);
    else
        fetch_and_acq_rel_u64(&task->state, ~TASK_UNUSUAL);
}

static void begin(struct timeout *timeout, struct pawl_task *task, uint64_t duration_ns)
{
    uint64_t deadline_ns = pawl_saturating_add(clock_now_ns(&task->runtime->clock), duration_ns);
    struct timeout *around = timeout_in_force(task);
    *timeout = (struct timeout){.outer = task->timeout, .nearest = timeout, .shields = task->shields};
    if (around != NULL && around->alarm.deadline_ns < deadline_ns) {
        timeout->nearest = around;
        deadline_ns = PAWL_NEVER;
    }
    if (duration_ns == 0)
        timeout->alarm.deadline_ns = deadline_ns; /* has passed: nothing is to be started for it */
    else
        pawl__alarm_start(&timeout->alarm, task, deadline_ns);
    set_innermost(task, timeout);
}

static void end(struct timeout *timeout, struct pawl_task *task)
{
    pawl__alarm_stop(&timeout->alarm, task);
    set_innermost(task, timeout->outer);
    if (timeout->outer != NULL && timeout->cut != 0 && timeout->cut != -ETIMEDOUT)
        note_cut(timeout->outer, timeout->cut); /* it was in all of them */
}

int pawl_timeout(uint64_t duration_ns, pawl_task_fn *fn, void *arg, void **result)
{
    struct current *current = pawl__current();
    if (fn == NULL)
        return -EINVAL;
    if (!current_may_suspend(current))
        return -EDEADLK;
    if (current == NULL || current->task == NULL)
        return -EINVAL;
    struct pawl_task *task = current->task;
    int error = runtime_usable(task->runtime);
    if (error != 0)
        return error;
    struct timeout timeout;
    begin(&timeout, task, duration_ns);
    void *value = fn(arg);
    end(&timeout, task);
    if (result != NULL)
        *result = value;
    return timeout.cut;
}
