/* Shutdown against everything else: P7, what was accepted is called exactly once and what is refused says so; P2, every
 * accepted timer gets exactly one outcome; nobody hangs, nothing leaks, nobody touches a runtime that is gone.
 *
 * Edges runtime.phase, runtime.quiet, counters.finished, registry.live, rcu.grace, task.state. In the first part the
 * runtime is built by hand and a thread each does what one worker, one plain thread or the one that shuts down does; in
 * the last part whole runtimes are shut down through the public calls, with the bound that their length leaves room
 * for.
 *
 * Arguments are memory that their owner frees: the function, if the call was accepted, else the caller.
 *
 * Final states:
 *     spawn against draining         0, run once; or -ESHUTDOWN, and only then may the drainer have seen no task
 *     spawn against cancelling       0, and the child has been cancelled; or -ESHUTDOWN
 *     arm against closing            0, called once with -ESHUTDOWN; or -ESHUTDOWN, not called
 *     cancel against closing         0, not called; or -EALREADY, called once with -ESHUTDOWN
 *     reset against closing          0 or -EALREADY; called once with -ESHUTDOWN
 *     wake, cancel, join             0, or for a task that has finished -EALREADY */
#include "tests/model/shutdown.h"

/* ---- spawning ---- */

static uint64_t left;

static void begin_draining(void *unused)
{
    (void)unused;
    enter_phase(rt, PHASE_DRAINING);
    left = pawl__runtime_live_tasks(rt);
}

static void spawn_meets_draining(void)
{
    build(1);
    run_two(spawn, begin_draining);
    MODEL_ASSERT(left > 0 || answer[0] == -ESHUTDOWN);
    work(be_worker(0));
    MODEL_ASSERT(answer[0] == (calls == 1 ? 0 : -ESHUTDOWN));
    model_outcome("%s, %u left", name_of(answer[0]), (unsigned)left);
    tear_down();
}

/* A task that was refused may have been counted by who waits for the last one. */
static void drain(void *unused)
{
    (void)unused;
    enter_phase(rt, PHASE_DRAINING);
    MODEL_ASSERT(await(rt, no_task_left, PAWL_NEVER));
}

static void spawn_and_run(void *unused)
{
    spawn(unused);
    if (answer[0] != 0)
        return;
    struct worker *worker = be_worker(0);
    work(worker);
    idle_announce(&rt->idle, 0, false);
    pawl__runtime_quiet(rt);
    MODEL_ASSERT(idle_claim(&rt->idle, 0, false));
}

static void draining_ends(void)
{
    build(1);
    run_two(spawn_and_run, drain);
    MODEL_ASSERT(answer[0] == (calls == 1 ? 0 : -ESHUTDOWN));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* Edge counters.finished: the tasks left are never 0 while there is one. The parent's worker counts the child, another
 * one runs it. */
static void *spawn_bound_child(void *unused)
{
    struct pawl_task_options o;
    (void)unused;
    pawl_task_options_init(&o);
    o.worker = 1;
    return pawl_spawn_with(NULL, &o, count_call, malloc(1), NULL) == 0 ? NULL : &calls;
}

static void work_as_first(void *unused)
{
    (void)unused;
    work(be_worker(0));
}

static void work_as_second(void *unused)
{
    struct worker *worker = be_worker(1);
    (void)unused;
    while (load_acquire_u64(&worker->inbox_count) == 0)
        model_yield();
    work(worker);
}

static void count_tasks(void *unused)
{
    (void)unused;
    left = pawl__runtime_live_tasks(rt);
    MODEL_ASSERT(left > 0 || calls == 1);
}

static void counting(void)
{
    build(2);
    MODEL_ASSERT(pawl_spawn(rt, spawn_bound_child, NULL, NULL) == 0);
    unsigned t = model_spawn(work_as_first, NULL), u = model_spawn(work_as_second, NULL),
             v = model_spawn(count_tasks, NULL);
    model_join(t);
    model_join(u);
    model_join(v);
    MODEL_ASSERT(calls == 1);
    tear_down();
}

static void cancel_tasks(void *unused)
{
    (void)unused;
    enter_phase(rt, PHASE_CANCELLING);
    pawl__slab_visit(rt->tasks, kick, rt);
}

static void check_child(void)
{
    work(be_worker(0));
    MODEL_ASSERT(answer[0] == (calls == 1 ? 0 : -ESHUTDOWN));
    MODEL_ASSERT(calls == 0 || answer[1] == -ESHUTDOWN);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void spawn_meets_cancelling(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, spawn_child, NULL, NULL) == 0);
    run_two(work_as_first, cancel_tasks);
    check_child();
}

