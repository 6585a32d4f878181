/* Functions that are called every so often, and waiting until what was cancelled has ended. */
#include "harness.h"

struct subject {
    PAWL_ATOMIC(uint32_t) calls, last_calls, running;
    uint64_t began_ns, period_ns;
    uint64_t id;
    struct event called, *hold; /* the first call waits for it */
    uint64_t written;           /* plain: ThreadSanitizer looks on */
};

static uint32_t calls(const struct subject *subject)
{
    return load_acquire_u32(&subject->calls);
}

static void on_due(void *arg, int status)
{
    struct subject *subject = arg;
    CHECK_EQ(fetch_add_acq_rel_u32(&subject->running, 1), 0);
    uint64_t number = fetch_add_acq_rel_u32(&subject->calls, 1) + 1;
    if (status == 0)
        CHECK(pawl_now(NULL) - subject->began_ns >= number * subject->period_ns);
    else
        fetch_add_acq_rel_u32(&subject->last_calls, status == -ESHUTDOWN);
    CHECK_EQ(load_acquire_u32(&subject->last_calls), status == -ESHUTDOWN);
    event_set(&subject->called);
    if (subject->hold != NULL && number == 1)
        event_wait(subject->hold);
    subject->written++;
    fetch_add_acq_rel_u32(&subject->running, UINT32_MAX);
}

static void every(struct pawl_runtime *rt, struct subject *subject, uint64_t period_ns)
{
    subject->period_ns = period_ns;
    subject->began_ns = pawl_now(rt);
    cr_assert_eq(pawl_every(rt, period_ns, on_due, subject, &subject->id), 0);
    cr_assert_neq(subject->id, 0);
}

/* It is not called any more. */
static void expect_rest(struct pawl_runtime *rt, const struct subject *subject)
{
    uint32_t before = calls(subject);
    cr_assert_eq(pawl_cancel(rt, subject->id), -ENOENT);
    spin_until(in_ns(3 * subject->period_ns + PAWL_US(200)));
    cr_assert_eq(calls(subject), before);
}

/* ---- calling ---- */

Test(every, refuses_what_it_cannot_do)
{
    uint64_t id = 77;
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_every(rt, 0, on_due, NULL, &id), -EINVAL);
    cr_assert_eq(pawl_every(rt, 1, NULL, NULL, &id), -EINVAL);
    cr_assert_eq(pawl_every(NULL, 1, on_due, NULL, &id), -EINVAL);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    cr_assert_eq(pawl_every(rt, 1, on_due, NULL, &id), -ESHUTDOWN);
    cr_assert_eq(id, 77);
    finish(rt);
}

Test(every, calls_again_and_again_and_never_early)
{
    static const uint64_t periods_ns[] = {1, 1000, 50000, 1000000};
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(periods_ns); i++) {
        struct subject subject = {.calls = 0};
        every(rt, &subject, periods_ns[i]);
        count_wait(&subject.calls, 20);
        cr_assert_eq(pawl_cancel_wait(rt, subject.id), 0);
        expect_rest(rt, &subject);
    }
    finish(rt);
}

enum { LONG_PERIOD_NS = 500000 };

/* Each call lasts three and a half periods: so calls are four periods apart, or more. */
static void last_long(void *arg, int status)
{
    struct subject *subject = arg;
    CHECK_EQ(fetch_add_acq_rel_u32(&subject->running, 1), 0);
    uint64_t number = calls(subject), due_ns = subject->began_ns + (4 * number + 1) * LONG_PERIOD_NS;
    CHECK(status != 0 || pawl_now(NULL) >= due_ns);
    pawl_sleep(7 * LONG_PERIOD_NS / 2);
    fetch_add_acq_rel_u32(&subject->running, UINT32_MAX);
    fetch_add_acq_rel_u32(&subject->calls, 1);
}

Test(every, never_calls_twice_at_once_and_skips_what_it_missed)
{
    struct subject subject = {.calls = 0};
    struct pawl_runtime *rt = start(2);
    subject.began_ns = pawl_now(rt);
    cr_assert_eq(pawl_every(rt, LONG_PERIOD_NS, last_long, &subject, &subject.id), 0);
    count_wait(&subject.calls, 5);
    cr_assert_eq(pawl_cancel_wait(rt, subject.id), 0);
    finish(rt);
}

static void do_everything(void *arg, int status)
{
    struct subject *subject = arg;
    void *result = NULL;
    CHECK_EQ(status, 0);
    CHECK(pawl_self() != NULL && !pawl_cancelled());
    CHECK_EQ(pawl_sleep(1000), 0);
    CHECK_EQ(pawl_block(return_arg, arg, &result), 0);
    CHECK(result == arg);
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0); /* it is this call's only */
    CHECK_EQ(pawl_yield(), -ECANCELED);
    if (fetch_add_acq_rel_u32(&subject->calls, 1) + 1 == 5)
        CHECK_EQ(pawl_cancel(NULL, subject->id), -EINPROGRESS);
}

