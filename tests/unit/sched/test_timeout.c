/* Deadlines around any call: what they cut short, what they do not, and whose they were. */
#include "timeout.h"

/* ---- where ---- */

static struct event called;

static void *note_call(void *arg)
{
    event_set(&called);
    return arg;
}

static void *expect_refused_as_by_threads(void *arg)
{
    void *result = &result;
    CHECK_EQ(pawl_timeout(PAWL_SEC(1), note_call, NULL, &result), -EINVAL);
    CHECK_EQ(pawl_timeout(0, note_call, NULL, NULL), -EINVAL);
    CHECK(result == &result);
    return arg;
}

static void *expect_refused_in_blocking_function(void *arg)
{
    CHECK_EQ(pawl_block(expect_refused_as_by_threads, NULL, NULL), 0);
    return arg;
}

Test(timeout, is_refused_outside_a_task)
{
    struct pawl_runtime *rt = start(1);
    expect_refused_as_by_threads(NULL);
    run(rt, expect_refused_in_blocking_function, NULL);
    finish(rt);
    cr_assert(!event_is_set(&called));
}

static struct event callback_ended;

static void expect_deadlock(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    CHECK_EQ(pawl_timeout(PAWL_SEC(1), note_call, NULL, NULL), -EDEADLK);
    event_set(&callback_ended);
}

Test(timeout, is_a_deadlock_in_a_timer_callback)
{
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(1);
    pawl_timer_init(&timer, expect_deadlock, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    event_wait(&callback_ended);
    finish(rt);
    cr_assert(!event_is_set(&called));
}

static void *expect_null_refused(void *arg)
{
    void *result = &result;
    CHECK_EQ(pawl_timeout(PAWL_SEC(1), NULL, arg, &result), -EINVAL);
    CHECK(result == &result);
    return arg;
}

Test(timeout, refuses_null)
{
    struct pawl_runtime *rt = start(1);
    run(rt, expect_null_refused, NULL);
    finish(rt);
}

/* ---- what is cut short ---- */

static void *sleep_long(void *arg)
{
    (void)arg;
    return pointer_of(pawl_sleep(HOUR_NS));
}

static void *suspend_long(void *arg)
{
    (void)arg;
    return pointer_of(pawl_suspend_until(in_ns(HOUR_NS)));
}

static struct pawl_task *sleeper;

static void *join_sleeper(void *arg)
{
    (void)arg;
    return pointer_of(pawl_join(sleeper, NULL));
}

static void *join_sleeper_long(void *arg)
{
    (void)arg;
    return pointer_of(pawl_join_until(sleeper, in_ns(HOUR_NS), NULL));
}

static void *yield_until_told(void *arg)
{
    (void)arg;
    int error;
    while ((error = pawl_yield()) == 0) {
    }
    return pointer_of(error);
}

static void *block_behind_another(void *arg)
{
    (void)arg;
    return pointer_of(pawl_block(note_call, NULL, NULL));
}

static pawl_task_fn *const waits[] = {sleep_for_ever, sleep_long,        suspend_for_ever, suspend_long,
                                      join_sleeper,   join_sleeper_long, yield_until_told, block_behind_another};

static void *expect_each_wait_cut(void *arg)
{
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        uint64_t deadline_ns = in_ns(PAWL_MS(1));
        CHECK_EQ(in_timeout(PAWL_MS(1), waits[i], NULL, -ETIMEDOUT), -ETIMEDOUT);
        CHECK(pawl_now(NULL) >= deadline_ns);
        CHECK_EQ(pawl_yield(), 0); /* it is over */
        CHECK_EQ(pawl_sleep(PAWL_MS(2)), 0);
    }
    return arg;
}

static void *block_until(void *end)
{
    CHECK_EQ(pawl_block(wait_for_event, end, NULL), 0);
    return NULL;
}

Test(timeout, cuts_each_suspending_call_short)
{
    static struct event end;
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 2;
    o.blocking_threads_max = 1;
    struct pawl_runtime *rt = start_with(&o);
    struct pawl_task *blocker = spawn(rt, block_until, &end);
    sleeper = spawn(rt, sleep_for_ever, NULL);
    while (pawl_runtime_wait_idle(rt, in_ns(PAWL_MS(5))) == 0) { /* the blocker is not there yet */
    }
    run(rt, expect_each_wait_cut, NULL);
    cr_assert(!event_is_set(&called));
    event_set(&end);
    join(blocker);
    cr_assert_eq(pawl_task_cancel(sleeper), 0);
    cr_assert_eq((intptr_t)join(sleeper), -ECANCELED);
    finish(rt);
}

