/* Timer shards, the second half: wakers in batches, what one turn leaves, closing, and homes. See shard.c. */
#include "tests/model/shard.h"

/* ---- wakers, in batches of two ---- */

/* Wakes without the lock: it may arm in this shard itself. */
static void wakes_and_arms(void *target)
{
    wakes(target);
    MODEL_ASSERT(done(pawl__shard_arm(&shards[0], &timers[4]->entry, LATE, false)));
}

static void batches(void)
{
    static struct part parts[] = {{.does = cancels, .timer = 2}, {.does = turns, .tick = SOON}};
    set_up();
    for (unsigned i = 0; i < 4; i++)
        armed(i, NULL, SOON);
    make(4, uses);
    timers[3]->entry.waker.wake = wakes_and_arms;
    together(parts, 2);
    for (unsigned i = 0; i < 4; i++)
        expect_one_outcome(i, i == 2 && parts[0].answer == SHARD_DONE);
    MODEL_ASSERT(parts[1].told && state_of(4) == CELL_PENDING_FIRST);
    finish();
}

/* A callback is called between two wakers, and the batch is kept for later. */
static void mixed(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees, .timer = 1}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, NULL, SOON);
    armed(1, uses, SOON);
    armed(2, NULL, SOON);
    armed(3, NULL, SOON);
    together(parts, 2);
    MODEL_ASSERT(records[0].fired == 1 && records[2].fired == 1 && records[3].fired == 1);
    MODEL_ASSERT(records[1].fired == (parts[0].answer == SHARD_ALREADY));
    finish();
}

/* Who sees that a waker's timer has fired may free it at once: what it wakes was read before. */
static void awaits_and_frees(struct part *part)
{
    while (cell_pending(entry_cell(entry_at(part))))
        model_yield();
    let_go(part->timer);
}

static void waker_owner_frees(void)
{
    static struct part parts[] = {{.does = awaits_and_frees}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, NULL, SOON);
    together(parts, 2);
    MODEL_ASSERT(records[0].fired == 1);
    finish();
}

/* ---- more is due than one turn fires ---- */

static struct timer_entry many[SHARD_TURN_MAX];

/* All but two of those that are due have fired before the threads start. */
static void fire_all_but_two(void)
{
    set_up();
    for (unsigned i = 0; i < SHARD_TURN_MAX; i++) {
        entry_init_waker(&many[i], (struct waker){NULL, NULL});
        pawl__shard_arm(&shards[0], &many[i], SOON, false);
    }
    armed(0, uses, SOON);
    armed(1, uses, SOON);
    armed(2, uses, LATER);
    MODEL_ASSERT(pawl__shard_turn(&shards[0], SOON)); /* the rest is for the next one */
    MODEL_ASSERT(records[0].fired == 0 && load_relaxed_u64(&shards[0].next_deadline) == 0);
}

static void due_left(void)
{
    static struct part parts[] = {
        {.does = settles}, {.does = resets, .timer = 1, .tick = LATE}, {.does = looks, .timer = 0}};
    fire_all_but_two();
    together(parts, 3);
    MODEL_ASSERT(parts[1].answer == SHARD_DONE && load_relaxed_u64(&shards[0].next_deadline) == 0);
    turn_alone(SOON);
    MODEL_ASSERT(records[0].fired == 1 && records[1].fired == 0);
    turn_alone(LATE);
    MODEL_ASSERT(records[1].fired == 1 && records[2].fired == 0);
    finish();
}

static void due_left_fire(void)
{
    static struct part parts[] = {{.does = cancels_sync_and_frees}, {.does = turns, .tick = SOON}, {.does = closes}};
    fire_all_but_two();
    together(parts, 3);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]));
    MODEL_ASSERT(parts[0].answer == (records[0].fired + records[0].shut_down > 0 ? SHARD_ALREADY : SHARD_DONE));
    expect_one_outcome(1, false);
    MODEL_ASSERT(records[2].shut_down == 1);
    finish();
}

/* ---- closing ---- */

