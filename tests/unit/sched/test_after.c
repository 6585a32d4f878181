/* Timers by id: each callback is called once or its argument given back, and an id means one of them for good. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "sched/registry.h"
#include "sched/runtime.h"

struct subject {
    PAWL_ATOMIC(uint32_t) calls;
    int status;
    uint64_t due_ns;
    struct event called, *hold;
    uint64_t id;
};

static void on_due(void *arg, int status)
{
    struct subject *subject = arg;
    CHECK(status != 0 || pawl_now(NULL) >= subject->due_ns);
    subject->status = status;
    fetch_add_acq_rel_u32(&subject->calls, 1);
    event_set(&subject->called);
    if (subject->hold != NULL)
        event_wait(subject->hold);
}

static uint32_t calls(const struct subject *subject)
{
    return load_acquire_u32(&subject->calls);
}

static int after(struct pawl_runtime *rt, struct subject *subject, uint64_t delay_ns)
{
    subject->due_ns = in_ns(delay_ns);
    return pawl_after(rt, delay_ns, on_due, subject, &subject->id);
}

/* Returns once what was called has ended. */
static void settle(struct pawl_runtime *rt, struct subject *subject)
{
    event_wait(&subject->called);
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
}

/* ---- arguments ---- */

Test(after, refuses_null)
{
    uint64_t id = 77;
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_after(NULL, 0, on_due, NULL, &id), -EINVAL);
    cr_assert_eq(pawl_after(rt, 0, NULL, NULL, &id), -EINVAL);
    cr_assert_eq(pawl_cancel(NULL, 1), -EINVAL);
    cr_assert_eq(id, 77);
    finish(rt);
}

Test(after, does_without_an_id)
{
    struct subject subject = {.due_ns = 0};
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_after(rt, 0, on_due, &subject, NULL), 0);
    settle(rt, &subject);
    cr_assert_eq(calls(&subject), 1);
    finish(rt);
}

/* ---- calling ---- */

Test(after, calls_once_not_early)
{
    static const uint64_t delays_ns[] = {0, 1, 1000, 32768, 100000, 1000000, 3000000};
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < COUNT_OF(delays_ns); i++) {
        struct subject subject = {.status = 1};
        cr_assert_eq(after(rt, &subject, delays_ns[i]), 0);
        cr_assert_neq(subject.id, 0);
        settle(rt, &subject);
        cr_assert_eq(calls(&subject), 1);
        cr_assert_eq(subject.status, 0);
        cr_assert_eq(pawl_cancel(rt, subject.id), -ENOENT);
    }
    finish(rt);
}

static void suspend_in_every_way(void *arg, int status)
{
    void *result = NULL;
    CHECK_EQ(status, 0);
    CHECK(pawl_self() != NULL);
    CHECK_EQ(pawl_sleep(PAWL_US(100)), 0);
    CHECK_EQ(pawl_yield(), 0);
    CHECK_EQ(pawl_block(return_arg, arg, &result), 0);
    CHECK(result == arg);
    CHECK(join(spawn(NULL, return_arg, arg)) == arg);
    CHECK_EQ(pawl_suspend_until(0), -ETIMEDOUT);
    event_set(arg);
}

Test(after, callbacks_may_suspend)
{
    static struct event done;
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_after(rt, 0, suspend_in_every_way, &done, NULL), 0);
    event_wait(&done);
    finish(rt);
}

static void call_again(void *arg, int status)
{
    struct subject *subject = arg;
    CHECK_EQ(status, 0);
    if (fetch_add_acq_rel_u32(&subject->calls, 1) + 1 == 500)
        event_set(&subject->called);
    else
        CHECK_EQ(pawl_after(NULL, calls(subject) % 3 * 1000, call_again, subject, NULL), 0);
}

Test(after, callbacks_may_ask_for_the_next)
{
    static struct subject subject;
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_after(rt, 0, call_again, &subject, NULL), 0);
    settle(rt, &subject);
    cr_assert_eq(calls(&subject), 500);
    finish(rt);
}

static void ask_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    CHECK_EQ(after(NULL, arg, 0), 0);
}

static void *ask_in_blocking_function(void *arg)
{
    CHECK_EQ(after(NULL, arg, 0), 0);
    return NULL;
}

static void *ask_in_task(void *arg)
{
    struct subject *subjects = arg;
    CHECK_EQ(after(NULL, &subjects[0], 0), 0);
    CHECK_EQ(pawl_block(ask_in_blocking_function, &subjects[1], NULL), 0);
    return NULL;
}

Test(after, null_means_the_runtime_of_the_caller)
{
    static struct subject subjects[3];
    static struct pawl_timer timer;
    struct pawl_runtime *rt = start(2);
    run(rt, ask_in_task, subjects);
    pawl_timer_init(&timer, ask_in_callback, &subjects[2]);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    for (size_t i = 0; i < COUNT_OF(subjects); i++)
        event_wait(&subjects[i].called);
    finish(rt);
}

enum { CROWD = 5000 };

static struct subject crowd[CROWD];