static void *expect_each_call_cut_on_entry(void *finished)
{
    struct pawl_waker waker;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pawl_sleep(0), -ETIMEDOUT);
        CHECK_EQ(pawl_sleep(HOUR_NS), -ETIMEDOUT);
        CHECK_EQ(pawl_sleep_until(0), -ETIMEDOUT);
        CHECK_EQ(pawl_yield(), -ETIMEDOUT);
        CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
        CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -ETIMEDOUT);
        CHECK_EQ(pawl_block(note_call, NULL, NULL), -ETIMEDOUT);
        CHECK_EQ(pawl_join(finished, NULL), -ETIMEDOUT);
        CHECK_EQ(pawl_join_until(finished, 0, NULL), -ETIMEDOUT);
        CHECK(!pawl_cancelled());
    }
    pawl_self_waker(&waker);
    pawl_waker_wake(&waker);
    CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
    pawl_waker_drop(&waker);
    return NULL;
}

static void *expect_passed_from_the_beginning(void *finished)
{
    in_timeout(0, expect_each_call_cut_on_entry, finished, -ETIMEDOUT);
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), 0); /* the permit is there still */
    return NULL;
}

Test(timeout, of_no_time_has_passed_from_the_beginning)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *finished = spawn(rt, return_arg, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    run(rt, expect_passed_from_the_beginning, finished);
    cr_assert(!event_is_set(&called));
    join(finished);
    finish(rt);
}

static void *wait_then_expect_each_call_cut(void *finished)
{
    CHECK_EQ(pawl_sleep(HOUR_NS), -ETIMEDOUT);
    return expect_each_call_cut_on_entry(finished);
}

static void *expect_passed_for_good(void *finished)
{
    in_timeout(PAWL_MS(1), wait_then_expect_each_call_cut, finished, -ETIMEDOUT);
    return NULL;
}

Test(timeout, is_seen_by_each_call_once_it_has_passed)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *finished = spawn(rt, return_arg, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    run(rt, expect_passed_for_good, finished);
    join(finished);
    finish(rt);
}

/* ---- what is not ---- */

static void *spin_past_deadline(void *arg)
{
    spin_until(in_ns(PAWL_MS(2)));
    return arg;
}

static void *expect_late_but_whole(void *arg)
{
    int value;
    CHECK(in_timeout(PAWL_MS(1), spin_past_deadline, &value, 0) == (intptr_t)&value);
    CHECK(in_timeout(0, spin_past_deadline, &value, 0) == (intptr_t)&value);
    CHECK(in_timeout(HOUR_NS, return_arg, &value, 0) == (intptr_t)&value);
    CHECK(in_timeout(PAWL_NEVER, return_arg, &value, 0) == (intptr_t)&value);
    CHECK_EQ(pawl_timeout(PAWL_MS(1), return_arg, NULL, NULL), 0);
    return arg;
}

Test(timeout, that_cut_nothing_short_is_none_even_when_late)
{
    struct pawl_runtime *rt = start(2);
    run(rt, expect_late_but_whole, NULL);
    finish(rt);
}

/* The worker has got used to tasks that run for so short a time that it seldom looks at the clock. */
static void *spin_then(void *fn)
{
    for (int i = 0; i < 1000; i++)
        pawl_yield();
    spin_past_deadline(NULL);
    return ((pawl_task_fn *)fn)(NULL);
}

static void *sleep_for_no_time(void *arg)
{
    (void)arg;
    return pointer_of(pawl_sleep(0));
}

static void *expect_late_and_cut(void *arg)
{
    for (int i = 0; i < 5; i++)
        CHECK_EQ(in_timeout(PAWL_MS(1), spin_then, (void *)yield_once, -ETIMEDOUT), -ETIMEDOUT);
    CHECK_EQ(in_timeout(PAWL_MS(1), spin_then, (void *)sleep_for_no_time, -ETIMEDOUT), -ETIMEDOUT);
    CHECK_EQ(in_timeout(PAWL_MS(1), spin_then, (void *)suspend_for_ever, -ETIMEDOUT), -ETIMEDOUT);
    return arg;
}

Test(timeout, cuts_short_whatever_suspends_after_it_although_no_timer_was_served)
{
    struct pawl_runtime *rt = start(1);
    run(rt, expect_late_and_cut, NULL);
    finish(rt);
}

