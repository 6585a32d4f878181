/* Counters: they add up, each thing is counted once, and only where it belongs. */
#include <string.h>

#include "harness.h"

enum { COUNTERS = sizeof(struct pawl_metrics) / sizeof(uint64_t) };

static struct pawl_metrics total_of(struct pawl_runtime *rt)
{
    struct pawl_metrics total;
    cr_assert_eq(pawl_metrics_total(rt, &total, sizeof total), 0);
    return total;
}

static struct pawl_metrics worker_of(struct pawl_runtime *rt, int worker)
{
    struct pawl_metrics metrics;
    cr_assert_eq(pawl_metrics_worker(rt, worker, &metrics, sizeof metrics), 0);
    return metrics;
}

static void wait_idle(struct pawl_runtime *rt)
{
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
}

Test(metrics, refuse_what_is_not_there)
{
    struct pawl_metrics metrics[2];
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_metrics_total(NULL, metrics, sizeof *metrics), -EINVAL);
    cr_assert_eq(pawl_metrics_total(rt, NULL, sizeof *metrics), -EINVAL);
    cr_assert_eq(pawl_metrics_total(rt, metrics, sizeof *metrics + 1), -EINVAL);
    cr_assert_eq(pawl_metrics_total(rt, metrics, sizeof metrics), -EINVAL);
    cr_assert_eq(pawl_metrics_worker(NULL, 0, metrics, sizeof *metrics), -EINVAL);
    cr_assert_eq(pawl_metrics_worker(rt, 0, NULL, sizeof *metrics), -EINVAL);
    cr_assert_eq(pawl_metrics_worker(rt, 0, metrics, SIZE_MAX), -EINVAL);
    cr_assert_eq(pawl_metrics_worker(rt, -2, metrics, sizeof *metrics), -EINVAL);
    cr_assert_eq(pawl_metrics_worker(rt, 2, metrics, sizeof *metrics), -EINVAL);
    cr_assert_eq(pawl_metrics_worker(rt, -1, metrics, sizeof *metrics), 0);
    cr_assert_eq(pawl_metrics_worker(rt, 1, metrics, sizeof *metrics), 0);
    finish(rt);
}

Test(metrics, are_given_to_callers_that_know_fewer)
{
    struct pawl_metrics metrics;
    size_t size = offsetof(struct pawl_metrics, tasks_stolen);
    struct pawl_runtime *rt = start(1);
    run(rt, return_arg, NULL);
    memset(&metrics, 0xff, sizeof metrics);
    cr_assert_eq(pawl_metrics_total(rt, &metrics, size), 0);
    cr_assert_eq(metrics.tasks_spawned, 1);
    cr_assert_eq(metrics.tasks_stolen, UINT64_MAX);
    memset(&metrics, 0xff, sizeof metrics);
    cr_assert_eq(pawl_metrics_worker(rt, -1, &metrics, size), 0);
    cr_assert_eq(metrics.tasks_spawned, 1);
    cr_assert_eq(metrics.tasks_stolen, UINT64_MAX);
    finish(rt);
}

static void *spawn_some(void *arg)
{
    for (int i = 0; i < 300; i++) {
        pawl_detach(spawn(NULL, return_arg, NULL));
        if (i % 10 == 0)
            CHECK_EQ(pawl_sleep(PAWL_US(10)), 0);
    }
    return arg;
}

static void do_a_bit_of_everything(struct pawl_runtime *rt)
{
    struct pawl_task *tasks[4];
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, spawn_some, NULL);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        join(tasks[i]);
    wait_idle(rt);
}

Test(metrics, total_is_the_sum_of_all)
{
    uint64_t sum[COUNTERS] = {0}, total[COUNTERS];
    struct pawl_runtime *rt = start(3);
    do_a_bit_of_everything(rt);
    for (int worker = -1; worker < 3; worker++) {
        uint64_t one[COUNTERS];
        struct pawl_metrics metrics = worker_of(rt, worker);
        memcpy(one, &metrics, sizeof one);
        for (size_t i = 0; i < COUNTERS; i++)
            sum[i] += one[i];
    }
    struct pawl_metrics metrics = total_of(rt);
    memcpy(total, &metrics, sizeof total);
    for (size_t i = 0; i < COUNTERS; i++)
        cr_assert_eq(sum[i], total[i], "counter %zu", i);
    finish(rt);
}

