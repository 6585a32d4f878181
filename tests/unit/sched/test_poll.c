/* Stackless tasks: polls, their wakes, the last poll, and what becomes of the state. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "sched/task.h"

static struct pawl_task *spawn_poll(struct pawl_runtime *rt, pawl_poll_fn *poll, void *state)
{
    struct pawl_task *task = NULL;
    cr_assert_eq(pawl_spawn_poll(rt, poll, state, &task), 0);
    cr_assert_not_null(task);
    return task;
}

static enum pawl_poll ready(struct pawl_context *cx, void *state)
{
    CHECK(!pawl_context_cancelled(cx));
    if (state != NULL)
        ++*(uint32_t *)state;
    return PAWL_READY;
}

/* Pending until the event; says first where to wake it. */
struct patient {
    struct pawl_waker waker;
    struct event polled, last;
    PAWL_ATOMIC(uint32_t) go;
    PAWL_ATOMIC(uint32_t) polls, last_polls;
    uint64_t value; /* plain: ThreadSanitizer looks on */
};

static enum pawl_poll wait_for_go(struct pawl_context *cx, void *state)
{
    struct patient *patient = state;
    if (fetch_add_acq_rel_u32(&patient->polls, 1) == 0)
        pawl_waker_from(&patient->waker, cx);
    bool go = load_acquire_u32(&patient->go) != 0;
    if (pawl_context_cancelled(cx)) {
        fetch_add_acq_rel_u32(&patient->last_polls, 1);
        CHECK(pawl_cancelled());
        event_set(&patient->last);
        return PAWL_READY;
    }
    event_set(&patient->polled);
    return go ? PAWL_READY : PAWL_PENDING;
}

static void let_go(struct patient *patient)
{
    store_release_u32(&patient->go, 1);
    pawl_waker_wake(&patient->waker);
}

/* ---- spawning ---- */

Test(poll, refuses_what_cannot_be_spawned)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = NULL;
    uint32_t count = 0;
    cr_assert_eq(pawl_spawn_poll(rt, NULL, &count, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_poll(NULL, ready, &count, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_poll_copy(rt, NULL, &count, sizeof count, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_poll_copy(NULL, ready, &count, sizeof count, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_poll_copy(rt, ready, NULL, sizeof count, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_poll_copy(rt, ready, &count, 0, &task), -EINVAL);
    cr_assert_eq(pawl_spawn_poll_copy(rt, ready, &count, SIZE_MAX, &task), -ENOMEM);
    cr_assert_null(task);
    finish(rt);
    cr_assert_eq(count, 0);
}

Test(poll, joins_with_its_state)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 1000; i++) {
        uint32_t count = 0;
        cr_assert_eq(join(spawn_poll(rt, ready, &count)), &count);
        cr_assert_eq(count, 1);
    }
    cr_assert_null(join(spawn_poll(rt, ready, NULL)));
    finish(rt);
}

static void *join_stackless(void *arg)
{
    uint32_t count = 0;
    struct pawl_task *task;
    void *result;
    CHECK_EQ(pawl_spawn_poll(NULL, ready, &count, &task), 0);
    CHECK_EQ(pawl_join(task, &result), 0);
    CHECK(result == &count && count == 1);
    return arg;
}

Test(poll, is_joined_by_a_task_that_spawned_it)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 1000; i++)
        run(rt, join_stackless, NULL);
    finish(rt);
}

static enum pawl_poll raise_event(struct pawl_context *cx, void *state)
{
    (void)cx;
    event_set(state);
    return PAWL_READY;
}

static enum pawl_poll spawn_in_poll(struct pawl_context *cx, void *state)
{
    (void)cx;
    CHECK_EQ(pawl_spawn_poll(NULL, raise_event, state, NULL), 0);
    return PAWL_READY;
}

Test(poll, spawns_detached_from_a_poll)
{
    struct pawl_runtime *rt = start(1);
    struct event event = {0};
    cr_assert_eq(pawl_spawn_poll(rt, spawn_in_poll, &event, NULL), 0);
    event_wait(&event);
    finish(rt);
}

