/* The understudy's seat: one sleeper, an alarm that rings once, and a bell. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "park/understudy.h"
#include "time/clock.h"

static struct understudy understudy;

static void init(void)
{
    cr_assert_eq(pawl__understudy_init(&understudy), 0);
}

static void fini(void)
{
    pawl__understudy_fini(&understudy);
}

TestSuite(understudy, .init = init, .fini = fini);

Test(understudy, has_one_seat)
{
    for (int i = 0; i < 3; i++) {
        cr_assert(pawl__understudy_try_take(&understudy));
        cr_assert_not(pawl__understudy_try_take(&understudy));
        cr_assert_not(pawl__understudy_try_take(&understudy));
        pawl__understudy_leave(&understudy);
    }
}

/* Until the alarm has rung; somebody who wakes the seat is to be waited through. */
static void await_alarm(void)
{
    while (!pawl__understudy_wait(&understudy)) {
    }
}

Test(understudy, wakes_for_the_alarm_not_before_its_delay)
{
    for (int i = 0; i < 5; i++) {
        uint64_t before_ns = monotonic_now_ns();
        pawl__understudy_set_alarm(&understudy);
        await_alarm();
        cr_assert_geq(monotonic_now_ns() - before_ns, ALARM_DELAY_NS);
    }
}

Test(understudy, is_not_put_off_by_an_alarm_that_is_set_again)
{
    pawl__understudy_set_alarm(&understudy);
    uint64_t give_up_ns = monotonic_now_ns() + PAWL_SEC(20);
    PAWL_ATOMIC(uint32_t) *armed = &understudy.armed;
    /* set again and again for much longer than the delay: it rings all the same */
    for (uint64_t until_ns = monotonic_now_ns() + 3 * ALARM_DELAY_NS; monotonic_now_ns() < until_ns;)
        pawl__understudy_set_alarm(&understudy);
    cr_assert_eq(load_acquire_u32(armed), 1, "nobody has taken it yet");
    await_alarm();
    cr_assert_lt(monotonic_now_ns(), give_up_ns);
    cr_assert_eq(load_acquire_u32(armed), 0);
}

Test(understudy, rings_once_for_each_time_it_is_set)
{
    pawl__understudy_set_alarm(&understudy);
    await_alarm();
    pawl__understudy_wake(&understudy);
    cr_assert_not(pawl__understudy_wait(&understudy), "woken, and no alarm");
    pawl__understudy_set_alarm(&understudy);
    await_alarm();
}

Test(understudy, keeps_a_wake_that_came_before_the_wait)
{
    for (int i = 0; i < 100; i++) {
        pawl__understudy_wake(&understudy);
        pawl__understudy_wake(&understudy);
        cr_assert_not(pawl__understudy_wait(&understudy));
    }
}

Test(understudy, says_of_an_alarm_and_a_wake_together_that_the_alarm_rang)
{
    pawl__understudy_set_alarm(&understudy);
    for (uint64_t until_ns = monotonic_now_ns() + 3 * ALARM_DELAY_NS; monotonic_now_ns() < until_ns;) {
    }
    pawl__understudy_wake(&understudy);
    cr_assert(pawl__understudy_wait(&understudy));
    cr_assert_eq(load_acquire_u32(&understudy.armed), 0);
}

static PAWL_ATOMIC(uint32_t) woken;

enum { ROUNDS = 1000 };

static void *wait_each_round(void *arg)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        if (pawl__understudy_wait(&understudy))
            return NULL;
        store_release_u32(&woken, i);
    }
    return arg;
}

Test(understudy, is_woken_by_another_thread_again_and_again)
{
    pthread_t thread;
    void *result = NULL;
    cr_assert_eq(pthread_create(&thread, NULL, wait_each_round, &understudy), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        pawl__understudy_wake(&understudy);
        while (load_acquire_u32(&woken) < i) {
        }
    }
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq(result, &understudy);
}

Test(understudy, says_that_descriptors_have_run_out_and_gives_them_back)
{
    struct rlimit before, limit;
    int next = dup(STDERR_FILENO);
    close(next);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned free = 0; free < 2; free++) {
        struct understudy another;
        limit = before;
        limit.rlim_cur = (rlim_t)next + free;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        int error = pawl__understudy_init(&another);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        cr_assert_eq(error, -EMFILE);
        int again = dup(STDERR_FILENO);
        cr_assert_eq(again, next);
        close(again);
    }
}
