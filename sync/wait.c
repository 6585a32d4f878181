#include "sync/wait.h"

#include "base/noise.h"
#include "sched/join.h"
#include "sched/poll.h"
#include "sched/runtime.h"

_Static_assert(sizeof(struct wait) <= sizeof(struct pawl_wait), "a wait fits into the public one");
_Static_assert(_Alignof(struct wait) <= _Alignof(struct pawl_wait), "and is aligned in it");

static int begin(struct wait *wait, bool may_queue)
{
    const struct wait_kind *kind = wait->kind;
    for (;;) {
        struct claimed claimed = {NULL, NULL};
        lock_acquire(wait->lock);
        int result = kind->attempt(wait, &claimed);
        if (result == -EAGAIN && may_queue) {
            wait_init_waiter(wait, kind);
            result = kind->queue(wait, &claimed);
        }
        lock_release(wait->lock);
        noise_point("wait.begun");
        waiters_grant(&claimed, OUTCOME_GRANTED);
        if (PAWL_LIKELY(result != WAIT_PREPARE))
            return result;
        if ((result = kind->prepare(wait)) != 0)
            return result;
    }
}

int pawl__wait_begin(struct wait *wait)
{
    return begin(wait, true);
}

int pawl__wait_attempt(struct wait *wait)
{
    return begin(wait, false);
}

bool pawl__wait_withdraw(struct wait *wait)
{
    struct claimed claimed = {NULL, NULL};
    lock_acquire(wait->lock);
    bool linked = list_linked(&wait->waiter.link);
    if (linked) {
        list_remove(&wait->waiter.link);
        if (wait->kind->withdrawn != NULL)
            wait->kind->withdrawn(wait, &claimed);
    }
    lock_release(wait->lock);
    waiters_grant(&claimed, OUTCOME_GRANTED);
    return linked;
}

bool pawl__wait_leave(struct wait *wait)
{
    if (wait->kind->claimed_by_list)
        return pawl__wait_withdraw(wait);
    if (!waiter_leave(&wait->waiter))
        return false;
    noise_point("waiter.chosen.left");
    pawl__wait_withdraw(wait); /* unless a granter, who could not claim it, has taken it off */
    if (wait->kind->left != NULL)
        wait->kind->left(wait);
    return true;
}

static int result_of(const struct wait *wait)
{
    int outcome = waiter_outcome(&wait->waiter);
    return outcome < 0 ? outcome : 0;
}

static __attribute__((noinline)) int leave_or_await(struct wait *wait, int error)
{
    if (pawl__wait_leave(wait))
        return pawl__cut_short(wait->waiter.task, error);
    pawl__waiter_wait(&wait->waiter, PAWL_NEVER, false);
    return result_of(wait);
}

int pawl__wait_end(struct wait *wait, uint64_t deadline_ns)
{
    struct pawl_task *task = wait->waiter.task;
    int error;
    if (PAWL_LIKELY(deadline_ns == PAWL_NEVER && task != NULL && task->timeout == NULL))
        error = wait_without_deadline(&wait->waiter, true);
    else if ((error = pawl__deadline_passed(task, deadline_ns)) == 0)
        error = pawl__waiter_wait(&wait->waiter, deadline_ns, true);
    noise_point("waiter.granted.ended");
    return PAWL_LIKELY(error == 0) ? result_of(wait) : leave_or_await(wait, error);
}

int pawl__wait(struct wait *wait, uint64_t deadline_ns)
{
    int result = pawl__wait_begin(wait);
    return result == WAIT_QUEUED ? pawl__wait_end(wait, deadline_ns) : result;
}

/* ---- poll forms ---- */

int pawl__poll_belongs(const struct pawl_context *cx)
{
    return cx == NULL || cx->task != current_task() ? -EINVAL : 0;
}

int pawl__poll_allowed(const struct pawl_context *cx)
{
    int error = pawl__poll_belongs(cx);
    return error != 0 ? error : pawl__interruption(cx->task);
}

int pawl__poll_enter(const struct pawl_context *cx)
{
    int error = pawl__poll_allowed(cx);
    if (error != 0)
        return error;
    struct current *current = pawl__current();
    if (current->budget->left > 1 || !pawl__worker_share_spent(current->worker)) {
        current->budget->left--;
        return 0;
    }
    pawl__task_wake(cx->task); /* whatever else it asks for in this poll is for later too */
    return POLL_LATER;
}

static enum pawl_poll ready(struct wait *wait, int *status, int result)
{
    wait->kind = NULL;
    *status = result;
    return PAWL_READY;
}

enum pawl_poll pawl__wait_poll_first(struct wait *wait, const struct wait *request, int *status)
{
    *wait = *request;
    int result = pawl__wait_begin(wait);
    return result == WAIT_QUEUED ? PAWL_PENDING : ready(wait, status, result);
}

static enum pawl_poll poll_pending(struct wait *wait, int *status)
{
    int error;
    if (waiter_outcome(&wait->waiter) != OUTCOME_NONE)
        return ready(wait, status, result_of(wait));
    if ((error = pawl__interruption(wait->waiter.task)) == 0)
        return PAWL_PENDING;
    if (pawl__wait_leave(wait))
        return ready(wait, status, error);
    pawl__waiter_await_grant(&wait->waiter);
    return ready(wait, status, result_of(wait));
}

enum pawl_poll pawl__wait_poll_again(struct wait *wait, const struct wait *request, int *status)
{
    bool same = wait->kind == request->kind && wait->object == request->object && wait->item == request->item &&
                wait->extra == request->extra && wait->count == request->count;
    if (same && wait->waiter.task == current_task())
        return poll_pending(wait, status);
    *status = -EINVAL;
    return PAWL_READY;
}

enum pawl_poll pawl__wait_poll(struct pawl_wait *public, const struct wait *request, struct pawl_context *cx,
                               int *status)
{
    struct wait *wait = wait_private(public);
    *status = -EINVAL;
    if (public == NULL)
        return PAWL_READY;
    if (wait->kind != NULL)
        return pawl__wait_poll_again(wait, request, status);
    int error = pawl__poll_enter(cx);
    if (error == POLL_LATER)
        return PAWL_PENDING;
    if ((*status = error) != 0)
        return PAWL_READY;
    return pawl__wait_poll_first(wait, request, status);
}

void pawl_wait_init(struct pawl_wait *wait)
{
    if (wait != NULL)
        *wait = (struct pawl_wait)PAWL_WAIT_INITIALIZER;
}

int pawl_wait_cancel(struct pawl_wait *public)
{
    if (public == NULL)
        return -EINVAL;
    struct wait *wait = wait_private(public);
    const struct wait_kind *kind = wait->kind;
    if (kind == NULL)
        return 0;
    bool withdrawn = pawl__wait_leave(wait);
    wait->kind = NULL;
    if (withdrawn)
        return 0;
    pawl__waiter_await_grant(&wait->waiter);
    if (result_of(wait) < 0)
        return 0;
    if (kind->pass_on == NULL)
        return -EALREADY;
    kind->pass_on(wait);
    return 0;
}
