/* Cancelling tasks: sticky, seen on entry and on wake, lifted by shields. */
#include "harness.h"

Test(cancel, refuses_null)
{
    cr_assert_eq(pawl_task_cancel(NULL), -EINVAL);
}

Test(cancel, says_already_when_the_task_has_finished)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, return_arg, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_task_cancel(task), -EALREADY);
    cr_assert_eq(pawl_task_cancel(task), -EALREADY);
    join(task);
    finish(rt);
}

Test(cancel, twice_is_fine)
{
    static struct event end;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, wait_for_event, &end);
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq(pawl_task_cancel(task), 0);
    event_set(&end);
    cr_assert_eq(join(task), &end, "a cancelled task still delivers its result");
    finish(rt);
}

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

static void *suspend_for_ever(void *arg)
{
    (void)arg;
    return pointer_of(pawl_suspend_until(PAWL_NEVER));
}

static void *join_long(void *task)
{
    return pointer_of(pawl_join_until(task, in_ns(HOUR_NS), NULL));
}

static void *yield_until_told(void *arg)
{
    (void)arg;
    int error;
    while ((error = pawl_yield()) == 0) {
    }
    return pointer_of(error);
}

Test(cancel, wakes_a_task_from_each_suspending_call)
{
    static pawl_task_fn *const functions[] = {sleep_long,       sleep_for_ever, suspend_long,
                                              suspend_for_ever, join_long,      yield_until_told};
    struct pawl_runtime *rt = start(2);
    struct pawl_task *other = spawn(rt, suspend_for_ever, NULL);
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        struct pawl_task *task = spawn(rt, functions[i], other);
        if (functions[i] != yield_until_told)
            cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
        cr_assert_eq(pawl_task_cancel(task), 0);
        cr_assert_eq((intptr_t)join(task), -ECANCELED, "function %zu", i);
    }
    cr_assert_eq(pawl_task_cancel(other), 0);
    cr_assert_eq((intptr_t)join(other), -ECANCELED);
    finish(rt);
}

/* ---- sticky ---- */

static struct event blocking_function_called;

static void *note_call(void *arg)
{
    event_set(&blocking_function_called);
    return arg;
}

/* Of a task that has finished: the outcome was there before the call, which is refused all the same. */
static void expect_join_cancelled(struct pawl_task *finished)
{
    int error = pawl_join(pawl_task_ref(finished), NULL);
    CHECK_EQ(error, -ECANCELED);
    if (error != 0)
        error = pawl_join_until(finished, 0, NULL);
    CHECK_EQ(error, -ECANCELED);
    if (error != 0)
        pawl_detach(finished);
}

static void *expect_each_call_cancelled(void *finished)
{
    struct pawl_waker waker;
    CHECK(pawl_cancelled());
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pawl_sleep(0), -ECANCELED);
        CHECK_EQ(pawl_sleep(HOUR_NS), -ECANCELED);
        CHECK_EQ(pawl_sleep_until(0), -ECANCELED);
        CHECK_EQ(pawl_yield(), -ECANCELED);
        CHECK_EQ(pawl_suspend_until(0), -ECANCELED);
        CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -ECANCELED);
        CHECK_EQ(pawl_block(note_call, NULL, NULL), -ECANCELED);
        CHECK(pawl_cancelled());
    }
    CHECK(!event_is_set(&blocking_function_called));
    pawl_self_waker(&waker);
    pawl_waker_wake(&waker);
    CHECK_EQ(pawl_suspend_until(0), -ECANCELED);
    pawl_waker_drop(&waker);
    expect_join_cancelled(finished);
    return pawl_self();
}

/* Cancelled before it can run: its only worker is busy. */
static void expect_cancelled_before_first_run(pawl_task_fn *fn, void *arg)
{
    static struct event end;
    struct pawl_runtime *rt = start(1);
    struct pawl_task *busy = spawn(rt, wait_for_event, &end), *task = spawn(rt, fn, arg);
    cr_assert_eq(pawl_task_cancel(task), 0);
    event_set(&end);
    join(busy);
    cr_assert_eq(join(task), task, "a cancelled task still delivers its result");
    finish(rt);
}

static void *expect_cancelled_from_the_start(void *arg)
{
    struct event *ran = arg;
    CHECK(pawl_cancelled());
    CHECK_EQ(pawl_sleep(HOUR_NS), -ECANCELED);
    event_set(ran);
    return pawl_self();
}

