/* Readers-writer lock: as many permits as there may be readers; a writer takes them all. */
#include <pawl/rwlock.h>

#include "sync/permits.h"

enum { READER = 1, WRITER = PAWL_RWLOCK_READERS_MAX };

/* Access: A any thread atomic */
struct rwlock {
    struct permits permits;
    PAWL_ATOMIC(uint64_t) writer; /* A name of who writes, 0: nobody */
};

_Static_assert(sizeof(struct rwlock) <= sizeof(struct pawl_rwlock), "it fits into the public one");

static struct rwlock *private_of(struct pawl_rwlock *l)
{
    return (struct rwlock *)(void *)l;
}

/* relaxed, here and below: who holds the lock reads what it or the former holder wrote before; who does not looks only
 * for its own name. */
static uint64_t writer_of(const struct rwlock *lock)
{
    return load_relaxed_u64(&lock->writer);
}

/* The permits have been had. */
static int hold(struct rwlock *lock, uint32_t n)
{
    if (n == WRITER)
        store_relaxed_u64(&lock->writer, pawl__current_name());
    return 0;
}

int pawl_rwlock_init(struct pawl_rwlock *l)
{
    if (l == NULL)
        return -EINVAL;
    *l = (struct pawl_rwlock)PAWL_RWLOCK_INITIALIZER;
    return 0;
}

int pawl_rwlock_fini(struct pawl_rwlock *l)
{
    if (l == NULL)
        return -EINVAL;
    return load_acquire_u64(&private_of(l)->permits.word) == 0 ? 0 : -EBUSY; /* edge permits.word */
}

static int lock_until(struct pawl_rwlock *l, uint32_t n, uint64_t deadline_ns)
{
    struct rwlock *lock = private_of(l);
    int error = l == NULL ? -EINVAL : await_enter();
    if (error != 0)
        return error;
    if (PAWL_LIKELY(permits_try(&lock->permits, n)))
        return hold(lock, n);
    if (writer_of(lock) == pawl__current_name())
        return -EDEADLK;
    error = pawl__permits_acquire(&lock->permits, n, deadline_ns);
    return error != 0 ? error : hold(lock, n);
}

static enum pawl_poll lock_poll(struct pawl_rwlock *l, uint32_t n, struct pawl_wait *wait, struct pawl_context *cx,
                                int *status)
{
    struct rwlock *lock = private_of(l);
    if (l == NULL || writer_of(lock) == pawl__current_name()) {
        *status = l == NULL ? -EINVAL : -EDEADLK;
        return PAWL_READY;
    }
    struct wait request = permits_wait(&lock->permits, n);
    enum pawl_poll poll = pawl__wait_poll(wait, &request, cx, status);
    if (poll == PAWL_READY && *status == 0)
        hold(lock, n);
    return poll;
}

static bool try_lock(struct pawl_rwlock *l, uint32_t n)
{
    return l != NULL && permits_try(&private_of(l)->permits, n) && hold(private_of(l), n) == 0;
}

int pawl_rwlock_read_until(struct pawl_rwlock *l, uint64_t deadline_ns)
{
    return lock_until(l, READER, deadline_ns);
}

int pawl_rwlock_read(struct pawl_rwlock *l)
{
    return lock_until(l, READER, PAWL_NEVER);
}

enum pawl_poll pawl_rwlock_read_poll(struct pawl_rwlock *l, struct pawl_wait *wait, struct pawl_context *cx,
                                     int *status)
{
    return lock_poll(l, READER, wait, cx, status);
}

bool pawl_rwlock_try_read(struct pawl_rwlock *l)
{
    return try_lock(l, READER);
}

int pawl_rwlock_write_until(struct pawl_rwlock *l, uint64_t deadline_ns)
{
    return lock_until(l, WRITER, deadline_ns);
}

int pawl_rwlock_write(struct pawl_rwlock *l)
{
    return lock_until(l, WRITER, PAWL_NEVER);
}

enum pawl_poll pawl_rwlock_write_poll(struct pawl_rwlock *l, struct pawl_wait *wait, struct pawl_context *cx,
                                      int *status)
{
    return lock_poll(l, WRITER, wait, cx, status);
}

bool pawl_rwlock_try_write(struct pawl_rwlock *l)
{
    return try_lock(l, WRITER);
}

void pawl_rwlock_downgrade(struct pawl_rwlock *l)
{
    if (l == NULL)
        return;
    struct rwlock *lock = private_of(l);
    MISUSE_IF(writer_of(lock) != pawl__current_name(), "pawl_rwlock_downgrade: the caller does not write");
    store_relaxed_u64(&lock->writer, 0);
    permits_release(&lock->permits, WRITER - READER);
}

void pawl_rwlock_unlock(struct pawl_rwlock *l)
{
    if (l == NULL)
        return;
    struct rwlock *lock = private_of(l);
    uint64_t writer = writer_of(lock);
    MISUSE_IF(writer != 0 && writer != pawl__current_name(), "pawl_rwlock_unlock: another one writes");
    if (writer != 0)
        store_relaxed_u64(&lock->writer, 0);
    permits_release(&lock->permits, writer != 0 ? WRITER : READER);
}
