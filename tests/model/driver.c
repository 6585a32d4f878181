/* Timers end to end: who arms, resets, moves or turns in one of two shards, against a driver that goes to sleep or
 * comes back (P2, and never early, of P5).
 *
 * Edges driver.wake_at, shard.next_deadline, timer.home. One thread is the driver's holder: it parks, turns all shards,
 * and parks again until it is unparked, which it is once everything has fired. Time stands still, and what is to fire
 * is due at once: whoever misses a deadline sleeps for good, a deadlock. Final states: each timer that was due has been
 * called once, by whichever thread; those for later pend, and nobody turns. */
#include <stdlib.h>

#include "park/parker.h"
#include "tools/model/model.h"

enum { SHARDS = 2, TIMERS = 3 };

static struct fences fences;
static struct clock source;
static struct shard shards[SHARDS];
static struct wheel_level levels[SHARDS];
static struct driver driver;
static struct parker *parker;
static struct timer_entry timers[TIMERS];
static unsigned calls[TIMERS];      /* plain: callbacks of one timer never overlap */
static PAWL_ATOMIC(uint32_t) fired; /* of all */
static uint64_t start_ns;

static uint64_t tick_of(uint64_t delay_ns)
{
    return clock_tick_of_deadline(&source, start_ns + delay_ns);
}

static uint64_t at_once(void)
{
    return clock_tick_at(&source, start_ns);
}

enum { LATE_NS = 10000, LATER_NS = 20000 };

static void tell_driver(const struct shard *shard)
{
    pawl__driver_deadline_moved(&driver, load_relaxed_u64(&shard->next_deadline), true);
}

/* As sched/timers.c does. */
static void arm(unsigned s, unsigned t, uint64_t tick)
{
    enum shard_answer answer = pawl__shard_arm(&shards[s], &timers[t], tick, false);
    MODEL_ASSERT(answer == SHARD_DONE || answer == SHARD_DONE_EARLIER);
    if (answer == SHARD_DONE_EARLIER)
        tell_driver(&shards[s]);
}

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    unsigned t = (unsigned)((struct timer_entry *)timer - timers);
    (void)arg;
    MODEL_ASSERT(status == 0);
    calls[t]++;
    fetch_add_relaxed_u32(&fired, 1);
}

/* What a callback arms, the first time that it is called. */
static struct {
    unsigned shard, timer;
} armed_inside;

static void on_fire_arm(struct pawl_timer *timer, void *arg, int status)
{
    if (calls[0] == 0)
        arm(armed_inside.shard, armed_inside.timer, at_once());
    on_fire(timer, arg, status);
}

static void set_up(void)
{
    static const struct pawl_allocator allocator;
    source.tick_ns = 1000;
    start_ns = clock_now_ns(&source);
    pawl__fences_init(&fences);
    for (unsigned i = 0; i < SHARDS; i++)
        pawl__shard_init(&shards[i], &source, i + 1, &levels[i], 1);
    MODEL_ASSERT(pawl__driver_init(&driver, &source, &fences, shards, SHARDS) == 0);
    MODEL_ASSERT((parker = pawl__parker_create(&allocator, &driver)) != NULL);
    for (unsigned t = 0; t < TIMERS; t++)
        entry_init_callback(&timers[t], on_fire, NULL);
}

/* ---- the threads ---- */

/* Those who arm are workers, and awake. */
static bool alone(void *context)
{
    (void)context;
    return false;
}

static bool no_work(void *context)
{
    (void)context;
    return false;
}

static void nothing(void *context)
{
    (void)context;
}

static void drives(void *arg)
{
    static const struct park_host host = {no_work, nothing, alone, NULL};
    unsigned result;
    (void)arg;
    do {
        result = pawl__park(parker, &host);
        MODEL_ASSERT((result & PARK_DRIVER_HELD) != 0); /* nobody else wants it */
        pawl__driver_turn(&driver, clock_now_ns(&source), false);
        pawl__driver_unlock(&driver);
    } while ((result & PARK_NOTIFIED) == 0);
}

