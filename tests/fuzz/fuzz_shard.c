/* Two timer shards on a clock of the target's own, against a dumb reference: arm, reset, the reset without a lock,
 * cancel, cancel_sync, leaving home, turns at any time and close; callbacks that do all that themselves, to their own
 * timer and to others, and free what they may; wakers.
 *
 * Checked: the answer of each call; that each timer fires once, never early, in the first turn of its shard after its
 * deadline; that a turn fires nothing that was armed meanwhile; that next_deadline is never too late, and exact once
 * settled. Entries are allocated one by one, so that AddressSanitizer sees whoever touches a freed one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "time/shard.h"

enum { TIMERS = 12, SHARDS = 2, STEPS_MAX = 300, DEPTH_MAX = 3 };

/* What a timer must look like. */
struct model {
    struct timer_entry *entry; /* NULL: freed; allocated anew when next named */
    struct timer_entry *spare; /* freed, as far as the library may know: the next one is at the same address */
    uint64_t cell;             /* CELL_IDLE and so on, or CELL_PENDING_FIRST: pending at tick */
    uint64_t tick;
    unsigned home; /* id of its shard, 0: none */
    bool has_waker;
    bool fresh; /* filed during the turn of its shard that goes on: not for this turn */
    bool reset; /* reset during that turn: for this one or for the next */
    bool late;  /* armed although its shard was closed: not for close to complete */
    unsigned wakes_owed;
};

static struct walk {
    struct input input;
    struct clock clock;
    uint64_t now_ns;
    struct shard shards[SHARDS];
    struct wheel_level levels[SHARDS][WHEEL_LEVELS_MAX];
    struct model models[TIMERS];
    struct model *running[SHARDS];
    struct model *own; /* the timer whose callback runs or, if none does, ran last */
    bool turning[SHARDS], closed[SHARDS], drained[SHARDS];
    uint64_t turn_tick[SHARDS];
    unsigned depth, steps;
} walk;

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

static uint64_t take_tick(void)
{
    unsigned how = take_below(&walk.input, 8);
    uint64_t number = take_number(&walk.input);
    if (how == 0)
        return TICK_NEVER;
    if (how == 1)
        return now_tick() - (number > now_tick() ? now_tick() : number); /* past, or now */
    uint64_t deadline_ns = pawl_saturating_add(walk.now_ns, number);
    return clock_tick_of_deadline(&walk.clock, deadline_ns);
}

static bool pends(const struct model *model)
{
    return model->cell == CELL_PENDING_FIRST;
}

static uint64_t cell_expected(const struct model *model)
{
    return pends(model) ? cell_of_tick(model->tick) : model->cell;
}

/* ---- what is called ---- */

static void act(void);

static void check_outcome(struct model *model, unsigned id, bool shutdown)
{
    FUZZ_CHECK(pends(model) && model->home == id);
    FUZZ_CHECK(walk.turning[id - 1]);
    FUZZ_CHECK(shutdown ? walk.closed[id - 1] : model->tick <= walk.turn_tick[id - 1] && !model->fresh);
    model->cell = shutdown ? CELL_SHUTDOWN : CELL_FIRED;
    model->wakes_owed += model->has_waker;
}

/* A timer without a callback ends its pending unheard: its cell tells, and the model says the same from here on. */
static void take_in(struct model *model)
{
    if (model->entry->callback != NULL || !pends(model) || !walk.turning[model->home - 1])
        return;
    uint64_t cell = entry_cell(model->entry);
    if (cell_pending(cell))
        return;
    FUZZ_CHECK(cell == CELL_FIRED || cell == CELL_SHUTDOWN);
    check_outcome(model, model->home, cell == CELL_SHUTDOWN);
}

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    struct model *model = arg;
    unsigned id = model->home;
    FUZZ_CHECK((struct timer_entry *)timer == model->entry);
    FUZZ_CHECK(status == 0 || status == -ESHUTDOWN);
    FUZZ_CHECK(walk.running[id - 1] == NULL); /* one callback of a shard at a time */
    check_outcome(model, id, status != 0);
    FUZZ_CHECK(entry_cell(model->entry) == model->cell);
    walk.running[id - 1] = walk.own = model;
    walk.depth++;
    for (unsigned n = take_below(&walk.input, 4); n > 0; n--)
        act();
    walk.depth--;
    walk.running[id - 1] = NULL;
}

