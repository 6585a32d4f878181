/* Waits of tasks in the room sync. The runtime is built by hand: one thread runs its tasks, another one grants.
 * Stackless tasks: see sync_poll.c; plain threads: the scenarios of each object.
 *
 * Final states: a wait that is cut short has left nothing behind, and taken nothing with it.
 *     grant against cancellation    granted; or -ECANCELED, and it is still there
 *     a condition variable          the mutex is held, also when cancelled
 *     a select                      one case, or none
 *     the end of a task             seen by a select, which then has the handle; or not, and it is the caller's */
#define _GNU_SOURCE
#include "tests/model/sync_task.h"

/* ---- tasks ---- */

static void *acquire(void *arg)
{
    answer[0] = pawl_semaphore_acquire(semaphore, 1);
    MODEL_ASSERT(answer[0] != 0 || written[0] == 1);
    ended++;
    return arg;
}

static void *acquire_and_free(void *arg)
{
    acquire(arg);
    destroy_semaphore();
    return arg;
}

static void task_is_granted_and_frees(void)
{
    create_semaphore();
    spawn_task(acquire_and_free);
    pawl_detach(task);
    run_two(release_one, work_and_destroy);
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
}

static void task_is_granted_and_cancelled(void)
{
    create_semaphore();
    spawn_task(acquire);
    cancel_task(NULL);
    run_two(release_one, work_as_worker);
    end_task();
    MODEL_ASSERT(answer[0] == (pawl_semaphore_available(semaphore) == 0 ? 0 : -ECANCELED));
    model_outcome("%s", name_of(answer[0]));
    destroy_semaphore();
}

/* Two tasks on two workers: a rendezvous, after which the receiver destroys the channel. */
static void *receive_and_destroy(void *arg)
{
    MODEL_ASSERT(pawl_channel_receive(channel, &item) == 0 && item == 1 && written[0] == 1);
    pawl_channel_destroy(channel);
    ended++;
    return arg;
}

static void *send_as_task(void *arg)
{
    written[0] = 1;
    send_one(arg);
    return arg;
}

static void run_on_second(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(1);
    MODEL_ASSERT(pawl_spawn(rt, send_as_task, NULL, NULL) == 0);
    work(worker);
    be_plain();
}

static void run_on_first(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    MODEL_ASSERT(pawl_spawn(rt, receive_and_destroy, NULL, NULL) == 0);
    work(worker);
    be_plain();
}

static void tasks_meet(void)
{
    MODEL_ASSERT(pawl_channel_create(&channel, 0, sizeof item) == 0);
    build(2);
    run_two(run_on_first, run_on_second);
    work(be_worker(1));
    be_plain();
    work(be_worker(0));
    work(be_worker(1));
    MODEL_ASSERT(ended == 1);
    be_plain();
    tear_down();
}

static void *wait_until_done_and_free(void *arg)
{
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    while (!done)
        MODEL_ASSERT(pawl_condition_wait(condition, mutex) == 0);
    pawl_mutex_unlock(mutex);
    ended++;
    destroy_mutex();
    return arg;
}

static void task_is_signalled_and_frees(void)
{
    create_mutex();
    spawn_task(wait_until_done_and_free);
    pawl_detach(task);
    run_two(lock_and_signal, work_and_destroy);
    MODEL_ASSERT(ended == 1);
}

static void *wait_once(void *arg)
{
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    answer[0] = pawl_condition_wait(condition, mutex);
    done = true;
    pawl_mutex_unlock(mutex);
    ended++;
    return arg;
}

/* It has the mutex in the end, although it is cancelled. */
static void cancelled_task_locks_again(void)
{
    create_mutex();
    spawn_task(wait_once);
    cancel_task(NULL);
    run_two(lock_and_unlock, work_as_worker);
    end_task();
    MODEL_ASSERT(ended == 1 && answer[0] == -ECANCELED);
    destroy_mutex();
}

