/* Joining, detaching, references, and handles that outlive their runtime. */
#include <stdlib.h>

#include "harness.h"

/* ---- results and handles ---- */

static void *join_child(void *arg)
{
    struct pawl_task *task = spawn(NULL, return_arg, arg);
    return join(task);
}

Test(join, gives_the_result_to_threads_and_tasks)
{
    int value;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(join(spawn(rt, return_arg, &value)), &value);
    cr_assert_eq(join(spawn(rt, join_child, &value)), &value);
    cr_assert_eq(pawl_join(spawn(rt, return_arg, &value), NULL), 0);
    finish(rt);
}

Test(join, refuses_null)
{
    void *result = NULL;
    cr_assert_eq(pawl_join(NULL, &result), -EINVAL);
    cr_assert_eq(pawl_join_until(NULL, 0, &result), -EINVAL);
    cr_assert_null(pawl_task_ref(NULL));
    pawl_detach(NULL);
}

static void *join_itself(void *arg)
{
    void *result = arg;
    struct pawl_task *self = pawl_self();
    CHECK_EQ(pawl_join(self, &result), -EDEADLK);
    CHECK_EQ(pawl_join_until(self, 0, &result), -EDEADLK);
    CHECK_EQ(pawl_join_until(self, PAWL_NEVER, &result), -EDEADLK);
    CHECK(result == arg);
    return arg;
}

Test(join, of_itself_is_a_deadlock)
{
    int value;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(join(spawn(rt, join_itself, &value)), &value);
    finish(rt);
}

Test(join, gives_the_result_to_each_handle)
{
    int value;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, return_arg, &value), *more[3];
    for (size_t i = 0; i < COUNT_OF(more); i++)
        cr_assert_eq(more[i] = pawl_task_ref(task), task);
    cr_assert_eq(join(task), &value);
    pawl_detach(more[0]);
    cr_assert_eq(join(more[1]), &value);
    cr_assert_eq(join(more[2]), &value);
    finish(rt);
}

struct joiner {
    struct pawl_task *task;
    void *expected;
};

static void *join_as_told(void *arg)
{
    const struct joiner *joiner = arg;
    CHECK(join(joiner->task) == joiner->expected);
    return NULL;
}

static struct event begun;

static void *begin_and_wait(void *end)
{
    event_set(&begun);
    return wait_for_event(end);
}

Test(join, wakes_all_who_wait)
{
    static struct event end;
    struct pawl_runtime *rt = start(2);
    struct joiner joiner = {spawn(rt, begin_and_wait, &end), &end};
    struct pawl_task *tasks[5];
    pthread_t threads[3];
    event_wait(&begun);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        pawl_task_ref(joiner.task);
        tasks[i] = spawn(rt, join_as_told, &joiner);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        pawl_task_ref(joiner.task);
        threads[i] = thread_start(join_as_told, &joiner);
    }
    event_set(&end);
    cr_assert_eq(join(joiner.task), &end);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        join(tasks[i]);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(threads[i]);
    finish(rt);
}

Test(join, of_one_task_by_another_in_a_chain)
{
    enum { LENGTH = 500 };
    static struct event end;
    static struct joiner joiners[LENGTH];
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, wait_for_event, &end);
    for (size_t i = 0; i < LENGTH; i++) {
        joiners[i] = (struct joiner){task, i == 0 ? (void *)&end : NULL};
        task = spawn(rt, join_as_told, &joiners[i]);
    }
    event_set(&end);
    join(task);
    finish(rt);
}

Test(join, sees_what_the_task_wrote)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 2000; i++) {
        int value = 0; /* plain: ThreadSanitizer looks on */
        struct joiner joiner = {spawn(rt, return_arg, &value), &value};
        join(spawn(rt, join_as_told, &joiner));
        value++;
        cr_assert_eq(value, 1);
    }
    finish(rt);
}

static void *join_in_blocking_function(void *arg)
{
    CHECK_EQ(pawl_block(join_as_told, arg, NULL), 0);
    return NULL;
}

Test(join, works_in_blocking_functions)
{
    static struct event end;
    struct pawl_runtime *rt = start(2);
    struct joiner joiner = {spawn(rt, wait_for_event, &end), &end};
    struct pawl_task *task = spawn(rt, join_in_blocking_function, &joiner);
    event_set(&end);
    join(task);
    finish(rt);
}

/* ---- deadlines ---- */

Test(join_until, times_out_and_keeps_the_handle)
{
    static struct event end;
    void *result = NULL;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, wait_for_event, &end);
    cr_assert_eq(pawl_join_until(task, 0, &result), -ETIMEDOUT);
    uint64_t deadline_ns = in_ns(PAWL_MS(3));
    cr_assert_eq(pawl_join_until(task, deadline_ns, &result), -ETIMEDOUT);
    cr_assert_geq(pawl_now(NULL), deadline_ns);
    cr_assert_null(result);
    event_set(&end);
    cr_assert_eq(pawl_join_until(task, in_ns(PATIENCE_NS), &result), 0);
    cr_assert_eq(result, &end);
    finish(rt);
}

