/* The three phases of shutdown, as tasks, timers and outsiders see them. */
#include <string.h>

#include "harness.h"

/* ---- stopped ---- */

Test(shutdown, of_a_stopped_runtime_is_done)
{
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(pawl_runtime_shutdown(rt, PAWL_NEVER), 0);
    finish(rt);
}

static void note_status(void *arg, int status)
{
    (void)arg, (void)status;
}

Test(shutdown, leaves_a_runtime_that_takes_nothing)
{
    struct pawl_timer timer;
    uint64_t id = 0;
    struct pawl_task *task = NULL;
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&timer, NULL, NULL);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(pawl_spawn(rt, return_arg, NULL, &task), -ESHUTDOWN);
    cr_assert_eq(pawl_runtime_run(rt, return_arg, NULL, NULL), -ESHUTDOWN);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), -ESHUTDOWN);
    cr_assert_eq(pawl_timer_state(&timer), PAWL_TIMER_IDLE);
    cr_assert_eq(pawl_after(rt, 0, note_status, NULL, &id), -ESHUTDOWN);
    cr_assert_null(task);
    cr_assert_eq(id, 0);
    finish(rt);
}

static void *shut_down(void *rt)
{
    CHECK_EQ(pawl_runtime_shutdown(rt, PATIENCE_NS), 0);
    return NULL;
}

Test(shutdown, may_be_called_by_several_threads)
{
    static struct event end;
    pthread_t threads[3];
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, wait_for_event, &end);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = thread_start(shut_down, rt);
    event_set(&end);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(threads[i]);
    join(task);
    finish(rt);
}

/* ---- draining ---- */

struct drained {
    struct event begun, draining;
    struct pawl_timer timer;
    PAWL_ATOMIC(uint32_t) fired, called_back;
    struct pawl_runtime *rt;
};

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    struct drained *drained = arg;
    (void)timer;
    CHECK_EQ(status, 0);
    fetch_add_acq_rel_u32(&drained->fired, 1);
}

static void on_due(void *arg, int status)
{
    struct drained *drained = arg;
    CHECK_EQ(status, 0);
    fetch_add_acq_rel_u32(&drained->called_back, 1);
}

static void *spawn_in_blocking_function(void *arg)
{
    struct pawl_task *task = spawn(NULL, return_arg, arg);
    CHECK(join(task) == arg);
    return arg;
}

static void *go_on_while_draining(void *arg)
{
    struct drained *drained = arg;
    event_set(&drained->begun);
    event_wait(&drained->draining);
    CHECK(!pawl_cancelled());
    CHECK(join(spawn(NULL, return_arg, arg)) == arg);
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_block(spawn_in_blocking_function, arg, NULL), 0);
    CHECK_EQ(pawl_timer_arm(NULL, &drained->timer, 0), 0);
    CHECK_EQ(pawl_after(NULL, 0, on_due, drained, NULL), 0);
    while (load_acquire_u32(&drained->fired) == 0 || load_acquire_u32(&drained->called_back) == 0)
        CHECK_EQ(pawl_sleep(PAWL_US(100)), 0);
    return arg;
}

static void *shut_down_drained(void *arg)
{
    struct drained *drained = arg;
    CHECK_EQ(pawl_runtime_shutdown(drained->rt, PATIENCE_NS), 0);
    return NULL;
}

Test(draining, refuses_outsiders_and_lets_tasks_go_on)
{
    static struct drained drained;
    struct pawl_timer timer;
    struct pawl_task *task = NULL;
    drained.rt = start(2);
    pawl_timer_init(&timer, NULL, NULL);
    pawl_timer_init(&drained.timer, on_fire, &drained);
    struct pawl_task *inside = spawn(drained.rt, go_on_while_draining, &drained);
    event_wait(&drained.begun);
    pthread_t thread = thread_start(shut_down_drained, &drained);
    uint64_t give_up_ns = in_ns(PATIENCE_NS);
    int error;
    while ((error = pawl_spawn(drained.rt, return_arg, NULL, NULL)) == 0 && pawl_now(NULL) < give_up_ns)
        sched_yield();
    cr_assert_eq(error, -ESHUTDOWN);
    cr_assert_eq(pawl_spawn(drained.rt, return_arg, NULL, &task), -ESHUTDOWN);
    cr_assert_eq(pawl_timer_arm(drained.rt, &timer, 0), -ESHUTDOWN);
    cr_assert_eq(pawl_after(drained.rt, 0, note_status, NULL, NULL), -ESHUTDOWN);
    event_set(&drained.draining);
    cr_assert_eq(join(inside), &drained);
    thread_join(thread);
    cr_assert_eq(load_acquire_u32(&drained.fired), 1);
    cr_assert_eq(load_acquire_u32(&drained.called_back), 1);
    finish(drained.rt);
}