static void task_is_signalled_and_cancelled(void)
{
    create_mutex();
    spawn_task(wait_once);
    cancel_task(NULL);
    run_two(signal_only, work_as_worker);
    end_task();
    MODEL_ASSERT(ended == 1 && done);
    model_outcome("%s", name_of(answer[0]));
    destroy_mutex();
}

/* ---- selects ---- */

static void *select_either(void *arg)
{
    set_cases();
    answer[0] = pawl_select(cases, 2);
    free(cases);
    return arg;
}

static void select_is_granted(void)
{
    create_for_select();
    spawn_task(select_either);
    run_three(release_one, send_one, work_as_worker);
    end_task();
    check_what_is_left();
}

static void select_is_cancelled(void)
{
    create_for_select();
    spawn_task(select_either);
    cancel_task(NULL);
    run_two(release_one, work_as_worker);
    end_task();
    send_one(NULL);
    check_what_is_left();
}

/* ---- joins in selects ---- */

static void *end_at_once(void *arg)
{
    written[0] = 1;
    (void)arg;
    return &written[0];
}

static void select_join_or_permit(void *unused)
{
    struct pawl_case mine[2];
    void *result = NULL;
    (void)unused;
    pawl_case_join(&mine[0], task, &result);
    pawl_case_semaphore(&mine[1], semaphore, 1);
    answer[0] = pawl_select(mine, 2);
    MODEL_ASSERT(answer[0] == 0 ? result == &written[0] && written[0] == 1 : answer[0] == 1 && result == NULL);
    if (answer[0] == 1)
        pawl_detach(task);
}

static void spawn_to_join(void)
{
    create_semaphore();
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, end_at_once, NULL, &task) == 0);
}

static void select_joins(void)
{
    spawn_to_join();
    run_two(select_join_or_permit, work_as_worker);
    MODEL_ASSERT(answer[0] == 0);
    tear_down();
    destroy_semaphore();
}

static void select_joins_or_is_granted(void)
{
    spawn_to_join();
    unsigned t = model_spawn(select_join_or_permit, NULL), u = model_spawn(work_as_worker, NULL);
    pawl_semaphore_release(semaphore, 1);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(pawl_semaphore_available(semaphore) == (answer[0] == 0));
    model_outcome("%d", answer[0]);
    tear_down();
    destroy_semaphore();
}

SCENARIO(task_is_granted_and_frees, "a task is granted, frees, and its runtime goes", .outcomes = NULL)
SCENARIO(task_is_granted_and_cancelled, "a task is granted as it is cancelled", ONLY("0", "ECANCELED"))
SCENARIO(tasks_meet, "two tasks on two workers meet", .outcomes = NULL)
SCENARIO(task_is_signalled_and_frees, "a task is signalled, frees, and its runtime goes", .outcomes = NULL)
SCENARIO(cancelled_task_locks_again, "a task is cancelled as another one has the mutex", .outcomes = NULL)
SCENARIO(task_is_signalled_and_cancelled, "a task is signalled as it is cancelled", ONLY("0", "ECANCELED"))
SCENARIO(select_is_granted, "a task's select has two granters", ONLY("0", "1"))
SCENARIO(select_is_cancelled, "a task's select is granted as it is cancelled", ONLY("0", "ECANCELED"))
SCENARIO(select_joins, "a select of a task's end", .outcomes = NULL)
SCENARIO(select_joins_or_is_granted, "a select of a task's end and a permit", ONLY("0", "1"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&task_is_granted_and_frees_,
                                                             &task_is_granted_and_cancelled_,
                                                             &tasks_meet_,
                                                             &task_is_signalled_and_frees_,
                                                             &cancelled_task_locks_again_,
                                                             &task_is_signalled_and_cancelled_,
                                                             &select_is_granted_,
                                                             &select_is_cancelled_,
                                                             &select_joins_,
                                                             &select_joins_or_is_granted_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
