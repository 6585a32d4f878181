/* The manual clock: what moves it, and which timers fire when. */
#include <string.h>

#include "harness.h"

static struct pawl_runtime *start_manual(int workers)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = workers;
    o.clock = PAWL_CLOCK_MANUAL;
    return start_with(&o);
}

static void advance(struct pawl_runtime *rt, uint64_t duration_ns)
{
    uint64_t before_ns = pawl_now(rt);
    cr_assert_eq(pawl_clock_advance(rt, duration_ns), 0);
    cr_assert_eq(pawl_now(rt), pawl_saturating_add(before_ns, duration_ns));
}

/* ---- the clock ---- */

Test(manual, clock_begins_at_0_and_stands_still)
{
    struct pawl_runtime *rt = start_manual(2);
    cr_assert_eq(pawl_now(rt), 0);
    spin_until(in_ns(PAWL_MS(2)));
    cr_assert_eq(pawl_now(rt), 0);
    advance(rt, 0);
    advance(rt, 1);
    advance(rt, PAWL_SEC(1));
    cr_assert_eq(pawl_now(rt), PAWL_SEC(1) + 1);
    finish(rt);
}

Test(manual, clock_stops_at_the_end_of_time)
{
    struct pawl_timer never, last;
    struct pawl_runtime *rt = start_manual(1);
    pawl_timer_init(&never, NULL, NULL);
    pawl_timer_init(&last, NULL, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &never, PAWL_NEVER), 0);
    cr_assert_eq(pawl_timer_arm(rt, &last, PAWL_NEVER - 1), 0);
    advance(rt, 1);
    advance(rt, PAWL_NEVER);
    cr_assert_eq(pawl_now(rt), PAWL_NEVER);
    cr_assert_eq(pawl_timer_state(&last), PAWL_TIMER_FIRED);
    cr_assert_eq(pawl_timer_state(&never), PAWL_TIMER_PENDING);
    advance(rt, 1);
    advance(rt, PAWL_NEVER);
    finish(rt);
    cr_assert_eq(pawl_timer_state(&never), PAWL_TIMER_SHUTDOWN);
}

Test(manual, calls_refuse_other_clocks_and_no_runtime)
{
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_clock_advance(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_clock_auto_advance(NULL, true), -EINVAL);
    cr_assert_eq(pawl_clock_advance(rt, 1), -EPERM);
    cr_assert_eq(pawl_clock_auto_advance(rt, true), -EPERM);
    finish(rt);
}

Test(manual, calls_refuse_a_runtime_that_is_shut_down)
{
    struct pawl_runtime *rt = start_manual(1);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(pawl_clock_advance(rt, 1), -ESHUTDOWN);
    cr_assert_eq(pawl_clock_auto_advance(rt, true), -ESHUTDOWN);
    cr_assert_eq(pawl_now(rt), 0);
    finish(rt);
}

/* ---- the order ---- */

enum { SHOTS = 3000, INSTANTS = 40 }; /* more of an instant than one turn fires, and an instant with none */

struct shot {
    struct pawl_timer timer;
    uint64_t deadline_ns;
    uint32_t armed_as; /* the how manieth arming or reset */
};

static struct shot shots[SHOTS];
static uint32_t armings, fired;
static const struct shot *order[SHOTS];

static void note(struct pawl_timer *timer, void *arg, int status)
{
    struct shot *shot = arg;
    CHECK(status == 0 && timer == &shot->timer);
    CHECK_EQ(pawl_now(NULL), shot->deadline_ns);
    order[fired++] = shot;
}

/* Most of them at one instant, the others at some others. */
static uint64_t draw_deadline(unsigned *seed)
{
    return PAWL_SEC(1) * (rand_r(seed) % 2 == 0 ? INSTANTS / 2 : 1 + (unsigned)rand_r(seed) % INSTANTS);
}

static void arm_shots(struct pawl_runtime *rt, unsigned seed)
{
    for (unsigned i = 0; i < SHOTS; i++) {
        struct shot *shot = &shots[i];
        *shot = (struct shot){.deadline_ns = draw_deadline(&seed), .armed_as = armings++};
        pawl_timer_init(&shot->timer, note, shot);
        cr_assert_eq(pawl_timer_arm(rt, &shot->timer, shot->deadline_ns), 0);
        struct shot *other = &shots[(unsigned)rand_r(&seed) % (i + 1)];
        if (rand_r(&seed) % 4 != 0)
            continue;
        other->deadline_ns = draw_deadline(&seed);
        other->armed_as = armings++;
        cr_assert_eq(pawl_timer_reset(&other->timer, other->deadline_ns), 0);
    }
}

