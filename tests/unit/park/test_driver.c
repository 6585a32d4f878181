/* The driver: its try-lock, what it sleeps toward, and who wakes it. */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "park/driver.h"

enum { SHARDS = 3, LEVELS = 7, TICK_NS = 1000 };

static uint64_t now_ns = 1000000;
static struct clock test_clock;
static struct fences fences;
static struct wheel_level levels[SHARDS][LEVELS];
static struct shard shards[SHARDS];
static struct driver driver;

static uint64_t read_now(void *context)
{
    (void)context;
    return now_ns;
}

static void init(void)
{
    test_clock = (struct clock){.now_ns = read_now, .tick_ns = TICK_NS};
    pawl__fences_init(&fences);
    for (unsigned i = 0; i < SHARDS; i++)
        pawl__shard_init(&shards[i], &test_clock, i + 1, levels[i], LEVELS);
    cr_assert_eq(pawl__driver_init(&driver, &test_clock, &fences, shards, SHARDS), 0);
}

static void fini(void)
{
    pawl__driver_fini(&driver);
}

TestSuite(driver, .init = init, .fini = fini);

static unsigned fired;

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    fired++;
}

/* As a thread that is no worker does it. */
static void arm(unsigned shard, struct timer_entry *entry, uint64_t deadline_ns)
{
    entry_init_callback(entry, on_fire, NULL);
    enum shard_answer answer =
        pawl__shard_arm(&shards[shard], entry, clock_tick_of_deadline(&test_clock, deadline_ns), false);
    cr_assert(answer == SHARD_DONE || answer == SHARD_DONE_EARLIER);
    if (answer == SHARD_DONE_EARLIER)
        pawl__driver_deadline_moved(&driver, deadline_ns, false);
}

/* Was the descriptor written since it was last asked? */
static bool was_woken(void)
{
    uint64_t count;
    struct pollfd fd = {.fd = driver.reactor.wake_fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1 && read(driver.reactor.wake_fd, &count, sizeof count) > 0;
}

/* ---- the try-lock ---- */

Test(driver, is_held_by_one)
{
    for (int i = 0; i < 3; i++) {
        cr_assert(pawl__driver_try_lock(&driver));
        cr_assert_not(pawl__driver_try_lock(&driver));
        pawl__driver_unlock(&driver);
    }
}

static PAWL_ATOMIC(uint32_t) inside;
static uint64_t held_count; /* plain: the lock guards it, ThreadSanitizer looks on */

static void *hold_often(void *arg)
{
    for (int i = 0; i < 20000;) {
        if (!pawl__driver_try_lock(&driver))
            continue;
        if (fetch_add_acq_rel_u32(&inside, 1) != 0)
            arg = &driver; /* two at once */
        held_count++;
        fetch_add_acq_rel_u32(&inside, UINT32_MAX);
        pawl__driver_unlock(&driver);
        i++;
    }
    return arg;
}

Test(driver, is_held_by_one_of_several_threads)
{
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, hold_often, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        void *wrong = NULL;
        cr_assert_eq(pthread_join(threads[i], &wrong), 0);
        cr_assert_null(wrong);
    }
    cr_assert_eq(held_count, 60000);
}

/* ---- what it sleeps toward ---- */

Test(driver, sleeps_toward_the_earliest_of_all_shards)
{
    struct timer_entry entries[SHARDS];
    cr_assert_eq(pawl__driver_prepare(&driver, true), PAWL_NEVER);
    pawl__driver_awake(&driver);
    arm(0, &entries[0], 3000000);
    cr_assert_eq(pawl__driver_prepare(&driver, true), 3000000);
    pawl__driver_awake(&driver);
    arm(2, &entries[2], 2000000);
    arm(1, &entries[1], 4000000);
    cr_assert_eq(pawl__driver_prepare(&driver, true), 2000000);
    pawl__driver_awake(&driver);
    cr_assert_eq(pawl__shard_cancel(&shards[2], &entries[2]), SHARD_DONE);
    cr_assert_eq(pawl__driver_prepare(&driver, true), 3000000, "not toward what was cancelled");
    pawl__driver_awake(&driver);
    cr_assert_eq(entry_extend(&entries[0], 9000), ENTRY_EXTENDED);
    cr_assert_eq(pawl__driver_prepare(&driver, true), 4000000, "not toward what was pushed later");
    pawl__driver_awake(&driver);
}

Test(driver, sleeps_not_at_all_past_what_is_due)
{
    struct timer_entry entry;
    arm(1, &entry, 0);
    uint64_t wake_at = pawl__driver_prepare(&driver, true);
    cr_assert_leq(wake_at, now_ns);
    cr_assert_neq(wake_at, 0, "0 says awake");
    cr_assert(pawl__driver_due(&driver, now_ns));
    pawl__driver_awake(&driver);
}

