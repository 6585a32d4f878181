/* Deadlines at the edges, through a shard as the driver uses it: 0, past, now, a tick more and less, both sides of
 * every level's boundaries, the end of the range and beyond it, never; for several tick lengths, numbers of levels and
 * uptimes, at which the wheel was begun or to which it has run with a timer beyond its range. */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tests/unit/time/walk.h"
#include "time/shard.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define POWER(bits) (UINT64_C(1) << (bits))

#define DIGIT_BITS ((unsigned)__builtin_ctz(WHEEL_SLOTS))

enum { EDGES_MAX = 128, WAKES_MAX = 8 /* for one timer, however far away in what is tried here */ };

static const uint64_t tick_lengths[] = {1, 1000, 32768, 1000000, 1000000000};
static const unsigned level_counts[] = {1, 2, 3, 5, 6, 0}; /* 0: as many as a runtime takes for the tick */
static const uint64_t uptimes[] = {0, 1, 4095, POWER(30) - 1, POWER(30), POWER(36) - 1, POWER(36), POWER(36) + 4097};

/* One way for a wheel to have come to its present. */
struct setting {
    uint64_t tick_ns;
    unsigned level_count;
    uint64_t uptime; /* in ticks */
    bool has_run;    /* to there from 0; else it was begun there */
};

struct shot {
    struct timer_entry entry;
    unsigned fired, shut;
    uint64_t fired_ns;
    bool arms_again; /* its callback, once, for again */
    uint64_t again;
};

/* A test has a process of its own, so all share these. */
static struct setting setting;
static uint64_t now_ns;
static struct clock test_clock;
static struct wheel_level levels[WHEEL_LEVELS_MAX];
static struct shard shard;
static struct shot beyond, hand; /* while it ran: pends all the time; fires at each step */

#define EDGE_ASSERT(condition, at)                                                                                     \
    cr_assert(condition, "tick %" PRIu64 " ns, %u levels, uptime %" PRIu64 "%s, edge %" PRIu64 ": not true: %s",       \
              setting.tick_ns, setting.level_count, setting.uptime, setting.has_run ? " run to" : "", (uint64_t)(at),  \
              #condition)

static uint64_t read_now(void *context)
{
    (void)context;
    return now_ns;
}

static bool arm_tick(struct shot *shot, uint64_t tick)
{
    enum shard_answer answer = pawl__shard_arm(&shard, &shot->entry, tick, false);
    return answer == SHARD_DONE || answer == SHARD_DONE_EARLIER;
}

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    struct shot *shot = arg;
    bool arms_again = shot->arms_again;
    cr_assert_eq((struct timer_entry *)timer, &shot->entry);
    shot->fired += status == 0;
    shot->shut += status == -ESHUTDOWN;
    shot->fired_ns = now_ns;
    shot->arms_again = false;
    if (arms_again)
        cr_assert(arm_tick(shot, shot->again));
}

static struct shot *init(struct shot *shot)
{
    *shot = (struct shot){0};
    entry_init_callback(&shot->entry, on_fire, shot);
    return shot;
}

/* ---- time ---- */

static void turn_at(uint64_t instant_ns)
{
    now_ns = instant_ns;
    pawl__shard_turn(&shard, clock_tick_at(&test_clock, now_ns));
}

/* Sleeps toward what the shard says, as the driver does; how often it woke up on the way. */
static unsigned sleep_until(uint64_t until_ns)
{
    for (unsigned wakes = 0;; wakes++) {
        pawl__shard_settle(&shard);
        uint64_t next_ns = load_relaxed_u64(&shard.next_deadline); /* relaxed: one thread */
        if (next_ns > until_ns) {
            now_ns = until_ns;
            return wakes;
        }
        EDGE_ASSERT(wakes < 1000, next_ns / setting.tick_ns);
        turn_at(next_ns > now_ns ? next_ns : now_ns);
    }
}

static uint64_t ticks_max(void)
{
    return UINT64_MAX / setting.tick_ns - 1;
}

