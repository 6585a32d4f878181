/* The calls of the C library that scenarios make, as the linker's --wrap sends them here: memory, threads, mutexes,
 * condition variables, time. Outside an execution they do what they always do. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tools/model/posix.h"

void model__plain(const void *address, size_t size, bool write, const void *pc);
uint64_t model__real_now(void);

/* ---- memory ---- */

WRAP(void *, malloc, size_t size)
{
    struct model_site site = SITE("malloc");
    if (!modelled())
        return __real_malloc(size);
    enter();
    void *memory = memory_alloc(size, 16, &site);
    leave();
    return memory;
}

WRAP(void *, calloc, size_t count, size_t size)
{
    struct model_site site = SITE("calloc");
    size_t total;
    if (!modelled())
        return __real_calloc(count, size);
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    enter();
    void *memory = memory_alloc(total, 16, &site);
    if (memory != NULL)
        memset(memory, 0, total);
    leave();
    return memory;
}

WRAP(void *, aligned_alloc, size_t alignment, size_t size)
{
    struct model_site site = SITE("aligned_alloc");
    if (!modelled())
        return __real_aligned_alloc(alignment, size);
    enter();
    void *memory = memory_alloc(size, alignment, &site);
    leave();
    return memory;
}

WRAP(int, posix_memalign, void **memory, size_t alignment, size_t size)
{
    struct model_site site = SITE("posix_memalign");
    if (!modelled())
        return __real_posix_memalign(memory, alignment, size);
    enter();
    *memory = memory_alloc(size, alignment, &site);
    leave();
    return *memory == NULL ? ENOMEM : 0;
}

WRAP(void, free, void *memory)
{
    struct model_site site = SITE("free");
    if (!modelled()) {
        __real_free(memory);
        return;
    }
    if (memory == NULL)
        return;
    enter();
    memory_free(memory, &site);
    leave();
}

WRAP(char *, strdup, const char *text)
{
    char *copy = modelled() ? __wrap_malloc(strlen(text) + 1) : __real_strdup(text);
    if (modelled() && copy != NULL)
        memcpy(copy, text, strlen(text) + 1);
    return copy;
}

WRAP(void *, realloc, void *memory, size_t size)
{
    if (!modelled())
        return __real_realloc(memory, size);
    void *larger = __wrap_malloc(size);
    if (larger == NULL || memory == NULL)
        return larger;
    size_t former = memory_size(memory);
    enter();
    memcpy(larger, memory, former < size ? former : size);
    leave();
    __wrap_free(memory);
    return larger;
}

void *checker_alloc(size_t size)
{
    void *memory = __real_malloc(size > 0 ? size : 1);
    if (memory == NULL)
        abort();
    return memory;
}

void checker_free(void *memory)
{
    __real_free(memory);
}

WRAP(void *, memcpy, void *restrict to, const void *restrict from, size_t size)
{
    if (modelled()) {
        model__plain(from, size, false, PC);
        model__plain(to, size, true, PC);
    }
    return __real_memcpy(to, from, size);
}

WRAP(void *, memmove, void *to, const void *from, size_t size)
{
    if (modelled()) {
        model__plain(from, size, false, PC);
        model__plain(to, size, true, PC);
    }
    return __real_memmove(to, from, size);
}

WRAP(void *, memset, void *to, int byte, size_t size)
{
    if (modelled())
        model__plain(to, size, true, PC);
    return __real_memset(to, byte, size);
}

WRAP(void *, mmap, void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (!modelled() || fd >= 0)
        return __real_mmap(address, size, protection, flags, fd, offset);
    void *memory = memory_map(size);
    return memory == NULL ? MAP_FAILED : memory;
}

WRAP(int, munmap, void *memory, size_t size)
{
    return modelled() ? 0 : __real_munmap(memory, size);
}

WRAP(int, madvise, void *memory, size_t size, int advice)
{
    return modelled() ? 0 : __real_madvise(memory, size, advice);
}

WRAP(int, mprotect, void *memory, size_t size, int protection)
{
    return modelled() ? 0 : __real_mprotect(memory, size, protection);
}

WRAP(void, abort, void)
{
    if (modelled()) {
        enter();
        run_found(MODEL_ASSERT, "abort was called");
    }
    __real_abort();
}

