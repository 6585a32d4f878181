/* Timeout: the frame of a pawl_timeout, on its task's stack, linked from the task.
 *
 * Model: frames are a stack. One that began at less than the task's present depth of shields is masked, and so are all
 * around it. Of those in force the earliest deadline counts, of equal ones the innermost: no other can ever be the one
 * that cuts something short, since what masks it masks those inside it. So a frame with an earlier one in force around
 * it has no alarm, and names that one as the nearest. What a shield masked when a frame began stays masked in it, also
 * if fn ends that shield, which is not its own.
 *
 * What a call was cut short by is noted where the call returns it, not where it was seen: a wait that finds its grant
 * on the way has not been cut. Of several the first in this order is the answer: shutdown, cancellation, the deadline.
 *
 * Threads: its task. */
#ifndef PAWL_SCHED_TIMEOUT_H
#define PAWL_SCHED_TIMEOUT_H

#include "base/assert.h"
#include "sched/alarm.h"
#include "sched/task.h"

struct timeout {
    struct alarm alarm;
    struct timeout *outer;
    struct timeout *nearest; /* itself, or one around it */
    uint32_t shields;        /* the task's, when it began */
    int cut;                 /* 0, or the negative errno by which something in it was cut short */
};

/* The one whose deadline counts for the task's next suspending call, or NULL. */
static inline struct timeout *timeout_in_force(const struct pawl_task *task)
{
    struct timeout *timeout = task->timeout;
    return PAWL_LIKELY(timeout == NULL) || timeout->shields < task->shields ? NULL : timeout->nearest;
}

#endif