/* The walk comes to a header that is freed and given to another task. */
static void spawn_meets_walk(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, count_call, malloc(1), NULL) == 0); /* its header is free, and next in the cache */
    work(be_worker(0));
    calls = 0;
    MODEL_ASSERT(pawl_spawn(rt, spawn_child, NULL, NULL) == 0);
    be_plain();
    run_two(work_as_first, cancel_tasks);
    check_child();
}

/* The child's header is the first one of a new chunk. */
static void spawn_meets_walk_further(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, spawn_child, NULL, NULL) == 0);
    void *others[2 * SLAB_CHUNK_SIZE / TASK_SIZE];
    unsigned count = 0, room = (SLAB_CHUNK_SIZE - PAWL_CACHE_LINE) / TASK_SIZE;
    while (rt->tasks->carved % room != 0 || rt->tasks->free_count > 0)
        others[count++] = pawl__slab_alloc_shared(rt->tasks);
    run_two(work_as_first, cancel_tasks);
    while (count > 0)
        pawl__slab_free_shared(others[--count]);
    check_child();
}

/* ---- sleeping ---- */

static void sleep_meets_cancelling(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, sleep_long, NULL, NULL) == 0);
    run_two(work_as_first, cancel_tasks);
    work(be_worker(0));
    MODEL_ASSERT(calls == 1 && answer[0] == -ESHUTDOWN);
    tear_down();
}

/* From the walk on a task's calls look round, and do not wait: none wakes it again. */
static struct pawl_notify never;

static void *wait_twice(void *unused)
{
    (void)unused;
    calls++;
    for (unsigned i = 0; i < 2; i++)
        answer[i] = pawl_notify_wait(&never);
    return NULL;
}

static void check_waits(void)
{
    work(be_worker(0));
    MODEL_ASSERT(calls == 1 && answer[0] == -ESHUTDOWN && answer[1] == -ESHUTDOWN);
    pawl_notify_fini(&never);
    tear_down();
}

static void wait_meets_cancelling(void)
{
    build(1);
    MODEL_ASSERT(pawl_notify_init(&never) == 0 && pawl_spawn(rt, wait_twice, NULL, NULL) == 0);
    run_two(work_as_first, cancel_tasks);
    check_waits();
}

static void call_back_waits(void *unused, int why)
{
    (void)why;
    wait_twice(unused);
}

static void fire_and_work(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    pawl__worker_begin_round(worker);
    pawl__shard_turn(rt->ports[0].shard, clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1)));
    pawl__worker_end_round(worker);
    work(worker);
}

/* A timer's task starts even behind the walk's back. */
static void start_meets_cancelling(void)
{
    build(1);
    MODEL_ASSERT(pawl_notify_init(&never) == 0 && pawl_after(rt, PAWL_MS(1), call_back_waits, NULL, NULL) == 0);
    run_two(fire_and_work, cancel_tasks);
    check_waits();
}

/* Another worker closes the shards, before the walk over all headers. */
static void close_early(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(1);
    enter_phase(rt, PHASE_CANCELLING);
    close_shards(worker);
}

static void sleep_meets_closing(void)
{
    build(2);
    MODEL_ASSERT(pawl_spawn(rt, sleep_long, NULL, NULL) == 0);
    run_two(work_as_first, close_early);
    cancel_tasks(NULL);
    work(be_worker(0));
    work(be_worker(1));
    MODEL_ASSERT(calls == 1 && answer[0] == -ESHUTDOWN);
    tear_down();
}

/* A task that cleans up is not cut short: its alarm, which the closing completes, is set again. */
static void *sleep_shielded(void *unused)
{
    (void)unused;
    pawl_shield_begin();
    uint64_t until_ns = pawl_now(NULL) + PAWL_MS(1);
    answer[0] = pawl_sleep_until(until_ns);
    MODEL_ASSERT(pawl_now(NULL) >= until_ns); /* P5 */
    pawl_shield_end();
    calls++;
    return NULL;
}