Test(driver, sees_what_was_armed_after_it_prepared)
{
    struct timer_entry later, earlier;
    arm(0, &later, 3000000);
    uint64_t wake_at = pawl__driver_prepare(&driver, true);
    cr_assert(pawl__driver_unchanged(&driver, wake_at));
    arm(1, &earlier, 2999000);
    cr_assert_not(pawl__driver_unchanged(&driver, wake_at));
    pawl__driver_awake(&driver);
}

Test(driver, knows_what_is_due)
{
    struct timer_entry entry;
    cr_assert_not(pawl__driver_due(&driver, UINT64_MAX - 1));
    arm(2, &entry, 3000000);
    cr_assert_not(pawl__driver_due(&driver, 2999999));
    cr_assert(pawl__driver_due(&driver, 3000000));
    cr_assert(pawl__driver_due(&driver, UINT64_MAX));
}

/* ---- who wakes it ---- */

Test(driver, that_sleeps_is_woken_by_an_earlier_deadline_once)
{
    struct timer_entry entries[4];
    arm(0, &entries[0], 5000000);
    cr_assert_not(was_woken(), "it was awake");
    cr_assert_eq(pawl__driver_prepare(&driver, true), 5000000);
    arm(1, &entries[1], 6000000);
    cr_assert_not(was_woken(), "a later deadline");
    arm(1, &entries[2], 4000000);
    cr_assert(was_woken());
    arm(2, &entries[3], 3000000);
    cr_assert_not(was_woken(), "it is on its way");
    pawl__driver_awake(&driver);
    cr_assert_eq(pawl__driver_prepare(&driver, true), 3000000);
    pawl__driver_awake(&driver);
}

Test(driver, that_sleeps_for_ever_is_woken_by_the_first_deadline)
{
    struct timer_entry entry;
    cr_assert_eq(pawl__driver_prepare(&driver, true), PAWL_NEVER);
    arm(0, &entry, UINT64_MAX / 2);
    cr_assert(was_woken());
    pawl__driver_awake(&driver);
}

Test(driver, that_sleeps_is_not_woken_by_a_deadline_that_equals_its_own)
{
    struct timer_entry first, second, never;
    arm(0, &first, 5000000);
    cr_assert_eq(pawl__driver_prepare(&driver, true), 5000000);
    arm(1, &second, 5000000);
    cr_assert_not(was_woken());
    arm(2, &never, PAWL_NEVER);
    cr_assert_not(was_woken());
    pawl__driver_awake(&driver);
}

Test(driver, that_is_awake_is_not_written_to)
{
    static struct timer_entry entries[100];
    for (uint64_t i = 0; i < 100; i++)
        arm((unsigned)(i % SHARDS), &entries[i], 5000000 - i * 1000);
    cr_assert_not(was_woken());
    cr_assert_eq(pawl__driver_prepare(&driver, true), 5000000 - 99 * 1000);
    pawl__driver_awake(&driver);
    cr_assert_eq(load_acquire_u64(&driver.wake_at), 0);
}

Test(driver, looks_again_soon_beside_others)
{
    struct timer_entry near, far;
    test_clock.now_ns = NULL;
    uint64_t began_ns = monotonic_now_ns(), near_ns = began_ns + DRIVER_BESIDE_NS / 2;
    cr_assert_eq(pawl__driver_prepare(&driver, true), PAWL_NEVER);
    uint64_t look_ns = pawl__driver_prepare(&driver, false);
    cr_assert(look_ns >= began_ns + DRIVER_BESIDE_NS && look_ns <= monotonic_now_ns() + DRIVER_BESIDE_NS);
    arm(0, &far, look_ns + 1000000000);
    cr_assert_not(was_woken(), "it is not told of a timer that is further ahead");
    arm(1, &near, near_ns);
    cr_assert(was_woken());
    cr_assert_leq(pawl__driver_prepare(&driver, false), near_ns + TICK_NS);
    pawl__driver_awake(&driver);
}

Test(driver, does_not_look_again_on_a_clock_of_unknown_speed)
{
    cr_assert_eq(pawl__driver_prepare(&driver, false), PAWL_NEVER);
    pawl__driver_awake(&driver);
}

/* ---- turning ---- */

/* The spacing after a window of DRIVER_WINDOW_NS in which so many timers fired. */
static uint64_t spacing_after(unsigned count)
{
    static struct timer_entry entries[200];
    now_ns += DRIVER_WINDOW_NS;
    for (unsigned i = 0; i < count; i++)
        arm(i % SHARDS, &entries[i], now_ns);
    driver.window_began_ns = now_ns - DRIVER_WINDOW_NS;
    pawl__driver_turn(&driver, now_ns, false);
    return driver.spacing_ns;
}

