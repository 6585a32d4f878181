/* Timeouts: the alarm of a frame against what else may happen to the task. Edges timer.cell and task.state.
 *
 * The runtime is built by hand. One thread turns the shard of the first worker, where the frame's alarm is, as the
 * second worker would, and runs what that made ready; another does something to the task and runs it as the first
 * worker. Whoever ends the frame overwrites the stack at once: an alarm that was still to be touched shows as a data
 * race, or as a broken shard.
 *
 * Final states, the call's answer and that of the pawl_timeout around it:
 *     alarm against a wake           0, 0; or cut: ETIMEDOUT, ETIMEDOUT
 *     against the end                0, 0
 *     against cancellation           cut by one of the two, both say by which
 *     outer alarm against the end    0, 0, 0; or cut by it in the inner one (ETIMEDOUT, 0, ETIMEDOUT) or behind it
 *     against the shards' closing    0, 0 in a shield: woken, or not before its time
 *     against a grant                granted, or ETIMEDOUT, and the permit is still there */
#define _GNU_SOURCE
#include "tests/model/waker.h"

#include <pawl/sync.h>

static uint64_t far; /* a tick at which everything is due */
static struct pawl_task *task;
static int outer_answer;

static __attribute__((noipa)) void fill(uint64_t *memory, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        memory[i] = i;
}

static __attribute__((noipa)) void overwrite_stack(void)
{
    uint64_t waste[128];
    fill(waste, 128);
}

/* ---- threads ---- */

/* As the second worker, which has the driver. */
static void ring_and_work(void *unused)
{
    struct worker *worker = be_worker(1);
    (void)unused;
    pawl__worker_begin_round(worker);
    pawl__shard_turn(rt->workers[0].shard, far);
    pawl__worker_end_round(worker);
    work(worker);
    be_plain();
}

static void wake_and_work(void *unused)
{
    wake(unused);
    work_as_worker(unused);
}

static void cancel_and_work(void *unused)
{
    MODEL_ASSERT(pawl_task_cancel(task) == 0 || (task_life(task) == TASK_FINISHED && answer[1] == -ETIMEDOUT));
    work_as_worker(unused);
}

static void close_and_work(void *unused)
{
    struct worker *worker = be_worker(1);
    (void)unused;
    close_shards(worker);
    work(worker);
    be_plain();
}

/* ---- tasks ---- */

static void *suspend(void *arg)
{
    answer[0] = pawl_suspend_until(PAWL_NEVER);
    MODEL_ASSERT(answer[0] != 0 || written[0] == 1);
    return arg;
}

static void *suspend_in_timeout(void *arg)
{
    void *value;
    pawl_self_waker(&waker);
    answer[1] = pawl_timeout(PAWL_MS(1), suspend, &written, &value);
    overwrite_stack();
    MODEL_ASSERT(value == &written && answer[1] == answer[0]);
    ended++;
    return arg;
}

static void *suspend_in_two(void *arg)
{
    answer[1] = pawl_timeout(PAWL_MS(2), suspend, arg, NULL);
    overwrite_stack();
    MODEL_ASSERT(answer[1] == 0); /* its deadline is the later one */
    int error = pawl_yield();
    MODEL_ASSERT(answer[0] == 0 || error == answer[0]);
    return arg;
}

static void *suspend_in_outer(void *arg)
{
    pawl_self_waker(&waker);
    outer_answer = pawl_timeout(PAWL_MS(1), suspend_in_two, arg, NULL);
    overwrite_stack();
    ended++;
    return arg;
}

static void *return_at_once(void *arg)
{
    return arg;
}

static void *end_in_timeout(void *arg)
{
    answer[0] = pawl_timeout(PAWL_MS(1), return_at_once, arg, NULL);
    overwrite_stack();
    ended++;
    return arg;
}

static void *suspend_shielded(void *arg)
{
    pawl_shield_begin();
    suspend_in_timeout(arg);
    pawl_shield_end();
    return arg;
}

/* ---- scenarios ---- */

static void prepare(pawl_task_fn *fn)
{
    build(2);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1));
    MODEL_ASSERT(pawl_spawn(rt, fn, NULL, &task) == 0);
}

/* It waits in the frame. */
static void prepare_waiting(pawl_task_fn *fn)
{
    prepare(fn);
    work_as_worker(NULL);
}

static void finish_all(void)
{
    ring_and_work(NULL);
    work_as_worker(NULL);
    MODEL_ASSERT(ended == 1);
    pawl_detach(task);
    if (waker.pawl_private[0] != 0)
        pawl_waker_drop(&waker);
    tear_down();
}

