/* Mutex: one permit, and who has it. Condition variable: permits of which none is ever available. */
#include <pawl/mutex.h>

#include "base/noise.h"
#include "sync/permits.h"

/* Access: A any thread atomic */
struct mutex {
    struct permits permits;
    PAWL_ATOMIC(uint64_t) owner; /* A name of who holds it, 0: nobody, or it has not been written yet */
};

_Static_assert(sizeof(struct mutex) <= sizeof(struct pawl_mutex), "a mutex fits into the public one");
_Static_assert(sizeof(struct permits) <= sizeof(struct pawl_condition), "a condition variable fits");

static struct mutex *private_of(struct pawl_mutex *m)
{
    return (struct mutex *)(void *)m;
}

static struct permits *waiters_of(struct pawl_condition *c)
{
    return (struct permits *)(void *)c;
}

/* relaxed: whoever asks whether it is itself the owner reads what it wrote itself, or a name that is not its own. */
static bool mine(const struct mutex *mutex)
{
    return load_relaxed_u64(&mutex->owner) == pawl__current_name();
}

static int own(struct mutex *mutex)
{
    store_relaxed_u64(&mutex->owner, pawl__current_name());
    return 0;
}

int pawl_mutex_init(struct pawl_mutex *m)
{
    if (m == NULL)
        return -EINVAL;
    *m = (struct pawl_mutex)PAWL_MUTEX_INITIALIZER;
    return 0;
}

int pawl_mutex_fini(struct pawl_mutex *m)
{
    if (m == NULL)
        return -EINVAL;
    return load_acquire_u64(&private_of(m)->permits.word) == 0 ? 0 : -EBUSY; /* edge permits.word */
}

int pawl_mutex_lock_until(struct pawl_mutex *m, uint64_t deadline_ns)
{
    struct mutex *mutex = private_of(m);
    int error = m == NULL ? -EINVAL : await_enter();
    if (error != 0)
        return error;
    if (PAWL_LIKELY(permits_try(&mutex->permits, 1)))
        return own(mutex);
    if (mine(mutex))
        return -EDEADLK;
    error = pawl__permits_acquire(&mutex->permits, 1, deadline_ns);
    return error != 0 ? error : own(mutex);
}

int pawl_mutex_lock(struct pawl_mutex *m)
{
    return pawl_mutex_lock_until(m, PAWL_NEVER);
}

enum pawl_poll pawl_mutex_lock_poll(struct pawl_mutex *m, struct pawl_wait *wait, struct pawl_context *cx, int *status)
{
    struct mutex *mutex = private_of(m);
    if (m == NULL || mine(mutex)) {
        *status = m == NULL ? -EINVAL : -EDEADLK;
        return PAWL_READY;
    }
    struct wait request = permits_wait(&mutex->permits, 1);
    enum pawl_poll poll = pawl__wait_poll(wait, &request, cx, status);
    if (poll == PAWL_READY && *status == 0)
        own(mutex);
    return poll;
}

bool pawl_mutex_try_lock(struct pawl_mutex *m)
{
    if (m == NULL || !permits_try(&private_of(m)->permits, 1))
        return false;
    own(private_of(m));
    return true;
}

void pawl_mutex_unlock(struct pawl_mutex *m)
{
    struct mutex *mutex = private_of(m);
    if (m == NULL)
        return;
    MISUSE_IF(!mine(mutex), "pawl_mutex_unlock: the caller does not hold the mutex");
    store_relaxed_u64(&mutex->owner, 0); /* relaxed: see mine */
    permits_release(&mutex->permits, 1);
}

/* ---- condition variables ---- */

int pawl_condition_init(struct pawl_condition *c)
{
    if (c == NULL)
        return -EINVAL;
    *c = (struct pawl_condition)PAWL_CONDITION_INITIALIZER;
    return 0;
}

int pawl_condition_fini(struct pawl_condition *c)
{
    if (c == NULL)
        return -EINVAL;
    return permits_awaited(waiters_of(c)) ? -EBUSY : 0;
}

/* A signal that came too late for its waiter goes to the next one. */
static void pass_signal_on(struct wait *wait)
{
    if (waiter_outcome(&wait->waiter) != OUTCOME_GRANTED_TO_ALL)
        pawl__permits_tell_one(wait->object, false);
}

static const struct wait_kind signal_kind = {
    .attempt = pawl__permits_attempt,
    .queue = pawl__permits_queue,
    .withdrawn = pawl__permits_withdrawn,
    .pass_on = pass_signal_on,
};

/* Queues it. Zeroed memory has a permit, which is taken here, once. */
static void queue_for_signal(struct wait *wait)
{
    while (pawl__wait_begin(wait) != WAIT_QUEUED) {
    }
}

static struct wait wait_for_signal(struct permits *waiters)
{
    return (struct wait){.kind = &signal_kind, .lock = &waiters->lock, .object = waiters, .count = 1};
}

