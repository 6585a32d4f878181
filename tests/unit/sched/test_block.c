/* Blocking functions: results, the limit of threads, cancellation before and after the start. */
#define _GNU_SOURCE
#include <unistd.h>

#include "harness.h"

static struct pawl_runtime *start_with_threads(unsigned threads)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 1;
    o.blocking_threads_max = threads;
    return start_with(&o);
}

/* ---- results ---- */

struct call {
    pawl_task_fn *fn;
    void *arg;
    int error;
    void *result;
};

static void *call_block(void *arg)
{
    struct call *call = arg;
    call->error = pawl_block(call->fn, call->arg, &call->result);
    return NULL;
}

static void *thread_id(void *arg)
{
    (void)arg;
    return pointer_of((intptr_t)gettid());
}

static void *compare_threads(void *arg)
{
    void *result = NULL;
    CHECK_EQ(pawl_block(thread_id, NULL, &result), 0);
    CHECK((intptr_t)result > 0);
    CHECK(result != thread_id(NULL));
    return arg;
}

Test(block, runs_the_function_on_another_thread)
{
    struct pawl_runtime *rt = start(1);
    run(rt, compare_threads, NULL);
    finish(rt);
}

Test(block, gives_the_result)
{
    int value;
    struct call call = {.fn = return_arg, .arg = &value};
    struct pawl_runtime *rt = start(1);
    run(rt, call_block, &call);
    cr_assert_eq(call.error, 0);
    cr_assert_eq(call.result, &value);
    finish(rt);
}

static void *block_without_result(void *arg)
{
    CHECK_EQ(pawl_block(return_arg, arg, NULL), 0);
    CHECK_EQ(pawl_block(NULL, arg, &arg), -EINVAL);
    return arg;
}

Test(block, wants_a_function_but_no_place_for_the_result)
{
    int value;
    void *result = NULL;
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_runtime_run(rt, block_without_result, &value, &result), 0);
    cr_assert_eq(result, &value);
    cr_assert_eq(pawl_block(NULL, NULL, NULL), -EINVAL);
    finish(rt);
}

Test(block, from_a_plain_thread_is_a_call)
{
    void *result = NULL;
    cr_assert_eq(pawl_block(thread_id, NULL, &result), 0);
    cr_assert_eq((intptr_t)result, gettid());
    cr_assert_eq(pawl_block(thread_id, NULL, NULL), 0);
}

static void *block_again(void *arg)
{
    void *result = NULL;
    CHECK_EQ(pawl_block(thread_id, NULL, &result), 0);
    CHECK(result == thread_id(NULL));
    return arg;
}

static void *block_in_block(void *arg)
{
    CHECK_EQ(pawl_block(block_again, NULL, NULL), 0);
    return arg;
}

Test(block, from_a_blocking_function_is_a_call)
{
    struct pawl_runtime *rt = start_with_threads(1);
    run(rt, block_in_block, NULL);
    finish(rt);
}

static void *block_in_turn(void *arg)
{
    int value = 0; /* plain: ThreadSanitizer looks on */
    void *result;
    for (int i = 0; i < 50; i++) {
        value++;
        CHECK_EQ(pawl_block(return_arg, &value, &result), 0);
        CHECK(result == &value);
    }
    return arg;
}

Test(block, works_for_many_tasks_at_once)
{
    struct pawl_task *tasks[50];
    struct pawl_runtime *rt = start_with_threads(4);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, block_in_turn, NULL);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        join(tasks[i]);
    finish(rt);
}

static void *block_worker_free(void *arg)
{
    struct event *events = arg;
    event_set(&events[0]);
    event_wait(&events[1]);
    return NULL;
}

Test(block, leaves_the_worker_to_others)
{
    static struct event events[2];
    struct call call = {.fn = block_worker_free, .arg = events};
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = spawn(rt, call_block, &call);
    event_wait(&events[0]);
    run(rt, return_arg, NULL);
    event_set(&events[1]);
    join(task);
    finish(rt);
}

/* ---- the limit ---- */

static PAWL_ATOMIC(uint32_t) running, called;
static struct event end;

static void *occupy(void *arg)
{
    fetch_add_acq_rel_u32(&called, 1);
    fetch_add_acq_rel_u32(&running, 1);
    event_wait(&end);
    fetch_add_acq_rel_u32(&running, UINT32_MAX);
    return arg;
}