static void shielded_sleep_meets_closing(void)
{
    build(2);
    MODEL_ASSERT(pawl_spawn(rt, sleep_shielded, NULL, NULL) == 0);
    run_two(work_as_first, close_early);
    cancel_tasks(NULL);
    work(be_worker(0));
    work(be_worker(1));
    MODEL_ASSERT(calls == 0);
    model_time_advance(PAWL_MS(3));
    struct worker *worker = be_worker(0);
    pawl__driver_turn(&rt->driver, clock_now_ns(&rt->clock), false);
    work(worker);
    MODEL_ASSERT(calls == 1 && answer[0] == 0);
    tear_down();
}

/* ---- timers in the caller's memory ---- */

static void cancel_sync(void *unused)
{
    (void)unused;
    answer[0] = pawl_timer_cancel_sync(&timer);
    /* plain: the callback has ended, or will not run, and what it did is visible */
    MODEL_ASSERT(answer[0] == (calls == 1 ? -EALREADY : 0));
}

static void reset_earlier(void *unused)
{
    (void)unused;
    answer[0] = pawl_timer_reset(&timer, monotonic_now_ns() + PAWL_SEC(1));
}

static void reset_later(void *unused)
{
    (void)unused;
    answer[0] = pawl_timer_reset(&timer, PAWL_NEVER);
}

static void look(void *unused)
{
    (void)unused;
    enum pawl_timer_state state = pawl_timer_state(&timer);
    MODEL_ASSERT(state == PAWL_TIMER_PENDING || state == PAWL_TIMER_FIRING || state == PAWL_TIMER_SHUTDOWN);
    answer[0] = -(int)state;
}

static void close_all(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    enter_phase(rt, PHASE_DRAINING);
    enter_phase(rt, PHASE_CANCELLING);
    close_shards(worker);
    work(worker);
    be_plain();
}

/* The rest of pawl_runtime_destroy, for a runtime without threads. */
static void destroy_stopped(void)
{
    be_plain();
    MODEL_ASSERT(shards_closed(rt));
    store_seq_cst_u32(&rt->phase, PHASE_STOPPED);
    MODEL_ASSERT(pawl_runtime_destroy(rt) == 0);
}

static void close_and_destroy(void *unused)
{
    close_all(unused);
    destroy_stopped();
}

static void arm_meets_closing(void)
{
    build(1);
    pawl_timer_init(&timer, timer_called, NULL);
    run_two(arm, close_all);
    MODEL_ASSERT(shards_closed(rt) && calls == (answer[0] == 0));
    MODEL_ASSERT(pawl_timer_state(&timer) == (calls == 1 ? PAWL_TIMER_SHUTDOWN : PAWL_TIMER_IDLE));
    check_timer();
    tear_down();
}

static void armed_meets(void (*thread)(void *), void (*other)(void *))
{
    build(1);
    pawl_timer_init(&timer, timer_called, NULL);
    arm(NULL);
    MODEL_ASSERT(answer[0] == 0);
    run_two(thread, other);
    check_timer();
}

static void cancel_meets_closing(void)
{
    armed_meets(cancel, close_all);
    tear_down();
}

static void cancel_meets_destroy(void)
{
    armed_meets(cancel, close_and_destroy);
}

static void cancel_sync_meets_destroy(void)
{
    armed_meets(cancel_sync, close_and_destroy);
}

static void reset_earlier_meets_destroy(void)
{
    armed_meets(reset_earlier, close_and_destroy);
    MODEL_ASSERT(calls == 1);
}

static void reset_later_meets_destroy(void)
{
    armed_meets(reset_later, close_and_destroy);
    MODEL_ASSERT(calls == 1);
}

static void state_meets_destroy(void)
{
    armed_meets(look, close_and_destroy);
    MODEL_ASSERT(calls == 1);
    model_outcome("%s", answer[0] == -PAWL_TIMER_PENDING  ? "pending"
                        : answer[0] == -PAWL_TIMER_FIRING ? "firing"
                                                          : "shut down");
}

/* Armed elsewhere, its former home is looked up, which may just be going. */
static struct pawl_runtime *other;

static void arm_elsewhere(void *unused)
{
    (void)unused;
    answer[0] = pawl_timer_arm(other, &timer, monotonic_now_ns() + PAWL_SEC(1000));
}

static void arm_elsewhere_meets_destroy(void)
{
    build(1);
    other = rt;
    armed_meets(arm_elsewhere, close_and_destroy);
    MODEL_ASSERT(calls == 1);
    MODEL_ASSERT(pawl_timer_cancel(&timer) == (answer[0] == 0 ? 0 : -EALREADY));
    rt = other;
    tear_down();
}

