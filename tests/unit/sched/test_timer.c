/* Timers in the caller's memory: arming, resetting, cancelling, and what the state says. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* A timer, what its callback saw, and what it is to do. */
struct subject {
    struct pawl_timer timer;
    PAWL_ATOMIC(uint32_t) calls;
    int status;                   /* of the last call */
    uint64_t deadline_ns;         /* CHECKed not to be in the future */
    enum pawl_timer_state inside; /* what the state was in the callback */
    struct event called, *hold;   /* hold: to be waited for in the callback */
};

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    struct subject *subject = arg;
    CHECK(timer == &subject->timer);
    CHECK(status != 0 || pawl_now(NULL) >= subject->deadline_ns);
    subject->status = status;
    subject->inside = pawl_timer_state(timer);
    fetch_add_acq_rel_u32(&subject->calls, 1);
    event_set(&subject->called);
    if (subject->hold != NULL)
        event_wait(subject->hold);
}

static struct subject *init(struct subject *subject)
{
    memset((void *)subject, 0, sizeof *subject);
    pawl_timer_init(&subject->timer, on_fire, subject);
    return subject;
}

static int arm(struct pawl_runtime *rt, struct subject *subject, uint64_t deadline_ns)
{
    subject->deadline_ns = deadline_ns;
    return pawl_timer_arm(rt, &subject->timer, deadline_ns);
}

static uint32_t calls(const struct subject *subject)
{
    return load_acquire_u32(&subject->calls);
}

/* After cancel_sync the callback is not running, so what it wrote may be read. */
static void settle(struct subject *subject)
{
    event_wait(&subject->called);
    pawl_timer_cancel_sync(&subject->timer);
}

/* ---- arguments ---- */

Test(timer, refuses_null)
{
    struct subject subject;
    struct pawl_runtime *rt = start(1);
    init(&subject);
    pawl_timer_init(NULL, on_fire, NULL);
    cr_assert_eq(pawl_timer_arm(rt, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_timer_arm(NULL, &subject.timer, 0), -EINVAL);
    cr_assert_eq(pawl_timer_arm(NULL, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_timer_reset(NULL, 0), -EINVAL);
    cr_assert_eq(pawl_timer_cancel(NULL), -EINVAL);
    cr_assert_eq(pawl_timer_cancel_sync(NULL), -EINVAL);
    cr_assert_eq(pawl_timer_state(NULL), PAWL_TIMER_IDLE);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_IDLE);
    finish(rt);
}

Test(timer, that_was_never_armed_is_not_pending)
{
    struct subject subject;
    init(&subject);
    cr_assert_eq(pawl_timer_reset(&subject.timer, 0), -EALREADY);
    cr_assert_eq(pawl_timer_cancel(&subject.timer), -EALREADY);
    cr_assert_eq(pawl_timer_cancel_sync(&subject.timer), -EALREADY);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_IDLE);
}

/* ---- firing ---- */

Test(timer, fires_once_not_early)
{
    static const uint64_t delays_ns[] = {0, 1, 1000, 32768, 100000, 1000000, 3000000};
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(delays_ns); i++) {
        struct subject subject;
        cr_assert_eq(arm(rt, init(&subject), in_ns(delays_ns[i])), 0);
        settle(&subject);
        cr_assert_eq(calls(&subject), 1);
        cr_assert_eq(subject.status, 0);
        cr_assert_eq(subject.inside, PAWL_TIMER_FIRING);
        cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_FIRED);
        cr_assert_eq(pawl_timer_cancel(&subject.timer), -EALREADY);
        cr_assert_eq(pawl_timer_reset(&subject.timer, 0), -EALREADY);
    }
    finish(rt);
}

Test(timer, armed_for_the_past_fires)
{
    static const uint64_t past_ns[] = {0, 1, 32768, PAWL_SEC(1)};
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(past_ns); i++) {
        struct subject subject;
        cr_assert_eq(arm(rt, init(&subject), past_ns[i]), 0);
        settle(&subject);
        cr_assert_eq(calls(&subject), 1);
    }
    finish(rt);
}

Test(timer, may_be_armed_again_and_again)
{
    struct subject subject;
    struct pawl_runtime *rt = start(2);
    init(&subject);
    for (uint32_t i = 1; i <= 500; i++) {
        store_release_u32(&subject.called.happened, 0);
        cr_assert_eq(arm(rt, &subject, in_ns(i % 3 * 20000)), 0);
        settle(&subject);
        cr_assert_eq(calls(&subject), i);
    }
    finish(rt);
}

