/* Waits of tasks, of both kinds, in the room sync. The runtime is built by hand: one thread runs its tasks, another one
 * grants. Plain threads: see the scenarios of each object.
 *
 * Final states: a wait that is cut short has left nothing behind, and taken nothing with it.
 *     grant against cancellation    granted; or -ECANCELED, and it is still there
 *     grant against wait_cancel     -EALREADY, and the item is where it was to be; or it is still there, or the next
 * one's a select                      one case, or none the end of a task             seen by a select, which then has
 * the handle; or not, and the handle is the caller's */
#define _GNU_SOURCE
#include "tests/model/waker.h"

#include <pawl/sync.h>

static struct pawl_task *task;
static struct pawl_mutex *mutex;
static struct pawl_condition *condition;
static struct pawl_semaphore *semaphore;
static struct pawl_channel *channel;
static unsigned long item;
static bool done; /* plain, under the mutex */

static void create_semaphore(void)
{
    semaphore = malloc(sizeof *semaphore);
    MODEL_ASSERT(pawl_semaphore_init(semaphore, 0) == 0);
}

static void destroy_semaphore(void)
{
    MODEL_ASSERT(pawl_semaphore_fini(semaphore) == 0);
    free(semaphore);
}

/* It suspends. */
static void spawn_task(pawl_task_fn *fn)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, fn, NULL, &task) == 0);
    work_as_worker(NULL);
    MODEL_ASSERT(task_life(task) == TASK_SUSPENDED);
}

/* Its first poll is over. */
static void spawn_poll(pawl_poll_fn *fn)
{
    build(1);
    MODEL_ASSERT(pawl_spawn_poll(rt, fn, &waker, &task) == 0);
    work_as_worker(NULL);
    MODEL_ASSERT(task_life(task) == TASK_SUSPENDED);
}

/* It has ended after what is to be run has been run. */
static void end_task(void)
{
    work_as_worker(NULL);
    MODEL_ASSERT(task_life(task) == TASK_FINISHED);
    pawl_detach(task);
    tear_down();
}

/* ---- threads ---- */

static void release_one(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_semaphore_release(semaphore, 1);
}

static void send_one(void *unused)
{
    (void)unused;
    unsigned long value = 1;
    MODEL_ASSERT(pawl_channel_send(channel, &value) == 0);
}

static void cancel_task(void *unused)
{
    (void)unused;
    int error = pawl_task_cancel(task);
    MODEL_ASSERT(error == 0 || error == -EALREADY);
}

static void lock_and_signal(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    done = true;
    pawl_condition_signal(condition);
    pawl_mutex_unlock(mutex);
}

static void lock_and_unlock(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    done = false;
    pawl_mutex_unlock(mutex);
}

static void signal_only(void *unused)
{
    (void)unused;
    pawl_condition_signal(condition);
}

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

/* The thread and the task: whoever comes last frees. */
static void create_mutex(void)
{
    mutex = malloc(sizeof *mutex);
    condition = malloc(sizeof *condition);
    MODEL_ASSERT(pawl_mutex_init(mutex) == 0 && pawl_condition_init(condition) == 0);
}

