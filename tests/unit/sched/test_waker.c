/* Wakers: one permit is kept; copies, ends and runtimes long gone. */
#include <string.h>

#include "harness.h"

/* ---- permits ---- */

static void *take_permits(void *arg)
{
    struct pawl_waker waker;
    pawl_self_waker(&waker);
    CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
    pawl_waker_wake(&waker);
    CHECK_EQ(pawl_suspend_until(0), 0);
    CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        pawl_waker_wake(&waker);
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), 0);
    CHECK_EQ(pawl_suspend_until(in_ns(PAWL_MS(1))), -ETIMEDOUT);
    pawl_waker_drop(&waker);
    return arg;
}

Test(waker, keeps_one_permit)
{
    struct pawl_runtime *rt = start(2);
    run(rt, take_permits, NULL);
    finish(rt);
}

static void *keep_permit_across_other_calls(void *arg)
{
    struct pawl_waker waker;
    pawl_self_waker(&waker);
    pawl_waker_wake(&waker);
    uint64_t until_ns = in_ns(PAWL_MS(2));
    CHECK_EQ(pawl_sleep_until(until_ns), 0);
    CHECK(pawl_now(NULL) >= until_ns);
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_block(return_arg, NULL, NULL), 0);
    join(spawn(NULL, return_arg, NULL));
    CHECK_EQ(pawl_suspend_until(0), 0);
    CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
    pawl_waker_drop(&waker);
    return arg;
}

Test(waker, does_not_cut_other_calls_short_and_keeps_its_permit_meanwhile)
{
    struct pawl_runtime *rt = start(2);
    run(rt, keep_permit_across_other_calls, NULL);
    finish(rt);
}

struct party {
    struct pawl_waker waker;
    struct event ready;
    int value; /* plain: ThreadSanitizer looks on */
};

static void *suspend_once(void *arg)
{
    struct party *party = arg;
    pawl_self_waker(&party->waker);
    event_set(&party->ready);
    CHECK_EQ(pawl_suspend_until(in_ns(PATIENCE_NS)), 0);
    return pointer_of(party->value);
}

Test(waker, wakes_from_a_plain_thread_and_shows_what_was_written)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 1; i <= 1000; i++) {
        struct party party = {.value = 0};
        struct pawl_task *task = spawn(rt, suspend_once, &party);
        event_wait(&party.ready);
        party.value = i;
        pawl_waker_wake(&party.waker);
        cr_assert_eq((intptr_t)join(task), i);
        pawl_waker_drop(&party.waker);
    }
    finish(rt);
}

static void *wake_party(void *arg)
{
    struct party *party = arg;
    event_wait(&party->ready);
    party->value = 42;
    pawl_waker_wake(&party->waker);
    return NULL;
}

Test(waker, wakes_from_another_runtime)
{
    struct pawl_runtime *rt = start(1), *other = start(1);
    for (int i = 0; i < 300; i++) {
        struct party party = {.value = 0};
        struct pawl_task *task = spawn(rt, suspend_once, &party);
        run(other, wake_party, &party);
        cr_assert_eq((intptr_t)join(task), 42);
        pawl_waker_drop(&party.waker);
    }
    finish(other);
    finish(rt);
}

static void *wake_in_blocking_function(void *arg)
{
    CHECK_EQ(pawl_block(wake_party, arg, NULL), 0);
    return NULL;
}

static void wake_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    struct party *party = arg;
    (void)timer;
    CHECK_EQ(status, 0);
    party->value = 43;
    pawl_waker_wake(&party->waker);
}

Test(waker, wakes_from_blocking_functions_and_timer_callbacks)
{
    static struct pawl_timer timer;
    struct party party = {.value = 0}, second = {.value = 0};
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = spawn(rt, suspend_once, &party);
    run(rt, wake_in_blocking_function, &party);
    cr_assert_eq((intptr_t)join(task), 42);
    pawl_waker_drop(&party.waker);

    task = spawn(rt, suspend_once, &second);
    event_wait(&second.ready);
    pawl_timer_init(&timer, wake_in_callback, &second);
    cr_assert_eq(pawl_timer_arm(rt, &timer, in_ns(PAWL_MS(1))), 0);
    cr_assert_eq((intptr_t)join(task), 43);
    pawl_waker_drop(&second.waker);
    finish(rt);
}

/* ---- permits are not lost ---- */

struct ball {
    PAWL_ATOMIC(uint32_t) ready;
    struct pawl_waker wakers[2];
    uint64_t counts[2]; /* plain: handed over by the wakes */
};

static struct ball ball;

static void *play(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg, other = 1 - me;
    pawl_self_waker(&ball.wakers[me]);
    fetch_add_acq_rel_u32(&ball.ready, 1);
    while (load_acquire_u32(&ball.ready) < 2)
        CHECK_EQ(pawl_yield(), 0);
    if (me == 0)
        pawl_waker_wake(&ball.wakers[other]);
    for (uint64_t i = 1; i <= 20000; i++) {
        CHECK_EQ(pawl_suspend_until(in_ns(PATIENCE_NS)), 0);
        ball.counts[me] = i;
        CHECK(ball.counts[other] == (me == 0 ? i : i - 1));
        pawl_waker_wake(&ball.wakers[other]);
    }
    return NULL;
}

Test(waker, loses_no_wake_between_two_tasks)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *first = spawn(rt, play, (void *)0), *second = spawn(rt, play, (void *)1);
    join(first);
    join(second);
    pawl_waker_drop(&ball.wakers[0]);
    pawl_waker_drop(&ball.wakers[1]);
    finish(rt);
}

