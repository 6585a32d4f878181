/* Task: its header, the life written in its state word, and who may wake it.
 *
 *     life         event (who)                       to           what the caller must do
 *     FREE         spawn (spawner)                   AWAKE        queue it
 *     AWAKE        begin (worker that took it)       same         resume its stack
 *     AWAKE        take notice (the task)            same         NOTIFIED was set, is not now: ask again
 *     AWAKE        suspend (worker, stack saved)     SUSPENDED    leave it alone; NOTIFIED set: AWAKE without, queue it
 *     AWAKE        yield (worker, stack saved)       same         queue it
 *     AWAKE        finish (worker, stack left)       FINISHED     wake its waiters, give up the runtime's reference
 *     SUSPENDED    wake (anyone)                     AWAKE        queue it
 *     AWAKE        wake (anyone)                     same, and NOTIFIED
 *     FINISHED     wake (anyone)                     same: inert
 *     FINISHED     last reference given up           FREE         return the header to its slab
 *
 * AWAKE is in one queue, or in the hands of one worker. Beside its life the word holds flags and the number of
 * references: one of the runtime while the task has not finished, one of each handle and waker.
 *
 * Edge task.state: every transition that changes the word is a read-modify-write (acq_rel), so each sees all before it.
 *     A waker that finds SUSPENDED sees what the task wrote before it left its stack, and hands it, with what it wrote
 *     itself, to whoever resumes the task: by the queue's edge, as begin and yield do not touch the word. What a waker
 *     wrote that finds AWAKE, the task sees when it takes notice, or at its next suspend, which finds NOTIFIED. A wake
 *     writes the word even when NOTIFIED is set already: else the suspender could miss what was written before it.
 *
 * Wakes may be spurious, as the one is that came before the task began: whoever suspends asks again for what it waited
 * for.
 *
 * Headers come from a slab and stay readable for good, so the walk that cancels everything may look at free ones. */
#ifndef PAWL_SCHED_TASK_H
#define PAWL_SCHED_TASK_H

#include <pawl/task.h>

#include "base/fifo.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/waker.h"
#include "sched/stack.h"

enum task_life { TASK_FREE, TASK_AWAKE, TASK_SUSPENDED, TASK_FINISHED };

#define TASK_LIFE_MASK UINT64_C(7)
#define TASK_NOTIFIED UINT64_C(8)     /* woken while AWAKE */
#define TASK_CANCELLED UINT64_C(16)   /* pawl_task_cancel, or the end of everything: see runtime.phase */
#define TASK_PERMIT UINT64_C(32)      /* its waker was woken; taken by pawl_suspend_until */
#define TASK_HAS_WAITERS UINT64_C(64) /* set under lock; the finisher must look */
#define TASK_UNUSUAL UINT64_C(128)    /* stackless, or in a pawl_timeout: its waiting calls ask more than others do */
#define TASK_REF UINT64_C(256)

enum { TASK_SIZE = 128, TASK_NAME_SIZE = 16, TASK_ROOM_SIZE = 16 };

/* In place of a stack: the task is stackless, for good. */
#define TASK_STACKLESS ((struct stack *)(uintptr_t)1)

/* Access: C constant while it lives, A any thread atomic, L(lock), T the task itself, Q whoever queues or runs it */
struct pawl_task {
    union { /* slab's first word when free */
        struct fifo_node link;  /* Q in the injection queue or an inbox */
        struct pawl_task *next; /* Q in a chain (sched/queue.h) */
    };
    union {
        pawl_task_fn *fn;   /* C slab's second word when free */
        pawl_poll_fn *poll; /* C of a stackless task */
    };
    PAWL_ATOMIC(uint64_t) state;  /* A */
    void *value;                  /* T argument, then result; C state of a stackless task */
    struct stack *stack;          /* Q NULL: none yet; TASK_STACKLESS */
    struct pawl_runtime *runtime; /* C not to be touched once FINISHED, unless in it */
    struct timeout *timeout;      /* T the innermost, or NULL */
    struct list waiters;          /* L struct waiter; valid if TASK_HAS_WAITERS */
    struct lock lock;             /*   a leaf; a select holds it beside those of its other cases */
    int32_t worker;               /* C the only one that may run it, -1: any */
    uint32_t shields;             /* T */
    bool running;                 /* Q begun; only where PAWL_DEBUG checks it */
    char name[TASK_NAME_SIZE];    /* C */
    union task_room {             /* of a stackless task whose state is: */
        _Alignas(max_align_t) unsigned char copy[TASK_ROOM_SIZE]; /* T a copy that fits in here */
        size_t copy_size;                                         /* C a copy elsewhere; 0: the caller's */
    } room;
};

