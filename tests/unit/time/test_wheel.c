/* The timing wheel, one behaviour a test, in ticks that the tests make up. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "time/wheel.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define POWER(bits) (UINT64_C(1) << (bits))

struct timer {
    struct wheel_entry entry;
    uint64_t deadline;
};

/* A test has a process of its own, so all share these. */
static struct wheel wheel;
static struct wheel_level levels[WHEEL_LEVELS_MAX];
static struct list due;

static const unsigned level_counts[] = {1, 2, 6, 7, 10};

static struct timer *timer_of(struct list_node *node)
{
    return PAWL_CONTAINER_OF(node, struct timer, entry.link);
}

static uint64_t read_deadline(const struct wheel_entry *entry)
{
    return PAWL_CONTAINER_OF((struct wheel_entry *)(uintptr_t)entry, struct timer, entry)->deadline;
}

static void check_invariants(void)
{
    const char *broken = pawl__wheel_check(&wheel);
    cr_assert(broken == NULL, "not true: %s", broken);
}

static void start(unsigned level_count, uint64_t now)
{
    pawl__wheel_init(&wheel, levels, level_count, now, read_deadline);
    list_init(&due);
}

static void arm(struct timer *timer, uint64_t deadline)
{
    pawl__wheel_entry_init(&timer->entry);
    timer->deadline = deadline;
    pawl__wheel_insert(&wheel, &timer->entry, deadline);
}

/* Pushes a deadline later as a thread without the wheel's guard does. */
static void extend(struct timer *timer, uint64_t deadline)
{
    timer->deadline = deadline;
}

static size_t length(const struct list *list)
{
    size_t count = 0;
    for (struct list_node *node = list_first(list); node != NULL; node = list_after(list, node))
        count++;
    return count;
}

/* How many timers this advance has handed out. */
static size_t advance(uint64_t now)
{
    size_t before = length(&due);
    pawl__wheel_advance(&wheel, now, &due);
    check_invariants();
    return length(&due) - before;
}

static void expect_fires_exactly_at(struct timer *timer, uint64_t deadline)
{
    cr_expect_eq(pawl__wheel_earliest(&wheel), deadline);
    cr_assert_eq(advance(deadline - 1), 0, "%" PRIu64 " came early", deadline);
    cr_assert_eq(advance(deadline), 1, "%" PRIu64 " did not come", deadline);
    cr_assert_eq(list_pop_front(&due), &timer->entry.link);
}

/* Deadlines */

Test(wheel, never_fires_before_its_deadline)
{
    static const uint64_t starts[] = {0, 1, 62, 63, 64, 4095, POWER(30) - 1, POWER(36) - 1, POWER(42) + 12345};

    for (size_t s = 0; s < COUNT_OF(starts); s++) {
        for (unsigned bits = 0; bits < WHEEL_DIGIT_BITS * WHEEL_LEVELS_MAX; bits++) {
            for (uint64_t delay = POWER(bits) - (bits > 0); delay <= POWER(bits) + 1; delay++) {
                struct timer timer;
                start(WHEEL_LEVELS_MAX, starts[s]);
                arm(&timer, starts[s] + delay);
                expect_fires_exactly_at(&timer, starts[s] + delay);
            }
        }
    }
}

Test(wheel, fires_on_either_side_of_every_level_boundary)
{
    for (size_t c = 0; c < COUNT_OF(level_counts); c++) {
        for (unsigned level = 1; level < level_counts[c]; level++) {
            uint64_t boundary = POWER(WHEEL_DIGIT_BITS * level);
            for (uint64_t deadline = boundary - 1; deadline <= boundary + 1; deadline++) {
                struct timer timer;
                start(level_counts[c], boundary - 2);
                arm(&timer, deadline);
                expect_fires_exactly_at(&timer, deadline);
            }
        }
    }
}

