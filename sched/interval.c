/* Intervals: sleeping from tick to tick. Nothing is armed between two calls, so one that is given up costs nothing. */
#include <errno.h>
#include <pawl/time.h>

#include "sched/sleep.h"

/* What lies inside a struct pawl_interval; its user's, one call at a time. */
struct interval {
    uint64_t next_ns; /* when the next tick is due */
    uint64_t period_ns;
    enum pawl_missed_tick policy;
};

_Static_assert(sizeof(struct interval) <= sizeof(struct pawl_interval), "it fits into the public one");
_Static_assert(_Alignof(struct interval) <= _Alignof(struct pawl_interval), "and is aligned in it");

static struct interval *private_of(struct pawl_interval *iv)
{
    return (struct interval *)(void *)iv;
}

void pawl_interval_init(struct pawl_interval *iv, uint64_t first_ns, uint64_t period_ns, enum pawl_missed_tick policy)
{
    if (iv != NULL)
        *private_of(iv) = (struct interval){.next_ns = first_ns, .period_ns = period_ns, .policy = policy};
}

/* On the clock that the caller's sleeps are on. */
static uint64_t now_of_caller(void)
{
    const struct pawl_task *task = current_task();
    return task == NULL ? monotonic_now_ns() : clock_now_ns(&task->runtime->clock);
}

/* After the tick that was due at next_ns. */
static uint64_t tick_after(const struct interval *interval, uint64_t now_ns)
{
    switch (interval->policy) {
    case PAWL_MISSED_DELAY:
        return pawl_saturating_add(now_ns, interval->period_ns);
    case PAWL_MISSED_SKIP:
        return clock_next_on_grid(interval->next_ns, interval->period_ns, now_ns);
    default:
        return pawl_saturating_add(interval->next_ns, interval->period_ns);
    }
}

int pawl_interval_tick_until(struct pawl_interval *iv, uint64_t *scheduled_ns, uint64_t deadline_ns)
{
    struct interval *interval = private_of(iv);
    if (iv == NULL || interval->period_ns == 0 || interval->policy > PAWL_MISSED_SKIP)
        return -EINVAL;
    int error = await_enter();
    if (error == 0 && now_of_caller() < interval->next_ns) {
        bool in_time = interval->next_ns <= deadline_ns;
        error = pawl_sleep_until(in_time ? interval->next_ns : deadline_ns);
        if (error == 0 && !in_time)
            error = -ETIMEDOUT;
    }
    if (error != 0)
        return error;
    if (scheduled_ns != NULL)
        *scheduled_ns = interval->next_ns;
    interval->next_ns = tick_after(interval, now_of_caller());
    return 0;
}

int pawl_interval_tick(struct pawl_interval *iv, uint64_t *scheduled_ns)
{
    return pawl_interval_tick_until(iv, scheduled_ns, PAWL_NEVER);
}
