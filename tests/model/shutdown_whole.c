/* Shutdown of whole runtimes, workers and all, bounded. See shutdown.c. */
#define _GNU_SOURCE
#include "tests/model/shutdown.h"

/* ---- whole runtimes ---- */

static void start(int workers)
{
    build(workers);
    for (unsigned i = 0; i < rt->worker_count; i++)
        rt->workers[i].until_clock = rt->workers[i].clock_interval = 1;
    MODEL_ASSERT(start_workers(rt) == 0);
}

static void shut(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_runtime_shutdown(rt, 0) == 0);
}

static void destroy(void)
{
    int error;
    while ((error = pawl_runtime_destroy(rt)) == -EBUSY) {
        /* the worker was not given the processor for longer than shutdown is patient: nothing is lost */
    }
    MODEL_ASSERT(error == 0);
}

static void two_shutdowns(void)
{
    start(1);
    run_two(shut, shut);
    destroy();
}

static void whole_spawn(void)
{
    start(1);
    unsigned t = model_spawn(spawn, NULL);
    shut(NULL);
    model_join(t);
    MODEL_ASSERT(answer[0] == (calls == 1 ? 0 : -ESHUTDOWN));
    model_outcome("%s", name_of(answer[0]));
    destroy();
}

/* The other way round: who comes first in the default schedule matters where the search is bounded. */
static void whole_spawn_first(void)
{
    start(1);
    unsigned t = model_spawn(shut, NULL);
    spawn(NULL);
    model_join(t);
    MODEL_ASSERT(answer[0] == (calls == 1 ? 0 : -ESHUTDOWN));
    model_outcome("%s", name_of(answer[0]));
    destroy();
}

static void whole_spawn_child(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, spawn_child, NULL, NULL) == 0);
    MODEL_ASSERT(start_workers(rt) == 0);
    destroy();
    MODEL_ASSERT(answer[0] == (calls == 1 ? 0 : -ESHUTDOWN));
    MODEL_ASSERT(calls == 0 || answer[1] == -ESHUTDOWN);
    model_outcome("%s", name_of(answer[0]));
}

static void whole_sleep(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, sleep_long, NULL, NULL) == 0);
    MODEL_ASSERT(start_workers(rt) == 0);
    destroy();
    MODEL_ASSERT(calls == 1);
    model_outcome("%s", name_of(answer[0]));
}

static void whole_arm(void)
{
    build(1);
    pawl_timer_init(&timer, timer_called, NULL);
    MODEL_ASSERT(start_workers(rt) == 0);
    unsigned t = model_spawn(arm, NULL);
    shut(NULL);
    model_join(t);
    MODEL_ASSERT(calls == (answer[0] == 0));
    check_timer();
    destroy();
}

static void after_called(void *arg, int why)
{
    free(arg);
    calls++;
    status = why;
}

static void arm_after(void *unused)
{
    (void)unused;
    void *arg = malloc(1);
    answer[0] = pawl_after(rt, PAWL_SEC(1000), after_called, arg, NULL);
    if (answer[0] != 0)
        free(arg);
}

static void whole_after(void)
{
    start(1);
    unsigned t = model_spawn(arm_after, NULL);
    shut(NULL);
    model_join(t);
    MODEL_ASSERT(calls == (answer[0] == 0));
    check_timer();
    destroy();
}

static void whole_timer_cancel(void)
{
    build(1);
    pawl_timer_init(&timer, timer_called, NULL);
    arm(NULL);
    MODEL_ASSERT(start_workers(rt) == 0);
    unsigned t = model_spawn(cancel, NULL);
    destroy();
    model_join(t);
    MODEL_ASSERT(calls == (answer[0] != 0));
    check_timer();
}

static void whole_wake(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, suspend, NULL, NULL) == 0);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(start_workers(rt) == 0);
    unsigned t = model_spawn(wake_and_drop, NULL);
    destroy();
    model_join(t);
    MODEL_ASSERT(calls == 1 && (answer[1] == 0 || answer[1] == -ESHUTDOWN));
    model_outcome("%s", name_of(answer[1]));
}

static void whole_task_cancel(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, suspend, NULL, &handle) == 0);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(start_workers(rt) == 0);
    unsigned t = model_spawn(cancel_task, NULL);
    destroy();
    model_join(t);
    MODEL_ASSERT(calls == 1 && (answer[1] == -ECANCELED || answer[1] == -ESHUTDOWN));
    model_outcome("%s", name_of(answer[1]));
    pawl_waker_drop(&waker);
}

SCENARIO(two_shutdowns, "two threads shut a whole runtime down", .bound = 4)
SCENARIO(whole_spawn, "a spawn from outside", .bound = 4)
SCENARIO(whole_spawn_first, "the same, the other way round", .bound = 3)
SCENARIO(whole_spawn_child, "a task spawns a child that waits", .bound = 3, .expirations = 2)
SCENARIO(whole_sleep, "a task sleeps", .bound = 3, .expirations = 2)
SCENARIO(whole_arm, "a timer is armed", .bound = 5)
SCENARIO(whole_after, "a timer by id is armed", .bound = 4)
SCENARIO(whole_timer_cancel, "a timer is cancelled as its whole runtime goes", .bound = 5)
SCENARIO(whole_wake, "a task is woken as its whole runtime goes", .bound = 2, .expirations = 2)
SCENARIO(whole_task_cancel, "a task is cancelled as its whole runtime goes", .bound = 2, .expirations = 2)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &two_shutdowns_, &whole_spawn_, &whole_spawn_first_, &whole_spawn_child_, &whole_sleep_, &whole_arm_,
        &whole_after_, &whole_timer_cancel_, &whole_wake_, &whole_task_cancel_, NULL};
    return model_main(argc, argv, scenarios);
}
