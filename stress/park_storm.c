/* Workers that park all the time: one thing at a time is made ready, in a runtime that has nothing else to do.
 *
 * Under load a lost wake-up is made good by the next one, so here nothing comes next: each step hands over one task,
 * one wake or one timer (or a few at once), and waits, without touching the runtime, until it has been seen to. A step
 * that is not, within a time far beyond any scheduling delay, is a stranded task (P1) or timer (P2). Between steps all
 * workers get as far into their sleep as luck has it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define STEPPERS_MAX 3
#define BATCH_MAX 5
#define PATIENCE_NS PAWL_SEC(STRESS_SANITIZED ? 40 : 10)

enum { STEPS, SPAWNS, BOUND, WAKES, TIMERS, AFTERS, BLOCKS, SLEEPS, WAIT_MAX_US, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [STEPS] = "steps",   [SPAWNS] = "spawns", [BOUND] = "bound",
    [WAKES] = "wakes",   [TIMERS] = "timers", [AFTERS] = "afters",
    [BLOCKS] = "blocks", [SLEEPS] = "sleeps", [WAIT_MAX_US] = "wait_max_us",
};

struct stepper {
    const struct round *round;
    struct pawl_runtime *rt;
    struct random random;
    pthread_t thread;
    _Atomic uint64_t asked, done; /* things handed over, and seen to */
    struct pawl_task *sleeper;    /* waits for wakes until it is told to stop */
    _Atomic bool stop;
    _Atomic bool has_waker;
    struct pawl_waker waker; /* the sleeper's; the stepper's to drop */
};

static void note_done(struct stepper *s)
{
    atomic_fetch_add(&s->done, 1);
}

/* ---- what is made ready ---- */

static void *be_seen(void *arg)
{
    note_done(arg);
    return NULL;
}

static void *block_and_be_seen(void *arg)
{
    CHECK(pawl_block(be_seen, arg, NULL) == 0, "pawl_block did not return 0");
    return NULL;
}

static void *sleep_and_be_seen(void *arg)
{
    CHECK(pawl_sleep(PAWL_US(30)) == 0, "pawl_sleep did not return 0");
    return be_seen(arg);
}

static void fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    CHECK(status == 0, "a timer got status %d without a shutdown", status);
    note_done(arg);
}

static void call_after(void *arg, int status)
{
    CHECK(status == 0, "a function got status %d without a shutdown", status);
    note_done(arg);
}

/* The sleeper: each wake is one thing done. */
static void *be_woken(void *arg)
{
    struct stepper *s = arg;
    pawl_self_waker(&s->waker);
    atomic_store(&s->has_waker, true);
    for (;;) {
        CHECK(pawl_suspend_until(PAWL_NEVER) == 0, "pawl_suspend_until did not return 0");
        if (atomic_load(&s->stop))
            return NULL;
        note_done(s);
    }
}

/* ---- steps ---- */

static void spawn(struct stepper *s, pawl_task_fn *fn, int worker, int counter)
{
    struct pawl_task_options o;
    pawl_task_options_init(&o);
    o.name = "step";
    o.worker = worker;
    count(counter);
    int result = pawl_spawn_with(s->rt, &o, fn, s, NULL);
    CHECK(result == 0, "pawl_spawn returned %d", result);
}

/* In the stepper's own memory; pending until `done` is counted, but the firing thread may still be leaving it. */
static void arm(struct stepper *s, struct pawl_timer *timer, uint64_t delay_ns)
{
    count(TIMERS);
    pawl_timer_init(timer, fire, s);
    int result = pawl_timer_arm(s->rt, timer, pawl_now(s->rt) + delay_ns);
    CHECK(result == 0, "pawl_timer_arm returned %d", result);
}

static void hand_over(struct stepper *s, struct pawl_timer *timer)
{
    struct random *r = &s->random;
    atomic_fetch_add(&s->asked, 1);
    switch (random_below(r, 8)) {
    case 0:
    case 1:
        spawn(s, be_seen, -1, SPAWNS);
        break;
    case 2:
        spawn(s, be_seen, (int)random_below(r, (uint64_t)s->round->workers), BOUND);
        break;
    case 3:
        count(AFTERS);
        CHECK(pawl_after(s->rt, PAWL_US(random_below(r, 100)), call_after, s, NULL) == 0,
              "pawl_after did not return 0");
        break;
    case 4:
        spawn(s, block_and_be_seen, -1, BLOCKS);
        break;
    case 5:
        spawn(s, sleep_and_be_seen, -1, SLEEPS);
        break;
    default:
        arm(s, timer, PAWL_US(random_below(r, 200)));
        break;
    }
}

