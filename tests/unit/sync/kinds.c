#include "kinds.h"

/* ---- locks ---- */

static void open_mutex(struct object *o)
{
    CHECK_EQ(pawl_mutex_init(&o->mutex), 0);
    CHECK_EQ(pawl_mutex_lock(&o->mutex), 0);
}

static void close_mutex(struct object *o)
{
    CHECK_EQ(pawl_mutex_fini(&o->mutex), 0);
}

static int wait_mutex(struct party *p)
{
    return pawl_mutex_lock(&p->object->mutex);
}

static int wait_mutex_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_mutex_lock_until(&p->object->mutex, deadline_ns);
}

static enum pawl_poll poll_mutex(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_mutex_lock_poll(&p->object->mutex, &p->wait, cx, status);
}

static void grant_mutex(struct object *o)
{
    pawl_mutex_unlock(&o->mutex);
}

static void after_mutex(struct party *p)
{
    pawl_mutex_unlock(&p->object->mutex);
}

static void open_condition(struct object *o)
{
    CHECK_EQ(pawl_mutex_init(&o->mutex), 0);
    CHECK_EQ(pawl_condition_init(&o->condition), 0);
}

static void close_condition(struct object *o)
{
    CHECK_EQ(pawl_condition_fini(&o->condition), 0);
    CHECK_EQ(pawl_mutex_fini(&o->mutex), 0);
}

static int wait_condition_until(struct party *p, uint64_t deadline_ns)
{
    int status = pawl_mutex_try_lock(&p->object->mutex) ? 0 : pawl_mutex_lock(&p->object->mutex);
    if (status != 0)
        return status;
    status = pawl_condition_wait_until(&p->object->condition, &p->object->mutex, deadline_ns);
    pawl_mutex_unlock(&p->object->mutex);
    return status;
}

static int wait_condition(struct party *p)
{
    int status = pawl_mutex_try_lock(&p->object->mutex) ? 0 : pawl_mutex_lock(&p->object->mutex);
    if (status != 0)
        return status;
    status = pawl_condition_wait(&p->object->condition, &p->object->mutex);
    pawl_mutex_unlock(&p->object->mutex);
    return status;
}

static enum pawl_poll poll_condition(struct party *p, struct pawl_context *cx, int *status)
{
    if (!p->prepared)
        CHECK(pawl_mutex_try_lock(&p->object->mutex));
    p->prepared = true;
    enum pawl_poll poll = pawl_condition_wait_poll(&p->object->condition, &p->object->mutex, &p->wait, cx, status);
    if (poll == PAWL_READY)
        pawl_mutex_unlock(&p->object->mutex);
    return poll;
}

static void grant_condition(struct object *o)
{
    pawl_condition_signal(&o->condition);
}

static void open_reading(struct object *o) /* it is written */
{
    CHECK_EQ(pawl_rwlock_init(&o->rwlock), 0);
    CHECK_EQ(pawl_rwlock_write(&o->rwlock), 0);
}

static void open_writing(struct object *o) /* it is read */
{
    CHECK_EQ(pawl_rwlock_init(&o->rwlock), 0);
    CHECK_EQ(pawl_rwlock_read(&o->rwlock), 0);
}

static void close_reading(struct object *o)
{
    CHECK_EQ(pawl_rwlock_fini(&o->rwlock), 0);
}

static void close_writing(struct object *o)
{
    close_reading(o);
}

static int wait_reading(struct party *p)
{
    return pawl_rwlock_read(&p->object->rwlock);
}

static int wait_reading_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_rwlock_read_until(&p->object->rwlock, deadline_ns);
}

static enum pawl_poll poll_reading(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_rwlock_read_poll(&p->object->rwlock, &p->wait, cx, status);
}

static int wait_writing(struct party *p)
{
    return pawl_rwlock_write(&p->object->rwlock);
}

static int wait_writing_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_rwlock_write_until(&p->object->rwlock, deadline_ns);
}

static enum pawl_poll poll_writing(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_rwlock_write_poll(&p->object->rwlock, &p->wait, cx, status);
}

static void grant_rwlock(struct object *o)
{
    pawl_rwlock_unlock(&o->rwlock);
}

