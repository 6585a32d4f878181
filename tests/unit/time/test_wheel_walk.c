/* Random walks: the timing wheel against wheel_reference, at every number of levels, with delays and jumps of every
 * magnitude and deadlines that are pushed later behind the wheel's back.
 *
 * PAWL_SEED and PAWL_OPERATIONS: see walk.h. A failure names the seed. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdbool.h>

#include "tests/unit/time/walk.h"
#include "tests/unit/time/wheel_reference.h"
#include "time/wheel.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define POWER(bits) (UINT64_C(1) << (bits))
#define STEP_COUNT 1000

struct timer {
    struct wheel_entry entry;
    uint64_t deadline;
};

struct walk {
    uint64_t seed, random;
    unsigned scenario, step;
    unsigned delay_bits, jump_bits; /* the greatest magnitudes */
    uint64_t now;
    struct wheel wheel;
    struct wheel_level levels[WHEEL_LEVELS_MAX];
    struct list due;
    struct wheel_reference reference;
    struct timer timers[REFERENCE_TIMERS_MAX];
};

static struct walk walk; /* the test has a process of its own */

static uint64_t read_deadline(const struct wheel_entry *entry)
{
    return PAWL_CONTAINER_OF((struct wheel_entry *)(uintptr_t)entry, struct timer, entry)->deadline;
}

