/* Timer shard: arm, reset, extend, cancel, cancel_sync and move against firing and against closing, from two or three
 * threads (P5, and the shard's half of P2).
 *
 * A shard or two alone, with a clock that stands still: a turn is told what time it is. Each scenario says what its
 * threads do; all that may come of it is asserted at the end:
 *   - each arming has exactly one outcome, fired, cancelled or shut down, and the answers of the calls name it;
 *   - callbacks of one timer never overlap: each writes to plain data, so two at a time are a data race;
 *   - once cancel_sync has returned the memory is freed, so a callback that still runs uses it after that;
 *   - nothing fires before its true deadline;
 *   - when no turn is under way, next_deadline is not later than any pending deadline, and somebody was told of it;
 *   - a closed shard has completed everything once, whoever did it.
 * Edges timer.cell and timer.home; lock.word stands for all else. */
#include "tests/model/shard.h"

/* ---- firing against cancel ---- */

static void fire_against_cancel(pawl_timer_fn *callback)
{
    static struct part parts[] = {{.does = cancels}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, callback, SOON);
    together(parts, 2);
    MODEL_ASSERT(parts[0].answer == (records[0].fired ? SHARD_ALREADY : SHARD_DONE));
    MODEL_ASSERT(!parts[1].told);
    expect_one_outcome(0, parts[0].answer == SHARD_DONE);
    model_outcome(records[0].fired ? "fired" : "cancelled");
    finish();
}

static void cancel_callback(void)
{
    fire_against_cancel(uses);
}

static void cancel_waker(void)
{
    fire_against_cancel(NULL);
}

static const char *const fired_or_cancelled[] = {"fired", "cancelled", NULL};

/* The memory is freed as soon as cancel_sync has returned. */
static void cancel_sync_free(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 2);
    MODEL_ASSERT(parts[0].answer == (records[0].fired ? SHARD_ALREADY : SHARD_DONE));
    MODEL_ASSERT(!parts[1].told && records[0].shut_down == 0 && records[0].fired <= 1);
    model_outcome(records[0].fired ? "fired" : "cancelled");
    finish();
}

/* Two wait for the same callback; at most one of them cancelled. */
static void two_cancel_sync(void)
{
    static struct part parts[] = {{.does = cancels_sync}, {.does = cancels_sync}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 3);
    bool cancelled = parts[0].answer == SHARD_DONE || parts[1].answer == SHARD_DONE;
    MODEL_ASSERT(parts[0].answer == SHARD_ALREADY || parts[1].answer == SHARD_ALREADY);
    MODEL_ASSERT(records[0].fired == !cancelled);
    expect_one_outcome(0, cancelled);
    finish();
}

/* Callbacks of the same turn: waiting for the first one does not take the second one for it. */
static void cancel_sync_first_of_two(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, SOON);
    together(parts, 2);
    MODEL_ASSERT(parts[0].answer == (records[0].fired ? SHARD_ALREADY : SHARD_DONE));
    expect_one_outcome(1, false);
    MODEL_ASSERT(records[1].fired == 1);
    finish();
}

/* Each waits for a callback of its own. */
static void cancel_sync_each(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees},
                                  {.does = cancels_sync_and_frees, .timer = 1},
                                  {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, SOON);
    together(parts, 3);
    for (unsigned i = 0; i < 2; i++)
        MODEL_ASSERT(parts[i].answer == (records[i].fired ? SHARD_ALREADY : SHARD_DONE));
    finish();
}

static void cancel_sync_rearm(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, rearms, SOON);
    together(parts, 2);
    if (records[0].fired == 0) {
        MODEL_ASSERT(parts[0].answer == SHARD_DONE);
        model_outcome("cancelled before it fired");
    } else if (records[0].answer == SHARD_CANCELED) {
        MODEL_ASSERT(parts[0].answer == SHARD_ALREADY);
        model_outcome("not armed again");
    } else {
        MODEL_ASSERT(done(records[0].answer) && parts[0].answer == SHARD_DONE);
        model_outcome("armed again and cancelled");
    }
    turn_alone(LATE);
    MODEL_ASSERT(records[0].fired <= 1); /* and this did not touch the freed timer */
    finish();
}

