/* Timer shard: a wheel under a lock, with its earliest deadline readable without it.
 *
 * Each worker owns one and arms into it, so its lock is all but uncontended; threads that are no workers share a few.
 * Anyone may arm, reset, cancel and fire in any shard.
 *
 * Firing: one thread at a time turns a shard. It moves what is due off the wheel, then, one by one, marks a timer
 * fired, drops the lock and runs its callback; wakers are collected and woken in batches, also without the lock.
 * Since there is one firing thread, and a timer stays in the shard in which its callback runs, callbacks of one timer
 * never overlap. What is armed for the past meanwhile waits for the next turn; what is reset after it was taken off the
 * wheel is looked at by this one, when its turn comes.
 *
 * Edge shard.next_deadline (the driver's half is in park/driver.c):
 *     who arms                                     who goes to sleep
 *     1. store next_deadline (earlier), in here    1. store wake_at
 *     2. fence, by the caller told EARLIER         2. fence
 *     3. load wake_at; wake who sleeps past it     3. load every next_deadline
 * next_deadline is never later than the earliest timer, but for the time of a turn: then it is PAWL_NEVER, and the
 * firing thread, which is awake, publishes it at the end and takes the three steps itself.
 *
 * Model: shards know instants and ticks, no threads, tasks or drivers. Threads: any. Blocks: on the shard's lock, a
 * leaf lock; cancel_sync also while the callback runs. Errors: enum shard_answer. */
#ifndef PAWL_TIME_SHARD_H
#define PAWL_TIME_SHARD_H

#include <pawl/metrics.h>

#include "base/lock.h"
#include "time/entry.h"

enum { SHARD_TURN_MAX = 1024 /* timers that one turn fires; the rest is due at once in the next */ };

/* Access: C constant after init, L(lock), A any thread atomic */
struct shard {
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) next_deadline; /* A written L; PAWL_NEVER: none */
    const struct clock *clock;                                     /* C */
    uint64_t id;                                                   /* C what entries' home says, never 0 */

    _Alignas(PAWL_CACHE_LINE) struct lock lock;
    bool firing;                    /* L a thread is in pawl__shard_turn */
    bool closed, drained;           /* L shut down: what was pending is to be completed, has been */
    bool cancel_sync_waits;         /* L for the running callback */
    uint64_t published_tick;        /* L what next_deadline says; 0 while firing: nothing is earlier */
    struct timer_entry *running;    /* L whose callback runs */
    PAWL_ATOMIC(uint32_t) runs_ended; /* A written L; cancel_sync sleeps on it */
    struct list due;                /* L to be fired, still pending and cancellable */
    struct wheel wheel;             /* L */
    PAWL_ATOMIC(uint64_t) armed, cancelled, fired, lock_misses; /* A written L: counters */
    PAWL_ATOMIC(uint64_t) moved;                                /* A counts resets, some of them without the lock */
    PAWL_ATOMIC(uint64_t) lateness[PAWL_LATENESS_CLASSES];      /* A written L: fired so many ticks late */
};

void pawl__shard_init(struct shard *shard, const struct clock *clock, uint64_t id, struct wheel_level *levels,
                      unsigned level_count);

enum shard_answer {
    SHARD_DONE,
    SHARD_DONE_EARLIER, /* done, and the caller owes steps 2 and 3 above for next_deadline */
    SHARD_NOT_HOME,     /* the entry belongs to another shard by now: find out which and call that */
    SHARD_BUSY,         /* pending already */
    SHARD_ALREADY,      /* not pending */
    SHARD_CANCELED,     /* a cancel_sync waits for the callback that arms */
    SHARD_CLOSED,
    SHARD_DEADLOCK
};

/* Arms an entry whose home is this shard or none. even_closed: also after pawl__shard_close, which completes what
 * pends once; for the sleeps of tasks that clean up. */
enum shard_answer pawl__shard_arm(struct shard *shard, struct timer_entry *entry, uint64_t tick, bool even_closed);

/* Makes an entry that is not pending unhomed, so that whichever shard it is armed in next adopts it; SHARD_ALREADY: its
 * callback runs here, so it stays. */
enum shard_answer pawl__shard_leave(struct shard *shard, struct timer_entry *entry);

/* Moves a pending entry to any tick. */
enum shard_answer pawl__shard_reset(struct shard *shard, struct timer_entry *entry, uint64_t tick);

enum shard_answer pawl__shard_cancel(struct shard *shard, struct timer_entry *entry);

/* As cancel, then waits while the entry's callback runs; in_callback: the caller is a timer callback itself. */
enum shard_answer pawl__shard_cancel_sync(struct shard *shard, struct timer_entry *entry, bool in_callback);

/* Has a pending entry wake *waker however its pending ends, in place of what it was to wake until now: that is then in
 * *waker, and the caller's. SHARD_ALREADY: it does not pend. Of entries that have no waker of their own. */
enum shard_answer pawl__shard_poll(struct shard *shard, struct timer_entry *entry, struct waker *waker);

/* Does the entry's callback run now? No, if it is not at home here. */
bool pawl__shard_fires(struct shard *shard, const struct timer_entry *entry);

/* Fires what was due at until_tick, which may be before now_tick; nothing if another thread is turning the shard. true:
 * next_deadline became earlier than it was before the turn said NEVER, steps 2 and 3 are owed. */
bool pawl__shard_turn_until(struct shard *shard, uint64_t until_tick, uint64_t now_tick);

static inline bool pawl__shard_turn(struct shard *shard, uint64_t now_tick)
{
    return pawl__shard_turn_until(shard, now_tick, now_tick);
}

/* Completes every pending timer with -ESHUTDOWN, or has the thread do it that is turning the shard.
 * Returns what the turn does. */
bool pawl__shard_close(struct shard *shard);

/* Has close completed every timer, and does no callback run? */
bool pawl__shard_closed(struct shard *shard);

/* Makes next_deadline exact, before a sleep toward it; see pawl__wheel_settle. */
void pawl__shard_settle(struct shard *shard);

#endif
