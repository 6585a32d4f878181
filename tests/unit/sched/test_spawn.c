/* Spawning: what is accepted, what is refused, and where a task runs. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static struct pawl_task_options options(void)
{
    struct pawl_task_options o;
    pawl_task_options_init(&o);
    return o;
}

/* ---- what is refused ---- */

#define EXPECT_REFUSED(rt, field, value, error)                                                                        \
    do {                                                                                                               \
        struct pawl_task_options o_ = options();                                                                       \
        struct pawl_task *untouched_ = (struct pawl_task *)(void *)&o_, *task_ = untouched_;                           \
        o_.field = (value);                                                                                            \
        cr_assert_eq(pawl_spawn_with(rt, &o_, return_arg, NULL, &task_), error);                                       \
        cr_assert_eq(task_, untouched_, "out is stored on success only");                                              \
    } while (0)

Test(spawn, refuses_options_out_of_range)
{
    struct pawl_runtime *rt = start(2);
    EXPECT_REFUSED(rt, size, 0, -EINVAL);
    EXPECT_REFUSED(rt, size, sizeof(struct pawl_task_options) - 1, -EINVAL);
    EXPECT_REFUSED(rt, worker, -2, -EINVAL);
    EXPECT_REFUSED(rt, worker, 2, -EINVAL);
    EXPECT_REFUSED(rt, worker, INT32_MAX, -EINVAL);
    EXPECT_REFUSED(rt, worker, INT32_MIN, -EINVAL);
    EXPECT_REFUSED(rt, stack_size, 1, -EINVAL);
    EXPECT_REFUSED(rt, stack_size, (size_t)16 * 1024 - 1, -EINVAL);
    EXPECT_REFUSED(rt, stack_size, (size_t)1024 * 1024 * 1024 + 1, -EINVAL);
    EXPECT_REFUSED(rt, stack_size, SIZE_MAX, -EINVAL);
    finish(rt);
}

Test(spawn, refuses_null)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = NULL;
    cr_assert_eq(pawl_spawn(NULL, return_arg, NULL, &task), -EINVAL);
    cr_assert_eq(pawl_spawn(rt, NULL, NULL, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_with(NULL, NULL, return_arg, NULL, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_with(rt, NULL, NULL, NULL, &task), -EINVAL);
    cr_assert_null(task);
    cr_assert_null(pawl_task_name(NULL));
    finish(rt);
}

static void *spawn_null(void *arg)
{
    CHECK_EQ(pawl_spawn(NULL, NULL, NULL, NULL), -EINVAL);
    return arg;
}

Test(spawn, refuses_a_null_function_inside_too)
{
    struct pawl_runtime *rt = start(1);
    run(rt, spawn_null, NULL);
    finish(rt);
}

Test(spawn, takes_null_for_the_defaults)
{
    int value;
    struct pawl_runtime *rt = start(2);
    struct pawl_task *task = NULL;
    cr_assert_eq(pawl_spawn_with(rt, NULL, return_arg, &value, &task), 0);
    cr_assert_str_eq(pawl_task_name(task), "");
    cr_assert_eq(join(task), &value);
    finish(rt);
}

static void *spawn_more(void *arg)
{
    CHECK_EQ(pawl_spawn(NULL, return_arg, NULL, NULL), -ESHUTDOWN);
    return arg;
}

Test(spawn, is_over_after_shutdown)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = NULL;
    struct pawl_task_options o = options();
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(pawl_spawn(rt, return_arg, NULL, &task), -ESHUTDOWN);
    cr_assert_eq(pawl_spawn_with(rt, &o, spawn_more, NULL, NULL), -ESHUTDOWN);
    cr_assert_eq(pawl_runtime_run(rt, return_arg, NULL, NULL), -ESHUTDOWN);
    cr_assert_null(task);
    finish(rt);
}

/* ---- every accepted task runs once ---- */

enum { MANY = 20000 };

static PAWL_ATOMIC(uint32_t) runs[MANY];

static void *count(void *arg)
{
    fetch_add_acq_rel_u32((PAWL_ATOMIC(uint32_t) *)arg, 1);
    return arg;
}

static void expect_each_ran_once(size_t tasks)
{
    for (size_t i = 0; i < tasks; i++)
        cr_assert_eq(load_acquire_u32(&runs[i]), 1);
}

