/* Broadcasts: every item to every receiver, or how many were missed. */
#include <signal.h>

#include "kinds.h"

static struct pawl_broadcast *broadcast_of(size_t capacity)
{
    struct pawl_broadcast *b = NULL;
    cr_assert_eq(pawl_broadcast_create(&b, capacity, sizeof(uint64_t)), 0);
    return b;
}

static void send_up_to(struct pawl_broadcast *b, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        cr_assert_eq(pawl_broadcast_send(b, &i), 0);
}

static void expect_next(struct pawl_broadcast_receiver *r, uint64_t expected, uint64_t expected_missed)
{
    uint64_t item = UINT64_MAX, missed = UINT64_MAX;
    cr_assert_eq(pawl_broadcast_receive(r, &item, &missed), 0);
    cr_assert_eq(item, expected, "%llu", (unsigned long long)item);
    cr_assert_eq(missed, expected_missed, "%llu", (unsigned long long)missed);
}

Test(broadcast, refuses_what_makes_no_sense)
{
    struct pawl_broadcast *b = NULL;
    struct pawl_broadcast_receiver r;
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    uint64_t item = 1;
    int status = 1;
    static const size_t wrong[][2] = {{0, 1},        {1, 0},        {0, 0},           {SIZE_MAX, 2},
                                      {2, SIZE_MAX}, {SIZE_MAX, 1}, {SIZE_MAX / 2, 2}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        cr_assert_eq(pawl_broadcast_create(&b, wrong[i][0], wrong[i][1]), -EINVAL, "%zu", i);
    cr_assert_null(b);
    cr_assert_eq(pawl_broadcast_create(NULL, 1, 1), -EINVAL);
    b = broadcast_of(1);
    cr_assert_eq(pawl_broadcast_send(NULL, &item), -EINVAL);
    cr_assert_eq(pawl_broadcast_send(b, NULL), -EINVAL);
    cr_assert_eq(pawl_broadcast_subscribe(NULL, &r), -EINVAL);
    cr_assert_eq(pawl_broadcast_subscribe(b, NULL), -EINVAL);
    cr_assert_eq(pawl_broadcast_subscribe(b, &r), 0);
    cr_assert_eq(pawl_broadcast_receive(NULL, &item, NULL), -EINVAL);
    cr_assert_eq(pawl_broadcast_receive(&r, NULL, NULL), -EINVAL);
    cr_assert_eq(pawl_broadcast_receive_until(NULL, &item, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_broadcast_receive_until(&r, NULL, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_broadcast_try_receive(NULL, &item, NULL), -EINVAL);
    cr_assert_eq(pawl_broadcast_try_receive(&r, NULL, NULL), -EINVAL);
    cr_assert_eq(pawl_broadcast_receive_poll(NULL, &item, NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_broadcast_close(NULL);
    pawl_broadcast_destroy(NULL);
    pawl_broadcast_destroy(b);
}

static enum pawl_poll receive_without_subscription(struct pawl_context *cx, void *arg)
{
    struct pawl_broadcast_receiver r = {0};
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    uint64_t item;
    CHECK_EQ(pawl_broadcast_receive_poll(&r, &item, NULL, &wait, cx, arg), PAWL_READY);
    return PAWL_READY;
}

Test(broadcast, gives_nothing_to_a_receiver_that_has_not_subscribed)
{
    struct pawl_broadcast_receiver r = {0};
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    uint64_t item = 1, missed = 1;
    int status = 1;
    cr_assert_eq(pawl_broadcast_receive(&r, &item, &missed), -EINVAL);
    cr_assert_eq(pawl_broadcast_receive_until(&r, &item, &missed, 0), -EINVAL);
    cr_assert_eq(pawl_broadcast_try_receive(&r, &item, &missed), -EINVAL);
    cr_assert_eq(pawl_spawn_poll(rt, receive_without_subscription, &status, &task), 0);
    join(task);
    cr_assert_eq(status, -EINVAL);
    cr_assert_eq(item, 1);
    finish(rt);
}

Test(broadcast, gives_every_receiver_every_item_from_its_subscription_on)
{
    struct pawl_broadcast *b = broadcast_of(8);
    struct pawl_broadcast_receiver r[3];
    uint64_t item;
    for (uint64_t i = 0; i < 3; i++) {
        cr_assert_eq(pawl_broadcast_subscribe(b, &r[i]), 0);
        send_up_to(b, i * 2, i * 2 + 2);
    }
    for (uint64_t i = 0; i < 3; i++) {
        for (uint64_t n = i * 2; n < 6; n++)
            expect_next(&r[i], n, 0);
        cr_assert_eq(pawl_broadcast_try_receive(&r[i], &item, NULL), -EAGAIN);
        cr_assert_eq(pawl_broadcast_receive_until(&r[i], &item, NULL, 0), -ETIMEDOUT);
    }
    pawl_broadcast_destroy(b);
}

Test(broadcast, tells_a_slow_receiver_how_many_it_missed)
{
    static const uint64_t capacities[] = {1, 2, 5};
    for (size_t k = 0; k < COUNT_OF(capacities); k++) {
        uint64_t capacity = capacities[k], item, missed;
        for (uint64_t behind = capacity > 1 ? capacity - 1 : 1; behind <= 3 * capacity + 1; behind++) {
            struct pawl_broadcast *b = broadcast_of(capacity);
            struct pawl_broadcast_receiver r;
            cr_assert_eq(pawl_broadcast_subscribe(b, &r), 0);
            send_up_to(b, 0, behind);
            uint64_t lost = behind > capacity ? behind - capacity : 0;
            expect_next(&r, lost, lost);
            for (uint64_t n = lost + 1; n < behind; n++)
                expect_next(&r, n, 0);
            cr_assert_eq(pawl_broadcast_try_receive(&r, &item, &missed), -EAGAIN);
            send_up_to(b, behind, behind + 1);
            cr_assert_eq(pawl_broadcast_try_receive(&r, &item, NULL), 0);
            cr_assert_eq(item, behind);
            pawl_broadcast_destroy(b);
        }
    }
}

Test(broadcast, closed_gives_out_what_was_not_had_yet)
{
    struct pawl_broadcast *b = broadcast_of(2);
    struct pawl_broadcast_receiver r[2];
    uint64_t item = 9, missed = 9;
    cr_assert_eq(pawl_broadcast_subscribe(b, &r[0]), 0);
    send_up_to(b, 0, 3);
    pawl_broadcast_close(b);
    pawl_broadcast_close(b);
    cr_assert_eq(pawl_broadcast_send(b, &item), -EPIPE);
    cr_assert_eq(pawl_broadcast_subscribe(b, &r[1]), 0);
    expect_next(&r[0], 1, 1);
    expect_next(&r[0], 2, 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pawl_broadcast_receive(&r[i], &item, &missed), -EPIPE);
        cr_assert_eq(pawl_broadcast_receive_until(&r[i], &item, &missed, 0), -EPIPE);
        cr_assert_eq(pawl_broadcast_try_receive(&r[i], &item, &missed), -EPIPE);
    }
    pawl_broadcast_destroy(b);
}

/* ---- those who wait ---- */

struct listener {
    struct pawl_broadcast_receiver receiver;
    struct pawl_wait wait;
    uint64_t item, missed;
    uint64_t heard, lost, next;
    int status;
};

static void hear(struct listener *l)
{
    CHECK_EQ(l->item, l->next + l->missed);
    l->next = l->item + 1;
    l->heard++;
    l->lost += l->missed;
}

static void *listen(void *arg)
{
    struct listener *l = arg;
    while ((l->status = pawl_broadcast_receive(&l->receiver, &l->item, &l->missed)) == 0)
        hear(l);
    return NULL;
}

static enum pawl_poll listen_in_polls(struct pawl_context *cx, void *arg)
{
    struct listener *l = arg;
    for (;;) {
        if (pawl_broadcast_receive_poll(&l->receiver, &l->item, &l->missed, &l->wait, cx, &l->status) == PAWL_PENDING)
            return PAWL_PENDING;
        if (l->status != 0)
            return PAWL_READY;
        hear(l);
    }
}

static void expect_all_heard(int workers, size_t capacity)
{
    enum { COUNT = 6, ITEMS = 2000 };
    struct pawl_runtime *rt = start(workers);
    struct pawl_broadcast *b = broadcast_of(capacity);
    struct listener listeners[COUNT] = {0};
    struct pawl_task *tasks[COUNT];
    pthread_t thread = 0;
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(pawl_broadcast_subscribe(b, &listeners[i].receiver), 0);
        if (i == 0)
            thread = thread_start(listen, &listeners[i]);
        else if (i % 2)
            tasks[i] = spawn(rt, listen, &listeners[i]);
        else
            cr_assert_eq(pawl_spawn_poll(rt, listen_in_polls, &listeners[i], &tasks[i]), 0);
    }
    for (uint64_t i = 0; i < ITEMS; i++) {
        cr_assert_eq(pawl_broadcast_send(b, &i), 0);
        if (i % 64 == 0)
            pawl_yield();
    }
    pawl_broadcast_close(b);
    thread_join(thread);
    for (int i = 1; i < COUNT; i++)
        join(tasks[i]);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(listeners[i].status, -EPIPE);
        cr_assert_eq(listeners[i].next, ITEMS);
        cr_assert_eq(listeners[i].heard + listeners[i].lost, ITEMS);
        cr_assert(listeners[i].lost == 0 || capacity < ITEMS);
    }
    pawl_broadcast_destroy(b);
    finish(rt);
}

Test(broadcast, accounts_for_every_item_to_all_who_listen)
{
    for (int workers = 1; workers <= 2; workers++) {
        expect_all_heard(workers, 1);
        expect_all_heard(workers, 16);
        expect_all_heard(workers, 2000);
    }
}

static void send_in_callback(struct pawl_timer *timer, void *b, int status)
{
    (void)timer, (void)status;
    CHECK_EQ(pawl_broadcast_send(b, &(uint64_t){3}), 0);
    pawl_broadcast_close(b);
}

Test(broadcast, is_sent_from_a_timer_callback)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_broadcast *b = broadcast_of(1);
    struct pawl_broadcast_receiver r;
    struct pawl_timer timer;
    cr_assert_eq(pawl_broadcast_subscribe(b, &r), 0);
    pawl_timer_init(&timer, send_in_callback, b);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    expect_next(&r, 3, 0);
    pawl_timer_cancel_sync(&timer);
    pawl_broadcast_destroy(b);
    finish(rt);
}

#ifdef PAWL_DEBUG
Test(broadcast, destroyed_while_somebody_waits_ends_the_process, .signal = SIGABRT)
{
    abort_under_valgrind();
    static struct listener listener;
    struct pawl_runtime *rt = start(1);
    struct pawl_broadcast *b = broadcast_of(1);
    cr_assert_eq(pawl_broadcast_subscribe(b, &listener.receiver), 0);
    spawn(rt, listen, &listener);
    settle(rt);
    pawl_broadcast_destroy(b);
}
#endif