Test(metrics, count_each_task_once)
{
    struct pawl_runtime *rt = start(2);
    do_a_bit_of_everything(rt);
    struct pawl_metrics total = total_of(rt), outside = worker_of(rt, -1);
    cr_assert_eq(total.tasks_spawned, 4 + 4 * 300);
    cr_assert_eq(total.tasks_finished, total.tasks_spawned);
    cr_assert_eq(outside.tasks_spawned, 4);
    cr_assert_geq(total.task_runs, total.tasks_spawned);
    cr_assert_geq(total.tasks_injected, 4);
    finish(rt);
}

static void *run_so_often(void *arg)
{
    for (intptr_t i = 1; i < (intptr_t)arg; i++)
        CHECK_EQ(pawl_yield(), 0);
    return NULL;
}

Test(metrics, count_each_run_of_a_task)
{
    struct pawl_runtime *rt = start(2);
    run(rt, run_so_often, pointer_of(1));
    cr_assert_eq(total_of(rt).task_runs, 1);
    run(rt, run_so_often, pointer_of(57));
    cr_assert_eq(total_of(rt).task_runs, 58);
    finish(rt);
}

static PAWL_ATOMIC(uint32_t) fired;

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    fetch_add_acq_rel_u32(&fired, 1);
}

enum { TIMERS = 100 };

static struct pawl_timer timers[TIMERS];

static void *use_timers(void *rt)
{
    for (size_t i = 0; i < TIMERS; i++) {
        pawl_timer_init(&timers[i], on_fire, NULL);
        CHECK_EQ(pawl_timer_arm(rt, &timers[i], in_ns(HOUR_NS)), 0);
        CHECK_EQ(pawl_timer_arm(rt, &timers[i], in_ns(HOUR_NS)), -EBUSY);
    }
    for (size_t i = 0; i < TIMERS / 2; i++) {
        CHECK_EQ(pawl_timer_cancel(&timers[i]), 0);
        CHECK_EQ(pawl_timer_cancel(&timers[i]), -EALREADY);
        CHECK_EQ(pawl_timer_reset(&timers[i], 0), -EALREADY);
    }
    for (size_t i = TIMERS / 2; i < TIMERS; i++) {
        CHECK_EQ(pawl_timer_reset(&timers[i], in_ns(2 * HOUR_NS)), 0); /* later: without the lock */
        if (i % 2 == 0)
            CHECK_EQ(pawl_timer_reset(&timers[i], 0), 0); /* earlier */
    }
    return NULL;
}

static void expect_timers_counted(const struct pawl_metrics *metrics, uint64_t rounds, uint64_t fired_so_far)
{
    cr_assert_eq(metrics->timers_armed, rounds * TIMERS);
    cr_assert_eq(metrics->timers_cancelled, rounds * TIMERS / 2);
    cr_assert_eq(metrics->timers_reset, rounds * TIMERS * 3 / 4);
    cr_assert_eq(metrics->timers_fired, fired_so_far);
}

Test(metrics, count_timers_of_outsiders)
{
    struct pawl_runtime *rt = start(2);
    use_timers(rt);
    count_wait(&fired, TIMERS / 4);
    wait_idle(rt);
    struct pawl_metrics total = total_of(rt), outside = worker_of(rt, -1);
    expect_timers_counted(&outside, 1, TIMERS / 4);
    expect_timers_counted(&total, 1, TIMERS / 4);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    total = total_of(rt);
    expect_timers_counted(&total, 1, TIMERS / 2);
    finish(rt);
}

Test(metrics, count_timers_of_tasks)
{
    struct pawl_runtime *rt = start(2);
    run(rt, use_timers, NULL);
    count_wait(&fired, TIMERS / 4);
    wait_idle(rt);
    struct pawl_metrics total = total_of(rt), outside = worker_of(rt, -1);
    expect_timers_counted(&outside, 0, 0);
    expect_timers_counted(&total, 1, TIMERS / 4);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    total = total_of(rt);
    expect_timers_counted(&total, 1, TIMERS / 2);
    cr_assert_eq(total.timers_armed, total.timers_cancelled + total.timers_fired);
    finish(rt);
}

static uint64_t sum_of_lateness(const struct pawl_metrics *metrics)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT_OF(metrics->timers_late); i++)
        sum += metrics->timers_late[i];
    return sum;
}

Test(metrics, tell_how_late_each_timer_fired)
{
    struct pawl_runtime *rt = start(2);
    run(rt, use_timers, NULL); /* which resets some to long ago, and leaves others */
    count_wait(&fired, TIMERS / 4);
    wait_idle(rt);
    struct pawl_metrics total = total_of(rt);
    cr_assert_eq(sum_of_lateness(&total), TIMERS / 4);
    cr_assert_eq(total.timers_late[0], 0, "the first tick is long past");
    cr_assert_eq(total.timers_late[PAWL_LATENESS_CLASSES - 1], TIMERS / 4);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    total = total_of(rt);
    cr_assert_eq(sum_of_lateness(&total), TIMERS / 4, "what shutdown completes is not late");
    finish(rt);
}

