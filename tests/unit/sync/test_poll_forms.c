/* The poll forms: what holds for all of them. Each claim is put to each kind. */
#include "kinds.h"

#define CLAIM(condition) cr_assert((condition), "%s", kind->name)
#define CLAIM_EQ(a, b) cr_assert_eq((a), (b), "%s: " #a " is %lld", kind->name, (long long)(a))

/* ---- granted ---- */

Test(poll_forms, ready_at_the_first_poll_with_what_can_be_had_at_once)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        if (kind->not_kept || kind->held)
            continue;
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        object_grant(o);
        party_start_poll(rt, &p);
        CLAIM_EQ(party_join(&p), 0);
        CLAIM_EQ(load_acquire_u32(&p.polls), 1);
        object_close(o);
    }
    finish(rt);
}

Test(poll_forms, pending_until_granted)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        FOR_EACH_KIND(kind)
        {
            struct object *o = object_open(kind);
            struct party p = party_of(o, 0);
            party_start_poll(rt, &p);
            CLAIM(!event_is_set(&p.done));
            object_grant(o);
            CLAIM_EQ(party_join(&p), 0);
            CLAIM_EQ(load_acquire_u32(&p.polls), 2);
            object_close(o);
        }
        finish(rt);
    }
}

struct waker_beside {
    struct party party;
    struct pawl_waker waker;
    bool taken;
};

static enum pawl_poll poll_with_waker(struct pawl_context *cx, void *arg)
{
    struct waker_beside *w = arg;
    if (!w->taken)
        pawl_waker_from(&w->waker, cx);
    w->taken = true;
    return party_poll(cx, &w->party);
}

Test(poll_forms, polled_for_no_reason_stay_pending)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct waker_beside w = {.party = party_of(o, 0)};
        cr_assert_eq(pawl_spawn_poll(rt, poll_with_waker, &w, &w.party.task), 0);
        settle(rt);
        for (uint32_t i = 1; i <= 3; i++) {
            CLAIM_EQ(load_acquire_u32(&w.party.polls), i);
            pawl_waker_wake(&w.waker);
            settle(rt);
        }
        CLAIM(!event_is_set(&w.party.done));
        object_grant(o);
        CLAIM_EQ(party_join(&w.party), 0);
        pawl_waker_drop(&w.waker);
        object_close(o);
    }
    finish(rt);
}

static enum pawl_poll poll_twice_over(struct pawl_context *cx, void *arg)
{
    struct party *p = arg;
    int status = 1;
    if (p->object->kind->poll(p, cx, &status) == PAWL_PENDING)
        return PAWL_PENDING;
    CHECK_EQ(status, 0);
    fetch_add_acq_rel_u32(&p->polls, 1);
    if (load_acquire_u32(&p->polls) == 2)
        return PAWL_READY;
    p->prepared = false; /* the same wait, once more */
    return poll_twice_over(cx, arg);
}

Test(poll_forms, that_are_ready_leave_a_wait_for_another_time)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        if (kind->reach != REACHES_ONE || kind->granted_once)
            continue;
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        cr_assert_eq(pawl_spawn_poll(rt, poll_twice_over, &p, &p.task), 0);
        for (int i = 0; i < 2; i++) {
            settle(rt);
            object_grant(o);
        }
        cr_assert_eq(pawl_join(p.task, NULL), 0);
        object_close(o);
    }
    finish(rt);
}

/* ---- the last poll ---- */

static void expect_cancelled_is_withdrawn(struct pawl_runtime *rt, const struct kind *kind, bool before)
{
    struct object *o = object_open(kind);
    struct party first = party_of(o, 0), second = party_of(o, 1);
    party_start_poll(rt, &first);
    if (before)
        party_start(rt, &second);
    CLAIM_EQ(pawl_task_cancel(first.task), 0);
    CLAIM_EQ(party_join(&first), -ECANCELED);
    if (!before)
        party_start(rt, &second);
    CLAIM(!event_is_set(&second.done));
    object_grant(o);
    CLAIM_EQ(party_join(&second), 0);
    object_close(o);
}

Test(poll_forms, cancelled_while_pending_are_withdrawn)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        expect_cancelled_is_withdrawn(rt, kind, false);
        if (!kind->two_parties)
            expect_cancelled_is_withdrawn(rt, kind, true);
    }
    finish(rt);
}

