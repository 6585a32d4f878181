/* Condition variables: with the mutex, whatever a wait came to. */
#include <signal.h>
#include <string.h>

#include "kinds.h"

/* A mutex, a condition variable, and what is waited for. */
struct room {
    struct pawl_mutex mutex;
    struct pawl_condition condition;
    int value; /* under the mutex */
};

#define ROOM                                                                                                           \
    {                                                                                                                  \
        .mutex = PAWL_MUTEX_INITIALIZER, .condition = PAWL_CONDITION_INITIALIZER                                       \
    }

static bool holds(struct pawl_mutex *m)
{
    return pawl_mutex_lock_until(m, 0) == -EDEADLK;
}

Test(condition, works_however_it_was_made)
{
    struct room rooms[3] = {ROOM}; /* the last one is zeroed */
    pawl_mutex_init(&rooms[1].mutex);
    cr_assert_eq(pawl_condition_init(&rooms[1].condition), 0);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(pawl_mutex_lock(&rooms[i].mutex), 0);
        cr_assert_eq(pawl_condition_wait_until(&rooms[i].condition, &rooms[i].mutex, 0), -ETIMEDOUT);
        cr_assert(holds(&rooms[i].mutex));
        pawl_mutex_unlock(&rooms[i].mutex);
        cr_assert_eq(pawl_condition_fini(&rooms[i].condition), 0);
    }
}

static void *wait_with_patience(void *arg)
{
    struct room *room = arg;
    CHECK_EQ(pawl_mutex_lock(&room->mutex), 0);
    while (room->value == 0)
        CHECK_EQ(pawl_condition_wait_until(&room->condition, &room->mutex, in_ns(PATIENCE_NS / 10)), 0);
    pawl_mutex_unlock(&room->mutex);
    return NULL;
}

Test(condition, of_zeroed_memory_is_waited_for_and_signalled)
{
    struct pawl_runtime *rt = start(1);
    for (int all = 0; all < 2; all++) {
        struct room room = {.value = 0};
        struct pawl_task *task = spawn(rt, wait_with_patience, &room);
        settle(rt);
        cr_assert_eq(pawl_condition_fini(&room.condition), -EBUSY);
        cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
        room.value = 1;
        if (all)
            pawl_condition_broadcast(&room.condition);
        else
            pawl_condition_signal(&room.condition);
        pawl_mutex_unlock(&room.mutex);
        join(task);
        cr_assert_eq(pawl_condition_fini(&room.condition), 0);
    }
    finish(rt);
}

