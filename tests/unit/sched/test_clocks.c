/* Clocks of a runtime: BOOTTIME, and a caller's, which goes as it likes. The manual one has tests of its own. */
#include <time.h>

#include "harness.h"

#define YEAR_NS (365 * 24 * HOUR_NS)

static uint64_t real_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return PAWL_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static uint64_t boottime_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return PAWL_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

/* A caller's clock: this many nanoseconds more than CLOCK_MONOTONIC, or standing still. */
static PAWL_ATOMIC(uint64_t) ahead_ns, still_at_ns, readings;

static uint64_t read_clock(void *context)
{
    CHECK(context == &ahead_ns);
    fetch_add_acq_rel_u64(&readings, 1);
    uint64_t still_ns = load_acquire_u64(&still_at_ns);
    return still_ns != 0 ? still_ns : real_now_ns() + load_acquire_u64(&ahead_ns);
}

static void set_ahead(uint64_t ns)
{
    store_release_u64(&ahead_ns, ns);
}

static void stand_still(uint64_t instant_ns)
{
    store_release_u64(&still_at_ns, instant_ns);
}

static struct pawl_runtime *start_clock(enum pawl_clock clock, int workers)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = workers;
    o.clock = clock;
    if (clock == PAWL_CLOCK_CUSTOM) {
        o.clock_now = read_clock;
        o.clock_context = (void *)&ahead_ns;
    }
    return start_with(&o);
}

Test(clocks, that_do_not_exist_or_lack_their_function_are_refused)
{
    struct pawl_options o;
    struct pawl_runtime *rt;
    pawl_options_init(&o);
    o.clock = PAWL_CLOCK_CUSTOM;
    cr_assert_eq(pawl_runtime_create(&rt, &o), -EINVAL);
    o.clock_now = read_clock;
    for (int clock = -1; clock <= PAWL_CLOCK_MANUAL + 1; clock++) {
        o.clock = (enum pawl_clock)clock;
        if (clock != PAWL_CLOCK_CUSTOM)
            cr_assert_eq(pawl_runtime_create(&rt, &o), -EINVAL, "clock %d", clock);
    }
    o.clock_now = NULL;
    for (int clock = -1; clock <= PAWL_CLOCK_MANUAL + 1; clock += PAWL_CLOCK_MANUAL + 2) {
        o.clock = (enum pawl_clock)clock;
        cr_assert_eq(pawl_runtime_create(&rt, &o), -EINVAL, "clock %d", clock);
    }
}

/* ---- BOOTTIME ---- */

static void *sleep_some(void *arg)
{
    static const uint64_t durations_ns[] = {0, 1, 1000, 32768, 100000, 1000000, 3000000};
    (void)arg;
    for (size_t i = 0; i < COUNT_OF(durations_ns); i++) {
        uint64_t before_ns = boottime_ns();
        CHECK_EQ(pawl_sleep(durations_ns[i]), 0);
        CHECK(boottime_ns() >= before_ns + durations_ns[i]);
        before_ns = pawl_now(NULL);
        CHECK(boottime_ns() >= before_ns);
        CHECK_EQ(pawl_suspend_until(before_ns + durations_ns[i]), -ETIMEDOUT);
        CHECK(pawl_now(NULL) >= before_ns + durations_ns[i]);
    }
    return NULL;
}

Test(clocks, boottime_is_what_sleeps_and_deadlines_are_on)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start_clock(PAWL_CLOCK_BOOTTIME, workers);
        uint64_t before_ns = boottime_ns(), now_ns = pawl_now(rt);
        cr_assert(before_ns <= now_ns && now_ns <= boottime_ns());
        run(rt, sleep_some, NULL);
        finish(rt);
    }
}

static void set_event(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    if (status == 0)
        event_set(arg);
}

static void expect_to_fire(struct pawl_runtime *rt, uint64_t deadline_ns)
{
    struct event fired = {0};
    struct pawl_timer timer;
    pawl_timer_init(&timer, set_event, &fired);
    cr_assert_eq(pawl_timer_arm(rt, &timer, deadline_ns), 0);
    event_wait(&fired);
    cr_assert_eq(pawl_timer_cancel_sync(&timer), -EALREADY);
}

/* The alarm of an idle driver is set to earlier, to later, and to nothing. */
Test(clocks, boottime_timers_fire_however_the_next_deadline_moves)
{
    struct pawl_timer far;
    struct pawl_runtime *rt = start_clock(PAWL_CLOCK_BOOTTIME, 1);
    pawl_timer_init(&far, NULL, NULL);
    for (unsigned i = 0; i < 20; i++) {
        cr_assert_eq(pawl_timer_arm(rt, &far, boottime_ns() + (i % 2 == 0 ? HOUR_NS : PAWL_NEVER / 2)), 0);
        expect_to_fire(rt, boottime_ns() + PAWL_US(100) * i);
        cr_assert_eq(pawl_timer_reset(&far, boottime_ns() + PAWL_MS(1)), 0);
        expect_to_fire(rt, boottime_ns() + PAWL_US(500));
        if (pawl_timer_cancel(&far) != 0)
            cr_assert_eq(pawl_timer_state(&far), PAWL_TIMER_FIRED);
        expect_to_fire(rt, 0);
    }
    finish(rt);
}

/* ---- a caller's ---- */

