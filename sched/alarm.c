#include "sched/alarm.h"

#include "base/noise.h"
#include "sched/join.h"
#include "sched/timers.h"

void pawl__alarm_start(struct alarm *alarm, struct pawl_task *task, uint64_t deadline_ns)
{
    alarm->deadline_ns = deadline_ns;
    if (deadline_ns == PAWL_NEVER)
        return;
    entry_init_waker(&alarm->entry, (struct waker){.wake = pawl__task_wake_last, .target = task});
    task_ref(task);
    pawl__entry_arm(task->runtime, &alarm->entry, deadline_ns);
}

void pawl__alarm_stop(struct alarm *alarm, struct pawl_task *task)
{
    if (alarm->deadline_ns == PAWL_NEVER)
        return;
    noise_point("timer.cell.stop");
    if (pawl__entry_cancel(task->runtime, &alarm->entry))
        pawl__task_unref(task);
}

bool pawl__alarm_rang(struct alarm *alarm, struct pawl_task *task)
{
    if (alarm->deadline_ns == PAWL_NEVER)
        return false;
    uint64_t cell = entry_cell(&alarm->entry);
    if (cell_pending(cell))
        return false;
    if (cell == CELL_FIRED || clock_now_ns(&task->runtime->clock) >= alarm->deadline_ns)
        return true;
    pawl__alarm_start(alarm, task, alarm->deadline_ns);
    return false;
}
