/* Several runtimes in one process, waiting for rest, and memory from the creator's allocator. */
#include "harness.h"

/* ---- several ---- */

static void *spawn_and_join_in(void *other)
{
    int value;
    struct pawl_task *task = NULL;
    CHECK_EQ(pawl_spawn(other, return_arg, &value, &task), 0);
    CHECK(join(task) == &value);
    CHECK(pawl_current() != other);
    return NULL;
}

Test(runtimes, tasks_join_tasks_of_another_runtime)
{
    struct pawl_runtime *rt = start(2), *other = start(2);
    for (int i = 0; i < 100; i++)
        run(rt, spawn_and_join_in, other);
    finish(other);
    finish(rt);
}

static void *cancel_and_join(void *task)
{
    CHECK_EQ(pawl_task_cancel(task), 0);
    CHECK_EQ((intptr_t)join(task), -ECANCELED);
    return NULL;
}

Test(runtimes, a_task_cancels_one_of_another_runtime)
{
    struct pawl_runtime *rt = start(1), *other = start(1);
    run(rt, cancel_and_join, spawn(other, sleep_for_ever, NULL));
    finish(rt);
    finish(other);
}

static void *current_runtime(void *arg)
{
    (void)arg;
    struct pawl_task *task = spawn(NULL, return_arg, pawl_current());
    CHECK(join(task) == pawl_current());
    return pawl_current();
}

Test(runtimes, null_means_the_runtime_of_the_caller)
{
    struct pawl_runtime *rt = start(1), *other = start(1);
    void *result = NULL;
    cr_assert_eq(pawl_runtime_run(rt, current_runtime, NULL, &result), 0);
    cr_assert_eq(result, rt);
    cr_assert_eq(pawl_runtime_run(other, current_runtime, NULL, &result), 0);
    cr_assert_eq(result, other);
    finish(rt);
    finish(other);
}

static void *destroy_other(void *other)
{
    return pointer_of(pawl_runtime_destroy(other));
}

Test(runtimes, a_task_may_destroy_another_runtime)
{
    struct pawl_runtime *rt = start(1), *other = start(1);
    void *result = NULL;
    run(other, return_arg, NULL);
    cr_assert_eq(pawl_runtime_run(rt, destroy_other, other, &result), 0);
    cr_assert_eq((intptr_t)result, 0);
    finish(rt);
}

Test(runtimes, come_and_go_beside_each_other)
{
    struct pawl_runtime *rts[8];
    for (size_t i = 0; i < COUNT_OF(rts); i++)
        rts[i] = start(1 + (int)(i % 3));
    for (size_t i = 0; i < COUNT_OF(rts); i++)
        run(rts[i], spawn_and_join_in, rts[(i + 3) % COUNT_OF(rts)]);
    for (size_t i = 1; i < COUNT_OF(rts); i += 2)
        finish(rts[i]);
    for (size_t i = 0; i < COUNT_OF(rts); i += 2) {
        run(rts[i], current_runtime, NULL);
        finish(rts[i]);
    }
}

/* ---- waiting for rest ---- */

Test(wait_idle, returns_at_once_when_nothing_was_ever_done)
{
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_runtime_wait_idle(rt, 0), 0);
    finish(rt);
}

Test(wait_idle, waits_for_a_running_task)
{
    static struct event end;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, wait_for_event, &end);
    cr_assert_eq(pawl_runtime_wait_idle(rt, 0), -ETIMEDOUT);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PAWL_MS(5))), -ETIMEDOUT);
    event_set(&end);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_join_until(task, 0, NULL), 0);
    finish(rt);
}

static struct event blocked;

static void *block_until(void *arg)
{
    event_set(&blocked);
    return wait_for_event(arg);
}

static void *call_block(void *arg)
{
    CHECK_EQ(pawl_block(block_until, arg, NULL), 0);
    return NULL;
}

Test(wait_idle, waits_for_a_blocking_call)
{
    static struct event end;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, call_block, &end);
    event_wait(&blocked);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PAWL_MS(20))), -ETIMEDOUT);
    event_set(&end);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_join_until(task, 0, NULL), 0);
    finish(rt);
}

Test(wait_idle, does_not_wait_for_tasks_that_sleep)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, sleep_for_ever, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq((intptr_t)join(task), -ECANCELED);
    finish(rt);
}

static PAWL_ATOMIC(uint32_t) tasks_run;

static void *count_run(void *arg)
{
    fetch_add_acq_rel_u32(&tasks_run, 1);
    return arg;
}

static void expect_rest_after_spawn(int worker)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task_options o;
    pawl_task_options_init(&o);
    o.worker = worker;
    for (uint32_t i = 1; i <= 3000; i++) {
        cr_assert_eq(pawl_spawn_with(rt, &o, count_run, NULL, NULL), 0);
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
        cr_assert_eq(load_acquire_u32(&tasks_run), i, "idle, but a spawned task has not run");
    }
    finish(rt);
}

Test(wait_idle, is_not_over_before_what_was_spawned_has_run)
{
    expect_rest_after_spawn(-1);
}

Test(wait_idle, is_not_over_before_what_was_spawned_on_one_worker_has_run)
{
    expect_rest_after_spawn(1);
}

Test(wait_idle, finds_a_stopped_runtime_at_rest)
{
    for (int i = 0; i < 200; i++) {
        struct pawl_runtime *rt = start(2);
        cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PAWL_MS(100))), 0);
        finish(rt);
    }
}