_Static_assert(sizeof(struct pawl_task) == TASK_SIZE, "a task header is two cache lines");

static inline bool task_is_stackless(const struct pawl_task *task)
{
    return task->stack == TASK_STACKLESS;
}

/* Is there something on its stack to go on with? */
static inline bool task_has_run(const struct pawl_task *task)
{
    return (uintptr_t)task->stack > (uintptr_t)TASK_STACKLESS && task->stack->context.suspended != NULL;
}

static inline enum task_life task_life(const struct pawl_task *task)
{
    /* edge task.state, acquire: who sees FINISHED sees the result */
    return (enum task_life)(load_acquire_u64(&task->state) & TASK_LIFE_MASK);
}

/* A task that was queued twice would begin twice. */
static inline void task_set_running(struct pawl_task *task, bool running)
{
#ifdef PAWL_DEBUG
    PAWL_ASSERT((load_relaxed_u64(&task->state) & TASK_LIFE_MASK) == TASK_AWAKE); /* relaxed: nobody else ends that */
    PAWL_ASSERT(task->running != running);
    task->running = running;
#else
    (void)task;
    (void)running;
#endif
}

static inline void task_begin(struct pawl_task *task)
{
    task_set_running(task, true);
}

/* Was it woken since it last asked? Then it need not suspend, only ask again. */
static inline bool task_take_notice(struct pawl_task *task)
{
    if ((load_relaxed_u64(&task->state) & TASK_NOTIFIED) == 0) /* relaxed: a look; suspend does not miss it */
        return false;
    fetch_and_acq_rel_u64(&task->state, ~TASK_NOTIFIED); /* edge task.state */
    return true;
}

/* AWAKE -> SUSPENDED; or, if it was woken meanwhile, not: true, queue it. */
static inline bool task_suspend(struct pawl_task *task)
{
    task_set_running(task, false);
    uint64_t state = load_relaxed_u64(&task->state), next; /* relaxed: the compare-and-swap decides, here and below */
    do {
        bool notified = (state & TASK_NOTIFIED) != 0;
        next = (state & ~(TASK_LIFE_MASK | TASK_NOTIFIED)) | (notified ? TASK_AWAKE : TASK_SUSPENDED);
    } while (!cas_acq_rel_relaxed_u64(&task->state, &state, next));
    return (next & TASK_LIFE_MASK) == TASK_AWAKE;
}

/* Queue it. */
static inline void task_yield(struct pawl_task *task)
{
    task_set_running(task, false);
}

/* Wakes, and sets `flags` in the same step. true: SUSPENDED -> AWAKE, queue it. */
static inline bool task_mark_woken(struct pawl_task *task, uint64_t flags)
{
    uint64_t state = load_relaxed_u64(&task->state), next;
    do {
        switch (state & TASK_LIFE_MASK) {
        case TASK_SUSPENDED:
            next = (state & ~TASK_LIFE_MASK) | TASK_AWAKE | flags;
            break;
        case TASK_AWAKE:
            next = state | TASK_NOTIFIED | flags;
            break;
        default:
            return false;
        }
    } while (!cas_acq_rel_relaxed_u64(&task->state, &state, next));
    return (state & TASK_LIFE_MASK) == TASK_SUSPENDED;
}

static inline void task_ref(struct pawl_task *task)
{
    fetch_add_relaxed_u64(&task->state, TASK_REF); /* relaxed: the caller has a reference already */
}

/* Neither cancelled nor unusual. */
static inline bool task_is_usual(const struct pawl_task *task)
{
    return (load_acquire_u64(&task->state) & (TASK_CANCELLED | TASK_UNUSUAL)) == 0; /* edge task.state */
}

static inline bool task_is_cancelled(const struct pawl_task *task)
{
    return (load_acquire_u64(&task->state) & TASK_CANCELLED) != 0; /* edge task.state */
}

#endif