static void race(struct pawl_runtime *rt, const struct kind *kind, int spins)
{
    struct object *o = object_open(kind);
    struct party first = party_of(o, 0), second = party_of(o, 1);
    party_start_poll(rt, &first);
    party_start(rt, &second);
    cr_assert_eq(pawl_task_cancel(first.task), 0);
    for (volatile int i = 0; i < spins; i++) {
    }
    object_grant(o);
    int status = party_join(&first);
    CLAIM(status == 0 || status == -ECANCELED);
    if (kind->reach == REACHES_ONE && status == 0) {
        pawl_task_cancel(second.task);
        CLAIM(party_join(&second) < 0);
    } else {
        CLAIM_EQ(party_join(&second), 0);
    }
    object_close(o);
}

Test(poll_forms, granted_and_cancelled_at_once_have_one_outcome)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    for (int i = 0; i < 50 && !kind->two_parties; i++)
        race(rt, kind, i * 100);
    finish(rt);
}

static enum pawl_poll cancel_self_then_poll(struct pawl_context *cx, void *arg)
{
    if (!pawl_context_cancelled(cx)) {
        CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
        return PAWL_PENDING;
    }
    for (int i = 0; i < 2; i++) {
        struct party *p = arg;
        CHECK_EQ(party_poll(cx, p), PAWL_READY);
        CHECK_EQ(p->status, -ECANCELED);
        p->prepared = false;
    }
    return PAWL_READY;
}

Test(poll_forms, refused_to_a_cancelled_task_even_if_it_need_not_wait)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        if (!kind->not_kept)
            object_grant(o);
        cr_assert_eq(pawl_spawn_poll(rt, cancel_self_then_poll, &p, &p.task), 0);
        CLAIM_EQ(party_join(&p), -ECANCELED);
        object_close(o);
    }
    finish(rt);
}

Test(poll_forms, cut_short_by_shutdown)
{
    FOR_EACH_KIND(kind)
    {
        struct pawl_runtime *rt = start(2);
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0);
        party_start_poll(rt, &p);
        CLAIM_EQ(pawl_runtime_shutdown(rt, 0), 0);
        CLAIM_EQ(party_join(&p), -ESHUTDOWN);
        finish(rt);
        object_close(o);
    }
}

/* ---- given up ---- */

static enum pawl_poll poll_then_give_up(struct pawl_context *cx, void *arg)
{
    struct party *p = arg;
    int status = 1;
    CHECK_EQ(party_cancel(p), 0); /* not pending */
    CHECK_EQ(p->object->kind->poll(p, cx, &status), PAWL_PENDING);
    party_note(p, party_cancel(p));
    CHECK_EQ(party_cancel(p), 0);
    if (p->object->kind->after != NULL)
        CHECK_EQ(pawl_wait_cancel(&p->wait), 0);
    return PAWL_READY;
}

/* What party_note gives back was not granted. */
static struct kind without_after(const struct kind *kind)
{
    struct kind copy = *kind;
    copy.after = NULL;
    return copy;
}

Test(poll_forms, given_up_are_withdrawn)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        struct kind plain = without_after(kind);
        struct object *o = object_open(kind);
        struct party first = party_of(o, 0), second = party_of(o, 1);
        o->kind = &plain;
        cr_assert_eq(pawl_spawn_poll(rt, poll_then_give_up, &first, &first.task), 0);
        CLAIM_EQ(party_join(&first), 0);
        o->kind = kind;
        party_start(rt, &second);
        CLAIM(!event_is_set(&second.done));
        object_grant(o);
        CLAIM_EQ(party_join(&second), 0);
        object_close(o);
    }
    finish(rt);
}

/* Is granted while it is polled for no reason, and has not looked yet. */
struct too_late {
    struct party party;
    struct pawl_waker waker;
    struct event polled_again, granted;
};

static enum pawl_poll give_up_what_was_granted(struct pawl_context *cx, void *arg)
{
    struct too_late *late = arg;
    int status = 1;
    if (fetch_add_acq_rel_u32(&late->party.polls, 1) == 0) {
        pawl_waker_from(&late->waker, cx);
        CHECK_EQ(late->party.object->kind->poll(&late->party, cx, &status), PAWL_PENDING);
        return PAWL_PENDING;
    }
    event_set(&late->polled_again);
    event_wait(&late->granted);
    late->party.status = party_cancel(&late->party);
    CHECK_EQ(party_cancel(&late->party), 0);
    return PAWL_READY;
}

