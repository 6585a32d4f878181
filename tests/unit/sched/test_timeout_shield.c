/* Deadlines around any call beside what else cuts calls short, cancellation and shutdown, and beside what holds all of
 * them off: shields. */
#include "timeout.h"

static void *sleep_until(void *deadline_ns)
{
    return pointer_of(pawl_sleep_until(*(uint64_t *)deadline_ns));
}

/* ---- shields ---- */

static void *clean_up_past_deadline(void *arg)
{
    uint64_t until_ns = in_ns(PAWL_MS(3));
    pawl_shield_begin();
    CHECK_EQ(pawl_sleep_until(until_ns), 0);
    CHECK(pawl_now(NULL) >= until_ns);
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(in_timeout(HOUR_NS, sleep_until, &until_ns, 0), 0);
    pawl_shield_end();
    return arg;
}

static void *clean_up_then_look(void *arg)
{
    clean_up_past_deadline(arg);
    CHECK_EQ(pawl_yield(), -ETIMEDOUT);
    pawl_shield_begin();
    pawl_shield_begin();
    CHECK_EQ(pawl_yield(), 0);
    pawl_shield_end();
    CHECK_EQ(pawl_yield(), 0);
    pawl_shield_end();
    CHECK_EQ(pawl_yield(), -ETIMEDOUT);
    return NULL;
}

static void *expect_shielded(void *arg)
{
    in_timeout(PAWL_MS(1), clean_up_past_deadline, arg, 0);
    in_timeout(0, clean_up_past_deadline, arg, 0);
    in_timeout(PAWL_MS(1), clean_up_then_look, arg, -ETIMEDOUT);
    return arg;
}

Test(timeout, does_not_reach_into_a_shield)
{
    struct pawl_runtime *rt = start(2);
    run(rt, expect_shielded, NULL);
    finish(rt);
}

/* All that is around the shield has passed or is pending, and none of it counts. */
static void *clean_up_for_a_while(void *arg)
{
    pawl_shield_begin();
    CHECK_EQ(in_timeout(PAWL_MS(2), sleep_for_ever, arg, -ETIMEDOUT), -ETIMEDOUT);
    CHECK_EQ(in_timeout(0, yield_once, arg, -ETIMEDOUT), -ETIMEDOUT);
    in_timeout(0, clean_up_past_deadline, arg, 0); /* a shield in it */
    CHECK_EQ(pawl_yield(), 0);
    pawl_shield_end();
    return arg;
}

static void *cancel_then_clean_up(void *arg)
{
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    clean_up_for_a_while(arg);
    in_timeout(0, clean_up_for_a_while, arg, 0);
    in_timeout(HOUR_NS, clean_up_for_a_while, arg, 0);
    CHECK_EQ(in_timeout(0, yield_once, arg, -ECANCELED), -ECANCELED);
    return NULL;
}

Test(timeout, begun_in_a_shield_is_honoured_there)
{
    struct pawl_runtime *rt = start(2);
    join(spawn(rt, cancel_then_clean_up, NULL));
    finish(rt);
}

/* ---- cancellation ---- */

static struct event waiting;

static void *wait_to_be_cancelled(void *arg)
{
    (void)arg;
    event_set(&waiting);
    return pointer_of(pawl_sleep(HOUR_NS));
}

static void *wait_in_another(void *arg)
{
    return pointer_of(in_timeout(HOUR_NS, wait_to_be_cancelled, arg, -ECANCELED));
}

static void *expect_cancelled(void *arg)
{
    return pointer_of(in_timeout(PAWL_NEVER, wait_in_another, arg, -ECANCELED));
}

Test(timeout, says_of_a_cancellation_that_it_was_one)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, expect_cancelled, NULL);
    event_wait(&waiting);
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq((intptr_t)join(task), -ECANCELED);
    finish(rt);
}

static void *cancel_itself(void *arg)
{
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK(pawl_cancelled());
    return arg;
}

static void *cut_then_cancelled(void *arg)
{
    CHECK_EQ(pawl_yield(), -ETIMEDOUT);
    cancel_itself(arg);
    CHECK_EQ(pawl_yield(), -ECANCELED);
    return arg;
}

static void *expect_cancellation_first(void *arg)
{
    in_timeout(0, cut_then_cancelled, arg, -ECANCELED);
    in_timeout(0, return_arg, arg, 0); /* it still runs */
    return arg;
}