static void count_call(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    CHECK_EQ(status, -ESHUTDOWN);
    fetch_add_acq_rel_u32((PAWL_ATOMIC(uint32_t) *)arg, 1);
}

Test(draining, is_not_held_by_pending_timers)
{
    static PAWL_ATOMIC(uint32_t) calls;
    struct pawl_timer timer;
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&timer, count_call, (void *)&calls);
    cr_assert_eq(pawl_timer_arm(rt, &timer, in_ns(HOUR_NS)), 0);
    uint64_t before_ns = pawl_now(NULL);
    cr_assert_eq(pawl_runtime_shutdown(rt, HOUR_NS), 0);
    cr_assert_lt(pawl_now(NULL) - before_ns, PATIENCE_NS);
    cr_assert_eq(load_acquire_u32(&calls), 1);
    finish(rt);
}

static void *sleep_a_little(void *arg)
{
    for (int i = 0; i < 20; i++)
        CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    return arg;
}

Test(draining, waits_for_tasks_within_its_grace)
{
    struct pawl_task *tasks[20];
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, sleep_a_little, &tasks[i]);
    cr_assert_eq(pawl_runtime_shutdown(rt, PATIENCE_NS), 0);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        cr_assert_eq(join(tasks[i]), &tasks[i]);
    finish(rt);
}

Test(draining, ends_when_its_grace_is_over)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, sleep_for_ever, NULL);
    uint64_t before_ns = pawl_now(NULL);
    cr_assert_eq(pawl_runtime_shutdown(rt, PAWL_MS(30)), 0);
    cr_assert_geq(pawl_now(NULL) - before_ns, PAWL_MS(30));
    cr_assert_eq((intptr_t)join(task), -ESHUTDOWN);
    finish(rt);
}

/* ---- cancelling ---- */

static void *suspend_long(void *arg)
{
    (void)arg;
    return pointer_of(pawl_suspend_until(PAWL_NEVER));
}

static void *sleep_long(void *arg)
{
    (void)arg;
    return pointer_of(pawl_sleep(HOUR_NS));
}

static void *yield_on(void *arg)
{
    (void)arg;
    int error;
    while ((error = pawl_yield()) == 0) {
    }
    return pointer_of(error);
}

static void *join_on(void *task)
{
    return pointer_of(pawl_join(task, NULL));
}

Test(cancelling, wakes_a_task_from_each_suspending_call)
{
    struct pawl_runtime *rt = start(2), *other = start(1);
    struct pawl_task *never = spawn(other, suspend_long, NULL);
    struct pawl_task *tasks[] = {spawn(rt, suspend_long, NULL), spawn(rt, sleep_long, NULL),
                                 spawn(rt, sleep_for_ever, NULL), spawn(rt, yield_on, NULL), spawn(rt, join_on, never)};
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        cr_assert_eq((intptr_t)join(tasks[i]), -ESHUTDOWN, "task %zu", i);
    finish(rt);
    cr_assert_eq(pawl_task_cancel(never), 0);
    join(never);
    finish(other);
}

