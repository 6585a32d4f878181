/* Random walks: two timer shards against a dumb reference, which keeps each timer's deadline and looks at all of them.
 *
 * Timers are armed, reset with and without the lock, cancelled, polled, freed, moved from shard to shard and shut down,
 * from outside and from callbacks, for deadlines of every magnitude: past, now, around each level's boundaries, years
 * away, never. Ticks of several lengths, any number of levels, any uptime. The clock stands still, creeps, goes to the
 * next deadline or just short of it, jumps by anything up to years, and back.
 *
 * Checked: every answer; that each arming has one outcome, in the first turn of its shard after the deadline, never
 * early; that next_deadline is never too late, and exact once settled.
 *
 * PAWL_SEED and PAWL_OPERATIONS: see walk.h. A failure names the seed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "tests/unit/time/walk.h"
#include "time/shard.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define POWER(bits) (UINT64_C(1) << (bits))
#define DIGIT_BITS ((unsigned)__builtin_ctz(WHEEL_SLOTS))

enum { SHARDS = 2, TIMERS_MAX = 3 * SHARD_TURN_MAX, FEW = 100, SCENARIO_OPERATIONS = 2000 };

/* What a timer must look like. */
struct model {
    struct timer_entry *entry; /* memory of its own, freed as soon as it may be */
    unsigned home;             /* id of its shard, 0: none */
    bool pends, is_waker;
    bool polled;          /* a waker was left there, to be woken when it no longer pends */
    unsigned wakes_owed;  /* its pending ended with one */
    bool fresh;           /* armed during the turn of its shard that goes on: for the next one */
    bool moved;           /* reset during it: for this one or the next */
    uint64_t tick;        /* what it pends for */
    uint64_t deadline_ns; /* the same */
    uint64_t cell;        /* what ended its pending */
};

static struct walk {
    struct random random;
    uint64_t seed, scenario, operations;
    struct clock clock;
    unsigned level_count, jump_bits;
    uint64_t now_ns;
    struct shard shards[SHARDS];
    struct wheel_level levels[SHARDS][WHEEL_LEVELS_MAX];
    size_t timer_count;
    struct model models[TIMERS_MAX];
    unsigned turning;              /* id of the shard that is being turned; 0: none, so this is no callback */
    uint64_t turn_tick;            /* what it was told */
    bool closing;                  /* that turn is a close */
    struct model *running;         /* whose callback runs */
    struct model *own;             /* the same, even if that has freed it: it sees to its own most */
    uint64_t highest_tick[SHARDS]; /* that a turn was told */
    uint64_t reached_tick[SHARDS]; /* from which its wheel counts, or from up to a slot before */
} walk;