/* Comes after a batch has been collected: by then the timer may have been armed again, or moved, but not freed here. */
static void on_wake(void *target)
{
    struct model *model = target;
    take_in(model);
    FUZZ_CHECK(model->wakes_owed > 0);
    model->wakes_owed--;
    if (walk.depth < DEPTH_MAX) {
        walk.depth++;
        act();
        walk.depth--;
    }
}

/* ---- calls ---- */

static void renew(struct model *model)
{
    unsigned choice = take_below(&walk.input, 4);
    model->entry = model->spare != NULL ? model->spare : malloc(sizeof *model->entry);
    model->spare = NULL;
    FUZZ_CHECK(model->entry != NULL);
    model->cell = CELL_IDLE;
    model->home = 0;
    model->has_waker = choice == 1;
    if (choice == 0)
        entry_init_waker(model->entry, (struct waker){0}); /* only the state tells */
    else if (choice == 1)
        entry_init_waker(model->entry, (struct waker){.wake = on_wake, .target = model});
    else
        entry_init_callback(model->entry, on_fire, model);
}

static bool runs(const struct model *model)
{
    return model->home != 0 && walk.running[model->home - 1] == model;
}

/* DONE_EARLIER is DONE, and the shard's next_deadline says so. */
static enum shard_answer plain(enum shard_answer answer, const struct shard *shard, uint64_t tick)
{
    if (answer == SHARD_DONE_EARLIER)
        FUZZ_CHECK(load_relaxed_u64(&shard->next_deadline) == clock_instant_of_tick(shard->clock, tick));
    return answer == SHARD_DONE_EARLIER ? SHARD_DONE : answer;
}

static void arm(struct model *model, unsigned id, uint64_t tick, bool even_closed)
{
    enum shard_answer expected;
    if (model->home != 0 && model->home != id)
        expected = SHARD_NOT_HOME;
    else if (pends(model))
        expected = SHARD_BUSY;
    else if (walk.closed[id - 1] && !even_closed)
        expected = SHARD_CLOSED;
    else
        expected = SHARD_DONE;
    enum shard_answer answer = pawl__shard_arm(shard_of(id), model->entry, tick, even_closed);
    FUZZ_CHECK(plain(answer, shard_of(id), tick) == expected);
    if (expected == SHARD_CLOSED)
        model->home = id; /* adopted all the same */
    if (expected != SHARD_DONE)
        return;
    model->cell = CELL_PENDING_FIRST;
    model->tick = tick;
    model->home = id;
    model->fresh = walk.turning[id - 1];
    model->late = walk.closed[id - 1];
}

static void reset(struct model *model, unsigned id, uint64_t tick)
{
    enum shard_answer expected = model->home != id ? SHARD_NOT_HOME : pends(model) ? SHARD_DONE : SHARD_ALREADY;
    enum shard_answer answer = pawl__shard_reset(shard_of(id), model->entry, tick);
    FUZZ_CHECK(plain(answer, shard_of(id), tick) == expected);
    if (expected != SHARD_DONE)
        return;
    model->tick = tick;
    model->reset = walk.turning[id - 1];
}

static void extend(struct model *model, uint64_t tick)
{
    enum entry_extend expected = !pends(model)         ? ENTRY_NOT_PENDING
                                 : tick >= model->tick ? ENTRY_EXTENDED
                                                       : ENTRY_NOT_LATER;
    FUZZ_CHECK(entry_extend(model->entry, tick) == expected);
    if (expected == ENTRY_EXTENDED)
        model->tick = tick;
}