static void *wait_for_shutdown_then_try(void *arg)
{
    struct pawl_timer timer;
    struct pawl_task *child = NULL;
    uint64_t id = 0;
    void *result = arg;
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -ESHUTDOWN);
    CHECK(pawl_cancelled());
    CHECK_EQ(pawl_sleep(0), -ESHUTDOWN);
    CHECK_EQ(pawl_yield(), -ESHUTDOWN);
    CHECK_EQ(pawl_suspend_until(0), -ESHUTDOWN);
    CHECK_EQ(pawl_block(return_arg, NULL, &result), -ESHUTDOWN);
    CHECK(result == arg);
    CHECK_EQ(pawl_spawn(NULL, return_arg, NULL, &child), -ESHUTDOWN);
    CHECK(child == NULL);
    CHECK_EQ(pawl_after(NULL, 0, note_status, NULL, &id), -ESHUTDOWN);
    CHECK_EQ(id, 0);
    pawl_timer_init(&timer, NULL, NULL);
    CHECK_EQ(pawl_timer_arm(NULL, &timer, in_ns(HOUR_NS)), -ESHUTDOWN);
    pawl_timer_cancel_sync(&timer); /* in case it was armed all the same: it is on this stack */
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK_EQ(pawl_yield(), -ESHUTDOWN); /* which takes precedence */
    return arg;
}

Test(cancelling, refuses_everything_even_from_inside)
{
    for (int workers = 1; workers <= 2; workers++) {
        int value;
        struct pawl_runtime *rt = start(workers);
        struct pawl_task *task = spawn(rt, wait_for_shutdown_then_try, &value);
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
        cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
        cr_assert_eq(join(task), &value);
        finish(rt);
    }
}

static void *clean_up_shielded(void *arg)
{
    struct pawl_waker waker;
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -ESHUTDOWN);
    pawl_shield_begin();
    CHECK(!pawl_cancelled());
    for (int i = 0; i < 3; i++) {
        uint64_t until_ns = in_ns(PAWL_MS(3));
        CHECK_EQ(pawl_sleep_until(until_ns), 0);
        CHECK(pawl_now(NULL) >= until_ns);
    }
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_block(return_arg, NULL, NULL), 0);
    pawl_self_waker(&waker);
    pawl_waker_wake(&waker);
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), 0);
    pawl_waker_drop(&waker);
    pawl_shield_end();
    CHECK_EQ(pawl_sleep(0), -ESHUTDOWN);
    return arg;
}

Test(cancelling, lets_shielded_tasks_sleep)
{
    struct pawl_task *tasks[20];
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, clean_up_shielded, &tasks[i]);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        cr_assert_eq(join(tasks[i]), &tasks[i]);
    finish(rt);
}

static void *sleep_shielded(void *arg)
{
    pawl_shield_begin();
    uint64_t until_ns = in_ns(PAWL_MS(100));
    CHECK_EQ(pawl_sleep_until(until_ns), 0);
    CHECK(pawl_now(NULL) >= until_ns);
    pawl_shield_end();
    return arg;
}

Test(cancelling, does_not_shorten_a_shielded_sleep_in_progress)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, sleep_shielded, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    join(task);
    finish(rt);
}

static void *expect_shutdown(void *arg)
{
    CHECK(pawl_cancelled());
    CHECK_EQ(pawl_sleep(0), -ESHUTDOWN);
    fetch_add_acq_rel_u32((PAWL_ATOMIC(uint32_t) *)arg, 1);
    return NULL;
}

static void *begin_cancelling(void *arg)
{
    struct drained *drained = arg;
    /* the grace is over at once; the one worker is busy, so this times out with its tasks cancelled and queued */
    CHECK_EQ(pawl_runtime_shutdown(drained->rt, 0), -ETIMEDOUT);
    event_set(&drained->draining);
    return NULL;
}

Test(cancelling, runs_what_was_accepted_and_has_not_run_yet)
{
    enum { TASKS = 1000 };
    static struct drained drained;
    static PAWL_ATOMIC(uint32_t) ran;
    drained.rt = start(1);
    pawl_detach(spawn(drained.rt, wait_for_event, &drained.draining));
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(pawl_spawn(drained.rt, expect_shutdown, (void *)&ran, NULL), 0);
    begin_cancelling(&drained);
    cr_assert_eq(pawl_runtime_shutdown(drained.rt, PATIENCE_NS), 0);
    cr_assert_eq(load_acquire_u32(&ran), TASKS);
    finish(drained.rt);
}