Test(every, calls_in_a_task_of_its_own)
{
    static struct subject subject;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_every(rt, PAWL_MS(1), do_everything, &subject, &subject.id), 0);
    count_wait(&subject.calls, 5);
    finish(rt);
    cr_assert_eq(calls(&subject), 5);
}

Test(every, does_without_an_id)
{
    static struct subject subject;
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_every(rt, 1000, on_due, &subject, NULL), 0);
    count_wait(&subject.calls, 3);
    finish(rt);
    cr_assert_eq(load_acquire_u32(&subject.last_calls), 1);
}

/* ---- cancelling ---- */

Test(every, gives_the_argument_back)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 1000; i++) {
        struct subject subject = {.calls = 0};
        every(rt, &subject, i % 2 == 0 ? HOUR_NS : PAWL_NEVER);
        cr_assert_eq(i % 3 == 0 ? pawl_cancel_wait(rt, subject.id) : pawl_cancel(rt, subject.id), 0);
        cr_assert_eq(pawl_cancel(rt, subject.id), -ENOENT);
        cr_assert_eq(calls(&subject), 0);
    }
    finish(rt);
}

static void cancel_itself(void *arg, int status)
{
    struct subject *subject = arg;
    CHECK_EQ(status, 0);
    CHECK_EQ(pawl_cancel_wait(NULL, subject->id), -EDEADLK);
    if (fetch_add_acq_rel_u32(&subject->calls, 1) + 1 < 3)
        return; /* nothing has been cancelled */
    CHECK_EQ(pawl_cancel(NULL, subject->id), -EINPROGRESS);
    CHECK_EQ(pawl_cancel(NULL, subject->id), -EINPROGRESS);
    CHECK_EQ(pawl_cancel_wait(NULL, subject->id), -EDEADLK);
    event_set(&subject->called);
}

Test(every, can_be_cancelled_from_its_callback)
{
    static struct subject subject;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_every(rt, subject.period_ns = PAWL_MS(1), cancel_itself, &subject, &subject.id), 0);
    event_wait(&subject.called);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
    expect_rest(rt, &subject);
    cr_assert_eq(calls(&subject), 3);
    finish(rt);
}

Test(every, is_not_called_again_after_a_cancel)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 300; i++) {
        struct subject subject = {.calls = 0};
        every(rt, &subject, 1 + (uint64_t)(i % 4) * 20000);
        spin_until(in_ns((uint64_t)(i % 13) * 10000));
        int error = pawl_cancel(rt, subject.id);
        cr_assert(error == 0 || error == -EINPROGRESS);
        uint32_t before = calls(&subject);
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
        cr_assert(calls(&subject) - before <= (error != 0));
        cr_assert_eq(pawl_cancel_wait(rt, subject.id), -ENOENT);
    }
    finish(rt);
}

/* ---- waiting for the end ---- */

struct wait {
    struct pawl_runtime *rt;
    uint64_t id, deadline_ns;
    int answer;
    struct event begun, ended;
};

static void *cancel_and_wait(void *arg)
{
    struct wait *wait = arg;
    event_set(&wait->begun);
    wait->answer = pawl_cancel_wait_until(wait->rt, wait->id, wait->deadline_ns);
    event_set(&wait->ended);
    return NULL;
}

static void wait_for(struct pawl_runtime *rt, bool once, bool in_task)
{
    static struct event go_on;
    struct subject subject = {.hold = &go_on};
    struct wait wait[2] = {{.rt = rt, .deadline_ns = PAWL_NEVER}, {.rt = rt, .deadline_ns = PAWL_NEVER}};
    go_on = (struct event){.happened = 0};
    pthread_t threads[2];
    struct pawl_task *tasks[2];
    subject.began_ns = pawl_now(rt);
    cr_assert_eq((once ? pawl_after : pawl_every)(rt, 1000, on_due, &subject, &subject.id), 0);
    event_wait(&subject.called);
    cr_assert_eq(pawl_cancel(rt, subject.id), -EINPROGRESS);
    for (int i = 0; i < 2; i++) {
        wait[i].id = subject.id;
        if (in_task)
            tasks[i] = spawn(rt, cancel_and_wait, &wait[i]);
        else
            threads[i] = thread_start(cancel_and_wait, &wait[i]);
        event_wait(&wait[i].begun);
    }
    spin_until(in_ns(PAWL_US(100)));
    cr_assert(!event_is_set(&wait[0].ended));
    event_set(&go_on);
    for (int i = 0; i < 2; i++) {
        if (in_task)
            join(tasks[i]);
        else
            thread_join(threads[i]);
    }
    for (int i = 0; i < 2; i++) /* on a loaded machine its call may begin only after the end */
        cr_assert(wait[i].answer == 0 || wait[i].answer == -ENOENT);
    cr_assert_eq(subject.written, 1); /* and visible */
    cr_assert_eq(calls(&subject), 1);
    cr_assert_eq(pawl_cancel_wait(rt, subject.id), -ENOENT);
}

