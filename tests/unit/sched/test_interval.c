/* Intervals: ticks are delivered in order, with the time they were due, and what is missed goes by the policy. */
#include "harness.h"

enum { PERIOD_NS = 1000000 };

static struct pawl_interval interval_of(uint64_t first_ns, uint64_t period_ns, enum pawl_missed_tick policy)
{
    struct pawl_interval iv;
    pawl_interval_init(&iv, first_ns, period_ns, policy);
    return iv;
}

/* The next tick's time. */
static uint64_t tick(struct pawl_interval *iv)
{
    uint64_t scheduled_ns = 0;
    CHECK_EQ(pawl_interval_tick(iv, &scheduled_ns), 0);
    CHECK(pawl_now(NULL) >= scheduled_ns);
    return scheduled_ns;
}

Test(interval, refuses_what_is_none)
{
    uint64_t scheduled_ns = 77;
    struct pawl_interval iv = interval_of(0, 0, PAWL_MISSED_SKIP);
    cr_assert_eq(pawl_interval_tick(&iv, &scheduled_ns), -EINVAL);
    iv = interval_of(0, 1, (enum pawl_missed_tick)3);
    cr_assert_eq(pawl_interval_tick(&iv, &scheduled_ns), -EINVAL);
    cr_assert_eq(pawl_interval_tick(NULL, &scheduled_ns), -EINVAL);
    cr_assert_eq(scheduled_ns, 77);
    pawl_interval_init(NULL, 0, 1, PAWL_MISSED_SKIP);
}

static void *tick_in_time(void *arg)
{
    uint64_t first_ns = pawl_now(NULL) + PERIOD_NS;
    struct pawl_interval iv = interval_of(first_ns, PERIOD_NS, PAWL_MISSED_BURST);
    for (uint64_t i = 0; i < 10; i++)
        CHECK_EQ(tick(&iv), first_ns + i * PERIOD_NS);
    CHECK_EQ(pawl_interval_tick(&iv, NULL), 0);
    CHECK_EQ(tick(&iv), first_ns + 11 * PERIOD_NS);
    return arg;
}

Test(interval, ticks_for_tasks_and_threads)
{
    struct pawl_runtime *rt = start(1);
    run(rt, tick_in_time, NULL);
    tick_in_time(NULL);
    finish(rt);
}

static void *burst(void *arg)
{
    uint64_t first_ns = pawl_now(NULL) - 10 * PERIOD_NS;
    struct pawl_interval iv = interval_of(first_ns, PERIOD_NS, PAWL_MISSED_BURST);
    for (uint64_t i = 0; i < 13; i++)
        CHECK_EQ(tick(&iv), first_ns + i * PERIOD_NS);
    return arg;
}

static void *delay(void *arg)
{
    uint64_t first_ns = pawl_now(NULL) - 10 * PERIOD_NS - 7;
    struct pawl_interval iv = interval_of(first_ns, PERIOD_NS, PAWL_MISSED_DELAY);
    uint64_t before_ns = pawl_now(NULL);
    CHECK_EQ(tick(&iv), first_ns);
    uint64_t after_ns = pawl_now(NULL), second_ns = tick(&iv);
    CHECK(second_ns >= before_ns + PERIOD_NS && second_ns <= after_ns + PERIOD_NS);
    CHECK(tick(&iv) >= second_ns + PERIOD_NS);
    return arg;
}

static void *skip(void *arg)
{
    uint64_t first_ns = pawl_now(NULL) - 10 * PERIOD_NS - 7;
    struct pawl_interval iv = interval_of(first_ns, PERIOD_NS, PAWL_MISSED_SKIP);
    CHECK_EQ(tick(&iv), first_ns);
    for (int i = 0; i < 3; i++) {
        tick(&iv);
        spin_until(in_ns(7 * PERIOD_NS / 2));
        uint64_t before_ns = pawl_now(NULL), late_ns = tick(&iv);
        uint64_t after_ns = pawl_now(NULL), next_ns = tick(&iv);
        CHECK_EQ((late_ns - first_ns) % PERIOD_NS, 0);
        CHECK_EQ((next_ns - first_ns) % PERIOD_NS, 0);
        CHECK(late_ns < before_ns && next_ns > before_ns && next_ns <= after_ns + PERIOD_NS);
    }
    return arg;
}

Test(interval, goes_on_by_its_policy)
{
    static pawl_task_fn *const policies[] = {burst, delay, skip};
    struct pawl_runtime *rt = start(1);
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        run(rt, policies[i], NULL);
        policies[i](NULL);
    }
    finish(rt);
}