/* As a busy worker does it (turn_own_shard in sched/worker.c). */
static void turn_own_shard(struct shard *shard)
{
    if (load_relaxed_u64(&shard->next_deadline) <= clock_now_ns(&source) && pawl__shard_turn(shard, at_once()))
        tell_driver(shard);
}

/* Until so many have been called. Then the driver may end. */
static void finish(unsigned driving, uint32_t goal)
{
    while (load_relaxed_u32(&fired) < goal)
        model_yield();
    pawl__unpark(parker);
    model_join(driving);
    MODEL_ASSERT(load_relaxed_u32(&fired) == goal);
    for (unsigned i = 0; i < SHARDS; i++)
        MODEL_ASSERT(!shards[i].firing && pawl__wheel_check(&shards[i].wheel) == NULL);
    pawl__parker_unref(parker);
}

/* ---- an earlier deadline for a driver that sleeps toward another one ---- */

static void arm_elsewhere(void)
{
    set_up();
    arm(0, 0, tick_of(LATE_NS));
    unsigned t = model_spawn(drives, NULL);
    arm(1, 1, at_once());
    finish(t, 1);
    MODEL_ASSERT(calls[1] == 1);
}

static void reset_elsewhere(void)
{
    set_up();
    arm(0, 0, tick_of(LATE_NS));
    arm(1, 1, tick_of(LATER_NS));
    unsigned t = model_spawn(drives, NULL);
    if (pawl__shard_reset(&shards[1], &timers[1], at_once()) == SHARD_DONE_EARLIER)
        tell_driver(&shards[1]);
    finish(t, 1);
    MODEL_ASSERT(calls[1] == 1);
}

/* From the shard that the driver sleeps toward to the other one. */
static void move(void)
{
    set_up();
    arm(0, 0, tick_of(LATE_NS));
    unsigned t = model_spawn(drives, NULL);
    MODEL_ASSERT(pawl__shard_cancel(&shards[0], &timers[0]) == SHARD_DONE);
    MODEL_ASSERT(pawl__shard_leave(&shards[0], &timers[0]) == SHARD_DONE);
    arm(1, 0, at_once());
    finish(t, 1);
    MODEL_ASSERT(calls[0] == 1);
}

/* The driver makes exact what a cancelled timer has left behind, while somebody arms there. */
static void arm_while_settled(void)
{
    set_up();
    arm(0, 0, tick_of(LATE_NS));
    MODEL_ASSERT(pawl__shard_cancel(&shards[0], &timers[0]) == SHARD_DONE);
    arm(1, 1, tick_of(LATER_NS));
    unsigned t = model_spawn(drives, NULL);
    arm(0, 2, at_once());
    finish(t, 1);
    MODEL_ASSERT(calls[2] == 1);
}

/* ---- a shard says "never" while it is being turned ---- */

static void arms_timer_1(void *arg)
{
    (void)arg;
    arm(0, 1, at_once());
}

static void arm_while_owner_turns(void)
{
    set_up();
    arm(0, 0, at_once());
    unsigned t = model_spawn(drives, NULL), u = model_spawn(arms_timer_1, NULL);
    turn_own_shard(&shards[0]);
    model_join(u);
    finish(t, 2);
    MODEL_ASSERT(calls[0] == 1 && calls[1] == 1);
}

/* Itself, for now: for the next turn, the owner's or the driver's. */
static void callback_arms(void)
{
    set_up();
    entry_init_callback(&timers[0], on_fire_arm, NULL);
    arm(0, 0, at_once());
    unsigned t = model_spawn(drives, NULL);
    turn_own_shard(&shards[0]);
    finish(t, 2);
    MODEL_ASSERT(calls[0] == 2);
}

