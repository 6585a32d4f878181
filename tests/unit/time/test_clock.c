/* Instants and ticks: deadlines round up, the present rounds down, both saturate. */
#include <criterion/criterion.h>

#include "time/clock.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const uint64_t tick_lengths[] = {1, 2, 3, 1000, 32768, 1000000, 999999937, 1000000000};

static struct clock clock_with(uint64_t tick_ns)
{
    return (struct clock){.tick_ns = tick_ns};
}

Test(clock, rounds_deadlines_up_and_the_present_down)
{
    const struct clock clock = clock_with(1000);
    static const struct {
        uint64_t ns, tick_at, tick_of_deadline;
    } cases[] = {{0, 0, 0}, {1, 0, 1}, {999, 0, 1}, {1000, 1, 1}, {1001, 1, 2}, {1999, 1, 2}, {2000, 2, 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cr_assert_eq(clock_tick_at(&clock, cases[i].ns), cases[i].tick_at);
        cr_assert_eq(clock_tick_of_deadline(&clock, cases[i].ns), cases[i].tick_of_deadline);
    }
}

/* What makes timers never early and late by less than a tick. */
Test(clock, reaches_a_deadlines_tick_at_the_deadline_or_less_than_a_tick_later)
{
    for (size_t t = 0; t < COUNT_OF(tick_lengths); t++) {
        const struct clock clock = clock_with(tick_lengths[t]);
        uint64_t deadline_ns = 1;
        for (int i = 0; i < 5000; i++, deadline_ns = deadline_ns * 6364136223846793005u + 1442695040888963407u) {
            uint64_t sane_ns = deadline_ns >> 4;
            uint64_t tick = clock_tick_of_deadline(&clock, sane_ns);
            uint64_t due_ns = clock_instant_of_tick(&clock, tick);
            cr_assert_geq(due_ns, sane_ns);
            cr_assert_lt(due_ns - sane_ns, clock.tick_ns);
            cr_assert_eq(clock_tick_at(&clock, due_ns), tick);
            if (due_ns > 0)
                cr_assert_eq(clock_tick_at(&clock, due_ns - 1), tick - 1);
        }
    }
}

static unsigned zeros_below(uint64_t tick)
{
    return tick == 0 ? 64 : (unsigned)__builtin_ctzll(tick);
}

Test(clock, takes_the_roundest_tick_within_the_slack)
{
    for (size_t t = 0; t < COUNT_OF(tick_lengths); t++) {
        const struct clock clock = clock_with(tick_lengths[t]);
        uint64_t random = 1;
        for (int i = 0; i < 5000; i++, random = random * 6364136223846793005u + 1442695040888963407u) {
            uint64_t deadline_ns = random >> 8, slack_ns = (random >> 40) % (100 * clock.tick_ns);
            uint64_t first = clock_tick_of_deadline(&clock, deadline_ns), last = first;
            uint64_t tick = clock_tick_within(&clock, deadline_ns, slack_ns), roundest = first;
            for (; clock_instant_of_tick(&clock, last) <= deadline_ns + slack_ns; last++)
                if (zeros_below(last) >= zeros_below(roundest))
                    roundest = last;
            cr_assert_eq(tick, roundest);
        }
    }
}

Test(clock, has_no_slack_where_there_is_none)
{
    const struct clock clock = clock_with(1000);
    cr_assert_eq(clock_tick_within(&clock, 0, 0), 0);
    cr_assert_eq(clock_tick_within(&clock, 0, PAWL_NEVER), 0);
    cr_assert_eq(clock_tick_within(&clock, 1001, 0), 2);
    cr_assert_eq(clock_tick_within(&clock, 1001, 998), 2); /* no tick is reached so soon */
    cr_assert_eq(clock_tick_within(&clock, PAWL_NEVER, PAWL_SEC(1)), TICK_NEVER);
    cr_assert_neq(clock_tick_within(&clock, 1, PAWL_NEVER), TICK_NEVER);
}

Test(clock, goes_on_in_phase)
{
    cr_assert_eq(clock_next_on_grid(100, 10, 0), 110); /* a clock that went back */
    cr_assert_eq(clock_next_on_grid(100, 10, 100), 110);
    cr_assert_eq(clock_next_on_grid(100, 10, 109), 110);
    cr_assert_eq(clock_next_on_grid(100, 10, 110), 120);
    cr_assert_eq(clock_next_on_grid(100, 10, 1234567), 1234570);
    cr_assert_eq(clock_next_on_grid(0, 1, PAWL_NEVER), PAWL_NEVER);
    cr_assert_eq(clock_next_on_grid(100, PAWL_NEVER, 100), PAWL_NEVER);
    cr_assert_eq(clock_next_on_grid(1, UINT64_C(1) << 63, PAWL_NEVER - 1), PAWL_NEVER);
    cr_assert_eq(clock_next_on_grid(PAWL_NEVER, 1, 0), PAWL_NEVER);
}

Test(clock, has_no_tick_for_never)
{
    for (size_t t = 0; t < COUNT_OF(tick_lengths); t++) {
        const struct clock clock = clock_with(tick_lengths[t]);
        cr_assert_eq(clock_tick_of_deadline(&clock, PAWL_NEVER), TICK_NEVER);
        cr_assert_eq(clock_instant_of_tick(&clock, TICK_NEVER), PAWL_NEVER);
        cr_assert_neq(clock_tick_of_deadline(&clock, PAWL_NEVER - 1), TICK_NEVER);
    }
}

Test(clock, saturates_at_the_last_tick)
{
    const struct clock clock = clock_with(1);
    static const uint64_t late_ns[] = {TICK_LAST, TICK_LAST + 1, PAWL_NEVER - 1};
    for (size_t i = 0; i < COUNT_OF(late_ns); i++) {
        cr_assert_eq(clock_tick_of_deadline(&clock, late_ns[i]), TICK_LAST);
        cr_assert_eq(clock_tick_at(&clock, late_ns[i]), TICK_LAST);
    }
    cr_assert_eq(clock_tick_at(&clock, PAWL_NEVER), TICK_LAST);
    cr_assert_eq(clock_tick_of_deadline(&clock, TICK_LAST - 1), TICK_LAST - 1);
}

Test(clock, has_no_instant_beyond_the_end_of_time)
{
    const struct clock clock = clock_with(1000);
    uint64_t last = UINT64_MAX / 1000;
    cr_assert_eq(clock_instant_of_tick(&clock, last), last * 1000);
    cr_assert_eq(clock_instant_of_tick(&clock, last + 1), PAWL_NEVER);
    cr_assert_eq(clock_instant_of_tick(&clock, TICK_LAST), PAWL_NEVER);
    /* a deadline so late is due when its tick cannot be reached any more: never, but not early */
    cr_assert_eq(clock_tick_of_deadline(&clock, PAWL_NEVER - 1), last + 1);
}

Test(clock, has_levels_for_two_years_and_not_more_than_needed)
{
    const uint64_t two_years_ns = PAWL_SEC(2 * 365) * 86400;
    for (size_t t = 0; t < COUNT_OF(tick_lengths); t++) {
        const struct clock clock = clock_with(tick_lengths[t]);
        unsigned levels = clock_wheel_levels(&clock);
        cr_assert_geq(levels, 1);
        cr_assert_leq(levels, WHEEL_LEVELS_MAX);
        uint64_t span = (uint64_t)(WHEEL_SLOTS - 1) << WHEEL_DIGIT_BITS * (levels - 1);
        cr_assert(span >= two_years_ns / clock.tick_ns);
        if (levels > 1)
            cr_assert(span / WHEEL_SLOTS < two_years_ns / clock.tick_ns);
    }
}

static uint64_t now_from_context(void *context)
{
    return ++*(uint64_t *)context;
}

Test(clock, asks_the_function_it_was_given)
{
    uint64_t now_ns = 41;
    const struct clock clock = {.now_ns = now_from_context, .context = &now_ns, .tick_ns = 1};
    cr_assert_eq(clock_now_ns(&clock), 42);
    cr_assert_eq(clock_now_ns(&clock), 43);
}

Test(clock, is_the_monotonic_one_by_default)
{
    const struct clock clock = clock_with(1);
    uint64_t before_ns = monotonic_now_ns(), now_ns = clock_now_ns(&clock), after_ns = monotonic_now_ns();
    cr_assert_leq(before_ns, now_ns);
    cr_assert_leq(now_ns, after_ns);
}
