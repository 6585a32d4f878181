/* Wakers, permits and waiters: who may wake a task, when, and what of it is touched last (sched/join.c, sched/waiter.c,
 * sched/sleep.c). Edges task.state, task.refs, waiter.granted, rcu.grace. The waiters are in waiter.c.
 *
 * The runtime is built by hand; a thread plays its worker. A task that is never woken has not ended when all threads
 * have. A header that does not come back keeps its slab from being freed: a leak. A waiter is memory that is freed as
 * soon as the wait has returned.
 *
 * Final states:
 *     wake against suspend           0, once; what the waker wrote is visible
 *     two wakes                      one suspension ended, and a permit is left or not
 *     wake against cancel            0 or -ECANCELED; 0 if the permit was there before the task was woken
 *     wake against a deadline        0, or -ETIMEDOUT and the permit is kept for the next suspension
 *     wake after the end             nothing, also to whoever has the header's neighbour, or when the runtime is gone
 *     grant against giving up        each grant is received by exactly one that waited
 *     grant against the end of all   the granter touches the waiter, the task and the runtime for as long as they live
 */
#define _GNU_SOURCE
#include "tests/model/waker.h"

/* ---- threads ---- */

static void wake_other(void *unused)
{
    (void)unused;
    written[1] = 1;
    pawl_waker_wake(&second);
}

static void drop(void *unused)
{
    (void)unused;
    pawl_waker_drop(&waker);
}

static void drop_other(void *unused)
{
    (void)unused;
    pawl_waker_drop(&second);
}

/* The clone outlives what it was made from. */
static void clone_and_drop(void *unused)
{
    struct pawl_waker clone;
    (void)unused;
    pawl_waker_clone(&clone, &waker);
    pawl_waker_drop(&waker);
    pawl_waker_drop(&clone);
}

/* ---- tasks ---- */

/* Its first step makes the wakers; the second one is a thread's to run. */
static void *suspend_once(void *arg)
{
    pawl_self_waker(&waker);
    pawl_waker_clone(&second, &waker);
    MODEL_ASSERT(pawl_yield() == 0);
    answer[0] = pawl_suspend_until(PAWL_NEVER);
    ended++;
    return arg;
}

/* It has ended, and its header is kept by the wakers alone. */
static void check_references(void)
{
    struct pawl_task *task = (struct pawl_task *)waker.pawl_private[0];
    uint64_t count = 1 + (second.pawl_private[0] != 0);
    uint64_t state = load_relaxed_u64(&task->state); /* relaxed: all have done */
    MODEL_ASSERT(state / TASK_REF == count && (state & TASK_LIFE_MASK) == TASK_FINISHED);
}

static void end_all(void)
{
    finish_work();
    check_references();
    pawl_waker_drop(&waker);
    pawl_waker_drop(&second);
    tear_down();
}

/* ---- wakes and permits ---- */

static void *suspend_for_first(void *arg)
{
    suspend_once(arg);
    MODEL_ASSERT(answer[0] != 0 || written[0] == 1);
    return arg;
}

static bool permit_left(void)
{
    struct pawl_task *task = (struct pawl_task *)waker.pawl_private[0];
    return (load_relaxed_u64(&task->state) & TASK_PERMIT) != 0;
}

static void wake_meets_suspend(void)
{
    start_task(suspend_for_first);
    run_two(work_as_worker, wake);
    finish_work();
    MODEL_ASSERT(answer[0] == 0 && !permit_left());
    end_all();
}

static void two_wakes_meet_suspend(void)
{
    suspend_task(suspend_once);
    run_three(work_as_worker, wake, wake_other);
    finish_work();
    MODEL_ASSERT(answer[0] == 0);
    model_outcome("permit %s", permit_left() ? "left" : "taken");
    end_all();
}

/* Woken again and again, it does not miss the last time. */
static atomic_uint sent;

static void *suspend_until_sent(void *arg)
{
    pawl_self_waker(&waker);
    while (atomic_load_explicit(&sent, memory_order_relaxed) < 2)
        MODEL_ASSERT(pawl_suspend_until(PAWL_NEVER) == 0);
    ended++;
    return arg;
}

static void send_twice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed);
        pawl_waker_wake(&waker);
    }
}

static void send_once(void *unused)
{
    (void)unused;
    atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed);
    pawl_waker_wake(&waker);
}

static void many_wakes(void)
{
    suspend_task(suspend_until_sent);
    run_two(work_as_worker, send_twice);
    end_all();
}

static void many_wakes_by_two(void)
{
    suspend_task(suspend_until_sent);
    run_three(work_as_worker, send_once, send_once);
    end_all();
}

/* By a task on another worker: within the runtime there is no read section. */
static void *wake_from_task(void *arg)
{
    wake(NULL);
    return arg;
}

static void work_as_other(void *unused)
{
    (void)unused;
    work(be_worker(1));
    be_plain();
}