static void destroy_mutex(void)
{
    MODEL_ASSERT(pawl_mutex_fini(mutex) == 0 && pawl_condition_fini(condition) == 0);
    free(mutex);
    free(condition);
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

/* ---- stackless tasks; their waits are gone when they have ended ---- */

static struct pawl_wait *wait;

static enum pawl_poll end_with(int status)
{
    answer[0] = status;
    free(wait);
    ended++;
    return PAWL_READY;
}

static enum pawl_poll acquire_poll(struct pawl_context *cx, void *state)
{
    int status;
    (void)state;
    if (wait == NULL)
        wait = calloc(1, sizeof *wait);
    if (pawl_semaphore_acquire_poll(semaphore, 1, wait, cx, &status) == PAWL_PENDING)
        return PAWL_PENDING;
    MODEL_ASSERT(status != 0 || written[0] == 1);
    return end_with(status);
}

static enum pawl_poll acquire_poll_and_free(struct pawl_context *cx, void *state)
{
    enum pawl_poll poll = acquire_poll(cx, state);
    if (poll == PAWL_READY)
        destroy_semaphore();
    return poll;
}

static void poll_is_granted_and_frees(void)
{
    create_semaphore();
    spawn_poll(acquire_poll_and_free);
    pawl_detach(task);
    run_two(release_one, work_and_destroy);
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
}

/* It is polled for no reason as it is granted: it may have ended before the granter wakes it. */
static void woken_poll_is_granted(void)
{
    create_semaphore();
    spawn_poll(acquire_poll);
    pawl__task_wake(task);
    run_two(release_one, work_as_worker);
    end_task();
    MODEL_ASSERT(ended == 1 && answer[0] == 0 && pawl_semaphore_available(semaphore) == 0);
    destroy_semaphore();
}

static void poll_is_cancelled(void)
{
    create_semaphore();
    spawn_poll(acquire_poll);
    cancel_task(NULL);
    run_two(release_one, work_as_worker);
    end_task();
    MODEL_ASSERT(answer[0] == (pawl_semaphore_available(semaphore) == 0 ? 0 : -ECANCELED));
    model_outcome("%s", name_of(answer[0]));
    destroy_semaphore();
}

/* Polled again, it gives the wait up. */
static enum pawl_poll acquire_then_give_up(struct pawl_context *cx, void *state)
{
    return wait == NULL ? acquire_poll(cx, state) : end_with(pawl_wait_cancel(wait));
}

static void poll_gives_up_permit(void)
{
    create_semaphore();
    spawn_poll(acquire_then_give_up);
    pawl__task_wake(task);
    run_two(release_one, work_as_worker);
    end_task();
    MODEL_ASSERT(answer[0] == 0 && pawl_semaphore_available(semaphore) == 1);
    destroy_semaphore();
}

static enum pawl_poll receive_then_give_up(struct pawl_context *cx, void *state)
{
    int status;
    (void)state;
    if (wait != NULL)
        return end_with(pawl_wait_cancel(wait));
    wait = calloc(1, sizeof *wait);
    MODEL_ASSERT(pawl_channel_receive_poll(channel, &item, wait, cx, &status) == PAWL_PENDING);
    return PAWL_PENDING;
}

static void poll_gives_up_item(void)
{
    unsigned long left = 0;
    MODEL_ASSERT(pawl_channel_create(&channel, 1, sizeof item) == 0);
    spawn_poll(receive_then_give_up);
    pawl__task_wake(task);
    run_two(send_one, work_as_worker);
    end_task();
    MODEL_ASSERT(pawl_channel_try_receive(channel, &left) == (answer[0] == 0 ? 0 : -EAGAIN));
    MODEL_ASSERT(answer[0] == 0 ? left == 1 && item == 0 : answer[0] == -EALREADY && item == 1);
    model_outcome("%s", answer[0] == 0 ? "0" : "EALREADY");
    pawl_channel_destroy(channel);
}

/* ---- condition variables, polled ---- */

static enum pawl_poll wait_until_done_poll(struct pawl_context *cx, void *state)
{
    int status;
    (void)state;
    if (wait == NULL) {
        wait = calloc(1, sizeof *wait);
        MODEL_ASSERT(pawl_mutex_try_lock(mutex));
    }
    if (pawl_condition_wait_poll(condition, mutex, wait, cx, &status) == PAWL_PENDING)
        return PAWL_PENDING;
    MODEL_ASSERT(status == 0 ? done : pawl_context_cancelled(cx));
    if (status != -ENOLCK)
        pawl_mutex_unlock(mutex);
    return end_with(status);
}

static void poll_is_signalled(void)
{
    create_mutex();
    spawn_poll(wait_until_done_poll);
    run_two(lock_and_signal, work_as_worker);
    end_task();
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
    destroy_mutex();
}

static void poll_is_signalled_and_cancelled(void)
{
    create_mutex();
    spawn_poll(wait_until_done_poll);
    cancel_task(NULL);
    run_two(lock_and_signal, work_as_worker);
    end_task();
    MODEL_ASSERT(ended == 1);
    model_outcome("%s", answer[0] == -ENOLCK ? "ENOLCK" : name_of(answer[0]));
    destroy_mutex();
}

/* ---- selects ---- */

static struct pawl_case *cases;

static void create_for_select(void)
{
    create_semaphore();
    MODEL_ASSERT(pawl_channel_create(&channel, 1, sizeof item) == 0);
}

static void set_cases(void)
{
    cases = calloc(2, sizeof *cases);
    pawl_case_semaphore(&cases[0], semaphore, 1);
    pawl_case_receive(&cases[1], channel, &item);
}

/* What the select did not take is still there. */
static void check_what_is_left(void)
{
    unsigned long left = 0;
    bool received = pawl_channel_try_receive(channel, &left) != 0;
    MODEL_ASSERT(pawl_semaphore_available(semaphore) == (answer[0] != 0));
    MODEL_ASSERT(received == (answer[0] == 1) && item == (answer[0] == 1));
    model_outcome("%s", answer[0] == 1 ? "1" : name_of(answer[0]));
    pawl_channel_destroy(channel);
    destroy_semaphore();
}

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

static enum pawl_poll select_either_poll(struct pawl_context *cx, void *state)
{
    int index;
    (void)state;
    if (cases == NULL)
        set_cases();
    if (pawl_select_poll(cases, 2, cx, &index) == PAWL_PENDING)
        return PAWL_PENDING;
    free(cases);
    return end_with(index);
}

static void select_poll_is_granted(void)
{
    create_for_select();
    spawn_poll(select_either_poll);
    pawl__task_wake(task);
    run_three(release_one, send_one, work_as_worker);
    end_task();
    check_what_is_left();
}

static void select_poll_is_cancelled(void)
{
    create_for_select();
    spawn_poll(select_either_poll);
    cancel_task(NULL);
    run_three(release_one, send_one, work_as_worker);
    end_task();
    check_what_is_left();
}

static enum pawl_poll select_then_give_up(struct pawl_context *cx, void *state)
{
    int index;
    if (cases == NULL)
        return select_either_poll(cx, state);
    index = 2;
    int error = pawl_select_cancel(cases, 2, &index);
    MODEL_ASSERT((error == 0 && index == 2) || (error == -EALREADY && index < 2));
    free(cases);
    return end_with(error == 0 ? -ECANCELED : index);
}

static void select_poll_gives_up(void)
{
    create_for_select();
    spawn_poll(select_then_give_up);
    pawl__task_wake(task);
    run_three(release_one, send_one, work_as_worker);
    end_task();
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
SCENARIO(task_is_signalled_and_frees, "a task is signalled, frees, and its runtime goes", .outcomes = NULL)
SCENARIO(cancelled_task_locks_again, "a task is cancelled as another one has the mutex", .outcomes = NULL)
SCENARIO(task_is_signalled_and_cancelled, "a task is signalled as it is cancelled", ONLY("0", "ECANCELED"))
SCENARIO(poll_is_granted_and_frees, "a stackless task is granted, frees, and its runtime goes", .outcomes = NULL)
SCENARIO(woken_poll_is_granted, "the same as it is polled for no reason", .outcomes = NULL)
SCENARIO(poll_is_cancelled, "a stackless task is granted as it is cancelled", ONLY("0", "ECANCELED"))
SCENARIO(poll_gives_up_permit, "a stackless task is granted as it gives the wait up", .outcomes = NULL)
SCENARIO(poll_gives_up_item, "the same, and it cannot be passed on", ONLY("0", "EALREADY"))
SCENARIO(poll_is_signalled, "a stackless task is signalled", .outcomes = NULL)
SCENARIO(poll_is_signalled_and_cancelled, "the same as it is cancelled", ONLY("0", "ECANCELED", "ENOLCK"))
SCENARIO(select_is_granted, "a task's select has two granters", ONLY("0", "1"))
SCENARIO(select_is_cancelled, "a task's select is granted as it is cancelled", ONLY("0", "ECANCELED"))
SCENARIO(select_poll_is_granted, "a stackless task's select has two granters", ONLY("0", "1"))
SCENARIO(select_poll_is_cancelled, "the same as it is cancelled", ONLY("0", "1", "ECANCELED"))
SCENARIO(select_poll_gives_up, "the same as it gives up", ONLY("0", "1", "ECANCELED"))
SCENARIO(select_joins, "a select of a task's end", .outcomes = NULL)
SCENARIO(select_joins_or_is_granted, "a select of a task's end and a permit", ONLY("0", "1"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&task_is_granted_and_frees_,
                                                             &task_is_granted_and_cancelled_,
                                                             &task_is_signalled_and_frees_,
                                                             &cancelled_task_locks_again_,
                                                             &task_is_signalled_and_cancelled_,
                                                             &poll_is_granted_and_frees_,
                                                             &woken_poll_is_granted_,
                                                             &poll_is_cancelled_,
                                                             &poll_gives_up_permit_,
                                                             &poll_gives_up_item_,
                                                             &poll_is_signalled_,
                                                             &poll_is_signalled_and_cancelled_,
                                                             &select_is_granted_,
                                                             &select_is_cancelled_,
                                                             &select_poll_is_granted_,
                                                             &select_poll_is_cancelled_,
                                                             &select_poll_gives_up_,
                                                             &select_joins_,
                                                             &select_joins_or_is_granted_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
