/* The whole runtime: real workers run their loops, park in the driver, as understudy or on the futex, and are woken.
 *
 * Promises: P1, no task waits while a worker sleeps, and P2, P3, no timer waits, even if a worker is stuck in a task
 * that never yields: what would be stranded shows as a deadlock, since no wait here expires but the driver's, toward a
 * deadline. P5: no sleep or timer is early. Results, and what a task wrote, are visible to who joins it: a missing edge
 * is a data race.
 *
 * Most set-ups queue their tasks before the workers start, since that costs no steps, and stop the workers without the
 * phases of a shutdown (those are in shutdown.c). Executions are long, so every search is bounded.
 *
 * Final state of each: every task has run exactly once, every timer has fired exactly once, everything is free. */
#include "tests/model/built.h"

#include <pawl/pawl.h>
#include <stdatomic.h>

static void start(void)
{
    be_plain();
    for (unsigned i = 0; i < rt->worker_count; i++)
        rt->workers[i].until_clock = rt->workers[i].clock_interval = 1;
    MODEL_ASSERT(start_workers(rt) == 0);
}

static void stop(void)
{
    pawl__runtime_stop(rt);
    pawl__registry_remove(rt);
    MODEL_ASSERT(pawl__runtime_live_tasks(rt) == 0);
    fini(rt);
}

/* ---- create, spawn, join, destroy ---- */

static void *answer(void *arg)
{
    return arg;
}

static void run_one(void)
{
    struct pawl_options o;
    void *result;
    pawl_options_init(&o);
    o.workers = 1;
    MODEL_ASSERT(pawl_runtime_create(&rt, &o) == 0);
    MODEL_ASSERT(pawl_runtime_run(rt, answer, &o, &result) == 0);
    MODEL_ASSERT(result == &o);
    MODEL_ASSERT(pawl_runtime_destroy(rt) == 0);
}

/* ---- spawning ---- */

static unsigned runs[4];
static struct pawl_task *tasks[4];

static void *run_here(void *arg)
{
    unsigned *mine = arg;
    ++*mine;
    return mine;
}

static void queue(unsigned i, pawl_task_fn *fn, void *arg)
{
    MODEL_ASSERT(pawl_spawn(rt, fn, arg, &tasks[i]) == 0);
}

static void join(unsigned i, void *expected)
{
    void *result;
    MODEL_ASSERT(pawl_join(tasks[i], &result) == 0 && result == expected);
}

static void from_outside(int workers, unsigned count)
{
    build(workers);
    start();
    for (unsigned i = 0; i < count; i++)
        queue(i, run_here, &runs[i]);
    for (unsigned i = 0; i < count; i++) {
        join(i, &runs[i]);
        MODEL_ASSERT(runs[i] == 1);
    }
    stop();
}

static void spawn_outside(void)
{
    from_outside(1, 2);
}

static void spawn_outside_2(void)
{
    from_outside(2, 2);
}

/* Two threads spawn at once. */
static void spawn_second(void *unused)
{
    (void)unused;
    queue(1, run_here, &runs[1]);
}

static void spawn_outside_twice(void)
{
    build(1);
    start();
    unsigned t = model_spawn(spawn_second, NULL);
    queue(0, run_here, &runs[0]);
    join(0, &runs[0]);
    model_join(t);
    join(1, &runs[1]);
    MODEL_ASSERT(runs[0] == 1 && runs[1] == 1);
    stop();
}

/* Two tasks spawn one each and join it. */
static void *spawn_and_join(void *arg)
{
    unsigned *mine = arg;
    struct pawl_task *child;
    void *result;
    ++*mine;
    MODEL_ASSERT(pawl_spawn(NULL, run_here, mine + 1, &child) == 0);
    MODEL_ASSERT(pawl_join(child, &result) == 0 && result == mine + 1 && mine[1] == 1);
    return mine;
}

static void families(int workers)
{
    build(workers);
    queue(0, spawn_and_join, &runs[0]);
    queue(1, spawn_and_join, &runs[2]);
    start();
    join(0, &runs[0]);
    join(1, &runs[2]);
    MODEL_ASSERT(runs[0] == 1 && runs[1] == 1 && runs[2] == 1 && runs[3] == 1);
    stop();
}

static void spawn_inside(void)
{
    families(1);
}

static void spawn_inside_2(void)
{
    families(2);
}

/* A task for one worker only, from outside and from another worker. */
static void *spawn_bound(void *arg)
{
    struct pawl_task_options o;
    pawl_task_options_init(&o);
    o.worker = 1;
    MODEL_ASSERT(pawl_spawn_with(rt, &o, run_here, arg, &tasks[1]) == 0);
    return arg;
}

