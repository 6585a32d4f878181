/* Stackless tasks (sched/poll.h): wakes, the last poll, and the copy that goes with the last handle.
 *
 * The state is plain, so polls that overlap, or one that does not see the former or its waker, are data races. Flags
 * are relaxed: they tell what to expect, and order nothing. Edges task.state, task.refs, runtime.phase. What a lost
 * wake or a lost cancellation leaves behind is a task that has not ended.
 *
 * Final states:
 *     wake against a poll          the task has ended; no poll after that
 *     cancel against wake          it has ended by either; -EALREADY only if it was ready before
 *     the end against a poll       one last poll
 *     spawn against the end        0 and one last poll; or -ESHUTDOWN and no poll, and the copy is freed
 *     handles against the end      the copy is freed once, by the last of them */
#define _GNU_SOURCE
#include "tests/model/task.h"

static struct pawl_waker waker;
static atomic_bool go;      /* relaxed */
static unsigned written[2]; /* plain: by who wakes, before that */

/* Plain, the task's own. */
static struct state {
    unsigned polls, last_polls;
    bool ended;
} mine;

static bool may_go(void)
{
    return atomic_load_explicit(&go, memory_order_relaxed);
}

static enum pawl_poll end_with(enum pawl_poll poll)
{
    mine.ended = poll == PAWL_READY;
    return poll;
}

/* Its first poll is the set-up's. */
static enum pawl_poll wait_to_go(struct pawl_context *cx, void *state)
{
    MODEL_ASSERT(state == &mine && !mine.ended);
    if (++mine.polls == 1)
        pawl_waker_from(&waker, cx);
    mine.last_polls += pawl_context_cancelled(cx);
    return end_with(pawl_context_cancelled(cx) || may_go() ? PAWL_READY : PAWL_PENDING);
}

static void spawn_pending(int workers, pawl_poll_fn *poll)
{
    build(workers);
    MODEL_ASSERT(pawl_spawn_poll(rt, poll, &mine, &task) == 0);
    work(be_worker(0));
    MODEL_ASSERT(mine.polls == 1 && !mine.ended);
    be_plain();
}

static void end_all(void)
{
    work(be_worker(0));
    if (rt->worker_count > 1)
        work(be_worker(1));
    be_plain();
    MODEL_ASSERT(mine.ended && task_life(task) == TASK_FINISHED);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    pawl_detach(task);
    tear_down();
}

static void work_as_worker(void *unused)
{
    (void)unused;
    work(be_worker(0));
    be_plain();
}

/* ---- wakes ---- */

/* From the second poll on it was woken: so it sees what was written before. */
static enum pawl_poll wait_to_be_woken(struct pawl_context *cx, void *state)
{
    MODEL_ASSERT(mine.polls == 0 || written[0] == 1);
    return wait_to_go(cx, state);
}

static void wake_twice(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_waker_wake(&waker);
    atomic_store_explicit(&go, true, memory_order_relaxed);
    pawl_waker_wake(&waker);
}

static void wake_meets_poll(void)
{
    spawn_pending(1, wait_to_be_woken);
    run_two(work_as_worker, wake_twice);
    work(be_worker(0));
    model_outcome("%u polls", mine.polls);
    end_all();
}

/* A poll that was woken from another worker runs there, while the former is still on its way out. */
static void wake_and_work_as_other(void *unused)
{
    struct worker *worker = be_worker(1);
    wake_twice(unused);
    work(worker);
    be_plain();
}

static void polls_on_two_workers(void)
{
    spawn_pending(2, wait_to_go);
    pawl_waker_wake(&waker);
    run_two(work_as_worker, wake_and_work_as_other);
    end_all();
}

/* ---- the last poll ---- */

static void wake_once(void *unused)
{
    (void)unused;
    atomic_store_explicit(&go, true, memory_order_relaxed);
    pawl_waker_wake(&waker);
}

static void cancel_it(void *unused)
{
    (void)unused;
    answer[0] = pawl_task_cancel(task);
}

static void cancel_meets_wake(void)
{
    spawn_pending(1, wait_to_go);
    run_three(work_as_worker, cancel_it, wake_once);
    work(be_worker(0));
    MODEL_ASSERT(answer[0] == 0 || (answer[0] == -EALREADY && mine.last_polls == 0));
    model_outcome("%s%s", name_of(answer[0]), mine.last_polls == 1 ? ", last poll" : "");
    end_all();
}

static void cancel_meets_poll(void)
{
    spawn_pending(1, wait_to_go);
    pawl_waker_wake(&waker); /* for no reason */
    run_two(work_as_worker, cancel_it);
    work(be_worker(0));
    MODEL_ASSERT(answer[0] == 0 && mine.last_polls == 1);
    end_all();
}

