/* Tasks that suspend, and whole runtimes: joins and cancellation among tasks. See task.c. */
#define _GNU_SOURCE
#include "tests/model/task.h"

/* ---- tasks that suspend, on a worker played by one thread ---- */

static struct pawl_task *tasks[2];
static unsigned ended;

static void work_as_worker(void *unused)
{
    (void)unused;
    work(be_worker(0));
    be_plain();
}

static int reason; /* plain: by who cancels, before that */

static void *wait_to_be_cancelled(void *arg)
{
    answer[1] = pawl_suspend_until(PAWL_NEVER);
    MODEL_ASSERT(reason == 1);
    MODEL_ASSERT(pawl_cancelled() && pawl_yield() == -ECANCELED); /* for good */
    ended++;
    return arg;
}

static void cancel_with_reason(void *unused)
{
    reason = 1;
    cancel(unused);
}

static void cancel_meets_suspend(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, wait_to_be_cancelled, &result, &task) == 0);
    run_two(work_as_worker, cancel_with_reason);
    work(be_worker(0));
    MODEL_ASSERT(answer[0] == 0 && answer[1] == -ECANCELED && ended == 1);
    tear_down();
}

/* A task joins a task that another worker ends. */
static void *join_other_task(void *arg)
{
    void *value = NULL;
    answer[0] = pawl_join(tasks[1], &value);
    overwrite_stack();
    MODEL_ASSERT(answer[0] == 0 && value == &result && result == 1);
    ended++;
    return arg;
}

static void *write_result(void *arg)
{
    result = 1;
    return arg;
}

static void spawn_bound(unsigned worker, pawl_task_fn *fn, void *arg)
{
    struct pawl_task_options o;
    pawl_task_options_init(&o);
    o.worker = (int)worker;
    MODEL_ASSERT(pawl_spawn_with(rt, &o, fn, arg, &tasks[worker]) == 0);
}

static void work_as_other(void *unused)
{
    (void)unused;
    work(be_worker(1));
    be_plain();
}

static void task_joins_task(void)
{
    build(2);
    spawn_bound(0, join_other_task, NULL);
    spawn_bound(1, write_result, &result);
    run_two(work_as_worker, work_as_other);
    work(be_worker(0));
    MODEL_ASSERT(ended == 1);
    pawl_detach(tasks[0]);
    tear_down();
}

/* The joiner is cancelled while it waits: its handle is kept, or it has got the result. If it comes to run after both,
 * it has: an outcome already obtained wins. */
static void *join_or_be_cancelled(void *arg)
{
    void *value = NULL;
    answer[0] = pawl_join(tasks[1], &value);
    overwrite_stack();
    MODEL_ASSERT((answer[0] == 0) == (value == &result));
    MODEL_ASSERT(answer[0] == 0 ? result == 1 : answer[0] == -ECANCELED);
    if (answer[0] != 0)
        pawl_detach(tasks[1]);
    ended++;
    return arg;
}

static void cancel_joiner(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_task_cancel(tasks[0]) == 0);
}

static void cancelled_joiner_meets_finish(void)
{
    build(2);
    spawn_bound(0, join_or_be_cancelled, NULL);
    spawn_bound(1, write_result, &result);
    work(be_worker(0)); /* it waits */
    be_plain();
    run_two(work_as_other, cancel_joiner);
    work(be_worker(0));
    MODEL_ASSERT(ended == 1);
    model_outcome("%s", name_of(answer[0]));
    pawl_detach(tasks[0]);
    tear_down();
}

/* The same, and it runs while it is granted: its waiter is on its stack. */
static void cancel_and_work(void *unused)
{
    cancel_joiner(unused);
    work_as_worker(unused);
}

static void running_joiner_meets_finish(void)
{
    build(2);
    spawn_bound(0, join_or_be_cancelled, NULL);
    spawn_bound(1, write_result, &result);
    work(be_worker(0));
    be_plain();
    run_two(work_as_other, cancel_and_work);
    work(be_worker(0));
    MODEL_ASSERT(ended == 1);
    model_outcome("%s", name_of(answer[0]));
    pawl_detach(tasks[0]);
    tear_down();
}

/* ---- whole runtimes ---- */

static void start(int workers)
{
    build(workers);
    for (unsigned i = 0; i < rt->worker_count; i++)
        rt->workers[i].until_clock = rt->workers[i].clock_interval = 1;
    MODEL_ASSERT(start_workers(rt) == 0);
}

