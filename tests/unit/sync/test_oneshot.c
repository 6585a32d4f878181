/* Oneshot: one value, once. */
#include <string.h>

#include "kinds.h"

static int value;

#define EACH_ONESHOT(o)                                                                                                \
    struct pawl_oneshot o[3] = {PAWL_ONESHOT_INITIALIZER};                                                             \
    cr_assert_eq(pawl_oneshot_init(&o[1]), 0);                                                                         \
    memset(&o[2], 0, sizeof o[2])

Test(oneshot, is_empty_then_full_then_over_however_it_was_made)
{
    EACH_ONESHOT(o);
    for (int i = 0; i < 3; i++) {
        void *received = &received;
        cr_assert_eq(pawl_oneshot_try_receive(&o[i], &received), -EAGAIN);
        cr_assert_eq(pawl_oneshot_receive_until(&o[i], &received, 0), -ETIMEDOUT);
        cr_assert_eq(received, &received);
        cr_assert_eq(pawl_oneshot_send(&o[i], &value), 0);
        cr_assert_eq(pawl_oneshot_send(&o[i], &o), -EALREADY);
        cr_assert_eq(pawl_oneshot_fini(&o[i]), 0);
        cr_assert_eq(pawl_oneshot_receive_until(&o[i], &received, 0), 0);
        cr_assert_eq(received, &value);
        cr_assert_eq(pawl_oneshot_receive(&o[i], &received), -EPIPE);
        cr_assert_eq(pawl_oneshot_try_receive(&o[i], &received), -EPIPE);
        cr_assert_eq(pawl_oneshot_send(&o[i], &o), -EALREADY);
        cr_assert_eq(received, &value);
        cr_assert_eq(pawl_oneshot_fini(&o[i]), 0);
    }
}

Test(oneshot, is_not_null_but_its_value_may_be)
{
    struct pawl_oneshot o = PAWL_ONESHOT_INITIALIZER, p = PAWL_ONESHOT_INITIALIZER;
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    void *received = &received;
    int status = 1;
    cr_assert_eq(pawl_oneshot_init(NULL), -EINVAL);
    cr_assert_eq(pawl_oneshot_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_oneshot_send(NULL, &value), -EINVAL);
    cr_assert_eq(pawl_oneshot_receive(NULL, &received), -EINVAL);
    cr_assert_eq(pawl_oneshot_receive_until(NULL, &received, 0), -EINVAL);
    cr_assert_eq(pawl_oneshot_try_receive(NULL, &received), -EINVAL);
    cr_assert_eq(pawl_oneshot_receive_poll(NULL, &received, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_oneshot_close(NULL);
    cr_assert_eq(pawl_oneshot_send(&o, NULL), 0);
    cr_assert_eq(pawl_oneshot_receive(&o, &received), 0);
    cr_assert_null(received);
    cr_assert_eq(pawl_oneshot_send(&p, &value), 0);
    cr_assert_eq(pawl_oneshot_receive(&p, NULL), 0);
}

Test(oneshot, closed_takes_no_value_and_gives_out_what_it_has)
{
    EACH_ONESHOT(o);
    void *received = &received;
    pawl_oneshot_close(&o[0]);
    pawl_oneshot_close(&o[0]);
    cr_assert_eq(pawl_oneshot_send(&o[0], &value), -EPIPE);
    cr_assert_eq(pawl_oneshot_receive(&o[0], &received), -EPIPE);
    cr_assert_eq(pawl_oneshot_try_receive(&o[0], &received), -EPIPE);
    cr_assert_eq(received, &received);
    cr_assert_eq(pawl_oneshot_send(&o[1], &value), 0);
    pawl_oneshot_close(&o[1]);
    cr_assert_eq(pawl_oneshot_send(&o[1], &o), -EALREADY);
    cr_assert_eq(pawl_oneshot_receive(&o[1], &received), 0);
    cr_assert_eq(received, &value);
    cr_assert_eq(pawl_oneshot_receive(&o[1], &received), -EPIPE);
}

struct receiver {
    struct pawl_oneshot *oneshot;
    struct pawl_wait wait;
    void *value;
    int status;
};

static void *receive(void *arg)
{
    struct receiver *r = arg;
    r->status = pawl_oneshot_receive(r->oneshot, &r->value);
    return NULL;
}

static enum pawl_poll receive_in_polls(struct pawl_context *cx, void *arg)
{
    struct receiver *r = arg;
    return pawl_oneshot_receive_poll(r->oneshot, &r->value, &r->wait, cx, &r->status);
}

static void start_receivers(struct pawl_runtime *rt, struct pawl_oneshot *o, struct receiver *receivers,
                            struct pawl_task **tasks)
{
    for (int i = 0; i < 3; i++) {
        receivers[i] = (struct receiver){.oneshot = o, .status = 1};
        if (i == 1)
            cr_assert_eq(pawl_spawn_poll(rt, receive_in_polls, &receivers[i], &tasks[i]), 0);
        else
            tasks[i] = spawn(rt, receive, &receivers[i]);
        settle(rt);
    }
    cr_assert_eq(pawl_oneshot_fini(o), -EBUSY);
    cr_assert_eq(pawl_oneshot_try_receive(o, NULL), -EAGAIN);
}

Test(oneshot, sent_goes_to_who_waits_longest_and_the_others_get_none)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_oneshot o = PAWL_ONESHOT_INITIALIZER;
    struct receiver receivers[3];
    struct pawl_task *tasks[3];
    start_receivers(rt, &o, receivers, tasks);
    cr_assert_eq(pawl_oneshot_send(&o, &value), 0);
    for (int i = 0; i < 3; i++) {
        join(tasks[i]);
        cr_assert_eq(receivers[i].status, i == 0 ? 0 : -EPIPE);
        cr_assert_eq(receivers[i].value, i == 0 ? &value : NULL);
    }
    cr_assert_eq(pawl_oneshot_send(&o, &value), -EALREADY);
    cr_assert_eq(pawl_oneshot_fini(&o), 0);
    finish(rt);
}

Test(oneshot, closed_tells_all_who_wait)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_oneshot o = PAWL_ONESHOT_INITIALIZER;
    struct receiver receivers[3];
    struct pawl_task *tasks[3];
    start_receivers(rt, &o, receivers, tasks);
    pawl_oneshot_close(&o);
    for (int i = 0; i < 3; i++) {
        join(tasks[i]);
        cr_assert_eq(receivers[i].status, -EPIPE);
    }
    cr_assert_eq(pawl_oneshot_send(&o, &value), -EPIPE);
    finish(rt);
}

static void send_in_callback(struct pawl_timer *timer, void *o, int status)
{
    (void)timer, (void)status;
    CHECK_EQ(pawl_oneshot_try_receive(o, NULL), -EAGAIN);
    CHECK_EQ(pawl_oneshot_send(o, &value), 0);
    pawl_oneshot_close(o);
}

Test(oneshot, is_sent_from_a_timer_callback)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_oneshot o = PAWL_ONESHOT_INITIALIZER;
    struct pawl_timer timer;
    void *received = NULL;
    pawl_timer_init(&timer, send_in_callback, &o);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_oneshot_receive(&o, &received), 0);
    cr_assert_eq(received, &value);
    pawl_timer_cancel_sync(&timer);
    finish(rt);
}
