#include "sched/waiter.h"

#include <errno.h>

#include "sched/join.h"
#include "sched/sleep.h"

void pawl__waiter_init(struct waiter *waiter)
{
    *waiter = (struct waiter){.task = current_task()};
}

static bool is_granted(const struct waiter *waiter)
{
    return load_acquire_u32(&waiter->granted) != 0; /* edge waiter.granted */
}

static int wait_as_thread(struct waiter *waiter, uint64_t deadline_ns)
{
    while (!is_granted(waiter))
        if (!pawl__wait_on(&waiter->granted, 0, deadline_ns) && !is_granted(waiter))
            return -ETIMEDOUT;
    return 0;
}

static bool task_is_granted(struct pawl_task *task, void *waiter)
{
    (void)task;
    return is_granted(waiter);
}

int pawl__waiter_wait(struct waiter *waiter, uint64_t deadline_ns, bool interruptible)
{
    if (waiter->task == NULL)
        return wait_as_thread(waiter, deadline_ns);
    return pawl__suspend_while_not(waiter->task, task_is_granted, waiter, deadline_ns, interruptible);
}

void pawl__waiter_grant(struct waiter *waiter)
{
    struct pawl_task *task = waiter->task;
    if (task == NULL) {
        store_release_u32(&waiter->granted, 1); /* edge waiter.granted */
        pawl__wake_one(&waiter->granted);       /* an address only: the waiter may be gone */
        return;
    }
    pawl__task_grant(task, &waiter->granted, 1);
}
