/* Wait: one wait for one object of this room, of a task, a stackless task or a plain thread, alone or in a select.
 *
 * Each kind of wait is a table of what is special to it; all else is common. An object is guarded by its lock; what a
 * call claimed under it (sched/waiter.h) is granted after it.
 *
 *     blocking call                        poll form                           select
 *     attempt, else queue, under the lock  the same, at its first poll         the same of all cases, under all locks
 *     suspend until granted                PENDING, and look at each poll      suspend, or PENDING
 *     cut short: leave                     cancelled, given up: leave          leave, and withdraw each
 *
 * Whoever is granted may end the object at once. So the last thing that a granter does to it is to release its lock, or
 * the one compare-and-swap of a fast path; it grants after that.
 *
 * Threads: a wait belongs to one caller. Blocks: pawl__wait suspends. */
#ifndef PAWL_SYNC_WAIT_H
#define PAWL_SYNC_WAIT_H

#include <errno.h>
#include <limits.h>
#include <pawl/wait.h>

#include "base/lock.h"
#include "base/noise.h"
#include "sched/sleep.h"
#include "sched/waiter.h"

struct wait;

/* What attempt and queue return beside 0, 1 and errnos. */
enum {
    WAIT_QUEUED = INT_MAX,
    WAIT_PREPARE = INT_MAX - 1 /* attempt: call prepare without the lock, then try again */
};

/* attempt, queue and withdrawn: under the object's lock; they add to `claimed` whom to grant after it. */
struct wait_kind {
    /* What the call would return without waiting; -EAGAIN: nothing can be done now, nothing has changed. */
    int (*attempt)(struct wait *wait, struct claimed *claimed);
    /* After -EAGAIN, under the same hold of the lock: puts it on a list, WAIT_QUEUED; or it can be done after all. */
    int (*queue)(struct wait *wait, struct claimed *claimed);
    /* It was queued, is off its list, and is not granted. NULL: nothing is to be done. */
    void (*withdrawn)(struct wait *wait, struct claimed *claimed);
    /* Without the lock: it has given up. NULL: nothing is to be done. */
    void (*left)(struct wait *wait);
    /* What it was granted goes to the next. NULL: that is not possible. */
    void (*pass_on)(struct wait *wait);
    /* Without the lock: 0 or an errno. NULL if attempt never asks for it. */
    int (*prepare)(struct wait *wait);
    bool claimed_by_list; /* such waiters have no number (sched/waiter.h) */
};

/* Access: C constant while it is pending, L(lock) */
struct wait {
    struct waiter waiter;
    const struct wait_kind *kind; /* C NULL: not pending */
    struct lock *lock;            /* C of the object */
    void *object;                 /* C */
    void *item;                   /* C where the item is, or is to be */
    void *extra;                  /* C */
    uint32_t count;               /* C */
};

static inline struct wait *wait_of(struct waiter *waiter)
{
    return PAWL_CONTAINER_OF(waiter, struct wait, waiter);
}

/* Attempts, or queues. What is granted meanwhile is granted here. */
int pawl__wait_begin(struct wait *wait);

/* Attempts, without waiting: -EAGAIN. */
int pawl__wait_attempt(struct wait *wait);

/* Suspends a queued one until there is an outcome, 0 or an errno, or withdraws it. */
int pawl__wait_end(struct wait *wait, uint64_t deadline_ns);

/* Begins and ends it: the waiting call, after pawl__await_enter. What attempt returns goes through. */
int pawl__wait(struct wait *wait, uint64_t deadline_ns);

/* The poll form. `request` says what to wait for; it is copied at the first poll, and compared at the others. */
enum pawl_poll pawl__wait_poll(struct pawl_wait *wait, const struct wait *request, struct pawl_context *cx,
                               int *status);

/* Its parts. Is the caller polling the task of cx (else -EINVAL)? May it also begin to wait (else an errno)? Has it
 * also not had its share (else POLL_LATER: it will be polled again)? */
enum { POLL_LATER = 1 };
int pawl__poll_belongs(const struct pawl_context *cx);
int pawl__poll_allowed(const struct pawl_context *cx);
int pawl__poll_enter(const struct pawl_context *cx);
/* The first poll of a wait that is not pending, the others of one that is. */
enum pawl_poll pawl__wait_poll_first(struct wait *wait, const struct wait *request, int *status);
enum pawl_poll pawl__wait_poll_again(struct wait *wait, const struct wait *request, int *status);

/* Gives a queued one up. false: its outcome is on the way, and its object is not to be touched. */
bool pawl__wait_leave(struct wait *wait);

/* Takes it off its list, if it is there; true: it was. */
bool pawl__wait_withdraw(struct wait *wait);

/* A mistake of the caller's that no errno can tell of, as the call returns none: ends a debug build, which is the only
 * one to ask for it. */
#ifdef PAWL_DEBUG
#define MISUSE_IF(condition, sentence) ((condition) ? pawl__fatal(sentence) : (void)0)
#else
#define MISUSE_IF(condition, sentence) ((void)0)
#endif

static inline struct wait *wait_private(struct pawl_wait *wait)
{
    return (struct wait *)(void *)wait;
}

static inline void wait_init_waiter(struct wait *wait, const struct wait_kind *kind)
{
    waiter_init(&wait->waiter);
    wait->waiter.number = kind->claimed_by_list ? 0 : 1;
}

/* A queue function for a list of waiters. */
static inline int wait_queue(struct wait *wait, struct list *waiters)
{
    waiters_push(waiters, &wait->waiter);
    return WAIT_QUEUED;
}

#endif
