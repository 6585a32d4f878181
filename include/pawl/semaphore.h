/* Counting semaphore: a number of permits, taken and given back some at a time.
 *
 * Model: permits are granted in the order of asking: one that asks for many is not overtaken by those that ask for few.
 *     Closed, it grants none any more; permits may still be given back.
 * Threads, suspends, memory, errors, visible: as mutex.h; who releases need not be who acquired. */
#ifndef PAWL_SEMAPHORE_H
#define PAWL_SEMAPHORE_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_semaphore {
    uint64_t pawl_private[6];
};

#define PAWL_SEMAPHORE_MAX 0x7fffffff /* permits */

/* With so many permits, at most PAWL_SEMAPHORE_MAX, which is not checked here. Not zeroed memory. */
#define PAWL_SEMAPHORE_INITIALIZER(permits)                                                                            \
    {                                                                                                                  \
        {                                                                                                              \
            (uint64_t)(PAWL_SEMAPHORE_MAX - (permits)) << 32, (uint64_t)(PAWL_SEMAPHORE_MAX - 1) << 32                 \
        }                                                                                                              \
    }

/* -EINVAL: more than PAWL_SEMAPHORE_MAX. */
PAWL_API int pawl_semaphore_init(struct pawl_semaphore *s, uint32_t permits);

/* -EBUSY: somebody waits. */
PAWL_API int pawl_semaphore_fini(struct pawl_semaphore *s);

/* All n or none. -EINVAL: n is 0 or more than PAWL_SEMAPHORE_MAX; -EPIPE: it is closed. */
PAWL_API int pawl_semaphore_acquire(struct pawl_semaphore *s, uint32_t n);
PAWL_API int pawl_semaphore_acquire_until(struct pawl_semaphore *s, uint32_t n, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_semaphore_acquire_poll(struct pawl_semaphore *s, uint32_t n, struct pawl_wait *wait,
                                                    struct pawl_context *cx, int *status);

/* false: there are not so many, others wait, it is closed, or n is 0. */
PAWL_API bool pawl_semaphore_try_acquire(struct pawl_semaphore *s, uint32_t n);

/* Gives n permits, also such as nobody had: 0 does nothing. Beyond PAWL_SEMAPHORE_MAX in all it stays there; a debug
 * build of the library aborts. */
PAWL_API void pawl_semaphore_release(struct pawl_semaphore *s, uint32_t n);

/* Those who wait, and all that come later, get -EPIPE. Twice: nothing. */
PAWL_API void pawl_semaphore_close(struct pawl_semaphore *s);

/* As of now. */
PAWL_API uint32_t pawl_semaphore_available(const struct pawl_semaphore *s);

PAWL_END_DECLS

#endif