/* Frees the timer. again: it is allocated anew at the same address, as malloc may do. */
static void release(struct model *model, bool again)
{
    struct timer_entry *entry = model->entry;
    if (runs(model))
        walk.running[model->home - 1] = NULL;
    *model = (struct model){.spare = again ? entry : NULL};
    if (!again)
        free(entry);
}

static void cancel(struct model *model, unsigned id, bool sync)
{
    enum shard_answer expected = model->home != id ? SHARD_NOT_HOME : pends(model) ? SHARD_DONE : SHARD_ALREADY;
    enum shard_answer answer;
    if (!sync) {
        answer = pawl__shard_cancel(shard_of(id), model->entry);
    } else {
        answer = pawl__shard_cancel_sync(shard_of(id), model->entry, walk.depth > 0);
        expected = model->home == id && runs(model) ? SHARD_DEADLOCK : expected;
    }
    FUZZ_CHECK(answer == expected);
    if (expected == SHARD_DONE)
        model->cell = CELL_CANCELLED;
}

static void leave(struct model *model, unsigned id)
{
    enum shard_answer expected = model->home != id ? SHARD_NOT_HOME
                                 : pends(model)    ? SHARD_BUSY
                                 : runs(model)     ? SHARD_ALREADY
                                                   : SHARD_DONE;
    FUZZ_CHECK(pawl__shard_leave(shard_of(id), model->entry) == expected);
    if (expected == SHARD_DONE)
        model->home = 0;
}

/* ---- turns ---- */

static void check_next_deadline(unsigned id, bool settled)
{
    struct shard *shard = shard_of(id);
    uint64_t earliest = TICK_NEVER;
    for (size_t i = 0; i < TIMERS; i++)
        if (walk.models[i].home == id && pends(&walk.models[i]) && walk.models[i].tick < earliest)
            earliest = walk.models[i].tick;
    uint64_t next = load_relaxed_u64(&shard->next_deadline);
    uint64_t truth = clock_instant_of_tick(shard->clock, earliest);
    uint64_t elapsed_ns = clock_instant_of_tick(shard->clock, shard->wheel.elapsed); /* the past is all the same */
    FUZZ_CHECK(elapsed_ns <= walk.now_ns && next <= (truth > elapsed_ns ? truth : elapsed_ns));
    if (!settled || !list_empty(&shard->wheel.pending)) /* pending: comes up at once, even if it was pushed later */
        return;
    if (earliest == TICK_NEVER ||
        (earliest > shard->wheel.elapsed && earliest - shard->wheel.elapsed < shard->wheel.span))
        FUZZ_CHECK(next == truth);
}

/* A turn is over: what was due has its outcome, and so has everything when the shard was closed. */
static void finish_turn(unsigned id)
{
    bool drains = walk.closed[id - 1] && !walk.drained[id - 1];
    walk.drained[id - 1] |= drains;
    for (size_t i = 0; i < TIMERS; i++) {
        struct model *model = &walk.models[i];
        if (model->entry == NULL || model->home != id)
            continue;
        take_in(model);
        FUZZ_CHECK(!pends(model) || model->tick > walk.turn_tick[id - 1] || model->fresh || model->reset);
        FUZZ_CHECK(!pends(model) || model->late || !drains);
        model->fresh = model->reset = false;
    }
    walk.turning[id - 1] = false;
    FUZZ_CHECK(pawl__shard_closed(shard_of(id)) == walk.closed[id - 1]);
    check_next_deadline(id, false);
}

static void turn(unsigned id)
{
    if (walk.turning[id - 1]) { /* by whoever called us */
        FUZZ_CHECK(!pawl__shard_turn(shard_of(id), now_tick()));
        return;
    }
    walk.turning[id - 1] = true;
    walk.turn_tick[id - 1] = now_tick();
    pawl__shard_turn(shard_of(id), now_tick());
    finish_turn(id);
}

static void close_shard(unsigned id)
{
    walk.closed[id - 1] = true;
    if (walk.turning[id - 1]) {
        FUZZ_CHECK(!pawl__shard_close(shard_of(id))); /* left to the turn */
        return;
    }
    walk.turning[id - 1] = true;
    walk.turn_tick[id - 1] = 0;
    pawl__shard_close(shard_of(id));
    finish_turn(id);
}

