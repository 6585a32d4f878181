/* The timing wheel as a pure value, against wheel_reference: any number of levels, ticks of several lengths, time that
 * creeps, jumps and steps back, deadlines of every magnitude that are pushed later behind the wheel's back.
 *
 * Checked at each step: the wheel's own invariants; that each entry lies where its digits say, by the definition; and
 * at each advance that exactly the due timers come out, once, in order, never early by the clock. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/time/wheel_reference.h"
#include "time/clock.h"
#include "time/wheel.h"

/* More than WHEEL_SCAN_MAX, so that a slot can have more entries than are looked at. */
enum { TIMERS_FEW = 24, TIMERS_MANY = WHEEL_SCAN_MAX + 64, STEPS_MAX = 400 };

struct timer {
    struct wheel_entry entry;
    uint64_t deadline_ns;
    uint64_t tick;    /* the deadline as the wheel is told it, or finds out */
    uint64_t order;   /* when it was filed */
    bool filed_as_is; /* under its own tick, which it has kept: then order counts among equals */
};

struct walk {
    struct input input;
    struct clock clock;
    uint64_t now_ns, last_order;
    struct wheel wheel;
    struct wheel_level levels[WHEEL_LEVELS_MAX];
    struct list due;
    struct wheel_reference reference;
    struct timer timers[TIMERS_MANY];
};

static struct walk walk;

static uint64_t read_tick(const struct wheel_entry *entry)
{
    return PAWL_CONTAINER_OF((struct wheel_entry *)(uintptr_t)entry, struct timer, entry)->tick;
}

static uint64_t now_tick(void)
{
    return clock_tick_at(&walk.clock, walk.now_ns);
}

/* ---- what must be true at any time ---- */

/* The level of the highest digit in which the tick differs from elapsed, by looking at one digit after the other. */
static uint32_t position_by_definition(uint64_t tick)
{
    unsigned level = walk.wheel.level_count - 1;
    while (level > 0 && tick >> WHEEL_DIGIT_BITS * level == walk.wheel.elapsed >> WHEEL_DIGIT_BITS * level)
        level--;
    return level * WHEEL_SLOTS + (uint32_t)(tick >> WHEEL_DIGIT_BITS * level & (WHEEL_SLOTS - 1));
}

static void check_places(void)
{
    uint64_t occupied[WHEEL_LEVELS_MAX] = {0};
    for (size_t i = 0; i < walk.reference.timer_count; i++) {
        uint32_t position = walk.timers[i].entry.position;
        FUZZ_CHECK(walk.reference.armed[i] == list_linked(&walk.timers[i].entry.link));
        FUZZ_CHECK(!walk.reference.armed[i] || position != WHEEL_HANDED_OUT);
        if (!walk.reference.armed[i] || position >= WHEEL_PENDING)
            continue;
        FUZZ_CHECK(position == position_by_definition(walk.timers[i].entry.when));
        occupied[position / WHEEL_SLOTS] |= UINT64_C(1) << position % WHEEL_SLOTS;
    }
    FUZZ_CHECK(memcmp(walk.wheel.occupied, occupied, sizeof occupied) == 0);
}

