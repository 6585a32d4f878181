/* Timers that stackless tasks poll, timers that may wait for others, and the worker's last reading of the clock. */
#include <stdlib.h>

#include "harness.h"

/* ---- polling ---- */

/* A stackless task that polls one timer until it is ready. */
struct poller {
    struct pawl_timer *timer;
    bool frees; /* the timer, when it is ready */
    int status;
    struct event pending;
    PAWL_ATOMIC(uint32_t) polls;
};

static enum pawl_poll wait_for_timer(struct pawl_context *cx, void *state)
{
    struct poller *poller = state;
    fetch_add_acq_rel_u32(&poller->polls, 1);
    if (pawl_timer_poll(poller->timer, cx, &poller->status) == PAWL_PENDING) {
        event_set(&poller->pending);
        return PAWL_PENDING;
    }
    if (poller->frees)
        free(poller->timer);
    return PAWL_READY;
}

static struct pawl_timer *new_timer(void)
{
    struct pawl_timer *timer = malloc(sizeof *timer);
    cr_assert_not_null(timer);
    pawl_timer_init(timer, NULL, NULL);
    return timer;
}

static struct pawl_task *poll(struct pawl_runtime *rt, struct poller *poller)
{
    struct pawl_task *task = NULL;
    cr_assert_eq(pawl_spawn_poll(rt, wait_for_timer, poller, &task), 0);
    return task;
}

Test(timer_poll, is_ready_when_the_timer_has_fired)
{
    static const uint64_t delays_ns[] = {0, 1, 30000, 200000, 2000000};
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 500; i++) {
        struct poller poller = {.timer = new_timer(), .frees = true, .status = 1};
        uint64_t deadline_ns = in_ns(delays_ns[i % (i < 25 ? 5 : 3)]);
        cr_assert_eq(pawl_timer_arm(rt, poller.timer, deadline_ns), 0);
        join(poll(rt, &poller));
        cr_assert_eq(poller.status, 0);
        cr_assert(pawl_now(rt) >= deadline_ns);
        cr_assert(load_acquire_u32(&poller.polls) <= 2);
    }
    finish(rt);
}

Test(timer_poll, says_that_a_timer_was_never_armed)
{
    struct poller poller = {.timer = new_timer(), .frees = true};
    struct pawl_runtime *rt = start(1);
    join(poll(rt, &poller));
    cr_assert_eq(poller.status, -EINVAL);
    finish(rt);
}

Test(timer_poll, is_woken_by_a_cancel)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 200; i++) {
        struct poller poller = {.timer = new_timer()};
        cr_assert_eq(pawl_timer_arm(rt, poller.timer, in_ns(HOUR_NS)), 0);
        struct pawl_task *task = poll(rt, &poller);
        event_wait(&poller.pending);
        cr_assert_eq(i % 2 == 0 ? pawl_timer_cancel(poller.timer) : pawl_timer_cancel_sync(poller.timer), 0);
        join(task);
        cr_assert_eq(poller.status, -ECANCELED);
        free(poller.timer);
    }
    finish(rt);
}

Test(timer_poll, is_woken_by_the_shutdown)
{
    struct poller poller = {.timer = new_timer(), .frees = true};
    struct pawl_runtime *rt = start(1), *other = start(1); /* whose timer it is */
    cr_assert_eq(pawl_timer_arm(other, poller.timer, in_ns(HOUR_NS)), 0);
    struct pawl_task *task = poll(rt, &poller);
    event_wait(&poller.pending);
    finish(other);
    join(task);
    cr_assert_eq(poller.status, -ESHUTDOWN);
    finish(rt);
}

Test(timer_poll, knows_what_became_of_a_timer_whose_runtime_is_gone)
{
    struct poller poller = {.timer = new_timer(), .frees = true};
    struct pawl_runtime *rt = start(1), *other = start(1);
    cr_assert_eq(pawl_timer_arm(other, poller.timer, in_ns(HOUR_NS)), 0);
    finish(other);
    join(poll(rt, &poller));
    cr_assert_eq(poller.status, -ESHUTDOWN);
    finish(rt);
}