/* Everything that pended has been completed, by one thread or the other. */
static void expect_closed(unsigned timer_count)
{
    MODEL_ASSERT(pawl__shard_closed(&shards[0]));
    for (unsigned i = 0; i < timer_count; i++) {
        expect_one_outcome(i, false);
        MODEL_ASSERT(state_of(i) == CELL_FIRED || state_of(i) == CELL_SHUTDOWN);
    }
}

static void close_against_turn(void)
{
    static struct part parts[] = {{.does = closes}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, LATER);
    armed(2, uses, TICK_NEVER);
    together(parts, 2);
    expect_closed(3);
    MODEL_ASSERT(records[1].shut_down == 1 && records[2].shut_down == 1);
    finish();
}

/* Closed while a turn wakes its last batch: whoever turns has to complete the rest. Wakers are woken either way. */
static void close_against_batch(void)
{
    static struct part parts[] = {{.does = closes}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, NULL, SOON);
    armed(1, NULL, LATER);
    armed(2, NULL, LATER);
    armed(3, uses, LATER);
    together(parts, 2);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]));
    for (unsigned i = 0; i < 3; i++)
        MODEL_ASSERT(records[i].fired == 1); /* as wakes counts it, for either outcome */
    MODEL_ASSERT(state_of(1) == CELL_SHUTDOWN && state_of(2) == CELL_SHUTDOWN && state_of(0) != CELL_CANCELLED);
    MODEL_ASSERT(records[3].shut_down == 1);
    finish();
}

/* A shard that says it is closed has done all: its memory may go, and what its wakers own. */
static void closes_and_leaves(struct part *part)
{
    closes(part);
    if (pawl__shard_closed(&shards[0])) {
        MODEL_ASSERT(records[0].fired == 1 && records[1].fired == 1); /* as wakes counts it, for either outcome */
        model_outcome("closed by then");
    } else {
        model_outcome("not closed yet");
    }
}

static void closed_is_quiet(void)
{
    static struct part parts[] = {{.does = closes_and_leaves}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, NULL, SOON);
    armed(1, NULL, LATER);
    together(parts, 2);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]) && records[0].fired == 1 && records[1].fired == 1);
    finish();
}

static const char *const quiet_outcomes[] = {"closed by then", "not closed yet", NULL};

static void two_close(void)
{
    static struct part parts[] = {{.does = closes}, {.does = closes}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    armed(1, uses, LATER);
    together(parts, 3);
    expect_closed(2);
    finish();
}

static void close_against_arm(void)
{
    static struct part parts[] = {
        {.does = closes}, {.does = arms, .timer = 1, .tick = LATER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    make(1, uses);
    together(parts, 3);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]));
    MODEL_ASSERT(done(parts[1].answer) || parts[1].answer == SHARD_CLOSED);
    MODEL_ASSERT(records[1].shut_down == done(parts[1].answer) && records[1].fired == 0);
    MODEL_ASSERT(state_of(1) == (done(parts[1].answer) ? CELL_SHUTDOWN : CELL_IDLE));
    MODEL_ASSERT(records[0].fired + records[0].shut_down == 1);
    finish();
}

/* A sleep of a task that cleans up: shut down if it pended before, an ordinary timer after that. */
static void close_against_late_arm(void)
{
    static struct part parts[] = {
        {.does = closes}, {.does = arms_even_closed, .timer = 1, .tick = SOON}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, LATER);
    make(1, uses);
    together(parts, 3);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]) && records[0].shut_down == 1 && done(parts[1].answer));
    if (state_of(1) == CELL_PENDING_FIRST)
        MODEL_ASSERT(parts[1].answer == SHARD_DONE_EARLIER || parts[0].told || parts[2].told);
    expect_published(0);
    turn_alone(SOON);
    MODEL_ASSERT(records[1].fired + records[1].shut_down == 1);
    MODEL_ASSERT(done(pawl__shard_arm(&shards[0], make(2, uses), LATE, true)));
    turn_alone(SOON);
    MODEL_ASSERT(state_of(2) == CELL_PENDING_FIRST); /* what pended is shut down once */
    turn_alone(LATE);
    MODEL_ASSERT(records[2].fired == 1);
    finish();
}

