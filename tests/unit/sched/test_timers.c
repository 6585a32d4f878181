/* Timers among each other: across callbacks, runtimes and shutdowns. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"

struct subject {
    struct pawl_timer timer;
    PAWL_ATOMIC(uint32_t) calls;
    int status;
    struct event called;
};

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    struct subject *subject = arg;
    (void)timer;
    subject->status = status;
    fetch_add_acq_rel_u32(&subject->calls, 1);
    event_set(&subject->called);
}

static struct subject *init(struct subject *subject)
{
    memset((void *)subject, 0, sizeof *subject);
    pawl_timer_init(&subject->timer, on_fire, subject);
    return subject;
}

static uint32_t calls(const struct subject *subject)
{
    return load_acquire_u32(&subject->calls);
}

/* ---- callbacks about other timers ---- */

static struct {
    struct pawl_timer timer;
    struct event called, go_on;
} held;

static void hold(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    event_set(&held.called);
    event_wait(&held.go_on);
}

static void cancel_sync_others(struct pawl_timer *timer, void *arg, int status)
{
    struct subject *others = arg;
    (void)timer, (void)status;
    CHECK_EQ(pawl_timer_cancel_sync(&others[0].timer), 0);
    CHECK_EQ(pawl_timer_cancel_sync(&others[0].timer), -EALREADY);
    CHECK_EQ(pawl_timer_cancel_sync(&others[1].timer), -EALREADY);
    CHECK_EQ(pawl_timer_cancel_sync(&held.timer), -EDEADLK);
    event_set(&others[2].called);
}

static void *arm_and_stay(void *arg)
{
    CHECK_EQ(pawl_timer_arm(NULL, &held.timer, 0), 0);
    while (!event_is_set(&held.called))
        CHECK_EQ(pawl_yield(), 0);
    return arg;
}

Test(callback, may_cancel_others_but_not_wait_for_one_that_runs)
{
    static struct subject others[3];
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(2), *other = start(1);
    init(&others[0]);
    init(&others[1]);
    pawl_timer_init(&held.timer, hold, NULL);
    pawl_timer_init(&timer, cancel_sync_others, others);
    /* the one that runs is another runtime's: two callbacks at once, whoever turns what */
    struct pawl_task *occupier = spawn(other, arm_and_stay, NULL);
    event_wait(&held.called);
    cr_assert_eq(pawl_timer_arm(rt, &others[0].timer, in_ns(HOUR_NS)), 0);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    event_wait(&others[2].called);
    cr_assert_eq(pawl_timer_cancel_sync(&timer), -EALREADY);
    event_set(&held.go_on);
    join(occupier);
    finish(other);
    finish(rt);
}

enum { CROWD = 3000 };

static struct subject crowd[CROWD];

Test(timers, of_a_crowd_each_fire_once)
{
    struct pawl_runtime *rt = start(2);
    uint64_t base_ns = in_ns(0);
    for (uint64_t i = 0; i < CROWD; i++)
        cr_assert_eq(pawl_timer_arm(rt, &init(&crowd[i])->timer, base_ns + i * 7919 % PAWL_MS(20)), 0);
    for (size_t i = 0; i < CROWD; i++)
        event_wait(&crowd[i].called);
    finish(rt);
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert_eq(calls(&crowd[i]), 1);
        cr_assert_eq(crowd[i].status, 0);
        cr_assert_eq(pawl_timer_state(&crowd[i].timer), PAWL_TIMER_FIRED);
    }
}

static void *arm_every_second(void *arg)
{
    for (size_t i = (size_t)(uintptr_t)arg; i < CROWD; i += 2) {
        CHECK_EQ(pawl_timer_arm(NULL, &crowd[i].timer, in_ns(i * 7919 % PAWL_MS(10))), 0);
        if (i % 3 == 0)
            CHECK_EQ(pawl_yield(), 0);
    }
    return NULL;
}

Test(timers, armed_by_tasks_on_several_workers_each_fire_once)
{
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < CROWD; i++)
        init(&crowd[i]);
    struct pawl_task *even = spawn(rt, arm_every_second, (void *)0), *odd = spawn(rt, arm_every_second, (void *)1);
    join(even);
    join(odd);
    for (size_t i = 0; i < CROWD; i++)
        event_wait(&crowd[i].called);
    finish(rt);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(calls(&crowd[i]), 1);
}

static void *push_about(void *arg)
{
    struct subject *subject = arg;
    for (uint64_t i = 0; !event_is_set(&subject->called); i++) {
        int error = pawl_timer_reset(&subject->timer, in_ns(i % 5 * 20000));
        CHECK(error == 0 || error == -EALREADY);
    }
    return NULL;
}

Test(timers, pushed_about_by_several_threads_fire_once)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 200; i++) {
        struct subject subject;
        pthread_t threads[2];
        cr_assert_eq(pawl_timer_arm(rt, &init(&subject)->timer, in_ns(PAWL_US(50))), 0);
        for (size_t t = 0; t < COUNT_OF(threads); t++)
            threads[t] = thread_start(push_about, &subject);
        event_wait(&subject.called);
        for (size_t t = 0; t < COUNT_OF(threads); t++)
            thread_join(threads[t]);
        cr_assert_eq(pawl_timer_cancel_sync(&subject.timer), -EALREADY);
        cr_assert_eq(calls(&subject), 1);
    }
    finish(rt);
}

