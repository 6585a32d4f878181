/* The shard on a clock that goes backward. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "time/shard.h"

enum { LEVELS = 7, TICK_NS = 1000, TIMERS = 100 };

#define YEAR UINT64_C(31536000000000) /* in ticks */
#define HOUR UINT64_C(3600000000)     /* within the wheel's span */
#define STEP_BACK (CLOCK_STEP_BACK_NS / TICK_NS)

static uint64_t now_ns;
static struct clock test_clock;
static _Alignas(128) struct wheel_level levels[LEVELS];
static _Alignas(128) struct shard shard;
static struct timer_entry entries[TIMERS];
static unsigned fired;

static uint64_t read_clock(void *context)
{
    (void)context;
    return now_ns;
}

static void init(void)
{
    test_clock = (struct clock){.kind = PAWL_CLOCK_CUSTOM, .now_ns = read_clock, .tick_ns = TICK_NS};
    pawl__shard_init(&shard, &test_clock, 1, levels, LEVELS);
}

TestSuite(shard_back, .init = init);

/* In the order of the array. */
static void note(void *target)
{
    cr_assert(target == &entries[fired]);
    fired++;
}

static void arm(unsigned i, uint64_t tick)
{
    entry_init_waker(&entries[i], (struct waker){.wake = note, .target = &entries[i]});
    enum shard_answer answer = pawl__shard_arm(&shard, &entries[i], tick, false);
    cr_assert(answer == SHARD_DONE || answer == SHARD_DONE_EARLIER);
}

static void turn(uint64_t tick)
{
    now_ns = tick * TICK_NS;
    pawl__shard_turn(&shard, tick);
    cr_assert_null(pawl__wheel_check(&shard.wheel));
}

/* The tick that next_deadline says, after a settling at `tick`. */
static uint64_t settled(uint64_t tick)
{
    now_ns = tick * TICK_NS;
    pawl__shard_settle(&shard);
    cr_assert_null(pawl__wheel_check(&shard.wheel));
    return load_relaxed_u64(&shard.next_deadline) / TICK_NS;
}

Test(shard_back, what_is_armed_after_a_year_back_is_due_in_its_time)
{
    for (int by_turn = 0; by_turn <= 1; by_turn++) {
        fired = 0;
        turn(2 * YEAR);
        for (unsigned i = 50; i < TIMERS; i++)
            arm(i, 2 * YEAR + i);
        now_ns = YEAR * TICK_NS;
        for (unsigned i = 0; i < 50; i++)
            arm(i, YEAR + 1 + i);
        if (by_turn)
            turn(YEAR);
        cr_assert_eq(fired, 0);
        cr_assert_eq(settled(YEAR), YEAR + 1);
        turn(YEAR + 10);
        cr_assert_eq(fired, 10);
        cr_assert_eq(settled(YEAR + 10), YEAR + 11);
        turn(2 * YEAR);
        cr_assert_eq(fired, 50);
        turn(2 * YEAR + TIMERS);
        cr_assert_eq(fired, TIMERS);
    }
}

Test(shard_back, a_little_counts_as_standing_still)
{
    turn(YEAR);
    arm(0, YEAR - 10);
    turn(YEAR - 20);
    cr_assert_eq(fired, 0);
    cr_assert_leq(settled(YEAR - STEP_BACK), YEAR, "no later than the step was long");
    turn(YEAR - 11);
    cr_assert_eq(fired, 0);
    turn(YEAR - 10);
    cr_assert_eq(fired, 1);
}

/* A turn fires no more than so many: the others are handed out, and then their time has not come any more. */
Test(shard_back, what_was_due_is_not_when_the_clock_has_gone_back)
{
    enum { MANY = SHARD_TURN_MAX + TIMERS };
    struct timer_entry *many = calloc(MANY, sizeof *many);
    for (unsigned i = 0; i < MANY; i++) {
        entry_init_waker(&many[i], (struct waker){.wake = NULL});
        pawl__shard_arm(&shard, &many[i], HOUR, false);
    }
    turn(HOUR);
    cr_assert_eq(load_relaxed_u64(&shard.fired), SHARD_TURN_MAX);
    turn(10);
    cr_assert_eq(load_relaxed_u64(&shard.fired), SHARD_TURN_MAX);
    cr_assert_eq(settled(10), HOUR);
    turn(HOUR);
    cr_assert_eq(load_relaxed_u64(&shard.fired), MANY);
    free(many);
}