static void *time_out_on(void *task)
{
    void *result = NULL;
    uint64_t deadline_ns = in_ns(PAWL_MS(3));
    CHECK_EQ(pawl_join_until(task, 0, &result), -ETIMEDOUT);
    CHECK_EQ(pawl_join_until(task, deadline_ns, &result), -ETIMEDOUT);
    CHECK(pawl_now(NULL) >= deadline_ns);
    CHECK(result == NULL);
    return NULL;
}

Test(join_until, times_out_in_a_task_too)
{
    static struct event end;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, wait_for_event, &end);
    join(spawn(rt, time_out_on, task));
    event_set(&end);
    cr_assert_eq(join(task), &end);
    finish(rt);
}

Test(join_until, takes_what_is_there_whatever_the_deadline)
{
    int value;
    void *result = NULL;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, return_arg, &value);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_join_until(task, 0, &result), 0);
    cr_assert_eq(result, &value);
    finish(rt);
}

static void *race_to_join(void *task)
{
    void *result = NULL;
    int error = pawl_join_until(task, in_ns(PAWL_US(50)), &result);
    CHECK(error == 0 || error == -ETIMEDOUT);
    if (error != 0)
        error = pawl_join(task, &result);
    CHECK_EQ(error, 0);
    CHECK(result == task);
    return NULL;
}

static void *end_about_then(void *arg)
{
    (void)arg;
    pawl_sleep(PAWL_US(50));
    return pawl_self();
}

Test(join_until, either_times_out_or_takes_the_handle)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 2000; i++)
        join(spawn(rt, race_to_join, spawn(rt, end_about_then, NULL)));
    finish(rt);
}

/* ---- detaching ---- */

static void *count(void *counter)
{
    fetch_add_acq_rel_u32((PAWL_ATOMIC(uint32_t) *)counter, 1);
    return NULL;
}

Test(detach, lets_the_task_go_on)
{
    static PAWL_ATOMIC(uint32_t) counter;
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 1000; i++)
        pawl_detach(spawn(rt, count, (void *)&counter));
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(load_acquire_u32(&counter), 1000);
    finish(rt);
}

static void *detach_itself(void *arg)
{
    struct joiner *joiner = arg;
    pawl_detach(joiner->task);
    CHECK_EQ(pawl_sleep(PAWL_US(10)), 0);
    return NULL;
}

Test(detach, of_itself_leaves_the_task_alive)
{
    static struct joiner joiner;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_spawn(rt, detach_itself, &joiner, &joiner.task), 0);
    cr_assert_eq(pawl_runtime_shutdown(rt, PATIENCE_NS), 0);
    finish(rt);
}

/* ---- after the runtime ---- */

Test(handles, may_be_joined_and_detached_after_shutdown)
{
    int value;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, return_arg, &value), *ref = pawl_task_ref(task);
    cr_assert_eq(pawl_runtime_shutdown(rt, PATIENCE_NS), 0);
    cr_assert_eq(join(task), &value);
    pawl_detach(ref);
    finish(rt);
}

Test(handles, may_be_joined_and_detached_after_destroy)
{
    int value;
    struct pawl_task *tasks[300], *sleeper;
    struct pawl_runtime *rt = start(2), *other = start(1);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, return_arg, &value);
    sleeper = spawn(rt, sleep_for_ever, NULL);
    cr_assert_eq(pawl_runtime_shutdown(rt, PAWL_MS(100)), 0);
    finish(rt);
    cr_assert_eq((intptr_t)join(sleeper), -ESHUTDOWN);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        cr_assert_eq(pawl_task_cancel(tasks[i]), -EALREADY);
        cr_assert_eq(pawl_task_ref(tasks[i]), tasks[i]);
        pawl_detach(tasks[i]);
        if (i % 3 == 0) {
            pawl_detach(tasks[i]);
        } else if (i % 3 == 1) {
            cr_assert_eq(join(tasks[i]), &value);
        } else {
            struct joiner joiner = {tasks[i], &value};
            run(other, join_as_told, &joiner);
        }
    }
    expect_no_failure();
    finish(other);
}

static void *destroy(void *rt)
{
    CHECK_EQ(pawl_runtime_destroy(rt), 0);
    return NULL;
}

Test(handles, may_be_joined_while_the_runtime_is_destroyed)
{
    for (int i = 0; i < 300; i++) {
        struct pawl_runtime *rt = start(1);
        struct pawl_task *sleeper = spawn(rt, sleep_for_ever, NULL);
        pthread_t thread = thread_start(destroy, rt);
        cr_assert_eq((intptr_t)join(sleeper), -ESHUTDOWN);
        thread_join(thread);
        expect_no_failure();
    }
}

/* ---- from timer callbacks ---- */

static struct event called;

static void join_in_callback(struct pawl_timer *timer, void *task, int status)
{
    void *result = timer;
    (void)status;
    CHECK_EQ(pawl_join(task, &result), -EDEADLK);
    CHECK_EQ(pawl_join_until(task, 0, &result), -EDEADLK);
    CHECK(result == timer);
    event_set(&called);
}

Test(join, in_a_timer_callback_is_a_deadlock_even_if_the_task_has_finished)
{
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, return_arg, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    pawl_timer_init(&timer, join_in_callback, task);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    event_wait(&called);
    join(task);
    finish(rt);
}