Test(wheel, fires_past_deadlines_with_the_next_advance)
{
    struct timer at_zero, past, at_now, next;

    start(7, 1000);
    arm(&at_zero, 0);
    arm(&past, 999);
    arm(&at_now, 1000);
    arm(&next, 1001);
    cr_assert_eq(pawl__wheel_earliest(&wheel), 0);
    cr_assert_eq(pawl__wheel_settle(&wheel), 0);
    cr_assert_eq(advance(1000), 3);
    cr_assert_eq(advance(1001), 1);
}

Test(wheel, accepts_a_deadline_equal_to_elapsed)
{
    struct timer timer;

    start(7, 0);
    cr_assert_eq(advance(9358), 0);
    cr_assert_eq(wheel.elapsed, 9358);
    arm(&timer, 9358);
    check_invariants();
    cr_assert_eq(advance(9358), 1);
}

Test(wheel, never_fires_what_has_no_deadline)
{
    struct timer timer;

    start(7, 0);
    arm(&timer, WHEEL_NEVER);
    cr_assert_eq(pawl__wheel_earliest(&wheel), WHEEL_NEVER);
    cr_assert_eq(pawl__wheel_settle(&wheel), WHEEL_NEVER);
    cr_assert_eq(advance(WHEEL_NEVER), 0);
    cr_assert_eq(pawl__wheel_count(&wheel), 1);
    pawl__wheel_remove(&wheel, &timer.entry);
    cr_assert_eq(pawl__wheel_count(&wheel), 0);
    arm(&timer, WHEEL_NEVER);
    cr_assert_eq(advance(WHEEL_NEVER), 0);
}

Test(wheel, takes_the_last_tick_for_a_deadline)
{
    for (size_t c = 0; c < COUNT_OF(level_counts); c++) {
        struct timer timer;
        start(level_counts[c], 77);
        arm(&timer, UINT64_MAX - 1);
        cr_assert_eq(advance(UINT64_MAX - 2), 0);
        cr_assert_eq(advance(UINT64_MAX - 1), 1);
    }
}

Test(wheel, does_not_overflow_near_the_last_tick)
{
    for (size_t c = 0; c < COUNT_OF(level_counts); c++) {
        struct timer near, far, never;
        start(level_counts[c], UINT64_MAX - 100);
        arm(&near, UINT64_MAX - 90);
        arm(&far, UINT64_MAX - 2);
        arm(&never, UINT64_MAX);
        expect_fires_exactly_at(&near, UINT64_MAX - 90);
        cr_assert_eq(advance(UINT64_MAX - 3), 0);
        cr_assert_eq(advance(UINT64_MAX), 1);
        cr_assert_eq(pawl__wheel_earliest(&wheel), WHEEL_NEVER);
    }
}

Test(wheel, may_start_at_the_end_of_time)
{
    struct timer timer;

    start(WHEEL_LEVELS_MAX, UINT64_MAX);
    arm(&timer, UINT64_MAX - 1);
    cr_assert_eq(advance(UINT64_MAX), 1);
}

/* Beyond the span, and long uptimes */

Test(wheel, keeps_a_far_timer_out_of_the_current_top_slot)
{
    for (size_t c = 0; c < COUNT_OF(level_counts); c++) {
        struct timer far;
        uint64_t turn = POWER(WHEEL_DIGIT_BITS * level_counts[c]);
        start(level_counts[c], 9358);
        arm(&far, 9358 + turn);
        check_invariants();
        cr_assert_eq(far.entry.when, 9358 + wheel.span);
        cr_assert_neq(far.entry.position % WHEEL_SLOTS, UINT64_C(9358) >> WHEEL_DIGIT_BITS * (level_counts[c] - 1) & (WHEEL_SLOTS - 1));
    }
}