Test(interval, does_not_overflow)
{
    for (int policy = PAWL_MISSED_BURST; policy <= PAWL_MISSED_SKIP; policy++) {
        struct pawl_interval iv = interval_of(1, PAWL_NEVER, (enum pawl_missed_tick)policy);
        cr_assert_eq(tick(&iv), 1);
        cr_assert_eq(pawl_interval_tick_until(&iv, NULL, in_ns(PAWL_MS(1))), -ETIMEDOUT);
        iv = interval_of(PAWL_NEVER, 1, (enum pawl_missed_tick)policy);
        cr_assert_eq(pawl_interval_tick_until(&iv, NULL, 0), -ETIMEDOUT);
    }
    struct pawl_interval iv = interval_of(0, UINT64_C(1) << 63, PAWL_MISSED_SKIP);
    cr_assert_eq(tick(&iv), 0);
    cr_assert_eq(pawl_interval_tick_until(&iv, NULL, 0), -ETIMEDOUT);
}

/* ---- cut short ---- */

static void *tick_in_vain(void *arg)
{
    return pointer_of(pawl_interval_tick(arg, NULL));
}

static void *lose_no_tick(void *arg)
{
    uint64_t far_ns = pawl_now(NULL) + HOUR_NS, scheduled_ns;
    void *error = NULL;
    struct pawl_interval iv = interval_of(far_ns, PERIOD_NS, PAWL_MISSED_BURST);
    CHECK_EQ(pawl_interval_tick_until(&iv, NULL, pawl_now(NULL) + PAWL_US(100)), -ETIMEDOUT);
    CHECK_EQ(pawl_interval_tick_until(&iv, NULL, 0), -ETIMEDOUT);
    CHECK_EQ(pawl_timeout(PAWL_US(100), tick_in_vain, &iv, &error), -ETIMEDOUT);
    CHECK(error == pointer_of(-ETIMEDOUT));

    uint64_t first_ns = pawl_now(NULL) + PAWL_MS(3);
    iv = interval_of(first_ns, PERIOD_NS, PAWL_MISSED_BURST);
    int result;
    while ((result = pawl_interval_tick_until(&iv, &scheduled_ns, pawl_now(NULL) + PAWL_US(100))) == -ETIMEDOUT) {
    }
    CHECK(result == 0 && scheduled_ns == first_ns);
    spin_until(first_ns + 5 * PERIOD_NS);
    for (uint64_t i = 1; i <= 5; i++) { /* due: so it does not matter that the deadline has passed */
        CHECK_EQ(pawl_interval_tick_until(&iv, &scheduled_ns, 0), 0);
        CHECK_EQ(scheduled_ns, first_ns + i * PERIOD_NS);
    }
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK_EQ(pawl_interval_tick(&iv, NULL), -ECANCELED);
    return arg;
}

Test(interval, loses_no_tick_when_it_is_cut_short)
{
    struct pawl_runtime *rt = start(2);
    run(rt, lose_no_tick, NULL);
    finish(rt);
}

static struct event asked[2];

static void tick_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    struct pawl_interval iv = interval_of(0, 1, PAWL_MISSED_BURST);
    (void)timer, (void)arg, (void)status;
    CHECK_EQ(pawl_interval_tick(&iv, NULL), -EDEADLK);
    event_set(&asked[0]);
}

static enum pawl_poll tick_in_poll(struct pawl_context *cx, void *state)
{
    struct pawl_interval iv = interval_of(0, 1, PAWL_MISSED_BURST);
    (void)cx, (void)state;
    CHECK_EQ(pawl_interval_tick(&iv, NULL), -EDEADLK);
    event_set(&asked[1]);
    return PAWL_READY;
}

Test(interval, is_refused_where_nothing_may_suspend)
{
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(1);
    pawl_timer_init(&timer, tick_in_callback, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_spawn_poll(rt, tick_in_poll, NULL, NULL), 0);
    event_wait(&asked[0]);
    event_wait(&asked[1]);
    finish(rt);
}

static PAWL_ATOMIC(uint32_t) other_ran;

static void *run_beside(void *arg)
{
    store_release_u32(&other_ran, 1);
    return arg;
}

static void *tick_for_long(void *arg)
{
    struct pawl_interval iv = interval_of(0, 1, PAWL_MISSED_BURST);
    struct pawl_task *other = spawn(NULL, run_beside, NULL);
    uint64_t give_up_ns = in_ns(PATIENCE_NS);
    while (load_acquire_u32(&other_ran) == 0 && pawl_now(NULL) < give_up_ns)
        CHECK_EQ(pawl_interval_tick(&iv, NULL), 0); /* always due */
    CHECK(load_acquire_u32(&other_ran) == 1);
    join(other);
    return arg;
}

Test(interval, leaves_others_their_share)
{
    struct pawl_runtime *rt = start(1);
    run(rt, tick_for_long, NULL);
    finish(rt);
}

static void *tick_at_shutdown(void *arg)
{
    struct pawl_interval iv = interval_of(pawl_now(NULL) + HOUR_NS, HOUR_NS, PAWL_MISSED_SKIP);
    event_set(arg);
    CHECK_EQ(pawl_interval_tick(&iv, NULL), -ESHUTDOWN);
    return NULL;
}

Test(interval, is_cut_short_by_the_shutdown)
{
    static struct event begun;
    struct pawl_runtime *rt = start(1);
    pawl_detach(spawn(rt, tick_at_shutdown, &begun));
    event_wait(&begun);
    finish(rt);
}