#define WALK_ASSERT(condition)                                                                                         \
    cr_assert(condition, "PAWL_SEED=%" PRIu64 ", scenario %" PRIu64 ", operation %" PRIu64 ": not true: %s",           \
              walk.seed, walk.scenario, walk.operations, #condition)

static uint64_t read_now(void *context)
{
    (void)context;
    return walk.now_ns;
}

static struct shard *shard_of(unsigned id)
{
    return &walk.shards[id - 1];
}

static uint64_t now_tick(void)
{
    return clock_tick_at(&walk.clock, walk.now_ns);
}

static bool once_in(uint32_t n)
{
    return random_below(&walk.random, n) == 0;
}

static bool done(enum shard_answer answer)
{
    return answer == SHARD_DONE || answer == SHARD_DONE_EARLIER;
}

/* ---- choices ---- */

/* Every magnitude is as likely as the next. */
static uint64_t random_distance(unsigned bits_max)
{
    return random_next(&walk.random) & (POWER(random_below(&walk.random, bits_max + 1)) - 1);
}

/* A tick around a boundary of a level, from now on. */
static uint64_t boundary_ns(void)
{
    unsigned shift = DIGIT_BITS * random_below(&walk.random, walk.level_count + 1);
    uint64_t tick = ((now_tick() >> shift) + 1 + random_below(&walk.random, 2)) << shift;
    tick += random_below(&walk.random, 3) - UINT64_C(1);
    return clock_instant_of_tick(&walk.clock, tick);
}

static uint64_t random_deadline(void)
{
    switch (random_below(&walk.random, 10)) {
    case 0:
        return PAWL_NEVER;
    case 1:
        return walk.now_ns - (random_distance(63) % (walk.now_ns + 1)); /* past */
    case 2:
        return pawl_saturating_add(walk.now_ns, random_below(&walk.random, 3) * walk.clock.tick_ns);
    case 3:
        return boundary_ns();
    case 4:
        return PAWL_NEVER - random_distance(63);
    default:
        return pawl_saturating_add(walk.now_ns, random_distance(walk.jump_bits));
    }
}

/* ---- what is called ---- */

static void act(void);

/* Whoever ends the pending wakes the poller. */
static void owe_wake(struct model *model)
{
    model->wakes_owed += model->polled;
    model->polled = false;
}

static void end_pending(struct model *model, bool shutdown)
{
    WALK_ASSERT(model->pends && model->home == walk.turning);
    WALK_ASSERT(shutdown ? walk.closing : model->tick <= walk.turn_tick && !model->fresh);
    WALK_ASSERT(shutdown || model->deadline_ns <= walk.now_ns || model->tick == TICK_LAST);
    model->pends = false;
    owe_wake(model);
    model->cell = shutdown ? CELL_SHUTDOWN : CELL_FIRED;
    WALK_ASSERT(entry_cell(model->entry) == model->cell);
}

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    struct model *model = arg;
    WALK_ASSERT((struct timer_entry *)timer == model->entry && walk.running == NULL);
    WALK_ASSERT(status == 0 || status == -ESHUTDOWN);
    end_pending(model, status != 0);
    walk.running = walk.own = model;
    while (!walk.closing && !once_in(2))
        act();
    walk.running = walk.own = NULL;
}

static void on_poller_wake(void *target)
{
    struct model *model = target;
    WALK_ASSERT(model->wakes_owed > 0);
    model->wakes_owed--;
}

/* Callbacks keep their hands off the timers that wake: when one of these is called its pending has ended before. */
static void on_wake(void *target)
{
    struct model *model = target;
    end_pending(model, entry_cell(model->entry) == CELL_SHUTDOWN);
}

static void renew(struct model *model)
{
    model->entry = malloc(sizeof *model->entry);
    model->home = 0;
    model->cell = CELL_IDLE;
    if (model->is_waker)
        entry_init_waker(model->entry, (struct waker){.wake = on_wake, .target = model});
    else
        entry_init_callback(model->entry, on_fire, model);
}

static void discard(struct model *model)
{
    memset((void *)model->entry, 0xee, sizeof *model->entry);
    free(model->entry);
    if (walk.running == model)
        walk.running = NULL; /* it is another timer from here on */
}

/* ---- calls, and what they must answer ---- */

static void pend(struct model *model, uint64_t deadline_ns)
{
    model->pends = true;
    model->deadline_ns = deadline_ns;
    model->tick = clock_tick_of_deadline(&walk.clock, deadline_ns);
}

/* As pawl_timer_arm does: in the shard of the caller, which it is moved to; where its callback runs, if it does. */
static void arm(struct model *model)
{
    uint64_t deadline_ns = random_deadline();
    uint64_t tick = clock_tick_of_deadline(&walk.clock, deadline_ns);
    unsigned id = walk.running == model ? walk.turning : 1 + random_below(&walk.random, SHARDS);
    if (model->home != 0 && model->home != id) {
        WALK_ASSERT(pawl__shard_arm(shard_of(id), model->entry, tick, false) == SHARD_NOT_HOME);
        WALK_ASSERT(pawl__shard_leave(shard_of(model->home), model->entry) == (model->pends ? SHARD_BUSY : SHARD_DONE));
        if (model->pends)
            return;
    }
    enum shard_answer answer = pawl__shard_arm(shard_of(id), model->entry, tick, false);
    WALK_ASSERT(model->pends ? answer == SHARD_BUSY : done(answer));
    if (model->pends)
        return;
    pend(model, deadline_ns);
    model->home = id;
    model->fresh = walk.turning == id;
}

