/* What the scenarios of shards have in common: two shards, timers whose memory may be freed, records of what happened
 * to each, and threads that do one thing each. See shard.c for what they check. */
#ifndef TESTS_MODEL_SHARD_H
#define TESTS_MODEL_SHARD_H

#include <errno.h>
#include <stdlib.h>

#include "time/shard.h"
#include "tools/model/model.h"

enum { SHARDS = 2, TIMERS_MAX = 5 };

/* The wheel stands at NOW. */
enum { NOW = 100, SOON = 105, LATE = 110, LATER = 150 };

/* In memory of its own, so that a use after it is freed is seen. */
struct timer {
    struct timer_entry entry;
    unsigned index;
    unsigned payload; /* plain: whoever may touch the timer may touch this */
};

/* What came of a timer, in memory that outlives it. Plain: written by its callback. */
struct record {
    unsigned fired, shut_down;
    enum shard_answer answer; /* of what the callback did */
};

static inline uint64_t stand_still(void *context)
{
    (void)context;
    return NOW * UINT64_C(1000);
}

static const struct clock source = {.now_ns = stand_still, .tick_ns = 1000};
static struct shard shards[SHARDS];
static struct wheel_level levels[SHARDS];
static struct timer *timers[TIMERS_MAX];
static struct record records[TIMERS_MAX];

static inline void set_up(void)
{
    for (unsigned i = 0; i < SHARDS; i++)
        pawl__shard_init(&shards[i], &source, i + 1, &levels[i], 1);
}

static inline void record(unsigned i, int status)
{
    MODEL_ASSERT(status == 0 || status == -ESHUTDOWN);
    if (status == 0)
        records[i].fired++;
    else
        records[i].shut_down++;
}

/* An ordinary callback: uses its timer and is seen. */
static inline void uses(struct pawl_timer *timer, void *arg, int status)
{
    struct timer *t = arg;
    MODEL_ASSERT((struct pawl_timer *)&t->entry == timer);
    t->payload++;
    record(t->index, status);
    t->payload++;
}

/* As the driver sees it: a shard that is being turned has no deadline. */
static inline void uses_and_looks(struct pawl_timer *timer, void *arg, int status)
{
    MODEL_ASSERT(load_relaxed_u64(&shards[0].next_deadline) == PAWL_NEVER);
    uses(timer, arg, status);
    MODEL_ASSERT(load_relaxed_u64(&shards[0].next_deadline) == PAWL_NEVER);
}

static inline void wakes(void *target)
{
    record((unsigned)(uintptr_t)target, 0);
}

static inline struct timer_entry *make(unsigned i, pawl_timer_fn *callback)
{
    timers[i] = malloc(sizeof *timers[i]);
    timers[i]->index = i;
    timers[i]->payload = 0;
    if (callback != NULL)
        entry_init_callback(&timers[i]->entry, callback, timers[i]);
    else
        entry_init_waker(&timers[i]->entry, (struct waker){wakes, (void *)(uintptr_t)i});
    return &timers[i]->entry;
}

/* A timer that is armed before the threads start; callback NULL: a waker. */
static inline void armed(unsigned i, pawl_timer_fn *callback, uint64_t tick)
{
    enum shard_answer answer = pawl__shard_arm(&shards[0], make(i, callback), tick, false);
    MODEL_ASSERT(answer == SHARD_DONE || answer == SHARD_DONE_EARLIER);
}

static inline void let_go(unsigned i)
{
    free(timers[i]);
    timers[i] = NULL;
}

/* ---- what threads do ---- */

/* One thread's part, and the answer that it got. */
struct part {
    void (*does)(struct part *part);
    unsigned shard, timer;
    uint64_t tick;
    enum shard_answer answer;
    enum entry_extend extended;
    bool told; /* the answer of a turn */
    unsigned thread;
};

static inline struct timer_entry *entry_at(const struct part *part)
{
    return &timers[part->timer]->entry;
}

static inline bool done(enum shard_answer answer)
{
    return answer == SHARD_DONE || answer == SHARD_DONE_EARLIER;
}

static inline void arms(struct part *part)
{
    timers[part->timer]->payload = 10; /* the callback sees it */
    part->answer = pawl__shard_arm(&shards[part->shard], entry_at(part), part->tick, false);
}

static inline void arms_even_closed(struct part *part)
{
    part->answer = pawl__shard_arm(&shards[part->shard], entry_at(part), part->tick, true);
}

/* Only tells, so that several may do it at a time. */
static inline void competes(struct part *part)
{
    part->answer = pawl__shard_arm(&shards[part->shard], entry_at(part), part->tick, false);
}

static inline void resets(struct part *part)
{
    part->answer = pawl__shard_reset(&shards[part->shard], entry_at(part), part->tick);
}

