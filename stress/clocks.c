/* A runtime on a caller's clock that jumps, or on a manual one that many advance at once.
 *
 * Tasks sleep, wait with timeouts and arm timers, in this memory and by id; some of them suspend on the blocking pool.
 * A plain thread makes the caller's clock jump, by nanoseconds to years, and back; or threads and tasks advance the
 * manual one, and turn auto-advance on and off.
 *
 * Conserved: a ledger has an item for each timer, settled by its one outcome. No sleep ends and no timer fires before
 * the clock has reached its deadline. A manual clock never goes back, and has gone where who advanced it wanted it to
 * be. In the end the clock goes past every deadline, and all tasks end. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define TASKS 24
#define ADVANCERS 3
#define ITEMS_MAX 4000000
#define CLOCK_FIRST_NS (UINT64_C(1) << 30) /* no jump goes further back */
#define CLOCK_START_NS (UINT64_C(1) << 40)
#define CLOCK_LAST_NS (UINT64_C(1) << 62) /* nor further ahead */

enum { OPERATIONS, SLEPT, TIMED_OUT, FIRED, CANCELLED, CALLED_BACK, BLOCKED, JUMPS, JUMPS_BACK, ADVANCED, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [OPERATIONS] = "operations", [SLEPT] = "slept",         [TIMED_OUT] = "timed_out",
    [FIRED] = "fired",           [CANCELLED] = "cancelled", [CALLED_BACK] = "called_back",
    [BLOCKED] = "blocked",       [JUMPS] = "jumps",         [JUMPS_BACK] = "jumps_back",
    [ADVANCED] = "advanced",
};

/* Access: C constant after the start, A any thread atomic */
struct world {
    const struct round *round; /* C */
    struct pawl_runtime *rt;   /* C */
    bool manual;               /* C */
    struct pawl_ledger *ledger;
    _Atomic uint64_t now_ns, highest_ns; /* A of the caller's clock: what it says, the most that it has said */
    _Atomic bool over;                   /* A */
};

struct actor {
    struct world *world;
    struct random random;
    pthread_t thread;
    struct pawl_task *task;
};

static uint64_t read_clock(void *context)
{
    const struct world *world = context;
    return atomic_load(&world->now_ns);
}

/* The latest instant that the runtime's clock has ever said. */
static uint64_t reached(const struct world *world)
{
    return world->manual ? pawl_now(world->rt) : atomic_load(&world->highest_ns);
}

static bool is_over(const struct world *world)
{
    return atomic_load(&world->over);
}

/* Each order of magnitude as likely as the next, from nanoseconds to days. */
static uint64_t draw_span(struct random *r)
{
    return random_next(r) >> (18 + random_below(r, 46));
}

/* ---- what tasks do ---- */

static void sleep_some(struct actor *a)
{
    uint64_t deadline_ns = pawl_saturating_add(pawl_now(NULL), draw_span(&a->random));
    int result = pawl_sleep_until(deadline_ns);
    CHECK(result == 0 && reached(a->world) >= deadline_ns, "a sleep of a task ended early, with %d", result);
    count(SLEPT);
}

static void *sleep_until(void *deadline_ns)
{
    return (void *)(intptr_t)pawl_sleep_until(*(uint64_t *)deadline_ns);
}

static void sleep_within(struct actor *a)
{
    uint64_t now_ns = pawl_now(NULL), own_ns = now_ns + draw_span(&a->random), span_ns = draw_span(&a->random);
    int result = pawl_timeout(span_ns, sleep_until, &own_ns, NULL);
    CHECK(result == 0 || result == -ETIMEDOUT, "pawl_timeout returned %d", result);
    /* a caller's clock may have gone back between two readings */
    CHECK(!a->world->manual || reached(a->world) >= (result == 0 ? own_ns : now_ns + span_ns), "it ended early");
    count(result == 0 ? SLEPT : TIMED_OUT);
}

struct shot {
    struct pawl_timer timer;
    struct world *world;
    uint64_t id, deadline_ns;
    bool kept; /* by who armed it */
};