/* ---- a task that never yields ---- */

Test(shutdown, times_out_on_a_task_that_never_yields_and_succeeds_when_it_does)
{
    static struct event end;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, wait_for_event, &end);
    uint64_t before_ns = pawl_now(NULL);
    cr_assert_eq(pawl_runtime_shutdown(rt, PAWL_MS(50)), -ETIMEDOUT);
    cr_assert_geq(pawl_now(NULL) - before_ns, PAWL_MS(1050), "the grace, and a second at least");
    cr_assert_eq(pawl_runtime_destroy(rt), -EBUSY);
    cr_assert_eq(pawl_runtime_workers(rt), 2, "nothing was freed");
    cr_assert_eq(pawl_join_until(task, 0, NULL), -ETIMEDOUT);
    event_set(&end);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(join(task), &end);
    finish(rt);
}

/* ---- timers ---- */

enum { CROWD = 3000 };

static struct pawl_timer timers[CROWD];
static PAWL_ATOMIC(uint32_t) calls[CROWD];

static void complete(struct pawl_timer *timer, void *arg, int status)
{
    struct pawl_timer other;
    CHECK_EQ(status, -ESHUTDOWN);
    CHECK_EQ(pawl_timer_state(timer), PAWL_TIMER_FIRING);
    CHECK_EQ(pawl_timer_arm(NULL, timer, 0), -ESHUTDOWN);
    CHECK_EQ(pawl_timer_reset(timer, 0), -EALREADY);
    CHECK_EQ(pawl_sleep(0), -EDEADLK);
    CHECK_EQ(pawl_spawn(NULL, return_arg, NULL, NULL), -ESHUTDOWN);
    pawl_timer_init(&other, NULL, NULL);
    CHECK_EQ(pawl_timer_arm(NULL, &other, PAWL_NEVER), -ESHUTDOWN);
    pawl_timer_cancel(&other);
    fetch_add_acq_rel_u32((PAWL_ATOMIC(uint32_t) *)arg, 1);
}

Test(shutdown, completes_each_pending_timer_once)
{
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < CROWD; i++) {
        pawl_timer_init(&timers[i], complete, (void *)&calls[i]);
        cr_assert_eq(pawl_timer_arm(rt, &timers[i], i % 5 == 0 ? PAWL_NEVER : in_ns(HOUR_NS + i * PAWL_SEC(1))), 0);
        if (i % 7 == 0)
            cr_assert_eq(pawl_timer_reset(&timers[i], in_ns(2 * HOUR_NS)), 0);
    }
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert_eq(load_acquire_u32(&calls[i]), 1);
        cr_assert_eq(pawl_timer_state(&timers[i]), PAWL_TIMER_SHUTDOWN);
        cr_assert_eq(pawl_timer_cancel(&timers[i]), -EALREADY);
    }
    finish(rt);
    cr_assert_eq(pawl_timer_state(&timers[0]), PAWL_TIMER_SHUTDOWN);
}

static void *arm_and_leave(void *arg)
{
    for (size_t i = (size_t)(uintptr_t)arg; i < CROWD; i += 2) {
        CHECK_EQ(pawl_timer_arm(NULL, &timers[i], in_ns(HOUR_NS + i)), 0);
        if (i % 64 < 2)
            CHECK_EQ(pawl_yield(), 0);
    }
    return NULL;
}

Test(shutdown, completes_the_timers_of_each_worker)
{
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < CROWD; i++)
        pawl_timer_init(&timers[i], complete, (void *)&calls[i]);
    for (int worker = 0; worker < 2; worker++) {
        struct pawl_task_options o;
        struct pawl_task *task;
        pawl_task_options_init(&o);
        o.worker = worker;
        cr_assert_eq(pawl_spawn_with(rt, &o, arm_and_leave, pointer_of(worker), &task), 0);
        join(task);
    }
    finish(rt);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(load_acquire_u32(&calls[i]), 1);
}