Test(poll, counts_toward_tasks_max_until_it_has_ended)
{
    struct pawl_options o;
    struct patient patients[2] = {0};
    struct pawl_task *tasks[2], *task;
    pawl_options_init(&o);
    o.workers = 1;
    o.tasks_max = 2;
    struct pawl_runtime *rt = start_with(&o);
    for (int i = 0; i < 2; i++)
        tasks[i] = spawn_poll(rt, wait_for_go, &patients[i]);
    cr_assert_eq(pawl_spawn_poll(rt, ready, NULL, &task), -EAGAIN);
    cr_assert_eq(pawl_spawn_poll_copy(rt, ready, &o, sizeof o, &task), -EAGAIN);
    cr_assert_eq(pawl_spawn(rt, return_arg, NULL, &task), -EAGAIN);
    for (int i = 0; i < 2; i++) {
        event_wait(&patients[i].polled);
        let_go(&patients[i]);
        join(tasks[i]);
        join(spawn(rt, return_arg, NULL));
        join(spawn_poll(rt, ready, NULL));
        pawl_waker_drop(&patients[i].waker);
    }
    finish(rt);
}

static enum pawl_poll pending_till_cancelled(struct pawl_context *cx, void *state)
{
    PAWL_ATOMIC(uint32_t) *ended = state;
    if (!pawl_context_cancelled(cx))
        return PAWL_PENDING;
    fetch_add_acq_rel_u32(ended, 1);
    return PAWL_READY;
}

Test(poll, needs_no_stack)
{
    enum { COUNT = 200000 }; /* of 1 GiB each: more than the address space holds */
    static PAWL_ATOMIC(uint32_t) ended;
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 2;
    o.stack_size = (size_t)1 << 30;
    struct pawl_runtime *rt = start_with(&o);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(pawl_spawn_poll(rt, pending_till_cancelled, (void *)&ended, NULL), 0);
    finish(rt);
    cr_assert_eq(load_acquire_u32(&ended), COUNT);
}

static enum pawl_poll identify(struct pawl_context *cx, void *state)
{
    struct pawl_runtime *rt = state;
    struct pawl_task *self = pawl_self();
    (void)cx;
    CHECK(self != NULL);
    CHECK(pawl_current() == rt);
    CHECK_EQ(pawl_worker_index(), 0);
    CHECK_EQ(strcmp(pawl_task_name(self), ""), 0);
    CHECK(!pawl_cancelled());
    return PAWL_READY;
}

Test(poll, knows_who_and_where_it_is)
{
    struct pawl_runtime *rt = start(1);
    join(spawn_poll(rt, identify, rt));
    finish(rt);
}

Test(poll, is_counted_like_any_task)
{
    struct pawl_runtime *rt = start(1);
    struct patient patient = {0};
    struct pawl_metrics m;
    struct pawl_task *task = spawn_poll(rt, wait_for_go, &patient);
    event_wait(&patient.polled);
    let_go(&patient);
    join(task);
    pawl_waker_drop(&patient.waker);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    cr_assert_eq(pawl_metrics_total(rt, &m, sizeof m), 0);
    cr_assert_eq(m.tasks_spawned, 1);
    cr_assert_eq(m.tasks_finished, 1);
    cr_assert_eq(m.task_runs, load_acquire_u32(&patient.polls));
    finish(rt);
}

/* ---- waking ---- */

Test(poll, is_polled_again_when_it_was_woken_and_sees_what_was_written)
{
    struct pawl_runtime *rt = start(2);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct patient patient = {0};
        struct pawl_task *task = spawn_poll(rt, wait_for_go, &patient);
        event_wait(&patient.polled);
        patient.value = i;
        let_go(&patient);
        cr_assert_eq(join(task), &patient);
        pawl_waker_drop(&patient.waker);
    }
    finish(rt);
}

static enum pawl_poll wake_itself(struct pawl_context *cx, void *state)
{
    uint64_t *left = state;
    struct pawl_waker waker;
    if (*left % 2 == 0)
        pawl_waker_from(&waker, cx);
    else
        pawl_self_waker(&waker);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    return --*left == 0 ? PAWL_READY : PAWL_PENDING;
}