static void after_rwlock(struct party *p)
{
    pawl_rwlock_unlock(&p->object->rwlock);
}

/* ---- permits and meetings ---- */

static void open_semaphore(struct object *o)
{
    CHECK_EQ(pawl_semaphore_init(&o->semaphore, 0), 0);
}

static void close_semaphore(struct object *o)
{
    CHECK_EQ(pawl_semaphore_fini(&o->semaphore), 0);
}

static int wait_semaphore(struct party *p)
{
    return pawl_semaphore_acquire(&p->object->semaphore, 2);
}

static int wait_semaphore_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_semaphore_acquire_until(&p->object->semaphore, 2, deadline_ns);
}

static enum pawl_poll poll_semaphore(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_semaphore_acquire_poll(&p->object->semaphore, 2, &p->wait, cx, status);
}

static void grant_semaphore(struct object *o)
{
    pawl_semaphore_release(&o->semaphore, 2);
}

static void open_notify(struct object *o)
{
    CHECK_EQ(pawl_notify_init(&o->notify), 0);
}

static void close_notify(struct object *o)
{
    CHECK_EQ(pawl_notify_fini(&o->notify), 0);
}

static int wait_notify(struct party *p)
{
    return pawl_notify_wait(&p->object->notify);
}

static int wait_notify_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_notify_wait_until(&p->object->notify, deadline_ns);
}

static enum pawl_poll poll_notify(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_notify_wait_poll(&p->object->notify, &p->wait, cx, status);
}

static void grant_notify(struct object *o)
{
    pawl_notify_one(&o->notify);
}

static void open_barrier(struct object *o)
{
    CHECK_EQ(pawl_barrier_init(&o->barrier, 2), 0);
}

static void close_barrier(struct object *o)
{
    CHECK_EQ(pawl_barrier_fini(&o->barrier), 0);
}

static int wait_barrier(struct party *p)
{
    return pawl_barrier_wait(&p->object->barrier);
}

static int wait_barrier_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_barrier_wait_until(&p->object->barrier, deadline_ns);
}

static enum pawl_poll poll_barrier(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_barrier_wait_poll(&p->object->barrier, &p->wait, cx, status);
}

static void grant_barrier(struct object *o)
{
    CHECK_EQ(pawl_barrier_wait(&o->barrier), 1);
}

static int run_until_told(void *arg)
{
    struct object *o = arg;
    event_set(&o->running);
    event_wait(&o->may_end);
    return 0;
}

static void *run_once(void *arg)
{
    struct object *o = arg;
    CHECK_EQ(pawl_once_call(&o->once, run_until_told, o), 0);
    return NULL;
}

static void open_once(struct object *o)
{
    CHECK_EQ(pawl_once_init(&o->once), 0);
    o->runner = thread_start(run_once, o);
    event_wait(&o->running);
}

static void close_once(struct object *o)
{
    thread_join(o->runner);
    CHECK_EQ(pawl_once_fini(&o->once), 0);
}

static int not_again(void *arg)
{
    (void)arg;
    CHECK(!"run again");
    return 0;
}

static int wait_once(struct party *p)
{
    return pawl_once_call(&p->object->once, not_again, NULL);
}

static int wait_once_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_once_call_until(&p->object->once, not_again, NULL, deadline_ns);
}

static enum pawl_poll poll_once(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_once_call_poll(&p->object->once, not_again, NULL, &p->wait, cx, status);
}

static void grant_once(struct object *o)
{
    event_set(&o->may_end);
}

/* ---- what is handed over ---- */

static void open_oneshot(struct object *o)
{
    CHECK_EQ(pawl_oneshot_init(&o->oneshot), 0);
}

static void close_oneshot(struct object *o)
{
    CHECK_EQ(pawl_oneshot_fini(&o->oneshot), 0);
}

static int wait_oneshot(struct party *p)
{
    return pawl_oneshot_receive(&p->object->oneshot, NULL);
}

static int wait_oneshot_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_oneshot_receive_until(&p->object->oneshot, NULL, deadline_ns);
}

static enum pawl_poll poll_oneshot(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_oneshot_receive_poll(&p->object->oneshot, NULL, &p->wait, cx, status);
}