static void close_against_cancel(void)
{
    static struct part parts[] = {{.does = closes}, {.does = cancels_sync_and_frees}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, LATER);
    together(parts, 3);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]));
    MODEL_ASSERT(records[0].shut_down == (parts[1].answer == SHARD_ALREADY) && records[0].fired == 0);
    finish();
}

static void close_against_rearm(void)
{
    static struct part parts[] = {{.does = closes}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, rearms, SOON);
    together(parts, 2);
    MODEL_ASSERT(pawl__shard_closed(&shards[0]));
    if (records[0].fired == 0)
        model_outcome("shut down at once");
    else if (records[0].answer == SHARD_CLOSED)
        model_outcome("not armed again");
    else
        model_outcome("armed again and shut down");
    MODEL_ASSERT(records[0].shut_down == (records[0].fired == 0 || done(records[0].answer)));
    finish();
}

static const char *const close_rearm_outcomes[] = {"shut down at once", "not armed again", "armed again and shut down",
                                                   NULL};

static void close_against_extend(void)
{
    static struct part parts[] = {
        {.does = closes}, {.does = extends, .tick = TICK_NEVER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 3);
    expect_closed(1);
    MODEL_ASSERT(parts[1].extended == ENTRY_NOT_PENDING || records[0].shut_down == 1);
    finish();
}

static void close_against_reset(void)
{
    static struct part parts[] = {{.does = closes}, {.does = resets, .tick = SOON}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, LATER);
    together(parts, 3);
    expect_closed(1);
    MODEL_ASSERT(done(parts[1].answer) || records[0].shut_down == 1);
    finish();
}

/* ---- homes ---- */

static void adopt(void)
{
    static struct part parts[] = {{.does = competes, .tick = SOON}, {.does = competes, .tick = SOON, .shard = 1}};
    set_up();
    make(0, uses);
    together(parts, 2);
    MODEL_ASSERT(done(parts[0].answer) + done(parts[1].answer) == 1);
    MODEL_ASSERT(parts[0].answer == SHARD_NOT_HOME || parts[1].answer == SHARD_NOT_HOME);
    MODEL_ASSERT(entry_cell(&timers[0]->entry) == cell_of_tick(SOON));
    pawl__shard_turn(&shards[0], SOON);
    pawl__shard_turn(&shards[1], SOON);
    MODEL_ASSERT(records[0].fired == 1);
    finish();
}

/* What pawl_timer_arm does on a thread whose shard is 1. */
static void moves_and_arms(struct part *part)
{
    part->answer = pawl__shard_leave(&shards[0], entry_at(part));
    if (part->answer == SHARD_DONE)
        MODEL_ASSERT(done(pawl__shard_arm(&shards[1], entry_at(part), SOON, false)));
}

static void move(void)
{
    static struct part parts[] = {
        {.does = moves_and_arms}, {.does = turns, .tick = SOON}, {.does = turns, .tick = SOON, .shard = 1}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 3);
    if (parts[0].answer == SHARD_BUSY)
        model_outcome("it pended");
    else if (parts[0].answer == SHARD_ALREADY)
        model_outcome("its callback ran");
    else
        model_outcome("it moved");
    pawl__shard_turn(&shards[1], SOON);
    MODEL_ASSERT(records[0].fired == 1 + (parts[0].answer == SHARD_DONE));
    finish();
}

static const char *const move_outcomes[] = {"it pended", "its callback ran", "it moved", NULL};

/* Finds out where the timer is at home and cancels it there, as pawl_timer_cancel does. */
static void cancels_at_home(struct part *part)
{
    do {
        uint64_t home = load_acquire_u64(&entry_at(part)->home); /* edge timer.home */
        part->answer = home == 0 ? SHARD_ALREADY : pawl__shard_cancel(&shards[home - 1], entry_at(part));
    } while (part->answer == SHARD_NOT_HOME);
}

static void move_against_cancel(void)
{
    static struct part parts[] = {{.does = moves_and_arms}, {.does = cancels_at_home}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, NULL, SOON);
    together(parts, 3);
    bool moved = parts[0].answer == SHARD_DONE, cancelled = parts[1].answer == SHARD_DONE;
    MODEL_ASSERT(moved || parts[0].answer == SHARD_BUSY);
    MODEL_ASSERT(cancelled || records[0].fired == 1);
    pawl__shard_turn(&shards[1], SOON);
    MODEL_ASSERT(records[0].fired + cancelled == 1U + moved);
    finish();
}

/* The same for a reset without the lock, which needs no home: what it was told holds wherever the timer is by then. */
static void cancels_moves_and_arms(struct part *part)
{
    MODEL_ASSERT(pawl__shard_cancel(&shards[0], entry_at(part)) == SHARD_DONE);
    moves_and_arms(part);
    MODEL_ASSERT(part->answer == SHARD_DONE);
}

static void move_against_extend(void)
{
    static struct part parts[] = {
        {.does = cancels_moves_and_arms}, {.does = extends, .tick = LATER}, {.does = turns, .tick = SOON}};
    set_up();
    armed(0, uses, LATE);
    together(parts, 3);
    expect_published(1);
    uint64_t tick = tick_of_cell(entry_cell(&timers[0]->entry));
    MODEL_ASSERT(tick == SOON || (tick == LATER && parts[1].extended == ENTRY_EXTENDED));
    pawl__shard_turn(&shards[1], tick - 1);
    MODEL_ASSERT(records[0].fired == 0);
    pawl__shard_turn(&shards[1], tick);
    MODEL_ASSERT(records[0].fired == 1);
    model_outcome(tick == LATER ? "extended after it" : "extended before it, or in between");
    finish();
}

static const char *const move_extend_outcomes[] = {"extended after it", "extended before it, or in between", NULL};

/* Who cancels what has no home yet, or is just being armed, is told the truth. */
static void arm_against_cancel(void)
{
    static struct part parts[] = {
        {.does = competes, .tick = SOON}, {.does = cancels_at_home}, {.does = turns, .tick = SOON}};
    set_up();
    make(0, uses);
    together(parts, 3);
    MODEL_ASSERT(done(parts[0].answer));
    expect_one_outcome(0, parts[1].answer == SHARD_DONE);
    turn_alone(SOON);
    MODEL_ASSERT(records[0].fired == (parts[1].answer == SHARD_ALREADY));
    model_outcome(records[0].fired == 1 ? "fired" : "cancelled");
    finish();
}

static const char *const arm_cancel_outcomes[] = {"fired", "cancelled", NULL};

/* Away and back: it pends elsewhere meanwhile. Who knows only that its home is here again must not take it for pending
 * here, nor touch its links before who moved it has left them. */
static void goes_and_comes_back(struct part *part)
{
    struct timer_entry *entry = entry_at(part);
    MODEL_ASSERT(pawl__shard_leave(&shards[0], entry) == SHARD_DONE);
    MODEL_ASSERT(done(pawl__shard_arm(&shards[1], entry, LATER, false)));
    if (pawl__shard_cancel(&shards[1], entry) != SHARD_DONE)
        return; /* the other one did */
    MODEL_ASSERT(pawl__shard_leave(&shards[1], entry) == SHARD_DONE);
}

static void there_and_back(void)
{
    static struct part parts[] = {{.does = goes_and_comes_back}, {.does = cancels_at_home}};
    set_up();
    armed(0, uses, SOON);
    MODEL_ASSERT(pawl__shard_cancel(&shards[0], &timers[0]->entry) == SHARD_DONE);
    together(parts, 2);
    MODEL_ASSERT(state_of(0) == CELL_CANCELLED);
    finish();
}

/* The same, for who arms it: it found no home, and finds its own shard there in the end. */
static void comes_from_elsewhere(struct part *part)
{
    struct timer_entry *entry = entry_at(part);
    if (!done(pawl__shard_arm(&shards[1], entry, LATER, false)))
        return;
    MODEL_ASSERT(pawl__shard_cancel(&shards[1], entry) == SHARD_DONE);
    MODEL_ASSERT(pawl__shard_leave(&shards[1], entry) == SHARD_DONE);
}

static void adopt_again(void)
{
    static struct part parts[] = {{.does = comes_from_elsewhere}, {.does = competes, .tick = SOON}};
    set_up();
    make(0, uses);
    together(parts, 2);
    MODEL_ASSERT(done(parts[1].answer) || parts[1].answer == SHARD_NOT_HOME);
    MODEL_ASSERT(state_of(0) == (done(parts[1].answer) ? CELL_PENDING_FIRST : CELL_CANCELLED));
    finish();
}

/* One thread takes it off its shard, and away; another one arms it elsewhere. */
static void cancels_and_leaves(struct part *part)
{
    MODEL_ASSERT(pawl__shard_cancel(&shards[0], entry_at(part)) == SHARD_DONE);
    part->answer = pawl__shard_leave(&shards[0], entry_at(part));
}

static void left_to_another(void)
{
    static struct part parts[] = {{.does = cancels_and_leaves}, {.does = competes, .tick = SOON, .shard = 1}};
    set_up();
    armed(0, uses, SOON);
    together(parts, 2);
    MODEL_ASSERT(parts[0].answer == SHARD_DONE);
    MODEL_ASSERT(done(parts[1].answer) || parts[1].answer == SHARD_NOT_HOME);
    MODEL_ASSERT(state_of(0) == (done(parts[1].answer) ? CELL_PENDING_FIRST : CELL_CANCELLED));
    finish();
}

#define SCENARIO(fn, words, ...)                                                                                       \
    {                                                                                                                  \
        .name = #fn, .about = words, .run = fn, __VA_ARGS__                                                            \
    }

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        SCENARIO(waker_owner_frees, "a waker's timer freed by who sees that it has fired"),
        SCENARIO(due_left, "resetting and settling what the turn before left due"),
        SCENARIO(due_left_fire, "cancel_sync of what the turn before left due, and closing"),
        SCENARIO(batches, "more wakers than a batch holds"),
        SCENARIO(mixed, "callbacks among wakers"),
        SCENARIO(close_against_turn, "closing while a turn fires"),
        SCENARIO(close_against_batch, "closing while a turn wakes its last batch"),
        SCENARIO(closed_is_quiet, "what a closed shard has done", .outcomes = quiet_outcomes),
        SCENARIO(two_close, "two threads close"),
        SCENARIO(close_against_arm, "closing against arming"),
        SCENARIO(close_against_late_arm, "closing against the sleep of a task that cleans up"),
        SCENARIO(close_against_cancel, "closing against cancel_sync"),
        SCENARIO(close_against_rearm, "closing against a callback that arms itself", .outcomes = close_rearm_outcomes),
        SCENARIO(close_against_extend, "closing against extension"),
        SCENARIO(close_against_reset, "closing against an earlier reset"),
        SCENARIO(adopt, "two shards adopt one entry"),
        SCENARIO(move, "moving against firing in both shards", .outcomes = move_outcomes),
        SCENARIO(move_against_cancel, "moving against cancel and firing"),
        SCENARIO(move_against_extend, "moving against an extension", .outcomes = move_extend_outcomes),
        SCENARIO(arm_against_cancel, "arming against cancel and firing", .outcomes = arm_cancel_outcomes),
        SCENARIO(there_and_back, "cancel finds a timer that was away"),
        SCENARIO(left_to_another, "a timer is left by one thread and armed elsewhere by another"),
        SCENARIO(adopt_again, "arming finds a timer that came from elsewhere"),
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    const struct model_scenario *scenarios[COUNT + 1] = {NULL};
    for (unsigned i = 0; i < COUNT; i++)
        scenarios[i] = &all[i];
    return model_main(argc, argv, scenarios);
}
