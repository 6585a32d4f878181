/* A clock that jumps: forward by nanoseconds to years, to a deadline exactly, just short of it, and back.
 *
 * Real shards and a real driver, with a clock of our own, which only the driver's holder moves. Plain threads arm,
 * reset and cancel; two more turn shards by the clock, one as the driver's holder does it, one as a busy worker does.
 *
 * Conserved: a ledger has an item for each arming, settled by its one outcome, a callback or a cancellation. No timer
 * fires before the clock has reached its deadline. A clock that goes back makes nothing fire twice or early; it stands
 * still for the wheel until it has caught up. */
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "base/memory.h"
#include "park/driver.h"
#include "stress/stress.h"

#define SHARDS 4
#define ARMERS 4
#define ITEMS_MAX 4000000
#define PENDING_MAX 20000
#define CLOCK_FIRST_NS (UINT64_C(1) << 30) /* no jump goes further back */
#define CLOCK_START_NS (UINT64_C(1) << 40)
#define CLOCK_LAST_NS (UINT64_C(1) << 62) /* nor further ahead; 146 years */

enum { FIRED, ARMED, RESET, CANCELLED, SHUT, JUMPS, JUMPS_BACK, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [FIRED] = "fired", [ARMED] = "armed", [RESET] = "reset",           [CANCELLED] = "cancelled",
    [SHUT] = "shut",   [JUMPS] = "jumps", [JUMPS_BACK] = "jumps_back",
};

/* Access: C constant after the start, A any thread atomic */
struct world {
    const struct round *round; /* C */
    struct clock clock;        /* C */
    struct fences fences;      /* C */
    struct driver driver;
    struct shard shards[SHARDS];
    struct wheel_level *levels; /* C */
    unsigned level_count;       /* C a shard */
    struct pawl_ledger *ledger;
    _Atomic uint64_t now_ns;     /* A what the clock says; written by the driver's holder */
    _Atomic uint64_t highest_ns; /* A the most that it has said */
    _Atomic uint64_t forgotten;  /* A timers that nobody but their callback frees */
    _Atomic bool closing, over;  /* A */
};

/* In the heap; freed by the callback if it was forgotten, else by its armer. */
struct shot {
    struct timer_entry entry;
    struct world *world;
    uint64_t id;
    uint64_t deadline_ns;   /* that it was armed for */
    uint64_t fired_high_ns; /* by the callback: what the clock had reached; 0: not fired */
    bool kept;
};

struct actor {
    struct world *world;
    struct random random;
    pthread_t thread;
};

static uint64_t read_clock(void *context)
{
    const struct world *world = context;
    return atomic_load(&world->now_ns);
}

static uint64_t highest(const struct world *world)
{
    return atomic_load(&world->highest_ns);
}

/* ---- shots ---- */

static void settle(struct shot *shot)
{
    int result = pawl_ledger_settle(shot->world->ledger, shot->id);
    CHECK(result == 0, "timer %" PRIu64 " has a second outcome", shot->id);
}

static void fire(struct pawl_timer *timer, void *arg, int status)
{
    struct shot *shot = arg;
    struct world *world = shot->world;
    (void)timer;
    uint64_t high_ns = highest(world);
    settle(shot);
    if (status == 0) {
        count(FIRED);
        CHECK(shot->kept || high_ns >= shot->deadline_ns, "a timer fired %" PRIu64 " ns early",
              shot->deadline_ns - high_ns);
    } else {
        count(SHUT);
        CHECK(atomic_load(&world->closing), "a timer got status %d before the end", status);
    }
    shot->fired_high_ns = high_ns;
    pawl_noise_point(__func__);
    if (shot->kept)
        return;
    atomic_fetch_sub(&world->forgotten, 1);
    free(shot);
}

/* From nanoseconds to years, each order of magnitude as likely as the next. */
static uint64_t draw_span(struct random *r)
{
    return random_next(r) >> (4 + random_below(r, 60));
}

/* Nanoseconds to years ahead, now and then in the past. */
static uint64_t draw_deadline(const struct world *world, struct random *r)
{
    uint64_t now_ns = atomic_load(&world->now_ns);
    return random_once_in(r, 16) ? now_ns - random_below(r, now_ns) : now_ns + draw_span(r);
}

static void arm(struct world *world, struct shard *shard, struct shot *shot, uint64_t deadline_ns)
{
    shot->deadline_ns = deadline_ns;
    entry_init_callback(&shot->entry, fire, shot);
    count(ARMED);
    enum shard_answer answer =
        pawl__shard_arm(shard, &shot->entry, clock_tick_of_deadline(&world->clock, deadline_ns), false);
    if (answer == SHARD_DONE_EARLIER) /* relaxed: ours, or an earlier one */
        pawl__driver_deadline_moved(&world->driver, load_relaxed_u64(&shard->next_deadline), false);
    else
        CHECK(answer == SHARD_DONE, "arming was answered by %d", (int)answer);
}

