/* The waiting calls: what holds for all of them, whatever they wait for. Each claim is put to each kind. */
#include "kinds.h"

#include <stdlib.h>

#define CLAIM(condition) cr_assert((condition), "%s", kind->name)
#define CLAIM_EQ(a, b) cr_assert_eq((a), (b), "%s: " #a " is %lld", kind->name, (long long)(a))

/* ---- granted ---- */

Test(waiting, task_goes_on_when_it_is_granted)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        FOR_EACH_KIND(kind)
        {
            struct object *o = object_open(kind);
            struct party p = party_of(o, 0);
            party_start(rt, &p);
            CLAIM(!event_is_set(&p.done));
            object_grant(o);
            CLAIM_EQ(party_join(&p), 0);
            object_close(o);
        }
        finish(rt);
    }
}

Test(waiting, thread_goes_on_when_it_is_granted)
{
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        if (kind->not_kept) /* no telling when the thread waits */
            p.deadline_ns = 0;
        pthread_t thread = thread_start(party_wait, &p);
        if (p.deadline_ns == PAWL_NEVER)
            object_grant(o);
        thread_join(thread);
        CLAIM_EQ(p.status, p.deadline_ns == 0 ? -ETIMEDOUT : 0);
        object_close(o);
    }
    expect_no_failure();
}

Test(waiting, with_a_far_deadline_goes_on_when_it_is_granted)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        p.deadline_ns = in_ns(HOUR_NS);
        party_start(rt, &p);
        object_grant(o);
        CLAIM_EQ(party_join(&p), 0);
        object_close(o);
    }
    finish(rt);
}

Test(waiting, those_who_wait_are_granted_in_the_order_of_asking)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        FOR_EACH_KIND(kind)
        {
            struct party parties[5];
            if (kind->reach == REACHES_ALL || kind->two_parties || kind->granted_once)
                continue;
            struct object *o = object_open(kind);
            for (int i = 0; i < 5; i++) {
                parties[i] = party_of(o, i);
                if (i % 2 == 0)
                    party_start(rt, &parties[i]);
                else
                    party_start_poll(rt, &parties[i]);
            }
            for (int i = 0; i < (kind->reach == REACHES_ONE ? 5 : 1); i++) {
                object_grant(o);
                settle(rt);
            }
            for (int i = 0; i < 5; i++) {
                CLAIM_EQ(party_join(&parties[i]), 0);
                CLAIM(i == 0 || parties[i].rank == parties[i - 1].rank + 1);
            }
            object_close(o);
        }
        finish(rt);
    }
}

Test(waiting, all_are_granted_by_what_concerns_all)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct party parties[5];
        if (kind->reach == REACHES_ONE)
            continue;
        struct object *o = object_open(kind);
        for (int i = 0; i < 5; i++) {
            parties[i] = party_of(o, i);
            party_start(rt, &parties[i]);
        }
        object_grant(o);
        for (int i = 0; i < 5; i++)
            CLAIM_EQ(party_join(&parties[i]), 0);
        object_close(o);
    }
    finish(rt);
}

/* ---- deadlines ---- */

static void *wait_in_vain(void *arg)
{
    struct party *p = arg;
    party_wait(p);
    p->deadline_ns = in_ns(PAWL_MS(2));
    CHECK_EQ(p->status, -ETIMEDOUT);
    party_wait(p);
    CHECK(pawl_now(NULL) >= p->deadline_ns);
    return NULL;
}

Test(waiting, past_the_deadline_times_out_in_tasks_and_threads)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        p.deadline_ns = 0;
        run(rt, wait_in_vain, &p);
        CLAIM_EQ(p.status, -ETIMEDOUT);
        p.deadline_ns = 1;
        thread_join(thread_start(wait_in_vain, &p));
        CLAIM_EQ(p.status, -ETIMEDOUT);
        object_close(o);
    }
    finish(rt);
}