Test(wheel, fires_far_timers_at_their_true_deadline)
{
    for (unsigned level_count = 1; level_count < WHEEL_LEVELS_MAX; level_count++) {
        for (uint64_t turns = 1; turns <= 3; turns++) {
            struct timer far;
            uint64_t deadline = 12345 + turns * POWER(WHEEL_DIGIT_BITS * level_count);
            start(level_count, 12345);
            arm(&far, deadline);
            cr_assert_eq(advance(12345 + wheel.span), 0);
            cr_assert_eq(advance(deadline - 1), 0);
            cr_assert_eq(advance(deadline), 1);
        }
    }
}

/* One tick at a time over a boundary, a timer for each tick, beside one that is a turn of the wheel away. */
static void walk_across(unsigned level_count, uint64_t boundary)
{
    static struct timer timers[300];
    struct timer far, farther;
    uint64_t first = boundary - COUNT_OF(timers) / 2;

    start(level_count, first - 1);
    arm(&far, first + POWER(WHEEL_DIGIT_BITS * level_count));
    arm(&farther, first + 3 * POWER(WHEEL_DIGIT_BITS * level_count));
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        arm(&timers[i], first + i);
    for (size_t i = 0; i < COUNT_OF(timers); i++) {
        cr_assert_eq(pawl__wheel_settle(&wheel), first + i);
        cr_assert_eq(advance(first + i), 1);
        cr_assert_eq(list_pop_front(&due), &timers[i].entry.link);
        arm(&timers[i], first + i + 64);
        pawl__wheel_remove(&wheel, &timers[i].entry);
    }
}

Test(wheel, lives_through_the_second_top_slot)
{
    walk_across(4, POWER(WHEEL_DIGIT_BITS * 3));
    walk_across(5, POWER(WHEEL_DIGIT_BITS * 4));
    walk_across(6, POWER(WHEEL_DIGIT_BITS * 5));
}

Test(wheel, lives_through_a_full_turn)
{
    walk_across(4, POWER(WHEEL_DIGIT_BITS * 4));
    walk_across(5, POWER(WHEEL_DIGIT_BITS * 5));
    walk_across(6, POWER(WHEEL_DIGIT_BITS * 6));
    walk_across(4, POWER(WHEEL_DIGIT_BITS * 5));
    walk_across(4, 64 * POWER(WHEEL_DIGIT_BITS * 4));
}

Test(wheel, has_a_slot_for_the_tick_after_a_full_turn)
{
    for (unsigned level_count = 1; level_count <= WHEEL_LEVELS_MAX; level_count++) {
        struct timer timer;
        uint64_t turn = POWER(WHEEL_DIGIT_BITS * level_count);
        start(level_count, turn - 1);
        arm(&timer, turn);
        expect_fires_exactly_at(&timer, turn);
    }
}

/* Time that jumps */

Test(wheel, treats_time_that_runs_backward_as_standing)
{
    struct timer pending, later;

    start(7, 5000);
    arm(&later, 5010);
    arm(&pending, 4000);
    cr_assert_eq(advance(17), 0);
    cr_assert_eq(wheel.elapsed, 5000);
    cr_assert_eq(pawl__wheel_earliest(&wheel), 4000);
    cr_assert_eq(advance(4000), 1);
    cr_assert_eq(advance(0), 0);
    cr_assert_eq(wheel.elapsed, 5000);
    cr_assert_eq(advance(5010), 1);
}

Test(wheel, hands_out_everything_in_order_at_a_huge_jump)
{
    static struct timer timers[120];

    for (size_t c = 0; c < COUNT_OF(level_counts); c++) {
        start(level_counts[c], 3);
        for (size_t i = COUNT_OF(timers); i-- > 0;)
            arm(&timers[i], POWER(i / 2) + i % 2 + 100);
        cr_assert_eq(advance(UINT64_MAX), COUNT_OF(timers));
        for (size_t i = 0; i < COUNT_OF(timers); i++) {
            struct timer *timer = timer_of(list_pop_front(&due));
            cr_assert(i == 0 || timers[i - 1].deadline <= timer->deadline);
            cr_assert_eq(timer->deadline, timers[i].deadline);
        }
    }
}

