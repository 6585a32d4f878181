/* Once: a mutex, and whether it has been done. */
#include <pawl/barrier.h>
#include <pawl/mutex.h>

#include "sync/wait.h"

/* Edge once.done: who ran fn stores (release), who asks loads (acquire): what fn wrote. */
struct once {
    struct pawl_mutex mutex; /* held while fn runs */
    PAWL_ATOMIC(uint32_t) done;
};

_Static_assert(sizeof(struct once) <= sizeof(struct pawl_once), "it fits into the public one");

static struct once *private_of(const struct pawl_once *once)
{
    return (struct once *)(uintptr_t)once;
}

static bool is_done(const struct once *once)
{
    return load_acquire_u32(&once->done) != 0; /* edge once.done */
}

/* With the mutex. */
static int run_unless_done(struct once *once, pawl_once_fn *fn, void *arg)
{
    int error = is_done(once) ? 0 : fn(arg);
    if (error > 0)
        error = 0;
    if (error == 0)
        store_release_u32(&once->done, 1); /* edge once.done */
    pawl_mutex_unlock(&once->mutex);
    return error;
}

int pawl_once_init(struct pawl_once *once)
{
    if (once == NULL)
        return -EINVAL;
    *once = (struct pawl_once)PAWL_ONCE_INITIALIZER;
    return 0;
}

int pawl_once_fini(struct pawl_once *once)
{
    return once == NULL ? -EINVAL : pawl_mutex_fini(&private_of(once)->mutex);
}

int pawl_once_call_until(struct pawl_once *public, pawl_once_fn *fn, void *arg, uint64_t deadline_ns)
{
    struct once *once = private_of(public);
    if (public == NULL || fn == NULL)
        return -EINVAL;
    if (is_done(once))
        return await_enter();
    int error = pawl_mutex_lock_until(&once->mutex, deadline_ns);
    return error != 0 ? error : run_unless_done(once, fn, arg);
}

int pawl_once_call(struct pawl_once *once, pawl_once_fn *fn, void *arg)
{
    return pawl_once_call_until(once, fn, arg, PAWL_NEVER);
}

enum pawl_poll pawl_once_call_poll(struct pawl_once *public, pawl_once_fn *fn, void *arg, struct pawl_wait *wait,
                                   struct pawl_context *cx, int *status)
{
    struct once *once = private_of(public);
    *status = -EINVAL;
    if (public == NULL || fn == NULL)
        return PAWL_READY;
    enum pawl_poll poll = pawl_mutex_lock_poll(&once->mutex, wait, cx, status);
    if (poll == PAWL_READY && *status == 0)
        *status = run_unless_done(once, fn, arg);
    return poll;
}

bool pawl_once_done(const struct pawl_once *once)
{
    return once != NULL && is_done(private_of(once));
}