static void *spin_in_blocking_function(void *arg)
{
    CHECK_EQ(pawl_sleep(PAWL_MS(3)), 0); /* as a plain thread */
    event_set(&called);
    return arg;
}

static void *block_past_deadline(void *arg)
{
    (void)arg;
    return pointer_of(pawl_block(spin_in_blocking_function, NULL, NULL));
}

static void *expect_block_whole(void *arg)
{
    in_timeout(HOUR_NS, block_past_deadline, NULL, 0); /* a thread is there now */
    for (int i = 0; i < 20; i++) {
        store_release_u32(&called.happened, 0);
        void *result;
        int error = pawl_timeout(PAWL_MS(2), block_past_deadline, NULL, &result);
        CHECK_EQ(error, (intptr_t)result); /* on a loaded machine it may not have been started in time */
        CHECK(event_is_set(&called) == (error == 0));
    }
    return arg;
}

Test(timeout, does_not_cut_a_blocking_function_short_that_has_started)
{
    struct pawl_runtime *rt = start(1);
    run(rt, expect_block_whole, NULL);
    finish(rt);
}

/* Both of the next two depend on something being done in a while. Whether it was shows in the answer: on a busy machine
 * they try again with a longer one, up to this. */
#define WHILE_NS_MAX PAWL_SEC(5)

struct rivals {
    uint64_t while_ns;
    struct pawl_task *target;
    struct event joining;
};

static void *join_target(void *target)
{
    return pointer_of(pawl_join(target, NULL));
}

static void *join_target_in_time(void *arg)
{
    struct rivals *rivals = arg;
    void *result;
    event_set(&rivals->joining);
    int error = pawl_timeout(rivals->while_ns, join_target, rivals->target, &result);
    CHECK_EQ(error, (intptr_t)result);
    CHECK_EQ(pawl_yield(), 0);
    if (error != 0)
        join(rivals->target);
    return pointer_of(error);
}

/* Its worker is the joiner's only one, too: the deadline passes, and the target ends, before the joiner can look. */
static void *end_past_deadline(void *arg)
{
    struct rivals *rivals = arg;
    while (!event_is_set(&rivals->joining))
        CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_yield(), 0); /* it joins now, or else was too slow */
    spin_until(in_ns(2 * rivals->while_ns));
    return NULL;
}

Test(timeout, leaves_an_outcome_alone_that_is_there_already)
{
    intptr_t error = -ETIMEDOUT;
    struct pawl_runtime *rt = start(1);
    for (uint64_t while_ns = PAWL_MS(1); while_ns < WHILE_NS_MAX; while_ns *= 4) {
        struct rivals rivals = {.while_ns = while_ns};
        rivals.target = spawn(rt, end_past_deadline, &rivals);
        error = (intptr_t)join(spawn(rt, join_target_in_time, &rivals));
        if (error == 0)
            break;
    }
    finish(rt);
    cr_assert_eq(error, 0);
}

static void *expect_no_timeout(void *deadline_ns)
{
    CHECK_EQ(pawl_sleep_until(*(uint64_t *)deadline_ns), 0);
    CHECK_EQ(pawl_yield(), 0);
    return NULL;
}

static void *spawn_child_then_wait(void *child)
{
    uint64_t deadline_ns = in_ns(PAWL_MS(4));
    *(struct pawl_task **)child = spawn(NULL, expect_no_timeout, &deadline_ns);
    CHECK_EQ(pawl_sleep(HOUR_NS), -ETIMEDOUT);
    pawl_shield_begin();
    join(*(struct pawl_task **)child);
    pawl_shield_end();
    return NULL;
}

static void *expect_child_unharmed(void *arg)
{
    struct pawl_task *child;
    in_timeout(PAWL_MS(1), spawn_child_then_wait, &child, -ETIMEDOUT);
    return arg;
}

Test(timeout, does_not_reach_children)
{
    struct pawl_runtime *rt = start(2);
    run(rt, expect_child_unharmed, NULL);
    finish(rt);
}

/* ---- a call's own deadline ---- */

static void *suspend_own(void *duration_ns)
{
    return pointer_of(pawl_suspend_until(in_ns(*(uint64_t *)duration_ns)));
}

static void *join_own(void *duration_ns)
{
    return pointer_of(pawl_join_until(sleeper, in_ns(*(uint64_t *)duration_ns), NULL));
}