Test(wheel, crosses_any_distance_to_a_far_timer_in_one_advance)
{
    struct timer far, farther;

    start(1, 0);
    arm(&far, POWER(60));
    arm(&farther, POWER(62));
    cr_assert_eq(advance(POWER(61)), 1);
    cr_assert_eq(advance(POWER(62) - 1), 0);
    cr_assert_eq(advance(POWER(62)), 1);
}

Test(wheel, keeps_the_order_of_arming_within_a_tick)
{
    struct timer first, second, third;

    start(7, 0);
    arm(&first, 300000);
    cr_assert_eq(advance(200000), 0);
    arm(&second, 300000);
    cr_assert_eq(advance(299999), 0);
    arm(&third, 300000);
    cr_assert_eq(advance(300000), 3);
    cr_assert_eq(list_pop_front(&due), &first.entry.link);
    cr_assert_eq(list_pop_front(&due), &second.entry.link);
    cr_assert_eq(list_pop_front(&due), &third.entry.link);
}

/* Late cascades */

Test(wheel, cascades_only_for_a_deadline)
{
    struct timer first, second;

    start(7, 0);
    arm(&first, 300000);
    arm(&second, 300100);
    for (uint64_t now = 0; now < 300000; now += 97)
        cr_assert_eq(advance(now), 0);
    cr_assert_eq(advance(299999), 0);
    cr_assert_eq(wheel.cascades, 0);
    cr_assert_eq(advance(300000), 1);
    cr_assert_eq(wheel.cascades, 1);
}

Test(wheel, waits_before_an_occupied_slot)
{
    struct timer timer;

    start(7, 0);
    arm(&timer, 6000);
    cr_assert_eq(advance(3000), 0);
    cr_assert_eq(wheel.elapsed, 3000);
    cr_assert_eq(advance(5999), 0);
    cr_assert_eq(wheel.elapsed, 4095);
    pawl__wheel_remove(&wheel, &timer.entry);
    cr_assert_eq(advance(5999), 0);
    cr_assert_eq(wheel.elapsed, 5999);
}

Test(wheel, is_punctual_while_it_waits_before_an_occupied_slot)
{
    struct timer idle, near, passed;

    start(7, 0);
    arm(&idle, 8000);
    cr_assert_eq(advance(7990), 0);
    arm(&near, 7992);
    arm(&passed, 7989);
    cr_assert_eq(pawl__wheel_earliest(&wheel), 7989);
    cr_assert_eq(advance(7990), 1);
    cr_assert_eq(list_pop_front(&due), &passed.entry.link);
    expect_fires_exactly_at(&near, 7992);
    cr_assert_eq(advance(8000), 1);
}

/* Removal and the earliest deadline */

Test(wheel, forgets_a_removed_timer)
{
    static const uint64_t deadlines[] = {0, 101, 170, 5000, POWER(40), POWER(60), WHEEL_NEVER};

    start(7, 100);
    for (size_t i = 0; i < COUNT_OF(deadlines); i++) {
        struct timer timer;
        arm(&timer, deadlines[i]);
        pawl__wheel_remove(&wheel, &timer.entry);
        check_invariants();
        cr_assert_not(list_linked(&timer.entry.link));
        cr_assert_eq(pawl__wheel_earliest(&wheel), WHEEL_NEVER);
        cr_assert_eq(pawl__wheel_count(&wheel), 0);
    }
    cr_assert_eq(advance(UINT64_MAX), 0);
}

Test(wheel, takes_a_timer_off_the_list_it_was_handed_out_on)
{
    struct timer first, second;

    start(7, 0);
    arm(&first, 10);
    arm(&second, 10);
    cr_assert_eq(advance(10), 2);
    cr_assert_eq(pawl__wheel_count(&wheel), 0);
    pawl__wheel_remove(&wheel, &first.entry);
    cr_assert_eq(pawl__wheel_count(&wheel), 0);
    cr_assert_eq(length(&due), 1);
    arm(&first, 20);
    cr_assert_eq(advance(20), 1);
}

