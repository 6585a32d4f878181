/* What the tests of pawl_timeout share. */
#ifndef TESTS_UNIT_SCHED_TIMEOUT_H
#define TESTS_UNIT_SCHED_TIMEOUT_H

#include "harness.h"

/* Runs fn(arg) in a pawl_timeout and looks at its answer; returns what fn returned, an errno mostly. */
static inline intptr_t in_timeout(uint64_t duration_ns, pawl_task_fn *fn, void *arg, int expected)
{
    static int never_stored;
    void *result = &never_stored;
    CHECK_EQ(pawl_timeout(duration_ns, fn, arg, &result), expected);
    CHECK(result != &never_stored);
    return (intptr_t)result;
}

static inline void *suspend_for_ever(void *arg)
{
    (void)arg;
    return pointer_of(pawl_suspend_until(PAWL_NEVER));
}

static inline void *yield_once(void *arg)
{
    (void)arg;
    return pointer_of(pawl_yield());
}

#endif