Test(cancel, before_the_first_run_leaves_the_task_to_run_cancelled)
{
    static struct event ran;
    expect_cancelled_before_first_run(expect_cancelled_from_the_start, &ran);
    cr_assert(event_is_set(&ran));
}

static void *cancel_itself(void *finished)
{
    CHECK(!pawl_cancelled());
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    return expect_each_call_cancelled(finished);
}

Test(cancel, is_sticky_and_seen_on_entry_to_each_suspending_call)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *finished = spawn(rt, return_arg, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    struct pawl_task *task = spawn(rt, cancel_itself, finished);
    cr_assert_eq(join(task), task);
    join(finished);
    finish(rt);
}

static void *spawn_although_cancelled(void *arg)
{
    struct pawl_task *child = NULL;
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK_EQ(pawl_spawn(NULL, return_arg, arg, &child), 0);
    CHECK_EQ(pawl_join(child, NULL), -ECANCELED);
    pawl_shield_begin();
    CHECK(join(child) == arg);
    pawl_shield_end();
    return NULL;
}

Test(cancel, reaches_neither_children_nor_what_does_not_suspend)
{
    int value;
    struct pawl_runtime *rt = start(2);
    join(spawn(rt, spawn_although_cancelled, &value));
    finish(rt);
}

static void *arm_although_cancelled(void *arg)
{
    struct pawl_timer *timer = arg;
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK_EQ(pawl_timer_arm(NULL, timer, PAWL_NEVER), 0);
    CHECK_EQ(pawl_timer_cancel(timer), 0);
    return NULL;
}

Test(cancel, does_not_keep_a_task_from_arming)
{
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(1);
    pawl_timer_init(&timer, NULL, NULL);
    run(rt, arm_although_cancelled, &timer);
    finish(rt);
}

/* ---- what wins ---- */

static void *cancelled_with_deadline_passed(void *arg)
{
    (void)arg;
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    return pointer_of(pawl_suspend_until(1));
}

Test(cancel, takes_precedence_over_a_deadline)
{
    struct pawl_runtime *rt = start(1);
    cr_assert_eq((intptr_t)join(spawn(rt, cancelled_with_deadline_passed, NULL)), -ECANCELED);
    finish(rt);
}

struct rivals {
    struct pawl_task *target, *joiner;
    struct event end;
};

static void *join_the_target(void *arg)
{
    struct rivals *rivals = arg;
    CHECK(join(rivals->target) == &rivals->end);
    CHECK_EQ(pawl_yield(), -ECANCELED);
    return NULL;
}

static void *also_join_the_target(void *arg)
{
    struct rivals *rivals = arg;
    CHECK(join(rivals->target) == &rivals->end);
    return NULL;
}

/* Keeps the joiner's only worker busy while the joiner is cancelled and its join comes true. Waiters are granted in
 * the order of their coming, so when the thread's join returns the joiner's has been granted. */
static void *cancel_then_let_end(void *arg)
{
    struct rivals *rivals = arg;
    pthread_t thread = thread_start(also_join_the_target, rivals);
    CHECK_EQ(pawl_task_cancel(rivals->joiner), 0);
    event_set(&rivals->end);
    thread_join(thread);
    return NULL;
}

static struct pawl_task *spawn_on(struct pawl_runtime *rt, int worker, pawl_task_fn *fn, void *arg)
{
    struct pawl_task_options o;
    struct pawl_task *task = NULL;
    pawl_task_options_init(&o);
    o.worker = worker;
    cr_assert_eq(pawl_spawn_with(rt, &o, fn, arg, &task), 0);
    return task;
}

Test(cancel, does_not_take_an_outcome_away_on_wake)
{
    static struct rivals rivals;
    struct pawl_runtime *rt = start(2);
    rivals.target = pawl_task_ref(spawn_on(rt, 1, wait_for_event, &rivals.end));
    rivals.joiner = spawn_on(rt, 0, join_the_target, &rivals);
    join(spawn_on(rt, 0, cancel_then_let_end, &rivals));
    join(rivals.joiner);
    finish(rt);
}

/* ---- cancelled ---- */

Test(cancelled, is_false_outside_a_task)
{
    cr_assert_not(pawl_cancelled());
}

static void *cancelled_in_child_and_blocking_function(void *arg)
{
    (void)arg;
    return pointer_of(pawl_cancelled());
}