/* The list of runtimes is walked while another one is put in front. */
static void add_other(void *unused)
{
    (void)unused;
    other->id = pawl__registry_new_id(); /* plain, as all that is in it is */
    pawl__registry_add(other);
}

static void cancel_meets_another(void)
{
    build(1);
    pawl__registry_remove(rt);
    other = rt;
    armed_meets(cancel, add_other);
    MODEL_ASSERT(answer[0] == 0 && calls == 0);
    tear_down();
    rt = other;
    tear_down();
}

/* ---- tasks that others know ---- */

static void suspended_meets(void (*thread)(void *), void (*other_thread)(void *))
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, suspend, NULL, &handle) == 0);
    work(be_worker(0));
    be_plain();
    run_two(thread, other_thread);
    MODEL_ASSERT(calls == 1);
}

static void destroy_busy(void *unused)
{
    struct worker *worker = be_worker(0);
    cancel_tasks(unused);
    close_shards(worker);
    while (pawl__runtime_live_tasks(rt) != 0) {
        work(worker);
        if (pawl__runtime_live_tasks(rt) != 0)
            model_yield();
    }
    destroy_stopped();
}

static void wake_meets_destroy(void)
{
    suspended_meets(wake_and_drop, destroy_busy);
    MODEL_ASSERT(answer[1] == 0 || answer[1] == -ESHUTDOWN);
    model_outcome("%s", name_of(answer[1]));
    pawl_detach(handle);
}

static void task_cancel_meets_destroy(void)
{
    suspended_meets(cancel_task, destroy_busy);
    MODEL_ASSERT((answer[0] == 0 || answer[0] == -EALREADY) && answer[1] == -ESHUTDOWN);
    model_outcome("%s", name_of(answer[0]));
    pawl_waker_drop(&waker);
}

static void join(void *unused)
{
    void *result = NULL;
    (void)unused;
    answer[0] = pawl_join(handle, &result);
    MODEL_ASSERT(answer[0] == 0 && result == &calls && calls == 1);
}

static void join_meets_destroy(void)
{
    suspended_meets(join, destroy_busy);
    pawl_waker_drop(&waker);
}

/* ---- edge runtime.quiet: who waits for rest sleeps no longer than it takes ---- */

static void end_and_sleep(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    work(worker);
    idle_announce(&rt->idle, 0, false);
    pawl__runtime_quiet(rt);
}

static void await_end(void *unused)
{
    (void)unused;
    MODEL_ASSERT(await(rt, no_task_left, PAWL_NEVER) && calls == 1);
}

static void await_rest(void *unused)
{
    (void)unused;
    MODEL_ASSERT(await(rt, pawl__runtime_is_idle, PAWL_NEVER));
}

static void quiet(void (*who_waits)(void *))
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, count_call, malloc(1), NULL) == 0);
    run_two(end_and_sleep, who_waits);
    MODEL_ASSERT(idle_claim(&rt->idle, 0, false) && calls == 1);
    tear_down();
}

static void quiet_after_last_task(void)
{
    quiet(await_end);
}

static void quiet_when_all_sleep(void)
{
    quiet(await_rest);
}

/* A worker that sleeps while a blocking call of its task goes on is woken by its end, lets the task make another one,
 * and sleeps again: there is no moment at which all is at rest. */
static void block_again(void *unused)
{
    (void)unused;
    MODEL_ASSERT(idle_claim(&rt->idle, 0, false));
    fetch_add_seq_cst_u64(&rt->blocking.calls, UINT64_MAX);
    fetch_add_seq_cst_u64(&rt->blocking.calls, (UINT64_C(1) << 32) + 1);
    idle_announce(&rt->idle, 0, false);
    pawl__runtime_quiet(rt);
}

static void ask_whether_idle(void *unused)
{
    (void)unused;
    MODEL_ASSERT(!pawl__runtime_is_idle(rt));
}

static void never_quiet(void)
{
    build(1);
    fetch_add_seq_cst_u64(&rt->blocking.calls, (UINT64_C(1) << 32) + 1);
    idle_announce(&rt->idle, 0, false);
    run_two(block_again, ask_whether_idle);
    tear_down();
}

static void close_only(void *unused)
{
    (void)unused;
    close_shards(be_worker(0));
}

static void await_closed(void *unused)
{
    (void)unused;
    MODEL_ASSERT(await(rt, all_ended, PAWL_NEVER) && calls == 1);
}

static void quiet_after_closing(void)
{
    armed_meets(close_only, await_closed);
    tear_down();
}

