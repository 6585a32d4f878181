#include "sched/waiter.h"

#include <errno.h>

#include "base/backoff.h"
#include "base/noise.h"
#include "sched/join.h"
#include "sched/sleep.h"

static int wait_as_thread(struct waiter *waiter, uint64_t deadline_ns)
{
    while (waiter_outcome(waiter) == OUTCOME_NONE)
        if (!pawl__wait_on(&waiter->outcome, OUTCOME_NONE, deadline_ns) && waiter_outcome(waiter) == OUTCOME_NONE)
            return -ETIMEDOUT;
    return 0;
}

static bool has_outcome(struct pawl_task *task, void *waiter)
{
    (void)task;
    return waiter_outcome(waiter) != OUTCOME_NONE;
}

int pawl__waiter_wait(struct waiter *waiter, uint64_t deadline_ns, bool interruptible)
{
    struct pawl_task *task = waiter->task;
    if (task == NULL)
        return wait_as_thread(waiter, deadline_ns);
    if (deadline_ns == PAWL_NEVER && (!interruptible || task->timeout == NULL))
        return wait_without_deadline(waiter, interruptible);
    return pawl__suspend_while_not(task, has_outcome, waiter, deadline_ns, interruptible);
}

void pawl__waiter_await_grant(struct waiter *waiter)
{
    enum { NAP_NS = 50000 };
    struct backoff backoff;
    backoff_init(&backoff);
    while (waiter_outcome(waiter) == OUTCOME_NONE)
        if (!backoff_pause(&backoff)) /* nobody wakes us: the granter takes it that we suspend */
            pawl__wait_on(&waiter->outcome, OUTCOME_NONE, monotonic_now_ns() + NAP_NS);
}

void pawl__waiter_grant_thread(struct waiter *lead, int outcome)
{
    store_release_u32(&lead->outcome, (uint32_t)outcome); /* edge waiter.granted */
    pawl__wake_one(&lead->outcome);                       /* an address only: the waiter may be gone */
}
