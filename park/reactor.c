#define _GNU_SOURCE
#include "park/reactor.h"

#include <errno.h>
#include <limits.h>
#include <linux/time_types.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/backoff.h"
#include "time/clock.h"

enum { EVENTS_MAX = 128 };

int pawl__wake_fd_open(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void pawl__wake_fd_write(int fd)
{
    uint64_t one = 1;
    /* EAGAIN: the counter is full, so an edge was given already; no other error is possible */
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* Edge-triggered: it is never read. */
static int watch(const struct reactor *reactor, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    return epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int pawl__reactor_init(struct reactor *reactor)
{
    int error;
    *reactor = (struct reactor){.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .alarm_fd = -1, .alarm_ns = UINT64_MAX};
    if (reactor->epoll_fd < 0)
        return -errno;
    reactor->wake_fd = pawl__wake_fd_open();
    if (reactor->wake_fd < 0) {
        error = reactor->wake_fd;
        goto close_epoll;
    }
    if ((error = watch(reactor, reactor->wake_fd)) == 0)
        return 0;
    close(reactor->wake_fd);
close_epoll:
    close(reactor->epoll_fd);
    return error;
}

int pawl__reactor_open_alarm(struct reactor *reactor)
{
    int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    int error = fd < 0 ? -errno : watch(reactor, fd);
    if (error == 0)
        reactor->alarm_fd = fd;
    else if (fd >= 0)
        close(fd);
    return error;
}

void pawl__reactor_set_alarm(struct reactor *reactor, uint64_t instant_ns)
{
    if (instant_ns == reactor->alarm_ns)
        return;
    /* zero disarms; nobody sets an alarm for an instant that has passed */
    uint64_t ns = instant_ns == UINT64_MAX ? 0 : instant_ns;
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)}};
    if (timerfd_settime(reactor->alarm_fd, TFD_TIMER_ABSTIME, &at, NULL) != 0)
        pawl__fatal("timerfd_settime failed on the reactor's own descriptor");
    reactor->alarm_ns = instant_ns;
}

void pawl__reactor_fini(struct reactor *reactor)
{
    if (reactor->alarm_fd >= 0)
        close(reactor->alarm_fd);
    close(reactor->wake_fd);
    close(reactor->epoll_fd);
}

static int wait_nanoseconds(const struct reactor *reactor, struct epoll_event *events, uint64_t timeout_ns)
{
    struct __kernel_timespec timeout = {.tv_sec = (long long)(timeout_ns / 1000000000),
                                        .tv_nsec = (long long)(timeout_ns % 1000000000)};
    return (int)syscall(SYS_epoll_pwait2, reactor->epoll_fd, events, EVENTS_MAX,
                        timeout_ns == UINT64_MAX ? NULL : &timeout, NULL, 0);
}

static int wait_milliseconds(const struct reactor *reactor, struct epoll_event *events, uint64_t timeout_ns)
{
    uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    int timeout_ms = timeout_ns == UINT64_MAX ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
    return epoll_wait(reactor->epoll_fd, events, EVENTS_MAX, timeout_ms);
}

static void spin(uint64_t duration_ns)
{
    uint64_t until_ns = monotonic_now_ns() + duration_ns;
    while (monotonic_now_ns() < until_ns)
        cpu_relax();
}

void pawl__reactor_wait(struct reactor *reactor, uint64_t timeout_ns)
{
    struct epoll_event events[EVENTS_MAX];
    if (timeout_ns > 0 && timeout_ns <= REACTOR_SPIN_NS) {
        spin(timeout_ns);
        return;
    }
    if (!reactor->milliseconds) {
        if (wait_nanoseconds(reactor, events, timeout_ns) >= 0 || errno == EINTR)
            return;
        /* ENOSYS: an older kernel; EPERM: a system call filter */
        if (errno != ENOSYS && errno != EPERM)
            pawl__fatal("epoll_pwait2 failed on the reactor's own descriptor");
        reactor->milliseconds = true;
    }
    if (wait_milliseconds(reactor, events, timeout_ns) < 0 && errno != EINTR)
        pawl__fatal("epoll_wait failed on the reactor's own descriptor");
}

void pawl__reactor_wake(const struct reactor *reactor)
{
    pawl__wake_fd_write(reactor->wake_fd);
}
