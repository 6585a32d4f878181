/* Waiters: grants, and giving up. See waker.c for the wakers. */
#define _GNU_SOURCE
#include "tests/model/waker.h"

/* ---- waiters: a room where threads and tasks wait to be let in ---- */

static struct lock room_lock;
static struct list room; /* L */
static unsigned let_in;

/* Each is memory of its own, and gone when the wait has returned. */
static struct waiter *enter_room(void)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    waiter_init(waiter);
    lock_acquire(&room_lock);
    list_push_back(&room, &waiter->link);
    lock_release(&room_lock);
    return waiter;
}

static int wait_in_room(struct waiter *waiter, uint64_t deadline_ns)
{
    int error = pawl__waiter_wait(waiter, deadline_ns, true);
    if (error != 0) {
        lock_acquire(&room_lock);
        bool linked = list_linked(&waiter->link);
        if (linked)
            list_remove(&waiter->link);
        lock_release(&room_lock);
        if (!linked)
            error = pawl__waiter_wait(waiter, PAWL_NEVER, false);
    }
    free(waiter);
    return error;
}

static void let_one_in(void *unused)
{
    (void)unused;
    lock_acquire(&room_lock);
    struct list_node *node = list_pop_front(&room);
    lock_release(&room_lock);
    if (node == NULL)
        return;
    written[0] = 1;
    let_in++;
    pawl__waiter_grant(PAWL_CONTAINER_OF(node, struct waiter, link), OUTCOME_GRANTED);
}

static void thread_is_granted(void)
{
    list_init(&room);
    struct waiter *waiter = enter_room();
    unsigned t = model_spawn(let_one_in, NULL);
    MODEL_ASSERT(wait_in_room(waiter, PAWL_NEVER) == 0 && written[0] == 1);
    model_join(t);
    MODEL_ASSERT(let_in == 1);
}

static void wait_a_while(void *unused)
{
    (void)unused;
    answer[0] = wait_in_room(enter_room(), monotonic_now_ns() + PAWL_MS(1));
    MODEL_ASSERT(answer[0] == -ETIMEDOUT || (answer[0] == 0 && written[0] == 1));
}

static void wait_a_while_too(void *unused)
{
    (void)unused;
    answer[1] = wait_in_room(enter_room(), monotonic_now_ns() + PAWL_MS(1));
    MODEL_ASSERT(answer[1] == -ETIMEDOUT || (answer[1] == 0 && written[0] == 1));
}

/* It must wait in vain unless it is granted: so it always ends, by its time-out. */
static void thread_gives_up(void)
{
    list_init(&room);
    run_two(wait_a_while, let_one_in);
    MODEL_ASSERT(let_in == (answer[0] == 0) && list_empty(&room));
    model_outcome("%s", name_of(answer[0]));
}

static void two_threads_give_up(void)
{
    list_init(&room);
    run_three(wait_a_while, wait_a_while_too, let_one_in);
    MODEL_ASSERT(let_in == (unsigned)(answer[0] == 0) + (answer[1] == 0) && list_empty(&room));
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
}

/* A task that waits is granted, ends, and its runtime goes: only what the granter holds itself is left to it. */
static void *wait_as_task(void *arg)
{
    pawl_self_waker(&waker);
    answer[0] = wait_in_room(enter_room(), PAWL_NEVER);
    ended++;
    return arg;
}

static void waiting_task(void)
{
    list_init(&room);
    suspend_task(wait_as_task);
}

static void task_is_granted_last(void)
{
    waiting_task();
    pawl_waker_drop(&waker);
    run_two(let_one_in, work_and_destroy);
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
}

/* It looks for the grant by itself, too: it may end before the granter comes to wake it. */
static void woken_task_is_granted_last(void)
{
    waiting_task();
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    run_two(let_one_in, work_and_destroy);
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
}

