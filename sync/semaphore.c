/* Semaphore: permits, with the public face's checks. */
#include <pawl/semaphore.h>

#include "sync/permits.h"

_Static_assert(sizeof(struct permits) <= sizeof(struct pawl_semaphore), "permits fit into a semaphore");

static struct permits *private_of(const struct pawl_semaphore *s)
{
    return (struct permits *)(uintptr_t)s;
}

static int check(const struct pawl_semaphore *s, uint32_t n)
{
    return s == NULL || n == 0 || n > PAWL_SEMAPHORE_MAX ? -EINVAL : 0;
}

int pawl_semaphore_init(struct pawl_semaphore *s, uint32_t permits)
{
    if (s == NULL || permits > PAWL_SEMAPHORE_MAX)
        return -EINVAL;
    *s = (struct pawl_semaphore)PAWL_SEMAPHORE_INITIALIZER(permits);
    return 0;
}

int pawl_semaphore_fini(struct pawl_semaphore *s)
{
    if (s == NULL)
        return -EINVAL;
    return permits_awaited(private_of(s)) ? -EBUSY : 0;
}

int pawl_semaphore_acquire_until(struct pawl_semaphore *s, uint32_t n, uint64_t deadline_ns)
{
    int error = check(s, n);
    if (error != 0 || (error = await_enter()) != 0)
        return error;
    return permits_try(private_of(s), n) ? 0 : pawl__permits_acquire(private_of(s), n, deadline_ns);
}

int pawl_semaphore_acquire(struct pawl_semaphore *s, uint32_t n)
{
    return pawl_semaphore_acquire_until(s, n, PAWL_NEVER);
}

enum pawl_poll pawl_semaphore_acquire_poll(struct pawl_semaphore *s, uint32_t n, struct pawl_wait *wait,
                                           struct pawl_context *cx, int *status)
{
    if ((*status = check(s, n)) != 0)
        return PAWL_READY;
    struct wait request = permits_wait(private_of(s), n);
    return pawl__wait_poll(wait, &request, cx, status);
}

bool pawl_semaphore_try_acquire(struct pawl_semaphore *s, uint32_t n)
{
    return check(s, n) == 0 && permits_try(private_of(s), n);
}

void pawl_semaphore_release(struct pawl_semaphore *s, uint32_t n)
{
    if (s != NULL && n > 0)
        permits_release(private_of(s), n);
}

void pawl_semaphore_close(struct pawl_semaphore *s)
{
    if (s != NULL)
        pawl__permits_close(private_of(s));
}

uint32_t pawl_semaphore_available(const struct pawl_semaphore *s)
{
    if (s == NULL)
        return 0;
    const struct permits *permits = private_of(s);
    return permits_limit(permits) - permits_taken(load_acquire_u64(&permits->word)); /* edge permits.word */
}
