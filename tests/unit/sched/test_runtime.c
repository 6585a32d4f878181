/* Creating, using and asking a runtime, from outside and from inside. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* ---- options ---- */

static void expect_create_says(const struct pawl_options *o, int expected)
{
    struct pawl_runtime *untouched = (struct pawl_runtime *)(void *)&expected, *rt = untouched;
    int error = pawl_runtime_create(&rt, o);
    cr_assert_eq(error, expected, "create said %d, not %d", error, expected);
    cr_assert_eq(rt, untouched, "out is stored on success only");
}

static struct pawl_options defaults(void)
{
    struct pawl_options o;
    pawl_options_init(&o);
    return o;
}

#define EXPECT_REFUSED(field, value, error)                                                                            \
    do {                                                                                                               \
        struct pawl_options o_ = defaults();                                                                           \
        o_.field = (value);                                                                                            \
        expect_create_says(&o_, error);                                                                                \
    } while (0)

Test(runtime, create_refuses_options_out_of_range)
{
    EXPECT_REFUSED(size, 0, -EINVAL);
    EXPECT_REFUSED(size, sizeof(struct pawl_options) - 1, -EINVAL);
    EXPECT_REFUSED(workers, -2, -EINVAL);
    EXPECT_REFUSED(workers, PAWL_WORKERS_MAX + 1, -EINVAL);
    EXPECT_REFUSED(workers, 100000, -EINVAL);
    EXPECT_REFUSED(workers, INT32_MIN, -EINVAL);
    EXPECT_REFUSED(blocking_threads_max, 0, -EINVAL);
    EXPECT_REFUSED(blocking_threads_max, 65537, -EINVAL);
    EXPECT_REFUSED(tick_ns, 0, -EINVAL);
    EXPECT_REFUSED(tick_ns, PAWL_SEC(1) + 1, -EINVAL);
    EXPECT_REFUSED(tick_ns, UINT64_MAX, -EINVAL);
    EXPECT_REFUSED(timer_levels, 7, -EINVAL); /* less than two years of the default tick */
    EXPECT_REFUSED(timer_levels, 11, -EINVAL);
    EXPECT_REFUSED(timer_levels, UINT32_MAX, -EINVAL);
    EXPECT_REFUSED(stack_size, 0, -EINVAL);
    EXPECT_REFUSED(stack_size, (size_t)16 * 1024 - 1, -EINVAL);
    EXPECT_REFUSED(stack_size, (size_t)1024 * 1024 * 1024 + 1, -EINVAL);
    EXPECT_REFUSED(stack_size, SIZE_MAX, -EINVAL);
}

Test(runtime, create_has_no_runtime_without_workers_yet)
{
    EXPECT_REFUSED(workers, 0, -ENOTSUP);
}

Test(runtime, create_wants_a_place_for_the_runtime)
{
    struct pawl_options o = defaults();
    cr_assert_eq(pawl_runtime_create(NULL, NULL), -EINVAL);
    cr_assert_eq(pawl_runtime_create(NULL, &o), -EINVAL);
}

Test(runtime, takes_options_at_their_limits)
{
    static const uint64_t ticks_ns[] = {1, PAWL_SEC(1)};
    static const unsigned blocking[] = {1, 65536};
    for (size_t i = 0; i < 2; i++) {
        struct pawl_options o = defaults();
        o.workers = 1;
        o.tick_ns = ticks_ns[i];
        o.blocking_threads_max = blocking[i];
        o.stack_size = (size_t)16 * 1024;
        o.tasks_max = 1;
        o.name = NULL;
        struct pawl_runtime *rt = start_with(&o);
        run(rt, return_arg, NULL);
        finish(rt);
    }
}

Test(runtime, has_a_worker_for_each_processor_by_default)
{
    cpu_set_t set;
    cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
    struct pawl_runtime *rt = start_with(NULL);
    cr_assert_geq(pawl_runtime_workers(rt), 1);
    cr_assert_leq(pawl_runtime_workers(rt), CPU_COUNT(&set));
    finish(rt);
}

Test(runtime, has_as_many_workers_as_asked)
{
    static const int counts[] = {1, 2, 3, 65};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct pawl_runtime *rt = start(counts[i]);
        cr_assert_eq(pawl_runtime_workers(rt), counts[i]);
        finish(rt);
    }
}