/* The least distance that differs from any in the wheel by its highest digit. */
static uint64_t wheel_ticks(void)
{
    return POWER(DIGIT_BITS * setting.level_count);
}

/* By steps that become shorter toward the end. */
static void run_to(uint64_t uptime)
{
    uint64_t far = uptime + 3 * wheel_ticks();
    cr_assert(arm_tick(init(&beyond), far < ticks_max() ? far : ticks_max()));
    init(&hand);
    for (uint64_t left = uptime; left > 0; left /= 2) {
        uint64_t tick = uptime - left / 2;
        cr_assert(arm_tick(&hand, tick));
        turn_at(tick * setting.tick_ns);
        cr_assert_eq(pawl__shard_cancel(&shard, &hand.entry), SHARD_ALREADY, "it fired");
    }
}

static void begin(void)
{
    test_clock = (struct clock){.now_ns = read_now, .tick_ns = setting.tick_ns};
    now_ns = setting.has_run ? 0 : setting.uptime * setting.tick_ns;
    memset((void *)&shard, 0, sizeof shard);
    pawl__shard_init(&shard, &test_clock, 1, levels, setting.level_count);
    if (setting.has_run)
        run_to(setting.uptime);
}

/* Nothing is left that the shard would wake anybody for, but the timer beyond. */
static void expect_rest(uint64_t edge)
{
    pawl__shard_settle(&shard);
    uint64_t next_ns = load_relaxed_u64(&shard.next_deadline); /* relaxed: one thread */
    EDGE_ASSERT(setting.has_run ? next_ns > now_ns : next_ns == PAWL_NEVER, edge);
}

/* ---- the edges ---- */

struct edges {
    size_t count;
    uint64_t ticks[EDGES_MAX];
};

/* Around a tick, where there is one to count. */
static void add_around(struct edges *edges, uint64_t base, uint64_t distance)
{
    for (uint64_t at = distance - 1; at != distance + 2; at++)
        if (at <= ticks_max() - base) {
            cr_assert_lt(edges->count, EDGES_MAX);
            edges->ticks[edges->count++] = base + at;
        }
}

static struct edges all_edges(void)
{
    struct edges edges = {.count = 1};
    uint64_t now = setting.uptime;
    edges.ticks[0] = 0;
    if (now > 0)
        edges.ticks[edges.count++] = now - 1;
    for (unsigned level = 0; level <= setting.level_count; level++) {
        uint64_t unit = POWER(DIGIT_BITS * level);
        add_around(&edges, now, unit);              /* from now */
        add_around(&edges, now - now % unit, unit); /* by the clock */
        if (level < setting.level_count)            /* the last slot, of the ring too */
            add_around(&edges, now - now % unit, (WHEEL_SLOTS - 1) * unit);
    }
    add_around(&edges, now, (WHEEL_SLOTS - 1) * (wheel_ticks() / WHEEL_SLOTS)); /* the range */
    add_around(&edges, now, wheel_ticks() + wheel_ticks() / 5);
    add_around(&edges, now, 3 * wheel_ticks());
    return edges;
}

/* Each setting; where everything takes longer, with every second tick length. */
static void for_each_setting(void (*body)(const struct edges *edges))
{
    for (size_t t = 0; t < COUNT_OF(tick_lengths); t += WALK_IS_SLOW ? 2 : 1)
        for (size_t l = 0; l < COUNT_OF(level_counts); l++)
            for (size_t u = 0; u < 2 * COUNT_OF(uptimes); u++) {
                struct clock clock = {.tick_ns = tick_lengths[t]};
                unsigned level_count = level_counts[l] > 0 ? level_counts[l] : clock_wheel_levels(&clock);
                setting = (struct setting){tick_lengths[t], level_count, uptimes[u / 2], u % 2 == 1};
                if (setting.uptime > ticks_max() / 2)
                    continue; /* centuries, and past the end of time */
                struct edges edges = all_edges();
                body(&edges);
            }
}