Test(timer, may_do_without_a_callback)
{
    struct pawl_timer timer;
    struct pawl_runtime *rt = start(1);
    uint64_t give_up_ns = in_ns(PATIENCE_NS);
    pawl_timer_init(&timer, NULL, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, PAWL_NEVER), 0);
    cr_assert_eq(pawl_timer_state(&timer), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timer_reset(&timer, 0), 0);
    while (pawl_timer_state(&timer) == PAWL_TIMER_PENDING && pawl_now(NULL) < give_up_ns)
        sched_yield();
    cr_assert_eq(pawl_timer_state(&timer), PAWL_TIMER_FIRED);
    finish(rt);
}

Test(timer, never_goes_off_at_the_end_of_time)
{
    struct subject subject, last;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(arm(rt, init(&subject), PAWL_NEVER), 0);
    cr_assert_eq(arm(rt, init(&last), PAWL_NEVER - 1), 0);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timer_state(&last.timer), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timer_cancel(&subject.timer), 0);
    cr_assert_eq(pawl_timer_cancel(&last.timer), 0);
    finish(rt);
    cr_assert_eq(calls(&subject) + calls(&last), 0);
}

enum fate { BROUGHT_NEAR, CANCELLED, LEFT, FATES };

/* Past, now, both sides of each power of four of ticks, thus of each level's width, beyond the range, the end of time.
 */
static size_t list_deadlines(uint64_t *deadlines_ns, uint64_t tick_ns)
{
    const uint64_t now_ns = in_ns(0), ends_ns[] = {0, 1, now_ns - tick_ns, now_ns, PAWL_NEVER - 1, PAWL_NEVER};
    size_t count = 0;
    for (; count < COUNT_OF(ends_ns); count++)
        deadlines_ns[count] = ends_ns[count];
    for (uint64_t width_ns = tick_ns; width_ns < UINT64_MAX / 64; width_ns *= 4)
        for (uint64_t at_ns = width_ns - tick_ns; at_ns <= width_ns + tick_ns; at_ns += tick_ns)
            deadlines_ns[count++] = pawl_saturating_add(now_ns, at_ns);
    return count;
}

static void meet(struct subject *subject, enum fate fate)
{
    int error = fate == BROUGHT_NEAR ? pawl_timer_reset(&subject->timer, 0)
                : fate == CANCELLED  ? pawl_timer_cancel(&subject->timer)
                                     : 0;
    cr_assert(error == 0 || error == -EALREADY); /* those that are near may have fired */
    if (fate == BROUGHT_NEAR || error != 0)
        settle(subject);
    if (fate != LEFT)
        cr_assert_eq(calls(subject), fate == BROUGHT_NEAR || error != 0);
}

Test(timer, takes_every_deadline_there_is)
{
    static const uint64_t ticks_ns[] = {1, 1000, 32768, 1000000, 1000000000};
    static struct subject subjects[FATES][128];
    for (size_t t = 0; t < COUNT_OF(ticks_ns); t++) {
        struct pawl_options o;
        uint64_t deadlines_ns[128];
        pawl_options_init(&o);
        o.workers = 2;
        o.tick_ns = ticks_ns[t];
        struct pawl_runtime *rt = start_with(&o);
        size_t count = list_deadlines(deadlines_ns, o.tick_ns);
        for (size_t i = 0; i < FATES * count; i++) {
            struct subject *subject = init(&subjects[i / count][i % count]);
            subject->deadline_ns = i / count == BROUGHT_NEAR ? 0 : deadlines_ns[i % count];
            cr_assert_eq(pawl_timer_arm(rt, &subject->timer, deadlines_ns[i % count]), 0);
        }
        for (size_t i = 0; i < FATES * count; i++)
            meet(&subjects[i / count][i % count], (enum fate)(i / count));
        finish(rt);
        for (size_t i = 0; i < count; i++) {
            cr_assert_eq(calls(&subjects[LEFT][i]), 1, "its time came, or the end");
            cr_assert_leq(calls(&subjects[CANCELLED][i]), 1);
        }
    }
}

static void *arm_in_task(void *subject)
{
    CHECK_EQ(arm(NULL, subject, in_ns(PAWL_MS(1))), 0);
    return NULL;
}