static void bound_outside(void)
{
    build(2);
    start();
    spawn_bound(&runs[1]);
    join(1, &runs[1]);
    MODEL_ASSERT(runs[1] == 1);
    stop();
}

static void bound_inside(void)
{
    build(2);
    queue(0, spawn_bound, &runs[1]);
    start();
    join(0, &runs[1]);
    join(1, &runs[1]);
    MODEL_ASSERT(runs[1] == 1);
    stop();
}

/* ---- yielding, and tasks that never do ---- */

static void *yield_once(void *arg)
{
    MODEL_ASSERT(pawl_yield() == 0);
    return run_here(arg);
}

static void yields(int workers)
{
    build(workers);
    queue(0, yield_once, &runs[0]);
    queue(1, yield_once, &runs[1]);
    start();
    join(0, &runs[0]);
    join(1, &runs[1]);
    MODEL_ASSERT(runs[0] == 1 && runs[1] == 1);
    stop();
}

static void yield_1(void)
{
    yields(1);
}

static void yield_2(void)
{
    yields(2);
}

static atomic_int flag;

static void *spin(void *arg)
{
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0)
        model_yield();
    return run_here(arg);
}

static void *set(void *arg)
{
    void *result = run_here(arg);
    atomic_store_explicit(&flag, 1, memory_order_release);
    return result;
}

/* One worker is stuck until the other one has run the second task, wherever that is queued by now. */
static void stuck_with_queue(void)
{
    build(2);
    queue(0, spin, &runs[0]);
    queue(1, set, &runs[1]);
    start();
    join(0, &runs[0]);
    join(1, &runs[1]);
    stop();
}

static void *spawn_and_spin(void *arg)
{
    MODEL_ASSERT(pawl_spawn(NULL, set, &runs[1], &tasks[1]) == 0); /* into the slot */
    return spin(arg);
}

static void stuck_with_slot(void)
{
    build(2);
    queue(0, spawn_and_spin, &runs[0]);
    start();
    join(0, &runs[0]);
    join(1, &runs[1]);
    stop();
}

static void stuck_with_spawn_outside(void)
{
    build(2);
    queue(0, spin, &runs[0]);
    start();
    queue(1, set, &runs[1]);
    join(0, &runs[0]);
    join(1, &runs[1]);
    stop();
}

/* ---- waking ---- */

static struct pawl_waker wakers[2];

static void *wait_and_wake(void *arg)
{
    unsigned *mine = arg, other = mine == &runs[0];
    pawl_self_waker(&wakers[!other]);
    MODEL_ASSERT(pawl_suspend_until(PAWL_NEVER) == 0);
    pawl_waker_wake(&wakers[other]);
    if (!other)
        return run_here(arg);
    MODEL_ASSERT(pawl_suspend_until(PAWL_NEVER) == 0); /* the answer */
    return run_here(arg);
}

/* The first task is woken from outside, wakes the second, and is woken by it. */
static void wake_in_turn(int workers)
{
    build(workers);
    queue(0, wait_and_wake, &runs[0]);
    queue(1, wait_and_wake, &runs[1]);
    work(be_worker(0));
    start();
    pawl_waker_wake(&wakers[0]);
    join(0, &runs[0]);
    join(1, &runs[1]);
    MODEL_ASSERT(runs[0] == 1 && runs[1] == 1);
    pawl_waker_drop(&wakers[0]);
    pawl_waker_drop(&wakers[1]);
    stop();
}

static void wake_in_turn_1(void)
{
    wake_in_turn(1);
}

static void wake_in_turn_2(void)
{
    wake_in_turn(2);
}

/* ---- resting ---- */

static void rests(int workers)
{
    build(workers);
    start();
    MODEL_ASSERT(pawl_spawn(rt, run_here, &runs[0], NULL) == 0);
    MODEL_ASSERT(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0);
    MODEL_ASSERT(runs[0] == 1); /* plain: what has been done is visible to who waited for it */
    stop();
}

static void wait_idle(void)
{
    rests(1);
}

static void wait_idle_2(void)
{
    rests(2);
}

/* One blocking call after the other: there is no rest in between. */
static void *block_twice(void *arg)
{
    MODEL_ASSERT(pawl_block(run_here, arg, NULL) == 0);
    MODEL_ASSERT(pawl_block(run_here, arg, NULL) == 0);
    return arg;
}

static void wait_idle_blocking(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, block_twice, &runs[0], NULL) == 0);
    start();
    MODEL_ASSERT(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0);
    MODEL_ASSERT(runs[0] == 2);
    stop();
}

/* ---- timers ---- */

static uint64_t due_ns[2];

