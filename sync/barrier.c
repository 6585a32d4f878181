#include <pawl/barrier.h>

#include "sync/wait.h"

/* Access: C constant, L(lock) */
struct barrier {
    uint32_t parties; /* C */
    struct lock lock;
    uint32_t arrived;    /* L they are the waiters */
    struct list waiters; /* L */
};

_Static_assert(sizeof(struct barrier) <= sizeof(struct pawl_barrier), "it fits into the public one");

static struct barrier *private_of(struct pawl_barrier *b)
{
    return (struct barrier *)(void *)b;
}

/* The last one lets all go. */
static int attempt(struct wait *wait, struct claimed *claimed)
{
    struct barrier *barrier = wait->object;
    if (barrier->arrived + 1 < barrier->parties)
        return -EAGAIN;
    waiters_take_all(&barrier->waiters, claimed);
    barrier->arrived = 0;
    return 1;
}

static int queue(struct wait *wait, struct claimed *claimed)
{
    struct barrier *barrier = wait->object;
    (void)claimed;
    barrier->arrived++;
    return wait_queue(wait, &barrier->waiters);
}

static void withdrawn(struct wait *wait, struct claimed *claimed)
{
    struct barrier *barrier = wait->object;
    (void)claimed;
    barrier->arrived--;
}

/* All go or none: so it must be known that nobody is leaving before the first is claimed. */
static const struct wait_kind kind = {
    .attempt = attempt, .queue = queue, .withdrawn = withdrawn, .claimed_by_list = true};

static struct wait arrival(struct barrier *barrier)
{
    return (struct wait){.kind = &kind, .lock = &barrier->lock, .object = barrier};
}

int pawl_barrier_init(struct pawl_barrier *b, uint32_t parties)
{
    if (b == NULL || parties == 0)
        return -EINVAL;
    *b = (struct pawl_barrier)PAWL_BARRIER_INITIALIZER(parties);
    return 0;
}

int pawl_barrier_fini(struct pawl_barrier *b)
{
    if (b == NULL)
        return -EINVAL;
    struct barrier *barrier = private_of(b);
    lock_acquire(&barrier->lock);
    uint32_t arrived = barrier->arrived;
    lock_release(&barrier->lock);
    return arrived == 0 ? 0 : -EBUSY;
}

static int check(const struct barrier *barrier)
{
    return barrier == NULL || barrier->parties == 0 ? -EINVAL : 0;
}

int pawl_barrier_wait_until(struct pawl_barrier *b, uint64_t deadline_ns)
{
    struct barrier *barrier = private_of(b);
    int error = check(barrier);
    if (error != 0 || (error = await_enter()) != 0)
        return error;
    struct wait wait = arrival(barrier);
    return pawl__wait(&wait, deadline_ns);
}

int pawl_barrier_wait(struct pawl_barrier *b)
{
    return pawl_barrier_wait_until(b, PAWL_NEVER);
}

enum pawl_poll pawl_barrier_wait_poll(struct pawl_barrier *b, struct pawl_wait *wait, struct pawl_context *cx,
                                      int *status)
{
    struct barrier *barrier = private_of(b);
    if ((*status = check(barrier)) != 0)
        return PAWL_READY;
    struct wait request = arrival(barrier);
    return pawl__wait_poll(wait, &request, cx, status);
}
