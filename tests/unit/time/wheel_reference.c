#include "tests/unit/time/wheel_reference.h"

#include "time/wheel.h"

void reference_init(struct wheel_reference *reference, size_t timer_count)
{
    reference->timer_count = timer_count;
    for (size_t timer = 0; timer < timer_count; timer++)
        reference->armed[timer] = false;
}

void reference_arm(struct wheel_reference *reference, size_t timer, uint64_t deadline)
{
    reference->armed[timer] = true;
    reference->deadline[timer] = deadline;
}

void reference_disarm(struct wheel_reference *reference, size_t timer)
{
    reference->armed[timer] = false;
}

bool reference_is_due(const struct wheel_reference *reference, size_t timer, uint64_t now)
{
    uint64_t deadline = reference->deadline[timer];
    return reference->armed[timer] && deadline <= now && deadline != WHEEL_NEVER;
}

uint64_t reference_earliest(const struct wheel_reference *reference)
{
    uint64_t earliest = WHEEL_NEVER;
    for (size_t timer = 0; timer < reference->timer_count; timer++) {
        if (reference->armed[timer] && reference->deadline[timer] < earliest)
            earliest = reference->deadline[timer];
    }
    return earliest;
}

size_t reference_count(const struct wheel_reference *reference)
{
    size_t count = 0;
    for (size_t timer = 0; timer < reference->timer_count; timer++)
        count += reference->armed[timer];
    return count;
}