Test(driver, spaces_its_turns_when_timers_come_thick)
{
    test_clock.now_ns = NULL; /* then the time that it is given is real */
    cr_assert_eq(spacing_after(0), 0);
    cr_assert_eq(spacing_after(DRIVER_CALM_RATE), 0);
    uint64_t some = spacing_after(DRIVER_CALM_RATE + 20);
    cr_assert(some > 0 && some < DRIVER_SPACING_MAX_NS);
    cr_assert_eq(spacing_after(200), DRIVER_SPACING_MAX_NS);
    cr_assert_eq(spacing_after(0), 0);
}

Test(driver, tells_which_shards_nobody_got_round_to)
{
    struct timer_entry late, in_time;
    arm(0, &late, now_ns);
    now_ns += DRIVER_OVERDUE_NS;
    arm(1, &in_time, now_ns - TICK_NS);
    cr_assert_eq(pawl__driver_turn(&driver, now_ns, false), 1);
    cr_assert_eq(pawl__driver_turn(&driver, now_ns, false), 0);
}

Test(driver, turns_all_shards_in_which_something_is_due)
{
    struct timer_entry entries[SHARDS], later;
    for (unsigned i = 0; i < SHARDS; i++)
        arm(i, &entries[i], 2000000 + i * 1000);
    arm(0, &later, 9000000);
    pawl__driver_turn(&driver, 1999999, false);
    cr_assert_eq(fired, 0);
    uint64_t before_ns = monotonic_now_ns();
    pawl__driver_turn(&driver, 2001000, false);
    cr_assert_eq(fired, 2);
    cr_assert_geq(pawl__driver_turned_at(&driver), before_ns, "in real time, whatever the clock");
    pawl__driver_turn(&driver, 2002000, false);
    cr_assert_eq(fired, 3);
    cr_assert_eq(pawl__driver_prepare(&driver, true), 9000000);
    pawl__driver_awake(&driver);
}

static uint64_t fired_of(unsigned shard)
{
    return load_relaxed_u64(&shards[shard].fired);
}

Test(driver, fires_what_is_due_first_in_a_calm_turn)
{
    struct timer_entry entries[5];
    test_clock.now_ns = NULL;
    uint64_t due_ns[] = {now_ns + 1000, now_ns + 900, now_ns + 2000, now_ns + 3000, now_ns + 4000}; /* a tick is 1000 */
    for (unsigned i = 0; i < 5; i++)
        arm(i % SHARDS, &entries[i], due_ns[i]);
    cr_assert_eq(pawl__driver_turn(&driver, now_ns + 3500, true), 0);
    cr_assert(fired == 2 && fired_of(0) == 1 && fired_of(1) == 1, "those of one tick, in whichever shard");
    cr_assert_eq(load_relaxed_u64(&shards[0].lateness[2]), 1, "late by the clock, not by what the turn goes up to");
    pawl__driver_turn(&driver, now_ns + 3500, true);
    cr_assert(fired == 3 && fired_of(2) == 1);
    pawl__driver_turn(&driver, now_ns + 3500, true);
    cr_assert_eq(fired, 4);
    pawl__driver_turn(&driver, now_ns + 3500, true);
    cr_assert_eq(fired, 4, "the last one is not due");
}

static void arm_far_apart(struct timer_entry *entries)
{
    for (unsigned i = 0; i < SHARDS; i++)
        arm(i, &entries[i], now_ns + i * 100000);
}

Test(driver, fires_all_in_a_calm_turn_that_is_overdue)
{
    struct timer_entry entries[SHARDS];
    test_clock.now_ns = NULL;
    arm_far_apart(entries);
    pawl__driver_turn(&driver, now_ns + DRIVER_OVERDUE_NS, true);
    cr_assert_eq(fired, SHARDS);
}

Test(driver, fires_all_in_a_calm_turn_when_timers_come_thick)
{
    struct timer_entry entries[SHARDS];
    test_clock.now_ns = NULL;
    cr_assert_gt(spacing_after(100), 0);
    arm_far_apart(entries);
    fired = 0;
    pawl__driver_turn(&driver, now_ns + 500000, true);
    cr_assert_eq(fired, SHARDS);
}

/* By spinning, too. */
Test(driver, never_wakes_early)
{
    test_clock.now_ns = NULL;
    for (uint64_t left_ns = 0; left_ns < 4 * REACTOR_SPIN_NS; left_ns += 100) {
        uint64_t until_ns = monotonic_now_ns() + left_ns;
        pawl__driver_sleep(&driver, until_ns);
        cr_assert_geq(monotonic_now_ns(), until_ns);
    }
}