Test(timer_poll, waits_for_the_deadline_that_was_set_last)
{
    struct poller poller = {.timer = new_timer()};
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_timer_arm(rt, poller.timer, in_ns(HOUR_NS)), 0);
    struct pawl_task *task = poll(rt, &poller);
    event_wait(&poller.pending);
    cr_assert_eq(pawl_timer_reset(poller.timer, in_ns(2 * HOUR_NS)), 0);
    uint64_t deadline_ns = in_ns(PAWL_MS(1));
    cr_assert_eq(pawl_timer_reset(poller.timer, deadline_ns), 0);
    join(task);
    cr_assert(poller.status == 0 && pawl_now(rt) >= deadline_ns);
    free(poller.timer);
    finish(rt);
}

Test(timer_poll, goes_on_with_a_timer_that_is_armed_again)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_timer *timer = new_timer();
    for (int i = 0; i < 300; i++) {
        struct poller poller = {.timer = timer};
        cr_assert_eq(pawl_timer_arm(rt, timer, in_ns((uint64_t)(i % 3) * 20000)), 0);
        struct pawl_task *task = poll(rt, &poller);
        if (i % 4 == 0) {
            int error = pawl_timer_cancel(timer);
            cr_assert(error == 0 || error == -EALREADY);
            error = pawl_timer_arm(rt, timer, in_ns(10000));
            cr_assert_eq(error, 0);
        }
        join(task);
        cr_assert(poller.status == 0 || (i % 4 == 0 && poller.status == -ECANCELED));
        pawl_timer_cancel(timer);
    }
    free(timer);
    finish(rt);
}

Test(timer_poll, wakes_who_polled_last)
{
    struct poller first = {.timer = new_timer()}, second = {.timer = first.timer};
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_timer_arm(rt, first.timer, in_ns(HOUR_NS)), 0);
    struct pawl_task *tasks[] = {poll(rt, &first), NULL};
    event_wait(&first.pending);
    tasks[1] = poll(rt, &second);
    event_wait(&second.pending);
    cr_assert_eq(pawl_timer_reset(first.timer, 0), 0);
    join(tasks[1]);
    cr_assert_eq(second.status, 0);
    cr_assert_eq(load_acquire_u32(&first.polls), 1);
    cr_assert_eq(pawl_task_cancel(tasks[0]), 0);
    join(tasks[0]);
    free(first.timer);
    finish(rt);
}

static enum pawl_poll give_up(struct pawl_context *cx, void *state)
{
    struct poller *poller = state;
    enum pawl_poll poll = pawl_timer_poll(poller->timer, cx, &poller->status);
    CHECK_EQ(poll, PAWL_PENDING); /* also in the last one: the timer is in use */
    event_set(&poller->pending);
    return pawl_context_cancelled(cx) ? PAWL_READY : PAWL_PENDING;
}

Test(timer_poll, leaves_the_timer_alone_when_its_task_ends)
{
    struct poller poller = {.timer = new_timer()};
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    cr_assert_eq(pawl_timer_arm(rt, poller.timer, in_ns(HOUR_NS)), 0);
    cr_assert_eq(pawl_spawn_poll(rt, give_up, &poller, &task), 0);
    event_wait(&poller.pending);
    cr_assert_eq(pawl_task_cancel(task), 0);
    join(task);
    cr_assert_eq(pawl_timer_state(poller.timer), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timer_cancel(poller.timer), 0); /* wakes nobody any more */
    free(poller.timer);
    finish(rt);
}

static PAWL_ATOMIC(uint32_t) fn_calls;

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    fetch_add_acq_rel_u32(&fn_calls, 1);
}

Test(timer_poll, does_not_keep_a_function_from_being_called)
{
    struct pawl_timer timer;
    struct poller poller = {.timer = &timer, .status = 1};
    struct pawl_runtime *rt = start(1);
    pawl_timer_init(&timer, on_fire, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, in_ns(PAWL_MS(1))), 0);
    join(poll(rt, &poller));
    cr_assert_eq(poller.status, 0);
    pawl_timer_cancel_sync(&timer);
    cr_assert_eq(load_acquire_u32(&fn_calls), 1);
    finish(rt);
}

static enum pawl_poll refuse(struct pawl_context *cx, void *state)
{
    struct poller *poller = state;
    int status = 0;
    CHECK_EQ(pawl_timer_poll(NULL, cx, &status), PAWL_READY);
    CHECK_EQ(status, -EINVAL);
    status = 0;
    CHECK_EQ(pawl_timer_poll(poller->timer, NULL, &status), PAWL_READY);
    CHECK_EQ(status, -EINVAL);
    return PAWL_READY;
}

