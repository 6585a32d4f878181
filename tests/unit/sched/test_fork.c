/* Forked children: the parent's runtimes are out of reach, a new one works, and the parent notices nothing. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tsan.h"
#include "harness.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* What the parent has when it forks. */
static struct {
    struct pawl_runtime *rt;
    struct pawl_task *sleeper;
    struct pawl_timer pending, idle;
    struct pawl_waker waker;
    uint64_t id;
    PAWL_ATOMIC(uint32_t) calls;
} parent;

static int workers = 2;

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    fetch_add_acq_rel_u32(&parent.calls, 1);
}

static void on_due(void *arg, int status)
{
    (void)arg, (void)status;
    fetch_add_acq_rel_u32(&parent.calls, 1);
}

static struct event suspended;

static void *suspend_once(void *arg)
{
    pawl_self_waker(&parent.waker);
    event_set(&suspended);
    CHECK_EQ(pawl_suspend_until(in_ns(PATIENCE_NS)), 0);
    return arg;
}

static void set_parent_up(void)
{
    parent.rt = start(workers);
    parent.sleeper = spawn(parent.rt, suspend_once, &parent);
    event_wait(&suspended);
    pawl_timer_init(&parent.pending, on_fire, NULL);
    pawl_timer_init(&parent.idle, on_fire, NULL);
    cr_assert_eq(pawl_timer_arm(parent.rt, &parent.pending, in_ns(HOUR_NS)), 0);
    cr_assert_eq(pawl_after(parent.rt, HOUR_NS, on_due, NULL, &parent.id), 0);
    cr_assert_eq(pawl_runtime_wait_idle(parent.rt, in_ns(PATIENCE_NS)), 0);
}

static void expect_parent_undisturbed(void)
{
    cr_assert_eq(load_acquire_u32(&parent.calls), 0);
    cr_assert_eq(pawl_join_until(parent.sleeper, 0, NULL), -ETIMEDOUT, "nobody woke it");
    pawl_waker_wake(&parent.waker);
    cr_assert_eq(join(parent.sleeper), &parent);
    pawl_waker_drop(&parent.waker);
    run(parent.rt, return_arg, NULL);
    cr_assert_eq(pawl_timer_state(&parent.pending), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timer_cancel(&parent.pending), 0);
    cr_assert_eq(pawl_cancel(parent.rt, parent.id), 0);
    finish(parent.rt);
    cr_assert_eq(load_acquire_u32(&parent.calls), 0);
}

/* Runs fn in a child, which reports its first failed check by its exit status. */
static void expect_in_child(void (*fn)(void))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        alarm(60);
        fn();
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status), "the child died of signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), 0, "the child's claim in line %d + 256 n is not true", WEXITSTATUS(status));
}

/* In a child: its line, the low byte of it, is the exit status. */
#define CLAIM(condition) ((condition) ? (void)0 : _exit((__LINE__ & 255) != 0 ? __LINE__ & 255 : 1))

static enum pawl_poll never_polled(struct pawl_context *cx, void *state)
{
    (void)cx;
    (void)state;
    abort();
}

static void call_the_parents_runtime(void)
{
    struct pawl_metrics metrics;
    struct pawl_task *task = NULL;
    struct pawl_task_options o;
    uint64_t id = 0;
    pawl_task_options_init(&o);
    CLAIM(pawl_spawn(parent.rt, return_arg, NULL, &task) == -EPERM);
    CLAIM(pawl_spawn_with(parent.rt, &o, return_arg, NULL, &task) == -EPERM);
    CLAIM(pawl_spawn_poll(parent.rt, never_polled, NULL, &task) == -EPERM);
    CLAIM(pawl_spawn_poll_copy(parent.rt, never_polled, &o, sizeof o, &task) == -EPERM);
    CLAIM(task == NULL);
    CLAIM(pawl_runtime_run(parent.rt, return_arg, NULL, NULL) == -EPERM);
    CLAIM(pawl_runtime_shutdown(parent.rt, 0) == -EPERM);
    CLAIM(pawl_runtime_destroy(parent.rt) == -EPERM);
    CLAIM(pawl_runtime_wait_idle(parent.rt, in_ns(PAWL_MS(10))) == -EPERM);
    CLAIM(pawl_after(parent.rt, 0, on_due, NULL, &id) == -EPERM);
    CLAIM(pawl_every(parent.rt, 1, on_due, NULL, &id) == -EPERM);
    CLAIM(pawl_cancel(parent.rt, parent.id) == -EPERM);
    CLAIM(pawl_cancel_wait(parent.rt, parent.id) == -EPERM);
    CLAIM(pawl_runtime_workers(parent.rt) == -EPERM);
    CLAIM(pawl_metrics_total(parent.rt, &metrics, sizeof metrics) == -EPERM);
    CLAIM(pawl_metrics_worker(parent.rt, 0, &metrics, sizeof metrics) == -EPERM);
}