Test(spawn, runs_each_task_once)
{
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(pawl_spawn(rt, count, (void *)&runs[i], NULL), 0);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    expect_each_ran_once(MANY);
    finish(rt);
}

static void *spawn_many(void *arg)
{
    for (size_t i = 0; i < MANY; i++)
        CHECK_EQ(pawl_spawn(NULL, count, (void *)&runs[i], NULL), 0);
    return arg;
}

Test(spawn, runs_each_task_that_a_task_spawned_once)
{
    struct pawl_runtime *rt = start(2);
    run(rt, spawn_many, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    expect_each_ran_once(MANY);
    finish(rt);
}

static void *spawn_in_blocking_function(void *arg)
{
    CHECK_EQ(pawl_block(spawn_many, NULL, NULL), 0);
    return arg;
}

Test(spawn, works_in_blocking_functions)
{
    struct pawl_runtime *rt = start(2);
    run(rt, spawn_in_blocking_function, NULL);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    expect_each_ran_once(MANY);
    finish(rt);
}

static void spawn_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    CHECK_EQ(pawl_spawn(NULL, count, (void *)&runs[0], arg), 0);
}

Test(spawn, works_in_timer_callbacks)
{
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(2);
    pawl_timer_init(&timer, spawn_in_callback, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    count_wait(&runs[0], 1);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    expect_each_ran_once(1);
    finish(rt);
}

static void *spawn_from_thread(void *rt)
{
    for (size_t i = 0; i < MANY / 4; i++)
        CHECK_EQ(pawl_spawn(rt, count, (void *)&runs[0], NULL), 0);
    return NULL;
}

Test(spawn, works_from_many_threads_at_once)
{
    pthread_t threads[4];
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = thread_start(spawn_from_thread, rt);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(threads[i]);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(load_acquire_u32(&runs[0]), MANY);
    finish(rt);
}

struct child {
    struct pawl_task *self;
    struct event stored;
};

static void *find_itself_stored(void *arg)
{
    struct child *child = arg;
    CHECK(child->self == pawl_self());
    return NULL;
}

Test(spawn, stores_the_handle_before_the_task_can_run)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 3000; i++) {
        struct child child = {0};
        cr_assert_eq(pawl_spawn(rt, find_itself_stored, &child, &child.self), 0);
        join(child.self);
    }
    finish(rt);
}

static void *spawn_children(void *arg)
{
    for (int i = 0; i < 3000; i++) {
        struct child child = {0};
        CHECK_EQ(pawl_spawn(NULL, find_itself_stored, &child, &child.self), 0);
        join(child.self);
    }
    return arg;
}

Test(spawn, stores_the_handle_before_the_task_can_run_inside_too)
{
    struct pawl_runtime *rt = start(2);
    run(rt, spawn_children, NULL);
    finish(rt);
}

/* ---- tasks_max ---- */

static struct pawl_options limited(uint64_t tasks_max)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 2;
    o.tasks_max = tasks_max;
    return o;
}

Test(tasks_max, is_exact_and_room_comes_back)
{
    enum { MAX = 100 };
    struct pawl_task *tasks[MAX], *none = NULL;
    struct pawl_options o = limited(MAX);
    struct pawl_runtime *rt = start_with(&o);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MAX; i++)
            cr_assert_eq(pawl_spawn(rt, sleep_for_ever, NULL, &tasks[i]), 0, "task %zu", i);
        cr_assert_eq(pawl_spawn(rt, return_arg, NULL, &none), -EAGAIN);
        cr_assert_eq(pawl_after(rt, 0, NULL, NULL, NULL), -EINVAL);
        cr_assert_null(none);
        cr_assert_eq(pawl_task_cancel(tasks[0]), 0);
        join(tasks[0]);
        cr_assert_eq(pawl_spawn(rt, sleep_for_ever, NULL, &tasks[0]), 0);
        cr_assert_eq(pawl_spawn(rt, return_arg, NULL, &none), -EAGAIN);
        for (size_t i = 0; i < MAX; i++) {
            cr_assert_eq(pawl_task_cancel(tasks[i]), 0);
            join(tasks[i]);
        }
    }
    finish(rt);
}