Test(cancel_wait, waits_while_it_runs)
{
    struct pawl_runtime *rt = start(3);
    for (int i = 0; i < 4; i++)
        wait_for(rt, i % 2 == 0, i / 2 == 0);
    finish(rt);
}

Test(cancel_wait, knows_only_its_own_ids)
{
    struct subject subject = {.calls = 0};
    struct pawl_runtime *rt = start(1), *other = start(1);
    every(other, &subject, HOUR_NS);
    cr_assert_eq(pawl_cancel_wait(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_cancel_wait(rt, 0), -ENOENT);
    cr_assert_eq(pawl_cancel_wait(rt, UINT64_MAX), -ENOENT);
    cr_assert_eq(pawl_cancel_wait(rt, subject.id), -ENOENT);
    cr_assert_eq(pawl_cancel_wait_until(other, subject.id, 0), 0);
    finish(other);
    finish(rt);
}

/* What has been cut short has cancelled all the same. */
static struct {
    struct subject subject;
    struct event go_on;
} stuck;

static void *wait_with_deadlines(void *arg)
{
    int *error = arg;
    CHECK_EQ(pawl_cancel_wait_until(NULL, stuck.subject.id, pawl_now(NULL) + PAWL_MS(1)), -ETIMEDOUT);
    *error = pawl_cancel_wait(NULL, stuck.subject.id);
    return NULL;
}

static void *wait_cut_short(void *arg)
{
    int error = 0;
    CHECK_EQ(pawl_timeout(PAWL_MS(1), wait_with_deadlines, &error, NULL), -ETIMEDOUT);
    CHECK_EQ(error, -ETIMEDOUT);
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    CHECK_EQ(pawl_cancel_wait(NULL, stuck.subject.id), -ECANCELED);
    pawl_shield_begin();
    event_set(&stuck.go_on);
    int error_of_shielded = pawl_cancel_wait(NULL, stuck.subject.id);
    CHECK(error_of_shielded == 0 || error_of_shielded == -ENOENT); /* it may have ended by now */
    pawl_shield_end();
    return arg;
}

static void *wait_and_note(void *arg)
{
    return pointer_of(pawl_cancel_wait(NULL, *(uint64_t *)arg));
}

Test(cancel_wait, is_cut_short_as_every_wait)
{
    struct pawl_runtime *rt = start(3);
    stuck.subject.hold = &stuck.go_on;
    every(rt, &stuck.subject, 1000);
    event_wait(&stuck.subject.called);
    cr_assert_eq(pawl_cancel_wait_until(rt, stuck.subject.id, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    struct pawl_task *task = spawn(rt, wait_and_note, &stuck.subject.id);
    spin_until(in_ns(PAWL_US(100)));
    cr_assert_eq(pawl_task_cancel(task), 0);
    cr_assert_eq(join(task), pointer_of(-ECANCELED));
    run(rt, wait_cut_short, NULL);
    cr_assert_eq(calls(&stuck.subject), 1);
    finish(rt);
}

static uint64_t foreign_id;
static struct event asked[2];

static void ask_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    CHECK_EQ(pawl_cancel_wait(NULL, foreign_id), -EDEADLK);
    event_set(&asked[0]);
}

static enum pawl_poll ask_in_poll(struct pawl_context *cx, void *state)
{
    (void)cx, (void)state;
    CHECK_EQ(pawl_cancel_wait(NULL, foreign_id), -EDEADLK);
    event_set(&asked[1]);
    return PAWL_READY;
}

Test(cancel_wait, is_refused_where_nothing_may_suspend)
{
    static struct pawl_timer timer;
    struct subject subject = {.calls = 0};
    struct pawl_runtime *rt = start(1);
    every(rt, &subject, HOUR_NS);
    foreign_id = subject.id;
    pawl_timer_init(&timer, ask_in_callback, NULL);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_spawn_poll(rt, ask_in_poll, NULL, NULL), 0);
    event_wait(&asked[0]);
    event_wait(&asked[1]);
    cr_assert_eq(pawl_cancel(rt, subject.id), 0); /* they have not cancelled it */
    finish(rt);
}

/* ---- shutdown ---- */

Test(every, is_called_a_last_time_by_the_shutdown)
{
    enum { COUNT = 300 };
    static struct subject subjects[COUNT];
    for (int round = 0; round < 10; round++) {
        struct pawl_runtime *rt = start(2);
        for (int i = 0; i < COUNT; i++) {
            subjects[i] = (struct subject){.calls = 0};
            every(rt, &subjects[i], i % 3 == 0 ? HOUR_NS : 1 + (uint64_t)i * 100);
        }
        spin_until(in_ns((uint64_t)round * 50000));
        cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
        for (int i = 0; i < COUNT; i++) {
            cr_assert_eq(load_acquire_u32(&subjects[i].last_calls), 1, "number %d", i);
            cr_assert_eq(pawl_cancel_wait(rt, subjects[i].id), -ENOENT);
        }
        finish(rt);
    }
}

static void *shut_down(void *rt)
{
    CHECK_EQ(pawl_runtime_shutdown(rt, 0), 0);
    return NULL;
}

static void end_while_it_runs(bool cancelled)
{
    static struct event go_on;
    struct subject subject = {.hold = &go_on};
    go_on = (struct event){.happened = 0};
    struct pawl_runtime *rt = start(2);
    every(rt, &subject, 1000);
    event_wait(&subject.called);
    if (cancelled)
        cr_assert_eq(pawl_cancel(rt, subject.id), -EINPROGRESS);
    pthread_t thread = thread_start(shut_down, rt);
    while (pawl_spawn(rt, return_arg, NULL, NULL) == 0) {
    }
    event_set(&go_on);
    thread_join(thread);
    cr_assert_eq(load_acquire_u32(&subject.last_calls), cancelled ? 0 : 1);
    finish(rt);
}

Test(every, that_runs_during_the_shutdown_has_its_last_call_after_that)
{
    end_while_it_runs(false);
}

Test(every, that_was_cancelled_has_no_last_call)
{
    end_while_it_runs(true);
}

Test(every, pending_does_not_hold_up_the_shutdown)
{
    struct subject subject = {.calls = 0};
    struct pawl_runtime *rt = start(2);
    every(rt, &subject, HOUR_NS);
    cr_assert_eq(pawl_runtime_shutdown(rt, HOUR_NS), 0);
    cr_assert_eq(load_acquire_u32(&subject.last_calls), 1);
    finish(rt);
}

/* ---- exhaustion ---- */

/* While a call runs there is no room for the next one's task beside its own. */
static struct pawl_runtime *start_without_room(void)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = 2;
    o.tasks_max = 1;
    return start_with(&o);
}