static void *sleep_a_while(void *arg)
{
    unsigned i = (unsigned)((unsigned *)arg - runs);
    due_ns[i] = pawl_now(NULL) + PAWL_MS(1 + i) + 1; /* between two ticks */
    MODEL_ASSERT(pawl_sleep_until(due_ns[i]) == 0);
    MODEL_ASSERT(pawl_now(NULL) >= due_ns[i]); /* P5 */
    return run_here(arg);
}

static void sleeps(int workers, unsigned count)
{
    build(workers);
    for (unsigned i = 0; i < count; i++)
        queue(i, sleep_a_while, &runs[i]);
    start();
    for (unsigned i = 0; i < count; i++) {
        join(i, &runs[i]);
        MODEL_ASSERT(runs[i] == 1);
    }
    stop();
}

static void sleep_1(void)
{
    sleeps(1, 1);
}

static void sleep_two(void)
{
    sleeps(1, 2);
}

static void sleep_2(void)
{
    sleeps(2, 1);
}

static void sleep_two_2(void)
{
    sleeps(2, 2);
}

static struct pawl_timer timer;

static void fired(struct pawl_timer *t, void *arg, int status)
{
    MODEL_ASSERT(t == &timer && status == 0 && pawl_now(NULL) >= due_ns[0]);
    set(arg);
}

static void arm(void)
{
    pawl_timer_init(&timer, fired, &runs[0]);
    due_ns[0] = pawl_now(rt) + PAWL_MS(1) + 1;
    MODEL_ASSERT(pawl_timer_arm(rt, &timer, due_ns[0]) == 0);
}

/* A plain thread arms while the workers go to sleep, one in the driver: without a deadline, so nothing but being told
 * of this one wakes it. */
static void arms(int workers)
{
    build(workers);
    start();
    arm();
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0)
        model_yield();
    MODEL_ASSERT(runs[0] == 1);
    stop();
    MODEL_ASSERT(pawl_timer_state(&timer) == PAWL_TIMER_FIRED);
}

static void arm_outside(void)
{
    arms(1);
}

static void arm_outside_2(void)
{
    arms(2);
}

/* P3: a worker that is stuck, and may have held the driver last, keeps no timer waiting, not even one of its own. */
static void *arm_and_spin(void *arg)
{
    arm();
    return spin(arg);
}

static void stuck_with_own_timer(void)
{
    build(2);
    queue(1, arm_and_spin, &runs[1]);
    start();
    join(1, &runs[1]);
    MODEL_ASSERT(runs[0] == 1);
    stop();
}

static void stuck_with_timer(void)
{
    build(2);
    queue(1, spin, &runs[1]);
    arm();
    start();
    join(1, &runs[1]);
    MODEL_ASSERT(runs[0] == 1);
    stop();
}

/* The driver's holder leaves it for a task that gets stuck. */
static void stuck_later(void)
{
    build(2);
    arm();
    start();
    queue(1, spin, &runs[1]);
    join(1, &runs[1]);
    MODEL_ASSERT(runs[0] == 1);
    stop();
}

static void called_back(void *arg, int status)
{
    MODEL_ASSERT(status == 0 && pawl_now(NULL) >= due_ns[0]);
    set(arg);
}

/* The driver's holder fires a timer, and so gets a task that is stuck until a second timer has fired: the understudy
 * is to take the driver over. */
static struct pawl_timer first;

static void spawn_stuck(struct pawl_timer *t, void *arg, int status)
{
    MODEL_ASSERT(t == &first && status == 0);
    MODEL_ASSERT(pawl_spawn(NULL, spin, arg, NULL) == 0);
}

/* The first worker waits until the second one has the driver, so that it becomes the understudy; or has had it. */
static void let_other_drive(void *unused, int worker)
{
    (void)unused;
    while (worker == 0 && load_seq_cst_u32(&rt->driver.held) == 0 &&
           load_relaxed_u64(&rt->workers[1].counters.turns) == 0 &&
           atomic_load_explicit(&flag, memory_order_acquire) == 0)
        model_yield();
}

static void start_driving(pawl_timer_fn *fn)
{
    rt->hooks.before_park = let_other_drive;
    pawl_timer_init(&first, fn, &runs[1]);
    MODEL_ASSERT(pawl_timer_arm(rt, &first, pawl_now(rt) + PAWL_MS(1)) == 0);
    start();
}

static void hand_over(void)
{
    build(2);
    arm();
    start_driving(spawn_stuck);
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0)
        model_yield();
    MODEL_ASSERT(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0 && runs[0] == 1 && runs[1] == 1);
    stop();
}

/* One turn makes two tasks ready: the second is not to wait for the worker that fired. */
static void spawn_both(struct pawl_timer *t, void *arg, int status)
{
    spawn_stuck(t, arg, status);
    MODEL_ASSERT(pawl_spawn(NULL, set, &runs[0], NULL) == 0);
}

