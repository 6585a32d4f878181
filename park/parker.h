/* Parker: puts one worker to sleep, and Unparker: wakes it from any thread.
 *
 * State: one token. unpark leaves it, park takes it; park returns at once if it is there.
 *
 *                         park                                       unpark (any thread)
 *     EMPTY               -> PARKED_*: sleeps                        -> NOTIFIED
 *     NOTIFIED            -> EMPTY: returns                          NOTIFIED (the exchange still releases)
 *     PARKED_CONDVAR      awake for no reason: sleeps on             -> NOTIFIED, wakes the futex
 *     PARKED_DRIVER       awake: -> EMPTY                            -> NOTIFIED, writes the reactor's descriptor
 *     PARKED_UNDERSTUDY   awake: -> EMPTY                            -> NOTIFIED, writes the understudy's descriptor
 *
 * Where it sleeps: the first worker to park holds the driver and sleeps in the reactor (PARKED_DRIVER), the next one
 * is its understudy (PARKED_UNDERSTUDY), all others sleep on a condvar of one waiter, which is a futex on the state
 * itself (PARKED_CONDVAR).
 *
 * Edge parker.token: unpark's exchange (release) pairs with the read-modify-write that takes the token (acquire): what
 * the unparker wrote before is visible after park. Both are read-modify-writes even where the value would not change,
 * so that the parker synchronizes with the latest unpark, not the first.
 *
 * Edge park.seat:   who parks                                       who leaves a seat (driver or understudy)
 *                   1. announce to be asleep (seq_cst, sched/idle)  1. leave it (seq_cst)
 *                   2. try to take the seat (seq_cst)               2. does anybody sleep? (seq_cst) then see that the
 *                                                                      seat is looked after
 * Either the one who parks gets the seat or the one who leaves sees the sleeper.
 *
 * Threads: park by its worker, unpark by any. An unparker may outlive its parker: it counts as a reference. Blocks:
 * park. */
#ifndef PAWL_PARK_PARKER_H
#define PAWL_PARK_PARKER_H

#include <pawl/runtime.h>

#include "park/driver.h"

enum parker_state {
    PARKER_EMPTY,
    PARKER_PARKED_CONDVAR,
    PARKER_PARKED_DRIVER,
    PARKER_PARKED_UNDERSTUDY,
    PARKER_NOTIFIED
};

/* Access: C constant after init, A any thread atomic, W its worker */
struct parker {
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint32_t) state; /* A */
    PAWL_ATOMIC(uint32_t) refs;                            /* A the parker and each unparker */
    struct driver *driver;                                 /* C not to be touched unless PARKED_* */
    struct pawl_allocator allocator;                       /* C */
    uint64_t rescues;                                      /* W times that it took the driver over as understudy */
};

/* NULL: no memory. */
struct parker *pawl__parker_create(const struct pawl_allocator *allocator, struct driver *driver);
struct parker *pawl__parker_ref(struct parker *parker);
void pawl__parker_unref(struct parker *parker);

/* What the parker asks of whoever knows the other workers. */
struct park_host {
    bool (*last_look)(void *context);  /* is there work after all? Called after the announcement's fence */
    void (*seat_left)(void *context);  /* the understudy's seat is empty: edge park.seat, step 2 */
    bool (*alone)(void *context);      /* do all others sleep? Edge idle.alone (sched/idle.h) */
    void *context;
};

enum park_result {
    PARK_NOTIFIED = 1,    /* a token was taken */
    PARK_DRIVER_HELD = 2, /* the driver is held: turn it, unlock it, and see to edge park.seat */
    PARK_WORK = 4         /* last_look said so */
};

/* Sleeps until unparked or until the driver has something to do; the caller has announced that it is about to sleep.
 * Returns an or of enum park_result, never 0. */
unsigned pawl__park(struct parker *parker, const struct park_host *host);

/* Waits for a token that is known to be on its way, without announcing anything. */
void pawl__park_for_token(struct parker *parker);

/* Leaves a token, and wakes the worker if it sleeps. */
void pawl__unpark(struct parker *parker);

#endif
