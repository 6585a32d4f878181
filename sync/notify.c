/* Notify: at most one permit, which is given without waiting. */
#include <pawl/notify.h>

#include "sync/notify.h"

_Static_assert(sizeof(struct permits) <= sizeof(struct pawl_notify), "permits fit into a notify");

static struct permits *private_of(struct pawl_notify *n)
{
    return (struct permits *)(void *)n;
}

/* Whoever was told, and does not want it, tells the next; not if all were told. */
static void pass_on(struct wait *wait)
{
    if (waiter_outcome(&wait->waiter) != OUTCOME_GRANTED_TO_ALL)
        pawl__permits_tell_one(wait->object, true);
}

static const struct wait_kind kind = {
    .attempt = pawl__permits_attempt,
    .queue = pawl__permits_queue,
    .withdrawn = pawl__permits_withdrawn,
    .pass_on = pass_on,
};

struct wait pawl__notify_wait(struct pawl_notify *n)
{
    struct permits *permits = private_of(n);
    return (struct wait){.kind = &kind, .lock = &permits->lock, .object = permits, .count = 1};
}

int pawl_notify_init(struct pawl_notify *n)
{
    if (n == NULL)
        return -EINVAL;
    *n = (struct pawl_notify)PAWL_NOTIFY_INITIALIZER;
    return 0;
}

int pawl_notify_fini(struct pawl_notify *n)
{
    if (n == NULL)
        return -EINVAL;
    return permits_awaited(private_of(n)) ? -EBUSY : 0;
}

int pawl_notify_wait_until(struct pawl_notify *n, uint64_t deadline_ns)
{
    int error = n == NULL ? -EINVAL : await_enter();
    if (error != 0 || permits_try(private_of(n), 1))
        return error;
    struct wait wait = pawl__notify_wait(n);
    return pawl__wait(&wait, deadline_ns);
}

int pawl_notify_wait(struct pawl_notify *n)
{
    return pawl_notify_wait_until(n, PAWL_NEVER);
}

enum pawl_poll pawl_notify_wait_poll(struct pawl_notify *n, struct pawl_wait *wait, struct pawl_context *cx,
                                     int *status)
{
    *status = -EINVAL;
    if (n == NULL)
        return PAWL_READY;
    struct wait request = pawl__notify_wait(n);
    return pawl__wait_poll(wait, &request, cx, status);
}

bool pawl_notify_try_wait(struct pawl_notify *n)
{
    return n != NULL && permits_try(private_of(n), 1);
}

void pawl_notify_one(struct pawl_notify *n)
{
    if (n != NULL)
        pawl__permits_tell_one(private_of(n), true);
}

void pawl_notify_all(struct pawl_notify *n)
{
    if (n != NULL)
        pawl__permits_tell_all(private_of(n));
}