static void await_done(struct stepper *s)
{
    uint64_t start_ns = pawl_now(NULL), waited_ns = 0;
    for (uint64_t looks = 0; atomic_load(&s->done) != atomic_load(&s->asked); looks++) {
        waited_ns = pawl_now(NULL) - start_ns;
        CHECK(waited_ns < PATIENCE_NS,
              "of %" PRIu64 " things made ready %" PRIu64 " have been seen to after %" PRIu64 " s",
              atomic_load(&s->asked), atomic_load(&s->done), waited_ns / PAWL_SEC(1));
        if (looks > 100)
            stress_sleep(PAWL_US(20));
    }
    stress_count_max(WAIT_MAX_US, waited_ns / 1000);
}

/* One wake, so that each ends one wait. */
static void wake_sleeper(struct stepper *s)
{
    if (!atomic_load(&s->has_waker))
        return;
    count(WAKES);
    atomic_fetch_add(&s->asked, 1);
    pawl_waker_wake(&s->waker);
}

static void step(struct stepper *s)
{
    struct random *r = &s->random;
    struct pawl_timer timers[BATCH_MAX];
    uint64_t batch = random_once_in(r, 4) ? 1 + random_below(r, BATCH_MAX) : 1;
    for (uint64_t i = 0; i < batch; i++)
        pawl_timer_init(&timers[i], fire, s);
    if (random_once_in(r, 3))
        wake_sleeper(s);
    else
        for (uint64_t i = 0; i < batch; i++)
            hand_over(s, &timers[i]);
    await_done(s);
    for (uint64_t i = 0; i < batch; i++) /* whoever fired it may not have left it */
        CHECK(pawl_timer_cancel_sync(&timers[i]) == -EALREADY, "a timer that has fired was cancelled");
    count(STEPS);
}

/* From no rest at all to long enough for everybody to be asleep. */
static void rest(struct stepper *s)
{
    switch (random_below(&s->random, 4)) {
    case 0:
        break;
    case 1:
        for (uint64_t spins = random_below(&s->random, 30000); spins > 0; spins--)
            atomic_signal_fence(memory_order_seq_cst);
        break;
    default:
        stress_sleep(PAWL_US(random_below(&s->random, 300)));
        break;
    }
    if (random_once_in(&s->random, 64)) {
        int result = pawl_runtime_wait_idle(s->rt, pawl_now(NULL) + PAWL_MS(2));
        CHECK(result == 0 || result == -ETIMEDOUT, "pawl_runtime_wait_idle returned %d", result);
    }
}

static void *take_steps(void *arg)
{
    struct stepper *s = arg;
    while (!round_is_over(s->round)) {
        step(s);
        rest(s);
    }
    return NULL;
}

/* ---- the round ---- */

static void start_stepper(struct stepper *s, const struct round *round, struct pawl_runtime *rt, uint64_t index)
{
    s->round = round;
    s->rt = rt;
    s->random = random_seeded(round->seed, index);
    CHECK(pawl_spawn(rt, be_woken, s, &s->sleeper) == 0, "pawl_spawn did not return 0");
    stress_thread_start(&s->thread, take_steps, s);
}

static void end_sleeper(struct stepper *s)
{
    while (!atomic_load(&s->has_waker))
        stress_sleep(PAWL_US(50));
    atomic_store(&s->stop, true);
    pawl_waker_wake(&s->waker);
    CHECK(pawl_join(s->sleeper, NULL) == 0, "pawl_join did not return 0");
    pawl_waker_drop(&s->waker);
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1000);
    struct stepper *steppers = stress_allocate(STEPPERS_MAX * sizeof *steppers);
    struct pawl_options o;
    stress_options(&o, round);
    struct pawl_runtime *rt = stress_runtime_create(&o);
    /* mostly one: two already make good what either of them lost */
    uint64_t stepper_count = random_once_in(&r, 2) ? 1 : 1 + random_below(&r, STEPPERS_MAX);
    for (uint64_t i = 0; i < stepper_count; i++)
        start_stepper(&steppers[i], round, rt, i);
    for (uint64_t i = 0; i < stepper_count; i++)
        stress_thread_join(steppers[i].thread);
    for (uint64_t i = 0; i < stepper_count; i++)
        end_sleeper(&steppers[i]);
    stress_phase("shutting down");
    stress_runtime_shutdown(rt, PAWL_SEC(60));
    stress_runtime_destroy(rt);
    free(steppers);
}

const struct scenario stress_park_storm = {
    .name = "park_storm",
    .about = "one task, wake or timer at a time, in a runtime whose workers all park",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