static void cancel_all(void *unused)
{
    (void)unused;
    cancel_everything(rt);
}

static void end_meets_poll(void)
{
    spawn_pending(1, wait_to_go);
    pawl_waker_wake(&waker);
    run_two(work_as_worker, cancel_all);
    work(be_worker(0));
    MODEL_ASSERT(mine.last_polls == 1);
    end_all();
}

/* Of a copy that does not fit into the header. */
struct large {
    unsigned polls;
    unsigned char more[2 * TASK_ROOM_SIZE];
};

static enum pawl_poll wait_for_end(struct pawl_context *cx, void *state)
{
    ((struct large *)state)->polls++;
    mine.last_polls += pawl_context_cancelled(cx);
    return pawl_context_cancelled(cx) ? PAWL_READY : PAWL_PENDING;
}

static void *spawn_child(void *arg)
{
    static const struct large large;
    answer[0] = pawl_spawn_poll_copy(NULL, wait_for_end, &large, sizeof large, NULL);
    return arg;
}

static void spawn_meets_end(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, spawn_child, NULL, NULL) == 0);
    run_two(work_as_worker, cancel_all);
    work(be_worker(0));
    MODEL_ASSERT(answer[0] == (mine.last_polls == 1 ? 0 : -ESHUTDOWN));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* ---- handles ---- */

static enum pawl_poll count_poll(struct pawl_context *cx, void *state)
{
    ((struct large *)state)->polls++;
    pawl_waker_from(&waker, cx);
    return PAWL_READY;
}

static void drop_waker(void *unused)
{
    (void)unused;
    pawl_waker_drop(&waker);
}

static void join_and_read(void *unused)
{
    void *value;
    (void)unused;
    MODEL_ASSERT(pawl_join(task, &value) == 0);
    const struct large *large = value;
    MODEL_ASSERT(large->polls == 1);
    pawl_detach(task);
}

static void spawn_large(void)
{
    static const struct large large;
    build(1);
    MODEL_ASSERT(pawl_spawn_poll_copy(rt, count_poll, &large, sizeof large, &task) == 0);
}

static void join_meets_end(void)
{
    spawn_large();
    pawl_task_ref(task);
    run_two(work_as_worker, join_and_read);
    pawl_waker_drop(&waker);
    tear_down();
}

static void handles_meet(void)
{
    spawn_large();
    pawl_task_ref(task);
    work_as_worker(NULL);
    run_two(join_and_read, drop_waker);
    tear_down();
}

/* ---- whole runtimes ---- */

static void start(void)
{
    rt->workers[0].until_clock = rt->workers[0].clock_interval = 1;
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

static void whole_wake(void)
{
    spawn_pending(1, wait_to_go);
    start();
    wake_once(NULL);
    void *value;
    MODEL_ASSERT(pawl_join(task, &value) == 0 && value == &mine && mine.ended && mine.last_polls == 0);
    destroy();
    pawl_waker_drop(&waker);
}

static void whole_end(void)
{
    spawn_pending(1, wait_to_go);
    start();
    unsigned t = model_spawn(cancel_it, NULL);
    destroy();
    model_join(t);
    MODEL_ASSERT(mine.ended && mine.last_polls == 1);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    pawl_detach(task);
}

SCENARIO(wake_meets_poll, "a stackless task is woken twice", ONLY("2 polls", "3 polls"))
SCENARIO(polls_on_two_workers, "the same, from another worker, where it goes on", .outcomes = NULL)
SCENARIO(cancel_meets_wake, "it is cancelled and woken", ONLY("0, last poll", "0", "EALREADY"))
SCENARIO(cancel_meets_poll, "it is cancelled while it is polled", .outcomes = NULL)
SCENARIO(end_meets_poll, "everything is cancelled while it is polled", .outcomes = NULL)
SCENARIO(spawn_meets_end, "a task spawns one as everything is cancelled", ONLY("0", "ESHUTDOWN"))
SCENARIO(join_meets_end, "its copied state is read as it ends", .outcomes = NULL)
SCENARIO(handles_meet, "its last two references are given up at once", .outcomes = NULL)
SCENARIO(whole_wake, "it is woken in a whole runtime", .bound = 1)
SCENARIO(whole_end, "it is cancelled as its whole runtime goes", .bound = 2, .expirations = 2)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&wake_meets_poll_,
                                                             &polls_on_two_workers_,
                                                             &cancel_meets_wake_,
                                                             &cancel_meets_poll_,
                                                             &end_meets_poll_,
                                                             &spawn_meets_end_,
                                                             &join_meets_end_,
                                                             &handles_meet_,
                                                             &whole_wake_,
                                                             &whole_end_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