/* ---- running ---- */

Test(runtime, run_gives_the_result_of_the_task)
{
    int value;
    void *result = NULL;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_runtime_run(rt, return_arg, &value, &result), 0);
    cr_assert_eq(result, &value);
    cr_assert_eq(pawl_runtime_run(rt, return_arg, &value, NULL), 0);
    finish(rt);
}

Test(runtime, pawl_run_does_it_all_at_once)
{
    int value;
    void *result = NULL;
    struct pawl_options o = defaults();
    o.workers = 1;
    cr_assert_eq(pawl_run(&o, return_arg, &value, &result), 0);
    cr_assert_eq(result, &value);
    cr_assert_eq(pawl_run(NULL, return_arg, NULL, NULL), 0);
    o.workers = 0;
    cr_assert_eq(pawl_run(&o, return_arg, &value, &result), -ENOTSUP);
    cr_assert_eq(pawl_run(NULL, NULL, NULL, NULL), -EINVAL);
}

static struct pawl_runtime *left;

static void *stay_until_told(void *arg)
{
    left = pawl_current();
    pawl_spawn(NULL, wait_for_event, arg, NULL);
    return arg;
}

Test(runtime, pawl_run_says_busy_when_a_task_never_yields_but_gives_the_result)
{
    static struct event end;
    void *result = NULL;
    struct pawl_options o = defaults();
    o.workers = 2;
    cr_assert_eq(pawl_run(&o, stay_until_told, &end, &result), -EBUSY);
    cr_assert_eq(result, &end);
    event_set(&end);
    finish(left);
}

Test(runtime, refuses_null_and_takes_null_where_it_may)
{
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_runtime_run(NULL, return_arg, NULL, NULL), -EINVAL);
    cr_assert_eq(pawl_runtime_run(rt, NULL, NULL, NULL), -EINVAL);
    cr_assert_eq(pawl_runtime_shutdown(NULL, 0), -EINVAL);
    cr_assert_eq(pawl_runtime_destroy(NULL), 0);
    cr_assert_eq(pawl_runtime_wait_idle(NULL, 0), -EINVAL);
    cr_assert_eq(pawl_runtime_workers(NULL), -EINVAL);
    finish(rt);
}

/* ---- what a runtime refuses from inside ---- */

static struct event refused;

static void expect_refused_inside(void)
{
    struct pawl_runtime *rt = pawl_current();
    void *result = NULL;
    CHECK(rt != NULL);
    CHECK_EQ(pawl_runtime_run(rt, return_arg, NULL, &result), -EDEADLK);
    CHECK_EQ(pawl_run(NULL, return_arg, NULL, &result), -EDEADLK);
    CHECK_EQ(pawl_runtime_shutdown(rt, 0), -EDEADLK);
    CHECK_EQ(pawl_runtime_destroy(rt), -EDEADLK);
    CHECK_EQ(pawl_runtime_wait_idle(rt, 0), -EDEADLK);
    CHECK_EQ(pawl_runtime_wait_idle(rt, PAWL_NEVER), -EDEADLK);
    /* the refused shutdown has not begun */
    CHECK_EQ(pawl_spawn(rt, return_arg, NULL, NULL), 0);
    event_set(&refused);
}

static void *refused_in_task(void *arg)
{
    expect_refused_inside();
    return arg;
}

static void refused_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    expect_refused_inside();
}

static void *refused_in_blocking_function(void *arg)
{
    CHECK_EQ(pawl_block(refused_in_task, NULL, NULL), 0);
    return arg;
}

Test(runtime, cannot_be_waited_for_from_its_tasks)
{
    struct pawl_runtime *rt = start(2);
    run(rt, refused_in_task, NULL);
    finish(rt);
}

Test(runtime, cannot_be_waited_for_from_its_timer_callbacks)
{
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&timer, refused_in_callback, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    event_wait(&refused);
    cr_assert_eq(pawl_timer_cancel_sync(&timer), -EALREADY);
    finish(rt);
}

Test(runtime, cannot_be_waited_for_from_its_blocking_functions)
{
    struct pawl_runtime *rt = start(2);
    run(rt, refused_in_blocking_function, NULL);
    finish(rt);
}

static void *run_other(void *other)
{
    CHECK_EQ(pawl_runtime_run(other, return_arg, NULL, NULL), -EDEADLK);
    return NULL;
}

