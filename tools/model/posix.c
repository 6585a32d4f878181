/* The calls of the C library and the kernel that scenarios make, as the linker's --wrap sends them here. Outside an
 * execution they do what they always do.
 *
 * Descriptors. An eventfd is a counter, a timerfd a deadline (never: not set); both are words of the model, so reading,
 * writing and waiting are events. epoll is modelled for what it is used for here: edge-triggered readiness of eventfds,
 * a word of its own that a write sets and a wait takes back. They order nothing else: POSIX does not say that they do. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/time_types.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tools/model/checker.h"

#define PC __builtin_return_address(0)
#define SITE(text) {.what = text, .pc = PC}
#define WRAP(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

enum { DESCRIPTOR_FIRST = 100000, DESCRIPTORS_MAX = 64 };

enum descriptor_kind { DESCRIPTOR_CLOSED, DESCRIPTOR_EVENT, DESCRIPTOR_TIMER, DESCRIPTOR_EPOLL };

struct descriptor {
    enum descriptor_kind kind;
    char word, ready;        /* their addresses name locations */
    int epoll;               /* EVENT: the instance that watches it, or -1 */
};

struct posix {
    struct descriptor descriptors[DESCRIPTORS_MAX];
    unsigned count;
    char once;
};

void model__plain(const void *address, size_t size, bool write, const void *pc);
uint64_t model__real_now(void);

/* Is this call a scenario's? */
static bool modelled(void)
{
    return checker != NULL && checker->running != NULL && !checker->inside;
}

static void enter(void)
{
    checker->inside = true;
}

static void leave(void)
{
    checker->inside = false;
}

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
    if (checker->direct)
        return 0;
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
    if (checker->direct)
        return 0;
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
    if (checker->direct)
        return 0;
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

static uint64_t ns_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
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

/* ---- descriptors ---- */

void posix_init(void)
{
    checker->posix = checker_alloc(sizeof *checker->posix);
    posix_reset();
}

void posix_reset(void)
{
    memset(checker->posix, 0, sizeof *checker->posix);
}

static struct descriptor *descriptor_of(int fd)
{
    unsigned index = (unsigned)fd - DESCRIPTOR_FIRST;
    return index < DESCRIPTORS_MAX && checker->posix->descriptors[index].kind != DESCRIPTOR_CLOSED
               ? &checker->posix->descriptors[index]
               : NULL;
}

/* Descriptors are opened before there are threads, so their numbers need no event. */
static int descriptor_open(enum descriptor_kind kind)
{
    if (checker->posix->count == DESCRIPTORS_MAX || !checker->direct) {
        enter();
        run_found(MODEL_CRASH, "descriptors are to be opened before threads are started, at most %d", DESCRIPTORS_MAX);
    }
    checker->posix->descriptors[checker->posix->count] = (struct descriptor){.kind = kind, .epoll = -1};
    return DESCRIPTOR_FIRST + (int)checker->posix->count++;
}

WRAP(int, eventfd, unsigned initial, int flags)
{
    if (!modelled())
        return __real_eventfd(initial, flags);
    if (initial != 0 || (flags & EFD_NONBLOCK) == 0) {
        enter();
        run_found(MODEL_CRASH, "only eventfds that start at 0 and do not block are modelled");
    }
    return descriptor_open(DESCRIPTOR_EVENT);
}

WRAP(int, timerfd_create, int clock, int flags)
{
    return modelled() ? descriptor_open(DESCRIPTOR_TIMER) : __real_timerfd_create(clock, flags);
}

WRAP(int, epoll_create1, int flags)
{
    return modelled() ? descriptor_open(DESCRIPTOR_EPOLL) : __real_epoll_create1(flags);
}

WRAP(int, epoll_ctl, int epoll, int operation, int fd, struct epoll_event *event)
{
    if (!modelled())
        return __real_epoll_ctl(epoll, operation, fd, event);
    descriptor_of(fd)->epoll = epoll;
    return 0;
}