static void *sleep_a_little(void *arg)
{
    (void)arg;
    uint64_t before_ns = pawl_now(NULL);
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    CHECK(pawl_now(NULL) - before_ns >= PAWL_MS(1));
    return NULL;
}

Test(clocks, of_a_caller_are_what_sleeps_are_on)
{
    set_ahead(YEAR_NS);
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start_clock(PAWL_CLOCK_CUSTOM, workers);
        cr_assert_geq(pawl_now(rt), YEAR_NS);
        for (int i = 0; i < 5; i++)
            run(rt, sleep_a_little, NULL);
        finish(rt);
    }
}

enum { TIMERS = 2000 };
static struct pawl_timer timers[TIMERS];
static uint64_t deadlines_ns[TIMERS];
static PAWL_ATOMIC(uint32_t) calls[TIMERS];

static void note(struct pawl_timer *timer, void *arg, int status)
{
    size_t i = (size_t)(timer - timers);
    (void)arg;
    CHECK(status != 0 || pawl_now(NULL) >= deadlines_ns[i] || load_acquire_u64(&ahead_ns) < YEAR_NS);
    fetch_add_acq_rel_u32(&calls[i], 1);
}

static uint32_t all_calls(void)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < TIMERS; i++)
        sum += load_acquire_u32(&calls[i]);
    return sum;
}

/* From an hour to a day ahead. */
static void arm_all(struct pawl_runtime *rt)
{
    for (unsigned i = 0; i < TIMERS; i++) {
        pawl_timer_init(&timers[i], note, NULL);
        store_release_u32(&calls[i], 0);
        deadlines_ns[i] = pawl_now(rt) + HOUR_NS + i * HOUR_NS / 100;
        cr_assert_eq(pawl_timer_arm(rt, &timers[i], deadlines_ns[i]), 0);
    }
}

Test(clocks, that_jump_a_year_forth_and_back_do_no_harm)
{
    struct pawl_runtime *rt = start_clock(PAWL_CLOCK_CUSTOM, 2);
    for (int i = 0; i < 3; i++) {
        set_ahead(0);
        arm_all(rt);
        expect_to_fire(rt, pawl_now(rt) + PAWL_MS(1));
        cr_assert_eq(all_calls(), 0);
        set_ahead(YEAR_NS);
        expect_to_fire(rt, pawl_now(rt) + PAWL_MS(1));
        for (unsigned k = 0; k < TIMERS; k++)
            count_wait(&calls[k], 1);
        arm_all(rt);
        set_ahead(0);
        for (unsigned k = 0; k < 5; k++) /* not in a year's time */
            run(rt, sleep_a_little, NULL);
        cr_assert_eq(all_calls(), 0);
        for (unsigned k = 0; k < TIMERS; k++)
            cr_assert_eq(pawl_timer_cancel(&timers[k]), 0);
    }
    finish(rt);
}

Test(clocks, that_go_backward_again_and_again_bring_all_timers_in_the_end)
{
    struct pawl_runtime *rt = start_clock(PAWL_CLOCK_CUSTOM, 2);
    set_ahead(YEAR_NS);
    arm_all(rt);
    for (unsigned i = 1; i < 100; i++) {
        set_ahead(YEAR_NS - PAWL_MS(i * i));
        run(rt, sleep_a_little, NULL);
    }
    cr_assert_eq(all_calls(), 0);
    set_ahead(YEAR_NS + 100 * HOUR_NS);
    expect_to_fire(rt, 0);
    for (unsigned i = 0; i < TIMERS; i++)
        count_wait(&calls[i], 1);
    cr_assert_eq(all_calls(), TIMERS);
    finish(rt);
}

/* It is looked at, but ever less often. */
Test(clocks, that_stand_still_keep_nobody_busy_and_may_go_on)
{
    struct event fired = {0};
    struct pawl_timer timer;
    struct pawl_runtime *rt = start_clock(PAWL_CLOCK_CUSTOM, 1);
    stand_still(PAWL_SEC(1));
    pawl_timer_init(&timer, set_event, &fired);
    cr_assert_eq(pawl_timer_arm(rt, &timer, PAWL_SEC(1) + 1), 0);
    uint64_t before = load_acquire_u64(&readings), began_ns = real_now_ns();
    spin_until(in_ns(PAWL_MS(200)));
    uint64_t naps = (real_now_ns() - began_ns) / PAWL_MS(10); /* a driver's longest, four readings each */
    cr_assert_leq(load_acquire_u64(&readings) - before, 100 + 4 * naps);
    cr_assert(!event_is_set(&fired));
    stand_still(PAWL_SEC(1) + PAWL_MS(1));
    event_wait(&fired);
    finish(rt);
}

Test(clocks, that_have_come_to_the_end_of_time_do_no_harm)
{
    struct pawl_timer never;
    struct pawl_runtime *rt = start_clock(PAWL_CLOCK_CUSTOM, 2);
    pawl_timer_init(&never, NULL, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &never, PAWL_NEVER), 0);
    for (uint64_t before = 2; before-- > 0;) {
        stand_still(PAWL_NEVER - before);
        expect_to_fire(rt, PAWL_NEVER - PAWL_MS(1)); /* some ticks before the end */
        expect_to_fire(rt, 0);
    }
    cr_assert_eq(pawl_timer_state(&never), PAWL_TIMER_PENDING);
    stand_still(1);
    expect_to_fire(rt, 0);
    finish(rt);
}