/* Moves the deadline as pawl_timer_reset does. False: it is not pending any more. */
static bool reset(struct world *world, struct shard *shard, struct shot *shot, uint64_t deadline_ns)
{
    uint64_t tick = clock_tick_of_deadline(&world->clock, deadline_ns);
    enum entry_extend extended = entry_extend(&shot->entry, tick);
    if (extended == ENTRY_EXTENDED)
        return true;
    if (extended == ENTRY_NOT_PENDING)
        return false;
    enum shard_answer answer = pawl__shard_reset(shard, &shot->entry, tick);
    if (answer == SHARD_DONE_EARLIER) /* relaxed: as in arm */
        pawl__driver_deadline_moved(&world->driver, load_relaxed_u64(&shard->next_deadline), false);
    return answer == SHARD_DONE || answer == SHARD_DONE_EARLIER;
}

/* A timer that is reset some times, and then cancelled, unless it was quicker. */
static void reset_and_cancel(struct actor *a, struct shard *shard, struct shot *shot)
{
    struct world *world = a->world;
    uint64_t promised_ns = draw_deadline(world, &a->random);
    shot->kept = true;
    arm(world, shard, shot, promised_ns);
    for (uint64_t i = random_below(&a->random, 5); i > 0; i--) {
        uint64_t deadline_ns = draw_deadline(world, &a->random);
        pawl_noise_point(__func__);
        if (!reset(world, shard, shot, deadline_ns))
            break;
        count(RESET);
        promised_ns = deadline_ns;
    }
    if (random_once_in(&a->random, 4)) /* so that the clock can come by */
        sched_yield();
    if (pawl__shard_cancel_sync(shard, &shot->entry, false) == SHARD_DONE) {
        CHECK(shot->fired_high_ns == 0, "a timer that had fired was cancelled");
        settle(shot);
        count(CANCELLED);
    } else {
        CHECK(shot->fired_high_ns >= promised_ns, "a timer that was reset fired %" PRIu64 " ns early",
              promised_ns - shot->fired_high_ns);
    }
    free(shot);
}

static void *arm_often(void *arg)
{
    struct actor *a = arg;
    struct world *world = a->world;
    while (!round_is_over(world->round)) {
        struct shot *shot = stress_allocate(sizeof *shot);
        struct shard *shard = &world->shards[random_below(&a->random, SHARDS)];
        shot->world = world;
        if (pawl_ledger_issue(world->ledger, &shot->id) != 0) {
            free(shot);
            break;
        }
        if (random_once_in(&a->random, 2) || atomic_load(&world->forgotten) >= PENDING_MAX) {
            reset_and_cancel(a, shard, shot);
        } else {
            atomic_fetch_add(&world->forgotten, 1);
            arm(world, shard, shot, draw_deadline(world, &a->random));
        }
        pawl_noise_point(__func__);
    }
    return NULL;
}

/* ---- the clock, and who turns by it ---- */

static void set_clock(struct world *world, uint64_t now_ns)
{
    if (now_ns > highest(world))
        atomic_store(&world->highest_ns, now_ns); /* first: who reads the clock finds it in there */
    atomic_store(&world->now_ns, now_ns);
}

/* By the driver's holder. */
static void jump(struct world *world, struct random *r)
{
    uint64_t now_ns = atomic_load(&world->now_ns), wake_at = pawl__driver_prepare(&world->driver, true);
    uint64_t distance_ns = draw_span(r);
    pawl__fence_heavy(&world->fences);
    bool unchanged = pawl__driver_unchanged(&world->driver, wake_at);
    pawl__driver_awake(&world->driver);
    count(JUMPS);
    bool may_be_met = unchanged && wake_at < CLOCK_LAST_NS;
    switch (random_below(r, 6)) {
    case 0: /* exactly there */
        now_ns = may_be_met && wake_at > now_ns ? wake_at : now_ns;
        break;
    case 1: /* just short of it */
        now_ns = may_be_met && wake_at > now_ns + 1 ? wake_at - 1 : now_ns;
        break;
    case 2:
        count(JUMPS_BACK);
        now_ns -= distance_ns < now_ns - CLOCK_FIRST_NS ? distance_ns : now_ns - CLOCK_FIRST_NS;
        break;
    case 3: /* as far as it has been */
        now_ns = highest(world);
        break;
    default:
        now_ns += distance_ns < CLOCK_LAST_NS - now_ns ? distance_ns : 0;
        break;
    }
    set_clock(world, now_ns);
}

