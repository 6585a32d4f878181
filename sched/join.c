#include "sched/join.h"

#include <errno.h>

#include "base/noise.h"
#include "base/rcu.h"
#include "sched/poll.h"
#include "sched/runtime.h"
#include "sched/sleep.h"

/* ---- references ---- */

static void free_header(struct pawl_task *task)
{
    struct slab *slab = pawl__slab_of(task);
    struct current *current = pawl__current();
    if (PAWL_UNLIKELY(task_is_stackless(task)))
        pawl__poll_free_copy(task);
    /* whoever walks over all headers passes it by, and reads nothing more of it; the next life's spawn overwrites it */
    store_release_u64(&task->state, TASK_FREE);
    if (current != NULL && current->worker != NULL && current->runtime->tasks == slab)
        slab_free(slab, &current->worker->tasks, task);
    else
        pawl__slab_free_shared(task);
}

void pawl__task_unref(struct pawl_task *task)
{
    /* edge task.refs: each release is seen by the acquire of the last one, which frees */
    if (fetch_add_acq_rel_u64(&task->state, -TASK_REF) / TASK_REF == 1)
        free_header(task);
}

/* ---- waking ---- */

/* By a worker of the task's runtime, which therefore lives. */
static inline __attribute__((always_inline)) void wake_as_worker(struct pawl_runtime *rt, struct worker *worker,
                                                                 struct pawl_task *task, uint64_t flags)
{
    if (runtime_usable(rt) == 0 && task_mark_woken(task, flags))
        pawl__schedule(rt, worker, task);
}

static void wake(struct pawl_task *task, uint64_t flags)
{
    struct pawl_runtime *rt = task->runtime; /* not to be touched before we know that it lives */
    struct worker *worker = current_worker_of(rt);
    if (worker != NULL) {
        wake_as_worker(rt, worker, task, flags);
        return;
    }
    /* As soon as the task is queued it may run to its end, and the runtime be destroyed while we still look for a
     * sleeper to wake. Destroying waits for this section (edge rcu.grace), and a task that is not FINISHED keeps
     * destroying from getting that far. */
    pawl__rcu_enter();
    noise_point("rcu.grace.entered");
    if (task_life(task) != TASK_FINISHED && runtime_usable(rt) == 0 && task_mark_woken(task, flags))
        pawl__schedule(rt, NULL, task);
    pawl__rcu_exit();
}

void pawl__task_wake(struct pawl_task *task)
{
    wake(task, 0);
}

void pawl__task_wake_last(void *target)
{
    pawl__task_wake(target);
    pawl__task_unref(target);
}

/* false: it has ended; a stackless task may have, with a wait pending, though it must not. */
static bool ref_unless_ended(struct pawl_task *task)
{
    uint64_t state = load_relaxed_u64(&task->state); /* relaxed: the compare-and-swap decides */
    do {
        uint64_t life = state & TASK_LIFE_MASK;
        if (life == TASK_FREE || life == TASK_FINISHED)
            return false;
    } while (!cas_acq_rel_relaxed_u64(&task->state, &state, state + TASK_REF));
    return true;
}

/* Once the outcome is stored the task may have ended, and its header be free or another's. A worker of its runtime need
 * not care: headers stay where they are as long as the runtime lives, and a wake for nothing does no harm. Others keep
 * it by a reference, taken while it still waits. */
void pawl__task_grant(struct pawl_task *task, PAWL_ATOMIC(uint32_t) *outcome, uint32_t value)
{
    struct pawl_runtime *rt = task->runtime;
    struct worker *worker = current_worker_of(rt);
    bool kept = worker == NULL && ref_unless_ended(task);
    store_release_u32(outcome, value); /* edge waiter.granted */
    noise_point("waiter.granted.stored");
    if (worker != NULL)
        wake_as_worker(rt, worker, task, 0);
    if (!kept)
        return;
    wake(task, 0);
    pawl__task_unref(task);
}

/* ---- waiters ---- */

static struct waiter *take_waiter(struct pawl_task *task)
{
    lock_acquire(&task->lock);
    struct waiter *waiter = waiters_take(&task->waiters);
    lock_release(&task->lock);
    return waiter;
}

bool pawl__task_finish(struct pawl_task *task)
{
    uint64_t state = load_relaxed_u64(&task->state), next; /* relaxed: the compare-and-swap decides */
    do {
        next = (state & ~(TASK_LIFE_MASK | TASK_NOTIFIED)) | TASK_FINISHED;
        if ((state & TASK_HAS_WAITERS) == 0)
            next -= TASK_REF; /* in the same step: nothing is left to do with it */
    } while (!cas_acq_rel_relaxed_u64(&task->state, &state, next));
    if ((state & TASK_HAS_WAITERS) == 0) {
        if (next / TASK_REF == 0)
            free_header(task);
        return false;
    }
    noise_point("task.state.finished");
    struct waiter *waiter;
    while ((waiter = take_waiter(task)) != NULL)
        pawl__waiter_grant(waiter, OUTCOME_GRANTED);
    pawl__task_unref(task);
    return true;
}