static void *arm_in_blocking_function(void *subject)
{
    CHECK_EQ(pawl_block(arm_in_task, subject, NULL), 0);
    return NULL;
}

Test(timer, null_means_the_runtime_of_the_caller)
{
    struct subject first, second;
    struct pawl_runtime *rt = start(2);
    run(rt, arm_in_task, init(&first));
    run(rt, arm_in_blocking_function, init(&second));
    settle(&first);
    settle(&second);
    finish(rt);
}

/* ---- pending ---- */

Test(timer, that_pends_is_busy_for_every_runtime)
{
    struct subject subject;
    struct pawl_runtime *rt = start(1), *other = start(1);
    cr_assert_eq(arm(rt, init(&subject), in_ns(HOUR_NS)), 0);
    cr_assert_eq(arm(rt, &subject, 0), -EBUSY);
    cr_assert_eq(arm(other, &subject, 0), -EBUSY);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timer_cancel(&subject.timer), 0);
    cr_assert_eq(arm(other, &subject, 0), 0);
    settle(&subject);
    cr_assert_eq(calls(&subject), 1);
    finish(other);
    finish(rt);
}

Test(timer, that_is_cancelled_does_not_fire)
{
    struct subject subject;
    struct pawl_runtime *rt = start(2);
    init(&subject);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(arm(rt, &subject, in_ns(HOUR_NS)), 0);
        cr_assert_eq(i == 0 ? pawl_timer_cancel(&subject.timer) : pawl_timer_cancel_sync(&subject.timer), 0);
        cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_CANCELLED);
        cr_assert_eq(pawl_timer_cancel(&subject.timer), -EALREADY);
        cr_assert_eq(pawl_timer_cancel_sync(&subject.timer), -EALREADY);
        cr_assert_eq(pawl_timer_reset(&subject.timer, 0), -EALREADY);
        cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_CANCELLED);
    }
    cr_assert_eq(arm(rt, &subject, 0), 0);
    settle(&subject);
    cr_assert_eq(calls(&subject), 1);
    finish(rt);
}

Test(timer, fires_at_the_deadline_it_was_moved_to)
{
    struct subject earlier, later, there_and_back, to_never;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(arm(rt, init(&earlier), in_ns(HOUR_NS)), 0);
    earlier.deadline_ns = in_ns(PAWL_MS(2));
    cr_assert_eq(pawl_timer_reset(&earlier.timer, earlier.deadline_ns), 0);

    cr_assert_eq(arm(rt, init(&later), in_ns(PAWL_SEC(1))), 0);
    later.deadline_ns = in_ns(PAWL_MS(1020));
    cr_assert_eq(pawl_timer_reset(&later.timer, later.deadline_ns), 0);

    cr_assert_eq(arm(rt, init(&there_and_back), in_ns(PAWL_SEC(2))), 0);
    cr_assert_eq(pawl_timer_reset(&there_and_back.timer, in_ns(HOUR_NS)), 0);
    there_and_back.deadline_ns = 0;
    cr_assert_eq(pawl_timer_reset(&there_and_back.timer, 0), 0);

    cr_assert_eq(arm(rt, init(&to_never), in_ns(PAWL_SEC(1))), 0);
    cr_assert_eq(pawl_timer_reset(&to_never.timer, PAWL_NEVER), 0);

    settle(&earlier);
    settle(&there_and_back);
    settle(&later);
    cr_assert_eq(calls(&earlier) + calls(&there_and_back) + calls(&later), 3);
    cr_assert_eq(pawl_timer_cancel(&to_never.timer), 0);
    cr_assert_eq(calls(&to_never), 0);
    finish(rt);
}

Test(timer, that_is_pushed_on_and_on_does_not_fire)
{
    struct subject subject;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(arm(rt, init(&subject), in_ns(PAWL_SEC(20))), 0);
    for (uint64_t i = 0; i < 100000; i++)
        cr_assert_eq(pawl_timer_reset(&subject.timer, in_ns(PAWL_SEC(20) + i)), 0);
    cr_assert_eq(pawl_timer_cancel(&subject.timer), 0);
    cr_assert_eq(calls(&subject), 0);
    finish(rt);
}

/* ---- while the callback runs ---- */

