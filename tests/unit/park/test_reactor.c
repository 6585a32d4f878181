/* The reactor: woken by edges, never early, in nanoseconds or, where they are refused, in milliseconds. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/atomic.h"
#include "park/reactor.h"
#include "tests/support/valgrind.h"
#include "time/clock.h"

static struct reactor reactor;

static void init(void)
{
    cr_assert_eq(pawl__reactor_init(&reactor), 0);
}

static void fini(void)
{
    pawl__reactor_fini(&reactor);
}

TestSuite(reactor, .init = init, .fini = fini);

/* In both kinds of time-out; but valgrind (3.19) does not let the system call with nanoseconds through. */
static void in_both(void (*expect)(void))
{
    for (int milliseconds = 0; milliseconds <= 1; milliseconds++) {
        reactor.milliseconds = milliseconds;
        expect();
        cr_assert_eq(reactor.milliseconds, milliseconds || RUNNING_ON_VALGRIND, "the kernel takes nanoseconds");
    }
}

static void expect_not_early(void)
{
    static const uint64_t timeouts_ns[] = {1, 999, 50000, 999999, 1000000, 1000001, 2500000};
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof *timeouts_ns; i++) {
        uint64_t before_ns = monotonic_now_ns();
        pawl__reactor_wait(&reactor, timeouts_ns[i]);
        cr_assert_geq(monotonic_now_ns() - before_ns, timeouts_ns[i]);
    }
}

Test(reactor, never_returns_early)
{
    in_both(expect_not_early);
}

static void expect_only_look(void)
{
    for (int i = 0; i < 1000; i++)
        pawl__reactor_wait(&reactor, 0); /* returns: else the test does not end */
}

Test(reactor, only_looks_without_a_timeout_to_wait_for)
{
    in_both(expect_only_look);
}

static void expect_a_wake_to_be_kept(void)
{
    pawl__reactor_wake(&reactor);
    pawl__reactor_wait(&reactor, UINT64_MAX);
}

Test(reactor, keeps_a_wake_that_came_before_the_wait)
{
    for (int i = 0; i < 100; i++)
        in_both(expect_a_wake_to_be_kept);
}

static void expect_one_edge(void)
{
    for (int i = 0; i < 10; i++)
        pawl__reactor_wake(&reactor);
    pawl__reactor_wait(&reactor, UINT64_MAX);
    uint64_t before_ns = monotonic_now_ns();
    pawl__reactor_wait(&reactor, 3000000);
    cr_assert_geq(monotonic_now_ns() - before_ns, 3000000, "wakes that were seen do not wake again");
}

Test(reactor, takes_all_wakes_of_before_at_once_without_reading)
{
    in_both(expect_one_edge);
}

Test(reactor, is_woken_however_full_its_descriptor_is)
{
    uint64_t nearly_full = UINT64_MAX - 2;
    cr_assert_eq(write(reactor.wake_fd, &nearly_full, sizeof nearly_full), (ssize_t)sizeof nearly_full);
    for (int i = 0; i < 3; i++)
        pawl__reactor_wake(&reactor); /* the second finds the counter full: returns all the same */
    pawl__reactor_wait(&reactor, UINT64_MAX);
}

static PAWL_ATOMIC(uint32_t) waits;

enum { ROUNDS = 2000 };

static void *wait_each_round(void *arg)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        pawl__reactor_wait(&reactor, UINT64_MAX);
        store_release_u32(&waits, i);
    }
    return arg;
}

Test(reactor, is_woken_by_another_thread_again_and_again)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, wait_each_round, NULL), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        pawl__reactor_wake(&reactor);
        while (load_acquire_u32(&waits) < i) {
        }
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(reactor, has_descriptors_that_programs_it_starts_do_not_inherit)
{
    cr_assert(fcntl(reactor.epoll_fd, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(reactor.wake_fd, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(reactor.wake_fd, F_GETFL) & O_NONBLOCK);
}

static int next_descriptor(void)
{
    int fd = dup(STDERR_FILENO);
    cr_assert_geq(fd, 0);
    close(fd);
    return fd;
}

Test(reactor, says_that_descriptors_have_run_out_and_gives_them_back)
{
    struct rlimit before, limit;
    int next = next_descriptor();
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned free = 0; free < 2; free++) {
        struct reactor another;
        limit = before;
        limit.rlim_cur = (rlim_t)next + free;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        int error = pawl__reactor_init(&another);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        cr_assert_eq(error, -EMFILE);
        cr_assert_eq(next_descriptor(), next);
    }
}

/* ---- the alarm ---- */

static uint64_t boottime_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* true: it was the alarm that ended the wait, not a timeout of a fifth of a second. */
static bool rings(void)
{
    uint64_t before_ns = monotonic_now_ns();
    pawl__reactor_wait(&reactor, 200000000);
    return monotonic_now_ns() - before_ns < 200000000;
}

Test(reactor, alarm_rings_once_and_not_early)
{
    cr_assert_eq(pawl__reactor_open_alarm(&reactor), 0);
    for (uint64_t ahead_ns = 1; ahead_ns < 5000000; ahead_ns *= 10) {
        uint64_t instant_ns = boottime_ns() + ahead_ns;
        pawl__reactor_set_alarm(&reactor, instant_ns);
        pawl__reactor_wait(&reactor, UINT64_MAX);
        cr_assert_geq(boottime_ns(), instant_ns);
    }
    cr_assert_not(rings(), "though it was never read");
}

Test(reactor, alarm_is_moved_and_taken_back)
{
    cr_assert_eq(pawl__reactor_open_alarm(&reactor), 0);
    pawl__reactor_set_alarm(&reactor, boottime_ns() + 1000000);
    pawl__reactor_set_alarm(&reactor, boottime_ns() + UINT64_C(3600000000000));
    cr_assert_not(rings());
    pawl__reactor_set_alarm(&reactor, 1); /* has passed */
    pawl__reactor_wait(&reactor, UINT64_MAX);
    uint64_t instant_ns = boottime_ns() + 100000;
    pawl__reactor_set_alarm(&reactor, instant_ns);
    while (boottime_ns() < instant_ns + 1000000) {
    }
    pawl__reactor_set_alarm(&reactor, UINT64_MAX); /* it has rung, but nobody has looked */
    cr_assert_not(rings());
}