static void stuck_after_turn(void)
{
    build(2);
    start_driving(spawn_both);
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0)
        model_yield();
    MODEL_ASSERT(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0 && runs[0] == 1 && runs[1] == 1);
    stop();
}

static void after_outside(void)
{
    uint64_t id;
    build(1);
    start();
    due_ns[0] = pawl_now(rt) + PAWL_MS(1);
    MODEL_ASSERT(pawl_after(rt, PAWL_MS(1), called_back, &runs[0], &id) == 0);
    while (atomic_load_explicit(&flag, memory_order_acquire) == 0)
        model_yield();
    int error = pawl_cancel(rt, id);
    MODEL_ASSERT(runs[0] == 1 && (error == -EINPROGRESS || error == -ENOENT));
    MODEL_ASSERT(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0);
    stop();
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id##_ = {.name = #id, .about = text, .run = id, __VA_ARGS__};

SCENARIO(run_one, "create, spawn, join, destroy", .bound = 3)
SCENARIO(spawn_outside, "two tasks are spawned while the worker goes to sleep", .bound = 4)
SCENARIO(spawn_outside_2, "the same with two workers", .bound = 3)
SCENARIO(spawn_outside_twice, "two threads spawn a task each", .bound = 3)
SCENARIO(spawn_inside, "two tasks spawn and join one more each", .bound = 5)
SCENARIO(spawn_inside_2, "the same with two workers", .bound = 4)
SCENARIO(bound_outside, "a task for one of two workers", .bound = 4)
SCENARIO(bound_inside, "the same, from the other worker", .bound = 4)
SCENARIO(yield_1, "two tasks yield", .bound = 5)
SCENARIO(yield_2, "the same with two workers", .bound = 4)
SCENARIO(stuck_with_queue, "one task never yields, the other one ends that", .bound = 4)
SCENARIO(stuck_with_slot, "the same, spawned into the slot of the worker that is stuck", .bound = 4)
SCENARIO(stuck_with_spawn_outside, "the same, spawned from outside", .bound = 4)
SCENARIO(wake_in_turn_1, "two tasks wake each other", .bound = 5)
SCENARIO(wake_in_turn_2, "the same with two workers", .bound = 4)
SCENARIO(wait_idle, "a thread waits until all is done", .bound = 5)
SCENARIO(wait_idle_2, "the same with two workers", .bound = 3)
SCENARIO(wait_idle_blocking, "a thread waits while a task makes two blocking calls", .bound = 1)
SCENARIO(sleep_1, "a task sleeps", .bound = 5, .expirations = 1)
SCENARIO(sleep_two, "two tasks sleep", .bound = 4, .expirations = 2)
SCENARIO(sleep_2, "a task sleeps, two workers", .bound = 4, .expirations = 1)
SCENARIO(sleep_two_2, "two tasks sleep, two workers", .bound = 2, .expirations = 2)
SCENARIO(arm_outside, "a thread arms a timer while the driver goes to sleep", .bound = 5, .expirations = 1)
SCENARIO(arm_outside_2, "the same with two workers", .bound = 4, .expirations = 1)
SCENARIO(stuck_with_own_timer, "a task never yields, which a timer of its own ends", .bound = 4, .expirations = 1)
SCENARIO(stuck_with_timer, "a task never yields, which a timer from outside ends", .bound = 4, .expirations = 1)
SCENARIO(stuck_later, "the same, with the task spawned while the workers go to sleep", .bound = 3, .expirations = 1)
SCENARIO(hand_over, "the driver's holder gets stuck, the understudy takes the driver", .bound = 4, .expirations = 2)
SCENARIO(stuck_after_turn, "two timers' tasks, the first never yields", .bound = 4, .expirations = 1)
SCENARIO(after_outside, "a timer by id, armed while the driver goes to sleep", .bound = 5, .expirations = 1)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &run_one_, &spawn_outside_, &spawn_outside_2_, &spawn_outside_twice_, &spawn_inside_, &spawn_inside_2_,
        &bound_outside_, &bound_inside_, &yield_1_, &yield_2_, &stuck_with_queue_, &stuck_with_slot_,
        &stuck_with_spawn_outside_, &wake_in_turn_1_, &wake_in_turn_2_, &wait_idle_, &wait_idle_2_, &wait_idle_blocking_, &sleep_1_,
        &sleep_two_, &sleep_2_, &sleep_two_2_, &arm_outside_, &arm_outside_2_, &stuck_with_own_timer_,
        &stuck_with_timer_, &stuck_later_, &hand_over_, &stuck_after_turn_, &after_outside_, NULL};
    return model_main(argc, argv, scenarios);
}