/* ---- threads ---- */

static pthread_t handle_of(unsigned thread)
{
    return (pthread_t)(thread + 1);
}

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    struct model_site site = SITE("pthread_create");
    if (!modelled())
        return __real_pthread_create(thread, attributes, fn, arg);
    enter();
    *thread = handle_of(run_spawn(NULL, fn, arg, &site));
    leave();
    model__plain(thread, sizeof *thread, true, PC);
    return 0;
}

WRAP(int, pthread_join, pthread_t thread, void **result)
{
    struct model_site site = SITE("pthread_join");
    if (!modelled())
        return __real_pthread_join(thread, result);
    enter();
    void *returned = run_join((unsigned)thread - 1, &site);
    leave();
    if (result != NULL)
        *result = returned;
    return 0;
}

WRAP(pthread_t, pthread_self, void)
{
    return modelled() ? handle_of(self()) : __real_pthread_self();
}

WRAP(int, pthread_setname_np, pthread_t thread, const char *name)
{
    return modelled() ? 0 : __real_pthread_setname_np(thread, name);
}

WRAP(int, pthread_sigmask, int how, const void *set, void *former)
{
    return modelled() ? 0 : __real_pthread_sigmask(how, set, former);
}

WRAP(int, pthread_setaffinity_np, pthread_t thread, size_t size, const void *set)
{
    return modelled() ? 0 : __real_pthread_setaffinity_np(thread, size, set);
}

WRAP(int, prctl, int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return modelled() ? 0 : __real_prctl(operation, a, b, c, d);
}

WRAP(int, pthread_atfork, void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return modelled() ? 0 : __real_pthread_atfork(prepare, parent, child);
}

WRAP(int, pthread_once, pthread_once_t *once, void (*fn)(void))
{
    struct model_site site = SITE("pthread_once");
    if (!modelled())
        return __real_pthread_once(once, fn);
    if (!checker->direct) {
        enter();
        ops_lock(once, &site);
        leave();
    }
    int before = *(volatile int *)once;
    if (before == PTHREAD_ONCE_INIT) {
        *(volatile int *)once = PTHREAD_ONCE_INIT + 2;
        fn();
    }
    if (!checker->direct) {
        enter();
        ops_unlock(once, &site);
        leave();
    }
    return 0;
}

/* ---- mutexes and condition variables ---- */

WRAP(int, pthread_mutex_init, pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    return modelled() ? 0 : __real_pthread_mutex_init(mutex, attributes);
}

WRAP(int, pthread_mutex_destroy, pthread_mutex_t *mutex)
{
    return modelled() ? 0 : __real_pthread_mutex_destroy(mutex);
}

WRAP(int, pthread_mutex_lock, pthread_mutex_t *mutex)
{
    struct model_site site = SITE("pthread_mutex_lock");
    if (!modelled())
        return __real_pthread_mutex_lock(mutex);
    checker->direct = false; /* what is held now may be held when threads start */
    enter();
    ops_lock(mutex, &site);
    leave();
    return 0;
}

WRAP(int, pthread_mutex_trylock, pthread_mutex_t *mutex)
{
    struct model_site site = SITE("pthread_mutex_trylock");
    if (!modelled())
        return __real_pthread_mutex_trylock(mutex);
    checker->direct = false; /* what is held now may be held when threads start */
    enter();
    bool taken = ops_try_lock(mutex, &site);
    leave();
    return taken ? 0 : EBUSY;
}

WRAP(int, pthread_mutex_unlock, pthread_mutex_t *mutex)
{
    struct model_site site = SITE("pthread_mutex_unlock");
    if (!modelled())
        return __real_pthread_mutex_unlock(mutex);
    checker->direct = false; /* what is held now may be held when threads start */
    enter();
    ops_unlock(mutex, &site);
    leave();
    return 0;
}

WRAP(int, pthread_cond_init, pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    return modelled() ? 0 : __real_pthread_cond_init(cond, attributes);
}

WRAP(int, pthread_cond_destroy, pthread_cond_t *cond)
{
    return modelled() ? 0 : __real_pthread_cond_destroy(cond);
}