static void *fill_from_inside(void *arg)
{
    struct pawl_task *tasks[10];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 9; i++)
            CHECK_EQ(pawl_spawn(NULL, sleep_for_ever, NULL, &tasks[i]), 0);
        CHECK_EQ(pawl_spawn(NULL, return_arg, NULL, NULL), -EAGAIN);
        for (size_t i = 0; i < 9; i++) {
            CHECK_EQ(pawl_task_cancel(tasks[i]), 0);
            join(tasks[i]);
        }
    }
    return arg;
}

Test(tasks_max, is_exact_from_inside)
{
    struct pawl_options o = limited(10);
    struct pawl_runtime *rt = start_with(&o);
    run(rt, fill_from_inside, NULL);
    finish(rt);
}

Test(tasks_max, counts_tasks_with_stacks_of_their_own)
{
    struct pawl_options o = limited(1);
    struct pawl_task_options to = options();
    struct pawl_task *task;
    struct pawl_runtime *rt = start_with(&o);
    to.stack_size = (size_t)32 * 1024;
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(pawl_spawn_with(rt, &to, sleep_for_ever, NULL, &task), 0);
        cr_assert_eq(pawl_spawn_with(rt, &to, return_arg, NULL, NULL), -EAGAIN);
        cr_assert_eq(pawl_spawn(rt, return_arg, NULL, NULL), -EAGAIN);
        cr_assert_eq(pawl_task_cancel(task), 0);
        join(task);
    }
    run(rt, return_arg, NULL);
    finish(rt);
}

static void note_status(void *arg, int status)
{
    CHECK_EQ(status, 0);
    event_set(arg);
}

Test(tasks_max, counts_callbacks_to_come)
{
    struct pawl_options o = limited(1);
    uint64_t id, none = 0;
    struct pawl_runtime *rt = start_with(&o);
    cr_assert_eq(pawl_after(rt, HOUR_NS, note_status, NULL, &id), 0);
    cr_assert_eq(pawl_after(rt, 0, note_status, NULL, &none), -EAGAIN);
    cr_assert_eq(pawl_spawn(rt, return_arg, NULL, NULL), -EAGAIN);
    cr_assert_eq(pawl_cancel(rt, id), 0);
    run(rt, return_arg, NULL);
    finish(rt);
}

/* ---- options ---- */

static void *expect_own_name(void *name)
{
    CHECK(strcmp(pawl_task_name(pawl_self()), name) == 0);
    return NULL;
}

Test(spawn, names_a_task_and_cuts_the_name)
{
    static const struct {
        const char *given;
        char cut[16];
    } names[] = {
        {NULL, ""},
        {"", ""},
        {"a", "a"},
        {"fifteen letters", "fifteen letters"},
        {"sixteen letters!", "sixteen letters"},
    };
    struct pawl_runtime *rt = start(1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct pawl_task_options o = options();
        struct pawl_task *task;
        o.name = names[i].given;
        cr_assert_eq(pawl_spawn_with(rt, &o, expect_own_name, (void *)names[i].cut, &task), 0);
        cr_assert_str_eq(pawl_task_name(task), names[i].cut);
        join(task);
    }
    finish(rt);
}

Test(spawn, copies_the_name)
{
    char name[] = "mine";
    struct pawl_task_options o = options();
    struct pawl_task *task;
    struct pawl_runtime *rt = start(1);
    o.name = name;
    cr_assert_eq(pawl_spawn_with(rt, &o, return_arg, NULL, &task), 0);
    memset(name, 'x', sizeof name - 1);
    cr_assert_str_eq(pawl_task_name(task), "mine");
    join(task);
    finish(rt);
}

/* Uses `size` bytes of its stack, and comes back. */
static __attribute__((noinline)) uint64_t use_stack(size_t size)
{
    volatile char *bytes = __builtin_alloca(size);
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i += 512)
        bytes[i] = (char)i;
    for (size_t i = 0; i < size; i += 512)
        sum += (unsigned char)bytes[i];
    return sum;
}

static void *use_most_of_stack(void *size)
{
    /* sanitizers want some for themselves */
    use_stack((size_t)(uintptr_t)size - (size_t)8 * 1024);
    CHECK_EQ(pawl_yield(), 0);
    use_stack((size_t)(uintptr_t)size - (size_t)8 * 1024);
    return NULL;
}

