/* Timer entry: what lies inside a struct pawl_timer.
 *
 * State: one atomic cell holds the deadline while the timer pends, and a flag otherwise. Zeroed memory is IDLE.
 *
 *                   arm                        mark_pending (deadline reached), shutdown
 *     IDLE, FIRED, CANCELLED, SHUTDOWN --> PENDING(tick) ------------------------------> FIRED or SHUTDOWN
 *                                            |  ^  \
 *                                     reset  +--+   +--- cancel ---> CANCELLED
 *
 *     from \ event  arm      reset later        reset earlier    cancel           deadline (true)  shutdown
 *     PENDING       -EBUSY   PENDING, lock-free PENDING, re-file CANCELLED        FIRED            SHUTDOWN
 *     any other     PENDING  -EALREADY          -EALREADY        -EALREADY        -                -
 *
 * While a callback runs the cell already says FIRED (the callback may free the timer, so nothing can be written after
 * it); that it is FIRING is known to the shard, which remembers whose callback runs.
 *
 * Cached and true deadline: wheel.when is the tick under which the entry is filed, the cell holds the true one.
 * A reset to a later instant only moves the cell, by compare-and-swap; the wheel finds out when the cached tick comes
 * up, and files the entry anew. Only mark_pending's compare-and-swap, from a cell that has been reached, fires it, so
 * a reset that got there first is never overrun.
 *
 * Registration is lazy: an entry belongs to no shard until it is armed, and an unarmed one costs nothing to drop.
 *
 * Waker or callback: with a callback the entry is touched before it only; a waker is copied out under the shard's
 * lock and woken after it, so the entry may be gone by then, and the waker must own what it points to.
 *
 * Polled: who polls a pending entry leaves a waker there, under the shard's lock, in place of the one before. Whatever
 * ends the pending, which it does under that lock, takes it out and wakes it after: so there is one only while the
 * entry pends, it is woken once or given back, and neither the entry nor who polls is touched after that. */
#ifndef PAWL_TIME_ENTRY_H
#define PAWL_TIME_ENTRY_H

#include <pawl/time.h>

#include "base/atomic.h"
#include "base/waker.h"
#include "time/clock.h"
#include "time/wheel.h"

enum {
    CELL_IDLE = 0,
    CELL_FIRED = 1,
    CELL_CANCELLED = 2,
    CELL_SHUTDOWN = 3,
    CELL_PENDING_FIRST = 16 /* PENDING(tick) is tick + this; TICK_NEVER is UINT64_MAX */
};

/* Access: C constant while armed, L under the lock of the shard that home names, A any thread atomic */
struct timer_entry {
    struct wheel_entry wheel;      /* L */
    PAWL_ATOMIC(uint64_t) cell;    /* A written L, but for a reset to later */
    PAWL_ATOMIC(uint64_t) home;    /* A id of its shard, 0: none yet, or it has left; written L */
    pawl_timer_fn *callback;       /* C NULL: a waker */
    void *arg;                     /* C */
    struct waker waker;            /* C wake may be NULL; L if polled */
    bool polled;                   /* L it has been: the waker is woken by a cancel, too */
};

static inline void entry_init_callback(struct timer_entry *entry, pawl_timer_fn *fn, void *arg)
{
    *entry = (struct timer_entry){.callback = fn, .arg = arg};
}

static inline void entry_init_waker(struct timer_entry *entry, struct waker waker)
{
    *entry = (struct timer_entry){.waker = waker};
}

static inline bool cell_pending(uint64_t cell)
{
    return cell >= CELL_PENDING_FIRST;
}

static inline uint64_t cell_of_tick(uint64_t tick)
{
    return tick == TICK_NEVER ? UINT64_MAX : tick + CELL_PENDING_FIRST;
}

static inline uint64_t tick_of_cell(uint64_t cell)
{
    return cell == UINT64_MAX ? TICK_NEVER : cell - CELL_PENDING_FIRST;
}

/* Where the entry stands now. Edge timer.cell: acquire; pairs with the release that ended the pending: what was done
 * before the timer fired is visible to who sees that it did. */
static inline uint64_t entry_cell(const struct timer_entry *entry)
{
    return load_acquire_u64(&entry->cell);
}

enum entry_extend { ENTRY_EXTENDED, ENTRY_NOT_PENDING, ENTRY_NOT_LATER };

/* Moves a pending deadline to a later (or the same) tick without a lock. */
static inline enum entry_extend entry_extend(struct timer_entry *entry, uint64_t tick)
{
    uint64_t wanted = cell_of_tick(tick);
    uint64_t cell = load_relaxed_u64(&entry->cell); /* relaxed: the compare-and-swap decides */
    do {
        if (!cell_pending(cell))
            return ENTRY_NOT_PENDING;
        if (wanted < cell)
            return ENTRY_NOT_LATER;
        /* relaxed on failure: looked at again. acq_rel on success: keeps the chain of edge timer.cell whole */
    } while (!cas_acq_rel_relaxed_u64(&entry->cell, &cell, wanted));
    return ENTRY_EXTENDED;
}

/* Ends the pending if its true deadline is not after now_tick; false: it was moved later, *when is the true deadline.
 * Under the shard's lock. */
static inline bool entry_mark_fired(struct timer_entry *entry, uint64_t now_tick, uint64_t outcome, uint64_t *when)
{
    uint64_t cell = load_relaxed_u64(&entry->cell); /* relaxed: the compare-and-swap decides */
    do {
        *when = tick_of_cell(cell);
        if (*when > now_tick)
            return false;
        /* edge timer.cell: release end */
    } while (!cas_acq_rel_relaxed_u64(&entry->cell, &cell, outcome));
    return true;
}

#endif