static void task_gives_up(void)
{
    waiting_task();
    cancel();
    pawl_waker_drop(&waker);
    run_two(let_one_in, work_as_worker);
    finish_work();
    MODEL_ASSERT(let_in == (answer[0] == 0));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* Its header may be its worker's next task's. */
static void grant_then_spawn(void *unused)
{
    work_until_ended(unused);
    struct worker *worker = be_worker(0);
    MODEL_ASSERT(pawl_spawn(rt, suspend_as_next, NULL, NULL) == 0);
    work(worker);
    be_plain();
}

static void grant_meets_next_task(void)
{
    waiting_task();
    pawl_waker_drop(&waker);
    run_two(let_one_in, grant_then_spawn);
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
    pawl_waker_wake(&second);
    work_as_worker(NULL);
    MODEL_ASSERT(ended == 2 && answer[1] == 0);
    pawl_waker_drop(&second);
    tear_down();
}

/* By another worker, which takes no reference: the header may be free, or the next task's, when it comes to wake it.
 * The task is on its feet already and finds the grant by itself, or is woken by it. */
static void grant_as_worker(void *unused)
{
    struct worker *worker = be_worker(1);
    let_one_in(unused);
    work(worker);
    be_plain();
}

static void worker_grant_meets_next_task(void)
{
    list_init(&room);
    build(2);
    MODEL_ASSERT(pawl_spawn(rt, wait_as_task, NULL, NULL) == 0);
    work_as_worker(NULL);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    run_two(grant_as_worker, grant_then_spawn);
    MODEL_ASSERT(ended == 1 && answer[0] == 0);
    pawl_waker_wake(&second);
    work_as_worker(NULL);
    MODEL_ASSERT(ended == 2 && answer[1] == 0);
    pawl_waker_drop(&second);
    tear_down();
}

/* ---- whole runtimes ---- */

static void *wait_to_be_woken(void *arg)
{
    struct pawl_waker *mine = arg;
    pawl_self_waker(mine);
    int error = pawl_suspend_until(PAWL_NEVER);
    MODEL_ASSERT(error == 0 || error == -ESHUTDOWN);
    if (mine == &waker)
        pawl_waker_wake(&second);
    ended++;
    return arg;
}

/* Two tasks wait at gates; one is opened by a thread, the other by the first task, while everything goes. */
static void whole_two_gates(void)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, wait_to_be_woken, &waker, NULL) == 0);
    MODEL_ASSERT(pawl_spawn(rt, wait_to_be_woken, &second, NULL) == 0);
    work_as_worker(NULL);
    MODEL_ASSERT(start_workers(rt) == 0);
    unsigned t = model_spawn(wake_and_drop, NULL);
    int error;
    do
        error = pawl_runtime_destroy(rt);
    while (error == -EBUSY);
    model_join(t);
    MODEL_ASSERT(error == 0 && ended == 2);
    pawl_waker_drop(&second);
}

SCENARIO(thread_is_granted, "a thread that waits is granted", .outcomes = NULL)
SCENARIO(thread_gives_up, "a thread gives up as it is granted", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(two_threads_give_up, "the same, of two", ONLY("0 ETIMEDOUT", "ETIMEDOUT 0", "ETIMEDOUT ETIMEDOUT"),
         .expirations = 1)
SCENARIO(task_is_granted_last, "a task is granted, ends, and its runtime goes", .outcomes = NULL)
SCENARIO(woken_task_is_granted_last, "the same, and the task looks before it is woken", .outcomes = NULL)
SCENARIO(task_gives_up, "a task is granted as it gives up", ONLY("0", "ECANCELED"))
SCENARIO(grant_meets_next_task, "a task is granted, ends, and its worker spawns", .outcomes = NULL)
SCENARIO(worker_grant_meets_next_task, "the same, granted by another worker", .outcomes = NULL)
SCENARIO(whole_two_gates, "two tasks that wait are woken as the whole runtime goes", .bound = 1, .expirations = 1)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &thread_is_granted_, &thread_gives_up_, &two_threads_give_up_, &task_is_granted_last_,
        &woken_task_is_granted_last_, &task_gives_up_, &grant_meets_next_task_, &worker_grant_meets_next_task_,
        &whole_two_gates_, NULL};
    return model_main(argc, argv, scenarios);
}