static void wake_across_workers(void)
{
    struct pawl_task_options o;
    pawl_task_options_init(&o);
    build(2);
    o.worker = 0;
    MODEL_ASSERT(pawl_spawn_with(rt, &o, suspend_for_first, NULL, NULL) == 0);
    struct worker *worker = be_worker(0);
    run(worker, next_task(worker));
    be_plain();
    o.worker = 1;
    MODEL_ASSERT(pawl_spawn_with(rt, &o, wake_from_task, NULL, NULL) == 0);
    run_two(work_as_worker, work_as_other);
    finish_work();
    MODEL_ASSERT(answer[0] == 0 && !permit_left());
    end_all();
}

/* It suspends straight to another task, on whose stack it is published, and goes on elsewhere meanwhile. */
static void *yield_once(void *arg)
{
    MODEL_ASSERT(pawl_yield() == 0);
    return arg;
}

static void wake_and_work(void *unused)
{
    struct worker *worker = be_worker(1);
    wake(unused);
    work(worker);
    be_plain();
}

static void wake_meets_direct_switch(void)
{
    build(2);
    struct worker *worker = be_worker(0);
    MODEL_ASSERT(pawl_spawn(rt, suspend_for_first, NULL, NULL) == 0 && pawl_spawn(rt, yield_once, NULL, NULL) == 0);
    for (unsigned i = 0; i < 2; i++) {
        struct pawl_task *next = next_task(worker);
        worker->until_inject = 1; /* so that it leaves for home */
        run(worker, next);
    }
    worker->until_inject = WORKER_INJECT_INTERVAL;
    be_plain();
    run_two(work_as_worker, wake_and_work);
    finish_work();
    MODEL_ASSERT(answer[0] == 0 && !permit_left());
    end_all();
}

/* ---- against cancellation and deadlines ---- */

static void wake_then_cancel(void *unused)
{
    wake(unused);
    cancel();
}

static void cancel_then_wake(void *unused)
{
    cancel();
    wake(unused);
}

static void suspended_meets(void (*thread)(void *))
{
    suspend_task(suspend_for_first);
    run_two(work_as_worker, thread);
    finish_work();
    model_outcome("%s", name_of(answer[0]));
    end_all();
}

static void wake_wins(void)
{
    suspended_meets(wake_then_cancel);
}

static void wake_meets_cancel(void)
{
    suspended_meets(cancel_then_wake);
}

/* The permit that comes after the deadline is for the next time. The alarm lies on the stack, which is overwritten as
 * soon as the task goes on. */
static __attribute__((noipa)) void fill(uint64_t *memory, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        memory[i] = i;
}

static __attribute__((noipa)) void overwrite_stack(void)
{
    uint64_t waste[64];
    fill(waste, 64);
}

static void *suspend_for_a_while(void *arg)
{
    pawl_self_waker(&waker);
    answer[0] = pawl_suspend_until(pawl_now(NULL) + PAWL_MS(1));
    overwrite_stack();
    MODEL_ASSERT(answer[0] == 0 || answer[0] == -ETIMEDOUT);
    if (answer[0] != 0)
        MODEL_ASSERT(pawl_suspend_until(PAWL_NEVER) == 0);
    MODEL_ASSERT(written[0] == 1);
    ended++;
    return arg;
}

static uint64_t far; /* a tick at which everything is due */

static void turn(struct worker *worker)
{
    pawl__worker_begin_round(worker);
    pawl__shard_turn(worker->shard, far);
    pawl__worker_end_round(worker);
}

static void turn_and_work(void *unused)
{
    struct worker *worker = be_worker(0);
    (void)unused;
    turn(worker);
    work(worker);
    be_plain();
}

static void prepare_deadline(void)
{
    suspend_task(suspend_for_a_while);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1));
}

static void wake_meets_deadline(void)
{
    prepare_deadline();
    run_two(turn_and_work, wake);
    finish_work();
    model_outcome("%s", name_of(answer[0]));
    end_all();
}

/* The alarm rings on one worker while the task goes on on another one. */
static void turn_elsewhere(void *unused)
{
    struct worker *worker = be_worker(1);
    (void)unused;
    pawl__worker_begin_round(worker);
    pawl__shard_turn(rt->workers[0].shard, far);
    pawl__worker_end_round(worker);
    work(worker);
    be_plain();
}

static void wake_meets_deadline_elsewhere(void)
{
    build(2);
    MODEL_ASSERT(pawl_spawn(rt, suspend_for_a_while, NULL, NULL) == 0);
    work_as_worker(NULL);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1));
    wake(NULL);
    run_two(turn_elsewhere, work_as_worker);
    finish_work();
    MODEL_ASSERT(answer[0] == 0);
    end_all();
}

/* ---- wakers that outlive ---- */

static void *end_at_once(void *arg)
{
    pawl_self_waker(&waker);
    pawl_waker_clone(&second, &waker);
    MODEL_ASSERT(pawl_yield() == 0);
    ended++;
    return arg;
}

