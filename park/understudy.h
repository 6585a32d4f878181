/* Understudy: the parked worker that looks after the driver when its holder has left it and is slow to come back.
 *
 * A worker that leaves the driver in order to run tasks, while others are parked, sets the alarm, unless it is set
 * already: a one-shot timerfd, ALARM_DELAY_NS ahead. One parked worker, the understudy, sleeps on the alarm instead of
 * its condvar. When it rings and the driver is not held, the understudy takes it; otherwise it goes back to sleep. So
 * timers and I/O are served however long the task runs, at the price of one extra wake-up per delay while the driver
 * is being left and retaken, and none at rest.
 *
 * Edge understudy.alarm:   who leaves the driver             who understudies
 *                          1. unlock the driver (seq_cst)    1. armed := false (seq_cst)
 *                          2. armed? then done (seq_cst)     2. try to lock the driver (seq_cst)
 * Either the leaver sees that the alarm is spent and sets it again, or the understudy finds the driver free.
 *
 * Threads: seat functions by the worker that parks; alarm and wake by any. Blocks: wait. */
#ifndef PAWL_PARK_UNDERSTUDY_H
#define PAWL_PARK_UNDERSTUDY_H

#include "base/atomic.h"

enum { ALARM_DELAY_NS = 1500000 };

struct understudy {
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint32_t) taken; /* A 1: a worker is in the seat, or on its way out */
    PAWL_ATOMIC(uint32_t) armed;                           /* A 1: the alarm will ring */
    int timer_fd;                                          /* C */
    int wake_fd;                                           /* C */
};

/* -EMFILE, -ENFILE, -ENOMEM. */
int pawl__understudy_init(struct understudy *understudy);
void pawl__understudy_fini(struct understudy *understudy);

bool pawl__understudy_try_take(struct understudy *understudy);
void pawl__understudy_leave(struct understudy *understudy);

/* Sleeps until the alarm rings (true) or somebody wakes the seat (false). */
bool pawl__understudy_wait(struct understudy *understudy);

void pawl__understudy_wake(const struct understudy *understudy);

/* Sets the alarm, unless it is set. After unlocking the driver. */
void pawl__understudy_set_alarm(struct understudy *understudy);

#endif