static void *sleep_own(void *duration_ns)
{
    return pointer_of(pawl_sleep(*(uint64_t *)duration_ns));
}

static void *expect_own_deadlines(void *arg)
{
    uint64_t near_ns = PAWL_MS(1), far_ns = PAWL_SEC(100);
    CHECK_EQ(in_timeout(HOUR_NS, suspend_own, &near_ns, 0), -ETIMEDOUT);
    CHECK_EQ(in_timeout(HOUR_NS, join_own, &near_ns, 0), -ETIMEDOUT);
    CHECK_EQ(in_timeout(HOUR_NS, sleep_own, &near_ns, 0), 0);
    CHECK_EQ(in_timeout(near_ns, suspend_own, &far_ns, -ETIMEDOUT), -ETIMEDOUT);
    CHECK_EQ(in_timeout(near_ns, join_own, &far_ns, -ETIMEDOUT), -ETIMEDOUT);
    CHECK_EQ(in_timeout(near_ns, sleep_own, &far_ns, -ETIMEDOUT), -ETIMEDOUT);
    return arg;
}

Test(timeout, and_own_deadline_the_earlier_one_is_the_cause)
{
    struct pawl_runtime *rt = start(2);
    sleeper = spawn(rt, sleep_for_ever, NULL);
    run(rt, expect_own_deadlines, NULL);
    cr_assert_eq(pawl_task_cancel(sleeper), 0);
    join(sleeper);
    finish(rt);
}

/* ---- nesting ---- */

static void *inner_far(void *arg)
{
    CHECK_EQ(in_timeout(HOUR_NS, sleep_for_ever, arg, 0), -ETIMEDOUT);
    CHECK_EQ(in_timeout(0, yield_once, arg, 0), -ETIMEDOUT); /* later than what has passed before it */
    CHECK_EQ(pawl_yield(), -ETIMEDOUT);
    return NULL;
}

static void *inner_near(void *arg)
{
    CHECK_EQ(in_timeout(PAWL_MS(1), sleep_for_ever, arg, -ETIMEDOUT), -ETIMEDOUT);
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(in_timeout(0, yield_once, arg, -ETIMEDOUT), -ETIMEDOUT);
    CHECK_EQ(pawl_yield(), 0);
    return NULL;
}

static void *nest_near_and_far(void *arg)
{
    in_timeout(PAWL_MS(1), inner_far, arg, -ETIMEDOUT);
    in_timeout(HOUR_NS, inner_near, arg, 0);
    in_timeout(PAWL_NEVER, inner_near, arg, 0);
    return arg;
}

Test(timeout, nests_and_the_nearest_wins)
{
    struct pawl_runtime *rt = start(2);
    run(rt, nest_near_and_far, NULL);
    finish(rt);
}

static void *nest_both(void *while_ns)
{
    int error = pawl_timeout(*(uint64_t *)while_ns, sleep_for_ever, NULL, NULL);
    CHECK_EQ(pawl_sleep(HOUR_NS), -ETIMEDOUT);
    return pointer_of(error);
}

static void *expect_both(void *arg)
{
    for (uint64_t while_ns = PAWL_MS(1); while_ns < WHILE_NS_MAX; while_ns *= 4)
        if (in_timeout(2 * while_ns, nest_both, &while_ns, -ETIMEDOUT) == -ETIMEDOUT)
            return arg;
    CHECK(!"both cut something short");
    return arg;
}

Test(timeout, of_each_that_cut_something_short_says_so)
{
    struct pawl_runtime *rt = start(2);
    run(rt, expect_both, NULL);
    finish(rt);
}

enum { DEPTH = 40, CULPRIT = 17 };

/* The CULPRIT-th from outside has the earliest deadline: it alone says so. */
static void *nest_deeply(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == DEPTH)
        return sleep_for_ever(NULL);
    uint64_t duration_ns = depth == CULPRIT ? PAWL_MS(2) : depth < CULPRIT ? HOUR_NS - (uint64_t)depth : HOUR_NS;
    return pointer_of(in_timeout(duration_ns, nest_deeply, pointer_of(depth + 1), depth == CULPRIT ? -ETIMEDOUT : 0));
}

Test(timeout, nests_deeply)
{
    struct pawl_runtime *rt = start(2);
    cr_assert_eq((intptr_t)join(spawn(rt, nest_deeply, NULL)), -ETIMEDOUT);
    finish(rt);
}