static void *cancel_others(void *arg)
{
    for (size_t i = 0; i < TIMERS; i++)
        CHECK_EQ(pawl_timer_cancel(&timers[i]), 0);
    return arg;
}

static void *arm_others(void *arg)
{
    for (size_t i = 0; i < TIMERS; i++) {
        pawl_timer_init(&timers[i], on_fire, NULL);
        CHECK_EQ(pawl_timer_arm(NULL, &timers[i], in_ns(HOUR_NS)), 0);
    }
    return arg;
}

static void run_on(struct pawl_runtime *rt, int worker, pawl_task_fn *fn)
{
    struct pawl_task_options o;
    struct pawl_task *task;
    pawl_task_options_init(&o);
    o.worker = worker;
    cr_assert_eq(pawl_spawn_with(rt, &o, fn, NULL, &task), 0);
    join(task);
}

Test(metrics, count_operations_on_the_timers_of_others)
{
    struct pawl_runtime *rt = start(2);
    run_on(rt, 0, arm_others);
    run_on(rt, 0, cancel_others);
    cr_assert_eq(total_of(rt).timers_remote, 0);
    run_on(rt, 0, arm_others);
    run_on(rt, 1, cancel_others);
    cr_assert_eq(worker_of(rt, 1).timers_remote, TIMERS);
    cr_assert_eq(total_of(rt).timers_remote, TIMERS);
    finish(rt);
}

Test(metrics, count_wakes_of_the_sleeping_driver)
{
    struct pawl_timer timer;
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&timer, on_fire, NULL);
    uint64_t wakes;
    do { /* until the driver was asleep */
        wait_idle(rt);
        wakes = worker_of(rt, -1).driver_wakes;
        cr_assert_eq(pawl_timer_arm(rt, &timer, in_ns(HOUR_NS)), 0);
        cr_assert_eq(pawl_timer_cancel(&timer), 0);
    } while (wakes == worker_of(rt, -1).driver_wakes);
    finish(rt);
}

static void *overflow_own_queue(void *arg)
{
    /* nobody else takes any: the only worker is this one */
    for (int i = 0; i < 2000; i++)
        pawl_detach(spawn(NULL, return_arg, NULL));
    return arg;
}

Test(metrics, count_what_overflows_and_comes_back)
{
    struct pawl_runtime *rt = start(1);
    run(rt, overflow_own_queue, NULL);
    wait_idle(rt);
    struct pawl_metrics total = total_of(rt);
    cr_assert_gt(total.tasks_overflowed, 0);
    cr_assert_eq(total.tasks_injected, total.tasks_overflowed + 1);
    cr_assert_eq(total.tasks_stolen, 0);
    finish(rt);
}

static struct event stolen;

static void *set_stolen(void *arg)
{
    event_set(&stolen);
    return arg;
}

static void *spawn_then_compute(void *arg)
{
    pawl_detach(spawn(NULL, set_stolen, NULL));
    pawl_detach(spawn(NULL, return_arg, NULL));
    event_wait(&stolen);
    return arg;
}

Test(metrics, count_what_is_stolen_and_who_is_woken)
{
    struct pawl_runtime *rt = start(2);
    wait_idle(rt);
    struct pawl_metrics before = total_of(rt);
    run(rt, spawn_then_compute, NULL);
    wait_idle(rt);
    struct pawl_metrics after = total_of(rt);
    cr_assert_gt(after.tasks_stolen, before.tasks_stolen);
    cr_assert_gt(after.unparks, before.unparks);
    cr_assert_gt(after.parks, before.parks);
    finish(rt);
}

Test(metrics, only_grow)
{
    uint64_t before[COUNTERS] = {0};
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, spawn_some, NULL);
    while (pawl_join_until(task, in_ns(PAWL_US(50)), NULL) == -ETIMEDOUT) {
        uint64_t now[COUNTERS];
        struct pawl_metrics metrics = total_of(rt);
        memcpy(now, &metrics, sizeof now);
        for (size_t i = 0; i < COUNTERS; i++)
            cr_assert_geq(now[i], before[i], "counter %zu", i);
        memcpy(before, now, sizeof now);
    }
    finish(rt);
}