WRAP(int, close, int fd)
{
    if (!modelled() || descriptor_of(fd) == NULL)
        return __real_close(fd);
    descriptor_of(fd)->kind = DESCRIPTOR_CLOSED;
    return 0;
}

static uint32_t count_of(struct descriptor *descriptor)
{
    return ops_virtual(&descriptor->word, 8, "descriptor");
}

static uint32_t readiness_of(struct descriptor *epoll)
{
    return ops_virtual(&epoll->ready, 8, "epoll readiness");
}

static uint64_t add_to(uint64_t old, uint64_t argument)
{
    return old + argument;
}

static uint64_t set_to(uint64_t old, uint64_t argument)
{
    (void)old;
    return argument;
}

static bool is_not_zero(uint64_t value, uint64_t argument)
{
    (void)argument;
    return value != 0;
}

WRAP(ssize_t, write, int fd, const void *buffer, size_t size)
{
    struct model_site site = SITE("write to a descriptor");
    struct descriptor *descriptor = modelled() ? descriptor_of(fd) : NULL;
    if (descriptor == NULL)
        return __real_write(fd, buffer, size);
    uint64_t count;
    memcpy(&count, buffer, sizeof count);
    if (checker->direct)
        return (ssize_t)size; /* nobody waits for it yet */
    enter();
    if (descriptor->epoll >= 0)
        ops_update(readiness_of(descriptor_of(descriptor->epoll)), MODEL_RELAXED, NULL, set_to, 1, &site);
    else
        ops_update(count_of(descriptor), MODEL_RELAXED, NULL, add_to, count, &site);
    leave();
    return (ssize_t)size;
}

/* The value of the timerfd's word: 0 not set, 1 set, 2 rung. */
static bool is_rung(uint64_t value, uint64_t argument)
{
    (void)argument;
    return value == 2;
}

static bool is_set(uint64_t value, uint64_t argument)
{
    (void)argument;
    return value == 1;
}