/* once: the moment of the grant is not known. */
Test(poll_forms, given_up_when_granted_pass_on_what_can_be_given_back)
{
    struct pawl_runtime *rt = start(2);
    FOR_EACH_KIND(kind)
    {
        if (kind->two_parties || kind->has_thread)
            continue;
        struct object *o = object_open(kind);
        struct too_late first = {.party = party_of(o, 0)};
        struct party second = party_of(o, 1);
        cr_assert_eq(pawl_spawn_poll(rt, give_up_what_was_granted, &first, &first.party.task), 0);
        settle(rt);
        party_start(rt, &second);
        pawl_waker_wake(&first.waker);
        event_wait(&first.polled_again);
        object_grant(o);
        event_set(&first.granted);
        CLAIM_EQ(party_join(&first.party), kind->gives_back ? 0 : -EALREADY);
        if (kind->reach == REACHES_ONE && !kind->gives_back)
            pawl_task_cancel(second.task);
        int status = party_join(&second);
        CLAIM((status == 0) == (kind->reach != REACHES_ONE || kind->gives_back));
        pawl_waker_drop(&first.waker);
        object_close(o);
    }
    finish(rt);
}

/* ---- misuse ---- */

struct semaphores {
    struct pawl_semaphore one, two;
    struct pawl_notify notify;
    struct pawl_wait wait;
    struct event pending;
    struct pawl_context *cx; /* of another task's poll, which is going on */
    struct event go;
    int status;
};

static enum pawl_poll poll_one_for_another(struct pawl_context *cx, void *arg)
{
    struct semaphores *s = arg;
    int status = 1;
    if (!event_is_set(&s->pending)) {
        CHECK_EQ(pawl_semaphore_acquire_poll(&s->one, 1, &s->wait, cx, &status), PAWL_PENDING);
        CHECK_EQ(pawl_semaphore_acquire_poll(&s->two, 1, &s->wait, cx, &status), PAWL_READY);
        CHECK_EQ(status, -EINVAL);
        CHECK_EQ(pawl_notify_wait_poll(&s->notify, &s->wait, cx, &status), PAWL_READY);
        CHECK_EQ(status, -EINVAL);
        event_set(&s->pending);
        return PAWL_PENDING;
    }
    return pawl_semaphore_acquire_poll(&s->one, 1, &s->wait, cx, &s->status);
}

Test(poll_forms, of_a_wait_that_is_pending_for_something_else_are_refused)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    struct semaphores s = {.one = PAWL_SEMAPHORE_INITIALIZER(0), .two = PAWL_SEMAPHORE_INITIALIZER(1), .status = 1};
    pawl_notify_init(&s.notify);
    pawl_notify_one(&s.notify);
    cr_assert_eq(pawl_spawn_poll(rt, poll_one_for_another, &s, &task), 0);
    settle(rt);
    pawl_semaphore_release(&s.one, 1);
    cr_assert_eq(pawl_join(task, NULL), 0);
    cr_assert_eq(s.status, 0);
    cr_assert_eq(pawl_semaphore_available(&s.two), 1);
    cr_assert(pawl_notify_try_wait(&s.notify));
    finish(rt);
}

static enum pawl_poll lend_context(struct pawl_context *cx, void *arg)
{
    struct semaphores *s = arg;
    s->cx = cx;
    event_set(&s->pending);
    event_wait(&s->go);
    return PAWL_READY;
}

static enum pawl_poll poll_with_that_of_another(struct pawl_context *cx, void *arg)
{
    struct semaphores *s = arg;
    struct pawl_case cases[1];
    int status = 1;
    (void)cx;
    CHECK_EQ(pawl_semaphore_acquire_poll(&s->two, 1, &s->wait, s->cx, &status), PAWL_READY);
    CHECK_EQ(status, -EINVAL);
    pawl_case_semaphore(&cases[0], &s->two, 1);
    CHECK_EQ(pawl_select_poll(cases, 1, s->cx, &status), PAWL_READY);
    CHECK_EQ(status, -EINVAL);
    return PAWL_READY;
}