static void check_all(void)
{
    const char *broken = pawl__wheel_check(&walk.wheel);
    if (broken != NULL)
        fuzz_fail(__FILE__, __LINE__, broken);
    check_places();
    FUZZ_CHECK(pawl__wheel_count(&walk.wheel) == reference_count(&walk.reference));
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
static void check_earliest(void)
{
    bool pending = !list_empty(&walk.wheel.pending);
    bool exact = walk.reference.timer_count <= WHEEL_SCAN_MAX / 2;
    uint64_t truth = reference_earliest(&walk.reference);
    uint64_t reach = pawl_saturating_add(walk.wheel.elapsed, walk.wheel.span);
    uint64_t filed = earliest_filed();
    uint64_t earliest = pawl__wheel_earliest(&walk.wheel);
    uint64_t settled = pawl__wheel_settle(&walk.wheel);

    FUZZ_CHECK(exact && !pending ? earliest == filed : earliest <= filed);
    FUZZ_CHECK(settled >= earliest);
    if (truth <= walk.wheel.elapsed || pending)
        FUZZ_CHECK(settled == earliest && settled <= walk.wheel.elapsed);
    else if (exact)
        FUZZ_CHECK(settled == (truth < reach || truth == WHEEL_NEVER ? truth : reach));
    else
        FUZZ_CHECK(settled <= truth);
}

/* ---- steps ---- */

static void arm(size_t i, uint64_t deadline_ns)
{
    struct timer *timer = &walk.timers[i];
    timer->deadline_ns = deadline_ns;
    timer->tick = clock_tick_of_deadline(&walk.clock, deadline_ns);
    pawl__wheel_insert(&walk.wheel, &timer->entry, timer->tick);
    timer->order = ++walk.last_order;
    timer->filed_as_is = timer->entry.when == timer->tick;
    reference_arm(&walk.reference, i, timer->tick);
}

static void disarm(size_t i)
{
    pawl__wheel_remove(&walk.wheel, &walk.timers[i].entry);
    reference_disarm(&walk.reference, i);
}

static void move(size_t i, uint64_t deadline_ns)
{
    if (walk.reference.armed[i])
        disarm(i);
    arm(i, deadline_ns);
}

static void extend(size_t i, uint64_t by_ns)
{
    struct timer *timer = &walk.timers[i];
    if (!walk.reference.armed[i])
        return;
    timer->deadline_ns = pawl_saturating_add(timer->deadline_ns, by_ns);
    timer->tick = clock_tick_of_deadline(&walk.clock, timer->deadline_ns);
    timer->filed_as_is = timer->filed_as_is && timer->tick == timer->entry.when;
    reference_arm(&walk.reference, i, timer->tick);
}

static void check_order(const struct timer *timer, const struct timer *last, uint64_t before)
{
    if (timer->tick <= before || last == NULL)
        return;
    FUZZ_CHECK(timer->tick >= last->tick || last->tick <= before);
    if (timer->tick == last->tick && timer->filed_as_is && last->filed_as_is)
        FUZZ_CHECK(timer->order > last->order);
}

/* Takes what is due. rearm_ns: of each, again so much later; 0: not again. */
static void take_due(uint64_t tick, uint64_t before, uint64_t rearm_ns)
{
    const struct timer *last = NULL;
    for (struct list_node *node; (node = list_first(&walk.due)) != NULL;) {
        struct timer *timer = PAWL_CONTAINER_OF(node, struct timer, entry.link);
        size_t i = (size_t)(timer - walk.timers);
        FUZZ_CHECK(reference_is_due(&walk.reference, i, tick));
        FUZZ_CHECK(timer->deadline_ns <= walk.now_ns || timer->tick == TICK_LAST);
        check_order(timer, last, before);
        last = timer;
        disarm(i);
    }
    for (size_t i = 0; rearm_ns != 0 && i < walk.reference.timer_count; i++)
        if (!walk.reference.armed[i] && walk.timers[i].tick <= tick && walk.timers[i].order != 0)
            arm(i, pawl_saturating_add(walk.timers[i].deadline_ns, rearm_ns));
}

/* Exactly the due timers come out, and no slot is opened for nothing. */
static void advance(uint64_t tick, uint64_t rearm_ns)
{
    uint64_t before = walk.wheel.elapsed, cascades = walk.wheel.cascades;
    uint64_t earliest = pawl__wheel_earliest(&walk.wheel);

    pawl__wheel_advance(&walk.wheel, tick, &walk.due);
    FUZZ_CHECK(earliest <= tick || (list_empty(&walk.due) && walk.wheel.cascades == cascades));
    FUZZ_CHECK(walk.wheel.elapsed >= before && walk.wheel.elapsed <= (tick > before ? tick : before));
    size_t left = pawl__wheel_count(&walk.wheel);
    for (struct list_node *node = list_first(&walk.due); node != NULL; node = list_after(&walk.due, node))
        left++;
    FUZZ_CHECK(left == reference_count(&walk.reference));
    take_due(tick, before, rearm_ns);
    for (size_t i = 0; rearm_ns == 0 && i < walk.reference.timer_count; i++)
        FUZZ_CHECK(!reference_is_due(&walk.reference, i, tick));
}

static void pass(uint64_t ns, uint64_t rearm_ns)
{
    walk.now_ns = pawl_saturating_add(walk.now_ns, ns);
    advance(now_tick(), rearm_ns);
}

/* To the next deadline, or a little before or after it. */
static void pass_to_deadline(size_t where)
{
    uint64_t earliest = reference_earliest(&walk.reference);
    uint64_t instant_ns = clock_instant_of_tick(&walk.clock, earliest);
    if (earliest == WHEEL_NEVER || instant_ns == PAWL_NEVER)
        return;
    instant_ns = instant_ns + where - 1; /* 0 - 1 is cut below */
    if (instant_ns > walk.now_ns && instant_ns != PAWL_NEVER)
        walk.now_ns = instant_ns;
    advance(now_tick(), 0);
}

/* A tick around a boundary of a level. */
static uint64_t boundary_ns(void)
{
    unsigned shift = take_below(&walk.input, 64);
    uint64_t tick = ((now_tick() >> shift) + 1 + take_below(&walk.input, 4)) << shift;
    tick += take_below(&walk.input, 3) - UINT64_C(1);
    return clock_instant_of_tick(&walk.clock, tick);
}

/* A run of timers at equal distances. */
static void arm_many(void)
{
    size_t first = take_below(&walk.input, (unsigned)walk.reference.timer_count);
    size_t count = 1 + take_below(&walk.input, (unsigned)walk.reference.timer_count);
    uint64_t deadline_ns = pawl_saturating_add(walk.now_ns, take_number(&walk.input));
    uint64_t stride_ns = take_number(&walk.input);
    for (size_t n = 0; n < count; n++) {
        move((first + n) % walk.reference.timer_count, deadline_ns);
        deadline_ns = pawl_saturating_add(deadline_ns, stride_ns);
    }
}

static void remove_many(void)
{
    size_t first = take_below(&walk.input, (unsigned)walk.reference.timer_count);
    size_t count = 1 + take_below(&walk.input, (unsigned)walk.reference.timer_count);
    for (size_t n = 0; n < count; n++) {
        size_t i = (first + n) % walk.reference.timer_count;
        if (walk.reference.armed[i])
            disarm(i);
    }
}

/* Everything comes out, and goes in again under the deadline that it has. */
static void drain_and_refill(void)
{
    size_t count = 0;
    pawl__wheel_drain(&walk.wheel, &walk.due);
    FUZZ_CHECK(pawl__wheel_count(&walk.wheel) == 0);
    FUZZ_CHECK(pawl__wheel_earliest(&walk.wheel) == WHEEL_NEVER);
    for (struct list_node *node; (node = list_first(&walk.due)) != NULL; count++) {
        struct timer *timer = PAWL_CONTAINER_OF(node, struct timer, entry.link);
        pawl__wheel_remove(&walk.wheel, &timer->entry);
    }
    FUZZ_CHECK(count == reference_count(&walk.reference));
    for (size_t i = 0; i < walk.reference.timer_count; i++)
        if (walk.reference.armed[i])
            arm(i, walk.timers[i].deadline_ns);
}

static void step(void)
{
    struct input *input = &walk.input;
    unsigned what = take_below(input, 16);
    size_t i = take_below(input, (unsigned)walk.reference.timer_count);
    switch (what) {
    case 0:
    case 1:
        move(i, pawl_saturating_add(walk.now_ns, take_number(input)));
        break;
    case 2:
    case 3:
        move(i, boundary_ns());
        break;
    case 4:
        move(i, UINT64_MAX - take_number(input));
        break;
    case 5:
        move(i, walk.now_ns - (walk.now_ns & take_number(input)));
        break;
    case 6:
        if (walk.reference.armed[i])
            disarm(i);
        break;
    case 7:
        extend(i, take_number(input));
        break;
    case 8:
        pass(i * walk.clock.tick_ns, 0);
        break;
    case 9:
        pass(take_number(input), 0);
        break;
    case 10:
        pass(take_number(input), take_number(input));
        break;
    case 11:
        pass_to_deadline(i % 3);
        break;
    case 12:
        advance(now_tick() - (now_tick() < i ? now_tick() : i), 0); /* time that steps back */
        break;
    case 13:
        check_earliest();
        break;
    case 14:
        arm_many();
        break;
    default:
        i % 2 == 0 ? remove_many() : drain_and_refill();
    }
}

static void start(void)
{
    static const uint64_t ticks_ns[] = {1, 1000, 32768, 1000000, 1000000000};
    unsigned level_count = take_below(&walk.input, WHEEL_LEVELS_MAX + 1);

    walk.clock = (struct clock){.tick_ns = ticks_ns[take_below(&walk.input, 5)]};
    walk.now_ns = take_number(&walk.input);
    walk.last_order = 0;
    reference_init(&walk.reference, take_below(&walk.input, 4) == 3 ? TIMERS_MANY : TIMERS_FEW);
    for (size_t i = 0; i < walk.reference.timer_count; i++) {
        walk.timers[i] = (struct timer){0};
        pawl__wheel_entry_init(&walk.timers[i].entry);
    }
    list_init(&walk.due);
    /* 0: as many as a runtime would use */
    pawl__wheel_init(&walk.wheel, walk.levels, level_count == 0 ? clock_wheel_levels(&walk.clock) : level_count,
                     now_tick(), read_tick);
}

/* By the end of time everything with a deadline has come out. */
static void finish(void)
{
    check_earliest();
    check_all();
    walk.now_ns = UINT64_MAX;
    advance(WHEEL_NEVER - 1, 0);
    for (size_t i = 0; i < walk.reference.timer_count; i++)
        FUZZ_CHECK(!walk.reference.armed[i] || walk.timers[i].tick == TICK_NEVER);
    check_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    walk.input = input_of(bytes, size);
    start();
    for (unsigned steps = 0; input_is_left(&walk.input) && steps < STEPS_MAX; steps++) {
        step();
        check_all();
    }
    finish();
    return 0;
}