Test(spawn, gives_a_stack_of_the_size_asked)
{
    static const size_t sizes[] = {(size_t)16 * 1024, (size_t)16 * 1024 + 1, (size_t)1024 * 1024,
                                   (size_t)64 * 1024 * 1024};
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct pawl_task_options o = options();
        struct pawl_task *task;
        o.stack_size = sizes[i];
        cr_assert_eq(pawl_spawn_with(rt, &o, use_most_of_stack, (void *)sizes[i], &task), 0);
        join(task);
    }
    finish(rt);
}

Test(spawn, gives_the_stack_size_of_the_runtime_by_default)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 1;
    o.stack_size = (size_t)1024 * 1024;
    struct pawl_runtime *rt = start_with(&o);
    run(rt, use_most_of_stack, (void *)o.stack_size);
    finish(rt);
}

static void *sleep_a_lot(void *arg)
{
    CHECK_EQ(pawl_sleep(0), 0);
    use_stack((size_t)100 * 1024);
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    return arg;
}

Test(spawn, gives_stacks_of_their_own_to_many)
{
    struct pawl_task *tasks[1000];
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        tasks[i] = spawn(rt, sleep_a_lot, &tasks[i]);
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        cr_assert_eq(join(tasks[i]), &tasks[i]);
    finish(rt);
}

static void *stay_on_worker(void *arg)
{
    int worker = (int)(intptr_t)arg;
    struct pawl_waker waker;
    pawl_self_waker(&waker);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(pawl_worker_index(), worker);
        CHECK_EQ(pawl_yield(), 0);
        CHECK_EQ(pawl_worker_index(), worker);
        CHECK_EQ(pawl_sleep(PAWL_US(10)), 0);
        CHECK_EQ(pawl_worker_index(), worker);
        pawl_waker_wake(&waker);
        CHECK_EQ(pawl_suspend_until(in_ns(PATIENCE_NS)), 0);
        if (i % 10 == 0)
            CHECK_EQ(pawl_block(return_arg, NULL, NULL), 0);
    }
    CHECK_EQ(pawl_worker_index(), worker);
    pawl_waker_drop(&waker);
    return NULL;
}

Test(spawn, keeps_a_task_on_the_worker_it_was_given)
{
    struct pawl_task *tasks[12];
    struct pawl_runtime *rt = start(3);
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        struct pawl_task_options o = options();
        o.worker = (int)(i % 3);
        cr_assert_eq(pawl_spawn_with(rt, &o, stay_on_worker, pointer_of((intptr_t)(i % 3)), &tasks[i]), 0);
    }
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        join(tasks[i]);
    finish(rt);
}

/* A chain of spawns that never lets its worker's own queue run empty. */
static void *spawn_the_next(void *stop)
{
    if (!event_is_set(stop))
        CHECK_EQ(pawl_spawn(NULL, spawn_the_next, stop, NULL), 0);
    return NULL;
}

static void *set_event(void *event)
{
    event_set(event);
    return NULL;
}

Test(spawn, runs_a_task_from_outside_beside_tasks_that_are_always_ready)
{
    static struct event stop, ran;
    struct pawl_runtime *rt = start(1);
    pawl_detach(spawn(rt, spawn_the_next, &stop));
    pawl_detach(spawn(rt, set_event, &ran));
    event_wait(&ran);
    event_set(&stop);
    cr_assert_eq(pawl_runtime_shutdown(rt, PATIENCE_NS), 0); /* the last ones may still spawn */
    finish(rt);
}

Test(spawn, runs_a_task_for_one_worker_beside_tasks_that_are_always_ready)
{
    static struct event stop, ran;
    struct pawl_task_options o = options();
    struct pawl_runtime *rt = start(1);
    o.worker = 0;
    pawl_detach(spawn(rt, spawn_the_next, &stop));
    cr_assert_eq(pawl_spawn_with(rt, &o, set_event, &ran, NULL), 0);
    event_wait(&ran);
    event_set(&stop);
    cr_assert_eq(pawl_runtime_shutdown(rt, PATIENCE_NS), 0); /* the last ones may still spawn */
    finish(rt);
}

static void *spawn_then_compute(void *ran)
{
    CHECK_EQ(pawl_spawn(NULL, set_event, ran, NULL), 0);
    event_wait(ran); /* never yields: another worker is to run it */
    return NULL;
}

Test(spawn, has_another_worker_run_what_a_busy_one_spawned)
{
    static struct event ran;
    struct pawl_runtime *rt = start(2);
    run(rt, spawn_then_compute, &ran);
    finish(rt);
}