Test(poll, is_polled_again_when_it_was_woken_during_a_poll)
{
    struct pawl_runtime *rt = start(1);
    uint64_t left = 10000;
    join(spawn_poll(rt, wake_itself, &left));
    cr_assert_eq(left, 0);
    finish(rt);
}

static PAWL_ATOMIC(uint32_t) others_done;

static enum pawl_poll spin_for_others(struct pawl_context *cx, void *state)
{
    struct pawl_waker waker;
    pawl_waker_from(&waker, cx);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    return load_acquire_u32(&others_done) == *(uint32_t *)state || pawl_context_cancelled(cx) ? PAWL_READY
                                                                                              : PAWL_PENDING;
}

static enum pawl_poll be_done(struct pawl_context *cx, void *state)
{
    (void)cx;
    (void)state;
    fetch_add_acq_rel_u32(&others_done, 1);
    return PAWL_READY;
}

static void *be_done_late(void *arg)
{
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    be_done(NULL, NULL);
    return arg;
}

static void *spawn_two_spinners(void *arg)
{
    static uint32_t wanted = 3;
    struct pawl_task *spinners[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pawl_spawn_poll(NULL, spin_for_others, &wanted, &spinners[i]), 0);
    CHECK_EQ(pawl_spawn_poll(NULL, be_done, NULL, NULL), 0);
    CHECK_EQ(pawl_spawn(NULL, be_done_late, NULL, NULL), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pawl_join_until(spinners[i], in_ns(PATIENCE_NS), NULL), 0);
    return arg;
}

Test(poll, that_wakes_itself_each_time_does_not_starve_the_others)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = spawn(rt, spawn_two_spinners, NULL);
    cr_assert_eq(pawl_spawn_poll(rt, be_done, NULL, NULL), 0);
    join(task);
    finish(rt);
}

struct eager {
    uint32_t polls, others; /* plain: all on one worker */
};

static enum pawl_poll wake_itself_until_others(struct pawl_context *cx, void *state)
{
    struct eager *eager = state;
    struct pawl_waker waker;
    eager->polls++;
    pawl_waker_from(&waker, cx);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    return eager->others == 3 || eager->polls == 1000 ? PAWL_READY : PAWL_PENDING;
}

static void *spawn_eager(void *arg)
{
    struct eager *eager = arg;
    struct pawl_task *task;
    CHECK_EQ(pawl_spawn_poll(NULL, wake_itself_until_others, eager, &task), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pawl_spawn_poll(NULL, ready, &eager->others, NULL), 0);
    CHECK_EQ(pawl_join(task, NULL), 0);
    return arg;
}

Test(poll, that_wakes_itself_goes_behind_the_others_in_the_queue)
{
    struct pawl_runtime *rt = start(1);
    struct eager eager = {0};
    run(rt, spawn_eager, &eager);
    cr_assert_leq(eager.polls, 2);
    finish(rt);
}

static struct pawl_task *expected_self;

static enum pawl_poll find_itself(struct pawl_context *cx, void *state)
{
    (void)cx;
    (void)state;
    CHECK(pawl_self() == expected_self);
    return PAWL_READY;
}

static void *spawn_to_known_place(void *arg)
{
    /* the only worker is ours: it is not polled before it is joined */
    CHECK_EQ(pawl_spawn_poll(NULL, find_itself, NULL, &expected_self), 0);
    CHECK_EQ(pawl_join(expected_self, NULL), 0);
    return arg;
}

Test(poll, is_itself)
{
    struct pawl_runtime *rt = start(1);
    run(rt, spawn_to_known_place, NULL);
    finish(rt);
}

Test(poll, has_wakers_that_outlive_the_runtime_and_are_inert)
{
    struct pawl_runtime *rt = start(1);
    struct patient patient = {0};
    struct pawl_waker none;
    struct pawl_task *task = spawn_poll(rt, wait_for_go, &patient);
    event_wait(&patient.polled);
    finish(rt);
    uint32_t polls = load_acquire_u32(&patient.polls);
    pawl_waker_wake(&patient.waker);
    cr_assert_eq(load_acquire_u32(&patient.polls), polls);
    cr_assert_eq(join(task), &patient);
    pawl_waker_drop(&patient.waker);
    pawl_waker_from(NULL, NULL);
    pawl_waker_from(&none, NULL);
    pawl_waker_wake(&none);
    pawl_waker_drop(&none);
    cr_assert_not(pawl_context_cancelled(NULL));
}

