/* The timer entry's state cell: time/entry.h's two lock-free transitions against each other, and what the cell carries
 * from who wrote it to who reads it.
 *
 * Edge timer.cell. Each value that the cell takes hands over all that its writer did before: each writer here has a note
 * of its own, plain data, and who reads what it wrote looks at the note. A race or an empty note is a missing edge.
 *
 *     writes                              reads
 *     arm, reset (file_locked; the due)   extend: the compare-and-swap that succeeds
 *     extend                              extend, mark_fired
 *     mark_fired, cancel                  entry_cell
 *
 * Final states: the cell is what the last successful transition made of it; an extension that succeeded came before the
 * end of the pending, and the timer did not fire before that tick. */
#include <stdlib.h>

#include "time/shard.h"
#include "tools/model/model.h"

enum { NOW = 100, SOON = 105, LATE = 110, LATER = 150 };
enum { NOTES = 3 };

static uint64_t stand_still(void *context)
{
    (void)context;
    return NOW * UINT64_C(1000);
}

static const struct clock source = {.now_ns = stand_still, .tick_ns = 1000};
static struct shard shard;
static struct wheel_level level;
static struct timer_entry *entry, *other;
static int notes[NOTES];
static unsigned called, woken;
static uint64_t turned_to;

static void calls(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    (void)arg;
    (void)status;
    called++;
}

static void wakes(void *target)
{
    ++*(unsigned *)target;
}

static void set_up(void)
{
    pawl__shard_init(&shard, &source, 1, &level, 1);
    entry = malloc(sizeof *entry);
    entry_init_waker(entry, (struct waker){wakes, &woken});
}

static void arm(struct timer_entry *timer, uint64_t tick)
{
    enum shard_answer answer = pawl__shard_arm(&shard, timer, tick, false);
    MODEL_ASSERT(answer == SHARD_DONE || answer == SHARD_DONE_EARLIER);
}

/* The first thread's part here, the others' on threads of their own. */
static void together(void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    unsigned t = model_spawn(second, NULL), u = third != NULL ? model_spawn(third, NULL) : t;
    first(NULL);
    model_join(t);
    if (third != NULL)
        model_join(u);
}

/* ---- the cell alone ---- */

static PAWL_ATOMIC(uint32_t) answers[2];
static bool marked;
static uint64_t marked_when;

static void extends_to_late(void *arg)
{
    (void)arg;
    store_relaxed_u32(&answers[0], entry_extend(entry, LATE));
}

static void extends_to_later(void *arg)
{
    (void)arg;
    store_relaxed_u32(&answers[1], entry_extend(entry, LATER));
}

static void marks_soon(void *arg)
{
    (void)arg;
    marked = entry_mark_fired(entry, SOON, CELL_FIRED, &marked_when);
}

static void pend(uint64_t tick)
{
    set_up();
    store_relaxed_u64(&entry->cell, cell_of_tick(tick));
}

static void extend_or_fire(void)
{
    pend(SOON);
    together(extends_to_later, marks_soon, NULL);
    uint32_t answer = load_relaxed_u32(&answers[1]);
    MODEL_ASSERT(answer == (marked ? ENTRY_NOT_PENDING : ENTRY_EXTENDED));
    MODEL_ASSERT(entry_cell(entry) == (marked ? CELL_FIRED : cell_of_tick(LATER)));
    MODEL_ASSERT(marked || marked_when == LATER);
    model_outcome(marked ? "fired" : "extended");
    free(entry);
}

static const char *const fired_or_extended[] = {"fired", "extended", NULL};

static void two_extend_or_fire(void)
{
    static const char *const words[] = {"extended", "too late", "not later"};
    pend(SOON);
    together(extends_to_later, extends_to_late, marks_soon);
    uint32_t late = load_relaxed_u32(&answers[0]), later = load_relaxed_u32(&answers[1]);
    uint64_t cell = entry_cell(entry);
    MODEL_ASSERT(marked == (cell == CELL_FIRED));
    MODEL_ASSERT(marked == (late == ENTRY_NOT_PENDING && later == ENTRY_NOT_PENDING));
    MODEL_ASSERT(marked || cell == cell_of_tick(LATER));
    model_outcome("%s, %s", words[late], words[later]);
    free(entry);
}

static const char *const two_outcomes[] = {"too late, too late", "extended, extended", "not later, extended", NULL};