/* The flag is set under the lock, and the finisher, having seen the flag, takes the lock: so it finds the waiter. */
bool pawl__task_add_waiter_locked(struct pawl_task *task, struct waiter *waiter)
{
    uint64_t state = fetch_or_acq_rel_u64(&task->state, TASK_HAS_WAITERS); /* edge task.state */
    if ((state & TASK_LIFE_MASK) == TASK_FINISHED)
        return false;
    if ((state & TASK_HAS_WAITERS) == 0)
        list_init(&task->waiters);
    list_push_back(&task->waiters, &waiter->link);
    return true;
}

static bool add_waiter(struct pawl_task *task, struct waiter *waiter)
{
    lock_acquire(&task->lock);
    bool added = pawl__task_add_waiter_locked(task, waiter);
    lock_release(&task->lock);
    return added;
}

/* false: it has been taken off, its grant is on the way. */
static bool remove_waiter(struct pawl_task *task, struct waiter *waiter)
{
    lock_acquire(&task->lock);
    bool linked = list_linked(&waiter->link);
    if (linked)
        list_remove(&waiter->link);
    lock_release(&task->lock);
    return linked;
}

static int await_end(struct pawl_task *task, uint64_t deadline_ns)
{
    struct waiter waiter;
    waiter_init(&waiter);
    if (!add_waiter(task, &waiter))
        return 0;
    int error = pawl__waiter_wait(&waiter, deadline_ns, true);
    noise_point("waiter.granted.ended");
    if (error == 0 || remove_waiter(task, &waiter))
        return error;
    return pawl__waiter_wait(&waiter, PAWL_NEVER, false);
}

/* -EPERM: the task is the parent's, in a forked child. Its runtime stays while we look, if it has not finished. */
static int usable_or_finished(const struct pawl_task *task)
{
    pawl__rcu_enter();
    int error = task_life(task) == TASK_FINISHED ? 0 : runtime_usable(task->runtime);
    pawl__rcu_exit();
    return error;
}

int pawl__task_may_join(const struct pawl_task *task)
{
    return task == current_task() ? -EDEADLK : usable_or_finished(task);
}

void *pawl__task_take_result(struct pawl_task *task)
{
    void *result = task->value;
    pawl__task_unref(task);
    return result;
}

int pawl_join_until(struct pawl_task *task, uint64_t deadline_ns, void **result)
{
    if (task == NULL)
        return -EINVAL;
    struct current *current = pawl__current();
    struct pawl_task *self = current == NULL ? NULL : current->task;
    if (self == task || !current_may_suspend(current))
        return -EDEADLK;
    int error = self == NULL ? 0 : pawl__interruption(self);
    if (error == 0 && task_life(task) == TASK_FINISHED)
        pawl__spend_budget();
    else if (error == 0 && (error = usable_or_finished(task)) == 0)
        error = await_end(task, deadline_ns);
    if (error != 0)
        return pawl__cut_short(self, error);
    if (result != NULL)
        *result = task->value;
    pawl__task_unref(task);
    return 0;
}

int pawl_join(struct pawl_task *task, void **result)
{
    return pawl_join_until(task, PAWL_NEVER, result);
}

void pawl_detach(struct pawl_task *task)
{
    if (task != NULL)
        pawl__task_unref(task);
}

struct pawl_task *pawl_task_ref(struct pawl_task *task)
{
    if (task != NULL)
        task_ref(task);
    return task;
}

/* ---- cancellation ---- */

int pawl_task_cancel(struct pawl_task *task)
{
    if (task == NULL)
        return -EINVAL;
    int error = usable_or_finished(task);
    if (error != 0)
        return error;
    uint64_t state = load_relaxed_u64(&task->state); /* relaxed: the compare-and-swap decides */
    do {
        if ((state & TASK_LIFE_MASK) == TASK_FINISHED)
            return -EALREADY;
        if ((state & TASK_CANCELLED) != 0)
            return 0;
    } while (!cas_acq_rel_relaxed_u64(&task->state, &state, state | TASK_CANCELLED));
    pawl__task_wake(task);
    return 0;
}

/* ---- wakers ---- */

static struct pawl_task *target_of(const struct pawl_waker *waker)
{
    return waker == NULL ? NULL : (struct pawl_task *)waker->pawl_private[0];
}

static void set_target(struct pawl_waker *waker, struct pawl_task *task)
{
    *waker = (struct pawl_waker){.pawl_private = {(uintptr_t)task}};
    if (task != NULL)
        task_ref(task);
}

void pawl_self_waker(struct pawl_waker *out)
{
    if (out != NULL)
        set_target(out, current_task());
}

void pawl_waker_from(struct pawl_waker *out, struct pawl_context *cx)
{
    if (out != NULL)
        set_target(out, cx == NULL ? NULL : cx->task);
}

void pawl_waker_clone(struct pawl_waker *out, const struct pawl_waker *waker)
{
    if (out != NULL)
        set_target(out, target_of(waker));
}

void pawl_waker_wake(const struct pawl_waker *waker)
{
    struct pawl_task *task = target_of(waker);
    if (task != NULL)
        wake(task, TASK_PERMIT);
}

void pawl_waker_drop(struct pawl_waker *waker)
{
    struct pawl_task *task = target_of(waker);
    if (task == NULL)
        return;
    *waker = (struct pawl_waker){.pawl_private = {0}};
    pawl__task_unref(task);
}