Test(waiting, has_what_can_be_had_at_once_whatever_the_deadline)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        if (kind->not_kept || kind->held)
            continue;
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        p.deadline_ns = 0;
        object_grant(o);
        party_start(rt, &p);
        CLAIM_EQ(party_join(&p), 0);
        object_close(o);
    }
    finish(rt);
}

/* ---- cut short: what the first was not granted the second is ---- */

enum cut { CUT_BY_DEADLINE, CUT_BY_CANCEL, CUT_BY_TIMEOUT };

static void *wait_in_timeout(void *arg)
{
    struct party *p = arg;
    CHECK_EQ(pawl_timeout(PAWL_MS(2), party_wait, p, NULL), -ETIMEDOUT);
    CHECK_EQ(p->status, -ETIMEDOUT);
    CHECK_EQ(pawl_yield(), 0);
    return NULL;
}

static void cut_short(struct pawl_runtime *rt, struct party *p, struct party *behind, enum cut cut)
{
    if (cut == CUT_BY_DEADLINE)
        p->deadline_ns = in_ns(PAWL_MS(2));
    if (cut == CUT_BY_TIMEOUT)
        p->task = spawn(rt, wait_in_timeout, p);
    else
        p->task = spawn(rt, party_wait, p);
    settle(rt);
    if (behind != NULL)
        party_start(rt, behind);
    if (cut == CUT_BY_CANCEL)
        cr_assert_eq(pawl_task_cancel(p->task), 0);
    cr_assert_eq(pawl_join(p->task, NULL), 0);
    cr_assert_eq(p->status, cut == CUT_BY_CANCEL ? -ECANCELED : -ETIMEDOUT, "%s", p->object->kind->name);
}

static void expect_nothing_lost(struct pawl_runtime *rt, const struct kind *kind, enum cut cut, bool before)
{
    struct object *o = object_open(kind);
    struct party first = party_of(o, 0), second = party_of(o, 1);
    cut_short(rt, &first, before ? &second : NULL, cut);
    if (!before)
        party_start(rt, &second);
    CLAIM(!event_is_set(&second.done));
    object_grant(o);
    CLAIM_EQ(party_join(&second), 0);
    object_close(o);
}

static void expect_withdrawn(enum cut cut)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        expect_nothing_lost(rt, kind, cut, false);
        if (!kind->two_parties)
            expect_nothing_lost(rt, kind, cut, true);
    }
    finish(rt);
}

Test(waiting, that_times_out_is_withdrawn)
{
    expect_withdrawn(CUT_BY_DEADLINE);
}

Test(waiting, that_is_cancelled_is_withdrawn)
{
    expect_withdrawn(CUT_BY_CANCEL);
}

Test(waiting, that_a_timeout_around_it_cuts_short_is_withdrawn)
{
    expect_withdrawn(CUT_BY_TIMEOUT);
}

static void *cancel_self_then_wait(void *arg)
{
    struct party *p = arg;
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    for (int i = 0; i < 2; i++) {
        p->deadline_ns = i == 0 ? PAWL_NEVER : 0;
        party_wait(p);
        CHECK_EQ(p->status, -ECANCELED);
    }
    return NULL;
}

Test(waiting, is_refused_to_a_cancelled_task_even_if_it_need_not_wait)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        if (!kind->not_kept)
            object_grant(o);
        run(rt, cancel_self_then_wait, &p);
        CLAIM_EQ(p.status, -ECANCELED);
        object_close(o);
    }
    finish(rt);
}

static void *wait_past_timeout(void *arg)
{
    CHECK_EQ(pawl_timeout(0, party_wait, arg, NULL), -ETIMEDOUT);
    return NULL;
}

Test(waiting, is_refused_past_a_timeout_even_if_it_need_not_wait)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        if (!kind->not_kept)
            object_grant(o);
        run(rt, wait_past_timeout, &p);
        CLAIM_EQ(p.status, -ETIMEDOUT);
        object_close(o);
    }
    finish(rt);
}

