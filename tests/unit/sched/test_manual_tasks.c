/* The manual clock and tasks: it moves when none is runnable. */
#include "harness.h"

static struct pawl_runtime *start_manual(int workers)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = workers;
    o.clock = PAWL_CLOCK_MANUAL;
    return start_with(&o);
}

static PAWL_ATOMIC(uint32_t) wakes;

static uint32_t wakes_so_far(void)
{
    return load_acquire_u32(&wakes);
}

/* ---- advance ---- */

/* For ever, a second at a time. */
static void *doze(void *arg)
{
    (void)arg;
    for (uint64_t i = 1; pawl_sleep(PAWL_SEC(1)) == 0; i++) {
        CHECK_EQ(pawl_now(NULL), PAWL_SEC(i));
        fetch_add_acq_rel_u32(&wakes, 1);
    }
    return NULL;
}

Test(manual_tasks, that_sleep_in_a_loop_are_woken_as_often_as_in_real_time)
{
    for (int workers = 1; workers <= 3; workers++) {
        struct pawl_runtime *rt = start_manual(workers);
        store_release_u32(&wakes, 0);
        for (int i = 0; i < 5; i++)
            pawl_detach(spawn(rt, doze, NULL));
        cr_assert_eq(pawl_clock_advance(rt, PAWL_SEC(100)), 0);
        cr_assert_eq(wakes_so_far(), 500, "%d workers: %u", workers, wakes_so_far());
        finish(rt);
    }
}

static void *advance_a_day(void *arg)
{
    (void)arg;
    for (int i = 1; i <= 24; i++) {
        CHECK_EQ(pawl_clock_advance(NULL, HOUR_NS), 0);
        CHECK_EQ(pawl_now(NULL), (uint64_t)i * HOUR_NS);
    }
    return NULL;
}

static void *sleep_until_noon(void *arg)
{
    (void)arg;
    CHECK_EQ(pawl_sleep_until(12 * HOUR_NS), 0);
    CHECK_EQ(pawl_now(NULL), 12 * HOUR_NS);
    return NULL;
}

Test(manual_tasks, that_advance_suspend_meanwhile)
{
    struct pawl_runtime *rt = start_manual(1);
    struct pawl_task *sleeper = spawn(rt, sleep_until_noon, NULL);
    run(rt, advance_a_day, NULL);
    join(sleeper);
    finish(rt);
}

static void note_call(void *arg, int status)
{
    CHECK_EQ(status, 0);
    CHECK_EQ(pawl_now(NULL), PAWL_SEC((uintptr_t)arg));
    CHECK_EQ(pawl_sleep(PAWL_MS(500)), 0);
    fetch_add_acq_rel_u32(&wakes, 1);
}

Test(manual_tasks, of_timers_by_id_have_run_when_the_advance_returns)
{
    struct pawl_runtime *rt = start_manual(2);
    for (uintptr_t i = 1; i <= 50; i++)
        cr_assert_eq(pawl_after(rt, PAWL_SEC(i), note_call, pointer_of((intptr_t)i), NULL), 0);
    cr_assert_eq(pawl_clock_advance(rt, PAWL_SEC(25)), 0);
    cr_assert_eq(wakes_so_far(), 24);
    cr_assert_eq(pawl_clock_advance(rt, PAWL_SEC(26)), 0);
    cr_assert_eq(wakes_so_far(), 50);
    finish(rt);
}

static void *poll_until_set(void *event)
{
    while (!event_is_set(event))
        CHECK_EQ(pawl_yield(), 0);
    return NULL;
}

static void set_event(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    event_set(arg);
}

/* One that polls for what the clock will bring, one that computes, if there is a worker for each. */
static void expect_no_hold_up(int workers, pawl_task_fn *fn)
{
    struct event due = {0};
    struct pawl_timer timer;
    struct pawl_runtime *rt = start_manual(workers);
    pawl_timer_init(&timer, set_event, &due);
    cr_assert_eq(pawl_timer_arm(rt, &timer, PAWL_SEC(1)), 0);
    struct pawl_task *task = spawn(rt, fn, &due);
    cr_assert_eq(pawl_clock_advance(rt, PAWL_SEC(1)), 0);
    cr_assert(event_is_set(&due));
    join(task);
    finish(rt);
}

Test(manual_tasks, that_poll_do_not_hold_an_advance_up_for_ever)
{
    expect_no_hold_up(1, poll_until_set);
    expect_no_hold_up(2, poll_until_set);
}

