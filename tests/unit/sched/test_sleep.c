/* Sleeping, yielding, and the clock, in tasks, in plain threads and in blocking functions. */
#include "harness.h"

/* ---- sleeping ---- */

static void sleep_and_look(uint64_t duration_ns)
{
    uint64_t before_ns = pawl_now(NULL);
    CHECK_EQ(pawl_sleep(duration_ns), 0);
    CHECK(pawl_now(NULL) >= pawl_saturating_add(before_ns, duration_ns));
}

static void *sleep_for_all_kinds_of_durations(void *arg)
{
    static const uint64_t durations_ns[] = {0, 1, 999, 32767, 32768, 32769, 100000, 999999, 1000000, 3141592};
    for (size_t i = 0; i < COUNT_OF(durations_ns); i++)
        sleep_and_look(durations_ns[i]);
    for (size_t i = 0; i < COUNT_OF(durations_ns); i++) {
        uint64_t deadline_ns = in_ns(durations_ns[i]);
        CHECK_EQ(pawl_sleep_until(deadline_ns), 0);
        CHECK(pawl_now(NULL) >= deadline_ns);
    }
    return arg;
}

static void *sleep_past_deadlines(void *arg)
{
    CHECK_EQ(pawl_sleep_until(0), 0);
    CHECK_EQ(pawl_sleep_until(1), 0);
    CHECK_EQ(pawl_sleep_until(pawl_now(NULL) - PAWL_SEC(1)), 0);
    CHECK_EQ(pawl_sleep_until(pawl_now(NULL)), 0);
    return arg;
}

static void *in_blocking_function(void *fn)
{
    CHECK_EQ(pawl_block((pawl_task_fn *)fn, NULL, NULL), 0);
    return NULL;
}

Test(sleep, never_ends_early)
{
    sleep_for_all_kinds_of_durations(NULL);
    struct pawl_runtime *rt = start(2);
    run(rt, sleep_for_all_kinds_of_durations, NULL);
    run(rt, in_blocking_function, (void *)sleep_for_all_kinds_of_durations);
    finish(rt);
}

Test(sleep, until_what_has_passed_returns)
{
    sleep_past_deadlines(NULL);
    struct pawl_runtime *rt = start(2);
    run(rt, sleep_past_deadlines, NULL);
    run(rt, in_blocking_function, (void *)sleep_past_deadlines);
    finish(rt);
}

Test(sleep, never_ends_early_with_any_tick)
{
    static const uint64_t ticks_ns[] = {1, 1000, 1000000, 7000001};
    for (size_t i = 0; i < COUNT_OF(ticks_ns); i++) {
        struct pawl_options o;
        pawl_options_init(&o);
        o.workers = 2;
        o.tick_ns = ticks_ns[i];
        struct pawl_runtime *rt = start_with(&o);
        run(rt, sleep_for_all_kinds_of_durations, NULL);
        finish(rt);
    }
}

static void *sleep_far(void *arg)
{
    const uint64_t *duration_ns = arg;
    return pointer_of(pawl_sleep(*duration_ns));
}

Test(sleep, pends_for_the_longest_durations)
{
    static const uint64_t durations_ns[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2, PAWL_SEC(100000000), HOUR_NS};
    static const uint64_t ticks_ns[] = {1, 32768, PAWL_SEC(1)};
    for (size_t t = 0; t < COUNT_OF(ticks_ns); t++) {
        struct pawl_options o;
        struct pawl_task *tasks[COUNT_OF(durations_ns)];
        pawl_options_init(&o);
        o.workers = 2;
        o.tick_ns = ticks_ns[t];
        struct pawl_runtime *rt = start_with(&o);
        for (size_t i = 0; i < COUNT_OF(tasks); i++)
            tasks[i] = spawn(rt, sleep_far, (void *)(uintptr_t)&durations_ns[i]);
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
        for (size_t i = 0; i < COUNT_OF(tasks); i++) {
            cr_assert_eq(pawl_task_cancel(tasks[i]), 0);
            cr_assert_eq((intptr_t)join(tasks[i]), -ECANCELED);
        }
        finish(rt);
    }
}

static void *sleep_around(void *arg)
{
    uint64_t index = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < 20; i++)
        sleep_and_look((index * 7919 + i * 104729) % PAWL_MS(2));
    return arg;
}

Test(sleep, of_many_tasks_at_once_never_ends_early)
{
    struct pawl_task *tasks[300];
    struct pawl_runtime *rt = start(3);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, sleep_around, (void *)i);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        join(tasks[i]);
    finish(rt);
}

static struct event other_ran;

static void *set_other_ran(void *arg)
{
    event_set(&other_ran);
    return arg;
}

static void *sleep_nothing_until_other_ran(void *arg)
{
    uint64_t deadline_ns = in_ns(PATIENCE_NS);
    CHECK_EQ(pawl_spawn(NULL, set_other_ran, NULL, NULL), 0);
    while (!event_is_set(&other_ran) && pawl_now(NULL) < deadline_ns)
        CHECK_EQ(pawl_sleep(0), 0);
    CHECK(event_is_set(&other_ran));
    return arg;
}

Test(sleep, for_no_time_lets_others_run)
{
    struct pawl_runtime *rt = start(1);
    run(rt, sleep_nothing_until_other_ran, NULL);
    finish(rt);
}

/* ---- yielding ---- */

static void *yield_until_other_ran(void *arg)
{
    uint64_t deadline_ns = in_ns(PATIENCE_NS);
    CHECK_EQ(pawl_spawn(NULL, set_other_ran, NULL, NULL), 0);
    while (!event_is_set(&other_ran) && pawl_now(NULL) < deadline_ns)
        CHECK_EQ(pawl_yield(), 0);
    CHECK(event_is_set(&other_ran));
    return arg;
}