#define WALK_ASSERT(condition)                                                                                         \
    cr_assert(condition, "PAWL_SEED=%" PRIu64 ", scenario %u, step %u: not true: %s", walk.seed, walk.scenario,        \
              walk.step, #condition)

/* Vigna's splitmix64. */
static uint64_t random_bits(void)
{
    uint64_t z = walk.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t random_below(uint64_t limit)
{
    return random_bits() % limit;
}

/* Every magnitude is equally likely. */
static uint64_t random_distance(unsigned bits_max)
{
    return random_bits() & (POWER(random_below(bits_max + 1)) - 1);
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t random_deadline(void)
{
    uint64_t unit = POWER(random_below(walk.delay_bits + 1));
    switch (random_below(16)) {
    case 0:
        return WHEEL_NEVER;
    case 1:
        return walk.now - (walk.now < unit ? walk.now : unit);
    case 2:
        return saturating_add(walk.now, random_below(3)) - (walk.now > 0);
    case 3:
        return saturating_add((walk.now / unit) * unit, unit + random_below(3)) - 1;
    case 4:
        return UINT64_MAX - random_below(4);
    case 5:
    case 6:
    case 7:
    case 8:
        return saturating_add(walk.now, random_below(POWER(walk.delay_bits)));
    default:
        return saturating_add(walk.now, random_distance(walk.delay_bits));
    }
}

static void walk_arm_or_remove(size_t i)
{
    struct timer *timer = &walk.timers[i];

    if (walk.reference.armed[i]) {
        pawl__wheel_remove(&walk.wheel, &timer->entry);
        reference_disarm(&walk.reference, i);
    } else {
        timer->deadline = random_deadline();
        pawl__wheel_insert(&walk.wheel, &timer->entry, timer->deadline);
        reference_arm(&walk.reference, i, timer->deadline);
    }
}

static void walk_start(uint64_t seed, unsigned scenario)
{
    static const unsigned level_counts[] = {1, 2, 6, 7, 10};
    static const unsigned magnitudes[] = {4, 8, 14, 30, 45};
    static const unsigned starts[] = {0, 6, 12, 30, 36, 42, 60};
    static const size_t timer_counts[] = {3, 60, WHEEL_SCAN_MAX, REFERENCE_TIMERS_MAX};

    walk.seed = seed;
    walk.random = seed * UINT64_C(1000003) + scenario;
    walk.scenario = scenario;
    walk.delay_bits = magnitudes[random_below(COUNT_OF(magnitudes))];
    walk.jump_bits = random_below(2) == 0 ? walk.delay_bits : walk.delay_bits / 3;
    walk.now = POWER(starts[random_below(COUNT_OF(starts))]) - 1;
    if (random_below(16) == 0)
        walk.now = UINT64_MAX - POWER(walk.delay_bits + 4);
    reference_init(&walk.reference, timer_counts[random_below(COUNT_OF(timer_counts))]);
    for (size_t i = 0; i < walk.reference.timer_count; i++)
        pawl__wheel_entry_init(&walk.timers[i].entry);
    list_init(&walk.due);
    pawl__wheel_init(&walk.wheel, walk.levels, level_counts[random_below(COUNT_OF(level_counts))], walk.now,
                     read_deadline);
    for (size_t i = 0; i < walk.reference.timer_count; i++)
        walk_arm_or_remove(i);
}

static void walk_extend(size_t i)
{
    if (!walk.reference.armed[i])
        return;
    walk.timers[i].deadline = saturating_add(walk.timers[i].deadline, random_distance(walk.delay_bits));
    reference_arm(&walk.reference, i, walk.timers[i].deadline);
}

/* The earliest tick of a timer in the wheel as filed. */
static uint64_t earliest_filed(void)
{
    uint64_t earliest = WHEEL_NEVER;
    for (size_t i = 0; i < walk.reference.timer_count; i++) {
        const struct wheel_entry *entry = &walk.timers[i].entry;
        if (walk.reference.armed[i] && entry->when < earliest)
            earliest = entry->when;
    }
    return earliest;
}

/* earliest and settle are never too late, and exact where no more timers exist than they look at. */
static void walk_compare_earliest(void)
{
    bool pending = !list_empty(&walk.wheel.pending);
    bool exact = walk.reference.timer_count <= WHEEL_SCAN_MAX / 2;
    uint64_t truth = reference_earliest(&walk.reference);
    uint64_t reach = saturating_add(walk.wheel.elapsed, walk.wheel.span);
    uint64_t filed = earliest_filed();
    uint64_t earliest = pawl__wheel_earliest(&walk.wheel);
    uint64_t settled = pawl__wheel_settle(&walk.wheel);

    WALK_ASSERT(exact && !pending ? earliest == filed : earliest <= filed);
    WALK_ASSERT(settled >= earliest);
    if (truth <= walk.wheel.elapsed || pending)
        WALK_ASSERT(settled == earliest && settled <= walk.wheel.elapsed);
    else if (exact)
        WALK_ASSERT(settled == (truth < reach || truth == WHEEL_NEVER ? truth : reach));
    else
        WALK_ASSERT(settled <= truth);
}

/* Exactly the due timers come out, in order, and no slot is opened for nothing. */
static void walk_advance(uint64_t now)
{
    uint64_t before = walk.wheel.elapsed, cascades = walk.wheel.cascades, last = before;
    uint64_t earliest = pawl__wheel_earliest(&walk.wheel);

    pawl__wheel_advance(&walk.wheel, now, &walk.due);
    WALK_ASSERT(earliest <= now || (list_empty(&walk.due) && walk.wheel.cascades == cascades));
    WALK_ASSERT(walk.wheel.elapsed >= before && walk.wheel.elapsed <= (now > before ? now : before));
    for (struct list_node *node; (node = list_first(&walk.due)) != NULL;) {
        struct timer *timer = PAWL_CONTAINER_OF(node, struct timer, entry.link);
        size_t i = (size_t)(timer - walk.timers);
        WALK_ASSERT(reference_is_due(&walk.reference, i, now));
        WALK_ASSERT(timer->deadline >= last || timer->deadline <= before);
        last = timer->deadline > last ? timer->deadline : last;
        pawl__wheel_remove(&walk.wheel, &timer->entry);
        reference_disarm(&walk.reference, i);
    }
    uint64_t next = reference_earliest(&walk.reference);
    WALK_ASSERT(next > now || next == WHEEL_NEVER);
}

static void walk_step(void)
{
    size_t i = random_below(walk.reference.timer_count);
    switch (random_below(16)) {
    case 0:
        walk.now = saturating_add(walk.now, random_distance(walk.jump_bits));
        walk_advance(walk.now);
        break;
    case 1:
        walk.now = saturating_add(walk.now, random_below(3));
        walk_advance(walk.now);
        break;
    case 2:
        walk_advance(walk.now - random_below(walk.now < 100 ? walk.now + 1 : 100));
        break;
    case 3:
        walk_compare_earliest();
        break;
    case 4:
    case 5:
    case 6:
        walk_extend(i);
        break;
    default:
        walk_arm_or_remove(i);
    }
}

static void walk_scenario(uint64_t seed, unsigned scenario, unsigned step_count)
{
    size_t drained_count = 0;

    walk_start(seed, scenario);
    for (walk.step = 0; walk.step < step_count; walk.step++) {
        walk_step();
        if (walk.step % 32 == 0) {
            const char *broken = pawl__wheel_check(&walk.wheel);
            WALK_ASSERT(broken == NULL || (cr_log_error("not true: %s", broken), false));
        }
    }
    WALK_ASSERT(pawl__wheel_count(&walk.wheel) == reference_count(&walk.reference));
    pawl__wheel_drain(&walk.wheel, &walk.due);
    for (struct list_node *node = list_first(&walk.due); node != NULL; node = list_after(&walk.due, node))
        drained_count++;
    WALK_ASSERT(drained_count == reference_count(&walk.reference));
}

Test(wheel_walk, agrees_with_the_reference)
{
    uint64_t seed = walk_seed(), scenario_count = walk_operations(1000000) / STEP_COUNT;
    for (unsigned scenario = 0; scenario < scenario_count; scenario++)
        walk_scenario(seed, scenario, STEP_COUNT);
}