Test(timer, is_firing_for_other_threads_while_its_callback_runs)
{
    static struct event go_on;
    struct subject subject;
    struct pawl_runtime *rt = start(2);
    init(&subject)->hold = &go_on;
    cr_assert_eq(arm(rt, &subject, 0), 0);
    event_wait(&subject.called);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_FIRING);
    cr_assert_eq(pawl_timer_cancel(&subject.timer), -EALREADY);
    cr_assert_eq(pawl_timer_reset(&subject.timer, 0), -EALREADY);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_FIRING);
    event_set(&go_on);
    cr_assert_eq(pawl_timer_cancel_sync(&subject.timer), -EALREADY);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_FIRED);
    finish(rt);
}

Test(timer, armed_by_another_thread_while_its_callback_runs_fires_after_it)
{
    static struct event go_on;
    struct subject subject;
    struct pawl_runtime *rt = start(2);
    init(&subject)->hold = &go_on;
    cr_assert_eq(arm(rt, &subject, 0), 0);
    event_wait(&subject.called);
    cr_assert_eq(pawl_timer_arm(rt, &subject.timer, 0), 0);
    cr_assert_eq(pawl_timer_state(&subject.timer), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timer_arm(rt, &subject.timer, 0), -EBUSY);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PAWL_MS(10))), -ETIMEDOUT, "the callback keeps its worker");
    cr_assert_eq(calls(&subject), 1, "callbacks of one timer never overlap");
    event_set(&go_on);
    count_wait(&subject.calls, 2);
    cr_assert_eq(pawl_timer_cancel_sync(&subject.timer), -EALREADY);
    cr_assert_eq(calls(&subject), 2);
    finish(rt);
}

static void *cancel_sync(void *arg)
{
    struct subject *subject = arg;
    CHECK_EQ(pawl_timer_cancel_sync(&subject->timer), -EALREADY);
    CHECK(event_is_set(subject->hold));
    return NULL;
}

Test(cancel_sync, waits_for_the_callback_in_threads_and_tasks)
{
    static struct event go_on;
    struct subject subject;
    pthread_t threads[3];
    struct pawl_task *task;
    struct pawl_runtime *rt = start(2), *other = start(1);
    init(&subject)->hold = &go_on;
    cr_assert_eq(arm(rt, &subject, 0), 0);
    event_wait(&subject.called);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = thread_start(cancel_sync, &subject);
    task = spawn(other, cancel_sync, &subject);
    cr_assert_eq(pawl_join_until(task, in_ns(PAWL_MS(10)), NULL), -ETIMEDOUT);
    event_set(&go_on);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(threads[i]);
    join(task);
    finish(other);
    finish(rt);
}

Test(cancel_sync, lets_the_memory_go)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 2000; i++) {
        struct subject *subject = malloc(sizeof *subject);
        cr_assert_eq(arm(rt, init(subject), in_ns((uint64_t)(i % 4) * 15000)), 0);
        spin_until(in_ns((uint64_t)(i % 7) * 8000));
        int error = pawl_timer_cancel_sync(&subject->timer);
        cr_assert_eq(calls(subject), error == 0 ? 0 : 1);
        cr_assert(error == 0 || error == -EALREADY);
        memset((void *)subject, 0xee, sizeof *subject);
        free(subject);
    }
    finish(rt);
}

Test(timer, is_either_cancelled_or_fires)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 3000; i++) {
        struct subject subject;
        cr_assert_eq(arm(rt, init(&subject), in_ns((uint64_t)(i % 5) * 10000)), 0);
        spin_until(in_ns((uint64_t)(i % 11) * 5000));
        int error = pawl_timer_cancel(&subject.timer);
        cr_assert(error == 0 || error == -EALREADY);
        if (error != 0)
            settle(&subject);
        cr_assert_eq(calls(&subject), error == 0 ? 0 : 1);
        cr_assert_eq(pawl_timer_state(&subject.timer), error == 0 ? PAWL_TIMER_CANCELLED : PAWL_TIMER_FIRED);
    }
    finish(rt);
}

/* ---- from the callback ---- */

struct chain {
    struct pawl_timer timer;
    uint32_t left, calls; /* plain: callbacks of one timer follow each other */
    uint64_t step_ns;
    struct event done;
};

static void arm_again(struct pawl_timer *timer, void *arg, int status)
{
    struct chain *chain = arg;
    CHECK_EQ(status, 0);
    chain->calls++;
    if (--chain->left == 0) {
        event_set(&chain->done);
        return;
    }
    CHECK_EQ(pawl_timer_arm(NULL, timer, chain->step_ns == 0 ? 0 : in_ns(chain->step_ns)), 0);
    CHECK_EQ(pawl_timer_state(timer), PAWL_TIMER_PENDING);
    CHECK_EQ(pawl_timer_arm(NULL, timer, 0), -EBUSY);
}