WRAP(ssize_t, read, int fd, void *buffer, size_t size)
{
    struct model_site site = SITE("read from a descriptor");
    struct descriptor *descriptor = modelled() ? descriptor_of(fd) : NULL;
    if (descriptor == NULL)
        return __real_read(fd, buffer, size);
    enter();
    bool timer = descriptor->kind == DESCRIPTOR_TIMER;
    uint64_t count = ops_update(count_of(descriptor), MODEL_RELAXED, timer ? is_rung : is_not_zero, set_to, 0, &site);
    leave();
    if (timer ? count != 2 : count == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(buffer, &count, sizeof count);
    return sizeof count;
}

WRAP(int, timerfd_settime, int fd, int flags, const struct itimerspec *delay, struct itimerspec *former)
{
    struct model_site site = SITE("timerfd_settime");
    if (!modelled())
        return __real_timerfd_settime(fd, flags, delay, former);
    enter();
    ops_update(count_of(descriptor_of(fd)), MODEL_RELAXED, NULL, set_to, 1, &site);
    leave();
    return 0;
}

/* Waits until one of two descriptors, a timerfd and an eventfd, can be read: one execution has the event come first,
 * another has the timer set, and rings it. */
static int poll_pair(struct pollfd *fds, const struct model_site *site)
{
    uint32_t timer = count_of(descriptor_of(fds[0].fd)), event = count_of(descriptor_of(fds[1].fd));
    bool rings = ops_choose(2, false, site) == 1;
    ops_await(rings ? timer : event, MODEL_RELAXED, is_not_zero, 0, false, rings ? event : timer, site);
    if (rings)
        ops_update(timer, MODEL_RELAXED, is_set, set_to, 2, site);
    fds[0].revents = rings ? POLLIN : 0;
    fds[1].revents = rings ? 0 : POLLIN;
    return 1;
}

WRAP(int, poll, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct model_site site = SITE("poll");
    if (!modelled())
        return __real_poll(fds, count, timeout_ms);
    enter();
    if (count != 2 || timeout_ms >= 0 || descriptor_of(fds[0].fd) == NULL || descriptor_of(fds[1].fd) == NULL)
        run_found(MODEL_CRASH, "poll is modelled for a timerfd and an eventfd, in this order, without a timeout");
    int ready = poll_pair(fds, &site);
    leave();
    return ready;
}

/* Edge-triggered: takes the readiness back. Without a timeout it waits; with one it may expire. */
static int wait_epoll(int fd, const struct __kernel_timespec *timeout, const struct model_site *site)
{
    uint32_t ready = readiness_of(descriptor_of(fd));
    bool poll_only = timeout != NULL && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
    bool timed = timeout != NULL && !poll_only && ops_may_expire();
    if (poll_only || (timed && ops_choose(2, false, site) == 1)) {
        checker->running->expirations += timed;
        if (!poll_only)
            ops_now_at_least(ops_now(site) + (uint64_t)timeout->tv_sec * 1000000000 + (uint64_t)timeout->tv_nsec, site);
        return (int)ops_update(ready, MODEL_RELAXED, is_not_zero, set_to, 0, site);
    }
    ops_await(ready, MODEL_RELAXED, is_not_zero, 0, timed, ready, site);
    return (int)ops_update(ready, MODEL_RELAXED, is_not_zero, set_to, 0, site);
}

/* ---- system calls by number ---- */

static long futex_wait(const uint32_t *word, uint32_t expected, const struct timespec *deadline,
                       const struct model_site *site)
{
    checker->direct = false;
    ops_queue_join(word, site);
    uint32_t value = (uint32_t)ops_load(graph_location((uintptr_t)word, 4, "futex"), MODEL_RELAXED, site);
    if (value != expected) {
        ops_queue_leave(word, site);
        errno = EAGAIN;
        return -1;
    }
    switch (ops_queue_wait(word, deadline == NULL ? UINT64_MAX : ns_of(deadline), site)) {
    case WAIT_EXPIRED:
        errno = ETIMEDOUT;
        return -1;
    case WAIT_SPURIOUS:
        errno = EINTR;
        return -1;
    default:
        return 0;
    }
}

static long futex(const uint32_t *word, int operation, uint32_t value, const struct timespec *timeout,
                  const struct model_site *site)
{
    uint64_t now;
    switch (operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) {
    case FUTEX_WAIT: {
        struct timespec deadline = {0};
        if (timeout != NULL) { /* relative */
            now = ops_now(site) + ns_of(timeout);
            deadline = (struct timespec){.tv_sec = (time_t)(now / 1000000000), .tv_nsec = (long)(now % 1000000000)};
        }
        return futex_wait(word, value, timeout == NULL ? NULL : &deadline, site);
    }
    case FUTEX_WAIT_BITSET:
        return futex_wait(word, value, timeout, site);
    case FUTEX_WAKE:
        return checker->direct ? 0 : ops_queue_wake(word, value > 16 ? 16 : value, site);
    default:
        run_found(MODEL_CRASH, "futex operation %d is not modelled", operation);
    }
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    struct model_site site = SITE("syscall");
    va_list arguments;
    va_start(arguments, number);
    long a = va_arg(arguments, long), b = va_arg(arguments, long), c = va_arg(arguments, long),
         d = va_arg(arguments, long), e = va_arg(arguments, long), f = va_arg(arguments, long), result;
    va_end(arguments);
    if (!modelled())
        return __real_syscall(number, a, b, c, d, e, f);
    enter();
    switch (number) {
    case SYS_futex:
        result = futex((const uint32_t *)a, (int)b, (uint32_t)c, (const struct timespec *)d, &site);
        break;
    case SYS_membarrier:
        leave();
        if (a == MEMBARRIER_CMD_PRIVATE_EXPEDITED)
            model__fence(MODEL_HEAVY, site);
        enter();
        result = 0;
        break;
    case SYS_epoll_pwait2:
        result = wait_epoll((int)a, (const struct __kernel_timespec *)d, &site);
        break;
    default:
        run_found(MODEL_CRASH, "system call %ld is not modelled", number);
    }
    leave();
    return result;
}
