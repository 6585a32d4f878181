/* Threads and descriptors that run out: said by an errno, and nothing is left behind.
 *
 * This program is linked so that the library's calls of pthread_create come here. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"
#include "sched/runtime.h"

/* ---- threads ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);

static PAWL_ATOMIC(uint32_t) threads_left = UINT32_MAX; /* so many may still be started */
static struct event *hold_failure;                      /* to be waited for before a failure is told */
static struct event failing;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    uint32_t left = load_acquire_u32(&threads_left);
    if (left == 0) {
        event_set(&failing);
        if (hold_failure != NULL)
            event_wait(hold_failure);
        return EAGAIN;
    }
    if (left != UINT32_MAX)
        fetch_add_acq_rel_u32(&threads_left, UINT32_MAX);
    return __real_pthread_create(thread, attributes, fn, arg);
}

static unsigned entries_of(const char *directory)
{
    unsigned count = 0;
    DIR *dir = opendir(directory);
    cr_assert_not_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static unsigned count_threads(void)
{
    return entries_of("/proc/self/task");
}

static unsigned count_descriptors(void)
{
    return entries_of("/proc/self/fd");
}

/* A thread that was joined may be seen in /proc for a moment. */
static void expect_threads(unsigned expected)
{
    uint64_t give_up_ns = in_ns(PATIENCE_NS);
    while (count_threads() != expected && pawl_now(NULL) < give_up_ns)
        usleep(1000);
    cr_assert_eq(count_threads(), expected);
}

static PAWL_ATOMIC(uint32_t) starts, stops;

static void on_start(void *context, int worker)
{
    (void)context, (void)worker;
    fetch_add_acq_rel_u32(&starts, 1);
}

static void on_stop(void *context, int worker)
{
    (void)context, (void)worker;
    fetch_add_acq_rel_u32(&stops, 1);
}

Test(threads, that_cannot_all_be_started_are_all_ended)
{
    static struct counting_allocator allocator;
    struct pawl_options o;
    struct pawl_runtime *untouched = (struct pawl_runtime *)(void *)&o, *rt = untouched;
    counting_options(&allocator, &o);
    o.workers = 8;
    o.hooks = (struct pawl_hooks){.thread_start = on_start, .thread_stop = on_stop};
    unsigned threads = count_threads(), descriptors = count_descriptors();
    for (uint32_t left = 0; left < 8; left++) {
        store_release_u32(&starts, 0);
        store_release_u32(&stops, 0);
        store_release_u32(&threads_left, left);
        cr_assert_eq(pawl_runtime_create(&rt, &o), -EAGAIN);
        cr_assert_eq(rt, untouched);
        cr_assert_eq(load_acquire_u32(&starts), left);
        cr_assert_eq(load_acquire_u32(&stops), left);
        cr_assert_eq(load_acquire_u64(&allocator.live), 0);
        cr_assert_eq(count_descriptors(), descriptors);
        expect_threads(threads);
    }
    store_release_u32(&threads_left, 8);
    cr_assert_eq(pawl_runtime_create(&rt, &o), 0);
    run(rt, return_arg, NULL);
    finish(rt);
    expect_threads(threads);
}

static void *block_once(void *result)
{
    return pointer_of(pawl_block(return_arg, NULL, result));
}

Test(threads, that_cannot_be_started_for_a_blocking_call_are_an_error)
{
    int value;
    void *untouched = &value;
    struct pawl_runtime *rt = start(2);
    store_release_u32(&threads_left, 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq((intptr_t)join(spawn(rt, block_once, &untouched)), -EAGAIN);
    cr_assert_eq(untouched, &value);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    store_release_u32(&threads_left, 1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq((intptr_t)join(spawn(rt, block_once, NULL)), 0, "the one thread serves all");
    finish(rt);
}

static PAWL_ATOMIC(uint32_t) in_call;

static void *wait_in_call(void *event)
{
    fetch_add_acq_rel_u32(&in_call, 1);
    return wait_for_event(event);
}

static void *block_and_wait(void *event)
{
    return pointer_of(pawl_block(wait_in_call, event, NULL));
}

Test(threads, that_cannot_be_started_leave_the_call_to_those_there_are)
{
    static struct event end;
    struct pawl_task *tasks[5];
    struct pawl_runtime *rt = start(2);
    store_release_u32(&threads_left, 2);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, block_and_wait, &end);
    count_wait(&in_call, 2);
    event_set(&end);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        cr_assert_eq((intptr_t)join(tasks[i]), 0);
    finish(rt);
}

static bool queued(struct pawl_runtime *rt, unsigned jobs)
{
    lock_acquire(&rt->blocking.lock);
    bool there = rt->blocking.queued >= jobs;
    lock_release(&rt->blocking.lock);
    return there;
}

Test(threads, that_cannot_be_started_leave_no_other_call_waiting_for_them)
{
    static struct event told;
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 2;
    o.blocking_threads_max = 1;
    struct pawl_runtime *rt = start_with(&o);
    store_release_u32(&threads_left, 0);
    hold_failure = &told;
    /* the first call starts the one thread; the second relies on it; then the start turns out to fail */
    struct pawl_task *first = spawn(rt, block_once, NULL);
    event_wait(&failing);
    struct pawl_task *second = spawn(rt, block_once, NULL);
    uint64_t give_up_ns = in_ns(PATIENCE_NS);
    while (!queued(rt, 2) && pawl_now(NULL) < give_up_ns)
        usleep(100);
    cr_assert(queued(rt, 2));
    event_set(&told);
    intptr_t error = (intptr_t)join(first);
    cr_assert(error == 0 || error == -EAGAIN);
    cr_assert_eq(pawl_join_until(second, in_ns(PAWL_SEC(5)), NULL), 0, "a call waits for a thread that will not come");
    finish(rt);
}

/* ---- descriptors ---- */

/* Leaves so many free descriptors, whichever the process was started with: the lowest free ones are all that
 * the limit admits. */
static void limit_descriptors(unsigned free)
{
    struct rlimit limit;
    int fds[64];
    cr_assert_lt(free, COUNT_OF(fds));
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned i = 0; i <= free; i++) {
        fds[i] = dup(STDERR_FILENO);
        cr_assert_geq(fds[i], 0);
    }
    limit.rlim_cur = (rlim_t)fds[free];
    for (unsigned i = 0; i <= free; i++)
        close(fds[i]);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* BOOTTIME takes one more than the others. */
static void expect_all_given_back(enum pawl_clock clock)
{
    static struct counting_allocator allocator;
    struct pawl_options o;
    struct rlimit before;
    int error = -EMFILE;
    unsigned threads = count_threads(), refused = 0;
    counting_options(&allocator, &o);
    o.clock = clock;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned free = 0; error != 0; free++) {
        struct pawl_runtime *untouched = (struct pawl_runtime *)(void *)&o, *rt = untouched;
        unsigned descriptors = count_descriptors();
        limit_descriptors(free);
        error = pawl_runtime_create(&rt, &o);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
            cr_assert_geq(fcntl(fd, F_GETFD), 0, "descriptor %d, which was not the library's, has been closed", fd);
        if (error == 0) {
            run(rt, return_arg, NULL);
            finish(rt);
        } else {
            refused++;
            cr_assert_eq(error, -EMFILE, "create said %d with %u descriptors free", error, free);
            cr_assert_eq(rt, untouched);
            expect_threads(threads);
        }
        cr_assert_eq(load_acquire_u64(&allocator.live), 0);
        cr_assert_eq(count_descriptors(), descriptors, "with %u descriptors free", free);
        cr_assert_lt(free, 32);
    }
    cr_assert_gt(refused, 0);
}

Test(descriptors, that_run_out_are_an_error_and_all_given_back)
{
    expect_all_given_back(PAWL_CLOCK_MONOTONIC);
    expect_all_given_back(PAWL_CLOCK_BOOTTIME);
}

Test(descriptors, are_not_kept_by_a_runtime_that_is_gone)
{
    unsigned descriptors = count_descriptors();
    for (int i = 0; i < 50; i++) {
        struct pawl_runtime *rt = start(2);
        run(rt, block_once, NULL);
        finish(rt);
    }
    cr_assert_eq(count_descriptors(), descriptors);
}