static const char *const rearm_outcomes[] = {"cancelled before it fired", "not armed again",
                                             "armed again and cancelled", NULL};

/* Arms itself again as the last thing that it does with its memory: who cancels it then may free it while the callback
 * still runs. */
static void rearms_and_forgets(struct pawl_timer *timer, void *arg, int status)
{
    unsigned i = ((struct timer *)arg)->index;
    record(i, status);
    records[i].answer = pawl__shard_arm(&shards[0], (struct timer_entry *)timer, LATE, false);
}

static void cancels_and_frees(struct part *part)
{
    cancels(part);
    if (part->answer == SHARD_DONE)
        let_go(part->timer);
}

static void cancel_rearmed_free(void)
{
    static struct part parts[] = {{.does = cancels_and_frees}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, rearms_and_forgets, SOON);
    together(parts, 2);
    if (records[0].fired == 0)
        model_outcome("cancelled before it fired");
    else if (parts[0].answer == SHARD_DONE)
        model_outcome("armed again and cancelled");
    else
        model_outcome("fired and armed again");
    MODEL_ASSERT(records[0].fired == 1 || parts[0].answer == SHARD_DONE);
    turn_alone(SOON);
    MODEL_ASSERT(records[0].fired <= 1);
    finish();
}

static const char *const cancel_rearmed_outcomes[] = {"cancelled before it fired", "armed again and cancelled",
                                                      "fired and armed again", NULL};

/* Cancels itself, by either call, in its callback. */
static void cancels_itself(struct pawl_timer *timer, void *arg, int status)
{
    struct timer_entry *entry = (struct timer_entry *)timer;
    uses(timer, arg, status);
    MODEL_ASSERT(pawl__shard_cancel(&shards[0], entry) == SHARD_ALREADY);
    MODEL_ASSERT(pawl__shard_cancel_sync(&shards[0], entry, true) == SHARD_DEADLOCK);
    MODEL_ASSERT(pawl__shard_fires(&shards[0], entry));
    MODEL_ASSERT(pawl__shard_leave(&shards[0], entry) == SHARD_ALREADY);
}

static void cancel_inside(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, cancels_itself, SOON);
    together(parts, 2);
    finish();
}

/* Two shards' callbacks each want to wait for the other one's: both are told that they cannot. */
static void cancels_the_other(struct pawl_timer *timer, void *arg, int status)
{
    unsigned i = ((struct timer *)arg)->index;
    uses(timer, arg, status);
    records[i].answer = pawl__shard_cancel_sync(&shards[1 - i], &timers[1 - i]->entry, true);
}

static void cancel_sync_crosswise(void)
{
    static struct part parts[] = {{.does = turns, .tick = SOON}, {.does = turns, .tick = SOON, .shard = 1}};
    set_up();
    armed(0, cancels_the_other, SOON);
    MODEL_ASSERT(done(pawl__shard_arm(&shards[1], make(1, cancels_the_other), SOON, false)));
    together(parts, 2);
    for (unsigned i = 0; i < 2; i++) {
        bool cancelled = records[1 - i].fired && records[1 - i].answer == SHARD_DONE;
        expect_one_outcome(i, cancelled);
    }
    finish();
}

/* ---- the callback's memory ---- */

static void frees(struct pawl_timer *timer, void *arg, int status)
{
    unsigned i = ((struct timer *)arg)->index;
    uses(timer, arg, status);
    let_go(i);
}