/* A deadline that rounds up to the tick: on it, just after the tick before it, or just before it. */
static uint64_t deadline_of(uint64_t tick, size_t which)
{
    uint64_t instant_ns = tick * setting.tick_ns;
    uint64_t before[] = {0, setting.tick_ns - 1, setting.tick_ns > 1};
    return tick == 0 ? 0 : instant_ns - before[which % COUNT_OF(before)];
}

static void arm(struct shot *shot, uint64_t deadline_ns)
{
    cr_assert(arm_tick(init(shot), clock_tick_of_deadline(&test_clock, deadline_ns)));
}

/* Not before the tick, at the tick; what has passed, with the next turn. */
static void expect_fires_at(struct shot *shot, uint64_t tick, bool jump)
{
    uint64_t instant_ns = tick * setting.tick_ns;
    if (instant_ns > now_ns) {
        if (jump)
            turn_at(instant_ns - 1);
        else
            EDGE_ASSERT(sleep_until(instant_ns - 1) <= WAKES_MAX, tick);
        EDGE_ASSERT(shot->fired == 0, tick);
    } else {
        instant_ns = now_ns;
    }
    if (jump)
        turn_at(instant_ns);
    else
        EDGE_ASSERT(sleep_until(instant_ns) == 1, tick);
    EDGE_ASSERT(shot->fired == 1 && shot->shut == 0 && shot->fired_ns == instant_ns, tick);
}

static void each_fires(const struct edges *edges)
{
    for (size_t i = 0; i < 2 * edges->count; i++) {
        struct shot shot;
        uint64_t tick = edges->ticks[i / 2];
        begin();
        arm(&shot, deadline_of(tick, i));
        expect_fires_at(&shot, tick, i % 2 == 0);
        if (tick < setting.uptime + wheel_ticks())
            expect_rest(tick);
    }
}

Test(edges, each_fires_at_its_tick_whether_time_jumps_there_or_the_driver_sleeps)
{
    for_each_setting(each_fires);
}