Test(runtime, cannot_run_from_inside_another)
{
    struct pawl_runtime *rt = start(1), *other = start(1);
    run(rt, run_other, other);
    finish(other);
    finish(rt);
}

/* ---- who is calling ---- */

struct identity {
    struct pawl_runtime *runtime;
    int worker;
    struct pawl_task *task;
};

static void *identify(void *arg)
{
    struct identity *identity = arg;
    *identity = (struct identity){pawl_current(), pawl_worker_index(), pawl_self()};
    return NULL;
}

static void *identify_in_blocking_function(void *arg)
{
    CHECK_EQ(pawl_block(identify, arg, NULL), 0);
    return NULL;
}

static void identify_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    identify(arg);
    event_set(&refused);
}

Test(runtime, a_plain_thread_is_nobody)
{
    struct identity identity;
    identify(&identity);
    cr_assert_null(identity.runtime);
    cr_assert_eq(identity.worker, -1);
    cr_assert_null(identity.task);
}

Test(runtime, a_task_knows_where_it_runs)
{
    struct identity identity;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = spawn(rt, identify, &identity);
    struct pawl_task *handle = pawl_task_ref(task);
    join(task);
    cr_assert_eq(identity.runtime, rt);
    cr_assert(identity.worker == 0 || identity.worker == 1);
    cr_assert_eq(identity.task, handle);
    pawl_detach(handle);
    finish(rt);
}

Test(runtime, a_blocking_function_is_in_the_runtime_but_on_no_worker)
{
    struct identity identity;
    struct pawl_runtime *rt = start(2);
    run(rt, identify_in_blocking_function, &identity);
    cr_assert_eq(identity.runtime, rt);
    cr_assert_eq(identity.worker, -1);
    cr_assert_null(identity.task);
    finish(rt);
}

Test(runtime, a_timer_callback_is_on_a_worker_but_no_task)
{
    static struct identity identity;
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&timer, identify_in_callback, &identity);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    event_wait(&refused);
    cr_assert_eq(identity.runtime, rt);
    cr_assert_geq(identity.worker, 0);
    cr_assert_null(identity.task);
    finish(rt);
}

/* ---- threads ---- */

static void *thread_name(void *name)
{
    CHECK_EQ(pthread_getname_np(pthread_self(), name, 16), 0);
    return NULL;
}

static void expect_thread_name(const char *name, const char *expected)
{
    char got[16];
    struct pawl_options o = defaults();
    o.workers = 1;
    o.name = name;
    struct pawl_runtime *rt = start_with(&o);
    run(rt, thread_name, got);
    cr_assert_str_eq(got, expected);
    finish(rt);
}

Test(runtime, workers_bear_its_name_and_their_index)
{
    expect_thread_name("pawl", "pawl-0");
    expect_thread_name(NULL, "pawl-0");
    expect_thread_name("", "-0");
    expect_thread_name("abcdefghij", "abcdefghij-0");
}

Test(runtime, copies_its_name)
{
    char name[] = "mine", got[16];
    struct pawl_options o = defaults();
    o.workers = 1;
    o.name = name;
    struct pawl_runtime *rt = start_with(&o);
    memset(name, 'x', sizeof name - 1);
    run(rt, thread_name, got);
    cr_assert_str_eq(got, "mine-0");
    finish(rt);
}

Test(runtime, cuts_a_long_name_but_keeps_the_index)
{
    char got[16];
    struct pawl_options o = defaults();
    o.workers = 1;
    o.name = "a name much longer than the kernel takes";
    struct pawl_runtime *rt = start_with(&o);
    run(rt, thread_name, got);
    cr_assert_str_eq(got + strlen(got) - 2, "-0");
    finish(rt);
}

static void *processors(void *set)
{
    CHECK_EQ(pthread_getaffinity_np(pthread_self(), sizeof(cpu_set_t), set), 0);
    return NULL;
}