static void expect_order(void)
{
    cr_assert_eq(fired, SHOTS);
    for (unsigned i = 1; i < SHOTS; i++) {
        const struct shot *a = order[i - 1], *b = order[i];
        cr_assert(a->deadline_ns < b->deadline_ns || (a->deadline_ns == b->deadline_ns && a->armed_as < b->armed_as));
    }
}

static void expect_order_with(int workers)
{
    struct pawl_runtime *rt = start_manual(workers);
    armings = fired = 0;
    arm_shots(rt, (unsigned)workers);
    advance(rt, PAWL_SEC(INSTANTS) - 1);
    cr_assert_lt(fired, SHOTS, "the last instant has not come");
    advance(rt, 1);
    expect_order();
    finish(rt);
}

Test(manual, timers_fire_by_deadline_and_then_in_the_order_of_arming)
{
    for (int workers = 1; workers <= 3; workers++)
        expect_order_with(workers);
}

Test(manual, timers_are_counted_once_though_workers_share_a_shard)
{
    struct pawl_metrics metrics;
    struct pawl_runtime *rt = start_manual(3);
    armings = fired = 0;
    arm_shots(rt, 1);
    advance(rt, PAWL_SEC(INSTANTS));
    cr_assert_eq(pawl_metrics_total(rt, &metrics, sizeof metrics), 0);
    cr_assert_eq(metrics.timers_armed, SHOTS);
    cr_assert_eq(metrics.timers_fired, SHOTS);
    finish(rt);
}

/* ---- what is armed meanwhile ---- */

static void arm_again(struct pawl_timer *timer, void *arg, int status)
{
    uint32_t *calls = arg;
    CHECK_EQ(status, 0);
    ++*calls;
    CHECK_EQ(pawl_now(NULL), PAWL_SEC(*calls));
    CHECK_EQ(pawl_timer_arm(NULL, timer, PAWL_SEC(*calls + 1)), 0);
}

Test(manual, timers_armed_in_a_callback_fire_in_the_same_advance)
{
    uint32_t calls = 0;
    struct pawl_timer timer;
    struct pawl_runtime *rt = start_manual(2);
    pawl_timer_init(&timer, arm_again, &calls);
    cr_assert_eq(pawl_timer_arm(rt, &timer, PAWL_SEC(1)), 0);
    advance(rt, PAWL_SEC(100));
    cr_assert_eq(calls, 100);
    cr_assert_eq(pawl_timer_cancel(&timer), 0);
    finish(rt);
}

static void arm_for_the_past(struct pawl_timer *timer, void *arg, int status)
{
    uint32_t *calls = arg;
    (void)status;
    if (++*calls < 5)
        CHECK_EQ(pawl_timer_arm(NULL, timer, pawl_now(NULL) - *calls), 0);
    else if (*calls < 10)
        CHECK_EQ(pawl_timer_arm(NULL, timer, pawl_now(NULL)), 0);
}

Test(manual, timers_armed_for_now_or_the_past_fire_before_the_clock_goes_on)
{
    uint32_t calls = 0;
    struct pawl_timer timer;
    struct pawl_runtime *rt = start_manual(2);
    pawl_timer_init(&timer, arm_for_the_past, &calls);
    cr_assert_eq(pawl_timer_arm(rt, &timer, PAWL_MS(10)), 0);
    advance(rt, PAWL_MS(10));
    cr_assert_eq(calls, 10);
    finish(rt);
}

static void set_event(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    event_set(arg);
}

Test(manual, timers_armed_for_now_fire_without_an_advance)
{
    struct event fired_now = {0};
    struct pawl_timer timer;
    struct pawl_runtime *rt = start_manual(1);
    pawl_timer_init(&timer, set_event, &fired_now);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    event_wait(&fired_now);
    cr_assert_eq(pawl_now(rt), 0);
    finish(rt);
}

Test(manual, clock_passes_cancelled_timers_by)
{
    struct pawl_timer timers[1000];
    struct pawl_runtime *rt = start_manual(1);
    for (unsigned i = 0; i < COUNT_OF(timers); i++) {
        pawl_timer_init(&timers[i], note, NULL);
        cr_assert_eq(pawl_timer_arm(rt, &timers[i], PAWL_MS(i + 1)), 0);
    }
    for (unsigned i = 0; i < COUNT_OF(timers); i++)
        cr_assert_eq(pawl_timer_cancel(&timers[i]), 0);
    advance(rt, PAWL_SEC(2));
    finish(rt);
}