Test(every, goes_on_at_the_limit_of_tasks)
{
    struct subject subject = {.calls = 0};
    struct pawl_runtime *rt = start_without_room();
    every(rt, &subject, 100000);
    cr_assert_eq(pawl_spawn(rt, return_arg, NULL, NULL), -EAGAIN);
    count_wait(&subject.calls, 20);
    cr_assert_eq(pawl_cancel_wait(rt, subject.id), 0);
    expect_rest(rt, &subject);
    finish(rt);
}

Test(every, is_called_a_last_time_at_the_limit_of_tasks)
{
    struct subject subject = {.calls = 0};
    struct pawl_runtime *rt = start_without_room();
    every(rt, &subject, 20000000);
    count_wait(&subject.calls, 1);
    finish(rt);
    cr_assert_eq(load_acquire_u32(&subject.last_calls), 1);
}

static void count_last(void *arg, int status)
{
    CHECK_EQ(status, -ESHUTDOWN);
    fetch_add_acq_rel_u64(arg, 1);
}

Test(every, takes_its_memory_beforehand)
{
    struct counting_allocator allocator = {.live = 0};
    struct pawl_options o;
    counting_options(&allocator, &o);
    o.workers = 1;
    struct pawl_runtime *rt = start_with(&o);
    struct subject subject = {.calls = 0};
    uint64_t count = 0;
    PAWL_ATOMIC(uint64_t) last_calls = 0;
    every(rt, &subject, PAWL_MS(1));
    count_wait(&subject.calls, 1);
    store_release_u64(&allocator.fail_from, 1);
    store_release_u64(&allocator.fail_count, UINT64_MAX);
    while (pawl_every(rt, HOUR_NS, count_last, &last_calls, NULL) == 0) /* every task and record there is */
        cr_assert(++count < 1000000);
    count_wait(&subject.calls, 10);
    cr_assert_eq(pawl_cancel_wait(rt, subject.id), 0);
    store_release_u64(&allocator.fail_from, 0);
    finish(rt);
    cr_assert_eq(load_acquire_u64(&last_calls), count);
}