Test(after, calls_each_of_a_crowd_once)
{
    struct pawl_runtime *rt = start(2);
    for (uint64_t i = 0; i < CROWD; i++)
        cr_assert_eq(after(rt, &crowd[i], i * 7919 % PAWL_MS(20)), 0);
    for (size_t i = 0; i < CROWD; i++)
        event_wait(&crowd[i].called);
    finish(rt);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(calls(&crowd[i]), 1);
}

/* ---- cancelling ---- */

Test(cancel_id, gives_the_argument_back)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 2000; i++) {
        struct subject *subject = calloc(1, sizeof *subject);
        cr_assert_eq(after(rt, subject, HOUR_NS), 0);
        cr_assert_eq(pawl_cancel(rt, subject->id), 0);
        cr_assert_eq(pawl_cancel(rt, subject->id), -ENOENT);
        cr_assert_eq(calls(subject), 0);
        free(subject);
    }
    finish(rt);
}

Test(cancel_id, says_in_progress_while_the_callback_runs)
{
    static struct event go_on;
    struct subject subject = {.hold = &go_on};
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(after(rt, &subject, 0), 0);
    event_wait(&subject.called);
    cr_assert_eq(pawl_cancel(rt, subject.id), -EINPROGRESS);
    cr_assert_eq(pawl_cancel(rt, subject.id), -EINPROGRESS);
    event_set(&go_on);
    settle(rt, &subject);
    cr_assert_eq(pawl_cancel(rt, subject.id), -ENOENT);
    cr_assert_eq(calls(&subject), 1);
    finish(rt);
}

static void cancel_itself(void *arg, int status)
{
    struct subject *subject = arg;
    event_wait(subject->hold); /* until the id is there */
    CHECK_EQ(status, 0);
    CHECK_EQ(pawl_cancel(NULL, subject->id), -EINPROGRESS);
    CHECK_EQ(pawl_sleep(0), 0);
    CHECK_EQ(pawl_cancel(NULL, subject->id), -EINPROGRESS);
    event_set(&subject->called);
}

Test(cancel_id, of_itself_is_in_progress)
{
    static struct event stored;
    struct subject subject = {.hold = &stored};
    struct pawl_runtime *rt = start(2);
    cr_assert_eq(pawl_after(rt, 0, cancel_itself, &subject, &subject.id), 0);
    event_set(&stored);
    settle(rt, &subject);
    cr_assert_eq(pawl_cancel(rt, subject.id), -ENOENT);
    finish(rt);
}

Test(cancel_id, knows_only_its_own_ids)
{
    static const uint64_t never_were[] = {
        0, 1, 2, 4096, UINT64_C(1) << 26, UINT64_C(1) << 50, UINT64_MAX, UINT64_MAX - 1, INT64_MAX};
    struct subject subject = {.due_ns = 0}, theirs = {.due_ns = 0};
    struct pawl_runtime *rt = start(1), *other = start(1);
    for (size_t i = 0; i < COUNT_OF(never_were); i++)
        cr_assert_eq(pawl_cancel(rt, never_were[i]), -ENOENT);
    cr_assert_eq(after(rt, &subject, HOUR_NS), 0);
    cr_assert_eq(after(other, &theirs, HOUR_NS), 0);
    cr_assert_neq(subject.id, theirs.id);
    for (unsigned bit = 0; bit < 64; bit++)
        cr_assert_eq(pawl_cancel(rt, subject.id ^ UINT64_C(1) << bit), -ENOENT, "bit %u", bit);
    cr_assert_eq(pawl_cancel(other, subject.id), -ENOENT);
    cr_assert_eq(pawl_cancel(rt, theirs.id), -ENOENT);
    cr_assert_eq(pawl_cancel(rt, subject.id), 0);
    cr_assert_eq(pawl_cancel(other, theirs.id), 0);
    finish(other);
    finish(rt);
}

Test(cancel_id, does_not_take_a_stale_id_for_a_new_one)
{
    struct subject subject = {.due_ns = 0};
    uint64_t stale[500];
    struct pawl_runtime *rt = start(1);
    for (size_t i = 0; i < COUNT_OF(stale); i++) {
        cr_assert_eq(after(rt, &subject, HOUR_NS), 0);
        for (size_t j = 0; j < i; j++)
            cr_assert_eq(pawl_cancel(rt, stale[j]), -ENOENT);
        stale[i] = subject.id;
        cr_assert_eq(pawl_cancel(rt, subject.id), 0);
    }
    finish(rt);
    cr_assert_eq(calls(&subject), 0);
}