/* ---- earlier than what the runtime sleeps toward ---- */

Test(timers, wake_a_runtime_that_sleeps_toward_a_later_one)
{
    struct subject far, near;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_timer_arm(rt, &init(&far)->timer, in_ns(HOUR_NS)), 0);
    for (int i = 0; i < 300; i++) {
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
        cr_assert_eq(pawl_timer_arm(rt, &init(&near)->timer, in_ns(PAWL_US(100))), 0);
        event_wait(&near.called);
        cr_assert_eq(pawl_timer_cancel_sync(&near.timer), -EALREADY);
    }
    cr_assert_eq(pawl_timer_cancel(&far.timer), 0);
    finish(rt);
}

static void *compute_until(void *event)
{
    event_wait(event);
    return NULL;
}

Test(timers, fire_while_all_other_workers_compute)
{
    struct subject subject;
    struct pawl_runtime *rt = start(2);
    init(&subject);
    struct pawl_task *busy = spawn(rt, compute_until, &subject.called);
    cr_assert_eq(pawl_timer_arm(rt, &subject.timer, in_ns(PAWL_MS(5))), 0);
    join(busy);
    finish(rt);
}

static void *arm_then_compute(void *arg)
{
    struct subject *subject = arg;
    /* into this worker's own shard, which it does not turn as long as we compute */
    CHECK_EQ(pawl_timer_arm(NULL, &subject->timer, in_ns(PAWL_MS(2))), 0);
    event_wait(&subject->called);
    return NULL;
}

Test(timers, of_a_worker_that_computes_are_fired_by_another)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 50; i++) {
        struct subject subject;
        run(rt, arm_then_compute, init(&subject));
        cr_assert_eq(pawl_timer_cancel_sync(&subject.timer), -EALREADY);
    }
    finish(rt);
}

/* ---- after the runtime ---- */

Test(timers, may_be_asked_about_after_the_runtime)
{
    struct subject fired, cancelled, completed;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_timer_arm(rt, &init(&fired)->timer, 0), 0);
    cr_assert_eq(pawl_timer_arm(rt, &init(&cancelled)->timer, in_ns(HOUR_NS)), 0);
    cr_assert_eq(pawl_timer_arm(rt, &init(&completed)->timer, in_ns(HOUR_NS)), 0);
    cr_assert_eq(pawl_timer_cancel(&cancelled.timer), 0);
    event_wait(&fired.called);
    finish(rt);
    struct {
        struct subject *subject;
        enum pawl_timer_state state;
    } expected[] = {{&fired, PAWL_TIMER_FIRED}, {&cancelled, PAWL_TIMER_CANCELLED}, {&completed, PAWL_TIMER_SHUTDOWN}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        struct pawl_timer *timer = &expected[i].subject->timer;
        cr_assert_eq(pawl_timer_state(timer), expected[i].state);
        cr_assert_eq(pawl_timer_cancel(timer), -EALREADY);
        cr_assert_eq(pawl_timer_cancel_sync(timer), -EALREADY);
        cr_assert_eq(pawl_timer_reset(timer, 0), -EALREADY);
        cr_assert_eq(pawl_timer_state(timer), expected[i].state);
    }
}

Test(timers, serve_one_runtime_after_the_other)
{
    struct subject subject;
    init(&subject);
    for (uint32_t i = 1; i <= 20; i++) {
        struct pawl_runtime *rt = start(1);
        store_release_u32(&subject.called.happened, 0);
        cr_assert_eq(pawl_timer_arm(rt, &subject.timer, in_ns(PAWL_US(10))), 0);
        event_wait(&subject.called);
        finish(rt);
        cr_assert_eq(calls(&subject), i);
        cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_FIRED);
    }
}

Test(timers, go_from_one_live_runtime_to_another)
{
    struct subject subject;
    struct pawl_runtime *rts[2] = {start(1), start(2)};
    init(&subject);
    for (uint32_t i = 1; i <= 500; i++) {
        store_release_u32(&subject.called.happened, 0);
        cr_assert_eq(pawl_timer_arm(rts[i % 2], &subject.timer, 0), 0);
        event_wait(&subject.called);
        cr_assert_eq(pawl_timer_cancel_sync(&subject.timer), -EALREADY);
        cr_assert_eq(calls(&subject), i);
    }
    finish(rts[0]);
    finish(rts[1]);
}

static void *use_after_destroy(void *arg)
{
    struct subject *subject = arg;
    for (int i = 0; i < 200; i++) {
        int error = pawl_timer_cancel_sync(&subject->timer);
        CHECK(error == 0 || error == -EALREADY);
        pawl_timer_state(&subject->timer);
        error = pawl_timer_reset(&subject->timer, in_ns(HOUR_NS));
        CHECK(error == 0 || error == -EALREADY);
    }
    return NULL;
}

Test(timers, may_be_asked_about_while_the_runtime_is_destroyed)
{
    for (int i = 0; i < 200; i++) {
        struct subject subject;
        struct pawl_runtime *rt = start(1);
        cr_assert_eq(pawl_timer_arm(rt, &init(&subject)->timer, in_ns(i % 2 ? HOUR_NS : PAWL_US(200))), 0);
        pthread_t thread = thread_start(use_after_destroy, &subject);
        finish(rt);
        thread_join(thread);
        cr_assert_leq(calls(&subject), 1);
    }
}