/* As pawl_timer_reset does: without the lock if it is to be later. */
static void reset(struct model *model)
{
    uint64_t deadline_ns = random_deadline();
    uint64_t tick = clock_tick_of_deadline(&walk.clock, deadline_ns);
    if (model->home == 0)
        return;
    enum entry_extend extended = entry_extend(model->entry, tick);
    if (!model->pends) {
        WALK_ASSERT(extended == ENTRY_NOT_PENDING);
        WALK_ASSERT(pawl__shard_reset(shard_of(model->home), model->entry, tick) == SHARD_ALREADY);
        return;
    }
    WALK_ASSERT(extended == (tick >= model->tick ? ENTRY_EXTENDED : ENTRY_NOT_LATER));
    if (extended == ENTRY_NOT_LATER)
        WALK_ASSERT(done(pawl__shard_reset(shard_of(model->home), model->entry, tick)));
    pend(model, deadline_ns);
    model->moved = walk.turning == model->home;
}

static void cancel(struct model *model, bool sync)
{
    enum shard_answer expected = model->home == 0 ? SHARD_NOT_HOME : model->pends ? SHARD_DONE : SHARD_ALREADY;
    struct shard *shard = shard_of(model->home == 0 ? 1 : model->home);
    if (sync && walk.running == model) {
        WALK_ASSERT(pawl__shard_cancel_sync(shard, model->entry, true) == SHARD_DEADLOCK);
        return;
    }
    if (model->pends)
        owe_wake(model);
    WALK_ASSERT((sync ? pawl__shard_cancel_sync(shard, model->entry, walk.turning != 0)
                      : pawl__shard_cancel(shard, model->entry)) == expected);
    WALK_ASSERT(model->wakes_owed == 0 || walk.turning != 0);
    model->cell = model->pends ? CELL_CANCELLED : model->cell;
    model->pends = false;
}

static void poll(struct model *model)
{
    struct waker waker = {.wake = on_poller_wake, .target = model};
    if (model->is_waker || model->home == 0)
        return;
    enum shard_answer answer = pawl__shard_poll(shard_of(model->home), model->entry, &waker);
    WALK_ASSERT(answer == (model->pends ? SHARD_DONE : SHARD_ALREADY));
    WALK_ASSERT((waker.wake != NULL) == (!model->pends || model->polled)); /* the one before, or our own */
    model->polled = model->pends;
}

/* After cancel_sync, and by its callback, a timer may be freed that does not pend. */
static void cancel_and_free(struct model *model)
{
    cancel(model, true);
    if (model->pends)
        return;
    discard(model);
    renew(model);
}

static void ask(const struct model *model)
{
    WALK_ASSERT(pawl__shard_fires(shard_of(1), model->entry) == (walk.running == model && model->home == 1));
    WALK_ASSERT(entry_cell(model->entry) == (model->pends ? cell_of_tick(model->tick) : model->cell));
}

/* ---- next_deadline ---- */

static uint64_t earliest_tick(unsigned id)
{
    uint64_t earliest = TICK_NEVER;
    for (size_t i = 0; i < walk.timer_count; i++)
        if (walk.models[i].home == id && walk.models[i].pends && walk.models[i].tick < earliest)
            earliest = walk.models[i].tick;
    return earliest;
}