static void *block_shielded(void *arg)
{
    void *result = pointer_of(1);
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    pawl_shield_begin();
    CHECK_EQ(pawl_block(cancelled_in_child_and_blocking_function, NULL, &result), 0);
    CHECK(result == NULL);
    pawl_shield_end();
    return arg;
}

Test(cancelled, is_false_in_a_blocking_function)
{
    struct pawl_runtime *rt = start(1);
    run(rt, block_shielded, NULL);
    finish(rt);
}

/* ---- shields ---- */

static void *clean_up_shielded(void *arg)
{
    int value;
    void *result = NULL;
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK_EQ(pawl_sleep(0), -ECANCELED);
    pawl_shield_begin();
    CHECK(!pawl_cancelled());
    uint64_t until_ns = in_ns(PAWL_MS(2));
    CHECK_EQ(pawl_sleep_until(until_ns), 0);
    CHECK(pawl_now(NULL) >= until_ns);
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
    CHECK_EQ(pawl_block(return_arg, &value, &result), 0);
    CHECK(result == &value);
    CHECK(join(spawn(NULL, return_arg, &value)) == &value);
    pawl_shield_begin();
    CHECK_EQ(pawl_yield(), 0);
    pawl_shield_end();
    CHECK(!pawl_cancelled());
    CHECK_EQ(pawl_yield(), 0);
    pawl_shield_end();
    CHECK(pawl_cancelled());
    CHECK_EQ(pawl_yield(), -ECANCELED);
    return arg;
}

Test(shield, lifts_cancellation_and_nests)
{
    struct pawl_runtime *rt = start(2);
    run(rt, clean_up_shielded, NULL);
    finish(rt);
}

static void *end_too_often(void *arg)
{
    pawl_shield_end();
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    pawl_shield_begin();
    CHECK_EQ(pawl_yield(), 0);
    pawl_shield_end();
    pawl_shield_end();
    CHECK_EQ(pawl_yield(), -ECANCELED);
    return arg;
}

Test(shield, end_without_a_begin_does_nothing)
{
    struct pawl_runtime *rt = start(1);
    run(rt, end_too_often, NULL);
    finish(rt);
}

Test(shield, does_nothing_outside_a_task)
{
    pawl_shield_begin();
    pawl_shield_end();
    pawl_shield_end();
    struct pawl_runtime *rt = start(1);
    run(rt, return_arg, NULL);
    finish(rt);
}

static struct event shielded;

static void *be_cancelled_shielded(void *arg)
{
    (void)arg;
    pawl_shield_begin();
    event_set(&shielded);
    uint64_t until_ns = in_ns(PAWL_MS(20));
    CHECK_EQ(pawl_sleep_until(until_ns), 0);
    CHECK(pawl_now(NULL) >= until_ns);
    pawl_shield_end();
    return pointer_of(pawl_yield());
}

Test(shield, holds_against_a_cancel_that_comes_later)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = spawn(rt, be_cancelled_shielded, NULL);
    event_wait(&shielded);
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq((intptr_t)join(task), -ECANCELED);
    finish(rt);
}

static void *suspend_shielded_then_open(void *arg)
{
    struct pawl_waker *waker = arg;
    pawl_self_waker(waker);
    pawl_shield_begin();
    event_set(&shielded);
    CHECK_EQ(pawl_suspend_until(in_ns(PATIENCE_NS)), 0);
    pawl_shield_end();
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -ECANCELED);
    return NULL;
}

Test(shield, waits_for_the_waker_whatever_happens_else)
{
    static struct pawl_waker waker;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, suspend_shielded_then_open, &waker);
    event_wait(&shielded);
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_join_until(task, in_ns(PAWL_MS(5)), NULL), -ETIMEDOUT);
    pawl_waker_wake(&waker);
    join(task);
    pawl_waker_drop(&waker);
    finish(rt);
}

/* ---- races ---- */

static void *cancel_task(void *task)
{
    int error = pawl_task_cancel(task);
    CHECK(error == 0 || error == -EALREADY);
    return NULL;
}

static void *sleep_briefly(void *arg)
{
    (void)arg;
    int error = pawl_sleep(PAWL_US(30));
    CHECK(error == 0 || error == -ECANCELED);
    return pointer_of(error);
}

Test(cancel, races_with_the_end_of_the_sleep)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 3000; i++) {
        struct pawl_task *task = spawn(rt, sleep_briefly, NULL), *canceller = spawn(rt, cancel_task, task);
        join(canceller);
        join(task);
    }
    finish(rt);
}