Test(poll_forms, with_the_context_of_another_task_are_refused)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_task *lender, *task;
    struct semaphores s = {.two = PAWL_SEMAPHORE_INITIALIZER(1)};
    cr_assert_eq(pawl_spawn_poll(rt, lend_context, &s, &lender), 0);
    event_wait(&s.pending);
    cr_assert_eq(pawl_spawn_poll(rt, poll_with_that_of_another, &s, &task), 0);
    cr_assert_eq(pawl_join(task, NULL), 0);
    poll_with_that_of_another(NULL, &s);
    event_set(&s.go);
    cr_assert_eq(pawl_join(lender, NULL), 0);
    cr_assert_eq(pawl_semaphore_available(&s.two), 1);
    finish(rt);
}

static enum pawl_poll share_wait(struct pawl_context *cx, void *arg)
{
    struct semaphores *s = arg;
    int status = 1;
    if (!event_is_set(&s->pending)) {
        CHECK_EQ(pawl_semaphore_acquire_poll(&s->one, 1, &s->wait, cx, &status), PAWL_PENDING);
        event_set(&s->pending);
        return PAWL_PENDING;
    }
    return pawl_semaphore_acquire_poll(&s->one, 1, &s->wait, cx, &s->status);
}

static enum pawl_poll use_wait_of_another(struct pawl_context *cx, void *arg)
{
    struct semaphores *s = arg;
    int status = 1;
    CHECK_EQ(pawl_semaphore_acquire_poll(&s->one, 1, &s->wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, -EINVAL);
    return PAWL_READY;
}

Test(poll_forms, of_a_wait_of_another_task_are_refused)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *owner, *task;
    struct semaphores s = {.one = PAWL_SEMAPHORE_INITIALIZER(0), .status = 1};
    cr_assert_eq(pawl_spawn_poll(rt, share_wait, &s, &owner), 0);
    settle(rt);
    cr_assert_eq(pawl_spawn_poll(rt, use_wait_of_another, &s, &task), 0);
    cr_assert_eq(pawl_join(task, NULL), 0);
    pawl_semaphore_release(&s.one, 1);
    cr_assert_eq(pawl_join(owner, NULL), 0);
    cr_assert_eq(s.status, 0);
    finish(rt);
}

static enum pawl_poll poll_without_context(struct pawl_context *cx, void *arg)
{
    (void)cx;
    party_poll(NULL, arg);
    return PAWL_READY;
}

Test(poll_forms, without_a_context_are_refused)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct party p = party_of(o, 0), q = party_of(o, 1);
        cr_assert_eq(pawl_spawn_poll(rt, poll_without_context, &p, &p.task), 0);
        CLAIM_EQ(party_join(&p), -EINVAL);
        party_poll(NULL, &q); /* and in a plain thread */
        CLAIM_EQ(q.status, kind->poll == kinds[0].poll || kind->open == kinds[2].open ? -EDEADLK : -EINVAL);
        object_close(o);
    }
    finish(rt);
}

static int not_run(void *arg)
{
    (void)arg;
    CHECK(!"run");
    return 0;
}

#define REFUSED(call) (CHECK_EQ((status = 1, (call)), PAWL_READY), CHECK_EQ(status, -EINVAL))

static enum pawl_poll poll_without_wait(struct pawl_context *cx, void *arg)
{
    struct object *o = arg;
    uint64_t item = 1, version = 0;
    int status;
    REFUSED(pawl_mutex_lock_poll(&o->mutex, NULL, cx, &status));
    REFUSED(pawl_condition_wait_poll(&o->condition, &o->mutex, NULL, cx, &status));
    REFUSED(pawl_rwlock_read_poll(&o->rwlock, NULL, cx, &status));
    REFUSED(pawl_rwlock_write_poll(&o->rwlock, NULL, cx, &status));
    REFUSED(pawl_semaphore_acquire_poll(&o->semaphore, 1, NULL, cx, &status));
    REFUSED(pawl_notify_wait_poll(&o->notify, NULL, cx, &status));
    REFUSED(pawl_barrier_wait_poll(&o->barrier, NULL, cx, &status));
    REFUSED(pawl_once_call_poll(&o->once, not_run, NULL, NULL, cx, &status));
    REFUSED(pawl_oneshot_receive_poll(&o->oneshot, NULL, NULL, cx, &status));
    REFUSED(pawl_channel_send_poll(o->channel, &item, NULL, cx, &status));
    REFUSED(pawl_channel_receive_poll(o->channel, &item, NULL, cx, &status));
    REFUSED(pawl_broadcast_receive_poll(&o->receivers[0], &item, NULL, NULL, cx, &status));
    REFUSED(pawl_watch_wait_poll(o->watch, &item, &version, NULL, cx, &status));
    REFUSED(pawl_token_wait_poll(o->token, NULL, cx, &status));
    REFUSED(pawl_select_poll(NULL, 1, cx, &status));
    return PAWL_READY;
}