static void free_inside(void)
{
    static struct part parts[] = {{.does = turns, .tick = SOON},
                                  {.does = turns, .tick = SOON},
                                  {.does = cancels_sync, .timer = 1}};
    set_up();
    armed(0, frees, SOON);
    armed(1, uses, SOON);
    together(parts, 3);
    MODEL_ASSERT(records[0].fired == 1 && records[1].fired + (parts[2].answer == SHARD_DONE) == 1);
    finish();
}

/* What its callback freed is allocated again at once, by a thread that makes another timer of it. */
static PAWL_ATOMIC(uint32_t) reborn;

static void gives_away(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    struct timer *t = arg;
    record(t->index, status);
    entry_init_callback(&t->entry, uses, t);
    store_release_u32(&reborn, 1);
}

/* In shard `part->shard`, whatever is said there of the former timer's callback. */
static void uses_again(struct part *part)
{
    struct shard *shard = &shards[part->shard];
    while (load_acquire_u32(&reborn) == 0)
        model_yield();
    MODEL_ASSERT(done(pawl__shard_arm(shard, entry_at(part), LATER, false)));
    MODEL_ASSERT(!pawl__shard_fires(shard, entry_at(part)));
    MODEL_ASSERT(pawl__shard_cancel_sync(shard, entry_at(part), true) == SHARD_DONE); /* as if in another callback */
    let_go(part->timer);
}

static void reuse(unsigned shard)
{
    static struct part parts[] = {{.does = turns, .tick = SOON}, {.does = uses_again}};
    parts[1].shard = shard;
    set_up();
    armed(0, gives_away, SOON);
    together(parts, 2);
    MODEL_ASSERT(records[0].fired == 1);
    finish();
}

static void reuse_here(void)
{
    reuse(0);
}

static void reuse_elsewhere(void)
{
    reuse(1);
}

/* ---- firing against a later deadline ---- */

