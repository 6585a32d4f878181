/* A queue of timers for a host that has its own loop: no runtime, no thread, no clock. The host says what time it is,
 * and is told which of its tasks to wake.
 *
 *     uint64_t ready[64];
 *     size_t count;
 *     do {
 *         count = pawl_timerq_tick(q, now_ns(), ready, 64);
 *         for (size_t i = 0; i < count; i++)
 *             resume(ready[i]);
 *     } while (count == 64);
 *     wait_for_io(pawl_timerq_until_next(q, now_ns()));
 *
 * Model:   a min-heap. Timers have ids; each is pending until it has fired or is cancelled, an interval until it is
 *          cancelled. wake_task is whatever the host likes, an index or a pointer; several timers may name the same.
 * Time:    now_ns is an instant, on one clock of the host's choice. One that is before the latest that set, interval or
 *          tick was told counts as that one. A deadline past the end of time pends until it is cancelled.
 * Threads: one at a time; queues have nothing to do with each other.
 * Blocks:  no. set, interval, cancel and each timer that fires take logarithmic time, the other calls constant time.
 * Errors:  as in base.h. -ENOENT: an id that never was, or of a timer that ended too long ago.
 * Memory:  from malloc: 33 KB a queue, and up to 112 bytes for each of the most timers that were pending at once; what
 *          is for more than 1024 of them is given back when none is pending any more. */
#ifndef PAWL_TIMERQ_H
#define PAWL_TIMERQ_H

#include <pawl/base.h>
#include <pawl/time.h>

PAWL_BEGIN_DECLS

/* As wake_task: nobody is woken, only the state tells. */
#define PAWL_TIMERQ_NO_TASK UINT64_MAX

struct pawl_timerq;

PAWL_API int pawl_timerq_create(struct pawl_timerq **out);

/* With whatever is pending. NULL: nothing. */
PAWL_API void pawl_timerq_destroy(struct pawl_timerq *q);

/* wake_task is to be woken once, when delay_ns have passed since now_ns; 0: with the next tick. *id, unless id is NULL,
 * is never 0, and not that of another timer before 2^32 more were set. -ENOMEM. */
PAWL_API int pawl_timerq_set(struct pawl_timerq *q, uint64_t now_ns, uint64_t delay_ns, uint64_t wake_task,
                             uint64_t *id);

/* The same, and again after each period_ns, counted from now_ns without drift. Whoever is late for many periods is
 * woken once, then in phase again. -EINVAL: period_ns is 0. */
PAWL_API int pawl_timerq_interval(struct pawl_timerq *q, uint64_t now_ns, uint64_t period_ns, uint64_t wake_task,
                                  uint64_t *id);

/* 0: it was pending and wakes nobody (any more). -EALREADY: it has fired, or was cancelled before. */
PAWL_API int pawl_timerq_cancel(struct pawl_timerq *q, uint64_t id);

/* *state: PAWL_TIMER_PENDING, _FIRED or _CANCELLED. At least the last 1024 that ended are remembered. */
PAWL_API int pawl_timerq_state(const struct pawl_timerq *q, uint64_t id, enum pawl_timer_state *state);

/* Fires what is due at now_ns, in the order of deadlines, of equal ones in the order of setting, and stores whom to
 * wake in wake_tasks. The result is their number, at most capacity; capacity itself: there may be more, which have not
 * fired yet, call again. Those of PAWL_TIMERQ_NO_TASK fire without a place there. */
PAWL_API size_t pawl_timerq_tick(struct pawl_timerq *q, uint64_t now_ns, uint64_t *wake_tasks, size_t capacity);

/* How long after now_ns the next timer is due; 0 if one is, PAWL_NEVER if none will be. */
PAWL_API uint64_t pawl_timerq_until_next(const struct pawl_timerq *q, uint64_t now_ns);

PAWL_API size_t pawl_timerq_pending(const struct pawl_timerq *q);

PAWL_END_DECLS

#endif
