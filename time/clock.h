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

#define TICK_NEVER UINT64_MAX
/* The last tick that can be a deadline: what lies above is for the state cell's flags. */
#define TICK_LAST (UINT64_MAX - 64)

#define CLOCK_STEP_BACK_NS UINT64_C(10000000)

struct clock {
    enum pawl_clock kind;
    pawl_clock_fn *now_ns; /* NULL: CLOCK_MONOTONIC */
    void *context;
    uint64_t tick_ns; /* at least 1 */
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
    uint64_t tick = now_ns / clock->tick_ns;
    return tick > TICK_LAST ? TICK_LAST : tick;
}

/* The first tick that is not before deadline_ns. */
static inline uint64_t clock_tick_of_deadline(const struct clock *clock, uint64_t deadline_ns)
{
    if (deadline_ns == PAWL_NEVER)
        return TICK_NEVER;
    uint64_t tick = deadline_ns / clock->tick_ns + (deadline_ns % clock->tick_ns != 0);
    return tick > TICK_LAST ? TICK_LAST : tick;
}

/* When a tick is reached; PAWL_NEVER for TICK_NEVER, and for what lies beyond the end of time. */
static inline uint64_t clock_instant_of_tick(const struct clock *clock, uint64_t tick)
{
    return tick > UINT64_MAX / clock->tick_ns ? PAWL_NEVER : tick * clock->tick_ns;
}

/* Wheel levels with which this tick reaches at least two years. */
static inline unsigned clock_wheel_levels(const struct clock *clock)
{
    uint64_t span = UINT64_C(63072000000000000) / clock->tick_ns; /* two years in ticks */
    unsigned levels = 1;
    while (levels < 10 && (UINT64_C(63) << (6 * (levels - 1))) < span)
        levels++;
    return levels;
}

#endif
