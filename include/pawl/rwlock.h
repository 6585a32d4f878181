/* Readers-writer lock: many readers or one writer.
 *
 * Model: granted in the order of asking, neighbouring readers together; a reader that comes after a waiting writer
 *     waits behind it, so no writer starves. For the same reason a reader must not take the lock twice.
 * Threads, suspends, memory, errors, visible: as mutex.h. */
#ifndef PAWL_RWLOCK_H
#define PAWL_RWLOCK_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_rwlock {
    uint64_t pawl_private[6];
};

#define PAWL_RWLOCK_READERS_MAX 0x3fffffff

/* Not zeroed memory. */
#define PAWL_RWLOCK_INITIALIZER                                                                                        \
    {                                                                                                                  \
        {                                                                                                              \
            0, (uint64_t)(PAWL_RWLOCK_READERS_MAX - 1) << 32                                                           \
        }                                                                                                              \
    }

PAWL_API int pawl_rwlock_init(struct pawl_rwlock *l);

/* -EBUSY: it is locked. */
PAWL_API int pawl_rwlock_fini(struct pawl_rwlock *l);

/* -EDEADLK also: the caller holds it for writing. A reader that asks again, to read or to write, may wait for ever. */
PAWL_API int pawl_rwlock_read(struct pawl_rwlock *l);
PAWL_API int pawl_rwlock_read_until(struct pawl_rwlock *l, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_rwlock_read_poll(struct pawl_rwlock *l, struct pawl_wait *wait, struct pawl_context *cx,
                                              int *status);
PAWL_API bool pawl_rwlock_try_read(struct pawl_rwlock *l);

/* -EDEADLK also: the caller holds it for writing. */
PAWL_API int pawl_rwlock_write(struct pawl_rwlock *l);
PAWL_API int pawl_rwlock_write_until(struct pawl_rwlock *l, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_rwlock_write_poll(struct pawl_rwlock *l, struct pawl_wait *wait, struct pawl_context *cx,
                                               int *status);
PAWL_API bool pawl_rwlock_try_write(struct pawl_rwlock *l);

/* The writer becomes a reader, without a moment in which another writer has it. */
PAWL_API void pawl_rwlock_downgrade(struct pawl_rwlock *l);

/* What the caller holds, be it for reading or for writing. A debug build of the library aborts if another one writes,
 * or nobody holds it; who reads is not recorded. */
PAWL_API void pawl_rwlock_unlock(struct pawl_rwlock *l);

PAWL_END_DECLS

#endif