static inline void extends(struct part *part)
{
    part->extended = entry_extend(entry_at(part), part->tick);
}

static inline void cancels(struct part *part)
{
    part->answer = pawl__shard_cancel(&shards[part->shard], entry_at(part));
}

static inline void cancels_sync(struct part *part)
{
    part->answer = pawl__shard_cancel_sync(&shards[part->shard], entry_at(part), false);
    MODEL_ASSERT(timers[part->timer]->payload % 2 == 0); /* its callback has ended, or will never begin */
}

static inline void cancels_sync_and_frees(struct part *part)
{
    cancels_sync(part);
    let_go(part->timer);
}

static inline void turns(struct part *part)
{
    part->told = pawl__shard_turn(&shards[part->shard], part->tick);
}

static inline void turns_twice(struct part *part)
{
    turns(part);
    turns(part);
}

static inline void closes(struct part *part)
{
    part->told = pawl__shard_close(&shards[part->shard]);
}

static inline void settles(struct part *part)
{
    pawl__shard_settle(&shards[part->shard]);
}

/* What next_deadline may say at the latest while an entry pends: its deadline, or what a turn has reached already. */
static inline uint64_t latest_to_say(const struct shard *shard, uint64_t cell)
{
    uint64_t tick = tick_of_cell(cell);
    return clock_instant_of_tick(&source, tick > shard->wheel.elapsed ? tick : shard->wheel.elapsed);
}

/* Looks, under the lock, whether the published deadline is early enough. */
static inline void looks(struct part *part)
{
    struct shard *shard = &shards[part->shard];
    lock_acquire(&shard->lock);
    uint64_t cell = load_relaxed_u64(&entry_at(part)->cell);
    if (!shard->firing && cell_pending(cell))
        MODEL_ASSERT(load_relaxed_u64(&shard->next_deadline) <= latest_to_say(shard, cell));
    lock_release(&shard->lock);
}

static inline void acts(void *arg)
{
    struct part *part = arg;
    part->does(part);
}

/* Lets all parts happen at a time: the first one here, each other one on a thread of its own. */
static inline void together(struct part *parts, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        parts[i].thread = model_spawn(acts, &parts[i]);
    acts(&parts[0]);
    for (unsigned i = 1; i < count; i++)
        model_join(parts[i].thread);
}

/* ---- what is true at the end ---- */

/* Nobody turns any more: the shard is in order, and says what it must. */
static inline void expect_published(unsigned s)
{
    const struct shard *shard = &shards[s];
    MODEL_ASSERT(!shard->firing && shard->running == NULL && !shard->cancel_sync_waits);
    MODEL_ASSERT(pawl__wheel_check(&shard->wheel) == NULL);
    for (unsigned i = 0; i < TIMERS_MAX; i++) {
        if (timers[i] == NULL || load_relaxed_u64(&timers[i]->entry.home) != shard->id)
            continue;
        uint64_t cell = load_relaxed_u64(&timers[i]->entry.cell);
        if (cell_pending(cell))
            MODEL_ASSERT(load_relaxed_u64(&shard->next_deadline) <= latest_to_say(shard, cell));
    }
}

static inline uint64_t state_of(unsigned i)
{
    uint64_t cell = entry_cell(&timers[i]->entry);
    return cell_pending(cell) ? CELL_PENDING_FIRST : cell;
}

/* The records and the cell agree on the one outcome of a timer that was armed once. */
static inline void expect_one_outcome(unsigned i, bool cancelled)
{
    uint64_t state = state_of(i);
    MODEL_ASSERT(state != CELL_IDLE);
    MODEL_ASSERT(records[i].fired == (state == CELL_FIRED));
    MODEL_ASSERT(records[i].shut_down == (state == CELL_SHUTDOWN && timers[i]->entry.callback != NULL) ||
                 timers[i]->entry.callback == NULL);
    MODEL_ASSERT(cancelled == (state == CELL_CANCELLED));
}

/* Turns the shard at a later time, by one thread. */
static inline void turn_alone(uint64_t tick)
{
    pawl__shard_turn(&shards[0], tick);
}

static inline void finish(void)
{
    for (unsigned s = 0; s < SHARDS; s++)
        expect_published(s);
    for (unsigned i = 0; i < TIMERS_MAX; i++)
        if (timers[i] != NULL)
            let_go(i);
}

/* Arms itself again, once. */
static inline void rearms(struct pawl_timer *timer, void *arg, int status)
{
    struct timer *t = arg;
    unsigned i = t->index;
    t->payload++;
    record(i, status);
    if (status == 0 && records[i].fired == 1)
        records[i].answer = pawl__shard_arm(&shards[0], (struct timer_entry *)timer, LATE, false);
    t->payload++;
}

#endif