SCENARIO(spawn_meets_draining, "a spawn from outside and the begin of draining",
         ONLY("0, 1 left", "ESHUTDOWN, 0 left", "ESHUTDOWN, 1 left"))
SCENARIO(draining_ends, "who drains waits for a task that is refused, or run", ONLY("0", "ESHUTDOWN"))
SCENARIO(counting, "a sum over the counters, while a task spawns another one and ends", .outcomes = NULL)
SCENARIO(spawn_meets_cancelling, "a task spawns a child, which suspends, as everything is cancelled", ONLY("0", "ESHUTDOWN"))
SCENARIO(spawn_meets_walk, "the same, with the child in a header that was free", ONLY("0", "ESHUTDOWN"))
SCENARIO(spawn_meets_walk_further, "the same, with the child in a new chunk of headers", ONLY("0", "ESHUTDOWN"))
SCENARIO(sleep_meets_cancelling, "a task goes to sleep as everything is cancelled", .outcomes = NULL)
SCENARIO(wait_meets_cancelling, "a task waits, and again, as everything is cancelled", .outcomes = NULL)
SCENARIO(start_meets_cancelling, "the same with a task that a timer starts", .outcomes = NULL)
SCENARIO(sleep_meets_closing, "a task goes to sleep as the shards are closed", .outcomes = NULL)
SCENARIO(shielded_sleep_meets_closing, "the same with a task that may finish its sleep", .outcomes = NULL)
SCENARIO(arm_meets_closing, "a timer is armed as the shards are closed", ONLY("0, called 1", "ESHUTDOWN, called 0"))
SCENARIO(cancel_meets_closing, "a timer is cancelled as the shards are closed", ONLY("0, called 0", "EALREADY, called 1"))
SCENARIO(cancel_meets_destroy, "a timer is cancelled as its runtime goes", ONLY("0, called 0", "EALREADY, called 1"))
SCENARIO(cancel_sync_meets_destroy, "the same, waiting", ONLY("0, called 0", "EALREADY, called 1"))
SCENARIO(reset_earlier_meets_destroy, "a timer is reset as its runtime goes", ONLY("0, called 1", "EALREADY, called 1"))
SCENARIO(reset_later_meets_destroy, "the same, to later", ONLY("0, called 1", "EALREADY, called 1"))
SCENARIO(state_meets_destroy, "a timer is asked about as its runtime goes", ONLY("pending", "firing", "shut down"))
SCENARIO(arm_elsewhere_meets_destroy, "a timer is armed in one runtime as its former one goes",
         ONLY("0, called 1", "EBUSY, called 1"))
SCENARIO(cancel_meets_another, "a timer is cancelled as another runtime comes", ONLY("0, called 0"))
SCENARIO(wake_meets_destroy, "a task is woken as its runtime goes", ONLY("0", "ESHUTDOWN"))
SCENARIO(task_cancel_meets_destroy, "a task is cancelled as its runtime goes", ONLY("0", "EALREADY"))
SCENARIO(join_meets_destroy, "a plain thread joins a task as its runtime goes", .outcomes = NULL)
SCENARIO(quiet_after_last_task, "who waits for the last task", .outcomes = NULL)
SCENARIO(quiet_when_all_sleep, "who waits for all to sleep", .outcomes = NULL)
SCENARIO(never_quiet, "one blocking call after the other is never rest", .outcomes = NULL)
SCENARIO(quiet_after_closing, "who waits for the shards to be closed", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &spawn_meets_draining_, &draining_ends_, &counting_, &spawn_meets_cancelling_, &spawn_meets_walk_,
        &spawn_meets_walk_further_, &sleep_meets_cancelling_, &wait_meets_cancelling_, &start_meets_cancelling_,
        &sleep_meets_closing_, &shielded_sleep_meets_closing_,
        &arm_meets_closing_, &cancel_meets_closing_, &cancel_meets_destroy_, &cancel_sync_meets_destroy_,
        &reset_earlier_meets_destroy_, &reset_later_meets_destroy_, &state_meets_destroy_,
        &arm_elsewhere_meets_destroy_, &cancel_meets_another_, &wake_meets_destroy_, &task_cancel_meets_destroy_,
        &join_meets_destroy_, &quiet_after_last_task_, &quiet_when_all_sleep_, &never_quiet_, &quiet_after_closing_,
        NULL};
    return model_main(argc, argv, scenarios);
}
