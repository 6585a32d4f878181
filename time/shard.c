#include "time/shard.h"

#include <errno.h>

#include "base/noise.h"

static struct timer_entry *entry_of(const struct wheel_entry *wheel)
{
    return PAWL_CONTAINER_OF(wheel, struct timer_entry, wheel);
}

static uint64_t true_when(const struct wheel_entry *wheel)
{
    /* relaxed: a later deadline stored meanwhile is found by entry_mark_fired, or when the entry next comes up. A cell
     * in the wheel always pends: it stops doing so only under the lock, together with its removal. */
    return tick_of_cell(load_relaxed_u64(&entry_of(wheel)->cell));
}

void pawl__shard_init(struct shard *shard, const struct clock *clock, uint64_t id, struct wheel_level *levels,
                      unsigned level_count)
{
    shard->clock = clock;
    shard->id = id;
    shard->published_tick = TICK_NEVER;
    store_relaxed_u64(&shard->next_deadline, PAWL_NEVER); /* relaxed: not shared yet */
    list_init(&shard->due);
    pawl__wheel_init(&shard->wheel, levels, level_count, clock_tick_at(clock, clock_now_ns(clock)), true_when);
}

static void publish_locked(struct shard *shard, uint64_t tick)
{
    shard->published_tick = tick;
    /* edge shard.next_deadline, step 1. release: whoever acts on it takes the lock anyway; the order that matters is
     * made by the fences */
    store_release_u64(&shard->next_deadline, clock_instant_of_tick(shard->clock, tick));
}

static void shard_lock(struct shard *shard)
{
    if (PAWL_UNLIKELY(lock_acquire_noting(&shard->lock)))
        counter_add(&shard->lock_misses, 1);
}

/* The entry's place is guarded by this shard only while its home is here, and home changes only under this lock. */
static bool is_home_locked(const struct shard *shard, const struct timer_entry *entry)
{
    return load_relaxed_u64(&entry->home) == shard->id; /* relaxed: made ours under the lock we hold, or not ours */
}

static bool is_pending_locked(const struct timer_entry *entry)
{
    return cell_pending(load_relaxed_u64(&entry->cell)); /* relaxed: begins and ends to pend under this lock only */
}

static enum shard_answer file_locked(struct shard *shard, struct timer_entry *entry, uint64_t tick)
{
    /* edge timer.cell: release; what the armer wrote before is visible to whoever resets without the lock */
    store_release_u64(&entry->cell, cell_of_tick(tick));
    pawl__wheel_insert(&shard->wheel, &entry->wheel, tick);
    if (tick >= shard->published_tick)
        return SHARD_DONE;
    publish_locked(shard, tick);
    return SHARD_DONE_EARLIER;
}

/* Takes an unhomed entry in. Two threads may race to arm it, in different shards: one wins. */
static bool adopt_locked(struct shard *shard, struct timer_entry *entry)
{
    uint64_t home = 0;
    /* edge timer.home: acquires what was done in the shard that it left; releases to whoever looks home up before
     * locking. relaxed on failure: it was made ours under the lock we hold, or is not ours */
    if (!cas_acq_rel_relaxed_u64(&entry->home, &home, shard->id))
        return home == shard->id;
    if (shard->running == entry)
        shard->running = NULL; /* its callback freed it, and this is another timer in the same memory */
    return true;
}

static enum shard_answer arm_locked(struct shard *shard, struct timer_entry *entry, uint64_t tick, bool even_closed)
{
    if (!adopt_locked(shard, entry))
        return SHARD_NOT_HOME;
    if (is_pending_locked(entry))
        return SHARD_BUSY;
    if (shard->closed && !even_closed)
        return SHARD_CLOSED;
    if (shard->running == entry && shard->cancel_sync_waits)
        return SHARD_CANCELED;
    counter_add(&shard->armed, 1);
    return file_locked(shard, entry, tick);
}

enum shard_answer pawl__shard_arm(struct shard *shard, struct timer_entry *entry, uint64_t tick, bool even_closed)
{
    shard_lock(shard);
    enum shard_answer answer = arm_locked(shard, entry, tick, even_closed);
    lock_release(&shard->lock);
    return answer;
}