static int wait_on_cond(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns,
                        const struct model_site *site)
{
    enter();
    checker->direct = false;
    ops_queue_join(cond, site);
    ops_unlock(mutex, site);
    enum wait_end end = ops_queue_wait(cond, deadline_ns, site);
    ops_lock(mutex, site);
    leave();
    /* who has given up may still have used up a signal */
    return end == WAIT_EXPIRED || (end == WAIT_WOKEN_LATE && deadline_ns != UINT64_MAX) ? ETIMEDOUT : 0;
}

WRAP(int, pthread_cond_wait, pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    struct model_site site = SITE("pthread_cond_wait");
    return modelled() ? wait_on_cond(cond, mutex, UINT64_MAX, &site) : __real_pthread_cond_wait(cond, mutex);
}

WRAP(int, pthread_cond_timedwait, pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *deadline)
{
    struct model_site site = SITE("pthread_cond_timedwait");
    return modelled() ? wait_on_cond(cond, mutex, ns_of(deadline), &site)
                      : __real_pthread_cond_timedwait(cond, mutex, deadline);
}

WRAP(int, pthread_cond_clockwait, pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
     const struct timespec *deadline)
{
    struct model_site site = SITE("pthread_cond_clockwait");
    return modelled() ? wait_on_cond(cond, mutex, ns_of(deadline), &site)
                      : __real_pthread_cond_clockwait(cond, mutex, clock, deadline);
}

static int wake_cond(pthread_cond_t *cond, unsigned count, const struct model_site *site)
{
    if (checker->direct)
        return 0;
    enter();
    ops_queue_wake(cond, count, site);
    leave();
    return 0;
}

WRAP(int, pthread_cond_signal, pthread_cond_t *cond)
{
    struct model_site site = SITE("pthread_cond_signal");
    return modelled() ? wake_cond(cond, 1, &site) : __real_pthread_cond_signal(cond);
}

WRAP(int, pthread_cond_broadcast, pthread_cond_t *cond)
{
    struct model_site site = SITE("pthread_cond_broadcast");
    return modelled() ? wake_cond(cond, 16, &site) : __real_pthread_cond_broadcast(cond);
}

/* ---- time ---- */

WRAP(int, clock_gettime, clockid_t clock, struct timespec *t)
{
    struct model_site site = SITE("clock_gettime");
    if (!modelled())
        return __real_clock_gettime(clock, t);
    enter();
    uint64_t now = ops_now(&site);
    leave();
    *t = (struct timespec){.tv_sec = (time_t)(now / 1000000000), .tv_nsec = (long)(now % 1000000000)};
    return 0;
}

uint64_t model__real_now(void)
{
    struct timespec t;
    __real_clock_gettime(CLOCK_MONOTONIC, &t);
    return ns_of(&t);
}

/* assert() */
_Noreturn void __real___assert_fail(const char *text, const char *file, unsigned line, const char *function);
_Noreturn void __wrap___assert_fail(const char *text, const char *file, unsigned line, const char *function);
_Noreturn void __wrap___assert_fail(const char *text, const char *file, unsigned line, const char *function)
{
    if (!modelled())
        __real___assert_fail(text, file, line, function);
    enter();
    run_found(MODEL_ASSERT, "%s:%u: not true: %s", file, line, text);
}

/* ---- what is not modelled ----
 *
 * Better said than run for real, which would order nothing in the model, or block it. */

#define NOT_MODELLED(name)                                                                                             \
    WRAP(int, name, void *object)                                                                                      \
    {                                                                                                                  \
        if (modelled()) {                                                                                              \
            enter();                                                                                                   \
            char place[200];                                                                                           \
            report_pc(place, sizeof place, PC);                                                                        \
            run_found(MODEL_CRASH, #name " is not modelled (%s)", place);                                              \
        }                                                                                                              \
        return __real_##name(object);                                                                                  \
    }

NOT_MODELLED(mtx_lock)
NOT_MODELLED(pthread_barrier_wait)
NOT_MODELLED(pthread_rwlock_rdlock)
NOT_MODELLED(pthread_rwlock_wrlock)
NOT_MODELLED(pthread_spin_lock)
NOT_MODELLED(sem_post)
NOT_MODELLED(sem_wait)
