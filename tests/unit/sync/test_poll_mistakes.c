/* The poll forms: a wait that is pending is not another one. Whoever asks for something else is refused, and it stays.
 */
#include "kinds.h"

struct mistake {
    bool begun;
    struct pawl_semaphore semaphore;
    struct pawl_channel *channel;
    struct pawl_notify notify;
    struct pawl_wait wait;
    struct pawl_case cases[2];
    uint64_t item, other;
    int status, refusal;
    struct pawl_task *owner;
};

static void start_owner(struct pawl_runtime *rt, struct mistake *m, pawl_poll_fn *fn)
{
    pawl_wait_init(&m->wait);
    pawl_notify_init(&m->notify);
    pawl_semaphore_init(&m->semaphore, 0);
    cr_assert_eq(pawl_channel_create(&m->channel, 1, sizeof m->item), 0);
    cr_assert_eq(pawl_spawn_poll(rt, fn, m, &m->owner), 0);
    settle(rt);
}

static void end_owner(struct mistake *m)
{
    join(m->owner);
    cr_assert_eq(m->refusal, -EINVAL);
    cr_assert_eq(m->status, 0);
    pawl_channel_destroy(m->channel);
}

static enum pawl_poll acquire_another_number(struct pawl_context *cx, void *arg)
{
    struct mistake *m = arg;
    if (!m->begun) {
        m->begun = true;
        CHECK_EQ(pawl_semaphore_acquire_poll(&m->semaphore, 1, &m->wait, cx, &m->status), PAWL_PENDING);
        return PAWL_PENDING;
    }
    CHECK_EQ(pawl_semaphore_acquire_poll(&m->semaphore, 5, &m->wait, cx, &m->refusal), PAWL_READY);
    return m->refusal != -EINVAL ? PAWL_READY : pawl_semaphore_acquire_poll(&m->semaphore, 1, &m->wait, cx, &m->status);
}

Test(poll_mistakes, another_number_of_permits_is_refused)
{
    struct pawl_runtime *rt = start(1);
    struct mistake m = {.status = 1};
    start_owner(rt, &m, acquire_another_number);
    pawl_semaphore_release(&m.semaphore, 1);
    end_owner(&m);
    cr_assert_eq(pawl_semaphore_available(&m.semaphore), 0);
    finish(rt);
}

static enum pawl_poll receive_elsewhere(struct pawl_context *cx, void *arg)
{
    struct mistake *m = arg;
    if (!m->begun) {
        m->begun = true;
        CHECK_EQ(pawl_channel_receive_poll(m->channel, &m->item, &m->wait, cx, &m->status), PAWL_PENDING);
        return PAWL_PENDING;
    }
    CHECK_EQ(pawl_channel_receive_poll(m->channel, &m->other, &m->wait, cx, &m->refusal), PAWL_READY);
    return m->refusal != -EINVAL ? PAWL_READY
                                 : pawl_channel_receive_poll(m->channel, &m->item, &m->wait, cx, &m->status);
}

Test(poll_mistakes, another_place_for_the_item_is_refused)
{
    struct pawl_runtime *rt = start(1);
    struct mistake m = {.status = 1};
    start_owner(rt, &m, receive_elsewhere);
    cr_assert_eq(pawl_channel_send(m.channel, &(uint64_t){7}), 0);
    end_owner(&m);
    cr_assert_eq(m.item, 7);
    cr_assert_eq(m.other, 0);
    finish(rt);
}

static enum pawl_poll select_one(struct pawl_context *cx, void *arg)
{
    struct mistake *m = arg;
    if (!m->begun) {
        m->begun = true;
        pawl_case_notify(&m->cases[0], &m->notify);
        pawl_case_receive(&m->cases[1], m->channel, &m->item);
    }
    return pawl_select_poll(m->cases, 2, cx, &m->status);
}

static enum pawl_poll select_another_s(struct pawl_context *cx, void *arg)
{
    struct mistake *m = arg;
    CHECK_EQ(pawl_select_poll(m->cases, 2, cx, &m->refusal), PAWL_READY);
    return PAWL_READY;
}

Test(poll_mistakes, another_task_s_select_is_refused)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    struct mistake m = {.status = 1};
    start_owner(rt, &m, select_one);
    cr_assert_eq(pawl_spawn_poll(rt, select_another_s, &m, &task), 0);
    join(task);
    pawl_notify_one(&m.notify);
    end_owner(&m);
    finish(rt);
}