static void check_next_deadline(unsigned id, bool settled)
{
    uint64_t earliest = earliest_tick(id), highest = walk.highest_tick[id - 1], reached = walk.reached_tick[id - 1];
    uint64_t next_ns = load_relaxed_u64(&shard_of(id)->next_deadline); /* relaxed: one thread */
    uint64_t truth_ns = clock_instant_of_tick(&walk.clock, earliest);
    /* the range, but for what the wheel may lag behind */
    uint64_t reach = (WHEEL_SLOTS - 3) * POWER(DIGIT_BITS * (walk.level_count - 1));
    WALK_ASSERT(next_ns <= truth_ns || next_ns <= walk.now_ns);
    if (!settled || walk.timer_count > FEW || next_ns <= clock_instant_of_tick(&walk.clock, highest))
        return;
    WALK_ASSERT(next_ns == truth_ns || (earliest != TICK_NEVER && earliest - reached > reach));
}

static void settle(unsigned id)
{
    pawl__shard_settle(shard_of(id));
    if (now_tick() < walk.reached_tick[id - 1])
        walk.reached_tick[id - 1] = now_tick(); /* the wheel may be set back */
    if (walk.turning != id)
        check_next_deadline(id, true);
}

/* ---- time ---- */

static void pass_time(unsigned id)
{
    uint64_t next_ns = load_relaxed_u64(&shard_of(id)->next_deadline); /* relaxed: one thread */
    bool to_next = next_ns > walk.now_ns && next_ns < PAWL_NEVER;
    uint64_t distance_ns = random_distance(walk.jump_bits);
    switch (random_below(&walk.random, 8)) {
    case 0: /* it stands still */
        break;
    case 1:
        walk.now_ns = pawl_saturating_add(walk.now_ns, random_below(&walk.random, 3));
        break;
    case 2:
        walk.now_ns -= distance_ns < walk.now_ns ? distance_ns : walk.now_ns;
        break;
    case 3:
    case 4:
        walk.now_ns = to_next ? next_ns : walk.now_ns;
        break;
    case 5:
        walk.now_ns = to_next ? next_ns - 1 : walk.now_ns;
        break;
    default:
        walk.now_ns = pawl_saturating_add(walk.now_ns, distance_ns);
    }
    if (walk.now_ns == PAWL_NEVER)
        walk.now_ns--;
}

/* A turn is over: what was due has its outcome, unless it was too much for one turn, which then says that more is due;
 * all has if the turn was a close. */
static void finish_turn(void)
{
    uint64_t next_ns = load_relaxed_u64(&shard_of(walk.turning)->next_deadline); /* relaxed: one thread */
    bool at_limit = walk.timer_count > SHARD_TURN_MAX && next_ns <= walk.now_ns;
    for (size_t i = 0; i < walk.timer_count; i++) {
        struct model *model = &walk.models[i];
        WALK_ASSERT(model->wakes_owed == 0);
        if (model->home != walk.turning)
            continue;
        WALK_ASSERT(!model->pends || model->fresh || model->moved || at_limit || model->tick > walk.turn_tick);
        WALK_ASSERT(!model->pends || !walk.closing);
        model->fresh = model->moved = false;
    }
    walk.reached_tick[walk.turning - 1] = walk.turn_tick;
    if (walk.turn_tick > walk.highest_tick[walk.turning - 1])
        walk.highest_tick[walk.turning - 1] = walk.turn_tick;
    walk.turning = 0;
}

static void turn(unsigned id)
{
    if (walk.turning != 0) {
        WALK_ASSERT(walk.turning != id || !pawl__shard_turn(shard_of(id), now_tick()));
        return;
    }
    walk.turning = id;
    walk.turn_tick = now_tick();
    pawl__shard_turn(shard_of(id), walk.turn_tick);
    finish_turn();
    check_next_deadline(id, false);
}

/* ---- walks ---- */