static void *wait_for_rest(void *rt)
{
    CHECK_EQ(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    return NULL;
}

Test(wait_idle, may_be_called_by_several_threads)
{
    static struct event end;
    pthread_t threads[3];
    struct pawl_runtime *rt = start(2);
    pawl_detach(spawn(rt, wait_for_event, &end));
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = thread_start(wait_for_rest, rt);
    event_set(&end);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(threads[i]);
    finish(rt);
}

/* ---- memory ---- */

static void note_status(void *arg, int status)
{
    (void)arg, (void)status;
}

static void use_much(struct pawl_runtime *rt)
{
    for (int i = 0; i < 100; i++)
        pawl_detach(spawn(rt, return_arg, NULL));
    cr_assert_eq(pawl_after(rt, HOUR_NS, note_status, NULL, NULL), 0);
    run(rt, current_runtime, NULL);
}

Test(memory, comes_from_the_allocator_and_goes_back)
{
    static struct counting_allocator allocator;
    struct pawl_options o;
    counting_options(&allocator, &o);
    for (int i = 0; i < 3; i++) {
        struct pawl_runtime *rt = start_with(&o);
        cr_assert_gt(load_acquire_u64(&allocator.live), 0);
        use_much(rt);
        finish(rt);
        cr_assert_eq(load_acquire_u64(&allocator.live), 0);
        cr_assert_eq(load_acquire_u64(&allocator.live_bytes), 0);
    }
}

Test(memory, outlives_the_runtime_as_long_as_a_handle_does)
{
    static struct counting_allocator allocator;
    struct pawl_options o;
    counting_options(&allocator, &o);
    struct pawl_runtime *rt = start_with(&o);
    struct pawl_task *task = spawn(rt, return_arg, &allocator);
    cr_assert_eq(pawl_runtime_shutdown(rt, PATIENCE_NS), 0);
    finish(rt);
    cr_assert_gt(load_acquire_u64(&allocator.live), 0);
    cr_assert_eq(join(task), &allocator);
    cr_assert_eq(load_acquire_u64(&allocator.live), 0);
    cr_assert_eq(load_acquire_u64(&allocator.live_bytes), 0);
    expect_no_failure();
}

/* Every call in turn fails, once alone and once with all that follow. */
static void expect_create_survives_failures(uint64_t fail_count)
{
    static struct counting_allocator allocator;
    int error = -ENOMEM;
    uint64_t failed = 0;
    for (uint64_t nth = 1; error != 0; nth++) {
        struct pawl_options o;
        struct pawl_runtime *untouched = (struct pawl_runtime *)(void *)&o, *rt = untouched;
        counting_options(&allocator, &o);
        store_release_u64(&allocator.allocations, 0);
        store_release_u64(&allocator.fail_from, nth);
        store_release_u64(&allocator.fail_count, fail_count);
        error = pawl_runtime_create(&rt, &o);
        if (error == 0) {
            finish(rt);
        } else {
            failed++;
            cr_assert_eq(error, -ENOMEM, "create said %d at allocation %d", error, (int)nth);
            cr_assert_eq(rt, untouched);
        }
        cr_assert_eq(load_acquire_u64(&allocator.live), 0, "a leak after allocation %d failed", (int)nth);
        cr_assert_leq(nth, 1000);
    }
    cr_assert_gt(failed, 5);
    expect_no_failure();
}

Test(memory, create_undoes_what_it_did_when_one_allocation_fails)
{
    expect_create_survives_failures(1);
}

Test(memory, create_undoes_what_it_did_when_memory_runs_out)
{
    expect_create_survives_failures(UINT64_MAX);
}

static void *sleep_long(void *arg)
{
    pawl_sleep(HOUR_NS);
    return arg;
}

Test(memory, that_runs_out_is_said_and_loses_nothing)
{
    static struct counting_allocator allocator;
    struct pawl_options o;
    struct pawl_task_options to;
    struct pawl_task *task = NULL;
    int error = 0, spawned = 0;
    counting_options(&allocator, &o);
    struct pawl_runtime *rt = start_with(&o);
    store_release_u64(&allocator.fail_count, UINT64_MAX);
    store_release_u64(&allocator.fail_from, 1);
    while (spawned < 100000 && (error = pawl_spawn(rt, sleep_long, NULL, NULL)) == 0)
        spawned++;
    cr_assert_eq(error, -ENOMEM);
    cr_assert_eq(pawl_spawn(rt, return_arg, NULL, &task), -ENOMEM);
    cr_assert_null(task);
    pawl_task_options_init(&to);
    to.stack_size = (size_t)64 * 1024;
    cr_assert_eq(pawl_spawn_with(rt, &to, return_arg, NULL, NULL), -ENOMEM);
    cr_assert_eq(pawl_after(rt, 0, note_status, NULL, NULL), -ENOMEM);
    store_release_u64(&allocator.fail_from, 0);
    cr_assert_eq(pawl_spawn(rt, return_arg, &allocator, &task), 0);
    cr_assert_eq(join(task), &allocator);
    cr_assert_eq(pawl_spawn_with(rt, &to, return_arg, &to, &task), 0);
    cr_assert_eq(join(task), &to);
    struct pawl_metrics total;
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_metrics_total(rt, &total, sizeof total), 0);
    cr_assert_eq(total.tasks_spawned, (uint64_t)spawned + 2);
    cr_assert_eq(total.tasks_finished, 2);
    finish(rt);
    cr_assert_eq(load_acquire_u64(&allocator.live), 0);
}