enum shard_answer pawl__shard_leave(struct shard *shard, struct timer_entry *entry)
{
    enum shard_answer answer = SHARD_DONE;
    lock_acquire(&shard->lock);
    if (!is_home_locked(shard, entry))
        answer = SHARD_NOT_HOME;
    else if (is_pending_locked(entry))
        answer = SHARD_BUSY;
    else if (shard->running == entry)
        answer = SHARD_ALREADY;
    else
        store_release_u64(&entry->home, 0); /* edge timer.home: release end */
    lock_release(&shard->lock);
    return answer;
}

enum shard_answer pawl__shard_reset(struct shard *shard, struct timer_entry *entry, uint64_t tick)
{
    enum shard_answer answer;
    shard_lock(shard);
    if (!is_home_locked(shard, entry)) {
        answer = SHARD_NOT_HOME;
    } else if (!is_pending_locked(entry)) {
        answer = SHARD_ALREADY;
    } else if (entry->wheel.position == WHEEL_HANDED_OUT) {
        /* Among the due: the turn looks at the cell when it comes to it. It must not get away from there, for close
         * completes what it has taken off the wheel, and looks at the wheel only once. */
        fetch_add_relaxed_u64(&shard->moved, 1); /* relaxed: a counter, also written without the lock */
        store_release_u64(&entry->cell, cell_of_tick(tick)); /* edge timer.cell */
        answer = SHARD_DONE;
    } else {
        pawl__wheel_remove(&shard->wheel, &entry->wheel);
        fetch_add_relaxed_u64(&shard->moved, 1); /* relaxed: a counter, also written without the lock */
        answer = file_locked(shard, entry, tick);
    }
    lock_release(&shard->lock);
    return answer;
}

/* What is to be woken, after the lock, when a polled entry no longer pends. */
static struct waker take_poller_locked(struct timer_entry *entry)
{
    struct waker poller = {NULL, NULL};
    if (PAWL_UNLIKELY(entry->polled)) {
        poller = entry->waker;
        entry->waker = (struct waker){NULL, NULL};
    }
    return poller;
}

static void wake_poller(const struct waker *poller)
{
    if (PAWL_UNLIKELY(poller->wake != NULL))
        poller->wake(poller->target);
}

static enum shard_answer cancel_locked(struct shard *shard, struct timer_entry *entry, struct waker *poller)
{
    if (!is_home_locked(shard, entry))
        return SHARD_NOT_HOME;
    if (!is_pending_locked(entry))
        return SHARD_ALREADY;
    pawl__wheel_remove(&shard->wheel, &entry->wheel);
    *poller = take_poller_locked(entry);
    /* edge timer.cell: release end. A store will do: a reset's compare-and-swap before it is overwritten, one after it
     * finds the timer no longer pending */
    store_release_u64(&entry->cell, CELL_CANCELLED);
    counter_add(&shard->cancelled, 1);
    return SHARD_DONE;
}

enum shard_answer pawl__shard_cancel(struct shard *shard, struct timer_entry *entry)
{
    struct waker poller = {NULL, NULL};
    shard_lock(shard);
    enum shard_answer answer = cancel_locked(shard, entry, &poller);
    lock_release(&shard->lock);
    wake_poller(&poller);
    return answer;
}

/* Sleeps until the callback that runs now has returned. Nobody can arm the entry again before that. */
static void await_callback_locked(struct shard *shard)
{
    uint32_t ended = load_relaxed_u32(&shard->runs_ended); /* relaxed: written under the lock */
    shard->cancel_sync_waits = true;
    while (load_relaxed_u32(&shard->runs_ended) == ended) {
        lock_release(&shard->lock);
        noise_point("shard.runs_ended.awaited");
        pawl__wait_on(&shard->runs_ended, ended, PAWL_NEVER);
        lock_acquire(&shard->lock);
    }
}

enum shard_answer pawl__shard_cancel_sync(struct shard *shard, struct timer_entry *entry, bool in_callback)
{
    enum shard_answer answer;
    struct waker poller = {NULL, NULL};
    lock_acquire(&shard->lock);
    bool runs = is_home_locked(shard, entry) && shard->running == entry;
    if (runs && in_callback) {
        answer = SHARD_DEADLOCK;
    } else {
        answer = cancel_locked(shard, entry, &poller);
        if (runs)
            await_callback_locked(shard);
    }
    lock_release(&shard->lock);
    wake_poller(&poller);
    return answer;
}