Test(timer_poll, refuses_what_it_cannot_do)
{
    struct poller poller = {.timer = new_timer()};
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    cr_assert_eq(pawl_timer_arm(rt, poller.timer, in_ns(HOUR_NS)), 0);
    cr_assert_eq(pawl_spawn_poll(rt, refuse, &poller, &task), 0);
    join(task);
    cr_assert_eq(pawl_timer_cancel(poller.timer), 0);
    free(poller.timer);
    finish(rt);
}

/* ---- slack ---- */

Test(slack, is_for_timers_that_do_not_pend)
{
    struct pawl_timer *timer = new_timer();
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_timer_set_slack(NULL, 0), -EINVAL);
    cr_assert_eq(pawl_timer_set_slack(timer, PAWL_MS(5)), 0);
    cr_assert_eq(pawl_timer_arm(rt, timer, in_ns(HOUR_NS)), 0);
    cr_assert_eq(pawl_timer_set_slack(timer, 0), -EBUSY);
    cr_assert_eq(pawl_timer_cancel(timer), 0);
    cr_assert_eq(pawl_timer_set_slack(timer, PAWL_NEVER), 0);
    cr_assert_eq(pawl_timer_arm(rt, timer, PAWL_NEVER), 0);
    cr_assert_eq(pawl_timer_cancel(timer), 0);
    free(timer);
    finish(rt);
}

struct sloppy {
    struct pawl_timer timer;
    uint64_t fired_ns;
    struct event fired;
};

static void note_time(struct pawl_timer *timer, void *arg, int status)
{
    struct sloppy *sloppy = arg;
    (void)timer;
    CHECK_EQ(status, 0);
    sloppy->fired_ns = pawl_now_cached(NULL); /* of the round of timers */
    event_set(&sloppy->fired);
}

Test(slack, is_never_early_and_lets_timers_meet)
{
    enum { COUNT = 8 };
    static struct sloppy sloppies[COUNT];
    struct pawl_runtime *rt = start(1);
    uint64_t first_ns = in_ns(PAWL_MS(5));
    for (uint64_t i = 0; i < COUNT; i++) {
        pawl_timer_init(&sloppies[i].timer, note_time, &sloppies[i]);
        cr_assert_eq(pawl_timer_set_slack(&sloppies[i].timer, PAWL_MS(100)), 0);
        cr_assert_eq(pawl_timer_arm(rt, &sloppies[i].timer, first_ns + i * PAWL_MS(1)), 0);
    }
    cr_assert_eq(pawl_timer_reset(&sloppies[0].timer, first_ns + PAWL_US(500)), 0);
    unsigned rounds = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        event_wait(&sloppies[i].fired);
        cr_assert(sloppies[i].fired_ns >= first_ns + i * PAWL_MS(1));
        bool seen = false;
        for (uint64_t j = 0; j < i; j++)
            seen = seen || sloppies[j].fired_ns == sloppies[i].fired_ns;
        rounds += !seen;
    }
    cr_assert(rounds <= 2, "%u rounds", rounds); /* two, if a round tick of 64 ms lies among the deadlines */
    finish(rt);
}

/* ---- the last reading ---- */

static void *read_cached(void *arg)
{
    uint64_t began_ns = *(uint64_t *)arg;
    for (int i = 0; i < 1000; i++) {
        uint64_t cached_ns = pawl_now_cached(NULL);
        CHECK(cached_ns <= pawl_now(NULL));
        CHECK(cached_ns >= began_ns);
        CHECK_EQ(pawl_yield(), 0);
    }
    return arg;
}

static void *read_in_blocking_function(void *arg)
{
    uint64_t before_ns = pawl_now(NULL);
    CHECK(pawl_now_cached(NULL) >= before_ns);
    return arg;
}

static void *read_elsewhere(void *arg)
{
    CHECK_EQ(pawl_block(read_in_blocking_function, NULL, NULL), 0);
    uint64_t before_ns = pawl_now(NULL);
    CHECK(pawl_now_cached(arg) >= before_ns); /* of another runtime */
    return arg;
}

Test(now_cached, is_the_workers_last_reading)
{
    uint64_t began_ns = pawl_now(NULL);
    struct pawl_runtime *rt = start(1), *other = start(1);
    run(rt, read_cached, &began_ns);
    run(rt, read_elsewhere, other);
    uint64_t before_ns = pawl_now(NULL);
    cr_assert(pawl_now_cached(rt) >= before_ns); /* outside it is precise */
    cr_assert(pawl_now_cached(NULL) >= before_ns);
    finish(other);
    finish(rt);
}