Test(manual_tasks, that_never_yield_do_not_hold_an_advance_up_for_ever)
{
    expect_no_hold_up(2, wait_for_event);
}

/* ---- deadlines ---- */

static void *advance_two_hours(void *arg)
{
    (void)arg;
    return pointer_of(pawl_clock_advance(NULL, 2 * HOUR_NS));
}

static void *advance_within_an_hour(void *arg)
{
    void *result;
    (void)arg;
    CHECK_EQ(pawl_timeout(HOUR_NS, advance_two_hours, NULL, &result), -ETIMEDOUT);
    CHECK_EQ((intptr_t)result, -ETIMEDOUT);
    CHECK_EQ(pawl_now(NULL), HOUR_NS);
    return NULL;
}

Test(manual_tasks, whose_timeout_falls_due_in_their_advance_are_cut_short_at_that_instant)
{
    struct pawl_runtime *rt = start_manual(2);
    run(rt, advance_within_an_hour, NULL);
    cr_assert_eq(pawl_clock_advance(rt, 1), 0);
    cr_assert_eq(pawl_now(rt), HOUR_NS + 1);
    finish(rt);
}

static void *wait_for_permit(void *semaphore)
{
    CHECK_EQ(pawl_semaphore_acquire_until(semaphore, 1, PAWL_SEC(10)), -ETIMEDOUT);
    CHECK_EQ(pawl_now(NULL), PAWL_SEC(10));
    struct pawl_case deadline;
    pawl_case_deadline(&deadline, PAWL_SEC(20));
    CHECK_EQ(pawl_select_try(&deadline, 1), -EAGAIN);
    CHECK_EQ(pawl_select(&deadline, 1), 0);
    CHECK_EQ(pawl_now(NULL), PAWL_SEC(20));
    CHECK_EQ(pawl_select_try(&deadline, 1), 0);
    CHECK_EQ(pawl_suspend_until(PAWL_SEC(30)), -ETIMEDOUT);
    CHECK_EQ(pawl_now(NULL), PAWL_SEC(30));
    return NULL;
}

Test(manual_tasks, have_their_deadlines_on_that_clock)
{
    struct pawl_semaphore semaphore;
    struct pawl_runtime *rt = start_manual(2);
    pawl_semaphore_init(&semaphore, 0);
    struct pawl_task *task = spawn(rt, wait_for_permit, &semaphore);
    cr_assert_eq(pawl_clock_advance(rt, HOUR_NS), 0);
    cr_assert_eq(pawl_now(rt), HOUR_NS);
    join(task);
    pawl_semaphore_fini(&semaphore);
    finish(rt);
}

static uint64_t real_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return PAWL_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static void *sleep_in_real_time(void *semaphore)
{
    uint64_t before_ns = real_now_ns();
    CHECK_EQ(pawl_sleep(PAWL_MS(2)), 0);
    CHECK(real_now_ns() - before_ns >= PAWL_MS(2));
    CHECK_EQ(pawl_semaphore_acquire_until(semaphore, 1, real_now_ns() + PAWL_MS(2)), -ETIMEDOUT);
    CHECK(real_now_ns() - before_ns >= PAWL_MS(4));
    CHECK_EQ(pawl_now(NULL), 0);
    return NULL;
}

static void *block(void *semaphore)
{
    CHECK_EQ(pawl_block(sleep_in_real_time, semaphore, NULL), 0);
    return NULL;
}

Test(manual_tasks, in_blocking_functions_wait_in_real_time)
{
    struct pawl_semaphore semaphore;
    struct pawl_runtime *rt = start_manual(1);
    pawl_semaphore_init(&semaphore, 0);
    run(rt, block, &semaphore);
    pawl_semaphore_fini(&semaphore);
    finish(rt);
}

static void *advance_on_a_thread(void *arg)
{
    (void)arg;
    CHECK_EQ(pawl_clock_advance(NULL, HOUR_NS), 0);
    return NULL;
}

static void *block_to_advance(void *arg)
{
    CHECK_EQ(pawl_block(advance_on_a_thread, arg, NULL), 0);
    CHECK_EQ(pawl_now(NULL), HOUR_NS);
    return NULL;
}

Test(manual_tasks, may_advance_from_a_blocking_function)
{
    struct pawl_runtime *rt = start_manual(1);
    run(rt, block_to_advance, NULL);
    finish(rt);
}

/* ---- auto-advance ---- */