/* ---- what a poll may not do ---- */

static enum pawl_poll try_to_suspend(struct pawl_context *cx, void *state)
{
    struct pawl_task *finished = state;
    (void)cx;
    CHECK_EQ(pawl_sleep(0), -EDEADLK);
    CHECK_EQ(pawl_sleep_until(0), -EDEADLK);
    CHECK_EQ(pawl_yield(), -EDEADLK);
    CHECK_EQ(pawl_suspend_until(0), -EDEADLK);
    CHECK_EQ(pawl_join(finished, NULL), -EDEADLK);
    CHECK_EQ(pawl_join_until(pawl_self(), 0, NULL), -EDEADLK);
    CHECK_EQ(pawl_block(return_arg, NULL, NULL), -EDEADLK);
    CHECK_EQ(pawl_timeout(HOUR_NS, return_arg, NULL, NULL), -EDEADLK);
    CHECK_EQ(pawl_runtime_run(pawl_current(), return_arg, NULL, NULL), -EDEADLK);
    CHECK_EQ(pawl_runtime_shutdown(pawl_current(), 0), -EDEADLK);
    return PAWL_READY;
}

static void *suspend_after_poll(void *arg)
{
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_sleep(0), 0);
    return arg;
}

Test(poll, may_not_suspend_though_tasks_on_the_same_worker_may)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *finished = spawn(rt, return_arg, NULL);
    join(pawl_task_ref(finished));
    join(spawn_poll(rt, try_to_suspend, finished));
    run(rt, suspend_after_poll, NULL);
    join(finished);
    finish(rt);
}

struct slow_timer {
    struct pawl_timer timer;
    struct event called, polled;
    PAWL_ATOMIC(uint32_t) over;
};

static void fire_slowly(struct pawl_timer *timer, void *arg, int status)
{
    struct slow_timer *slow = arg;
    (void)timer;
    (void)status;
    event_set(&slow->called);
    event_wait(&slow->polled);
    store_release_u32(&slow->over, 1);
}

static enum pawl_poll cancel_slow_timer(struct pawl_context *cx, void *state)
{
    struct slow_timer *slow = state;
    (void)cx;
    event_wait(&slow->called);
    event_set(&slow->polled);
    CHECK_EQ(pawl_timer_cancel_sync(&slow->timer), -EALREADY);
    CHECK_EQ(load_acquire_u32(&slow->over), 1);
    return PAWL_READY;
}

Test(poll, may_wait_for_a_timer_callback_since_it_is_none)
{
    struct pawl_runtime *rt = start(2);
    struct slow_timer slow = {0};
    pawl_timer_init(&slow.timer, fire_slowly, &slow);
    cr_assert_eq(pawl_timer_arm(rt, &slow.timer, 0), 0);
    event_wait(&slow.called);
    join(spawn_poll(rt, cancel_slow_timer, &slow));
    finish(rt);
}

/* ---- the last poll ---- */

Test(poll, is_polled_once_more_when_it_is_cancelled_and_never_again)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 300; i++) {
        struct patient patient = {0};
        struct pawl_task *task = spawn_poll(rt, wait_for_go, &patient);
        event_wait(&patient.polled);
        cr_assert_eq(pawl_task_cancel(task), 0);
        event_wait(&patient.last);
        pawl_waker_wake(&patient.waker);
        cr_assert_eq(join(pawl_task_ref(task)), &patient);
        uint32_t polls = load_acquire_u32(&patient.polls);
        pawl_waker_wake(&patient.waker);
        cr_assert_eq(pawl_task_cancel(task), -EALREADY);
        cr_assert_eq(load_acquire_u32(&patient.last_polls), 1);
        cr_assert_eq(load_acquire_u32(&patient.polls), polls);
        pawl_detach(task);
        pawl_waker_drop(&patient.waker);
    }
    finish(rt);
}