Test(callback, may_arm_its_timer_again)
{
    static const uint64_t steps_ns[] = {0, 1000, 50000, 1000000};
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(steps_ns); i++) {
        static struct chain chain;
        memset((void *)&chain, 0, sizeof chain);
        chain.left = 100;
        chain.step_ns = steps_ns[i];
        pawl_timer_init(&chain.timer, arm_again, &chain);
        cr_assert_eq(pawl_timer_arm(rt, &chain.timer, 0), 0);
        event_wait(&chain.done);
        pawl_timer_cancel_sync(&chain.timer);
        cr_assert_eq(chain.calls, 100);
    }
    finish(rt);
}

static void arm_and_reconsider(struct pawl_timer *timer, void *arg, int status)
{
    (void)status;
    CHECK_EQ(pawl_timer_cancel(timer), -EALREADY);
    CHECK_EQ(pawl_timer_reset(timer, 0), -EALREADY);
    CHECK_EQ(pawl_timer_arm(NULL, timer, in_ns(HOUR_NS)), 0);
    CHECK_EQ(pawl_timer_reset(timer, in_ns(2 * HOUR_NS)), 0);
    CHECK_EQ(pawl_timer_reset(timer, 0), 0);
    CHECK_EQ(pawl_timer_cancel(timer), 0);
    CHECK_EQ(pawl_timer_arm(NULL, timer, in_ns(HOUR_NS)), 0);
    CHECK_EQ(pawl_timer_cancel_sync(timer), -EDEADLK);
    CHECK_EQ(pawl_timer_state(timer), PAWL_TIMER_PENDING);
    event_set(arg);
}

Test(callback, may_do_anything_to_its_timer_but_wait_for_itself)
{
    static struct pawl_timer timer;
    static struct event done;
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&timer, arm_and_reconsider, &done);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    event_wait(&done);
    cr_assert_eq(pawl_timer_cancel_sync(&timer), 0);
    cr_assert_eq(pawl_timer_state(&timer), PAWL_TIMER_CANCELLED);
    finish(rt);
}

static PAWL_ATOMIC(uint32_t) freed;

static void free_itself(struct pawl_timer *timer, void *arg, int status)
{
    CHECK_EQ(status, 0);
    CHECK(arg == timer);
    memset((void *)timer, 0xee, sizeof *timer);
    free(timer);
    fetch_add_acq_rel_u32(&freed, 1);
}

Test(callback, may_free_its_timer)
{
    enum { COUNT = 2000 };
    struct pawl_runtime *rt = start(2);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct pawl_timer *timer = malloc(sizeof *timer);
        pawl_timer_init(timer, free_itself, timer);
        cr_assert_eq(pawl_timer_arm(rt, timer, in_ns(i % 50 * 10000)), 0);
    }
    count_wait(&freed, COUNT);
    finish(rt);
}

static struct {
    struct pawl_timer timer;
    struct event called;
    bool canceled;
} stubborn;

static void arm_until_refused(struct pawl_timer *timer, void *arg, int status)
{
    uint64_t give_up_ns = in_ns(PATIENCE_NS);
    int error;
    (void)arg, (void)status;
    event_set(&stubborn.called);
    do {
        if ((error = pawl_timer_arm(NULL, timer, in_ns(HOUR_NS))) == 0)
            pawl_timer_cancel(timer);
    } while (error == 0 && pawl_now(NULL) < give_up_ns);
    CHECK_EQ(error, -ECANCELED);
    stubborn.canceled = error == -ECANCELED;
}

Test(cancel_sync, keeps_the_callback_from_arming_again)
{
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&stubborn.timer, arm_until_refused, NULL);
    for (int i = 0; i < 20; i++) {
        stubborn.canceled = false;
        store_release_u32(&stubborn.called.happened, 0);
        cr_assert_eq(pawl_timer_arm(rt, &stubborn.timer, 0), 0);
        event_wait(&stubborn.called);
        int error = pawl_timer_cancel_sync(&stubborn.timer);
        cr_assert(error == 0 || error == -EALREADY);
        cr_assert(stubborn.canceled);
        cr_assert_neq(pawl_timer_state(&stubborn.timer), PAWL_TIMER_PENDING);
    }
    finish(rt);
}