Test(wheel, finds_the_next_deadline_after_the_earliest_is_removed)
{
    static struct timer timers[WHEEL_SCAN_MAX];

    start(7, 0);
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        arm(&timers[i], 300000 + i);
    for (size_t i = 0; i + 1 < COUNT_OF(timers); i++) {
        pawl__wheel_remove(&wheel, &timers[i].entry);
        cr_assert_eq(pawl__wheel_earliest(&wheel), 300001 + i);
        check_invariants();
    }
}

Test(wheel, wakes_once_too_early_at_most_for_a_crowded_slot)
{
    static struct timer crowd[4 * WHEEL_SCAN_MAX];
    struct timer earliest;
    unsigned wake_count = 0;

    start(7, 0);
    for (size_t i = 0; i < COUNT_OF(crowd); i++)
        arm(&crowd[i], 502000 - i);
    arm(&earliest, 300000);
    pawl__wheel_remove(&wheel, &earliest.entry);
    while (list_empty(&due)) {
        uint64_t deadline = pawl__wheel_settle(&wheel);
        cr_assert_leq(deadline, 502000 - COUNT_OF(crowd) + 1);
        cr_assert_eq(pawl__wheel_settle(&wheel), deadline);
        advance(deadline);
        wake_count++;
    }
    cr_assert_leq(wake_count, 2);
    cr_assert_eq(length(&due), 1);
}

Test(wheel, does_not_cascade_for_a_removed_timer)
{
    struct timer timer, removed;

    start(7, 0);
    arm(&timer, 302000);
    arm(&removed, 300000);
    pawl__wheel_remove(&wheel, &removed.entry);
    cr_assert_eq(advance(301000), 0);
    cr_assert_eq(wheel.cascades, 0);
}

/* Deadlines that others push later */

Test(wheel, fires_a_pushed_timer_at_its_true_deadline_only)
{
    static const uint64_t pushed_to[] = {11, 12, 75, 5000, POWER(41), POWER(50)};

    for (size_t i = 0; i < COUNT_OF(pushed_to); i++) {
        struct timer timer;
        start(7, 0);
        arm(&timer, 10);
        extend(&timer, pushed_to[i]);
        cr_assert_eq(advance(10), 0);
        cr_assert_eq(advance(pushed_to[i] - 1), 0);
        cr_assert_eq(advance(pushed_to[i]), 1);
    }
}

Test(wheel, respects_a_push_of_a_pending_timer)
{
    struct timer timer;

    start(7, 100);
    arm(&timer, 100);
    extend(&timer, 200);
    cr_assert_eq(advance(100), 0);
    expect_fires_exactly_at(&timer, 200);
}

Test(wheel, forgets_the_deadline_of_a_timer_pushed_to_never)
{
    struct timer timer;

    start(7, 0);
    arm(&timer, 10);
    extend(&timer, WHEEL_NEVER);
    cr_assert_eq(pawl__wheel_settle(&wheel), WHEEL_NEVER);
    cr_assert_eq(advance(UINT64_MAX), 0);
    cr_assert_eq(pawl__wheel_count(&wheel), 1);
}

Test(wheel, settles_on_the_true_deadline)
{
    static const uint64_t armed_for[] = {10, 100, 5000, POWER(30)};

    for (size_t i = 0; i < COUNT_OF(armed_for); i++) {
        struct timer pushed, other;
        start(7, 0);
        arm(&pushed, armed_for[i]);
        arm(&other, armed_for[i] + 7);
        extend(&pushed, armed_for[i] + 5);
        cr_assert_eq(pawl__wheel_earliest(&wheel), armed_for[i]);
        cr_assert_eq(pawl__wheel_settle(&wheel), armed_for[i] + 5);
        extend(&pushed, armed_for[i] + 900);
        cr_assert_eq(pawl__wheel_settle(&wheel), armed_for[i] + 7);
        check_invariants();
        cr_assert_eq(advance(armed_for[i] + 6), 0);
        cr_assert_eq(advance(armed_for[i] + 7), 1);
        cr_assert_eq(advance(armed_for[i] + 900), 1);
    }
}

