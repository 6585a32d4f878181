/* Notify: one permit at most. */
#include "kinds.h"

static const uint64_t past_ns = 0;

Test(notify, keeps_a_single_permit_however_it_was_made)
{
    struct pawl_notify n[2] = {PAWL_NOTIFY_INITIALIZER};
    cr_assert_eq(pawl_notify_init(&n[1]), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_not(pawl_notify_try_wait(&n[i]));
        cr_assert_eq(pawl_notify_wait_until(&n[i], past_ns), -ETIMEDOUT);
        for (int j = 0; j < 3; j++)
            pawl_notify_one(&n[i]);
        cr_assert(pawl_notify_try_wait(&n[i]));
        cr_assert_not(pawl_notify_try_wait(&n[i]));
        pawl_notify_one(&n[i]);
        cr_assert_eq(pawl_notify_wait_until(&n[i], past_ns), 0);
        cr_assert_eq(pawl_notify_wait_until(&n[i], in_ns(PAWL_MS(1))), -ETIMEDOUT);
        pawl_notify_one(&n[i]);
        cr_assert_eq(pawl_notify_wait(&n[i]), 0);
        cr_assert_eq(pawl_notify_fini(&n[i]), 0);
    }
}

Test(notify, is_not_null)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    cr_assert_eq(pawl_notify_init(NULL), -EINVAL);
    cr_assert_eq(pawl_notify_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_notify_wait(NULL), -EINVAL);
    cr_assert_eq(pawl_notify_wait_until(NULL, past_ns), -EINVAL);
    cr_assert_not(pawl_notify_try_wait(NULL));
    cr_assert_eq(pawl_notify_wait_poll(NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_notify_one(NULL);
    pawl_notify_all(NULL);
}

struct listener {
    struct pawl_notify *notify;
    struct pawl_wait wait;
    int status;
    PAWL_ATOMIC(uint32_t) *told;
};

static void *listen(void *arg)
{
    struct listener *l = arg;
    l->status = pawl_notify_wait(l->notify);
    fetch_add_acq_rel_u32(l->told, 1);
    return NULL;
}

static enum pawl_poll listen_in_polls(struct pawl_context *cx, void *arg)
{
    struct listener *l = arg;
    if (pawl_notify_wait_poll(l->notify, &l->wait, cx, &l->status) == PAWL_PENDING)
        return PAWL_PENDING;
    fetch_add_acq_rel_u32(l->told, 1);
    return PAWL_READY;
}

Test(notify, one_tells_one_and_all_tells_all_who_wait)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    PAWL_ATOMIC(uint32_t) told = 0;
    struct listener listeners[6];
    struct pawl_task *tasks[4];
    pthread_t threads[2];
    for (int i = 0; i < 6; i++) {
        listeners[i] = (struct listener){.notify = &n, .told = &told, .status = 1};
        if (i < 2)
            threads[i] = thread_start(listen, &listeners[i]);
        else if (i < 4)
            tasks[i - 2] = spawn(rt, listen, &listeners[i]);
        else
            cr_assert_eq(pawl_spawn_poll(rt, listen_in_polls, &listeners[i], &tasks[i - 2]), 0);
        permits_await(&n, (size_t)i + 1);
    }
    cr_assert_eq(pawl_notify_fini(&n), -EBUSY);
    cr_assert_not(pawl_notify_try_wait(&n));
    pawl_notify_one(&n);
    count_wait(&told, 1);
    thread_join(threads[0]);
    cr_assert_eq(listeners[0].status, 0);
    cr_assert_eq(permits_waiting(&n), 5);
    pawl_notify_all(&n);
    thread_join(threads[1]);
    for (int i = 0; i < 4; i++)
        join(tasks[i]);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(listeners[i].status, 0);
    cr_assert_not(pawl_notify_try_wait(&n));
    cr_assert_eq(pawl_notify_fini(&n), 0);
    finish(rt);
}