Test(yield, lets_others_run)
{
    struct pawl_runtime *rt = start(1);
    run(rt, yield_until_other_ran, NULL);
    finish(rt);
}

Test(yield, outside_a_task_yields_the_processor)
{
    cr_assert_eq(pawl_yield(), 0);
}

static void *yield_until(void *end)
{
    uint64_t deadline_ns = in_ns(PATIENCE_NS);
    while (!event_is_set(end) && pawl_now(NULL) < deadline_ns)
        CHECK_EQ(pawl_yield(), 0);
    return NULL;
}

static void *sleep_then_set(void *end)
{
    sleep_and_look(PAWL_MS(2));
    event_set(end);
    return NULL;
}

Test(yield, of_a_task_that_is_always_ready_does_not_hold_timers_up)
{
    static struct event end;
    struct pawl_runtime *rt = start(1);
    struct pawl_task *yielder = spawn(rt, yield_until, &end);
    join(spawn(rt, sleep_then_set, &end));
    join(yielder);
    finish(rt);
}

/* ---- in timer callbacks ---- */

static struct event called;

static void suspend_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    void *result = NULL;
    (void)timer, (void)arg, (void)status;
    CHECK_EQ(pawl_sleep(0), -EDEADLK);
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), -EDEADLK);
    CHECK_EQ(pawl_sleep_until(0), -EDEADLK);
    CHECK_EQ(pawl_sleep_until(PAWL_NEVER), -EDEADLK);
    CHECK_EQ(pawl_yield(), -EDEADLK);
    CHECK_EQ(pawl_suspend_until(0), -EDEADLK);
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -EDEADLK);
    CHECK_EQ(pawl_block(return_arg, NULL, &result), -EDEADLK);
    CHECK(!pawl_cancelled());
    event_set(&called);
}

static void *keep_worker_yielding(void *arg)
{
    pawl_timer_init(arg, suspend_in_callback, NULL);
    CHECK_EQ(pawl_timer_arm(NULL, arg, 0), 0);
    return yield_until(&called);
}

Test(callback, may_not_suspend_whether_the_worker_was_idle_or_busy)
{
    static struct pawl_timer timer, second;
    struct pawl_runtime *rt = start(1);
    pawl_timer_init(&timer, suspend_in_callback, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, in_ns(PAWL_MS(5))), 0);
    event_wait(&called);
    store_release_u32(&called.happened, 0);
    run(rt, keep_worker_yielding, &second);
    cr_assert(event_is_set(&called));
    finish(rt);
}

/* ---- the clock ---- */

static void *look_at_clock(void *rt)
{
    uint64_t first_ns = pawl_now(NULL);
    uint64_t second_ns = pawl_now(rt);
    CHECK(first_ns <= second_ns);
    CHECK(second_ns <= pawl_now(NULL));
    return NULL;
}

Test(now, is_the_monotonic_clock_for_everybody)
{
    struct timespec t;
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    uint64_t before_ns = PAWL_SEC(t.tv_sec) + (uint64_t)t.tv_nsec, now_ns = pawl_now(rt);
    cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    cr_assert_geq(now_ns, before_ns);
    cr_assert_leq(now_ns, PAWL_SEC(t.tv_sec) + (uint64_t)t.tv_nsec);
    look_at_clock(NULL);
    look_at_clock(rt);
    run(rt, look_at_clock, NULL);
    run(rt, look_at_clock, rt);
    finish(rt);
}

/* ---- before whom they run ---- */

enum { TOGETHER = 8 };

static struct { /* of one worker: nobody else is there */
    uint64_t due_ns;
    unsigned turns, turns_seen[TOGETHER], helped;
    unsigned late_turns; /* begun after they were due, and before one of them was awake */
    bool awake, stop;
} scene;

static void *help(void *arg)
{
    scene.helped++;
    return arg;
}

static void *sleep_with_others(void *arg)
{
    CHECK_EQ(pawl_sleep_until(scene.due_ns), 0);
    scene.turns_seen[(intptr_t)arg] = scene.turns;
    scene.awake = true;
    pawl_detach(spawn(NULL, help, NULL)); /* goes first, and does not displace those who were woken with us */
    return arg;
}

static void *take_turns(void *arg)
{
    while (!scene.stop) {
        scene.turns++;
        scene.late_turns += !scene.awake && pawl_now(NULL) >= scene.due_ns;
        spin_until(in_ns(PAWL_US(200))); /* so long that the clock is looked at after each */
        CHECK_EQ(pawl_yield(), 0);
    }
    return arg;
}

static void *sleep_beside_who_yields(void *arg)
{
    struct pawl_task *sleepers[TOGETHER], *others[5];
    scene.due_ns = in_ns(PAWL_MS(20));
    for (intptr_t i = 0; i < TOGETHER; i++)
        sleepers[i] = spawn(NULL, sleep_with_others, pointer_of(i));
    for (size_t i = 0; i < COUNT_OF(others); i++)
        others[i] = spawn(NULL, take_turns, NULL);
    for (size_t i = 0; i < TOGETHER; i++)
        join(sleepers[i]);
    scene.stop = true;
    for (size_t i = 0; i < COUNT_OF(others); i++)
        join(others[i]);
    return arg;
}

Test(sleep, ends_before_those_who_yield_have_another_turn)
{
    struct pawl_runtime *rt = start(1);
    run(rt, sleep_beside_who_yields, NULL);
    for (size_t i = 1; i < TOGETHER; i++)
        cr_assert_eq(scene.turns_seen[i], scene.turns_seen[0], "sleeper %zu", i);
    cr_assert_leq(scene.late_turns, 1, "one may begin between the look at the clock and the deadline's coming");
    cr_assert_eq(scene.helped, TOGETHER);
    finish(rt);
}