static void settle(const struct shot *shot)
{
    CHECK(pawl_ledger_settle(shot->world->ledger, shot->id) == 0, "timer %" PRIu64 " has a second outcome", shot->id);
}

static void fire(struct pawl_timer *timer, void *arg, int status)
{
    struct shot *shot = arg;
    (void)timer;
    CHECK(status == 0, "a timer got status %d before the end", status);
    CHECK(reached(shot->world) >= shot->deadline_ns, "a timer fired early");
    settle(shot);
    count(FIRED);
    pawl_noise_point(__func__);
    if (!shot->kept)
        free(shot);
}

static struct shot *load(struct actor *a, bool kept)
{
    struct shot *shot = stress_allocate(sizeof *shot);
    *shot = (struct shot){.world = a->world, .kept = kept};
    uint64_t now_ns = pawl_now(NULL), span_ns = draw_span(&a->random);
    shot->deadline_ns = span_ns < now_ns && random_once_in(&a->random, 8) ? now_ns - span_ns : now_ns + span_ns;
    if (pawl_ledger_issue(a->world->ledger, &shot->id) == 0)
        return shot;
    free(shot);
    return NULL;
}

static void shoot(struct actor *a)
{
    struct shot *shot = load(a, random_once_in(&a->random, 2));
    if (shot == NULL)
        return;
    bool kept = shot->kept;
    pawl_timer_init(&shot->timer, fire, shot);
    int result = pawl_timer_arm(NULL, &shot->timer, shot->deadline_ns);
    CHECK(result == 0, "pawl_timer_arm returned %d", result);
    if (!kept)
        return;
    if (random_once_in(&a->random, 2))
        pawl_yield();
    if (pawl_timer_cancel_sync(&shot->timer) == 0) {
        settle(shot);
        count(CANCELLED);
    }
    free(shot);
}

static void call_back(void *arg, int status)
{
    struct shot *shot = arg;
    CHECK(status == 0, "a callback got status %d before the end", status);
    CHECK(reached(shot->world) >= shot->deadline_ns, "a callback came early");
    settle(shot);
    count(CALLED_BACK);
    free(shot);
}

static void call_later(struct actor *a)
{
    struct shot *shot = load(a, false);
    if (shot == NULL)
        return;
    shot->deadline_ns = 0; /* when pawl_after reads the clock is not known here */
    int result = pawl_after(NULL, draw_span(&a->random), call_back, shot, NULL);
    CHECK(result == 0, "pawl_after returned %d", result);
}

static void *stay(void *unused)
{
    (void)unused;
    count(BLOCKED);
    return NULL;
}

static void *live(void *arg)
{
    struct actor *a = arg;
    while (!is_over(a->world)) {
        switch (random_below(&a->random, 8)) {
        case 0:
            CHECK(pawl_block(stay, NULL, NULL) == 0, "pawl_block did not return 0");
            break;
        case 1:
        case 2:
            shoot(a);
            break;
        case 3:
            call_later(a);
            break;
        case 4:
        case 5:
            sleep_within(a);
            break;
        default:
            sleep_some(a);
        }
        count(OPERATIONS);
    }
    return NULL;
}

/* ---- who moves the clock ---- */

static void set_clock(struct world *world, uint64_t now_ns)
{
    if (now_ns > atomic_load(&world->highest_ns))
        atomic_store(&world->highest_ns, now_ns); /* first: who reads the clock finds it in there */
    atomic_store(&world->now_ns, now_ns);
}

static void jump(struct world *world, struct random *r)
{
    uint64_t now_ns = atomic_load(&world->now_ns), span_ns = draw_span(r);
    count(JUMPS);
    if (random_once_in(r, 3) && span_ns < now_ns - CLOCK_FIRST_NS) {
        count(JUMPS_BACK);
        set_clock(world, now_ns - span_ns);
    } else if (span_ns < CLOCK_LAST_NS - now_ns) {
        set_clock(world, now_ns + span_ns);
    }
}