Test(cancel_id, tells_runtimes_apart_however_many_there_were)
{
    struct subject first = {.due_ns = 0};
    struct pawl_runtime *rt = start(1);
    uint64_t last_id = rt->id;
    cr_assert_eq(after(rt, &first, HOUR_NS), 0);
    /* as if so many runtimes had come and gone meanwhile: each power of two less one or two, and each power of two */
    for (unsigned bits = 1; bits <= 20; bits++) {
        for (uint64_t apart = (UINT64_C(1) << bits) - 2; apart <= UINT64_C(1) << bits; apart++) {
            struct subject second = {.due_ns = 0};
            if (last_id >= rt->id + apart)
                continue;
            while (last_id < rt->id + apart - 1)
                last_id = pawl__registry_new_id();
            struct pawl_runtime *other = start(1);
            cr_assert_eq(last_id = other->id, rt->id + apart);
            cr_assert_eq(after(other, &second, HOUR_NS), 0);
            cr_assert_neq(first.id, second.id, "runtimes %d and %d", (int)rt->id, (int)other->id);
            cr_assert_eq(pawl_cancel(other, first.id), -ENOENT, "runtimes %d and %d", (int)rt->id, (int)other->id);
            cr_assert_eq(pawl_cancel(other, second.id), 0);
            finish(other);
        }
    }
    finish(rt);
    cr_assert_eq(calls(&first), 1);
    cr_assert_eq(first.status, -ESHUTDOWN);
}

Test(cancel_id, either_cancels_or_the_callback_is_called)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 3000; i++) {
        struct subject subject = {.due_ns = 0};
        cr_assert_eq(after(rt, &subject, (uint64_t)(i % 5) * 10000), 0);
        spin_until(in_ns((uint64_t)(i % 11) * 5000));
        int error = pawl_cancel(rt, subject.id);
        cr_assert(error == 0 || error == -EINPROGRESS || error == -ENOENT);
        if (error != 0)
            event_wait(&subject.called);
        cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
        cr_assert_eq(calls(&subject), error == 0 ? 0 : 1);
    }
    finish(rt);
}

struct contest {
    struct pawl_runtime *rt;
    uint64_t id;
    PAWL_ATOMIC(uint32_t) ready, wins;
};

static void *compete(void *arg)
{
    struct contest *contest = arg;
    fetch_add_acq_rel_u32(&contest->ready, 1);
    while (load_acquire_u32(&contest->ready) < 3) {
    }
    int error = pawl_cancel(contest->rt, contest->id);
    CHECK(error == 0 || error == -ENOENT);
    fetch_add_acq_rel_u32(&contest->wins, error == 0);
    return NULL;
}

Test(cancel_id, by_several_threads_succeeds_once)
{
    struct pawl_runtime *rt = start(1);
    for (int i = 0; i < 200; i++) {
        struct subject subject = {.due_ns = 0};
        struct contest contest = {.rt = rt};
        pthread_t threads[3];
        cr_assert_eq(after(rt, &subject, HOUR_NS), 0);
        contest.id = subject.id;
        for (size_t t = 0; t < COUNT_OF(threads); t++)
            threads[t] = thread_start(compete, &contest);
        for (size_t t = 0; t < COUNT_OF(threads); t++)
            thread_join(threads[t]);
        cr_assert_eq(load_acquire_u32(&contest.wins), 1);
        cr_assert_eq(calls(&subject), 0);
    }
    finish(rt);
}

/* ---- shutdown ---- */

Test(after, what_still_pends_is_called_once_by_shutdown)
{
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(after(rt, &crowd[i], i % 2 ? HOUR_NS : PAWL_NEVER), 0);
    cr_assert_eq(pawl_runtime_shutdown(rt, 0), 0);
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert_eq(calls(&crowd[i]), 1);
        cr_assert_eq(crowd[i].status, -ESHUTDOWN);
        cr_assert_eq(pawl_cancel(rt, crowd[i].id), -ENOENT);
    }
    cr_assert_eq(after(rt, &crowd[0], 0), -ESHUTDOWN);
    finish(rt);
}

Test(after, one_that_pends_is_called_by_each_shutdown)
{
    for (int i = 0; i < 500; i++) {
        struct subject subject = {.status = 1};
        struct pawl_runtime *rt = start(1 + i % 3);
        cr_assert_eq(after(rt, &subject, HOUR_NS), 0);
        finish(rt);
        cr_assert_eq(calls(&subject), 1, "in round %d", i);
        cr_assert_eq(subject.status, -ESHUTDOWN);
    }
}

static void try_everything_shielded(void *arg, int status)
{
    struct subject *subject = arg;
    CHECK_EQ(status, -ESHUTDOWN);
    CHECK_EQ(pawl_sleep(HOUR_NS), -ESHUTDOWN);
    CHECK(pawl_cancelled());
    CHECK_EQ(pawl_after(NULL, 0, on_due, subject, NULL), -ESHUTDOWN);
    CHECK_EQ(pawl_spawn(NULL, return_arg, NULL, NULL), -ESHUTDOWN);
    pawl_shield_begin();
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    pawl_shield_end();
    event_set(&subject->called);
}

Test(after, callbacks_called_by_shutdown_may_suspend_under_a_shield_only)
{
    static struct subject subject;
    struct pawl_runtime *rt = start(1);
    cr_assert_eq(pawl_after(rt, HOUR_NS, try_everything_shielded, &subject, NULL), 0);
    finish(rt);
    cr_assert(event_is_set(&subject.called));
}
