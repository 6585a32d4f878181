/* Sleeps, deadlines around any call, timers in the caller's memory, and timers by id.
 *
 * A timer never fires early, and late by at most a tick and the operating system's wake-up on an idle machine. It has
 * exactly one outcome each time it is armed: fired, cancelled or shut down. Callbacks of one timer never overlap.
 * Instants are those of pawl_now: on CLOCK_MONOTONIC, unless the runtime was given another clock (runtime.h). rt NULL:
 * the runtime of the caller; -EINVAL outside one. */
#ifndef PAWL_TIME_H
#define PAWL_TIME_H

#include <pawl/base.h>

PAWL_BEGIN_DECLS

/* A precise reading of the runtime's clock; rt NULL outside a runtime: CLOCK_MONOTONIC. */
PAWL_API uint64_t pawl_now(const struct pawl_runtime *rt);

/* Suspends for duration_ns, or until deadline_ns; outside a task on CLOCK_MONOTONIC, also on a blocking thread. */
PAWL_API int pawl_sleep(uint64_t duration_ns);
PAWL_API int pawl_sleep_until(uint64_t deadline_ns);

/* Calls fn(arg) here, in the calling task, with a deadline duration_ns from now. Once it has passed, the suspending
 * calls in fn return -ETIMEDOUT until fn returns; one that finds no need to suspend may see it as late as a timer would.
 * duration_ns 0: it has passed already. Timeouts nest, the nearest deadline wins. They reach neither tasks that fn
 * spawns nor what is between pawl_shield_begin and _end; one begun between the two is honoured there.
 *
 * fn runs to its end in any case, and *result (unless NULL) is what it returned. The answer says what cut a suspending
 * call in it short: -ESHUTDOWN or -ECANCELED; -ETIMEDOUT if only this deadline did; 0 if nothing did, even when late,
 * or only the deadline of another pawl_timeout. A call with a deadline of its own that is not later ends by that one:
 * it has not been cut short (pawl_sleep returns 0).
 *
 * -EINVAL outside a task or if fn is NULL, -EDEADLK from a timer callback or a poll: then fn is not called. */
PAWL_API int pawl_timeout(uint64_t duration_ns, pawl_task_fn *fn, void *arg, void **result);

/* In the caller's memory, which stays in place until the timer has fired or is cancelled. */
struct pawl_timer {
    uint64_t pawl_private[16];
};

enum pawl_timer_state {
    PAWL_TIMER_IDLE,      /* never armed */
    PAWL_TIMER_PENDING,
    PAWL_TIMER_FIRING,    /* its callback is running */
    PAWL_TIMER_FIRED,
    PAWL_TIMER_CANCELLED,
    PAWL_TIMER_SHUTDOWN   /* completed by the runtime's shutdown */
};

/* Runs on a worker, never inside arm; short; status is 0 or -ESHUTDOWN. It may re-arm or free its timer, and may not
 * suspend: suspending calls return -EDEADLK. */
typedef void pawl_timer_fn(struct pawl_timer *timer, void *arg, int status);

/* fn may be NULL: then only the state tells. */
PAWL_API void pawl_timer_init(struct pawl_timer *timer, pawl_timer_fn *fn, void *arg);

/* Arms for an instant; one that has passed fires on the next turn. PAWL_NEVER pends until cancel or shutdown.
 * -EBUSY: pending already; -ECANCELED: from its callback, while a pawl_timer_cancel_sync waits for it; -ESHUTDOWN. */
PAWL_API int pawl_timer_arm(struct pawl_runtime *rt, struct pawl_timer *timer, uint64_t deadline_ns);

/* Moves a pending timer later or earlier; -EALREADY if it is not pending. */
PAWL_API int pawl_timer_reset(struct pawl_timer *timer, uint64_t deadline_ns);

/* 0: it was pending and will not fire, the memory is the caller's, even if its callback, which armed it again, is still
 * running: a callback does not touch its timer after that. -EALREADY: fired, firing or not armed. */
PAWL_API int pawl_timer_cancel(struct pawl_timer *timer);

/* As cancel, and on return the callback is not running and will not run. Blocks while it runs. -EALREADY: it was
 * firing (and has ended) or not armed; -EDEADLK: from a timer callback while the target's runs. */
PAWL_API int pawl_timer_cancel_sync(struct pawl_timer *timer);

/* PAWL_TIMER_IDLE for NULL. */
PAWL_API enum pawl_timer_state pawl_timer_state(const struct pawl_timer *timer);

/* Runs as a task of its own, so it may suspend; status is 0 or -ESHUTDOWN. */
typedef void pawl_callback_fn(void *arg, int status);

/* Calls fn after delay_ns. All memory is taken here. *id, unless id is NULL, is stored before the timer can fire, and is
 * never 0 and never of another runtime (but for one chance in 2^39); it means nothing if the call fails. Errors as
 * pawl_spawn. */
PAWL_API int pawl_after(struct pawl_runtime *rt, uint64_t delay_ns, pawl_callback_fn *fn, void *arg, uint64_t *id);

/* 0: fn will not be called, arg is the caller's. -EINPROGRESS: it is being called. -ENOENT: it has ended, or there
 * never was such an id here. */
PAWL_API int pawl_cancel(struct pawl_runtime *rt, uint64_t id);

/* A manual clock, for tests: time passes when they say so. It begins at 0 and stops at PAWL_NEVER. The clock moves from
 * one deadline to the next; at each, timers fire in the order in which they were armed, and while their callbacks run
 * the clock reads that deadline. It moves on when no task is runnable or running: so what a callback or a task arms
 * within the window fires within it too, and a task that sleeps in a loop is woken as often as in real time. A runtime
 * that is cancelling everything moves its clock by itself, for those who sleep while they clean up.
 *
 * Both calls: -EPERM on another clock, -ESHUTDOWN once everything is being cancelled. */

/* Moves the clock by duration_ns and returns when it is there, callbacks have run and what they made runnable has too.
 * Before it moves, and between deadlines, it waits until no task is runnable or running, at most a second of real time;
 * a task that computes or polls for longer is then no longer waited for in this call. Functions on the blocking pool
 * are not waited for. Calls at the same time take their turns. Suspends; if it is cut short the clock stays where it
 * is. -EDEADLK from a timer callback or a poll. */
PAWL_API int pawl_clock_advance(struct pawl_runtime *rt, uint64_t duration_ns);

/* on: whenever no task is runnable or running and no blocking call is in progress, the clock jumps to the next
 * deadline, if there is one. So a test of a day of timeouts takes as long as what it computes. */
PAWL_API int pawl_clock_auto_advance(struct pawl_runtime *rt, bool on);

PAWL_END_DECLS

#endif
