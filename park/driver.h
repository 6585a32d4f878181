/* Time driver: one thread at a time, whoever gets its try-lock, sleeps in the reactor toward the earliest deadline of
 * all shards, and fires what is due in them.
 *
 * Where a timer fires: pawl__driver_turn here, or the worker's own look at its shard, both by pawl__shard_turn.
 *
 * Edge driver.wake_at, the driver's half of edge shard.next_deadline (time/shard.h):
 *     who arms                                      who sleeps (pawl__park)
 *     1. store next_deadline (earlier)              1. store wake_at                     pawl__driver_prepare
 *     2. fence_light; who is no worker: fence_full  2. fence_heavy, or edge idle.alone   pawl__park
 *     3. load wake_at; wake if it is later          3. load every next_deadline, again   pawl__driver_unchanged
 * Either the armer sees that the driver sleeps too long, or the driver sees the deadline. wake_at is 0 while the
 * driver is awake: then nothing is written, for it will look before it sleeps.
 *
 * Spacing: when more than DRIVER_CALM_RATE timers fire a millisecond, the holder spaces its turns, so that many share
 * one wake-up: the more of them the further apart, up to DRIVER_SPACING_MAX_NS. Until its next turn it counts as awake,
 * for whoever arms: it would not turn any earlier.
 *
 * A calm turn fires what is due first, and what is due in the same tick; what has become due since waits for the next
 * one, after the tasks that it has made ready. If those are brief, the worker that was woken up for the first deals
 * with the others sooner and cheaper than another that would have to be woken for them. If one is not, the others are
 * timers that are due while it computes, like all that become due later: see understudy.h.
 *
 * Once it has been told, the holder sleeps for DRIVER_BESIDE_NS at most while a worker is awake, so that of timers
 * further ahead than that, which are most and never fire, it need not be told again.
 *
 * What a sleep costs: step 3 is one relaxed read a shard, each on a line that is written only when that shard's
 * earliest deadline moves forward.
 *
 * How it sleeps: toward an instant on CLOCK_MONOTONIC by epoll's timeout, on CLOCK_BOOTTIME by the reactor's alarm. On
 * a caller's clock for as much real time as is left, but DRIVER_LOOK_NS at most, since it may jump ahead, and then it
 * looks again; as long as that clock is short of the deadline after as much real time as was left, it is looked at less
 * and less often, down to every DRIVER_NAP_MAX_NS. With a manual clock until woken, unless the clock itself says
 * otherwise (sched/manual.h).
 *
 * Threads: try_lock and deadline_moved by any; the rest by the holder. Blocks: no, but for shard locks. */
#ifndef PAWL_PARK_DRIVER_H
#define PAWL_PARK_DRIVER_H

#include "base/fence.h"
#include "park/reactor.h"
#include "park/understudy.h"
#include "time/shard.h"

enum {
    DRIVER_SPACING_MAX_NS = 700000,
    DRIVER_SPACING_STEP_NS = 4000,  /* for each timer a millisecond more than these: */
    DRIVER_CALM_RATE = 20,
    DRIVER_WINDOW_NS = 1000000,     /* over which they are counted */
    DRIVER_OVERDUE_NS = 1000000,    /* so late a shard is overdue: nobody got round to it, or it was armed for then */
    DRIVER_NAP_MIN_NS = 50000,
    DRIVER_NAP_MAX_NS = 10000000,
    DRIVER_LOOK_NS = 100000000
};

#ifndef DRIVER_BESIDE_NS
#define DRIVER_BESIDE_NS 20000000 /* none for the model checker: it would hide that somebody was not told */
#endif

/* Access: C constant after init, D the holder's, A any thread atomic */
struct driver {
    const struct clock *clock;   /* C */
    const struct fences *fences; /* C */
    struct shard *shards;        /* C */
    unsigned shard_count;        /* C */
    struct reactor reactor;      /* D, but for waking */

    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint32_t) held; /* A */
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) wake_at; /* A instant that the holder sleeps toward; 0: awake */
    struct understudy understudy;
    PAWL_ATOMIC(uint64_t) turned_at; /* D written by the holder: when all shards were last looked at, in real time */
    uint64_t spacing_ns;             /* D from one turn to the next that is not made for another reason */
    uint64_t window_began_ns;        /* D */
    uint64_t window_fired;           /* D */
    uint64_t nap_ns;                 /* D a caller's clock: sleep at least so long; 0: it keeps up with real time */
    bool clock_to_move;              /* D a manual clock is to be moved by whoever holds the driver */
};

/* shards: shard_count of them, the caller's. -EMFILE, -ENFILE, -ENOMEM; then driver->shards is NULL. */
int pawl__driver_init(struct driver *driver, const struct clock *clock, const struct fences *fences,
                      struct shard *shards, unsigned shard_count);
void pawl__driver_fini(struct driver *driver);

/* Edge driver.held: unlock's exchange pairs with try_lock's compare-and-swap; the right handed over is the reactor and
 * the fields marked D. seq_cst: see edges park.seat and understudy.alarm. */
bool pawl__driver_try_lock(struct driver *driver);
void pawl__driver_unlock(struct driver *driver);

/* Publishes and returns the instant to sleep toward, the exact earliest deadline, or an earlier one if the holder is
 * not alone in being awake. */
uint64_t pawl__driver_prepare(struct driver *driver, bool alone);

/* Is there still nothing earlier than wake_at? After the fence. */
bool pawl__driver_unchanged(const struct driver *driver, uint64_t wake_at);

/* Sleeps toward wake_at, or less for no reason. */
void pawl__driver_sleep(struct driver *driver, uint64_t wake_at);

/* The holder is awake again. */
void pawl__driver_awake(struct driver *driver);

/* Fires what is due at now_ns in all shards; calm: of that only what is due first, unless it is overdue, or a lot fires
 * these days. Returns how many shards were overdue, by DRIVER_OVERDUE_NS or more. */
unsigned pawl__driver_turn(struct driver *driver, uint64_t now_ns, bool calm);

/* When the shards were last looked at, for whoever wonders whether to. */
static inline uint64_t pawl__driver_turned_at(const struct driver *driver)
{
    return load_relaxed_u64(&driver->turned_at); /* relaxed: a rule of thumb */
}

/* Is anything due, or the clock to move? */
bool pawl__driver_due(const struct driver *driver, uint64_t now_ns);

/* Steps 2 and 3 of whoever published a deadline: wakes the driver if it sleeps past it. true: it has. by_worker: the
 * caller is one, and awake. */
bool pawl__driver_deadline_moved(struct driver *driver, uint64_t deadline_ns, bool by_worker);

#endif