/* Another one, in the other shard, which nobody turns. */
static void callback_arms_elsewhere(void)
{
    set_up();
    armed_inside.shard = armed_inside.timer = 1;
    entry_init_callback(&timers[0], on_fire_arm, NULL);
    arm(0, 0, at_once());
    unsigned t = model_spawn(drives, NULL);
    turn_own_shard(&shards[0]);
    finish(t, 2);
    MODEL_ASSERT(calls[0] == 1 && calls[1] == 1);
}

/* ---- rescue: the driver turns a shard whose owner was stuck, and comes back ---- */

static void rescue(void)
{
    set_up();
    arm(0, 0, at_once());
    unsigned t = model_spawn(drives, NULL);
    turn_own_shard(&shards[0]);
    arm(0, 1, at_once());
    finish(t, 2);
    MODEL_ASSERT(calls[0] == 1 && calls[1] == 1);
}

/* It comes back to cancel what is just being fired by the driver. */
static void rescue_against_cancel(void)
{
    set_up();
    arm(0, 0, at_once());
    arm(0, 1, at_once());
    unsigned t = model_spawn(drives, NULL);
    enum shard_answer answer = pawl__shard_cancel_sync(&shards[0], &timers[0], false);
    MODEL_ASSERT(calls[0] == (answer == SHARD_ALREADY)); /* it has ended, or will never begin */
    turn_own_shard(&shards[0]);
    finish(t, 1 + (answer == SHARD_ALREADY));
    model_outcome(answer == SHARD_DONE ? "cancelled" : "fired");
}

static const char *const cancelled_or_fired[] = {"cancelled", "fired", NULL};

/* ---- later ---- */

static uint64_t fired_ns;

static void notes_when(struct pawl_timer *timer, void *arg, int status)
{
    fired_ns = clock_now_ns(&source);
    on_fire(timer, arg, status);
}

/* The driver goes to sleep toward a deadline that is moved on without the lock: it may wake for the former one, never
 * fires at it, and wakes for the latter. */
static void extend(void)
{
    set_up();
    entry_init_callback(&timers[0], notes_when, NULL);
    arm(0, 0, tick_of(LATE_NS));
    unsigned t = model_spawn(drives, NULL);
    bool extended = entry_extend(&timers[0], tick_of(LATER_NS)) == ENTRY_EXTENDED;
    finish(t, 1);
    MODEL_ASSERT(fired_ns >= start_ns + (extended ? LATER_NS : LATE_NS));
    model_outcome(extended ? "extended" : "too late");
}

static const char *const extend_outcomes[] = {"extended", "too late", NULL};

#define SCENARIO(fn, words, ...)                                                                                       \
    {                                                                                                                  \
        .name = #fn, .about = words, .run = fn, __VA_ARGS__                                                            \
    }

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        SCENARIO(arm_elsewhere, "arming in another shard than the driver sleeps toward"),
        SCENARIO(reset_elsewhere, "an earlier reset in another shard"),
        SCENARIO(move, "a timer moves from shard to shard"),
        SCENARIO(arm_while_settled, "arming in a shard that the driver makes exact"),
        SCENARIO(arm_while_owner_turns, "arming in a shard that its owner turns", .bound = 8),
        SCENARIO(callback_arms, "a callback arms for now, in its shard"),
        SCENARIO(callback_arms_elsewhere, "a callback arms for now, elsewhere"),
        SCENARIO(rescue, "the owner comes back to a shard that the driver turns"),
        SCENARIO(rescue_against_cancel, "and cancels there", .outcomes = cancelled_or_fired),
        SCENARIO(extend, "the driver sleeps toward a deadline that moves on", .expirations = 2,
                 .outcomes = extend_outcomes),
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    const struct model_scenario *scenarios[COUNT + 1] = {NULL};
    for (unsigned i = 0; i < COUNT; i++)
        scenarios[i] = &all[i];
    return model_main(argc, argv, scenarios);
}
