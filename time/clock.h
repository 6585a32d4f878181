/* Time source: instants in nanoseconds, and their conversion to the wheel's ticks.
 *
 * Rounding is what makes timers never early: a deadline's tick is rounded up, the current tick down, so a timer whose
 * tick has come is due. Both saturate: a deadline too far to count becomes TICK_LAST, PAWL_NEVER becomes TICK_NEVER.
 *
 * Kinds: CLOCK_MONOTONIC is the fast one, and what the library measures itself by (slices, intervals, patience),
 * whatever the clock of its timers. Any other has a now function. A caller's need not be monotonic: the wheel takes a
 * step back for standing still, up to CLOCK_STEP_BACK_NS, and is set back by a longer one. A manual clock also has a
 * function that says when it is to move: see sched/manual.h.
 *
 * Threads: constant after init; the now function may be called from any. */
#ifndef PAWL_TIME_CLOCK_H
#define PAWL_TIME_CLOCK_H

#include <pawl/runtime.h>
#include <time.h>

#include "base/assert.h"
#include "time/wheel.h"

#define TICK_NEVER UINT64_MAX
/* The last tick that can be a deadline: what lies above is for the state cell's flags. */
#define TICK_LAST (UINT64_MAX - 64)

#define CLOCK_STEP_BACK_NS UINT64_C(10000000)

struct clock {
    enum pawl_clock kind;
    pawl_clock_fn *now_ns; /* NULL: CLOCK_MONOTONIC */
    void *context;
    uint64_t tick_ns;    /* at least 1 */
    unsigned tick_shift; /* tick_ns is 1 << this; 0: not known to be such a number. A division is the most that arming
                          * does otherwise */
    /* Manual: for how long, in real time, the driver's holder may sleep toward wake_at; 0: not at all, the clock is to
     * move. */
    uint64_t (*rest_ns)(void *context, uint64_t wake_at);
};

static inline uint64_t monotonic_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_now_ns(const struct clock *clock)
{
    return PAWL_LIKELY(clock->now_ns == NULL) ? monotonic_now_ns() : clock->now_ns(clock->context);
}

/* The shift for a tick of this length. */
static inline unsigned clock_tick_shift(uint64_t tick_ns)
{
    return (tick_ns & (tick_ns - 1)) == 0 ? (unsigned)__builtin_ctzll(tick_ns) : 0;
}

static inline uint64_t clock_whole_ticks(const struct clock *clock, uint64_t ns)
{
    return PAWL_LIKELY(clock->tick_shift != 0) ? ns >> clock->tick_shift : ns / clock->tick_ns;
}

/* The reading that goes with one of CLOCK_MONOTONIC that was just taken, and the other way round. */
static inline uint64_t clock_beside_monotonic(const struct clock *clock, uint64_t monotonic_ns)
{
    return PAWL_LIKELY(clock->now_ns == NULL) ? monotonic_ns : clock->now_ns(clock->context);
}

static inline uint64_t monotonic_beside_clock(const struct clock *clock, uint64_t now_ns)
{
    return PAWL_LIKELY(clock->now_ns == NULL) ? now_ns : monotonic_now_ns();
}

/* The tick that has been reached at now_ns. */
static inline uint64_t clock_tick_at(const struct clock *clock, uint64_t now_ns)
{
    uint64_t tick = clock_whole_ticks(clock, now_ns);
    return tick > TICK_LAST ? TICK_LAST : tick;
}

/* The first tick that is not before deadline_ns. */
static inline uint64_t clock_tick_of_deadline(const struct clock *clock, uint64_t deadline_ns)
{
    if (deadline_ns == PAWL_NEVER)
        return TICK_NEVER;
    uint64_t tick = clock_whole_ticks(clock, deadline_ns);
    tick += tick * clock->tick_ns != deadline_ns;
    return tick > TICK_LAST ? TICK_LAST : tick;
}

/* As that, or a later one that is reached by slack_ns after the deadline: the roundest there is in between, so that
 * those who can wait meet at the same ticks. */
static inline uint64_t clock_tick_within(const struct clock *clock, uint64_t deadline_ns, uint64_t slack_ns)
{
    uint64_t first = clock_tick_of_deadline(clock, deadline_ns);
    if (PAWL_LIKELY(slack_ns == 0))
        return first;
    uint64_t last = clock_tick_at(clock, pawl_saturating_add(deadline_ns, slack_ns));
    if (first == TICK_NEVER || last <= first || first == 0)
        return first;
    /* the highest bit in which the last one differs from the one before the first: all below it can be zero */
    unsigned bit = 63 - (unsigned)__builtin_clzll((first - 1) ^ last);
    return last >> bit << bit;
}

/* When a tick is reached; PAWL_NEVER for TICK_NEVER, and for what lies beyond the end of time. */
static inline uint64_t clock_instant_of_tick(const struct clock *clock, uint64_t tick)
{
    return tick > clock_whole_ticks(clock, UINT64_MAX) ? PAWL_NEVER : tick * clock->tick_ns;
}

/* The first instant after now_ns of those that are whole periods later than due_ns. */
static inline uint64_t clock_next_on_grid(uint64_t due_ns, uint64_t period_ns, uint64_t now_ns)
{
    uint64_t late_ns = now_ns > due_ns ? now_ns - due_ns : 0;
    return pawl_saturating_add(due_ns + late_ns / period_ns * period_ns, period_ns);
}

/* Wheel levels with which this tick reaches at least two years. */
static inline unsigned clock_wheel_levels(const struct clock *clock)
{
    uint64_t span = UINT64_C(63072000000000000) / clock->tick_ns; /* two years in ticks */
    unsigned levels = 1;
    while (levels < WHEEL_LEVELS_MAX && ((uint64_t)(WHEEL_SLOTS - 1) << (WHEEL_DIGIT_BITS * (levels - 1))) < span)
        levels++;
    return levels;
}

#endif