static void alarm_meets_wake(void)
{
    prepare_waiting(suspend_in_timeout);
    run_two(ring_and_work, wake);
    work_as_worker(NULL);
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    finish_all();
}

static void alarm_meets_end(void)
{
    prepare_waiting(suspend_in_timeout);
    run_two(ring_and_work, wake_and_work);
    work_as_worker(NULL);
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    finish_all();
}

static void alarm_meets_whole_frame(void)
{
    prepare(end_in_timeout);
    run_two(ring_and_work, work_as_worker);
    MODEL_ASSERT(answer[0] == 0);
    finish_all();
}

static void alarm_meets_cancel(void)
{
    prepare_waiting(suspend_in_timeout);
    run_two(ring_and_work, cancel_and_work);
    work_as_worker(NULL);
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    finish_all();
}

static void outer_alarm_meets_end(void)
{
    prepare_waiting(suspend_in_outer);
    run_two(ring_and_work, wake_and_work);
    work_as_worker(NULL);
    model_outcome("%s %s %s", name_of(answer[0]), name_of(answer[1]), name_of(outer_answer));
    finish_all();
}

static void closing_meets_end(void)
{
    prepare_waiting(suspend_shielded);
    run_two(close_and_work, wake_and_work);
    work_as_worker(NULL);
    MODEL_ASSERT(answer[1] == 0);
    finish_all();
}

/* ---- waits that are granted ---- */

static struct pawl_semaphore semaphore = PAWL_SEMAPHORE_INITIALIZER(0);

static void release_one(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_semaphore_release(&semaphore, 1);
}

static void *acquire_in_time(void *arg)
{
    answer[0] = pawl_semaphore_acquire_until(&semaphore, 1, pawl_now(rt) + PAWL_MS(1));
    overwrite_stack();
    MODEL_ASSERT(answer[0] != 0 || written[0] == 1);
    ended++;
    return arg;
}

static void *acquire(void *arg)
{
    answer[0] = pawl_semaphore_acquire(&semaphore, 1);
    return arg;
}

static void *acquire_in_timeout(void *arg)
{
    answer[1] = pawl_timeout(PAWL_MS(1), acquire, arg, NULL);
    overwrite_stack();
    MODEL_ASSERT(answer[1] == answer[0] && (answer[0] != 0 || written[0] == 1));
    ended++;
    return arg;
}

static void meet_grant(pawl_task_fn *fn)
{
    prepare_waiting(fn);
    run_two(ring_and_work, release_one);
    work_as_worker(NULL);
    MODEL_ASSERT(pawl_semaphore_available(&semaphore) == (answer[0] != 0));
    model_outcome("%s", name_of(answer[0]));
    finish_all();
}

static void deadline_meets_grant(void)
{
    meet_grant(acquire_in_time);
}

static void alarm_meets_grant(void)
{
    meet_grant(acquire_in_timeout);
}

SCENARIO(alarm_meets_wake, "the alarm rings as the task is woken", ONLY("0 0", "ETIMEDOUT ETIMEDOUT"))
SCENARIO(alarm_meets_end, "the alarm rings as the task goes on and ends the frame", ONLY("0 0", "ETIMEDOUT ETIMEDOUT"))
SCENARIO(alarm_meets_whole_frame, "the alarm rings as the frame begins and ends", .outcomes = NULL)
SCENARIO(alarm_meets_cancel, "the alarm rings as the task is cancelled",
         ONLY("ECANCELED ECANCELED", "ETIMEDOUT ETIMEDOUT"))
SCENARIO(outer_alarm_meets_end, "the same, of a frame around it, whose deadline is nearer",
         ONLY("0 0 0", "0 0 ETIMEDOUT", "ETIMEDOUT 0 ETIMEDOUT"))
SCENARIO(deadline_meets_grant, "a wait's deadline comes as it is granted", ONLY("0", "ETIMEDOUT"))
SCENARIO(alarm_meets_grant, "the alarm rings as a wait is granted", ONLY("0", "ETIMEDOUT"))
SCENARIO(closing_meets_end, "the shards are closed as the task, shielded, goes on and ends the frame", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &alarm_meets_wake_,   &alarm_meets_end_,       &alarm_meets_whole_frame_,
        &alarm_meets_cancel_, &outer_alarm_meets_end_, &deadline_meets_grant_,
        &alarm_meets_grant_,  &closing_meets_end_,     NULL};
    return model_main(argc, argv, scenarios);
}
