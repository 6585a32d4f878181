/* Channels: capacities, sizes, order, closing, and that nothing is lost. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

static struct pawl_channel *channel_of(size_t capacity, size_t item_size)
{
    struct pawl_channel *c = NULL;
    cr_assert_eq(pawl_channel_create(&c, capacity, item_size), 0);
    return c;
}

static struct pawl_channel *numbers(size_t capacity)
{
    return channel_of(capacity, sizeof(uint64_t));
}

Test(channel, refuses_items_of_no_size_and_what_cannot_be_addressed)
{
    static const size_t wrong[][2] = {{0, 0},
                                      {1, 0},
                                      {PAWL_UNBOUNDED, 0},
                                      {SIZE_MAX - 1, 1},
                                      {SIZE_MAX / 2, 2},
                                      {SIZE_MAX / 2 + 1, 2},
                                      {2, SIZE_MAX},
                                      {SIZE_MAX / 8 + 2, 8},
                                      {1, SIZE_MAX},
                                      {PAWL_UNBOUNDED, SIZE_MAX},
                                      {PAWL_UNBOUNDED, SIZE_MAX / 64 + 1}};
    struct pawl_channel *c = NULL;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        cr_assert_eq(pawl_channel_create(&c, wrong[i][0], wrong[i][1]), -EINVAL, "%zu", i);
    cr_assert_null(c);
    cr_assert_eq(pawl_channel_create(NULL, 1, 1), -EINVAL);
}

Test(channel, is_not_null_nor_is_its_item)
{
    struct pawl_channel *c = numbers(1);
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    uint64_t item = 1;
    int status = 1;
    cr_assert_eq(pawl_channel_send(NULL, &item), -EINVAL);
    cr_assert_eq(pawl_channel_send(c, NULL), -EINVAL);
    cr_assert_eq(pawl_channel_send_until(NULL, &item, 0), -EINVAL);
    cr_assert_eq(pawl_channel_send_until(c, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_channel_try_send(NULL, &item), -EINVAL);
    cr_assert_eq(pawl_channel_try_send(c, NULL), -EINVAL);
    cr_assert_eq(pawl_channel_receive(NULL, &item), -EINVAL);
    cr_assert_eq(pawl_channel_receive(c, NULL), -EINVAL);
    cr_assert_eq(pawl_channel_receive_until(NULL, &item, 0), -EINVAL);
    cr_assert_eq(pawl_channel_receive_until(c, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_channel_try_receive(NULL, &item), -EINVAL);
    cr_assert_eq(pawl_channel_try_receive(c, NULL), -EINVAL);
    cr_assert_eq(pawl_channel_send_poll(NULL, &item, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    cr_assert_eq(pawl_channel_receive_poll(c, NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    cr_assert_eq(pawl_channel_length(NULL), 0);
    pawl_channel_close(NULL);
    pawl_channel_destroy(NULL);
    pawl_channel_destroy(c);
}

/* ---- capacities and sizes ---- */

Test(channel, holds_as_many_as_its_capacity_and_no_more)
{
    static const size_t capacities[] = {1, 2, 3, 63, 64, 65};
    for (size_t i = 0; i < COUNT_OF(capacities); i++) {
        size_t capacity = capacities[i];
        struct pawl_channel *c = numbers(capacity);
        uint64_t received;
        cr_assert_eq(pawl_channel_try_receive(c, &received), -EAGAIN);
        cr_assert_eq(pawl_channel_receive_until(c, &received, 0), -ETIMEDOUT);
        for (uint64_t n = 0; n < capacity; n++) {
            cr_assert_eq(pawl_channel_length(c), n);
            cr_assert_eq(n % 2 ? pawl_channel_try_send(c, &n) : pawl_channel_send_until(c, &n, 0), 0);
        }
        cr_assert_eq(pawl_channel_try_send(c, &(uint64_t){99}), -EAGAIN);
        cr_assert_eq(pawl_channel_send_until(c, &(uint64_t){99}, 0), -ETIMEDOUT);
        cr_assert_eq(pawl_channel_send_until(c, &(uint64_t){99}, in_ns(PAWL_MS(1))), -ETIMEDOUT);
        cr_assert_eq(pawl_channel_length(c), capacity);
        for (uint64_t n = 0; n < capacity; n++) {
            cr_assert_eq(n % 2 ? pawl_channel_try_receive(c, &received) : pawl_channel_receive_until(c, &received, 0),
                         0);
            cr_assert_eq(received, n);
        }
        cr_assert_eq(pawl_channel_try_receive(c, &received), -EAGAIN);
        pawl_channel_destroy(c);
    }
}