Test(poll_forms, without_a_wait_are_refused)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    struct object o = {.kind = NULL};
    uint64_t item = 1;
    pawl_mutex_init(&o.mutex);
    pawl_condition_init(&o.condition);
    pawl_rwlock_init(&o.rwlock);
    pawl_semaphore_init(&o.semaphore, 1);
    pawl_notify_init(&o.notify);
    pawl_barrier_init(&o.barrier, 1);
    pawl_once_init(&o.once);
    pawl_oneshot_init(&o.oneshot);
    cr_assert_eq(pawl_channel_create(&o.channel, 1, sizeof item), 0);
    cr_assert_eq(pawl_broadcast_create(&o.broadcast, 1, sizeof item), 0);
    cr_assert_eq(pawl_broadcast_subscribe(o.broadcast, &o.receivers[0]), 0);
    cr_assert_eq(pawl_watch_create(&o.watch, &item, sizeof item), 0);
    cr_assert_eq(pawl_token_create(&o.token, NULL), 0);
    cr_assert_eq(pawl_spawn_poll(rt, poll_without_wait, &o, &task), 0);
    cr_assert_eq(pawl_join(task, NULL), 0);
    pawl_channel_destroy(o.channel);
    pawl_broadcast_destroy(o.broadcast);
    pawl_watch_destroy(o.watch);
    pawl_token_drop(o.token);
    finish(rt);
    pawl_wait_init(NULL);
    cr_assert_eq(pawl_wait_cancel(NULL), -EINVAL);
    cr_assert_eq(pawl_select_cancel(NULL, 1, NULL), -EINVAL);
}

Test(poll_forms, start_from_an_initialiser_as_from_init_and_zeroes)
{
    struct pawl_wait waits[3] = {PAWL_WAIT_INITIALIZER};
    pawl_wait_init(&waits[1]);
    memset(&waits[2], 0, sizeof waits[2]);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(memcmp(&waits[i], &waits[0], sizeof waits[0]), 0);
        cr_assert_eq(pawl_wait_cancel(&waits[i]), 0);
    }
}

/* ---- their share of a poll ---- */

enum { FAR_TOO_OFTEN = 10000 };

struct glutton {
    struct pawl_notify bread, cake;
    uint32_t had;
};

/* Eats bread until it is told to wait, and then cake. */
static enum pawl_poll eat(struct pawl_context *cx, void *arg)
{
    struct glutton *g = arg;
    struct pawl_notify *meal = &g->bread;
    while (g->had < FAR_TOO_OFTEN) {
        struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
        int status;
        pawl_notify_one(meal);
        if (pawl_notify_wait_poll(meal, &wait, cx, &status) == PAWL_READY)
            g->had++;
        else if (meal == &g->bread)
            meal = &g->cake;
        else
            break;
    }
    return PAWL_READY;
}

Test(poll_forms, have_one_share_of_a_poll_for_all_of_them)
{
    struct pawl_runtime *rt = start(1);
    struct glutton g = {PAWL_NOTIFY_INITIALIZER, PAWL_NOTIFY_INITIALIZER, 0};
    struct pawl_task *task;
    cr_assert_eq(pawl_spawn_poll(rt, eat, &g, &task), 0);
    cr_assert_eq(pawl_join(task, NULL), 0);
    cr_assert_gt(g.had, 0);
    cr_assert_lt(g.had, FAR_TOO_OFTEN);
    finish(rt);
}