static void extend_against_fire(void)
{
    static struct part parts[] = {{.does = extends, .tick = LATER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 2);
    MODEL_ASSERT(records[0].fired == (parts[0].extended == ENTRY_NOT_PENDING));
    MODEL_ASSERT(parts[1].told == (parts[0].extended == ENTRY_EXTENDED));
    expect_one_outcome(0, false);
    expect_published(0);
    turn_alone(LATER - 1);
    MODEL_ASSERT(records[0].fired == (parts[0].extended == ENTRY_NOT_PENDING));
    turn_alone(LATER);
    MODEL_ASSERT(records[0].fired == 1);
    model_outcome(parts[0].extended == ENTRY_EXTENDED ? "extended" : "fired");
    finish();
}

static const char *const extended_or_fired[] = {"extended", "fired", NULL};

/* The later one of two extensions counts; the other one came first, or is told that it is not later. */
static void two_extend(void)
{
    static struct part parts[] = {{.does = extends, .tick = LATER},
                                  {.does = extends, .tick = LATE},
                                  {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 3);
    bool later = parts[0].extended == ENTRY_EXTENDED, late = parts[1].extended == ENTRY_EXTENDED;
    MODEL_ASSERT(records[0].fired == (!later && !late));
    MODEL_ASSERT(parts[1].extended != ENTRY_NOT_LATER || later);
    turn_alone(later ? LATER - 1 : LATE - 1);
    MODEL_ASSERT(records[0].fired == (!later && !late));
    turn_alone(LATER);
    MODEL_ASSERT(records[0].fired == 1);
    finish();
}

static void extend_against_cancel(void)
{
    static struct part parts[] = {{.does = cancels_sync}, {.does = extends, .tick = LATER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 3);
    bool cancelled = parts[0].answer == SHARD_DONE;
    expect_one_outcome(0, cancelled);
    MODEL_ASSERT(cancelled || records[0].fired == 1);
    MODEL_ASSERT(cancelled || parts[1].extended == ENTRY_NOT_PENDING); /* who has fired was not extended */
    turn_alone(LATER);
    MODEL_ASSERT(records[0].fired == !cancelled);
    finish();
}

/* A reset to an earlier tick, under the lock, and an extension, without it: the one that comes last counts. */
static void extend_against_reset(void)
{
    static struct part parts[] = {{.does = resets, .tick = SOON}, {.does = extends, .tick = LATER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, LATE);
    together(parts, 3);
    MODEL_ASSERT(done(parts[0].answer) && parts[1].extended != ENTRY_NOT_LATER);
    expect_one_outcome(0, false);
    expect_published(0);
    if (records[0].fired == 0) {
        uint64_t tick = tick_of_cell(entry_cell(&timers[0]->entry));
        MODEL_ASSERT(tick == SOON || (tick == LATER && parts[1].extended == ENTRY_EXTENDED));
        MODEL_ASSERT(parts[0].answer == SHARD_DONE_EARLIER || parts[2].told);
        turn_alone(tick - 1);
        MODEL_ASSERT(records[0].fired == 0);
        turn_alone(tick);
    }
    MODEL_ASSERT(records[0].fired == 1);
    finish();
}

/* ---- firing against an earlier deadline ---- */

static void reset_earlier(void)
{
    static struct part parts[] = {{.does = resets, .tick = SOON}, {.does = turns, .tick = SOON}, {.does = looks}};
    set_up();
    armed(0, uses, LATE);
    together(parts, 3);
    MODEL_ASSERT(done(parts[0].answer));
    MODEL_ASSERT(records[0].fired == 1 || parts[0].answer == SHARD_DONE_EARLIER || parts[1].told);
    expect_one_outcome(0, false);
    finish();
}

/* Two resets, one later and one earlier, neither without the lock. */
static void two_reset(void)
{
    static struct part parts[] = {{.does = resets, .tick = SOON}, {.does = resets, .tick = LATER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, LATE);
    together(parts, 3);
    MODEL_ASSERT(done(parts[0].answer));
    MODEL_ASSERT(done(parts[1].answer) || records[0].fired == 1);
    expect_one_outcome(0, false);
    expect_published(0);
    turn_alone(LATER);
    MODEL_ASSERT(records[0].fired == 1);
    finish();
}

/* It has been taken off the wheel to be fired after another one. */
static void reset_due(void)
{
    static struct part parts[] = {{.does = resets, .timer = 1, .tick = LATER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, SOON);
    together(parts, 2);
    MODEL_ASSERT(records[0].fired == 1);
    MODEL_ASSERT(records[1].fired == (parts[0].answer == SHARD_ALREADY));
    expect_published(0);
    turn_alone(LATER - 1);
    MODEL_ASSERT(records[1].fired == (parts[0].answer == SHARD_ALREADY));
    turn_alone(LATER);
    MODEL_ASSERT(records[1].fired == 1);
    finish();
}

/* The same, for a shard that is closed meanwhile. */
static void reset_due_close(void)
{
    static struct part parts[] = {{.does = resets, .timer = 1, .tick = LATER}, {.does = turns, .tick = SOON}, {.does = closes}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, SOON);
    together(parts, 3);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]));
    for (unsigned i = 0; i < 2; i++) {
        expect_one_outcome(i, false);
        MODEL_ASSERT(records[i].fired + records[i].shut_down == 1);
    }
    finish();
}

/* A due one is cancelled, and freed, while the one before it is called. */
static void cancel_due(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees, .timer = 1}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, SOON);
    armed(2, uses, SOON);
    together(parts, 2);
    MODEL_ASSERT(records[0].fired == 1 && records[2].fired == 1);
    MODEL_ASSERT(records[1].fired == (parts[0].answer == SHARD_ALREADY));
    finish();
}

/* ---- two threads turn; and arming meanwhile ---- */

static void two_turn(void)
{
    static struct part parts[] = {{.does = turns, .tick = SOON}, {.does = turns, .tick = SOON}, {.does = cancels, .timer = 1}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, SOON);
    together(parts, 3);
    MODEL_ASSERT(records[0].fired == 1 && records[1].fired == (parts[2].answer == SHARD_ALREADY));
    finish();
}

/* Arms itself for a tick that has passed: that is for the next turn, which may be another thread's. */
static void rearms_for_now(struct pawl_timer *timer, void *arg, int status)
{
    struct timer *t = arg;
    unsigned i = t->index;
    t->payload++;
    record(i, status);
    if (records[i].fired == 1)
        MODEL_ASSERT(done(pawl__shard_arm(&shards[0], (struct timer_entry *)timer, NOW, false)));
    t->payload++;
}

static void two_turn_rearm(void)
{
    static struct part parts[] = {{.does = turns_twice, .tick = SOON}, {.does = turns_twice, .tick = SOON}};
    set_up();
    armed(0, rearms_for_now, SOON);
    together(parts, 2);
    MODEL_ASSERT(records[0].fired == 2); /* whoever's second turn was the last one began after the first call */
    finish();
}

static void arm_against_turn(void)
{
    static struct part parts[] = {{.does = arms, .timer = 1, .tick = SOON},
                                  {.does = turns, .tick = SOON},
                                  {.does = looks, .timer = 1}};
    set_up();
    armed(0, uses_and_looks, SOON);
    make(1, uses);
    together(parts, 3);
    MODEL_ASSERT(done(parts[0].answer) && records[0].fired == 1);
    expect_one_outcome(1, false);
    if (records[1].fired == 0) /* who goes to sleep now must know: the armer or the turner tells */
        MODEL_ASSERT(parts[0].answer == SHARD_DONE_EARLIER || parts[1].told);
    else
        MODEL_ASSERT(timers[1]->payload == 12); /* the callback came after what the armer wrote */
    expect_published(0);
    turn_alone(SOON);
    MODEL_ASSERT(records[1].fired == 1);
    finish();
}

/* Two arm, and the later deadline must not hide the earlier one. */
static void two_arm(void)
{
    static struct part parts[] = {{.does = arms, .timer = 1, .tick = SOON},
                                  {.does = arms, .timer = 2, .tick = LATER},
                                  {.does = turns, .tick = LATE}};
    set_up();
    armed(0, uses, LATE);
    make(1, uses);
    make(2, uses);
    together(parts, 3);
    MODEL_ASSERT(done(parts[0].answer) && done(parts[1].answer) && records[0].fired == 1 && records[2].fired == 0);
    MODEL_ASSERT(records[1].fired == 1 || parts[0].answer == SHARD_DONE_EARLIER || parts[2].told);
    MODEL_ASSERT(parts[1].answer == SHARD_DONE_EARLIER || parts[2].told || records[1].fired == 0);
    finish();
}

/* The same timer is armed by two threads: one of them does it. */
static void arm_twice(void)
{
    static struct part parts[] = {{.does = competes, .tick = SOON}, {.does = competes, .tick = LATE}, {.does = turns, .tick = LATE}};
    set_up();
    make(0, uses);
    together(parts, 3);
    unsigned armings = done(parts[0].answer) + done(parts[1].answer);
    MODEL_ASSERT(armings >= 1 && records[0].fired <= armings);
    for (unsigned i = 0; i < 2; i++)
        MODEL_ASSERT(done(parts[i].answer) || parts[i].answer == SHARD_BUSY);
    MODEL_ASSERT(armings == 1 || records[0].fired >= 1); /* the second arming came after the first one's end */
    turn_alone(LATE);
    MODEL_ASSERT(records[0].fired == armings);
    finish();
}

/* ---- settle ---- */

static void settle_against_extend(void)
{
    static struct part parts[] = {{.does = settles}, {.does = extends, .tick = LATER}, {.does = arms, .timer = 1, .tick = LATE}};
    set_up();
    armed(0, uses, SOON);
    make(1, uses);
    together(parts, 3);
    MODEL_ASSERT(parts[1].extended == ENTRY_EXTENDED && done(parts[2].answer));
    expect_published(0);
    pawl__shard_settle(&shards[0]);
    MODEL_ASSERT(load_relaxed_u64(&shards[0].next_deadline) == clock_instant_of_tick(&source, LATE));
    turn_alone(LATE);
    MODEL_ASSERT(records[0].fired == 0 && records[1].fired == 1);
    finish();
}

static void settle_against_turn(void)
{
    static struct part parts[] = {{.does = settles}, {.does = turns, .tick = SOON}, {.does = resets, .timer = 1, .tick = SOON}};
    set_up();
    armed(0, uses_and_looks, SOON);
    armed(1, uses, LATE);
    together(parts, 3);
    MODEL_ASSERT(records[0].fired == 1 && done(parts[2].answer));
    MODEL_ASSERT(records[1].fired == 1 || parts[2].answer == SHARD_DONE_EARLIER || parts[1].told);
    finish();
}

#define SCENARIO(fn, words, ...) {.name = #fn, .about = words, .run = fn, __VA_ARGS__}

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        SCENARIO(cancel_callback, "a callback fires while it is cancelled", .outcomes = fired_or_cancelled),
        SCENARIO(cancel_waker, "a waker fires while it is cancelled", .outcomes = fired_or_cancelled),
        SCENARIO(cancel_sync_free, "memory freed at once after cancel_sync", .outcomes = fired_or_cancelled,
                 .spurious = 2),
        SCENARIO(two_cancel_sync, "two cancel_sync wait for one callback"),
        SCENARIO(cancel_sync_first_of_two, "cancel_sync of the first of two callbacks"),
        SCENARIO(cancel_sync_each, "cancel_sync of each of two callbacks"),
        SCENARIO(cancel_sync_rearm, "cancel_sync of a timer that arms itself", .outcomes = rearm_outcomes),
        SCENARIO(cancel_rearmed_free, "memory freed after cancel of a timer that its callback armed again",
                 .outcomes = cancel_rearmed_outcomes),
        SCENARIO(cancel_inside, "a callback cancels its own timer"),
        SCENARIO(cancel_sync_crosswise, "two callbacks want to wait for each other"),
        SCENARIO(free_inside, "a callback frees its timer"),
        SCENARIO(reuse_here, "a freed timer's memory is armed again in the same shard"),
        SCENARIO(reuse_elsewhere, "a freed timer's memory is armed again in another shard"),
        SCENARIO(extend_against_fire, "lock-free extension against firing", .outcomes = extended_or_fired),
        SCENARIO(two_extend, "two extensions against firing"),
        SCENARIO(extend_against_cancel, "extension against cancel_sync and firing"),
        SCENARIO(extend_against_reset, "extension against an earlier reset and firing"),
        SCENARIO(reset_earlier, "an earlier reset against firing"),
        SCENARIO(two_reset, "two resets against firing"),
        SCENARIO(reset_due, "a later reset of what is off the wheel already"),
        SCENARIO(reset_due_close, "the same while the shard is closed"),
        SCENARIO(cancel_due, "cancel_sync of what is off the wheel already"),
        SCENARIO(two_turn, "two threads turn"),
        SCENARIO(two_turn_rearm, "two threads turn a timer that arms itself for now"),
        SCENARIO(arm_against_turn, "arming while another timer fires"),
        SCENARIO(two_arm, "two threads arm while a third turns"),
        SCENARIO(arm_twice, "two threads arm one timer"),
        SCENARIO(settle_against_extend, "settling against extension and arming"),
        SCENARIO(settle_against_turn, "settling against a turn and an earlier reset"),
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    const struct model_scenario *scenarios[COUNT + 1] = {NULL};
    for (unsigned i = 0; i < COUNT; i++)
        scenarios[i] = &all[i];
    return model_main(argc, argv, scenarios);
}