static void grant_oneshot(struct object *o)
{
    CHECK_EQ(pawl_oneshot_send(&o->oneshot, o), 0);
}

static const uint64_t item = 7;

static void open_empty(struct object *o)
{
    CHECK_EQ(pawl_channel_create(&o->channel, PARTIES_MAX, sizeof(uint64_t)), 0);
}

static void open_full(struct object *o)
{
    CHECK_EQ(pawl_channel_create(&o->channel, 1, sizeof(uint64_t)), 0);
    CHECK_EQ(pawl_channel_send(o->channel, &item), 0);
}

static void open_rendezvous(struct object *o)
{
    CHECK_EQ(pawl_channel_create(&o->channel, 0, sizeof(uint64_t)), 0);
}

static void close_empty(struct object *o)
{
    pawl_channel_destroy(o->channel);
}

static void close_full(struct object *o)
{
    close_empty(o);
}

static void close_rendezvous(struct object *o)
{
    close_empty(o);
}

static int wait_receive(struct party *p)
{
    return pawl_channel_receive(p->object->channel, &p->item);
}

static int wait_receive_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_channel_receive_until(p->object->channel, &p->item, deadline_ns);
}

static enum pawl_poll poll_receive(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_channel_receive_poll(p->object->channel, &p->item, &p->wait, cx, status);
}

static void grant_item(struct object *o)
{
    CHECK_EQ(pawl_channel_try_send(o->channel, &item), 0);
}

static int wait_send(struct party *p)
{
    return pawl_channel_send(p->object->channel, &p->item);
}

static int wait_send_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_channel_send_until(p->object->channel, &p->item, deadline_ns);
}

static enum pawl_poll poll_send(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_channel_send_poll(p->object->channel, &p->item, &p->wait, cx, status);
}

static void grant_room(struct object *o)
{
    uint64_t received;
    CHECK_EQ(pawl_channel_try_receive(o->channel, &received), 0);
}

/* ---- what all are told ---- */

static void open_broadcast(struct object *o)
{
    CHECK_EQ(pawl_broadcast_create(&o->broadcast, 2, sizeof(uint64_t)), 0);
    for (int i = 0; i < PARTIES_MAX; i++)
        CHECK_EQ(pawl_broadcast_subscribe(o->broadcast, &o->receivers[i]), 0);
}

static void close_broadcast(struct object *o)
{
    pawl_broadcast_destroy(o->broadcast);
}

static int wait_broadcast(struct party *p)
{
    return pawl_broadcast_receive(&p->object->receivers[p->who], &p->item, NULL);
}

static int wait_broadcast_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_broadcast_receive_until(&p->object->receivers[p->who], &p->item, NULL, deadline_ns);
}

static enum pawl_poll poll_broadcast(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_broadcast_receive_poll(&p->object->receivers[p->who], &p->item, NULL, &p->wait, cx, status);
}

static void grant_broadcast(struct object *o)
{
    CHECK_EQ(pawl_broadcast_send(o->broadcast, &item), 0);
}

static void open_watch(struct object *o)
{
    CHECK_EQ(pawl_watch_create(&o->watch, &item, sizeof item), 0);
}

static void close_watch(struct object *o)
{
    pawl_watch_destroy(o->watch);
}

static int wait_watch(struct party *p)
{
    return pawl_watch_wait(p->object->watch, &p->item, &p->version);
}

static int wait_watch_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_watch_wait_until(p->object->watch, &p->item, &p->version, deadline_ns);
}

static enum pawl_poll poll_watch(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_watch_wait_poll(p->object->watch, &p->item, &p->version, &p->wait, cx, status);
}

static void grant_watch(struct object *o)
{
    CHECK_EQ(pawl_watch_send(o->watch, &item), 0);
}

static void open_token(struct object *o)
{
    CHECK_EQ(pawl_token_create(&o->token, NULL), 0);
}

static void close_token(struct object *o)
{
    pawl_token_drop(o->token);
}

static int wait_token(struct party *p)
{
    return pawl_token_wait(p->object->token);
}

static int wait_token_until(struct party *p, uint64_t deadline_ns)
{
    return pawl_token_wait_until(p->object->token, deadline_ns);
}