static void end_meets(void (*thread)(void *), void (*other)(void *))
{
    start_task(end_at_once);
    run_three(work_as_worker, thread, other);
    finish_work();
    tear_down();
}

static void drops_meet_end(void)
{
    end_meets(drop, drop_other);
}

static void wake_meets_end(void)
{
    start_task(end_at_once);
    pawl_waker_drop(&second);
    run_two(work_as_worker, wake_and_drop);
    finish_work();
    tear_down();
}

static void clone_meets_end(void)
{
    end_meets(clone_and_drop, drop_other);
}

/* As its runtime goes, which may be at once after its end. */
static void destroy_meets(void (*thread)(void *), void (*other)(void *))
{
    start_task(end_at_once);
    run_three(work_and_destroy, thread, other);
    MODEL_ASSERT(ended == 1);
}

static void drops_meet_destroy(void)
{
    destroy_meets(drop, drop_other);
}

static void wake_meets_destroy(void)
{
    start_task(end_at_once);
    pawl_waker_drop(&second);
    run_two(work_and_destroy, wake_and_drop);
    MODEL_ASSERT(ended == 1);
}

static void clone_meets_destroy(void)
{
    start_task(end_at_once);
    pawl_waker_drop(&second);
    run_two(work_and_destroy, clone_and_drop);
    MODEL_ASSERT(ended == 1);
}

/* The waking may queue the task, which ends, and its runtime goes while the waker looks for somebody to run it. */
static void last_wake_meets_destroy(void)
{
    suspend_task(suspend_once);
    pawl_waker_drop(&second);
    run_two(work_and_destroy, wake_and_drop);
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
}

static void spawn_next(void *unused)
{
    struct worker *worker = be_worker(0);
    (void)unused;
    work(worker); /* the former one ends */
    MODEL_ASSERT(pawl_spawn(rt, suspend_as_next, NULL, NULL) == 0);
    work(worker);
    be_plain();
    MODEL_ASSERT(ended == 1);
}

static void stale_wake_meets_next_task(void)
{
    start_task(end_at_once);
    pawl_waker_drop(&second);
    run_two(spawn_next, wake_and_drop);
    MODEL_ASSERT(ended == 1); /* it is still suspended, without a permit */
    wake_other(NULL);
    work_as_worker(NULL);
    MODEL_ASSERT(ended == 2 && answer[1] == 0);
    pawl_waker_drop(&second);
    tear_down();
}

SCENARIO(wake_meets_suspend, "a task is woken before or as it suspends", .outcomes = NULL)
SCENARIO(two_wakes_meet_suspend, "the same, by two", ONLY("permit left", "permit taken"))
SCENARIO(many_wakes, "a task is woken again and again", .outcomes = NULL)
SCENARIO(many_wakes_by_two, "the same, by two", .outcomes = NULL)
SCENARIO(wake_across_workers, "a task is woken by one on another worker", .outcomes = NULL)
SCENARIO(wake_meets_direct_switch, "a task is woken as it suspends straight to another", .outcomes = NULL)
SCENARIO(wake_wins, "a suspended task is woken, then cancelled", ONLY("0"))
SCENARIO(wake_meets_cancel, "a suspended task is cancelled, then woken", ONLY("0", "ECANCELED"))
SCENARIO(wake_meets_deadline, "a task is woken as its deadline passes", ONLY("0", "ETIMEDOUT"))
SCENARIO(wake_meets_deadline_elsewhere, "the alarm rings on one worker as the task goes on on another",
         .outcomes = NULL)
SCENARIO(drops_meet_end, "two wakers are dropped as the task ends", .outcomes = NULL)
SCENARIO(wake_meets_end, "a task is woken as it ends", .outcomes = NULL)
SCENARIO(clone_meets_end, "a waker is cloned and dropped as the task ends", .outcomes = NULL)
SCENARIO(drops_meet_destroy, "two wakers are dropped as the runtime goes", .outcomes = NULL)
SCENARIO(wake_meets_destroy, "a task that ends is woken as its runtime goes", .outcomes = NULL)
SCENARIO(clone_meets_destroy, "a waker is cloned and dropped as the runtime goes", .outcomes = NULL)
SCENARIO(last_wake_meets_destroy, "a task is woken, ends, and its runtime goes", .outcomes = NULL)
SCENARIO(stale_wake_meets_next_task, "a task that has ended is woken as its worker spawns", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &wake_meets_suspend_, &two_wakes_meet_suspend_, &many_wakes_, &many_wakes_by_two_, &wake_across_workers_,
        &wake_meets_direct_switch_, &wake_wins_, &wake_meets_cancel_, &wake_meets_deadline_,
        &wake_meets_deadline_elsewhere_, &drops_meet_end_, &wake_meets_end_, &clone_meets_end_, &drops_meet_destroy_,
        &wake_meets_destroy_, &clone_meets_destroy_, &last_wake_meets_destroy_, &stale_wake_meets_next_task_, NULL};
    return model_main(argc, argv, scenarios);
}