Test(runtime, pins_each_worker_to_one_processor_when_asked)
{
    cpu_set_t allowed, sets[2];
    struct pawl_options o = defaults();
    o.workers = 2;
    o.pin_workers = true;
    cr_assert_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    struct pawl_runtime *rt = start_with(&o);
    for (int i = 0; i < 2; i++) {
        struct pawl_task_options to;
        struct pawl_task *task;
        pawl_task_options_init(&to);
        to.worker = i;
        cr_assert_eq(pawl_spawn_with(rt, &to, processors, &sets[i], &task), 0);
        join(task);
        cr_assert_eq(CPU_COUNT(&sets[i]), 1);
    }
    if (CPU_COUNT(&allowed) > 1)
        cr_assert_not(CPU_EQUAL(&sets[0], &sets[1]));
    finish(rt);
}

Test(runtime, leaves_workers_where_they_may_go_by_default)
{
    cpu_set_t allowed, set;
    cr_assert_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    struct pawl_runtime *rt = start(1);
    run(rt, processors, &set);
    cr_assert(CPU_EQUAL(&allowed, &set));
    finish(rt);
}

static void *signal_mask(void *mask)
{
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, mask), 0);
    return NULL;
}

static void *signal_mask_of_blocking_thread(void *mask)
{
    CHECK_EQ(pawl_block(signal_mask, mask, NULL), 0);
    return NULL;
}

static void expect_asynchronous_signals_blocked(const sigset_t *mask)
{
    static const int asynchronous[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < COUNT_OF(asynchronous); i++)
        cr_assert(sigismember(mask, asynchronous[i]), "signal %d", asynchronous[i]);
}

Test(runtime, its_threads_block_asynchronous_signals)
{
    sigset_t mask, before, after;
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    struct pawl_runtime *rt = start(1);
    run(rt, signal_mask, &mask);
    expect_asynchronous_signals_blocked(&mask);
    cr_assert_not(sigismember(&mask, SIGSEGV));
    cr_assert_not(sigismember(&mask, SIGFPE));
    run(rt, signal_mask_of_blocking_thread, &mask);
    expect_asynchronous_signals_blocked(&mask);
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (int signal = 1; signal < 32; signal++)
        cr_assert_eq(sigismember(&before, signal), sigismember(&after, signal), "the creator's mask is as it was");
    finish(rt);
}

/* ---- hooks ---- */

static struct {
    PAWL_ATOMIC(uint32_t) starts[2], stops[2], blocking_starts, blocking_stops, before_parks, after_parks;
} hooked;

static void on_start(void *context, int worker)
{
    CHECK(context == &hooked);
    CHECK(worker >= -1 && worker < 2);
    fetch_add_acq_rel_u32(worker < 0 ? &hooked.blocking_starts : &hooked.starts[worker], 1);
}

static void on_stop(void *context, int worker)
{
    CHECK(context == &hooked);
    CHECK(worker >= -1 && worker < 2);
    fetch_add_acq_rel_u32(worker < 0 ? &hooked.blocking_stops : &hooked.stops[worker], 1);
}

static void on_before_park(void *context, int worker)
{
    CHECK(context == &hooked);
    CHECK(worker == 0 || worker == 1);
    fetch_add_acq_rel_u32(&hooked.before_parks, 1);
}

static void on_after_park(void *context, int worker)
{
    CHECK(context == &hooked);
    CHECK(worker == 0 || worker == 1);
    fetch_add_acq_rel_u32(&hooked.after_parks, 1);
}

static void *block_once(void *arg)
{
    CHECK_EQ(pawl_block(return_arg, NULL, NULL), 0);
    return arg;
}

Test(runtime, calls_its_hooks)
{
    struct pawl_options o = defaults();
    o.workers = 2;
    o.hooks = (struct pawl_hooks){.thread_start = on_start,
                                  .thread_stop = on_stop,
                                  .before_park = on_before_park,
                                  .after_park = on_after_park,
                                  .context = &hooked};
    struct pawl_runtime *rt = start_with(&o);
    run(rt, block_once, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(load_acquire_u32(&hooked.blocking_starts), 1);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(load_acquire_u32(&hooked.starts[i]), 1);
        cr_assert_eq(load_acquire_u32(&hooked.stops[i]), 0);
    }
    cr_assert_geq(load_acquire_u32(&hooked.before_parks), 2);
    finish(rt);
    cr_assert_eq(load_acquire_u32(&hooked.blocking_stops), 1);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(load_acquire_u32(&hooked.stops[i]), 1);
    cr_assert_eq(load_acquire_u32(&hooked.before_parks), load_acquire_u32(&hooked.after_parks));
}
