/* The poll forms: how stackless tasks wait. A thousand of them, of a few hundred bytes each, receive from one channel
 * and add to a sum under one mutex.
 *
 * A poll form that returns PAWL_PENDING has queued the task and will wake it: the poll function returns PAWL_PENDING
 * too, and calls it again with the same wait when it is polled next. So the state says how far the task has come. */
#include <pawl/pawl.h>
#include <stdio.h>

#define TASKS 1000

struct total {
    struct pawl_channel *numbers;
    struct pawl_mutex lock;
    long sum; /* guarded by it */
};

struct state {
    struct total *total;
    enum { RECEIVING, LOCKING } step;
    long number;
    struct pawl_wait wait; /* of the present step; zeroed: not pending */
};

static enum pawl_poll add_number(struct pawl_context *cx, void *arg)
{
    struct state *state = arg;
    struct total *total = state->total;
    int status = 0;
    if (state->step == RECEIVING) {
        if (pawl_channel_receive_poll(total->numbers, &state->number, &state->wait, cx, &status) == PAWL_PENDING)
            return PAWL_PENDING;
        if (status != 0)
            return PAWL_READY; /* closed, or the task was cancelled */
        state->step = LOCKING;
    }
    if (pawl_mutex_lock_poll(&total->lock, &state->wait, cx, &status) == PAWL_PENDING)
        return PAWL_PENDING;
    if (status == 0) {
        total->sum += state->number;
        pawl_mutex_unlock(&total->lock);
    }
    return PAWL_READY;
}

static void *send_numbers(void *arg)
{
    struct total *total = arg;
    struct pawl_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        struct state state = {.total = total};
        if (pawl_spawn_poll_copy(NULL, add_number, &state, sizeof state, &tasks[i]) != 0)
            return NULL;
    }
    for (long i = 1; i <= TASKS; i++)
        pawl_channel_send(total->numbers, &i);
    for (int i = 0; i < TASKS; i++)
        pawl_join(tasks[i], NULL);
    return NULL;
}

int main(void)
{
    struct total total = {.lock = PAWL_MUTEX_INITIALIZER};
    if (pawl_channel_create(&total.numbers, 8, sizeof(long)) != 0 || pawl_run(NULL, send_numbers, &total, NULL) != 0)
        return 1;
    pawl_channel_destroy(total.numbers);
    printf("%d stackless tasks made it %ld\n", TASKS, total.sum);
    return total.sum == TASKS * (TASKS + 1L) / 2 ? 0 : 1;
}
