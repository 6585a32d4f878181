/* Sleeps, intervals, deadlines around any call, timers in the caller's memory, and timers by id.
 *
 * A timer never fires early, and late by at most its slack, a tick and the operating system's wake-up on an idle
 * machine; while more than 20 timers a millisecond fire, by up to 0.7 ms more, so that they share wake-ups; by up to
 * 2 ms more if it is due just after one whose task goes on computing while the other workers sleep. It has exactly one
 * outcome each time it is armed: fired, cancelled or shut down. Callbacks of one timer never overlap.
 * Instants are those of pawl_now: on CLOCK_MONOTONIC, unless the runtime was given another clock (runtime.h). rt NULL:
 * the runtime of the caller; -EINVAL outside one. */
#ifndef PAWL_TIME_H
#define PAWL_TIME_H

#include <pawl/base.h>
#include <pawl/poll.h>

PAWL_BEGIN_DECLS

/* A precise reading of the runtime's clock; rt NULL outside a runtime: CLOCK_MONOTONIC. */
PAWL_API uint64_t pawl_now(const struct pawl_runtime *rt);

/* What the calling worker read last, at the cost of a load: not later than now, and mostly no more than 100 us before
 * the present run of the task, or round of timers, began. A task that goes on on another worker may see it go back.
 * Outside a worker of rt, and on a clock other than CLOCK_MONOTONIC, a precise reading. */
PAWL_API uint64_t pawl_now_cached(const struct pawl_runtime *rt);

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

/* fn may be NULL: then only the state tells, and pawl_timer_poll. */
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

/* Lets the timer fire as much as slack_ns after its deadline (never before), to share a wake-up with others: it goes by
 * the roundest tick in between, so that timers with slack meet. For all later arms and resets; init sets it to 0.
 * -EBUSY: pending. */
PAWL_API int pawl_timer_set_slack(struct pawl_timer *timer, uint64_t slack_ns);

/* For stackless tasks (poll.h), from their poll function. PAWL_PENDING while the timer pends: the task is woken when it
 * no longer does. Else PAWL_READY, and *status is 0: it has fired; -ECANCELED; -ESHUTDOWN; -EINVAL: it was never armed.
 * Then, or after a pawl_timer_cancel that returned 0, its memory may go. Of several tasks that poll it the last one is
 * woken. Also in the last poll of a task that is cancelled a timer that pends is PAWL_PENDING: who wants it to go
 * cancels it. Meant for timers without fn; the fn of others may still run when the task is woken.
 * *status is -EINVAL also if timer or cx is NULL, or cx not that of the present poll. */
PAWL_API enum pawl_poll pawl_timer_poll(struct pawl_timer *timer, struct pawl_context *cx, int *status);

/* PAWL_TIMER_IDLE for NULL. */
PAWL_API enum pawl_timer_state pawl_timer_state(const struct pawl_timer *timer);

/* Runs as a task of its own, so it may suspend; status is 0 or -ESHUTDOWN. */
typedef void pawl_callback_fn(void *arg, int status);

/* Calls fn after delay_ns. All memory is taken here. *id, unless id is NULL, is stored before the timer can fire, and is
 * never 0 and never of another runtime (but for one chance in 2^39); it means nothing if the call fails. Errors as
 * pawl_spawn. */
PAWL_API int pawl_after(struct pawl_runtime *rt, uint64_t delay_ns, pawl_callback_fn *fn, void *arg, uint64_t *id);

/* Calls fn after each period_ns, first after one of them, each time as a task of its own; -EINVAL for 0. Never twice at
 * once: a call that is due while fn still runs, or that comes too late, is skipped, and the next one is in phase again
 * with the first. When the runtime cancels everything there is one last call, with -ESHUTDOWN. All memory is taken
 * here; if there is none left to take for the next call's task, the task that has just called goes on with it, and
 * looks every 10 ms whether that was cancelled. */