/* A shield opened for a while: cancellation comes first, whichever was last. */
static void *cancelled_then_cut(void *arg)
{
    pawl_shield_end();
    CHECK_EQ(pawl_yield(), -ECANCELED);
    pawl_shield_begin();
    CHECK_EQ(pawl_yield(), -ETIMEDOUT);
    return arg;
}

static void *expect_cancellation_last(void *arg)
{
    cancel_itself(arg);
    pawl_shield_begin();
    in_timeout(0, cancelled_then_cut, arg, -ECANCELED);
    pawl_shield_end();
    return arg;
}

static void *expect_nothing_cut(void *arg)
{
    in_timeout(0, cancel_itself, arg, 0);
    return arg;
}

Test(timeout, gives_cancellation_the_precedence_if_it_cut_something_short)
{
    struct pawl_runtime *rt = start(2);
    run(rt, expect_cancellation_first, NULL);
    run(rt, expect_cancellation_last, NULL);
    run(rt, expect_nothing_cut, NULL);
    finish(rt);
}

/* ---- shutdown ---- */

static void *sleep_then_be_shut_down(void *arg)
{
    (void)arg;
    CHECK_EQ(pawl_sleep(HOUR_NS), -ETIMEDOUT);
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK_EQ(pawl_yield(), -ECANCELED);
    event_set(&waiting);
    int error;
    while ((error = pawl_yield()) == -ECANCELED) {
    }
    return pointer_of(error);
}

static void *wait_to_be_shut_down(void *arg)
{
    event_set(arg);
    return pointer_of(in_timeout(HOUR_NS, sleep_for_ever, NULL, -ESHUTDOWN));
}

static void *be_shut_down(void *arg)
{
    return pointer_of(in_timeout(HOUR_NS, wait_to_be_shut_down, arg, -ESHUTDOWN));
}

static void *be_shut_down_after_all_else(void *arg)
{
    return pointer_of(in_timeout(PAWL_MS(1), sleep_then_be_shut_down, arg, -ESHUTDOWN));
}

Test(timeout, gives_shutdown_the_precedence)
{
    static struct event asleep;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *one = spawn(rt, be_shut_down, &asleep), *two = spawn(rt, be_shut_down_after_all_else, NULL);
    event_wait(&asleep);
    event_wait(&waiting);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq((intptr_t)join(one), -ESHUTDOWN);
    cr_assert_eq((intptr_t)join(two), -ESHUTDOWN);
    finish(rt);
}

/* Shutdown completes the timer of a frame that is in force in a shield: it counts all the same, and not before its
 * time. */
static void *clean_up_with_deadline(void *arg)
{
    uint64_t deadline_ns = in_ns(PAWL_MS(30));
    pawl_shield_begin();
    event_set(arg);
    CHECK_EQ(in_timeout(PAWL_MS(30), suspend_for_ever, NULL, -ETIMEDOUT), -ETIMEDOUT);
    CHECK(pawl_now(NULL) >= deadline_ns);
    pawl_shield_end();
    return pointer_of(pawl_yield());
}

Test(timeout, in_a_shield_is_honoured_during_shutdown)
{
    static struct event shielded;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, clean_up_with_deadline, &shielded);
    event_wait(&shielded);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq((intptr_t)join(task), -ESHUTDOWN);
    finish(rt);
}

/* ---- races ---- */

static void *sleep_shortly(void *arg)
{
    (void)arg;
    return pointer_of(pawl_sleep(PAWL_US(60)));
}

static void *expect_agreement(void *arg)
{
    uint64_t i = (uint64_t)(uintptr_t)arg;
    void *result;
    int error = pawl_timeout(PAWL_US(40 + i % 40), sleep_shortly, NULL, &result);
    CHECK(error == 0 || error == -ETIMEDOUT || error == -ECANCELED);
    CHECK_EQ(error, (intptr_t)result);
    return NULL;
}

Test(timeout, races_with_the_end_of_a_sleep_and_with_cancellation)
{
    struct pawl_runtime *rt = start(3);
    for (uint64_t i = 0; i < 1000; i++) {
        struct pawl_task *tasks[4];
        for (size_t t = 0; t < COUNT_OF(tasks); t++)
            tasks[t] = spawn(rt, expect_agreement, (void *)(uintptr_t)(i * 7 + t));
        int error = pawl_task_cancel(tasks[0]);
        cr_assert(error == 0 || error == -EALREADY);
        for (size_t t = 0; t < COUNT_OF(tasks); t++)
            join(tasks[t]);
    }
    finish(rt);
}