/* fill in turns of so many, and half of them taken out again: the indices wrap, blocks come and go */
static void wave(struct pawl_channel *c, size_t turn, size_t waves)
{
    uint64_t sent = 0, received = 0, item;
    for (size_t i = 0; i < waves; i++) {
        for (size_t j = 0; j < turn; j++, sent++)
            cr_assert_eq(pawl_channel_send(c, &sent), 0);
        cr_assert_eq(pawl_channel_length(c), sent - received);
        uint64_t until = i % 4 == 3 ? sent : received + turn / 2;
        for (; received < until; received++) {
            cr_assert_eq(pawl_channel_receive(c, &item), 0);
            cr_assert_eq(item, received);
        }
    }
}

Test(channel, unbounded_keeps_the_order_over_many_blocks)
{
    static const size_t turns[] = {1, 2, 63, 64, 65, 128, 1000};
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        struct pawl_channel *c = numbers(PAWL_UNBOUNDED);
        wave(c, turns[i], 30);
        pawl_channel_destroy(c); /* with items in it, too */
    }
}

Test(channel, keeps_the_order_around_its_ring)
{
    static const size_t turns[] = {1, 2, 3, 7, 64};
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        struct pawl_channel *c = numbers(turns[i] * 4);
        wave(c, turns[i], 30);
        pawl_channel_destroy(c);
    }
}

static void fill(unsigned char *item, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        item[i] = (unsigned char)(seed * 7 + i * 13);
}

struct sized {
    struct pawl_channel *channel;
    size_t size;
};

static void *send_sized(void *arg)
{
    struct sized *s = arg;
    unsigned char *item = malloc(s->size); /* exactly: AddressSanitizer looks on */
    for (unsigned seed = 0; seed < 100; seed++) {
        fill(item, s->size, seed);
        CHECK_EQ(pawl_channel_send(s->channel, item), 0);
    }
    free(item);
    return NULL;
}

static void expect_sized(struct pawl_runtime *rt, size_t capacity, size_t size)
{
    struct sized s = {.channel = channel_of(capacity, size), .size = size};
    struct pawl_task *sender = spawn(rt, send_sized, &s);
    unsigned char *item = malloc(size), *expected = malloc(size);
    for (unsigned seed = 0; seed < 100; seed++) {
        cr_assert_eq(pawl_channel_receive(s.channel, item), 0);
        fill(expected, size, seed);
        cr_assert_arr_eq(item, expected, size, "capacity %zu, size %zu, item %u", capacity, size, seed);
    }
    join(sender);
    pawl_channel_destroy(s.channel);
    free(item);
    free(expected);
}

Test(channel, carries_items_of_any_size_whole)
{
    static const size_t sizes[] = {1, 3, 8, 40, 4096}, capacities[] = {0, 1, 5, PAWL_UNBOUNDED};
    struct pawl_runtime *rt = start(1);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (size_t j = 0; j < COUNT_OF(capacities); j++)
            expect_sized(rt, capacities[j], sizes[i]);
    finish(rt);
}

/* ---- those who wait ---- */

struct end {
    struct pawl_channel *channel;
    bool sends;
    uint64_t item;
    struct pawl_wait wait;
    int status;
    struct event done;
    struct pawl_task *task;
};

static void *transfer(void *arg)
{
    struct end *e = arg;
    e->status = e->sends ? pawl_channel_send(e->channel, &e->item) : pawl_channel_receive(e->channel, &e->item);
    event_set(&e->done);
    return NULL;
}