PAWL_API int pawl_every(struct pawl_runtime *rt, uint64_t period_ns, pawl_callback_fn *fn, void *arg, uint64_t *id);

/* 0: fn will not be called (again), arg is the caller's. -EINPROGRESS: it is being called, and will not be again. That
 * is also the answer from fn itself. -ENOENT: it has ended, or there never was such an id here. */
PAWL_API int pawl_cancel(struct pawl_runtime *rt, uint64_t id);

/* As cancel, and suspends while fn runs. 0: fn neither pends nor runs. -EDEADLK: from fn itself, which goes on as if
 * nothing had been asked; and from a timer callback or a poll. Who is cut short has cancelled all the same, and may
 * call again to wait. */
PAWL_API int pawl_cancel_wait(struct pawl_runtime *rt, uint64_t id);
PAWL_API int pawl_cancel_wait_until(struct pawl_runtime *rt, uint64_t id, uint64_t deadline_ns);

/* What becomes of ticks that are missed because the one before was late. A late one is delivered in any case. */
enum pawl_missed_tick {
    PAWL_MISSED_BURST, /* all come, at once, until none is missing */
    PAWL_MISSED_DELAY, /* the next is due one period after the late one came */
    PAWL_MISSED_SKIP   /* the next is due at the first point after now that is in phase with the first */
};

/* In the caller's memory, for one task or thread at a time; costs nothing while nobody waits. */
struct pawl_interval {
    uint64_t pawl_private[8];
};

/* The first tick is due at the instant first_ns, each other one period_ns after the one before. Of a task it is on the
 * runtime's clock, of a plain thread on CLOCK_MONOTONIC. */
PAWL_API void pawl_interval_init(struct pawl_interval *iv, uint64_t first_ns, uint64_t period_ns,
                                 enum pawl_missed_tick policy);

/* Suspends until the next tick. *scheduled_ns, unless NULL, is when it was due. A tick that is due is delivered even
 * past the deadline; one that was not, since the call was cut short or the deadline came first, is not lost: the next
 * call is about the same one. -EINVAL: period 0, or no such policy. */
PAWL_API int pawl_interval_tick(struct pawl_interval *iv, uint64_t *scheduled_ns);
PAWL_API int pawl_interval_tick_until(struct pawl_interval *iv, uint64_t *scheduled_ns, uint64_t deadline_ns);

/* A manual clock, for tests: time passes when they say so. It begins at 0 and stops at PAWL_NEVER. The clock moves from
 * one deadline to the next; at each, timers fire in the order in which they were armed, and while their callbacks run
 * the clock reads that deadline. It moves on when no task is runnable or running: so what a callback or a task arms
 * within the window fires within it too, and a task that sleeps in a loop is woken as often as in real time. A runtime
 * that is cancelling everything moves its clock by itself, for those who sleep while they clean up.
 *
 * Both calls: -EPERM on another clock, -ESHUTDOWN once everything is being cancelled. */

/* Moves the clock by duration_ns and returns when it is there, callbacks have run and what they made runnable has too.
 * Before it moves, and between deadlines, it waits until no task is runnable or running, at most a second of real time
 * if another worker is there to see to it; a task that computes or polls for longer is then no longer waited for in
 * this call. Functions on the blocking pool are not waited for. Calls at the same time take their turns. Suspends; if
 * it is cut short the clock stays where it is. -EDEADLK from a timer callback or a poll. */
PAWL_API int pawl_clock_advance(struct pawl_runtime *rt, uint64_t duration_ns);

/* on: whenever no task is runnable or running and no blocking call is in progress, the clock jumps to the next
 * deadline, if there is one. So a test of a day of timeouts takes as long as what it computes. With a pawl_every
 * pending there always is one: the clock then runs on as fast as it can. */
PAWL_API int pawl_clock_auto_advance(struct pawl_runtime *rt, bool on);

PAWL_END_DECLS

#endif