Test(poll, is_polled_once_if_it_was_cancelled_before)
{
    struct pawl_runtime *rt = start(1);
    struct event busy = {0};
    struct patient patient = {0};
    struct pawl_task *keeper = spawn(rt, wait_for_event, &busy), *task = spawn_poll(rt, wait_for_go, &patient);
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq(pawl_task_cancel(task), 0);
    event_set(&busy);
    join(keeper);
    cr_assert_eq(join(task), &patient);
    cr_assert_eq(load_acquire_u32(&patient.polls), 1);
    cr_assert_eq(load_acquire_u32(&patient.last_polls), 1);
    pawl_waker_drop(&patient.waker);
    finish(rt);
}

static enum pawl_poll never_ready(struct pawl_context *cx, void *state)
{
    struct patient *patient = state;
    fetch_add_acq_rel_u32(&patient->polls, 1);
    if (pawl_context_cancelled(cx))
        fetch_add_acq_rel_u32(&patient->last_polls, 1);
    else
        CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK(pawl_cancelled());
    return PAWL_PENDING;
}

Test(poll, that_cancels_itself_and_never_is_ready_has_ended_all_the_same)
{
    struct pawl_runtime *rt = start(1);
    struct patient patient = {0};
    cr_assert_eq(join(spawn_poll(rt, never_ready, &patient)), &patient);
    cr_assert_eq(load_acquire_u32(&patient.polls), 2);
    cr_assert_eq(load_acquire_u32(&patient.last_polls), 1);
    finish(rt);
}

Test(poll, is_polled_a_last_time_by_shutdown)
{
    enum { COUNT = 1000 };
    static struct patient patients[COUNT];
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(pawl_spawn_poll(rt, wait_for_go, &patients[i], NULL), 0);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(pawl_spawn_poll(rt, ready, NULL, NULL), -ESHUTDOWN);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(load_acquire_u32(&patients[i].last_polls), 1);
        pawl_waker_drop(&patients[i].waker);
    }
    finish(rt);
}

static enum pawl_poll leave_shield_open(struct pawl_context *cx, void *state)
{
    pawl_shield_begin();
    CHECK(!pawl_cancelled());
    event_set(state);
    return pawl_context_cancelled(cx) ? PAWL_READY : PAWL_PENDING;
}

Test(poll, ends_though_it_left_a_shield_open)
{
    struct event polled = {0};
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task = spawn_poll(rt, leave_shield_open, &polled);
    event_wait(&polled);
    cr_assert_eq(pawl_task_cancel(task), 0);
    join(task);
    cr_assert_eq(pawl_spawn_poll(rt, leave_shield_open, &polled, NULL), 0);
    finish(rt);
}

static enum pawl_poll spawn_when_cancelled(struct pawl_context *cx, void *state)
{
    if (!pawl_context_cancelled(cx))
        return PAWL_PENDING;
    CHECK_EQ(pawl_spawn_poll(NULL, ready, NULL, NULL), -ESHUTDOWN);
    CHECK_EQ(pawl_spawn_poll_copy(NULL, ready, "state", 6, NULL), -ESHUTDOWN);
    return state == NULL ? PAWL_READY : PAWL_PENDING;
}

Test(poll, may_spawn_no_more_while_everything_is_cancelled)
{
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_spawn_poll(rt, spawn_when_cancelled, NULL, NULL), 0);
    finish(rt);
}

/* ---- copies ---- */

struct copy {
    void *place; /* of the copy at its first poll */
    uint32_t polls, size;
    unsigned char bytes[]; /* up to size */
};

static enum pawl_poll check_copy(struct pawl_context *cx, void *state)
{
    struct copy *copy = state;
    struct pawl_waker waker;
    CHECK_EQ((uintptr_t)copy % _Alignof(max_align_t), 0);
    CHECK(copy->place == NULL || copy->place == copy);
    copy->place = copy;
    for (size_t i = 0; i < copy->size - sizeof *copy; i++)
        CHECK_EQ(copy->bytes[i], (unsigned char)(i + copy->polls));
    copy->polls++;
    for (size_t i = 0; i < copy->size - sizeof *copy; i++)
        copy->bytes[i]++;
    pawl_waker_from(&waker, cx);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    return copy->polls < 3 ? PAWL_PENDING : PAWL_READY;
}