static void act(void)
{
    uint32_t which = random_below(&walk.random, (uint32_t)walk.timer_count);
    struct model *model = walk.own != NULL && once_in(2) ? walk.own : &walk.models[which];
    unsigned id = 1 + random_below(&walk.random, SHARDS), what = random_below(&walk.random, 16);
    walk.operations++;
    if (model->is_waker && walk.turning != 0)
        return;
    if (what < 5) {
        arm(model);
    } else if (what < 8) {
        reset(model);
    } else if (what < 10) {
        cancel(model, false);
    } else if (what == 10) {
        cancel_and_free(model);
    } else if (what == 11) {
        ask(model);
        poll(model);
    } else if (what == 12) {
        settle(id);
    } else {
        if (walk.turning == 0)
            pass_time(id);
        turn(id);
    }
}

static void start(uint64_t seed, uint64_t scenario)
{
    static const uint64_t ticks_ns[] = {1, 1000, 32768, 1000000};
    static const unsigned jumps[] = {8, 20, 32, 46, 57}; /* 2^57 ns are four years */
    static const unsigned uptimes[] = {0, 6, 12, 30, 36, 42};
    static const size_t timer_counts[] = {2, 10, 10, FEW, FEW, FEW, FEW, TIMERS_MAX};
    struct random *random = &walk.random;
    walk = (struct walk){.seed = seed, .scenario = scenario, .operations = walk.operations};
    random_init(random, seed, scenario);
    walk.clock = (struct clock){.now_ns = read_now, .tick_ns = ticks_ns[random_below(random, COUNT_OF(ticks_ns))]};
    walk.level_count = once_in(2) ? clock_wheel_levels(&walk.clock) : 1 + random_below(random, WHEEL_LEVELS_MAX);
    walk.jump_bits = jumps[random_below(random, COUNT_OF(jumps))];
    walk.now_ns = (POWER(uptimes[random_below(random, COUNT_OF(uptimes))]) - 1) * walk.clock.tick_ns;
    if (once_in(16))
        walk.now_ns = PAWL_NEVER - POWER(walk.jump_bits + 3);
    for (unsigned id = 1; id <= SHARDS; id++)
        pawl__shard_init(shard_of(id), &walk.clock, id, walk.levels[id - 1], walk.level_count);
    for (unsigned id = 1; id <= SHARDS; id++)
        walk.highest_tick[id - 1] = walk.reached_tick[id - 1] = now_tick();
    walk.timer_count = timer_counts[random_below(random, COUNT_OF(timer_counts))];
    for (size_t i = 0; i < walk.timer_count; i++) {
        walk.models[i].is_waker = once_in(4);
        renew(&walk.models[i]);
        if (walk.timer_count > FEW) /* so that there is more at once than one turn fires */
            arm(&walk.models[i]);
    }
}

/* Shut down, wherever it stands. */
static void finish(void)
{
    for (unsigned id = 1; id <= SHARDS; id++) {
        walk.turning = id;
        walk.turn_tick = 0;
        walk.closing = true;
        pawl__shard_close(shard_of(id));
        finish_turn();
        WALK_ASSERT(pawl__shard_closed(shard_of(id)));
        pawl__shard_turn(shard_of(id), TICK_LAST);                                 /* nothing is left that could fire */
        WALK_ASSERT(load_relaxed_u64(&shard_of(id)->next_deadline) == PAWL_NEVER); /* relaxed: one thread */
    }
    for (size_t i = 0; i < walk.timer_count; i++) {
        ask(&walk.models[i]);
        discard(&walk.models[i]);
    }
}

Test(shard_walk, agrees_with_a_dumb_reference)
{
    uint64_t seed = walk_seed(), operations = walk_operations(1000000);
    for (uint64_t scenario = 0; walk.operations < operations; scenario++) {
        start(seed, scenario);
        for (unsigned n = 0; n < SCENARIO_OPERATIONS; n++) {
            act();
            if (walk.timer_count <= FEW || once_in(16))
                for (unsigned id = 1; id <= SHARDS; id++)
                    check_next_deadline(id, false);
        }
        finish();
    }
}