/* An extension to the same tick, and one of a timer that is not pending. */
static void extend_edges(void)
{
    pend(LATE);
    together(extends_to_late, extends_to_later, marks_soon);
    MODEL_ASSERT(!marked && (marked_when == LATE || marked_when == LATER));
    MODEL_ASSERT(load_relaxed_u32(&answers[1]) == ENTRY_EXTENDED && entry_cell(entry) == cell_of_tick(LATER));
    MODEL_ASSERT(load_relaxed_u32(&answers[0]) != ENTRY_NOT_PENDING);
    store_relaxed_u64(&entry->cell, CELL_CANCELLED);
    MODEL_ASSERT(entry_extend(entry, LATER) == ENTRY_NOT_PENDING && entry_cell(entry) == CELL_CANCELLED);
    free(entry);
}

/* Two extend, one after the other; who fires has both their notes. None but the cell orders them. */
static void notes_and_extends(void *arg)
{
    (void)arg;
    notes[0] = 1;
    MODEL_ASSERT(entry_extend(entry, LATE) == ENTRY_EXTENDED);
}

static void extends_after_it(void *arg)
{
    (void)arg;
    while (load_relaxed_u64(&entry->cell) != cell_of_tick(LATE))
        model_yield();
    notes[1] = 1;
    MODEL_ASSERT(entry_extend(entry, LATER) == ENTRY_EXTENDED);
    MODEL_ASSERT(notes[0] == 1);
}

static void marks_after_both(void *arg)
{
    (void)arg;
    while (load_relaxed_u64(&entry->cell) != cell_of_tick(LATER))
        model_yield();
    MODEL_ASSERT(entry_mark_fired(entry, LATER, CELL_FIRED, &marked_when) && marked_when == LATER);
    MODEL_ASSERT(notes[0] == 1 && notes[1] == 1);
}

static void chain(void)
{
    pend(SOON);
    together(notes_and_extends, extends_after_it, marks_after_both);
    MODEL_ASSERT(entry_cell(entry) == CELL_FIRED);
    free(entry);
}

/* ---- through the shard ---- */

static void notes_and_arms(void *arg)
{
    (void)arg;
    notes[0] = 1;
    arm(entry, SOON);
}

/* Until it pends. */
static void extends_what_was_armed(void *arg)
{
    (void)arg;
    enum entry_extend answer;
    while ((answer = entry_extend(entry, LATER)) == ENTRY_NOT_PENDING)
        model_yield();
    MODEL_ASSERT(answer == ENTRY_EXTENDED && notes[0] == 1);
}

static void arm_and_extend(void)
{
    set_up();
    together(notes_and_arms, extends_what_was_armed, NULL);
    pawl__shard_turn(&shard, LATER - 1);
    MODEL_ASSERT(woken == 0);
    pawl__shard_turn(&shard, LATER);
    MODEL_ASSERT(woken == 1);
    free(entry);
}

/* A waker that reads the note of who extended the timer that it is called for. */
static void reads_if_extended(void *target)
{
    wakes(target);
    if (turned_to == LATER)
        MODEL_ASSERT(notes[0] == 1);
}

static void notes_and_may_extend(void *arg)
{
    (void)arg;
    notes[0] = 1;
    store_relaxed_u32(&answers[0], entry_extend(entry, LATER));
}

static void turns_to_soon_and_later(void *arg)
{
    (void)arg;
    turned_to = SOON;
    pawl__shard_turn(&shard, SOON);
    turned_to = LATER;
    pawl__shard_turn(&shard, LATER);
    MODEL_ASSERT(woken == 1);
}

static void extended_fires(void)
{
    set_up();
    entry->waker.wake = reads_if_extended;
    arm(entry, SOON);
    together(notes_and_may_extend, turns_to_soon_and_later, NULL);
    model_outcome(load_relaxed_u32(&answers[0]) == ENTRY_EXTENDED ? "extended" : "fired");
    free(entry);
}

/* Due already, and reset by the callback of the timer before it; see reset in time/shard.c. */
static void notes_and_resets(struct pawl_timer *timer, void *arg, int status)
{
    calls(timer, arg, status);
    notes[0] = 1;
    MODEL_ASSERT(pawl__shard_reset(&shard, entry, LATE) == SHARD_DONE);
}

static void turns_soon(void *arg)
{
    (void)arg;
    notes[1] = 1;
    pawl__shard_turn(&shard, SOON);
}

/* Sees where it was moved, and that alone tells it of the note. */
static void sees_it_moved(void *arg)
{
    (void)arg;
    while (entry_cell(entry) != cell_of_tick(LATE))
        model_yield();
    MODEL_ASSERT(notes[0] == 1);
    MODEL_ASSERT(entry_extend(entry, LATER) == ENTRY_EXTENDED);
}