enum shard_answer pawl__shard_poll(struct shard *shard, struct timer_entry *entry, struct waker *waker)
{
    enum shard_answer answer = SHARD_DONE;
    lock_acquire(&shard->lock);
    if (!is_home_locked(shard, entry)) {
        answer = SHARD_NOT_HOME;
    } else if (!is_pending_locked(entry)) {
        answer = SHARD_ALREADY;
    } else {
        struct waker former = entry->waker;
        entry->waker = *waker;
        entry->polled = true;
        *waker = former;
    }
    lock_release(&shard->lock);
    return answer;
}

bool pawl__shard_fires(struct shard *shard, const struct timer_entry *entry)
{
    lock_acquire(&shard->lock);
    /* of an entry that is at home elsewhere, or nowhere, the memory may once have been another one's */
    bool fires = is_home_locked(shard, entry) && shard->running == entry;
    lock_release(&shard->lock);
    return fires;
}

/* Drops the lock, wakes what was collected, and takes the lock again. */
static void wake_unlocked(struct shard *shard, struct waker_batch *batch)
{
    lock_release(&shard->lock);
    noise_point("timer.cell.collected");
    waker_batch_wake(batch);
    lock_acquire(&shard->lock);
}

static void run_callback_unlocked(struct shard *shard, struct timer_entry *entry, int status)
{
    pawl_timer_fn *callback = entry->callback;
    void *arg = entry->arg;
    shard->running = entry;
    lock_release(&shard->lock);
    noise_point("timer.cell.fired");
    callback((struct pawl_timer *)entry, arg, status);
    noise_point("timer.cell.called");
    lock_acquire(&shard->lock); /* the entry may be gone */
    shard->running = NULL;
    if (!shard->cancel_sync_waits)
        return;
    shard->cancel_sync_waits = false;
    store_relaxed_u32(&shard->runs_ended, load_relaxed_u32(&shard->runs_ended) + 1); /* relaxed: under the lock */
    pawl__wake_all(&shard->runs_ended);
}

/* What one turn fires, and with which outcome. */
struct turn {
    uint64_t until_tick, now_tick;
    uint64_t outcome; /* CELL_FIRED, or CELL_SHUTDOWN */
    size_t limit;
};

/* By the reading with which the turn began, and in ticks: class 0 is on time, class n by less than 2^n ticks, but not
 * by less than half of that; the last class has no end. */
static void note_lateness_locked(struct shard *shard, uint64_t late)
{
    unsigned bits = late == 0 ? 0 : 64 - (unsigned)__builtin_clzll(late);
    counter_add(&shard->lateness[bits < PAWL_LATENESS_CLASSES ? bits : PAWL_LATENESS_CLASSES - 1], 1);
}

/* Fires an entry that was taken off the wheel. */
static void fire_locked(struct shard *shard, struct timer_entry *entry, const struct turn *turn,
                        struct waker_batch *batch)
{
    uint64_t when;
    /* read before the entry is marked: after it, its owner may take it away */
    struct waker waker = entry->waker;
    bool has_callback = entry->callback != NULL;
    pawl__wheel_remove(&shard->wheel, &entry->wheel);
    take_poller_locked(entry);
    if (!entry_mark_fired(entry, turn->until_tick, turn->outcome, &when)) {
        entry->waker = waker;
        pawl__wheel_insert(&shard->wheel, &entry->wheel, when);
        return;
    }
    counter_add(&shard->fired, 1);
    if (turn->outcome == CELL_FIRED)
        note_lateness_locked(shard, turn->now_tick - when);
    if (waker.wake != NULL)
        batch->wakers[batch->count++] = waker;
    if (has_callback)
        run_callback_unlocked(shard, entry, turn->outcome == CELL_SHUTDOWN ? -ESHUTDOWN : 0);
}