static enum pawl_poll transfer_in_polls(struct pawl_context *cx, void *arg)
{
    struct end *e = arg;
    enum pawl_poll poll = e->sends ? pawl_channel_send_poll(e->channel, &e->item, &e->wait, cx, &e->status)
                                   : pawl_channel_receive_poll(e->channel, &e->item, &e->wait, cx, &e->status);
    if (poll == PAWL_READY)
        event_set(&e->done);
    return poll;
}

static void start_ends(struct pawl_runtime *rt, struct pawl_channel *c, struct end *ends, uint64_t count, bool sends)
{
    for (uint64_t i = 0; i < count; i++) {
        ends[i] = (struct end){.channel = c, .sends = sends, .item = sends ? i + 1 : 0, .status = 1};
        if (i % 2 == 0)
            ends[i].task = spawn(rt, transfer, &ends[i]);
        else
            cr_assert_eq(pawl_spawn_poll(rt, transfer_in_polls, &ends[i], &ends[i].task), 0);
        settle(rt);
    }
}

static void join_ends(struct end *ends, int count, int status)
{
    for (int i = 0; i < count; i++) {
        join(ends[i].task);
        cr_assert_eq(ends[i].status, status, "end %d: %d", i, ends[i].status);
    }
}

Test(channel, full_moves_waiting_senders_up_in_the_order_of_asking)
{
    struct pawl_runtime *rt = start(2);
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct pawl_channel *c = numbers(capacity);
        struct end senders[6];
        uint64_t received;
        start_ends(rt, c, senders, 6, true);
        cr_assert_eq(pawl_channel_length(c), capacity);
        cr_assert_eq(pawl_channel_try_send(c, &(uint64_t){99}), -EAGAIN);
        for (uint64_t i = 1; i <= 6; i++) {
            cr_assert_eq(pawl_channel_try_receive(c, &received), 0);
            cr_assert_eq(received, i);
            settle(rt);
            for (uint64_t j = 0; j < 6; j++)
                cr_assert_eq(event_is_set(&senders[j].done), j < i + capacity);
        }
        cr_assert_eq(pawl_channel_try_receive(c, &received), -EAGAIN);
        join_ends(senders, 6, 0);
        pawl_channel_destroy(c);
    }
    finish(rt);
}

Test(channel, empty_serves_waiting_receivers_in_the_order_of_asking)
{
    static const size_t capacities[] = {0, 1, PAWL_UNBOUNDED};
    struct pawl_runtime *rt = start(2);
    for (size_t k = 0; k < COUNT_OF(capacities); k++) {
        struct pawl_channel *c = numbers(capacities[k]);
        struct end receivers[6];
        start_ends(rt, c, receivers, 6, false);
        cr_assert_eq(pawl_channel_try_receive(c, &(uint64_t){0}), -EAGAIN);
        for (uint64_t i = 1; i <= 6; i++) {
            cr_assert_eq(pawl_channel_try_send(c, &i), 0);
            cr_assert_eq(pawl_channel_length(c), 0);
        }
        join_ends(receivers, 6, 0);
        for (uint64_t i = 0; i < 6; i++)
            cr_assert_eq(receivers[i].item, i + 1);
        pawl_channel_destroy(c);
    }
    finish(rt);
}