Test(fork, puts_the_parents_runtime_out_of_reach)
{
    set_parent_up();
    expect_in_child(call_the_parents_runtime);
    expect_parent_undisturbed();
}

static void use_the_parents_timers(void)
{
    CLAIM(pawl_timer_arm(parent.rt, &parent.idle, 0) == -EPERM);
    CLAIM(pawl_timer_reset(&parent.pending, 0) == -EPERM);
    CLAIM(pawl_timer_cancel(&parent.pending) == -EPERM);
    CLAIM(pawl_timer_cancel_sync(&parent.pending) == -EPERM);
    CLAIM(pawl_timer_state(&parent.pending) == PAWL_TIMER_PENDING);
}

Test(fork, puts_the_parents_timers_out_of_reach)
{
    set_parent_up();
    expect_in_child(use_the_parents_timers);
    expect_parent_undisturbed();
}

static void use_the_parents_tasks(void)
{
    CLAIM(pawl_join_until(parent.sleeper, in_ns(PAWL_MS(10)), NULL) == -EPERM);
    CLAIM(pawl_task_cancel(parent.sleeper) == -EPERM);
    pawl_waker_wake(&parent.waker);
}

Test(fork, puts_the_parents_tasks_out_of_reach)
{
    set_parent_up();
    expect_in_child(use_the_parents_tasks);
    expect_parent_undisturbed();
}

#ifndef SANITIZED /* a sanitizer has threads of its own */
/* How often the threads of this process but the caller's have gone to sleep so far. */
static unsigned long count_sleeps(void)
{
    unsigned long sum = 0, count;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert_not_null(tasks);
    while ((entry = readdir(tasks)) != NULL) {
        char path[300], line[128];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        bool other = entry->d_name[0] != '.' && atoi(entry->d_name) != gettid();
        FILE *status = other ? fopen(path, "r") : NULL;
        while (status != NULL && fgets(line, sizeof line, status) != NULL)
            if (sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1)
                sum += count;
        if (status != NULL)
            fclose(status);
    }
    closedir(tasks);
    return sum;
}

/* When all threads have been asleep for a while. */
static unsigned long count_sleeps_at_rest(void)
{
    unsigned long before, now = count_sleeps();
    do {
        before = now;
        usleep(20000);
        now = count_sleeps();
    } while (now != before);
    return now;
}

static void wake_often(void)
{
    for (int i = 0; i < 100; i++) {
        pawl_waker_wake(&parent.waker);
        pawl_task_cancel(parent.sleeper);
        pawl_runtime_destroy(parent.rt);
    }
}

static void expect_no_wake_from_child(void)
{
    set_parent_up();
    unsigned long before = count_sleeps_at_rest();
    cr_assert_gt(before, 0);
    expect_in_child(wake_often);
    cr_assert_eq(count_sleeps_at_rest(), before, "a worker was woken");
    expect_parent_undisturbed();
}

Test(fork, keeps_the_child_from_waking_a_worker_in_the_driver)
{
    workers = 1;
    expect_no_wake_from_child();
}

Test(fork, keeps_the_child_from_waking_a_worker_that_understudies)
{
    workers = 2;
    expect_no_wake_from_child();
}
#endif

/* Ends a child with 0 by another program: a leak checker would miss what only the stacks of the parent's threads lead
 * to, which the child has not got. */
static void leave_well(void)
{
    execl("/bin/true", "true", (char *)NULL);
    _exit(2);
}

/* What a task in a child calls that could leave it for another one: there is nobody to come back from. */
static struct {
    struct pawl_channel *channel;
    struct pawl_task *ended;
} task_has;

static void wait_as_task(void)
{
    long item;
    CLAIM(pawl_channel_receive(task_has.channel, &item) == -EPERM);
    for (uint64_t until_ns = in_ns(PAWL_MS(1)); pawl_now(NULL) < until_ns;)
        CLAIM(pawl_join(pawl_task_ref(task_has.ended), NULL) == 0); /* which yields now and then */
    for (unsigned i = 0; i < 1000; i++) {
        CLAIM(pawl_channel_send(task_has.channel, &item) == -EPERM);
        CLAIM(pawl_channel_receive(task_has.channel, &item) == -EPERM);
    }
    CLAIM(pawl_sleep(0) == -EPERM);
    CLAIM(pawl_yield() == -EPERM);
    leave_well();
}

static void *belong_to_parent(void *pid)
{
    CLAIM(getpid() == *(pid_t *)pid);
    return pid;
}

static void *fork_as_task(void *unused)
{
    pid_t pid = getpid();
    (void)unused;
    long item = 1;
    CHECK_EQ(pawl_channel_create(&task_has.channel, 2, sizeof item), 0);
    CHECK_EQ(pawl_channel_send(task_has.channel, &item), 0);
    task_has.ended = spawn(NULL, return_arg, NULL);
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    struct pawl_task *next = spawn(NULL, belong_to_parent, &pid);
    expect_in_child(wait_as_task);
    join(next);
    CHECK_EQ(pawl_channel_receive(task_has.channel, &item), 0);
    CHECK_EQ(pawl_join(task_has.ended, NULL), 0);
    pawl_channel_destroy(task_has.channel);
    return NULL;
}