Test(waiting, is_cut_short_by_shutdown)
{
    FOR_EACH_KIND(kind)
    {
        struct pawl_runtime *rt = start(2);
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        party_start(rt, &p);
        CLAIM_EQ(pawl_runtime_shutdown(rt, 0), 0);
        CLAIM_EQ(party_join(&p), -ESHUTDOWN);
        finish(rt);
        object_close(o);
    }
}

Test(waiting, in_a_shield_is_not_cut_short)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        p.shielded = true;
        party_start(rt, &p);
        CLAIM_EQ(pawl_task_cancel(p.task), 0);
        settle(rt);
        CLAIM(!event_is_set(&p.done));
        object_grant(o);
        CLAIM_EQ(party_join(&p), 0);
        object_close(o);
    }
    finish(rt);
}

/* What is granted to whom is cancelled at that moment: it has it, or the next has. */
static void race(struct pawl_runtime *rt, const struct kind *kind, int spins)
{
    struct object *o = object_open(kind);
    struct party first = party_of(o, 0), second = party_of(o, 1);
    party_start(rt, &first);
    party_start(rt, &second);
    cr_assert_eq(pawl_task_cancel(first.task), 0);
    for (volatile int i = 0; i < spins; i++) {
    }
    object_grant(o);
    int status = party_join(&first);
    CLAIM(status == 0 || status == -ECANCELED);
    if (kind->reach != REACHES_ONE || status != 0)
        CLAIM_EQ(party_join(&second), 0);
    if (kind->reach == REACHES_ONE && status == 0) {
        if (!kind->granted_once)
            CLAIM_EQ(pawl_task_cancel(second.task), 0);
        CLAIM_EQ(party_join(&second), kind->granted_once ? -EPIPE : -ECANCELED);
    }
    object_close(o);
}

Test(waiting, granted_and_cancelled_at_once_has_one_outcome)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    for (int i = 0; i < 50 && !kind->two_parties; i++)
        race(rt, kind, i * 100);
    finish(rt);
}

/* ---- where one may not wait ---- */

static void wait_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)status;
    party_wait(arg);
}

Test(waiting, is_a_deadlock_in_a_timer_callback_even_if_it_need_not_wait)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        struct pawl_timer timer;
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        if (!kind->not_kept)
            object_grant(o);
        pawl_timer_init(&timer, wait_in_callback, &p);
        cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
        event_wait(&p.done);
        pawl_timer_cancel_sync(&timer);
        CLAIM_EQ(p.status, -EDEADLK);
        object_close(o);
    }
    finish(rt);
}

static enum pawl_poll wait_in_poll(struct pawl_context *cx, void *arg)
{
    (void)cx;
    party_wait(arg);
    return PAWL_READY;
}

Test(waiting, is_a_deadlock_in_a_poll_even_if_it_need_not_wait)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        if (!kind->not_kept)
            object_grant(o);
        cr_assert_eq(pawl_spawn_poll(rt, wait_in_poll, &p, &p.task), 0);
        CLAIM_EQ(party_join(&p), -EDEADLK);
        object_close(o);
    }
    finish(rt);
}

/* ---- the end of the object ---- */

static void *wait_then_end(void *arg)
{
    struct party *p = arg;
    party_wait(p);
    p->object->kind->close(p->object);
    free(p->object);
    return NULL;
}

Test(waiting, whoever_was_granted_last_may_end_the_object)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    for (int i = 0; i < 50 && !kind->has_thread; i++) {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        bool keep = kind->reach == REACHES_ALL && kind->grant == kinds[15].grant;
        struct pawl_token *token = keep ? pawl_token_ref(o->token) : NULL; /* who cancels has one of its own */
        p.task = spawn(rt, wait_then_end, &p);
        if (i % 2 == 0 || kind->not_kept)
            settle(rt);
        object_grant(o);
        CLAIM_EQ(party_join(&p), 0);
        pawl_token_drop(token);
    }
    finish(rt);
}
