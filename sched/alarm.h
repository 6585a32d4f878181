/* Alarm: wakes a task at an instant; a timer entry on the task's own stack, whose waker holds a reference.
 *
 * Threads: its task. Memory: in place until stopped; from then on nobody touches it. */
#ifndef PAWL_SCHED_ALARM_H
#define PAWL_SCHED_ALARM_H

#include "time/entry.h"

struct pawl_task;

struct alarm {
    struct timer_entry entry;
    uint64_t deadline_ns; /* PAWL_NEVER: none, the entry is not in use */
};

void pawl__alarm_start(struct alarm *alarm, struct pawl_task *task, uint64_t deadline_ns);
void pawl__alarm_stop(struct alarm *alarm, struct pawl_task *task);

/* Has it rung? One that shutdown has completed before its time is started again, for a task that is shielded and goes
 * on; one that was never started, in a zeroed entry, rings when its deadline has passed. */
bool pawl__alarm_rang(struct alarm *alarm, struct pawl_task *task);

#endif