#ifndef PAWL_TSAN /* it does not follow a forked child from one stack to the next */
/* The parent's worker goes on in the child if the task that has forked returns there. */
static pid_t child;

static void *wait_in_turn(void *channel)
{
    long item;
    int error = pawl_channel_receive(channel, &item);
    if (child == 0 && error == -EPERM)
        leave_well();
    if (child == 0)
        _exit(1);
    CHECK_EQ(error, 0);
    return NULL;
}

static void *fork_and_return(void *channel)
{
    long item = 1;
    CHECK_EQ(pawl_channel_send(channel, &item), 0);
    CHECK_EQ(pawl_spawn(NULL, wait_in_turn, channel, NULL), 0);
    child = fork();
    return NULL;
}

Test(fork, keeps_later_tasks_in_the_child_from_waiting)
{
    int status;
    struct pawl_channel *channel;
    cr_assert_eq(pawl_channel_create(&channel, 1, sizeof(long)), 0);
    struct pawl_runtime *rt = start(1);
    run(rt, fork_and_return, channel);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    finish(rt);
    pawl_channel_destroy(channel);
}
#endif

Test(fork, keeps_a_task_in_the_child_from_waiting)
{
    struct pawl_runtime *rt = start(1);
    run(rt, fork_as_task, NULL);
    finish(rt);
}

static void *sleep_and_block(void *arg)
{
    void *result = NULL;
    return pawl_sleep(PAWL_MS(1)) == 0 && pawl_block(return_arg, arg, &result) == 0 ? result : NULL;
}

static void use_a_runtime_of_its_own(void)
{
    struct pawl_runtime *rt;
    struct pawl_options o;
    struct pawl_timer timer;
    void *result = NULL;
    int value;
    pawl_options_init(&o);
    o.workers = 2;
    store_release_u32(&parent.calls, 0);
    pawl_timer_init(&timer, on_fire, NULL);
    CLAIM(pawl_runtime_create(&rt, &o) == 0);
    CLAIM(pawl_runtime_run(rt, sleep_and_block, &value, &result) == 0);
    CLAIM(result == &value);
    CLAIM(pawl_timer_arm(rt, &timer, 0) == 0);
    uint64_t give_up_ns = in_ns(PATIENCE_NS);
    while (load_acquire_u32(&parent.calls) == 0 && pawl_now(NULL) < give_up_ns)
        usleep(100);
    CLAIM(load_acquire_u32(&parent.calls) == 1);
    CLAIM(pawl_runtime_destroy(rt) == 0);
    CLAIM(pawl_run(&o, return_arg, &value, &result) == 0);
}

Test(fork, leaves_the_child_free_to_have_its_own)
{
    set_parent_up();
    for (int i = 0; i < 5; i++)
        expect_in_child(use_a_runtime_of_its_own);
    expect_parent_undisturbed();
}

static void have_children_in_turn(void)
{
    struct pawl_runtime *rt;
    struct pawl_options o;
    int status;
    pawl_options_init(&o);
    o.workers = 1;
    CLAIM(pawl_runtime_create(&rt, &o) == 0);
    pid_t child = fork();
    if (child == 0) {
        CLAIM(pawl_spawn(rt, return_arg, NULL, NULL) == -EPERM);
        use_a_runtime_of_its_own();
        _exit(0);
    }
    CLAIM(waitpid(child, &status, 0) == child);
    CLAIM(status == 0);
    CLAIM(pawl_runtime_run(rt, return_arg, NULL, NULL) == 0);
    CLAIM(pawl_runtime_destroy(rt) == 0);
}

Test(fork, may_be_done_by_children)
{
    set_parent_up();
    expect_in_child(have_children_in_turn);
    expect_parent_undisturbed();
}

static void *spin_and_sleep(void *stop)
{
    while (!event_is_set(stop)) {
        CHECK_EQ(pawl_sleep(PAWL_US(50)), 0);
        join(spawn(NULL, return_arg, NULL));
    }
    return NULL;
}

/* AddressSanitizer (of clang 14) does not take its allocator's locks around fork: the child of a parent whose other
 * threads allocate can find them held for ever, as threads of the child's own runtime did in the sanitizer's code. */
#if defined(__SANITIZE_ADDRESS__)
#define ALLOCATOR_FORKS false
#elif defined(__has_feature)
#define ALLOCATOR_FORKS (!__has_feature(address_sanitizer))
#else
#define ALLOCATOR_FORKS true
#endif

Test(fork, of_a_busy_parent_disturbs_neither, .disabled = !ALLOCATOR_FORKS)
{
    static struct event stop;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *tasks[4];
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, spin_and_sleep, &stop);
    for (int i = 0; i < 20; i++)
        expect_in_child(use_a_runtime_of_its_own);
    event_set(&stop);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        join(tasks[i]);
    finish(rt);
}