Test(channel, rendezvous_is_nothing_for_one_alone)
{
    struct pawl_channel *c = numbers(0);
    uint64_t item = 1;
    cr_assert_eq(pawl_channel_try_send(c, &item), -EAGAIN);
    cr_assert_eq(pawl_channel_try_receive(c, &item), -EAGAIN);
    cr_assert_eq(pawl_channel_send_until(c, &item, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    cr_assert_eq(pawl_channel_receive_until(c, &item, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    cr_assert_eq(pawl_channel_try_receive(c, &item), -EAGAIN); /* what was not sent is not there */
    cr_assert_eq(pawl_channel_length(c), 0);
    pawl_channel_destroy(c);
}

/* ---- closing ---- */

Test(channel, closed_takes_nothing_and_gives_out_what_it_has)
{
    static const size_t capacities[] = {0, 1, 3, PAWL_UNBOUNDED};
    for (size_t k = 0; k < COUNT_OF(capacities); k++) {
        size_t count = capacities[k] < 3 ? capacities[k] : 3;
        struct pawl_channel *c = numbers(capacities[k]);
        uint64_t item = 7;
        for (uint64_t i = 0; i < count; i++)
            cr_assert_eq(pawl_channel_send(c, &i), 0);
        pawl_channel_close(c);
        pawl_channel_close(c);
        cr_assert_eq(pawl_channel_send(c, &item), -EPIPE);
        cr_assert_eq(pawl_channel_send_until(c, &item, 0), -EPIPE);
        cr_assert_eq(pawl_channel_try_send(c, &item), -EPIPE);
        for (uint64_t i = 0; i < count; i++) {
            cr_assert_eq(pawl_channel_length(c), count - i);
            cr_assert_eq(pawl_channel_receive(c, &item), 0);
            cr_assert_eq(item, i);
        }
        cr_assert_eq(pawl_channel_receive(c, &item), -EPIPE);
        cr_assert_eq(pawl_channel_receive_until(c, &item, 0), -EPIPE);
        cr_assert_eq(pawl_channel_try_receive(c, &item), -EPIPE);
        pawl_channel_destroy(c);
    }
}

Test(channel, closed_tells_all_who_wait_and_loses_none_of_its_items)
{
    struct pawl_runtime *rt = start(2);
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct pawl_channel *c = numbers(capacity);
        struct end ends[6];
        uint64_t received;
        start_ends(rt, c, ends, 6, false);
        pawl_channel_close(c);
        join_ends(ends, 6, -EPIPE);
        pawl_channel_destroy(c);
        c = numbers(capacity);
        for (uint64_t i = 0; i < capacity; i++)
            cr_assert_eq(pawl_channel_send(c, &i), 0);
        start_ends(rt, c, ends, 6, true);
        pawl_channel_close(c);
        join_ends(ends, 6, -EPIPE);
        for (uint64_t i = 0; i < capacity; i++)
            cr_assert(pawl_channel_receive(c, &received) == 0 && received == i);
        cr_assert_eq(pawl_channel_receive(c, &received), -EPIPE);
        pawl_channel_destroy(c);
    }
    finish(rt);
}

/* ---- many to many ---- */

enum { ITEMS = 600, SENDERS = 4 };

struct crowd {
    struct pawl_channel *channel;
    PAWL_ATOMIC(uint64_t) sum, count;
};

struct member {
    struct crowd *crowd;
    struct pawl_wait wait;
    uint64_t item, sent;
    uint64_t latest[SENDERS]; /* of each sender's items the latest received: they come in order */
};

static void *send_many(void *arg)
{
    struct member *m = arg;
    for (; m->sent < ITEMS; m->sent++, m->item += SENDERS)
        CHECK_EQ(pawl_channel_send(m->crowd->channel, &m->item), 0);
    return NULL;
}

static enum pawl_poll send_many_in_polls(struct pawl_context *cx, void *arg)
{
    struct member *m = arg;
    int status;
    while (m->sent < ITEMS) {
        if (pawl_channel_send_poll(m->crowd->channel, &m->item, &m->wait, cx, &status) == PAWL_PENDING)
            return PAWL_PENDING;
        CHECK_EQ(status, 0);
        m->sent++;
        m->item += SENDERS;
    }
    return PAWL_READY;
}

static void receive_one(struct member *m, uint64_t item)
{
    CHECK(m->latest[item % SENDERS] < item);
    m->latest[item % SENDERS] = item;
    fetch_add_acq_rel_u64(&m->crowd->sum, item);
    fetch_add_acq_rel_u64(&m->crowd->count, 1);
}

static void *receive_many(void *arg)
{
    struct member *m = arg;
    int error;
    while ((error = pawl_channel_receive(m->crowd->channel, &m->item)) == 0)
        receive_one(m, m->item);
    CHECK_EQ(error, -EPIPE);
    return NULL;
}

static enum pawl_poll receive_many_in_polls(struct pawl_context *cx, void *arg)
{
    struct member *m = arg;
    int status;
    while (pawl_channel_receive_poll(m->crowd->channel, &m->item, &m->wait, cx, &status) == PAWL_READY) {
        if (status != 0) {
            CHECK_EQ(status, -EPIPE);
            return PAWL_READY;
        }
        receive_one(m, m->item);
    }
    return PAWL_PENDING;
}

static void start_member(struct pawl_runtime *rt, struct member *m, int i, bool sends, struct pawl_task **task,
                         pthread_t *thread)
{
    pawl_task_fn *fn = sends ? send_many : receive_many;
    if (i == 0)
        *thread = thread_start(fn, m);
    else if (i == 1)
        cr_assert_eq(pawl_spawn_poll(rt, sends ? send_many_in_polls : receive_many_in_polls, m, task), 0);
    else
        *task = spawn(rt, fn, m);
}

static void expect_crowd(int workers, size_t capacity)
{
    struct pawl_runtime *rt = start(workers), *other = start(1);
    struct crowd crowd = {.channel = numbers(capacity)};
    struct member senders[SENDERS] = {0}, receivers[SENDERS] = {0};
    struct pawl_task *tasks[2 * SENDERS];
    pthread_t sender = 0, receiver = 0;
    uint64_t sum = 0;
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct member){.crowd = &crowd, .item = (uint64_t)i + SENDERS};
        receivers[i] = (struct member){.crowd = &crowd};
        start_member(i == 2 ? other : rt, &receivers[i], i, false, &tasks[SENDERS + i], &receiver);
        start_member(rt, &senders[i], i, true, &tasks[i], &sender);
        for (uint64_t j = 1; j <= ITEMS; j++)
            sum += j * SENDERS + (uint64_t)i;
    }
    thread_join(sender);
    for (int i = 1; i < SENDERS; i++)
        join(tasks[i]);
    pawl_channel_close(crowd.channel);
    thread_join(receiver);
    for (int i = 1; i < SENDERS; i++)
        join(tasks[SENDERS + i]);
    cr_assert_eq(load_acquire_u64(&crowd.count), SENDERS * ITEMS, "capacity %zu", capacity);
    cr_assert_eq(load_acquire_u64(&crowd.sum), sum);
    pawl_channel_destroy(crowd.channel);
    finish(other);
    finish(rt);
}

Test(channel, hands_each_item_of_many_to_one_of_many)
{
    static const size_t capacities[] = {0, 1, 7, PAWL_UNBOUNDED};
    for (int workers = 1; workers <= 2; workers++)
        for (size_t i = 0; i < COUNT_OF(capacities); i++)
            expect_crowd(workers, capacities[i]);
}

/* ---- elsewhere ---- */

static void use_in_callback(struct pawl_timer *timer, void *c, int status)
{
    uint64_t item = 5;
    (void)timer, (void)status;
    CHECK_EQ(pawl_channel_try_receive(c, &item), -EAGAIN);
    CHECK_EQ(pawl_channel_try_send(c, &item), 0);
    pawl_channel_close(c);
}

Test(channel, is_used_from_a_timer_callback_without_waiting)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_channel *c = numbers(1);
    struct pawl_timer timer;
    uint64_t item;
    pawl_timer_init(&timer, use_in_callback, c);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_channel_receive(c, &item), 0);
    cr_assert_eq(item, 5);
    pawl_timer_cancel_sync(&timer);
    cr_assert_eq(pawl_channel_receive(c, &item), -EPIPE);
    pawl_channel_destroy(c);
    finish(rt);
}

#ifdef PAWL_DEBUG
Test(channel, destroyed_while_somebody_waits_ends_the_process, .signal = SIGABRT)
{
    abort_under_valgrind();
    struct pawl_runtime *rt = start(1);
    struct pawl_channel *c = numbers(1);
    struct end receiver;
    start_ends(rt, c, &receiver, 1, false);
    pawl_channel_destroy(c);
}
#endif