static void check_wheels(void)
{
    for (unsigned id = 1; id <= SHARDS; id++) {
        const char *broken = pawl__wheel_check(&shard_of(id)->wheel);
        if (broken != NULL)
            fuzz_fail(__FILE__, __LINE__, broken);
    }
}

/* Between steps, when no shard is being turned. */
static void check_all(void)
{
    check_next_deadline(1, false);
    check_next_deadline(2, false);
    for (size_t i = 0; i < TIMERS; i++) {
        const struct model *model = &walk.models[i];
        FUZZ_CHECK(model->wakes_owed == 0);
        FUZZ_CHECK(model->entry == NULL || entry_cell(model->entry) == cell_expected(model));
    }
}

static void act(void)
{
    struct input *input = &walk.input;
    unsigned byte = take_byte(input), id = 1 + (byte >> 4 & 1);
    unsigned which = take_byte(input);
    /* a callback sees to its own timer most */
    struct model *model = walk.own != NULL && which >= 128 ? walk.own : &walk.models[which % TIMERS];
    if (model->entry == NULL)
        renew(model);
    take_in(model);
    walk.steps++;
    switch (byte & 15) {
    case 0:
    case 1:
    case 2:
        arm(model, id, take_tick(), (byte & 128) != 0);
        break;
    case 3:
        reset(model, id, take_tick());
        break;
    case 4:
        extend(model, take_tick());
        break;
    case 5:
        cancel(model, id, false);
        break;
    case 6:
        cancel(model, id, true);
        if (!model->has_waker && !pends(model) && !runs(model))
            release(model, (byte & 64) != 0);
        break;
    case 7:
        leave(model, id);
        break;
    case 8:
        walk.now_ns = pawl_saturating_add(walk.now_ns, byte >> 4);
        break;
    case 9:
        walk.now_ns = pawl_saturating_add(walk.now_ns, take_number(input));
        break;
    case 10:
        if (!walk.turning[id - 1]) {
            pawl__shard_settle(shard_of(id));
            check_next_deadline(id, true);
        }
        break;
    case 11:
        FUZZ_CHECK(pawl__shard_fires(shard_of(id), model->entry) == (walk.running[id - 1] == model));
        break;
    case 12:
        if (runs(model) && !pends(model)) /* a callback may free its own timer */
            release(model, (byte & 64) != 0);
        break;
    case 13:
        if ((byte & 224) == 224)
            close_shard(id);
        break;
    default:
        if (walk.depth < DEPTH_MAX)
            turn(id);
    }
}

static void start(void)
{
    static const uint64_t ticks_ns[] = {1, 1000, 32768, 1000000};
    struct input input = walk.input;
    memset((void *)&walk, 0, sizeof walk);
    walk.input = input;
    unsigned level_count = 1 + take_below(&walk.input, WHEEL_LEVELS_MAX);
    walk.clock = (struct clock){.now_ns = read_now, .tick_ns = ticks_ns[take_below(&walk.input, 4)]};
    walk.now_ns = take_number(&walk.input);
    for (unsigned id = 1; id <= SHARDS; id++)
        pawl__shard_init(shard_of(id), &walk.clock, id, walk.levels[id - 1], level_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    walk.input = input_of(bytes, size);
    start();
    while (input_is_left(&walk.input) && walk.steps < STEPS_MAX) {
        act();
        check_all();
    }
    check_wheels();
    walk.input.next = walk.input.end; /* from here on callbacks do nothing */
    for (unsigned id = 1; id <= SHARDS; id++)
        if (!walk.closed[id - 1])
            close_shard(id);
    check_all();
    check_wheels();
    for (size_t i = 0; i < TIMERS; i++) {
        struct model *model = &walk.models[i];
        if (model->entry != NULL && pends(model)) /* armed although its shard was closed */
            cancel(model, model->home, false);
        free(model->entry);
        free(model->spare);
    }
    return 0;
}