Test(block, runs_as_many_at_once_as_allowed)
{
    struct call calls[20];
    struct pawl_task *tasks[COUNT_OF(calls)];
    struct pawl_runtime *rt = start_with_threads(5);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        calls[i] = (struct call){.fn = occupy, .arg = &calls[i]};
        tasks[i] = spawn(rt, call_block, &calls[i]);
    }
    count_wait(&called, 5);
    /* the others wait: no task is left to run */
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        cr_assert_eq(pawl_join_until(tasks[i], 0, NULL), -ETIMEDOUT);
    cr_assert_eq(load_acquire_u32(&called), 5);
    event_set(&end);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        join(tasks[i]);
        cr_assert_eq(calls[i].error, 0);
        cr_assert_eq(calls[i].result, &calls[i]);
    }
    cr_assert_eq(load_acquire_u32(&called), COUNT_OF(calls));
    cr_assert_eq(load_acquire_u32(&running), 0);
    finish(rt);
}

static struct event first_called;

static void *occupy_first(void *arg)
{
    event_set(&first_called);
    event_wait(&end);
    return arg;
}

Test(block, is_withdrawn_by_a_cancel_that_comes_before_the_start)
{
    struct call first = {.fn = occupy_first}, second = {.fn = occupy, .result = &second};
    struct pawl_runtime *rt = start_with_threads(1);
    struct pawl_task *busy = spawn(rt, call_block, &first);
    event_wait(&first_called);
    struct pawl_task *waiting = spawn(rt, call_block, &second);
    run(rt, return_arg, NULL); /* by the one worker, so after the other has queued its call */
    cr_assert_eq(pawl_task_cancel(waiting), 0);
    join(waiting);
    cr_assert_eq(second.error, -ECANCELED);
    cr_assert_eq(second.result, &second, "the result is stored on success only");
    event_set(&end);
    join(busy);
    cr_assert_eq(first.error, 0);
    run(rt, block_in_turn, NULL);
    cr_assert_eq(load_acquire_u32(&called), 0);
    finish(rt);
}

static void *suspend_then_block(void *arg)
{
    CHECK_EQ(pawl_sleep(PAWL_NEVER), -ECANCELED);
    return call_block(arg);
}

Test(block, is_refused_to_a_cancelled_task)
{
    struct call call = {.fn = occupy};
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = spawn(rt, suspend_then_block, &call);
    cr_assert_eq(pawl_task_cancel(task), 0);
    join(task);
    cr_assert_eq(call.error, -ECANCELED);
    cr_assert_eq(load_acquire_u32(&called), 0);
    finish(rt);
}

Test(block, is_never_cut_short_once_it_has_started)
{
    struct call call = {.fn = occupy_first, .arg = &call};
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, call_block, &call);
    event_wait(&first_called);
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq(pawl_join_until(task, in_ns(PAWL_MS(10)), NULL), -ETIMEDOUT);
    event_set(&end);
    join(task);
    cr_assert_eq(call.error, 0);
    cr_assert_eq(call.result, &call);
    finish(rt);
}

Test(block, is_waited_for_by_shutdown)
{
    struct call call = {.fn = occupy_first, .arg = &call};
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, call_block, &call);
    event_wait(&first_called);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), -ETIMEDOUT);
    event_set(&end);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    join(task);
    cr_assert_eq(call.error, 0);
    cr_assert_eq(call.result, &call);
    finish(rt);
}

Test(block, that_waits_for_a_thread_is_withdrawn_by_shutdown)
{
    struct call first = {.fn = occupy_first}, second = {.fn = occupy};
    struct pawl_runtime *rt = start_with_threads(1);
    struct pawl_task *busy = spawn(rt, call_block, &first);
    event_wait(&first_called);
    struct pawl_task *waiting = spawn(rt, call_block, &second);
    run(rt, return_arg, NULL); /* by the one worker, so after the other has queued its call */
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), -ETIMEDOUT);
    join(waiting);
    cr_assert_eq(second.error, -ESHUTDOWN);
    event_set(&end);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    join(busy);
    cr_assert_eq(load_acquire_u32(&called), 0);
    finish(rt);
}

/* ---- who is calling ---- */

static void *current_is(void *rt)
{
    CHECK(pawl_current() == rt);
    CHECK(pawl_self() == NULL);
    CHECK(!pawl_cancelled());
    pawl_shield_begin();
    pawl_shield_end();
    return NULL;
}

Test(block, functions_belong_to_the_runtime_but_are_no_task)
{
    struct pawl_runtime *rt = start(1);
    struct call call = {.fn = current_is, .arg = rt};
    run(rt, call_block, &call);
    cr_assert_eq(call.error, 0);
    finish(rt);
}
