/* P1, no stranded task: a runnable task never waits while a worker sleeps. Edge idle.announce, on the shipped worker
 * loop (sched/worker.c is included here, for what is static in it).
 *
 * Each worker does what pawl__worker_main does until it has found one task; from then on it is stuck with it and does
 * nothing more for the others. So if a task is queued and a worker sleeps for good, nobody is left to wake it, and the
 * checker finds a deadlock. Final states: each worker has one task, each task has one worker. */
#include "sched/worker.c" /* NOLINT: for its static functions */

#include "tools/model/model.h"

enum { WORKERS_MAX = 3 };

static struct pawl_runtime rt;
static struct worker workers[WORKERS_MAX];
static struct shard shards[WORKERS_MAX + 1];
static struct wheel_level levels[WORKERS_MAX + 1];
static struct port port;
static PAWL_ATOMIC(uint64_t) asleep[1];
static uint32_t parent = 1;
static struct pawl_task tasks[4];
static unsigned taken[4];

static void set_up(unsigned worker_count)
{
    rt.parent = &parent;
    rt.id = 1;
    rt.clock.tick_ns = 1000;
    rt.workers = workers;
    rt.worker_count = worker_count;
    rt.ports = &port;
    rt.port_count = 1;
    rt.shards = shards;
    rt.shard_count = worker_count + 1;
    rt.idle.asleep = asleep;
    rt.idle.workers = worker_count;
    pawl__fences_init(&rt.fences);
    pawl__inject_init(&rt.inject);
    for (unsigned i = 0; i <= worker_count; i++)
        pawl__shard_init(&shards[i], &rt.clock, 1 << 13 | i, &levels[i], 1);
    port.shard = &shards[worker_count];
    MODEL_ASSERT(pawl__driver_init(&rt.driver, &rt.clock, &rt.fences, shards, worker_count + 1) == 0);
    for (unsigned i = 0; i < worker_count; i++) {
        workers[i].runtime = &rt;
        workers[i].index = i;
        workers[i].current = (struct current){.runtime = &rt, .worker = &workers[i]};
        workers[i].shard = &shards[i];
        workers[i].until_inject = WORKER_INJECT_INTERVAL;
        random_init(&workers[i].random, 1, i);
        pawl__fifo_init(&workers[i].inbox);
        workers[i].parker = pawl__parker_create(&rt.allocator, &rt.driver);
    }
    for (unsigned i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        tasks[i].worker = -1;
}

static void tear_down(void)
{
    for (unsigned i = 0; i < rt.worker_count; i++)
        pawl__parker_unref(workers[i].parker);
}

static void take(struct pawl_task *task)
{
    MODEL_ASSERT(task->value == task); /* what who queued it wrote is visible */
    task->value = NULL;
    taken[task - tasks]++;
}

static struct pawl_task *ready(unsigned i)
{
    tasks[i].value = &tasks[i];
    return &tasks[i];
}

/* The worker's loop, until it has a task. */
static struct pawl_task *work_until_task(struct worker *worker)
{
    struct pawl_task *task;
    pawl__current_set(&worker->current);
    while ((task = find_task(worker)) == NULL) {
        park(worker);
        model_pause();
    }
    return task;
}

static void worker_takes_one(void *arg)
{
    take(work_until_task(arg));
}

static void expect_taken(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        MODEL_ASSERT(taken[i] == 1);
    tear_down();
}

static void inject_one(void)
{
    set_up(1);
    unsigned w = model_spawn(worker_takes_one, &workers[0]);
    pawl__schedule(&rt, NULL, ready(0));
    model_join(w);
    expect_taken(1);
}

static void inject_two(void)
{
    set_up(2);
    unsigned w = model_spawn(worker_takes_one, &workers[0]), v = model_spawn(worker_takes_one, &workers[1]);
    pawl__schedule(&rt, NULL, ready(0));
    pawl__schedule(&rt, NULL, ready(1));
    model_join(w);
    model_join(v);
    expect_taken(2);
}

static void inject(void *arg)
{
    pawl__schedule(&rt, NULL, arg);
}

static void inject_from_two(void)
{
    set_up(2);
    unsigned w = model_spawn(worker_takes_one, &workers[0]), v = model_spawn(worker_takes_one, &workers[1]);
    unsigned i = model_spawn(inject, ready(0));
    pawl__schedule(&rt, NULL, ready(1));
    model_join(i);
    model_join(w);
    model_join(v);
    expect_taken(2);
}

/* Somebody holds the driver for ever, and perhaps the understudy's seat is taken: the worker sleeps elsewhere. */
static void inject_beside(bool seat_taken)
{
    set_up(1);
    MODEL_ASSERT(pawl__driver_try_lock(&rt.driver));
    if (seat_taken)
        MODEL_ASSERT(pawl__understudy_try_take(&rt.driver.understudy));
    unsigned w = model_spawn(worker_takes_one, &workers[0]);
    pawl__schedule(&rt, NULL, ready(0));
    model_join(w);
    expect_taken(1);
}

static void inject_beside_driver(void)
{
    inject_beside(false);
}

static void inject_beside_understudy(void)
{
    inject_beside(true);
}

/* A worker that runs a task makes another one ready, and never comes back for it: the other worker must. */
static void spawn_and_stay(void *arg)
{
    struct worker *worker = arg;
    struct pawl_task running = {.worker = -1};
    pawl__current_set(&worker->current);
    worker->current.task = &running;
    pawl__schedule(&rt, worker, ready(0));
    pawl__schedule(&rt, worker, ready(1)); /* the first one moves from the slot to the ring */
}

static void steal_from_busy(void)
{
    set_up(2);
    unsigned v = model_spawn(worker_takes_one, &workers[1]);
    spawn_and_stay(&workers[0]);
    model_join(v);
    MODEL_ASSERT(taken[0] + taken[1] == 1);
    tear_down();
}

/* P3. A timer is due that makes a task ready; the driver's holder leaves it for a task without end. Of the other two
 * workers one gets the task that is queued, so the last one is to look after the driver, wherever it sleeps. */
static struct timer_entry timer;

static void make_ready(struct pawl_timer *fired, void *arg, int status)
{
    (void)fired;
    MODEL_ASSERT(status == 0);
    pawl__schedule(&rt, pawl__current()->worker, arg);
}

static void stuck_holder(void)
{
    set_up(3);
    entry_init_callback(&timer, make_ready, ready(1));
    MODEL_ASSERT(pawl__shard_arm(&shards[0], &timer, 0, false) == SHARD_DONE_EARLIER);
    MODEL_ASSERT(pawl__driver_try_lock(&rt.driver));
    unsigned w = model_spawn(worker_takes_one, &workers[1]), v = model_spawn(worker_takes_one, &workers[2]);
    pawl__current_set(&workers[0].current);
    pawl__schedule(&rt, NULL, ready(0));
    leave_driver(&rt);
    model_join(w);
    model_join(v);
    expect_taken(2);
}

/* The same with nothing queued: both others sleep, or are about to. */
static void stuck_holder_at_rest(void)
{
    set_up(2);
    entry_init_callback(&timer, make_ready, ready(0));
    MODEL_ASSERT(pawl__shard_arm(&shards[0], &timer, 0, false) == SHARD_DONE_EARLIER);
    MODEL_ASSERT(pawl__driver_try_lock(&rt.driver));
    unsigned w = model_spawn(worker_takes_one, &workers[1]);
    pawl__current_set(&workers[0].current);
    leave_driver(&rt);
    model_join(w);
    expect_taken(1);
}

/* Edge idle.alone. A worker that is woken up arms a timer, then never comes back; the other one goes to sleep. */
static void arm_when_woken(void *arg)
{
    struct worker *worker = arg;
    pawl__current_set(&worker->current);
    pawl__park_for_token(worker->parker);
    count_as_awake(worker, PARK_NOTIFIED);
    MODEL_ASSERT(pawl__shard_arm(worker->shard, &timer, 0, false) == SHARD_DONE_EARLIER);
    pawl__driver_deadline_moved(&rt.driver, load_relaxed_u64(&worker->shard->next_deadline), true);
}

static void sleep_beside_woken(void)
{
    set_up(2);
    entry_init_callback(&timer, make_ready, ready(0));
    idle_announce(&rt.idle, 1, false);
    unsigned v = model_spawn(arm_when_woken, &workers[1]), w = model_spawn(worker_takes_one, &workers[0]);
    MODEL_ASSERT(idle_claim(&rt.idle, 1, false));
    pawl__unpark(workers[1].parker);
    model_join(v);
    model_join(w);
    expect_taken(1);
}

static void be_woken(void *arg)
{
    struct worker *worker = arg;
    pawl__current_set(&worker->current);
    pawl__park_for_token(worker->parker);
    count_as_awake(worker, PARK_NOTIFIED);
    take(work_until_task(worker));
}

static struct pawl_task *searcher_found;

static void search_and_sleep(void *arg)
{
    searcher_found = work_until_task(arg);
    take(searcher_found);
}

/* A busy worker leaves its task to the last searcher, which goes to sleep, but finds that a timer is due, and is stuck
 * with what that makes ready. It must have looked at the queues before, and left the task to the third, which sleeps. */
static void last_searcher_meets_timer(void)
{
    set_up(3);
    entry_init_callback(&timer, make_ready, ready(1));
    MODEL_ASSERT(pawl__shard_arm(&shards[0], &timer, 0, false) == SHARD_DONE_EARLIER);
    MODEL_ASSERT(idle_try_search(&rt.idle));
    workers[0].searching = true;
    idle_announce(&rt.idle, 2, false);
    MODEL_ASSERT(pawl__understudy_try_take(&rt.driver.understudy)); /* as if it lay there: nobody wakes it for the seat */
    unsigned v = model_spawn(be_woken, &workers[2]), w = model_spawn(search_and_sleep, &workers[0]);
    struct pawl_task running = {.worker = -1};
    pawl__current_set(&workers[1].current);
    workers[1].current.task = &running;
    pawl__schedule(&rt, &workers[1], ready(0));
    model_join(w);
    if (searcher_found == &tasks[0]) /* nobody looks after the timer here: the other one is to have something else */
        pawl__schedule(&rt, NULL, ready(2));
    model_join(v);
    MODEL_ASSERT(taken[0] == 1 && taken[1] + taken[2] == 1);
    tear_down();
}

/* A task bound to a worker reaches it, whatever it is about to do. */
static void inbox(void)
{
    set_up(1);
    tasks[0].worker = 0;
    unsigned w = model_spawn(worker_takes_one, &workers[0]);
    pawl__schedule(&rt, NULL, ready(0));
    model_join(w);
    expect_taken(1);
}

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        {.name = "inject_one",
         .about = "a plain thread queues a task while the worker goes to sleep",
         .run = inject_one,
         .pauses = 3},
        {.name = "inject_two",
         .about = "two tasks for two workers that go to sleep",
         .run = inject_two,
         .pauses = 3,
         .bound = 9},
        {.name = "inject_from_two",
         .about = "two plain threads, two workers",
         .run = inject_from_two,
         .pauses = 3,
         .bound = 6},
        {.name = "steal_from_busy",
         .about = "a busy worker's tasks find the one that goes to sleep",
         .run = steal_from_busy,
         .pauses = 3},
        {.name = "inbox", .about = "a task bound to a worker that goes to sleep", .run = inbox, .pauses = 3},
        {.name = "inject_beside_driver",
         .about = "a task for a worker that becomes the understudy",
         .run = inject_beside_driver,
         .pauses = 3},
        {.name = "inject_beside_understudy",
         .about = "a task for a worker that goes to sleep on its condvar",
         .run = inject_beside_understudy,
         .pauses = 3},
        {.name = "stuck_holder",
         .about = "the driver's holder never comes back; one more worker has a task",
         .run = stuck_holder,
         .pauses = 3,
         .bound = 6},
        {.name = "stuck_holder_at_rest",
         .about = "the driver's holder never comes back; the other worker sleeps",
         .run = stuck_holder_at_rest,
         .pauses = 3},
        {.name = "sleep_beside_woken",
         .about = "a worker goes to sleep as the only other one wakes up, and arms a timer",
         .run = sleep_beside_woken,
         .pauses = 3},
        {.name = "last_searcher_meets_timer",
         .about = "the last searcher goes to sleep as a task is left to it, and a timer is due",
         .run = last_searcher_meets_timer,
         .pauses = 3,
         .bound = 6},
    };
    static const struct model_scenario *const scenarios[] = {&all[0], &all[1], &all[2], &all[3], &all[4],
                                                             &all[5], &all[6], &all[7], &all[8], &all[9],
                                                             &all[10], NULL};
    return model_main(argc, argv, scenarios);
}