static void *hold_driver(void *arg)
{
    struct actor *a = arg;
    struct world *world = a->world;
    while (!atomic_load(&world->over)) {
        CHECK(pawl__driver_try_lock(&world->driver), "somebody else holds the driver");
        jump(world, &a->random);
        pawl__driver_turn(&world->driver, clock_now_ns(&world->clock), false);
        pawl__driver_unlock(&world->driver);
        pawl_noise_point(__func__);
    }
    return NULL;
}

/* As a busy worker turns its own shard. */
static void *turn_shards(void *arg)
{
    struct actor *a = arg;
    struct world *world = a->world;
    while (!atomic_load(&world->over)) {
        struct shard *shard = &world->shards[random_below(&a->random, SHARDS)];
        uint64_t now_ns = clock_now_ns(&world->clock);
        if (load_relaxed_u64(&shard->next_deadline) <= now_ns) /* relaxed: a look; the turn takes the lock */
            pawl__shard_turn(shard, clock_tick_at(&world->clock, now_ns));
        pawl_noise_point(__func__);
    }
    return NULL;
}

/* ---- the round ---- */

static struct world *world_create(const struct round *round)
{
    static const struct pawl_allocator libc = {0};
    static const uint64_t ticks_ns[] = {1, 1000, 32768, 1000000};
    struct random r = random_seeded(round->seed, 1000);
    struct world *world = pawl__memory_alloc(&libc, sizeof *world, PAWL_CACHE_LINE);
    CHECK(world != NULL, "no memory for the world");
    world->round = round;
    world->clock = (struct clock){.now_ns = read_clock, .context = world, .tick_ns = ticks_ns[random_below(&r, 4)]};
    world->level_count = clock_wheel_levels(&world->clock);
    world->levels = pawl__memory_alloc(&libc, SHARDS * world->level_count * sizeof *world->levels, PAWL_CACHE_LINE);
    CHECK(world->levels != NULL, "no memory for the wheels");
    set_clock(world, CLOCK_START_NS);
    for (unsigned i = 0; i < SHARDS; i++)
        pawl__shard_init(&world->shards[i], &world->clock, i + 1, &world->levels[i * world->level_count],
                         world->level_count);
    pawl__fences_init(&world->fences);
    CHECK(pawl__driver_init(&world->driver, &world->clock, &world->fences, world->shards, SHARDS) == 0, "no driver");
    world->ledger = stress_ledger_create(ITEMS_MAX);
    return world;
}

/* The last jump goes past every deadline but those beyond the end of time, which the shards' end completes. */
static void end_world(struct world *world)
{
    set_clock(world, UINT64_C(1) << 63);
    atomic_store(&world->closing, true);
    CHECK(pawl__driver_try_lock(&world->driver), "somebody still holds the driver");
    for (uint64_t turns = 0; pawl__driver_due(&world->driver, clock_now_ns(&world->clock)); turns++) {
        CHECK(turns < ITEMS_MAX, "timers stay due however often they are fired");
        pawl__driver_turn(&world->driver, clock_now_ns(&world->clock), false);
    }
    CHECK(atomic_load(&world->forgotten) == 0, "%" PRIu64 " timers have not fired, though the clock is past them",
          atomic_load(&world->forgotten));
    for (unsigned i = 0; i < SHARDS; i++)
        pawl__shard_close(&world->shards[i]);
    pawl__driver_fini(&world->driver);
    stress_ledger_check(world->ledger, "timers");
    free(world->levels);
    free(world);
}

static void run(const struct round *round)
{
    struct world *world = world_create(round);
    struct actor armers[ARMERS], holder, turner;
    holder = (struct actor){.world = world, .random = random_seeded(round->seed, 100)};
    turner = (struct actor){.world = world, .random = random_seeded(round->seed, 101)};
    stress_thread_start(&holder.thread, hold_driver, &holder);
    stress_thread_start(&turner.thread, turn_shards, &turner);
    for (uint64_t i = 0; i < ARMERS; i++) {
        armers[i] = (struct actor){.world = world, .random = random_seeded(round->seed, i)};
        stress_thread_start(&armers[i].thread, arm_often, &armers[i]);
    }
    for (uint64_t i = 0; i < ARMERS; i++)
        stress_thread_join(armers[i].thread);
    atomic_store(&world->over, true);
    stress_thread_join(holder.thread);
    stress_thread_join(turner.thread);
    stress_phase("past the last deadline");
    end_world(world);
}

const struct scenario stress_clock_jump = {
    .name = "clock_jump",
    .about = "timers on a clock that jumps by nanoseconds to years, and back",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