Test(notify, all_keeps_no_permit_and_takes_none_away)
{
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    pawl_notify_all(&n);
    cr_assert_not(pawl_notify_try_wait(&n));
    pawl_notify_one(&n);
    pawl_notify_all(&n);
    cr_assert(pawl_notify_try_wait(&n));
}

/* ---- given up when told ---- */

struct quitter {
    struct pawl_notify *notify;
    struct pawl_wait wait;
    struct event pending, told;
    struct pawl_waker waker;
    PAWL_ATOMIC(uint32_t) polls;
    int cancelled;
};

static enum pawl_poll quit_when_told(struct pawl_context *cx, void *arg)
{
    struct quitter *q = arg;
    int status = 1;
    if (fetch_add_acq_rel_u32(&q->polls, 1) == 0) {
        pawl_waker_from(&q->waker, cx);
        return pawl_notify_wait_poll(q->notify, &q->wait, cx, &status);
    }
    event_set(&q->pending);
    event_wait(&q->told);
    q->cancelled = pawl_wait_cancel(&q->wait);
    return PAWL_READY;
}

static void quit(struct pawl_runtime *rt, struct quitter *q, void (*tell)(struct pawl_notify *n))
{
    struct pawl_task *task;
    cr_assert_eq(pawl_spawn_poll(rt, quit_when_told, q, &task), 0);
    settle(rt);
    pawl_waker_wake(&q->waker);
    event_wait(&q->pending);
    tell(q->notify);
    event_set(&q->told);
    join(task);
    pawl_waker_drop(&q->waker);
    cr_assert_eq(q->cancelled, 0);
}

Test(notify, that_is_given_up_goes_to_who_comes_next_if_it_was_for_one)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    struct quitter one = {.notify = &n, .cancelled = 1}, all = {.notify = &n, .cancelled = 1};
    quit(rt, &one, pawl_notify_one);
    cr_assert(pawl_notify_try_wait(&n));
    quit(rt, &all, pawl_notify_all);
    cr_assert_not(pawl_notify_try_wait(&n));
    cr_assert_eq(pawl_notify_fini(&n), 0);
    finish(rt);
}

/* ---- what was written before ---- */

struct mail {
    struct pawl_notify full, empty;
    uint64_t letter; /* plain: ThreadSanitizer looks on */
    uint64_t sum;
};

enum { LETTERS = 2000 };

static void *write_letters(void *arg)
{
    struct mail *mail = arg;
    for (uint64_t i = 1; i <= LETTERS; i++) {
        mail->letter = i;
        pawl_notify_one(&mail->full);
        CHECK_EQ(pawl_notify_wait(&mail->empty), 0);
    }
    return NULL;
}

static void *read_letters(void *arg)
{
    struct mail *mail = arg;
    for (int i = 0; i < LETTERS; i++) {
        CHECK_EQ(pawl_notify_wait(&mail->full), 0);
        mail->sum += mail->letter;
        pawl_notify_one(&mail->empty);
    }
    return NULL;
}

Test(notify, shows_what_was_written_before)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 2; i++) {
        struct mail mail = {.full = PAWL_NOTIFY_INITIALIZER, .empty = PAWL_NOTIFY_INITIALIZER};
        struct pawl_task *reader = spawn(rt, read_letters, &mail);
        if (i == 0)
            run(rt, write_letters, &mail);
        else
            thread_join(thread_start(write_letters, &mail));
        join(reader);
        cr_assert_eq(mail.sum, (uint64_t)LETTERS * (LETTERS + 1) / 2);
    }
    finish(rt);
}

static void notify_in_callback(struct pawl_timer *timer, void *n, int status)
{
    (void)timer, (void)status;
    CHECK(!pawl_notify_try_wait(n));
    pawl_notify_all(n);
    pawl_notify_one(n);
}

Test(notify, comes_from_a_timer_callback)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    struct pawl_timer timer;
    pawl_timer_init(&timer, notify_in_callback, &n);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_notify_wait(&n), 0);
    pawl_timer_cancel_sync(&timer);
    finish(rt);
}
