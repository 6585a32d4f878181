/* The kernel's calls that scenarios make: descriptors, futexes, membarrier.
 *
 * Descriptors. An eventfd is a counter, a timerfd not set, set or rung, at whatever time; both are words of the model, so reading,
 * writing and waiting are events. epoll is modelled for what it is used for here: edge-triggered readiness of eventfds,
 * a word of its own that a write sets and a wait takes back. They order nothing else: POSIX does not say that they
 * do. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tools/model/posix.h"

enum { DESCRIPTOR_FIRST = 100000, DESCRIPTORS_MAX = 64 };

enum descriptor_kind { DESCRIPTOR_CLOSED, DESCRIPTOR_EVENT, DESCRIPTOR_TIMER, DESCRIPTOR_EPOLL };

struct descriptor {
    enum descriptor_kind kind;
    char word, ready; /* their addresses name locations */
    int epoll;        /* EVENT: the instance that watches it, or -1 */
};

struct posix {
    struct descriptor descriptors[DESCRIPTORS_MAX];
    unsigned count;
};

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
    if (initial != 0 || (flags & EFD_NONBLOCK) == 0 || (flags & EFD_SEMAPHORE) != 0) {
        enter();
        run_found(MODEL_CRASH, "only eventfds that start at 0, count and do not block are modelled");
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
    checker->direct = false; /* somebody may wait for it later */
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
    bool is_set_at_all = delay->it_value.tv_sec != 0 || delay->it_value.tv_nsec != 0;
    checker->direct = false;
    enter();
    ops_update(count_of(descriptor_of(fd)), MODEL_RELAXED, NULL, set_to, is_set_at_all, &site);
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
        if (!ops_queue_leave(word, site)) { /* the kernel's look and its joining are one: visited elsewhere */
            checker->running->timed = true;
            run_block(THREAD_AWAITING);
        }
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