static uint32_t handled;

/* A server's day: a request each minute, whose timeout of half an hour mostly does not pass. */
static void *serve_for_a_day(void *arg)
{
    (void)arg;
    for (uint64_t minute = 1; minute <= 24 * 60; minute++) {
        CHECK_EQ(pawl_sleep(PAWL_SEC(60)), 0);
        CHECK_EQ(pawl_now(NULL), PAWL_SEC(60) * minute);
        handled++;
    }
    return NULL;
}

Test(manual_tasks, of_a_day_are_over_at_once_with_auto_advance)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start_manual(workers);
        cr_assert_eq(pawl_clock_auto_advance(rt, true), 0);
        handled = 0;
        run(rt, serve_for_a_day, NULL);
        cr_assert_eq(handled, 24 * 60);
        cr_assert_eq(pawl_now(rt), 24 * HOUR_NS);
        finish(rt);
    }
}

static void *advance_by_itself(void *arg)
{
    (void)arg;
    CHECK_EQ(pawl_clock_auto_advance(NULL, true), 0);
    CHECK_EQ(pawl_sleep(HOUR_NS), 0);
    CHECK_EQ(pawl_now(NULL), HOUR_NS);
    CHECK_EQ(pawl_clock_auto_advance(NULL, false), 0);
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -ECANCELED);
    CHECK_EQ(pawl_now(NULL), HOUR_NS);
    return NULL;
}

Test(manual_tasks, see_auto_advance_begin_and_end)
{
    struct pawl_timer timer;
    struct pawl_runtime *rt = start_manual(2);
    pawl_timer_init(&timer, NULL, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 2 * HOUR_NS), 0);
    struct pawl_task *task = spawn(rt, advance_by_itself, NULL);
    while (pawl_now(rt) < HOUR_NS)
        pawl_yield();
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    spin_until(in_ns(PAWL_MS(2)));
    cr_assert_eq(pawl_now(rt), HOUR_NS);
    cr_assert_eq(pawl_task_cancel(task), 0);
    pawl_detach(task);
    cr_assert_eq(pawl_timer_cancel(&timer), 0);
    pawl_runtime_destroy(rt);
}

Test(manual_tasks, that_sleep_already_are_found_by_auto_advance)
{
    struct pawl_runtime *rt = start_manual(2);
    struct pawl_task *task = spawn(rt, sleep_until_noon, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_now(rt), 0);
    cr_assert_eq(pawl_clock_auto_advance(rt, true), 0);
    join(task);
    finish(rt);
}

static struct event blocking_over;

static void *wait_and_look(void *rt)
{
    event_wait(&blocking_over);
    CHECK_EQ(pawl_now(rt), 0);
    return NULL;
}

static void *block_and_look(void *rt)
{
    CHECK_EQ(pawl_block(wait_and_look, rt, NULL), 0);
    return NULL;
}

Test(manual_tasks, in_a_blocking_call_hold_auto_advance_up)
{
    struct pawl_runtime *rt = start_manual(2);
    cr_assert_eq(pawl_clock_auto_advance(rt, true), 0);
    struct pawl_task *blocking = spawn(rt, block_and_look, rt);
    while ((uint32_t)pawl_runtime_wait_idle(rt, in_ns(PAWL_MS(1))) != (uint32_t)-ETIMEDOUT) {
    }
    struct pawl_task *sleeper = spawn(rt, sleep_until_noon, NULL);
    spin_until(in_ns(PAWL_MS(5)));
    event_set(&blocking_over);
    join(blocking);
    join(sleeper);
    cr_assert_eq(pawl_now(rt), 12 * HOUR_NS);
    finish(rt);
}

static void *advance_for_ever(void *rt)
{
    int error;
    while ((error = pawl_clock_advance(rt, PAWL_MS(1))) == 0) {
    }
    CHECK_EQ(error, -ESHUTDOWN);
    return NULL;
}

Test(manual_tasks, and_threads_that_advance_at_shutdown_are_told)
{
    for (int i = 0; i < 20; i++) {
        struct pawl_runtime *rt = start_manual(2);
        pawl_detach(spawn(rt, doze, NULL));
        pawl_detach(spawn(rt, advance_for_ever, rt));
        pthread_t thread = thread_start(advance_for_ever, rt);
        while (pawl_now(rt) < PAWL_MS(20))
            pawl_yield();
        cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
        thread_join(thread);
        finish(rt);
    }
}