/* ---- who may advance ---- */

static void advance_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    CHECK_EQ(pawl_clock_advance(NULL, 1), -EDEADLK);
    CHECK_EQ(pawl_clock_auto_advance(NULL, false), 0);
    event_set(arg);
}

Test(manual, clock_is_not_to_be_advanced_from_a_callback)
{
    struct event called = {0};
    struct pawl_timer timer;
    struct pawl_runtime *rt = start_manual(1);
    pawl_timer_init(&timer, advance_in_callback, &called);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 1), 0);
    advance(rt, 1);
    cr_assert(event_is_set(&called));
    finish(rt);
}

static enum pawl_poll advance_in_poll(struct pawl_context *cx, void *state)
{
    (void)cx, (void)state;
    CHECK_EQ(pawl_clock_advance(NULL, 1), -EDEADLK);
    return PAWL_READY;
}

Test(manual, clock_is_not_to_be_advanced_from_a_poll)
{
    struct pawl_task *task;
    struct pawl_runtime *rt = start_manual(1);
    cr_assert_eq(pawl_spawn_poll(rt, advance_in_poll, NULL, &task), 0);
    cr_assert_eq(pawl_join(task, NULL), 0);
    cr_assert_eq(pawl_now(rt), 0);
    finish(rt);
}

static void *advance_often(void *rt)
{
    for (int i = 0; i < 200; i++)
        CHECK_EQ(pawl_clock_advance(rt, PAWL_MS(1)), 0);
    return NULL;
}

Test(manual, advances_at_once_take_their_turns)
{
    struct pawl_task *tasks[3];
    pthread_t threads[3];
    struct pawl_runtime *rt = start_manual(2);
    for (int i = 0; i < 3; i++) {
        threads[i] = thread_start(advance_often, rt);
        tasks[i] = spawn(rt, advance_often, rt);
    }
    for (int i = 0; i < 3; i++) {
        thread_join(threads[i]);
        join(tasks[i]);
    }
    cr_assert_eq(pawl_now(rt), PAWL_MS(6 * 200));
    finish(rt);
}

static void *advance_other(void *arg)
{
    CHECK_EQ(pawl_clock_advance(arg, PAWL_SEC(1)), 0);
    CHECK(pawl_now(NULL) > PAWL_SEC(1) || pawl_now(arg) == PAWL_SEC(1));
    return NULL;
}

Test(manual, clock_is_advanced_from_another_runtime)
{
    struct pawl_runtime *rt = start_manual(1), *other = start(1);
    run(other, advance_other, rt);
    cr_assert_eq(pawl_now(rt), PAWL_SEC(1));
    finish(other);
    finish(rt);
}

/* ---- the end ---- */

static void note_status(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    *(int *)arg = *(int *)arg == 1 ? status : 2;
}

Test(manual, timers_that_pend_at_shutdown_are_completed_once_and_the_clock_stays)
{
    enum { TIMERS = 100 };
    struct pawl_timer timers[TIMERS];
    int status[TIMERS];
    struct pawl_runtime *rt = start_manual(2);
    for (unsigned i = 0; i < TIMERS; i++) {
        status[i] = 1;
        pawl_timer_init(&timers[i], note_status, &status[i]);
        cr_assert_eq(pawl_timer_arm(rt, &timers[i], PAWL_SEC(i / 2 + 1)), 0);
    }
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    for (unsigned i = 0; i < TIMERS; i++)
        cr_assert_eq(status[i], -ESHUTDOWN);
    cr_assert_eq(pawl_now(rt), 0);
    finish(rt);
}

static void *clean_up_for_a_day(void *arg)
{
    (void)arg;
    CHECK_EQ(pawl_sleep(HOUR_NS), -ESHUTDOWN);
    pawl_shield_begin();
    CHECK_EQ(pawl_sleep(24 * HOUR_NS), 0);
    pawl_shield_end();
    return NULL;
}

Test(manual, clock_moves_by_itself_for_who_cleans_up_at_shutdown)
{
    struct pawl_runtime *rt = start_manual(2);
    for (int i = 0; i < 10; i++)
        pawl_detach(spawn(rt, clean_up_for_a_day, NULL));
    advance(rt, 1);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_geq(pawl_now(rt), 24 * HOUR_NS);
    finish(rt);
}
