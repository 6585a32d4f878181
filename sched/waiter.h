/* Waiter: one wait of one task or plain thread for one outcome; the one mechanism under all that can be waited for.
 *
 * Whoever will grant keeps the waiter on a list of its own, under a lock of its own. It takes the waiter off and claims
 * it under that lock, and grants it, with its outcome, after it. Whoever waits and wants to give up claims it for
 * nobody; if it is too late for that, the outcome is on its way and is to be waited for, since it is written to the
 * waiter. So there is one outcome, and none is lost. A waiter that is claimed for nobody is still on the list, and takes
 * itself off; one that was claimed by somebody else does not touch what it waited for any more, which may be gone.
 *
 * A select waits with several waiters, on a list each, that share the claim and the outcome of the first of them, their
 * lead: who claims one of them has claimed all, and the number of the one is that of the choice.
 *
 * A waiter without a number is claimed by being taken off its list: who gives up takes the lock and looks. For lists that
 * outlive whoever waits on them.
 *
 * Edge waiter.chosen: claiming is a compare-and-swap (acq_rel) of the lead's word; whoever loses touches the waiters no
 *     more but to take them off lists.
 * Edge waiter.granted: grant's release pairs with the waiter's acquire: all that the granter wrote.
 *
 * Threads: init, wait, leave and poll by the one that waits; claim and grant by any, once. Blocks: wait suspends. */
#ifndef PAWL_SCHED_WAITER_H
#define PAWL_SCHED_WAITER_H

#include "base/atomic.h"
#include "base/list.h"
#include "sched/current.h"
#include "sched/join.h"

struct pawl_task;

/* What a wait came to; negative values are errnos. */
enum { OUTCOME_NONE = 0, OUTCOME_GRANTED = 1, OUTCOME_GRANTED_TO_ALL = 2 };

enum { CHOSEN_NONE = 0, CHOSEN_NOBODY = INT32_MAX /* it gave up */ };

/* Access: L under the granter's lock, C constant after init, A any thread atomic */
struct waiter {
    struct list_node link;         /* L */
    struct waiter *lead;           /* C of a select; else itself */
    struct pawl_task *task;        /* C of the lead; NULL: a plain thread */
    PAWL_ATOMIC(uint32_t) outcome; /* A of the lead */
    PAWL_ATOMIC(uint32_t) chosen;  /* A of the lead */
    uint32_t number;               /* C from 1; 0: claimed by being taken off its list */
    struct waiter *next;           /*   of who claimed it */
};

/* Waiters that are claimed, in the order in which they are to be granted. Not on any list: who waits sees that. */
struct claimed {
    struct waiter *first, *last;
};

static inline void claimed_add(struct claimed *claimed, struct waiter *waiter)
{
    waiter->next = NULL;
    if (claimed->first == NULL)
        claimed->first = waiter;
    else
        claimed->last->next = waiter;
    claimed->last = waiter;
}

/* For the caller's task or thread, alone. */
static inline void waiter_init(struct waiter *waiter)
{
    *waiter = (struct waiter){.lead = waiter, .task = current_task()};
}

/* Until it has an outcome: 0; or, if `interruptible`, cut short: -ESHUTDOWN, -ECANCELED, -ETIMEDOUT. */
int pawl__waiter_wait(struct waiter *waiter, uint64_t deadline_ns, bool interruptible);

/* For a waiter that is claimed: until the grant, without suspending. It is a matter of nanoseconds unless the granter
 * is preempted. */
void pawl__waiter_await_grant(struct waiter *waiter);

void pawl__waiter_grant_thread(struct waiter *lead, int outcome);

/* The waiter may be gone when this returns. */
static inline void pawl__waiter_grant(struct waiter *waiter, int outcome)
{
    struct waiter *lead = waiter->lead;
    struct pawl_task *task = lead->task;
    if (task == NULL)
        pawl__waiter_grant_thread(lead, outcome);
    else
        pawl__task_grant(task, &lead->outcome, (uint32_t)outcome);
}

/* For a granter, under the lock of the list that the waiter was on. false: leave it. */
static inline bool waiter_claim(struct waiter *waiter)
{
    uint32_t none = CHOSEN_NONE;
    /* relaxed when it fails: nothing is done with it then */
    return waiter->number == 0 || cas_acq_rel_relaxed_u32(&waiter->lead->chosen, &none, waiter->number);
}

/* For who waits: claims its lead for nobody. false: somebody was quicker. */
static inline bool waiter_leave(struct waiter *lead)
{
    uint32_t none = CHOSEN_NONE;
    return cas_acq_rel_relaxed_u32(&lead->chosen, &none, CHOSEN_NOBODY); /* edge waiter.chosen */
}

static inline int waiter_outcome(const struct waiter *waiter)
{
    return (int)load_acquire_u32(&waiter->outcome); /* edge waiter.granted */
}

/* ---- lists of waiters, in the order of asking; zeroed memory is an empty one ---- */

static inline bool waiters_empty(const struct list *waiters)
{
    return waiters->head.next == NULL || list_empty(waiters);
}

static inline void waiters_push(struct list *waiters, struct waiter *waiter)
{
    if (waiters->head.next == NULL)
        list_init(waiters);
    list_push_back(waiters, &waiter->link);
}

/* The first, left where it is; NULL: none. */
static inline struct waiter *waiters_first(const struct list *waiters)
{
    return waiters_empty(waiters) ? NULL : PAWL_CONTAINER_OF(waiters->head.next, struct waiter, link);
}

/* Takes off and claims the first that can be claimed; NULL: none. To be granted after the lock. */
static inline struct waiter *waiters_take(struct list *waiters)
{
    struct waiter *waiter;
    while ((waiter = waiters_first(waiters)) != NULL) {
        list_remove(&waiter->link);
        if (waiter_claim(waiter))
            return waiter;
    }
    return NULL;
}

/* Takes off and claims all that can be. */
static inline void waiters_take_all(struct list *waiters, struct claimed *claimed)
{
    struct waiter *waiter;
    while ((waiter = waiters_take(waiters)) != NULL)
        claimed_add(claimed, waiter);
}

static inline void waiters_grant(const struct claimed *claimed, int outcome)
{
    for (struct waiter *waiter = claimed->first, *next; waiter != NULL; waiter = next) {
        next = waiter->next; /* before it is gone */
        pawl__waiter_grant(waiter, outcome);
    }
}

#endif