/* What was copied is gone when spawn has returned. */
static struct pawl_task *spawn_copy(struct pawl_runtime *rt, uint32_t size)
{
    struct copy *copy = calloc(1, size);
    struct pawl_task *task;
    cr_assert_not_null(copy);
    copy->size = size;
    for (size_t i = 0; i < size - sizeof *copy; i++)
        copy->bytes[i] = (unsigned char)i;
    cr_assert_eq(pawl_spawn_poll_copy(rt, check_copy, copy, size, &task), 0);
    memset(copy, 0xee, size);
    free(copy);
    return task;
}

Test(poll, keeps_a_copy_of_any_size_aligned_and_in_place_until_the_last_handle_goes)
{
    static struct counting_allocator allocator;
    static const uint32_t sizes[] = {16, 17, 31, 32, 33, 47, 48, 64, 100, 128, 4096, 100001};
    struct pawl_options o;
    counting_options(&allocator, &o);
    o.workers = 2;
    struct pawl_runtime *rt = start_with(&o);
    join(spawn_poll(rt, ready, NULL)); /* the first header */
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct pawl_task *task = spawn_copy(rt, sizes[i]);
        struct copy *copy = join(pawl_task_ref(task));
        cr_assert_eq(copy->place, copy);
        cr_assert_eq(copy->polls, 3);
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0); /* the worker has let go of it */
        uint64_t before = load_acquire_u64(&allocator.live);
        pawl_detach(task);
        cr_assert_eq(load_acquire_u64(&allocator.live), before - (sizes[i] > TASK_ROOM_SIZE));
    }
    finish(rt);
    cr_assert_eq(load_acquire_u64(&allocator.live), 0);
}

static enum pawl_poll add_one(struct pawl_context *cx, void *state)
{
    (void)cx;
    *(unsigned char *)state = (unsigned char)(*(unsigned char *)state + 1);
    return PAWL_READY;
}

Test(poll, copies_a_single_byte)
{
    struct pawl_runtime *rt = start(1);
    const unsigned char byte = 41;
    struct pawl_task *task;
    cr_assert_eq(pawl_spawn_poll_copy(rt, add_one, &byte, 1, &task), 0);
    unsigned char *result = join(pawl_task_ref(task));
    cr_assert_eq(*result, 42);
    pawl_detach(task);
    finish(rt);
}

Test(poll, keeps_a_copy_that_outlives_its_runtime)
{
    static struct counting_allocator allocator;
    struct pawl_options o;
    counting_options(&allocator, &o);
    o.workers = 1;
    struct pawl_runtime *rt = start_with(&o);
    struct pawl_task *task = spawn_copy(rt, 1000);
    join(pawl_task_ref(task));
    finish(rt);
    cr_assert_neq(load_acquire_u64(&allocator.live), 0);
    struct copy *copy = join(pawl_task_ref(task));
    cr_assert_eq(copy->polls, 3);
    pawl_detach(task);
    cr_assert_eq(load_acquire_u64(&allocator.live), 0);
}

Test(poll, loses_nothing_when_there_is_no_memory_for_the_copy)
{
    static struct counting_allocator allocator;
    struct pawl_options o;
    unsigned char state[33] = {0};
    struct pawl_task *task = NULL;
    counting_options(&allocator, &o);
    o.workers = 1;
    o.tasks_max = 1;
    struct pawl_runtime *rt = start_with(&o);
    join(spawn_poll(rt, ready, NULL)); /* the first header */
    uint64_t live = load_acquire_u64(&allocator.live);
    store_release_u64(&allocator.fail_count, UINT64_MAX);
    store_release_u64(&allocator.fail_from, 1);
    cr_assert_eq(pawl_spawn_poll_copy(rt, add_one, state, sizeof state, &task), -ENOMEM);
    cr_assert_null(task);
    store_release_u64(&allocator.fail_from, 0);
    cr_assert_eq(load_acquire_u64(&allocator.live), live);
    cr_assert_eq(pawl_spawn_poll_copy(rt, add_one, state, sizeof state, &task), 0);
    join(task);
    finish(rt);
    cr_assert_eq(state[0], 0);
    cr_assert_eq(load_acquire_u64(&allocator.live), 0);
}