static void lock_again(struct mutex *mutex)
{
    if (!permits_try(&mutex->permits, 1)) {
        struct wait wait = permits_wait(&mutex->permits, 1);
        if (pawl__wait_begin(&wait) == WAIT_QUEUED)
            pawl__waiter_wait(&wait.waiter, PAWL_NEVER, false);
    }
    own(mutex);
}

int pawl_condition_wait_until(struct pawl_condition *c, struct pawl_mutex *m, uint64_t deadline_ns)
{
    if (c == NULL || m == NULL)
        return -EINVAL;
    struct mutex *mutex = private_of(m);
    int error = await_enter();
    if (error == 0 && !mine(mutex))
        error = -EPERM;
    if (error != 0)
        return error;
    struct wait wait = wait_for_signal(waiters_of(c));
    queue_for_signal(&wait);
    noise_point("condition.queued");
    pawl_mutex_unlock(m);
    error = pawl__wait_end(&wait, deadline_ns);
    lock_again(mutex);
    return error;
}

int pawl_condition_wait(struct pawl_condition *c, struct pawl_mutex *m)
{
    return pawl_condition_wait_until(c, m, PAWL_NEVER);
}

/* The second step of the poll form is for the mutex. `item` is what the first step came to: an errno or an outcome;
 * `extra` is the condition variable: a signal to one that was received and then given up goes to the next. */
static bool signalled(const struct wait *wait)
{
    return (intptr_t)wait->item == OUTCOME_GRANTED;
}

static int status_of(int came_to)
{
    return came_to < 0 ? came_to : 0;
}

static void relock_left(struct wait *wait)
{
    if (signalled(wait))
        pawl__permits_tell_one(wait->extra, false);
}

static void relock_pass_on(struct wait *wait)
{
    pawl__permits_pass_on(wait);
    relock_left(wait);
}

static const struct wait_kind relock_kind = {
    .attempt = pawl__permits_attempt,
    .queue = pawl__permits_queue,
    .withdrawn = pawl__permits_withdrawn,
    .left = relock_left,
    .pass_on = relock_pass_on,
};

static struct wait wait_to_relock(struct mutex *mutex, struct permits *waiters, int came_to)
{
    struct wait wait = permits_wait(&mutex->permits, 1);
    wait.kind = &relock_kind;
    wait.item = (void *)(intptr_t)came_to;
    wait.extra = waiters;
    return wait;
}

static enum pawl_poll poll_lock_again(struct mutex *mutex, struct wait *wait, int *status)
{
    int came_to = (int)(intptr_t)wait->item;
    struct wait request = wait_to_relock(mutex, wait->extra, came_to);
    if (pawl__wait_poll_again(wait, &request, status) == PAWL_PENDING)
        return PAWL_PENDING;
    if (*status == 0) {
        own(mutex);
        *status = status_of(came_to);
    } else if (*status != -EINVAL) {
        *status = -ENOLCK;
    }
    return PAWL_READY;
}

static enum pawl_poll poll_lock(struct mutex *mutex, struct permits *waiters, struct wait *wait, int *status)
{
    int came_to = *status != 0 ? *status : waiter_outcome(&wait->waiter);
    struct wait request = wait_to_relock(mutex, waiters, came_to);
    if (pawl__wait_poll_first(wait, &request, status) == PAWL_PENDING)
        return poll_lock_again(mutex, wait, status); /* the last poll does not wait */
    own(mutex);
    *status = status_of(came_to);
    return PAWL_READY;
}

enum pawl_poll pawl_condition_wait_poll(struct pawl_condition *c, struct pawl_mutex *m, struct pawl_wait *public,
                                        struct pawl_context *cx, int *status)
{
    *status = -EINVAL;
    if (c == NULL || m == NULL || public == NULL)
        return PAWL_READY;
    struct mutex *mutex = private_of(m);
    struct wait *wait = wait_private(public), request = wait_for_signal(waiters_of(c));
    if (wait->kind == &relock_kind)
        return poll_lock_again(mutex, wait, status);
    if (wait->kind == NULL) {
        *status = pawl__poll_allowed(cx);
        if (*status == 0 && !mine(mutex))
            *status = -EPERM;
        if (*status != 0)
            return PAWL_READY;
        *wait = request;
        queue_for_signal(wait);
        pawl_mutex_unlock(m);
        return PAWL_PENDING;
    }
    if (pawl__wait_poll_again(wait, &request, status) == PAWL_PENDING)
        return PAWL_PENDING;
    return *status == -EINVAL ? PAWL_READY : poll_lock(mutex, waiters_of(c), wait, status);
}

void pawl_condition_signal(struct pawl_condition *c)
{
    if (c != NULL)
        pawl__permits_tell_one(waiters_of(c), false);
}

void pawl_condition_broadcast(struct pawl_condition *c)
{
    if (c != NULL)
        pawl__permits_tell_all(waiters_of(c));
}