static int by_tick(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void crowd_fires(const struct edges *edges)
{
    struct shot shots[EDGES_MAX];
    struct edges sorted = *edges;
    begin();
    for (size_t i = 0; i < edges->count; i++)
        arm(&shots[i], deadline_of(edges->ticks[i], i));
    qsort(sorted.ticks, sorted.count, sizeof *sorted.ticks, by_tick);
    sleep_until(sorted.ticks[sorted.count - 1] * setting.tick_ns);
    for (size_t i = 0; i < edges->count; i++) {
        uint64_t tick = edges->ticks[i] > setting.uptime ? edges->ticks[i] : setting.uptime;
        EDGE_ASSERT(shots[i].fired == 1 && shots[i].fired_ns == tick * setting.tick_ns, edges->ticks[i]);
    }
}

Test(edges, all_fire_each_at_its_tick_when_armed_together)
{
    for_each_setting(crowd_fires);
}

/* ---- pairs, where there are few settings ---- */

static void for_some_settings(void (*body)(const struct edges *edges))
{
    static const struct setting some[] = {
        {1, 1, 0, false}, {1, 2, POWER(30), true}, {1000000, 6, POWER(30) - 1, true}, {32768, 5, POWER(36), true}};
    for (size_t i = 0; i < COUNT_OF(some); i++) {
        setting = some[i];
        struct edges edges = all_edges();
        edges.ticks[edges.count++] = TICK_NEVER;
        body(&edges);
    }
}

static bool is_due(uint64_t tick)
{
    return tick <= setting.uptime;
}

/* As pawl_timer_reset does. */
static void reset(struct shot *shot, uint64_t tick)
{
    enum entry_extend extended = entry_extend(&shot->entry, tick);
    cr_assert_neq(extended, ENTRY_NOT_PENDING);
    if (extended == ENTRY_NOT_LATER)
        cr_assert_leq(pawl__shard_reset(&shard, &shot->entry, tick), SHARD_DONE_EARLIER);
}

static void expect_fires_or_never(struct shot *shot, uint64_t tick, bool jump)
{
    if (tick != TICK_NEVER) {
        expect_fires_at(shot, tick, jump);
        return;
    }
    turn_at(UINT64_MAX);
    EDGE_ASSERT(shot->fired == 0, tick);
    cr_assert_eq(pawl__shard_cancel(&shard, &shot->entry), SHARD_DONE);
}

static void each_is_reset(const struct edges *edges)
{
    for (size_t i = 0; i < edges->count * edges->count; i++) {
        struct shot shot;
        uint64_t from = edges->ticks[i / edges->count], to = edges->ticks[i % edges->count];
        begin();
        cr_assert(arm_tick(init(&shot), from));
        reset(&shot, to);
        /* with a jump, so that a wake-up for the deadline before is not counted */
        expect_fires_or_never(&shot, to, true);
    }
}

Test(edges, each_can_be_reset_to_each)
{
    for_some_settings(each_is_reset);
}

static void each_is_cancelled(const struct edges *edges)
{
    for (size_t i = 0; i < edges->count * edges->count; i++) {
        struct shot gone, stays;
        uint64_t tick = edges->ticks[i % edges->count];
        begin();
        cr_assert(arm_tick(init(&gone), edges->ticks[i / edges->count]));
        cr_assert(arm_tick(init(&stays), tick));
        cr_assert_eq(pawl__shard_cancel(&shard, &gone.entry), SHARD_DONE);
        memset((void *)&gone, 0xee, sizeof gone); /* its memory is ours */
        expect_fires_or_never(&stays, tick, i / edges->count % 2 == 0);
    }
}

Test(edges, each_can_be_cancelled_and_hides_no_other)
{
    for_some_settings(each_is_cancelled);
}

/* ---- from the callback ---- */

static void each_arms_again(const struct edges *edges)
{
    for (size_t i = 0; i < edges->count; i++) {
        struct shot shot;
        uint64_t tick = edges->ticks[i];
        begin();
        arm(&shot, now_ns);
        shot.arms_again = true;
        shot.again = tick;
        turn_at(now_ns);
        EDGE_ASSERT(shot.fired == 1, tick); /* never within the turn that it was armed in */
        shot.fired = 0;
        expect_fires_or_never(&shot, tick, i % 2 == 0);
    }
}

Test(edges, each_can_be_armed_for_by_the_own_callback)
{
    for_some_settings(each_arms_again);
}

static unsigned freed;

static void free_it(struct pawl_timer *timer, void *arg, int status)
{
    (void)arg, (void)status;
    freed++;
    memset((void *)timer, 0xee, sizeof(struct timer_entry));
    free(timer);
}

static void each_is_freed(const struct edges *edges)
{
    begin();
    freed = 0;
    for (size_t i = 0; i < edges->count; i++) {
        struct timer_entry *entry = malloc(sizeof *entry);
        entry_init_callback(entry, free_it, NULL);
        cr_assert_leq(pawl__shard_arm(&shard, entry, edges->ticks[i], false), SHARD_DONE_EARLIER);
    }
    turn_at(UINT64_MAX);
    cr_assert_eq(freed, edges->count - 1, "all but the one armed for never");
    pawl__shard_close(&shard);
    cr_assert_eq(freed, edges->count);
}

Test(edges, each_can_be_freed_by_its_callback)
{
    for_some_settings(each_is_freed);
}

/* ---- shutdown ---- */

static void all_are_completed(const struct edges *edges)
{
    struct shot shots[EDGES_MAX + 1];
    for (size_t middle = 0; middle < edges->count; middle++) {
        begin();
        for (size_t i = 0; i < edges->count; i++)
            cr_assert(arm_tick(init(&shots[i]), edges->ticks[i]));
        uint64_t tick = edges->ticks[middle];
        if (tick > setting.uptime && tick != TICK_NEVER)
            turn_at(tick * setting.tick_ns);
        for (int times = 0; times < 2; times++)
            pawl__shard_close(&shard);
        cr_assert(pawl__shard_closed(&shard));
        for (size_t i = 0; i < edges->count; i++) {
            bool passed = tick > setting.uptime && tick != TICK_NEVER && edges->ticks[i] <= tick;
            EDGE_ASSERT(shots[i].fired + shots[i].shut == 1, edges->ticks[i]);
            EDGE_ASSERT(shots[i].fired == 1 || !passed, edges->ticks[i]);
            EDGE_ASSERT(shots[i].shut == 1 || passed || is_due(edges->ticks[i]), edges->ticks[i]);
        }
        turn_at(UINT64_MAX);
        for (size_t i = 0; i < edges->count; i++)
            EDGE_ASSERT(shots[i].fired + shots[i].shut == 1, edges->ticks[i]);
    }
}

Test(edges, all_are_completed_once_by_close_wherever_time_stands)
{
    for_some_settings(all_are_completed);
}

/* ---- one tick after the other ---- */

Test(edges, every_tick_fires_in_order)
{
    enum { TICKS = 2 * 4096 + 65 };
    static struct shot shots[TICKS];
    for (unsigned level_count = 1; level_count <= 3; level_count++)
        for (int jump = 0; jump < 2; jump++) {
            setting = (struct setting){1, level_count, POWER(30) - 77, false};
            begin();
            for (uint64_t i = 0; i < TICKS; i++) /* 4099 and TICKS have no common divisor */
                cr_assert(arm_tick(init(&shots[i * 4099 % TICKS]), setting.uptime + 1 + i * 4099 % TICKS));
            for (uint64_t i = 0; i < TICKS; i++) {
                if (jump == 0)
                    turn_at(setting.uptime + 1 + i);
                else if (shots[i].fired == 0)
                    turn_at(setting.uptime + 1 + TICKS);
                EDGE_ASSERT(shots[i].fired == 1, i);
                EDGE_ASSERT(jump == 1 || shots[i].fired_ns == setting.uptime + 1 + i, i);
            }
        }
}

/* ---- a clock that goes back ---- */

/* It has been a year ahead, and what is armed after it came back is on time all the same. */
Test(edges, a_clock_that_went_ahead_and_came_back_delays_nothing)
{
    const uint64_t year_ns = UINT64_C(31536000000000000), start_ns = PAWL_SEC(1000);
    for (int with_pending = 0; with_pending < 2; with_pending++) {
        struct shot shots[3], far;
        setting = (struct setting){32768, 7, start_ns / 32768, false};
        begin();
        if (with_pending == 1)
            arm(&far, start_ns + 2 * year_ns);
        turn_at(start_ns + year_ns);
        now_ns = start_ns;
        for (uint64_t i = 0; i < COUNT_OF(shots); i++)
            arm(&shots[i], start_ns + PAWL_MS(i + 1));
        sleep_until(start_ns + PAWL_MS(COUNT_OF(shots)) + setting.tick_ns);
        for (uint64_t i = 0; i < COUNT_OF(shots); i++) {
            uint64_t instant_ns = start_ns + PAWL_MS(i + 1);
            cr_expect_eq(shots[i].fired, 1, "timer %" PRIu64 " sleeps on", i);
            cr_expect(shots[i].fired_ns >= instant_ns && shots[i].fired_ns - instant_ns < setting.tick_ns);
        }
    }
}

/* However many they are: nobody turns again and again for what is not due by a clock that went back. */
Test(edges, what_waits_for_a_clock_that_went_back_keeps_nobody_awake)
{
    enum { COUNT = SHARD_TURN_MAX + 100 };
    static struct shot shots[COUNT];
    setting = (struct setting){1000, 6, 1000, false};
    begin();
    turn_at(PAWL_SEC(100));
    now_ns = PAWL_SEC(1);
    for (uint64_t i = 0; i < COUNT; i++)
        arm(&shots[i], PAWL_SEC(2));
    arm(&hand, PAWL_SEC(1) + 1000);
    cr_assert_leq(sleep_until(PAWL_SEC(2) - 1), 2);
    sleep_until(PAWL_SEC(2) + 1000);
    for (uint64_t i = 0; i < COUNT; i++)
        cr_assert_eq(shots[i].fired, 1);
}