static void *suspend_against_deadline(void *arg)
{
    struct party *party = arg;
    unsigned woken = 0;
    pawl_self_waker(&party->waker);
    event_set(&party->ready);
    while (woken == 0) {
        int error = pawl_suspend_until(in_ns(PAWL_US(40)));
        CHECK(error == 0 || error == -ETIMEDOUT);
        woken += error == 0;
    }
    return NULL;
}

Test(waker, keeps_the_permit_when_the_deadline_was_quicker)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 1000; i++) {
        struct party party = {.value = 0};
        struct pawl_task *task = spawn(rt, suspend_against_deadline, &party);
        wake_party(&party);
        join(task);
        pawl_waker_drop(&party.waker);
    }
    finish(rt);
}

/* ---- ownership ---- */

static void *clone_and_drop(void *arg)
{
    struct pawl_waker waker, clone, copy;
    pawl_self_waker(&waker);
    pawl_waker_clone(&clone, &waker);
    memcpy(&copy, &clone, sizeof copy); /* owns nothing */
    pawl_waker_drop(&waker);
    pawl_waker_wake(&copy);
    CHECK_EQ(pawl_suspend_until(0), 0);
    pawl_waker_wake(&clone);
    CHECK_EQ(pawl_suspend_until(0), 0);
    pawl_waker_wake(&waker); /* dropped: inert */
    CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
    pawl_waker_drop(&waker);
    pawl_waker_drop(&clone);
    return arg;
}

Test(waker, lives_until_each_clone_is_dropped)
{
    struct pawl_runtime *rt = start(1);
    run(rt, clone_and_drop, NULL);
    finish(rt);
}

Test(waker, takes_null)
{
    struct pawl_waker waker;
    pawl_waker_wake(NULL);
    pawl_waker_drop(NULL);
    pawl_self_waker(NULL);
    pawl_waker_clone(NULL, NULL);
    memset(&waker, 0xff, sizeof waker);
    pawl_waker_clone(&waker, NULL);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
}

Test(waker, of_a_plain_thread_is_inert)
{
    struct pawl_waker waker, clone;
    memset(&waker, 0xff, sizeof waker);
    pawl_self_waker(&waker);
    pawl_waker_clone(&clone, &waker);
    pawl_waker_wake(&waker);
    pawl_waker_wake(&clone);
    pawl_waker_drop(&waker);
    pawl_waker_drop(&clone);
}

Test(suspend, outside_a_task_is_refused)
{
    cr_assert_eq(pawl_suspend_until(0), -EINVAL);
    cr_assert_eq(pawl_suspend_until(PAWL_NEVER), -EINVAL);
}

static void *suspend_in_blocking_function(void *arg)
{
    struct pawl_waker waker;
    CHECK_EQ(pawl_suspend_until(0), -EINVAL);
    pawl_self_waker(&waker);
    pawl_waker_wake(&waker);
    CHECK_EQ(pawl_suspend_until(PAWL_NEVER), -EINVAL);
    pawl_waker_drop(&waker);
    return arg;
}

static void *block(void *fn)
{
    CHECK_EQ(pawl_block((pawl_task_fn *)fn, NULL, NULL), 0);
    return NULL;
}

Test(suspend, in_a_blocking_function_is_refused)
{
    struct pawl_runtime *rt = start(1);
    run(rt, block, (void *)suspend_in_blocking_function);
    finish(rt);
}

/* ---- after the end ---- */

static void *leave_waker(void *waker)
{
    pawl_self_waker(waker);
    return NULL;
}

Test(waker, is_inert_after_the_end_of_the_task)
{
    struct pawl_waker waker, clone;
    struct pawl_runtime *rt = start(2);
    run(rt, leave_waker, &waker);
    pawl_waker_wake(&waker);
    pawl_waker_clone(&clone, &waker);
    pawl_waker_wake(&clone);
    pawl_waker_drop(&clone);
    /* a task that comes after it is none of its business */
    struct party party = {.value = 0};
    struct pawl_task *task = spawn(rt, suspend_once, &party);
    event_wait(&party.ready);
    pawl_waker_wake(&waker);
    cr_assert_eq(pawl_join_until(task, in_ns(PAWL_MS(3)), NULL), -ETIMEDOUT);
    pawl_waker_wake(&party.waker);
    join(task);
    pawl_waker_drop(&party.waker);
    pawl_waker_drop(&waker);
    finish(rt);
}

Test(waker, is_inert_after_the_runtime)
{
    struct pawl_waker waker, clone;
    struct pawl_runtime *rt = start(2), *other;
    run(rt, leave_waker, &waker);
    finish(rt);
    other = start(1); /* perhaps where the first one lay */
    pawl_waker_wake(&waker);
    pawl_waker_clone(&clone, &waker);
    pawl_waker_drop(&waker);
    pawl_waker_wake(&clone);
    pawl_waker_drop(&clone);
    finish(other);
}

static void *wake_and_drop(void *arg)
{
    struct party *party = arg;
    event_wait(&party->ready);
    for (int i = 0; i < 50; i++)
        pawl_waker_wake(&party->waker);
    pawl_waker_drop(&party->waker);
    return NULL;
}

Test(waker, may_be_woken_while_the_runtime_is_destroyed)
{
    for (int i = 0; i < 300; i++) {
        struct party party = {.value = 0};
        struct pawl_runtime *rt = start(1);
        pthread_t thread = thread_start(wake_and_drop, &party);
        pawl_detach(spawn(rt, suspend_once, &party));
        event_wait(&party.ready);
        cr_assert_eq(pawl_runtime_shutdown(rt, PATIENCE_NS), 0);
        finish(rt);
        thread_join(thread);
    }
}
