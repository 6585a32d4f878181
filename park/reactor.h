/* Reactor: the epoll instance that the driver's holder sleeps in, and the descriptor that wakes it.
 *
 * The wake descriptor is an edge-triggered eventfd that is never read: each write is a new edge. Timeouts are in
 * nanoseconds (epoll_pwait2, Linux 5.11); where the kernel or a filter refuses it, in milliseconds, rounded up, so
 * that nobody wakes early.
 *
 * A wait of REACTOR_SPIN_NS or less is spent awake: to sleep costs more CPU than that, and wakes up later. Whoever wakes
 * the reactor meanwhile is heard when it is over.
 *
 * An alarm, if it was asked for, is a timerfd on CLOCK_BOOTTIME, since epoll's own timeout stands still while the
 * machine is suspended. It is edge-triggered too and never read: each setting is good for one edge.
 *
 * Threads: wait and set_alarm by the driver's holder only, wake by any. Blocks: wait. Errors: negative errno from init.
 */
#ifndef PAWL_PARK_REACTOR_H
#define PAWL_PARK_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

#ifndef REACTOR_SPIN_NS
#define REACTOR_SPIN_NS 8000 /* the model checker shrinks it: its clock does not move meanwhile */
#endif

struct reactor {
    int epoll_fd;
    int wake_fd;
    int alarm_fd;      /* -1: none */
    uint64_t alarm_ns; /* holder's: what it is set to; UINT64_MAX: nothing */
    bool milliseconds; /* holder's: epoll_pwait2 was refused */
};

/* -EMFILE, -ENFILE, -ENOMEM. */
int pawl__reactor_init(struct reactor *reactor);
void pawl__reactor_fini(struct reactor *reactor);

/* The same errors, and no change then. */
int pawl__reactor_open_alarm(struct reactor *reactor);

/* Has a wait return at an instant on CLOCK_BOOTTIME; UINT64_MAX: at none. */
void pawl__reactor_set_alarm(struct reactor *reactor, uint64_t instant_ns);

/* Sleeps until woken or timeout_ns have passed (0: only looks; UINT64_MAX: no timeout), or a little less for no
 * reason. */
void pawl__reactor_wait(struct reactor *reactor, uint64_t timeout_ns);

void pawl__reactor_wake(const struct reactor *reactor);

/* What reactor and understudy both need: an eventfd that does not block; negative errno. */
int pawl__wake_fd_open(void);
void pawl__wake_fd_write(int fd);

#endif
