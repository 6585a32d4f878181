/* Waits of stackless tasks in the room sync. The runtime is built by hand: one thread polls its task, another one
 * grants. The waits are memory of their own, and gone when the task has ended.
 *
 * Final states: a wait that is cut short has left nothing behind, and taken nothing with it.
 *     grant against cancellation    granted; or -ECANCELED, and it is still there
 *     grant against wait_cancel     -EALREADY, and the item is where it was to be; or 0, and nothing was lost
 *     a condition variable          the mutex is held, but for -ENOLCK
 *     a select                      one case, or none */
#define _GNU_SOURCE
#include "sync/mutex.c" /* NOLINT: for its static functions */

#include "tests/model/sync_task.h"

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

/* Behind it another one waits, which has the signal if the cancelled one cannot use it. */
static void signal_meets_cancelled_poll(void)
{
    struct pawl_wait next = PAWL_WAIT_INITIALIZER;
    create_mutex();
    spawn_poll(wait_until_done_poll);
    *wait_private(&next) = wait_for_signal(waiters_of(condition));
    MODEL_ASSERT(pawl__wait_begin(wait_private(&next)) == WAIT_QUEUED);
    cancel_task(NULL);
    run_two(lock_and_signal, work_as_worker);
    end_task();
    MODEL_ASSERT((waiter_outcome(&wait_private(&next)->waiter) == OUTCOME_GRANTED) == (answer[0] != 0));
    pawl_wait_cancel(&next);
    model_outcome("%s", answer[0] == -ENOLCK ? "ENOLCK" : name_of(answer[0]));
    destroy_mutex();
}

/* ---- selects ---- */

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

SCENARIO(poll_is_granted_and_frees, "a stackless task is granted, frees, and its runtime goes", .outcomes = NULL)
SCENARIO(woken_poll_is_granted, "the same as it is polled for no reason", .outcomes = NULL)
SCENARIO(poll_is_cancelled, "a stackless task is granted as it is cancelled", ONLY("0", "ECANCELED"))
SCENARIO(poll_gives_up_permit, "a stackless task is granted as it gives the wait up", .outcomes = NULL)
SCENARIO(poll_gives_up_item, "the same, and it cannot be passed on", ONLY("0", "EALREADY"))
SCENARIO(poll_is_signalled, "a stackless task is signalled", .outcomes = NULL)
SCENARIO(poll_is_signalled_and_cancelled, "the same as it is cancelled", ONLY("0", "ECANCELED", "ENOLCK"))
SCENARIO(signal_meets_cancelled_poll, "the same as another one waits behind it", ONLY("0", "ECANCELED", "ENOLCK"))
SCENARIO(select_poll_is_granted, "a stackless task's select has two granters", ONLY("0", "1"))
SCENARIO(select_poll_is_cancelled, "the same as it is cancelled", ONLY("0", "1", "ECANCELED"))
SCENARIO(select_poll_gives_up, "the same as it gives up", ONLY("0", "1", "ECANCELED"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&poll_is_granted_and_frees_,
                                                             &woken_poll_is_granted_,
                                                             &poll_is_cancelled_,
                                                             &poll_gives_up_permit_,
                                                             &poll_gives_up_item_,
                                                             &poll_is_signalled_,
                                                             &poll_is_signalled_and_cancelled_,
                                                             &signal_meets_cancelled_poll_,
                                                             &select_poll_is_granted_,
                                                             &select_poll_is_cancelled_,
                                                             &select_poll_gives_up_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