static void reset_due(void)
{
    set_up();
    other = malloc(sizeof *other);
    entry_init_callback(other, notes_and_resets, NULL);
    arm(other, SOON);
    arm(entry, SOON);
    together(sees_it_moved, turns_soon, NULL);
    MODEL_ASSERT(called == 1 && woken == 0);
    pawl__shard_turn(&shard, LATER);
    MODEL_ASSERT(woken == 1);
    free(entry);
    free(other);
}

/* The same for one that lies in the wheel. */
static void notes_and_resets_earlier(void *arg)
{
    (void)arg;
    notes[0] = 1;
    MODEL_ASSERT(pawl__shard_reset(&shard, entry, LATE) == SHARD_DONE_EARLIER);
}

static void reset_filed(void)
{
    set_up();
    arm(entry, LATER);
    together(sees_it_moved, notes_and_resets_earlier, NULL);
    MODEL_ASSERT(entry_cell(entry) == cell_of_tick(LATER));
    pawl__shard_cancel(&shard, entry);
    free(entry);
}

/* ---- the outcome ---- */

/* Whoever sees that it pends no more has the note of who ended it, and the memory. */
static void awaits_the_end(uint64_t outcome)
{
    uint64_t cell;
    while (cell_pending(cell = entry_cell(entry)))
        model_yield();
    MODEL_ASSERT(cell == outcome && notes[1] == 1);
    free(entry);
}

static void awaits_fired(void *arg)
{
    (void)arg;
    awaits_the_end(CELL_FIRED);
}

static void awaits_shut_down(void *arg)
{
    (void)arg;
    awaits_the_end(CELL_SHUTDOWN);
}

static void awaits_cancelled(void *arg)
{
    (void)arg;
    awaits_the_end(CELL_CANCELLED);
}

static void notes_and_closes(void *arg)
{
    (void)arg;
    notes[1] = 1;
    pawl__shard_close(&shard);
}

static void notes_and_cancels(void *arg)
{
    (void)arg;
    notes[1] = 1;
    MODEL_ASSERT(pawl__shard_cancel(&shard, entry) == SHARD_DONE);
}

static void see_fired(void)
{
    set_up();
    arm(entry, SOON);
    together(awaits_fired, turns_soon, NULL);
    MODEL_ASSERT(woken == 1); /* what it wakes was copied before anybody could see that it fired */
}

static void see_shut_down(void)
{
    set_up();
    arm(entry, LATER);
    together(awaits_shut_down, notes_and_closes, NULL);
    MODEL_ASSERT(woken == 1);
}

static void see_cancelled(void)
{
    set_up();
    arm(entry, LATER);
    together(awaits_cancelled, notes_and_cancels, NULL);
    MODEL_ASSERT(woken == 0);
}

/* Armed by one thread, fired by a second, and freed by a third that sees it. */
static void turns_once_armed(void *arg)
{
    while (load_relaxed_u64(&entry->cell) == CELL_IDLE)
        model_yield();
    turns_soon(arg);
}

static void awaits_arming_and_end(void *arg)
{
    while (entry_cell(entry) == CELL_IDLE)
        model_yield();
    awaits_fired(arg);
    MODEL_ASSERT(notes[0] == 1);
}

static void three_hands(void)
{
    set_up();
    together(notes_and_arms, turns_once_armed, awaits_arming_and_end);
    MODEL_ASSERT(woken == 1);
}

#define SCENARIO(fn, words, ...) {.name = #fn, .about = words, .run = fn, __VA_ARGS__}

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        SCENARIO(extend_or_fire, "one extension against firing, on the cell alone", .outcomes = fired_or_extended),
        SCENARIO(two_extend_or_fire, "two extensions against firing, on the cell alone", .outcomes = two_outcomes),
        SCENARIO(extend_edges, "extensions to the same tick"),
        SCENARIO(chain, "an extension after an extension, fired after both"),
        SCENARIO(arm_and_extend, "an extension sees what the armer wrote"),
        SCENARIO(extended_fires, "a waker sees what was written before the extension", .outcomes = fired_or_extended),
        SCENARIO(reset_due, "who sees a reset of what is due sees what was written before it"),
        SCENARIO(reset_filed, "who sees a reset sees what was written before it"),
        SCENARIO(see_fired, "who sees that a timer fired has its memory"),
        SCENARIO(see_shut_down, "who sees that a timer was shut down has its memory"),
        SCENARIO(see_cancelled, "who sees that a timer was cancelled has its memory"),
        SCENARIO(three_hands, "armed, fired and freed by three threads"),
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    const struct model_scenario *scenarios[COUNT + 1] = {NULL};
    for (unsigned i = 0; i < COUNT; i++)
        scenarios[i] = &all[i];
    return model_main(argc, argv, scenarios);
}