static enum pawl_poll poll_token(struct party *p, struct pawl_context *cx, int *status)
{
    return pawl_token_wait_poll(p->object->token, &p->wait, cx, status);
}

static void grant_token(struct object *o)
{
    pawl_token_cancel(o->token);
}

/* ---- select: one case that is granted, one that is not, one that is off ---- */

static void open_select(struct object *o)
{
    open_empty(o);
    open_token(o);
}

static void close_select(struct object *o)
{
    close_empty(o);
    close_token(o);
}

static void prepare_select(struct party *p)
{
    if (p->prepared)
        return;
    p->prepared = true;
    pawl_case_token(&p->cases[0], p->object->token);
    pawl_case_receive(&p->cases[1], p->object->channel, &p->item);
    pawl_case_none(&p->cases[2]);
}

static int came_to(const struct party *p, int index)
{
    CHECK(index != 0 && index != 2);
    return index == 1 ? p->cases[1].status : index;
}

static int wait_select(struct party *p)
{
    prepare_select(p);
    return came_to(p, pawl_select(p->cases, 3));
}

static int wait_select_until(struct party *p, uint64_t deadline_ns)
{
    prepare_select(p);
    return came_to(p, pawl_select_until(p->cases, 3, deadline_ns));
}

static enum pawl_poll poll_select(struct party *p, struct pawl_context *cx, int *status)
{
    prepare_select(p);
    enum pawl_poll poll = pawl_select_poll(p->cases, 3, cx, status);
    if (poll == PAWL_READY)
        *status = came_to(p, *status);
    return poll;
}

static int cancel_select(struct party *p)
{
    return pawl_select_cancel(p->cases, 3, NULL);
}

/* ---- the table ---- */

#define CALLS(noun) .wait = wait_##noun, .wait_until = wait_##noun##_until, .poll = poll_##noun
#define OBJECT(noun, granted) .open = open_##noun, .close = close_##noun, .grant = grant_##granted
#define IN_TURN .reach = REACHES_ALL_IN_TURN
#define ALL .reach = REACHES_ALL
#define GIVES_BACK .gives_back = true
#define NOT_KEPT .not_kept = true
#define HELD .held = true

// clang-format off
const struct kind kinds[] = {
    {"mutex", OBJECT(mutex, mutex), CALLS(mutex), IN_TURN, GIVES_BACK, HELD, .after = after_mutex},
    {"condition", OBJECT(condition, condition), CALLS(condition), GIVES_BACK, NOT_KEPT},
    {"rwlock, to read", OBJECT(reading, rwlock), CALLS(reading), ALL, GIVES_BACK, HELD, .after = after_rwlock},
    {"rwlock, to write", OBJECT(writing, rwlock), CALLS(writing), IN_TURN, GIVES_BACK, HELD, .after = after_rwlock},
    {"semaphore", OBJECT(semaphore, semaphore), CALLS(semaphore), GIVES_BACK},
    {"notify", OBJECT(notify, notify), CALLS(notify), GIVES_BACK},
    {"barrier", OBJECT(barrier, barrier), CALLS(barrier), NOT_KEPT, .two_parties = true},
    {"once", OBJECT(once, once), CALLS(once), ALL, GIVES_BACK, HELD, .has_thread = true},
    {"oneshot", OBJECT(oneshot, oneshot), CALLS(oneshot), .granted_once = true},
    {"channel, to receive", OBJECT(empty, item), CALLS(receive)},
    {"channel, to send", OBJECT(full, room), CALLS(send)},
    {"rendezvous, to receive", OBJECT(rendezvous, item), CALLS(receive), NOT_KEPT},
    {"rendezvous, to send", OBJECT(rendezvous, room), CALLS(send), NOT_KEPT},
    {"broadcast", OBJECT(broadcast, broadcast), CALLS(broadcast), ALL},
    {"watch", OBJECT(watch, watch), CALLS(watch), ALL},
    {"token", OBJECT(token, token), CALLS(token), ALL},
    {"select", OBJECT(select, item), CALLS(select), .cancel = cancel_select},
};
// clang-format on

const size_t kind_count = COUNT_OF(kinds);