static void destroy(void)
{
    int error;
    do
        error = pawl_runtime_destroy(rt);
    while (error == -EBUSY); /* its patience may expire before a task has had its turn */
    MODEL_ASSERT(error == 0);
}

static void *answer_one(void *arg)
{
    result = 1;
    return arg;
}

/* A handle is given up in vain, then for good, and the runtime goes; it may be before the task has run. */
static void whole_join_given_up(void)
{
    start(1);
    MODEL_ASSERT(pawl_spawn(rt, answer_one, &result, &task) == 0);
    void *value;
    answer[0] = pawl_join_until(task, 0, &value);
    MODEL_ASSERT(answer[0] == 0 || answer[0] == -ETIMEDOUT);
    if (answer[0] != 0)
        pawl_detach(task);
    destroy();
    MODEL_ASSERT(result == 1);
}

/* What is left of a task when its runtime has gone. */
static void whole_join_after_end(void)
{
    start(1);
    MODEL_ASSERT(pawl_spawn(rt, answer_one, &result, &task) == 0);
    destroy();
    MODEL_ASSERT(pawl_task_cancel(task) == -EALREADY);
    join_first(NULL);
    MODEL_ASSERT(answer[0] == 0);
}

static void whole_two_joins(void)
{
    start(1);
    MODEL_ASSERT(pawl_spawn(rt, answer_one, &result, &task) == 0);
    pawl_task_ref(task);
    unsigned t = model_spawn(join_second, NULL);
    join_first(NULL);
    model_join(t);
    destroy();
}

static void whole_cancel(void)
{
    start(1);
    result = reason = 1;
    MODEL_ASSERT(pawl_spawn(rt, wait_to_be_cancelled, &result, &task) == 0);
    MODEL_ASSERT(pawl_task_cancel(task) == 0);
    join_first(NULL);
    MODEL_ASSERT(answer[1] == -ECANCELED && ended == 1);
    destroy();
}

static void *sleep_shortly(void *arg)
{
    answer[1] = pawl_sleep(PAWL_MS(1));
    result = 1;
    return arg;
}

/* The deadline of the one and the sleep of the other: in either order. */
static void *join_shortly(void *arg)
{
    struct pawl_task *child;
    MODEL_ASSERT(pawl_spawn(NULL, sleep_shortly, &result, &child) == 0);
    answer[0] = pawl_join_until(child, pawl_now(NULL) + PAWL_MS(1), NULL);
    MODEL_ASSERT(answer[0] == 0 || answer[0] == -ETIMEDOUT);
    MODEL_ASSERT(answer[0] == 0 || pawl_task_cancel(child) == 0 || result == 1);
    if (answer[0] != 0)
        pawl_detach(child);
    return arg;
}

static void whole_timed_join(void)
{
    start(1);
    MODEL_ASSERT(pawl_runtime_run(rt, join_shortly, NULL, NULL) == 0);
    destroy();
    MODEL_ASSERT(result == 1 && (answer[1] == 0 || answer[1] == -ECANCELED || answer[1] == -ESHUTDOWN));
}

SCENARIO(cancel_meets_suspend, "a task is cancelled as it suspends", .outcomes = NULL)
SCENARIO(task_joins_task, "a task joins one that another worker runs", .outcomes = NULL)
SCENARIO(cancelled_joiner_meets_finish, "the same, cancelled meanwhile", ONLY("0"))
SCENARIO(running_joiner_meets_finish, "the same, and it runs at once", ONLY("0", "ECANCELED"))
SCENARIO(whole_join_given_up, "a join with a deadline that has passed, then the end of the runtime", .bound = 1,
         .expirations = 1)
SCENARIO(whole_join_after_end, "a join after the end of the runtime", .bound = 1, .expirations = 1)
SCENARIO(whole_two_joins, "two threads join a task", .bound = 1)
SCENARIO(whole_cancel, "a task that suspends is cancelled", .bound = 1)
SCENARIO(whole_timed_join, "a task joins one that sleeps, with a deadline", .bound = 1, .expirations = 2)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &cancel_meets_suspend_, &task_joins_task_, &cancelled_joiner_meets_finish_, &running_joiner_meets_finish_,
        &whole_join_given_up_, &whole_join_after_end_, &whole_two_joins_, &whole_cancel_, &whole_timed_join_, NULL};
    return model_main(argc, argv, scenarios);
}