static void advance(struct actor *a)
{
    struct world *world = a->world;
    uint64_t before_ns = pawl_now(world->rt), span_ns = draw_span(&a->random);
    int result = pawl_clock_advance(world->rt, span_ns);
    CHECK(result == 0, "pawl_clock_advance returned %d", result);
    CHECK(pawl_now(world->rt) >= pawl_saturating_add(before_ns, span_ns), "the clock has not gone where it should be");
    count(ADVANCED);
    if (!random_once_in(&a->random, 16))
        return;
    result = pawl_clock_auto_advance(world->rt, random_once_in(&a->random, 2));
    CHECK(result == 0, "pawl_clock_auto_advance returned %d", result);
}

static void *move_clock(void *arg)
{
    struct actor *a = arg;
    while (!is_over(a->world)) {
        if (a->world->manual)
            advance(a);
        else
            jump(a->world, &a->random);
        if (!a->world->manual && random_once_in(&a->random, 8))
            stress_sleep(PAWL_US(random_below(&a->random, 100)));
        pawl_noise_point(__func__);
    }
    return NULL;
}

/* ---- the round ---- */

static void start(struct actor *a, struct world *world, uint64_t stream, pawl_task_fn *fn)
{
    *a = (struct actor){.world = world, .random = random_seeded(world->round->seed, stream)};
    CHECK(pawl_spawn(world->rt, fn, a, &a->task) == 0, "pawl_spawn did not return 0");
}

static void join(struct actor *a)
{
    CHECK(pawl_join(a->task, NULL) == 0, "pawl_join did not return 0");
}

/* Past every deadline, again and again, since those who go on may set new ones. */
static void end_time(struct world *world)
{
    if (world->manual)
        CHECK(pawl_clock_auto_advance(world->rt, true) == 0, "pawl_clock_auto_advance did not return 0");
    else
        set_clock(world, UINT64_C(1) << 63);
}

static void run(const struct round *round)
{
    struct pawl_options o;
    struct actor tasks[TASKS], movers[ADVANCERS + 1];
    struct random r = random_seeded(round->seed, 1000);
    struct world *world = stress_allocate(sizeof *world);
    *world = (struct world){.round = round, .manual = random_once_in(&r, 2)};
    set_clock(world, CLOCK_START_NS);
    stress_options(&o, round);
    o.clock = world->manual ? PAWL_CLOCK_MANUAL : PAWL_CLOCK_CUSTOM;
    o.clock_now = world->manual ? NULL : read_clock;
    o.clock_context = world;
    world->rt = stress_runtime_create(&o);
    world->ledger = stress_ledger_create(ITEMS_MAX);
    for (uint64_t i = 0; i < TASKS; i++)
        start(&tasks[i], world, i, live);
    for (uint64_t i = 1; world->manual && i <= ADVANCERS; i++)
        start(&movers[i], world, 100 + i, move_clock);
    movers[0] = (struct actor){.world = world, .random = random_seeded(round->seed, 100)};
    stress_thread_start(&movers[0].thread, move_clock, &movers[0]);
    while (!round_is_over(round))
        stress_sleep(PAWL_MS(1));
    atomic_store(&world->over, true);
    stress_phase("past the last deadline");
    stress_thread_join(movers[0].thread);
    for (uint64_t i = 1; world->manual && i <= ADVANCERS; i++)
        join(&movers[i]); /* before: the last thing that one does may be to turn auto-advance off */
    end_time(world);
    for (uint64_t i = 0; i < TASKS; i++)
        join(&tasks[i]);
    struct pawl_timer last; /* behind all the others */
    pawl_timer_init(&last, NULL, NULL);
    CHECK(pawl_timer_arm(world->rt, &last, UINT64_C(1) << 62) == 0, "pawl_timer_arm did not return 0");
    while (pawl_timer_state(&last) != PAWL_TIMER_FIRED || pawl_runtime_wait_idle(world->rt, PAWL_NEVER) != 0)
        stress_sleep(PAWL_US(100));
    stress_runtime_shutdown(world->rt, 0);
    stress_runtime_destroy(world->rt);
    stress_ledger_check(world->ledger, "timers");
    free(world);
}

const struct scenario stress_clocks = {
    .name = "clocks",
    .about = "a runtime on a caller's clock that jumps, or on a manual one that many advance",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
