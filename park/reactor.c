#define _GNU_SOURCE
#include "park/reactor.h"

#include <errno.h>
#include <limits.h>
#include <linux/time_types.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

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

int pawl__reactor_init(struct reactor *reactor)
{
    int error;
    *reactor = (struct reactor){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    if (reactor->epoll_fd < 0)
        return -errno;
    reactor->wake_fd = pawl__wake_fd_open();
    if (reactor->wake_fd < 0) {
        error = reactor->wake_fd;
        goto close_epoll;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    if (epoll_ctl(reactor->epoll_fd, EPOLL_CTL_ADD, reactor->wake_fd, &event) == 0)
        return 0;
    error = -errno;
    close(reactor->wake_fd);
close_epoll:
    close(reactor->epoll_fd);
    return error;
}

void pawl__reactor_fini(struct reactor *reactor)
{
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

void pawl__reactor_wait(struct reactor *reactor, uint64_t timeout_ns)
{
    struct epoll_event events[EVENTS_MAX];
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