Test(wheel, settles_through_slot_after_slot)
{
    static struct timer timers[WHEEL_SCAN_MAX];

    start(7, 0);
    for (size_t i = 0; i < COUNT_OF(timers); i++) {
        arm(&timers[i], 1 + 31 * i);
        extend(&timers[i], 20000 + i);
    }
    cr_assert_eq(pawl__wheel_settle(&wheel), 20000);
    check_invariants();
    cr_assert_eq(advance(19999), 0);
    cr_assert_eq(wheel.cascades, 0);
}

Test(wheel, settles_a_far_timer_at_the_end_of_the_span)
{
    struct timer far;

    start(2, 0);
    arm(&far, 200000);
    cr_assert_eq(pawl__wheel_settle(&wheel), wheel.span);
    cr_assert_eq(advance(3000), 0);
    cr_assert_eq(pawl__wheel_settle(&wheel), 3000 + wheel.span);
    check_invariants();
}

Test(wheel, settles_no_later_than_the_truth_beyond_its_budget)
{
    static struct timer crowd[6 * WHEEL_SCAN_MAX];

    start(7, 0);
    for (size_t i = 0; i < COUNT_OF(crowd); i++) {
        arm(&crowd[i], 300000 + i);
        extend(&crowd[i], 301000 + i % 1000);
    }
    for (unsigned call = 0; call < 8; call++) {
        cr_assert_leq(pawl__wheel_settle(&wheel), 301000);
        check_invariants();
    }
    cr_assert_eq(advance(300999), 0);
    cr_assert_eq(pawl__wheel_settle(&wheel), 301000);
    cr_assert_eq(advance(301000), 2);
}

/* The whole */

Test(wheel, drains_every_timer_and_goes_on)
{
    static const uint64_t deadlines[] = {1, 101, 170, 5000, POWER(40), POWER(60), WHEEL_NEVER};
    struct timer timers[COUNT_OF(deadlines)], next;

    start(7, 100);
    for (size_t i = 0; i < COUNT_OF(deadlines); i++)
        arm(&timers[i], deadlines[i]);
    pawl__wheel_drain(&wheel, &due);
    check_invariants();
    cr_assert_eq(length(&due), COUNT_OF(deadlines));
    cr_assert_eq(pawl__wheel_count(&wheel), 0);
    cr_assert_eq(pawl__wheel_earliest(&wheel), WHEEL_NEVER);
    pawl__wheel_remove(&wheel, &timers[4].entry);
    list_init(&due);
    arm(&next, 120);
    expect_fires_exactly_at(&next, 120);
}

Test(wheel, works_without_a_reader_of_true_deadlines)
{
    struct timer timer;

    pawl__wheel_init(&wheel, levels, 7, 0, NULL);
    list_init(&due);
    arm(&timer, 100000);
    timer.deadline = 0;
    cr_assert_eq(pawl__wheel_settle(&wheel), 100000);
    expect_fires_exactly_at(&timer, 100000);
}

Test(wheel, check_sees_what_is_broken)
{
    struct timer timer;

    start(7, 0);
    arm(&timer, WHEEL_SLOTS + 36);
    check_invariants();
    wheel.elapsed = WHEEL_SLOTS;
    cr_assert_str_eq(pawl__wheel_check(&wheel), "an entry lies where its tick, filed now, would");
    wheel.elapsed = 0;
    wheel.occupied[1] = 0;
    cr_assert_str_eq(pawl__wheel_check(&wheel), "a slot is marked occupied if and only if it has entries");
}