static void fire_due_locked(struct shard *shard, const struct turn *turn, struct waker_batch *batch)
{
    struct list_node *node;
    for (size_t n = 0; n < turn->limit && (node = list_first(&shard->due)) != NULL; n++) {
        fire_locked(shard, entry_of(PAWL_CONTAINER_OF(node, struct wheel_entry, link)), turn, batch);
        if (batch->count == WAKER_BATCH_MAX)
            wake_unlocked(shard, batch);
    }
}

/* What next_deadline is to say once the turn is over. */
static uint64_t earliest_locked(struct shard *shard)
{
    return list_empty(&shard->due) ? pawl__wheel_earliest(&shard->wheel) : 0;
}

/* Once after close: everything that pends is shut down. */
static void complete_locked(struct shard *shard, struct waker_batch *batch)
{
    if (!shard->closed || shard->drained)
        return;
    shard->drained = true;
    pawl__wheel_drain(&shard->wheel, &shard->due);
    fire_due_locked(shard, &(struct turn){TICK_NEVER, TICK_NEVER, CELL_SHUTDOWN, SIZE_MAX}, batch);
}

/* After a step back of the clock what is armed is earlier than all that the wheel thinks has passed: it is filed anew,
 * so that it does not have to wait until the clock has caught up. */
static void set_back_locked(struct shard *shard, uint64_t now_tick)
{
    struct list all;
    struct list_node *node;
    if (now_tick >= shard->wheel.elapsed ||
        shard->wheel.elapsed - now_tick <= CLOCK_STEP_BACK_NS / shard->clock->tick_ns + 1)
        return;
    list_init(&all);
    pawl__wheel_drain(&shard->wheel, &all);
    shard->wheel.elapsed = now_tick;
    while ((node = list_pop_front(&all)) != NULL) {
        struct wheel_entry *entry = PAWL_CONTAINER_OF(node, struct wheel_entry, link);
        pawl__wheel_insert(&shard->wheel, entry, true_when(entry));
    }
}

bool pawl__shard_turn_until(struct shard *shard, uint64_t until_tick, uint64_t now_tick)
{
    struct waker_batch batch = {.count = 0};
    shard_lock(shard);
    if (shard->firing) {
        lock_release(&shard->lock);
        return false;
    }
    shard->firing = true;
    publish_locked(shard, TICK_NEVER);
    shard->published_tick = 0; /* what is armed meanwhile is published at the end */
    if (PAWL_UNLIKELY(shard->clock->now_ns != NULL) && !shard->closed)
        set_back_locked(shard, now_tick);
    pawl__wheel_advance(&shard->wheel, until_tick, &shard->due);
    fire_due_locked(shard, &(struct turn){until_tick, now_tick, CELL_FIRED, SHARD_TURN_MAX}, &batch);
    complete_locked(shard, &batch);
    while (batch.count > 0) { /* still firing: a turn is over when all that it fired has been woken */
        wake_unlocked(shard, &batch);
        complete_locked(shard, &batch); /* it may have been closed meanwhile, and that is left to us */
    }
    shard->firing = false;
    uint64_t earliest = earliest_locked(shard);
    publish_locked(shard, earliest);
    lock_release(&shard->lock);
    return earliest != TICK_NEVER;
}

bool pawl__shard_close(struct shard *shard)
{
    lock_acquire(&shard->lock);
    shard->closed = true;
    lock_release(&shard->lock);
    return pawl__shard_turn(shard, 0);
}

bool pawl__shard_closed(struct shard *shard)
{
    lock_acquire(&shard->lock);
    bool closed = shard->drained && !shard->firing;
    lock_release(&shard->lock);
    return closed;
}

void pawl__shard_settle(struct shard *shard)
{
    bool may_step_back = shard->clock->now_ns != NULL;
    /* without the lock: the caller's function may have one of its own, under which timers are armed */
    uint64_t now_tick = PAWL_UNLIKELY(may_step_back) ? clock_tick_at(shard->clock, clock_now_ns(shard->clock)) : 0;
    lock_acquire(&shard->lock);
    if (PAWL_UNLIKELY(may_step_back) && !shard->firing)
        set_back_locked(shard, now_tick);
    if (!shard->firing && list_empty(&shard->due))
        publish_locked(shard, pawl__wheel_settle(&shard->wheel));
    lock_release(&shard->lock);
}