Test(condition, is_not_null_nor_is_its_mutex)
{
    struct room room = ROOM;
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
    cr_assert_eq(pawl_condition_init(NULL), -EINVAL);
    cr_assert_eq(pawl_condition_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_condition_wait(NULL, &room.mutex), -EINVAL);
    cr_assert_eq(pawl_condition_wait(&room.condition, NULL), -EINVAL);
    cr_assert_eq(pawl_condition_wait_until(NULL, &room.mutex, 0), -EINVAL);
    cr_assert_eq(pawl_condition_wait_until(&room.condition, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_condition_wait_poll(NULL, &room.mutex, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    cr_assert_eq(pawl_condition_wait_poll(&room.condition, NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_condition_signal(NULL);
    pawl_condition_broadcast(NULL);
}

static enum pawl_poll poll_without_mutex(struct pawl_context *cx, void *arg)
{
    struct room *room = arg;
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    CHECK_EQ(pawl_condition_wait_poll(&room->condition, &room->mutex, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, -EPERM);
    return PAWL_READY;
}

static void *wait_without_mutex(void *arg)
{
    struct room *room = arg;
    CHECK_EQ(pawl_condition_wait(&room->condition, &room->mutex), -EPERM);
    CHECK_EQ(pawl_condition_wait_until(&room->condition, &room->mutex, 0), -EPERM);
    return NULL;
}

Test(condition, is_waited_for_with_the_mutex_only)
{
    struct room room = ROOM;
    struct pawl_runtime *rt = start(1);
    for (int locked = 0; locked < 2; locked++) { /* by nobody, by somebody else */
        struct pawl_task *task;
        if (locked == 0)
            wait_without_mutex(&room);
        else
            cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
        run(rt, wait_without_mutex, &room);
        cr_assert_eq(pawl_spawn_poll(rt, poll_without_mutex, &room, &task), 0);
        join(task);
    }
    pawl_mutex_unlock(&room.mutex);
    cr_assert_eq(pawl_mutex_fini(&room.mutex), 0);
    finish(rt);
}

/* ---- signals ---- */

static void *wait_for_value(void *arg)
{
    struct room *room = arg;
    CHECK_EQ(pawl_mutex_lock(&room->mutex), 0);
    while (room->value == 0)
        CHECK_EQ(pawl_condition_wait(&room->condition, &room->mutex), 0);
    CHECK(holds(&room->mutex));
    room->value--;
    pawl_mutex_unlock(&room->mutex);
    return NULL;
}

static void give_values(struct room *room, int count)
{
    cr_assert_eq(pawl_mutex_lock(&room->mutex), 0);
    room->value += count;
    pawl_mutex_unlock(&room->mutex);
}

static void start_waiting(struct pawl_runtime *rt, struct room *room, struct pawl_task **tasks, pthread_t *threads)
{
    for (size_t i = 0; i < 3; i++) {
        tasks[i] = spawn(rt, wait_for_value, room);
        threads[i] = thread_start(wait_for_value, room);
    }
    permits_await(&room->condition, 6);
    cr_assert_eq(pawl_condition_fini(&room->condition), -EBUSY);
}

static void end_waiting(struct room *room, struct pawl_task **tasks, pthread_t *threads)
{
    for (size_t i = 0; i < 3; i++) {
        join(tasks[i]);
        thread_join(threads[i]);
    }
    cr_assert_eq(room->value, 0);
    cr_assert_eq(pawl_condition_fini(&room->condition), 0);
    cr_assert_eq(pawl_mutex_fini(&room->mutex), 0);
}

Test(condition, signal_wakes_one_broadcast_all)
{
    struct pawl_runtime *rt = start(2);
    struct room room = ROOM;
    struct pawl_task *tasks[3];
    pthread_t threads[3];
    start_waiting(rt, &room, tasks, threads);
    give_values(&room, 6);
    for (size_t left = 6; left > 4; left--) {
        pawl_condition_signal(&room.condition);
        cr_assert_eq(permits_waiting(&room.condition), left - 1);
    }
    pawl_condition_broadcast(&room.condition);
    cr_assert_eq(permits_waiting(&room.condition), 0);
    end_waiting(&room, tasks, threads);
    finish(rt);
}

static void signal_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    pawl_condition_signal(arg);
    pawl_condition_broadcast(arg);
}

Test(condition, is_signalled_from_a_timer_callback)
{
    struct pawl_runtime *rt = start(2);
    struct room room = ROOM;
    struct pawl_task *tasks[3];
    pthread_t threads[3];
    struct pawl_timer timer;
    start_waiting(rt, &room, tasks, threads);
    give_values(&room, 6);
    pawl_timer_init(&timer, signal_in_callback, &room.condition);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    end_waiting(&room, tasks, threads);
    pawl_timer_cancel_sync(&timer);
    finish(rt);
}

Test(condition, forgets_a_signal_that_nobody_waits_for)
{
    struct room room = ROOM;
    pawl_condition_signal(&room.condition);
    pawl_condition_broadcast(&room.condition);
    cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
    cr_assert_eq(pawl_condition_wait_until(&room.condition, &room.mutex, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    pawl_mutex_unlock(&room.mutex);
}

/* ---- with the mutex, whatever it came to ---- */

struct waiting {
    struct room *room;
    uint64_t deadline_ns;
    int status;
};

static void *wait_and_look(void *arg)
{
    struct waiting *w = arg;
    CHECK_EQ(pawl_mutex_lock(&w->room->mutex), 0);
    w->status = pawl_condition_wait_until(&w->room->condition, &w->room->mutex, w->deadline_ns);
    w->room->value++;
    pawl_mutex_unlock(&w->room->mutex); /* a debug build sees whose it is */
    return NULL;
}

static void expect_relocked(struct pawl_runtime *rt, struct waiting *w, bool cancel)
{
    struct pawl_task *task = spawn(rt, wait_and_look, w);
    permits_await(&w->room->condition, 1);
    cr_assert_eq(pawl_mutex_lock(&w->room->mutex), 0);
    if (cancel)
        cr_assert_eq(pawl_task_cancel(task), 0);
    else
        pawl_condition_signal(&w->room->condition);
    permits_await(&w->room->mutex, 1); /* never cut short */
    cr_assert_eq(permits_waiting(&w->room->condition), 0);
    if (!cancel)
        cr_assert_eq(pawl_task_cancel(task), 0);
    settle(rt);
    cr_assert_eq(permits_waiting(&w->room->mutex), 1);
    cr_assert_eq(w->room->value, 0);
    pawl_mutex_unlock(&w->room->mutex);
    join(task);
    cr_assert_eq(w->room->value, 1);
    cr_assert_eq(pawl_mutex_fini(&w->room->mutex), 0);
}

Test(condition, waits_for_the_mutex_again_even_if_cancelled)
{
    struct pawl_runtime *rt = start(2);
    for (int cancel = 0; cancel < 2; cancel++) {
        struct room room = ROOM;
        struct waiting w = {.room = &room, .deadline_ns = PAWL_NEVER};
        expect_relocked(rt, &w, cancel != 0);
        cr_assert_eq(w.status, cancel ? -ECANCELED : 0);
    }
    finish(rt);
}

/* false: the deadline passed before the mutex was taken from the task, and nothing is shown. */
static bool expect_relocked_past_deadline(struct pawl_runtime *rt, uint64_t duration_ns)
{
    struct room room = ROOM;
    struct waiting w = {.room = &room, .deadline_ns = in_ns(duration_ns), .status = 1};
    struct pawl_task *task = spawn(rt, wait_and_look, &w);
    settle(rt);
    cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
    bool in_time = room.value == 0;
    if (in_time) {
        permits_await(&room.mutex, 1);
        cr_assert_geq(pawl_now(NULL), w.deadline_ns);
        cr_assert_eq(room.value, 0);
    }
    pawl_mutex_unlock(&room.mutex);
    join(task);
    cr_assert_eq(w.status, -ETIMEDOUT);
    return in_time;
}

Test(condition, waits_for_the_mutex_again_even_past_the_deadline)
{
    struct pawl_runtime *rt = start(1);
    for (uint64_t duration_ns = PAWL_MS(2); !expect_relocked_past_deadline(rt, duration_ns);)
        duration_ns *= 2;
    finish(rt);
}

/* ---- the poll form ---- */

struct poller {
    struct room *room;
    struct pawl_wait wait;
    bool begun, give_up;
    int status, cancel_status;
    struct event done;
    struct pawl_waker waker;
    struct pawl_task *task;
};

static bool holds_in_poll(struct pawl_context *cx, struct pawl_mutex *m)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 0;
    if (pawl_mutex_lock_poll(m, &wait, cx, &status) == PAWL_PENDING)
        CHECK_EQ(pawl_wait_cancel(&wait), 0);
    else if (status == 0)
        pawl_mutex_unlock(m);
    return status == -EDEADLK;
}

static enum pawl_poll wait_in_polls(struct pawl_context *cx, void *arg)
{
    struct poller *p = arg;
    if (!p->begun) {
        CHECK(pawl_mutex_try_lock(&p->room->mutex));
        pawl_waker_from(&p->waker, cx);
        p->begun = true;
    } else if (p->give_up) {
        p->cancel_status = pawl_wait_cancel(&p->wait);
        CHECK(!holds_in_poll(cx, &p->room->mutex));
        return PAWL_READY;
    }
    if (pawl_condition_wait_poll(&p->room->condition, &p->room->mutex, &p->wait, cx, &p->status) == PAWL_PENDING)
        return PAWL_PENDING;
    if (p->status == -ENOLCK) {
        CHECK(!pawl_mutex_try_lock(&p->room->mutex));
        return PAWL_READY;
    }
    CHECK(holds_in_poll(cx, &p->room->mutex));
    pawl_mutex_unlock(&p->room->mutex);
    return PAWL_READY;
}

static void start_poller(struct pawl_runtime *rt, struct poller *p)
{
    cr_assert_eq(pawl_spawn_poll(rt, wait_in_polls, p, &p->task), 0);
    settle(rt);
    cr_assert_eq(permits_waiting(&p->room->condition), 1);
}

static void end_poller(struct poller *p)
{
    join(p->task);
    pawl_waker_drop(&p->waker);
    cr_assert_eq(permits_waiting(&p->room->condition), 0);
    cr_assert_eq(permits_waiting(&p->room->mutex), 0);
}

Test(condition, polled_is_pending_until_it_has_the_mutex_again)
{
    struct pawl_runtime *rt = start(1);
    struct room room = ROOM;
    struct poller p = {.room = &room, .status = 1};
    start_poller(rt, &p);
    cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
    pawl_condition_signal(&room.condition);
    settle(rt);
    cr_assert_eq(permits_waiting(&room.mutex), 1);
    pawl_mutex_unlock(&room.mutex);
    end_poller(&p);
    cr_assert_eq(p.status, 0);
    finish(rt);
    cr_assert_eq(pawl_mutex_fini(&room.mutex), 0);
}

Test(condition, polled_a_last_time_has_the_mutex_or_says_that_it_does_not)
{
    struct pawl_runtime *rt = start(1);
    for (int step = 0; step < 3; step++) { /* the mutex is free; others hold it; it waits for it already */
        struct room room = ROOM;
        struct poller p = {.room = &room, .status = 1};
        start_poller(rt, &p);
        if (step > 0)
            cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
        if (step == 2)
            pawl_condition_signal(&room.condition);
        settle(rt);
        cr_assert_eq(pawl_task_cancel(p.task), 0);
        end_poller(&p);
        cr_assert_eq(p.status, step == 0 ? -ECANCELED : -ENOLCK);
        if (step > 0)
            pawl_mutex_unlock(&room.mutex);
        cr_assert_eq(pawl_mutex_fini(&room.mutex), 0);
    }
    finish(rt);
}

Test(condition, given_up_does_not_hold_the_mutex)
{
    struct pawl_runtime *rt = start(1);
    for (int step = 0; step < 2; step++) { /* no signal; signalled, and it waits for the mutex */
        struct room room = ROOM;
        struct poller p = {.room = &room, .status = 1, .cancel_status = 1};
        start_poller(rt, &p);
        cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
        if (step == 1)
            pawl_condition_signal(&room.condition);
        settle(rt);
        p.give_up = true;
        pawl_waker_wake(&p.waker);
        end_poller(&p);
        cr_assert_eq(p.cancel_status, 0);
        pawl_mutex_unlock(&room.mutex);
        cr_assert_eq(pawl_mutex_fini(&room.mutex), 0);
    }
    finish(rt);
}

/* Signalled, it waits for the mutex, or has just been granted it, and gives up: the signal is the next one's. */
static void expect_signal_passed_on(struct pawl_runtime *rt, bool granted)
{
    struct room room = ROOM;
    struct poller first = {.room = &room, .status = 1}, second = {.room = &room, .status = 1};
    struct event go = {0};
    start_poller(rt, &first);
    cr_assert_eq(pawl_spawn_poll(rt, wait_in_polls, &second, &second.task), 0);
    settle(rt);
    cr_assert_eq(permits_waiting(&room.condition), 2);
    cr_assert_eq(pawl_mutex_lock(&room.mutex), 0);
    pawl_condition_signal(&room.condition);
    settle(rt);
    cr_assert_eq(permits_waiting(&room.mutex), 1);
    first.give_up = true;
    struct pawl_task *busy = spawn(rt, wait_for_event, &go); /* it is not polled meanwhile */
    if (granted)
        pawl_mutex_unlock(&room.mutex);
    pawl_waker_wake(&first.waker);
    event_set(&go);
    join(busy);
    join(first.task);
    settle(rt);
    if (!granted)
        pawl_mutex_unlock(&room.mutex);
    cr_assert_eq(permits_waiting(&room.condition), 0);
    end_poller(&second);
    cr_assert_eq(second.status, 0);
    pawl_waker_drop(&first.waker);
    cr_assert_eq(pawl_mutex_fini(&room.mutex), 0);
}

Test(condition, given_up_after_a_signal_leaves_it_to_the_next)
{
    struct pawl_runtime *rt = start(1);
    for (int how = 0; how < 2; how++)
        expect_signal_passed_on(rt, how == 1);
    finish(rt);
}
