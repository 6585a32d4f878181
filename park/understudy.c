#define _GNU_SOURCE
#include "park/understudy.h"

#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/noise.h"
#include "park/reactor.h"

int pawl__understudy_init(struct understudy *understudy)
{
    *understudy = (struct understudy){.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (understudy->timer_fd < 0)
        return -errno;
    understudy->wake_fd = pawl__wake_fd_open();
    if (understudy->wake_fd >= 0)
        return 0;
    close(understudy->timer_fd);
    return understudy->wake_fd;
}

void pawl__understudy_fini(struct understudy *understudy)
{
    close(understudy->timer_fd);
    close(understudy->wake_fd);
}

bool pawl__understudy_try_take(struct understudy *understudy)
{
    uint32_t expected = 0;
    return cas_seq_cst_u32(&understudy->taken, &expected, 1); /* seq_cst: see pawl__park, edge park.seat */
}

void pawl__understudy_leave(struct understudy *understudy)
{
    exchange_seq_cst_u32(&understudy->taken, 0); /* seq_cst: see pawl__park, edge park.seat */
}

/* Empties a descriptor that counts; false: it was empty. */
static bool drain(int fd)
{
    uint64_t count;
    return read(fd, &count, sizeof count) == (ssize_t)sizeof count;
}

bool pawl__understudy_wait(struct understudy *understudy)
{
    struct pollfd fds[2] = {{.fd = understudy->timer_fd, .events = POLLIN}, {.fd = understudy->wake_fd, .events = POLLIN}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR && errno != EAGAIN)
        pawl__fatal("poll failed on the understudy's own descriptors");
    if (fds[1].revents != 0)
        drain(understudy->wake_fd);
    if (fds[0].revents == 0 || !drain(understudy->timer_fd))
        return false;
    noise_point("understudy.alarm.rang");
    store_seq_cst_u32(&understudy->armed, 0); /* edge understudy.alarm, understudy's step 1 */
    return true;
}

void pawl__understudy_wake(const struct understudy *understudy)
{
    pawl__wake_fd_write(understudy->wake_fd);
}

void pawl__understudy_set_alarm(struct understudy *understudy)
{
    uint32_t expected = 0;
    if (load_seq_cst_u32(&understudy->armed) != 0 || /* edge understudy.alarm, leaver's step 2 */
        !cas_seq_cst_u32(&understudy->armed, &expected, 1))
        return;
    noise_point("understudy.alarm.armed");
    struct itimerspec delay = {.it_value = {.tv_nsec = ALARM_DELAY_NS}};
    if (timerfd_settime(understudy->timer_fd, 0, &delay, NULL) != 0)
        pawl__fatal("timerfd_settime failed on the understudy's own descriptor");
}
