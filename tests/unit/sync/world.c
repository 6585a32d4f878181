#include "world.h"

static void *end_when_told(void *arg)
{
    struct event *end = arg;
    while (!event_is_set(end))
        CHECK_EQ(pawl_sleep(PAWL_US(200)), 0);
    return arg;
}

void world_open(struct world *w, struct pawl_runtime *rt)
{
    *w = (struct world){.rt = rt, .sent = 5};
    cr_assert_eq(pawl_channel_create(&w->full, 1, sizeof(uint64_t)), 0);
    cr_assert_eq(pawl_channel_send(w->full, &(uint64_t){4}), 0);
    cr_assert_eq(pawl_channel_create(&w->empty, 1, sizeof(uint64_t)), 0);
    cr_assert_eq(pawl_oneshot_init(&w->oneshot), 0);
    cr_assert_eq(pawl_notify_init(&w->notify), 0);
    cr_assert_eq(pawl_semaphore_init(&w->semaphore, 2), 0);
    cr_assert_eq(pawl_token_create(&w->token, NULL), 0);
    w->target = spawn(rt, end_when_told, &w->end);
}

void world_close(struct world *w)
{
    event_set(&w->end);
    if (w->target != NULL)
        join(w->target);
    pawl_channel_destroy(w->full);
    pawl_channel_destroy(w->empty);
    cr_assert_eq(pawl_oneshot_fini(&w->oneshot), 0);
    cr_assert_eq(pawl_notify_fini(&w->notify), 0);
    cr_assert_eq(pawl_semaphore_fini(&w->semaphore), 0);
    pawl_token_drop(w->token);
}

void case_of(struct world *w, struct pawl_case *c, int what)
{
    switch (what) {
    case SEND:
        pawl_case_send(c, w->full, &w->sent);
        break;
    case RECEIVE:
        pawl_case_receive(c, w->empty, &w->received);
        break;
    case ONESHOT:
        pawl_case_oneshot(c, &w->oneshot, &w->value);
        break;
    case NOTIFY:
        pawl_case_notify(c, &w->notify);
        break;
    case SEMAPHORE:
        pawl_case_semaphore(c, &w->semaphore, 3);
        break;
    case TOKEN:
        pawl_case_token(c, w->token);
        break;
    default:
        pawl_case_join(c, w->target, &w->result);
    }
}

void cases_of(struct world *w, struct pawl_case cases[CASES])
{
    for (int i = 0; i < CASES; i++)
        case_of(w, &cases[i], i);
}

void let(struct world *w, int what)
{
    uint64_t item = 6;
    struct pawl_task *target;
    switch (what) {
    case SEND:
        CHECK_EQ(pawl_channel_receive(w->full, &item), 0);
        break;
    case RECEIVE:
        CHECK_EQ(pawl_channel_send(w->empty, &item), 0);
        break;
    case ONESHOT:
        CHECK_EQ(pawl_oneshot_send(&w->oneshot, w), 0);
        break;
    case NOTIFY:
        pawl_notify_one(&w->notify);
        break;
    case SEMAPHORE:
        pawl_semaphore_release(&w->semaphore, 1);
        break;
    case TOKEN:
        pawl_token_cancel(w->token);
        break;
    default:
        target = pawl_task_ref(w->target); /* before: a select that joins it gives the handle up */
        event_set(&w->end);
        join(target); /* so that it has ended where it is to be found at once */
    }
}

void expect_happened(struct world *w, int what, bool happened)
{
    uint64_t item = 0;
    switch (what) {
    case SEND:
        cr_assert_eq(pawl_channel_length(w->full), happened);
        break;
    case RECEIVE:
        cr_assert_eq(pawl_channel_try_receive(w->empty, &item), happened ? -EAGAIN : 0);
        cr_assert_eq(happened ? w->received : item, 6);
        break;
    case ONESHOT:
        cr_assert_eq(pawl_oneshot_try_receive(&w->oneshot, &w->value), happened ? -EPIPE : 0);
        cr_assert_eq(w->value, w);
        break;
    case NOTIFY:
        cr_assert_neq(pawl_notify_try_wait(&w->notify), happened);
        break;
    case SEMAPHORE:
        cr_assert_eq(pawl_semaphore_available(&w->semaphore), happened ? 0 : 3);
        break;
    case TOKEN:
        cr_assert(pawl_token_cancelled(w->token));
        break;
    default:
        if (!happened)
            w->result = join(w->target);
        w->target = NULL;
        cr_assert_eq(w->result, &w->end);
    }
}

void *select_cases(void *arg)
{
    struct selector *s = arg;
    s->index = s->deadline_ns == PAWL_NEVER ? pawl_select(s->cases, s->count)
                                            : pawl_select_until(s->cases, s->count, s->deadline_ns);
    event_set(&s->done);
    return NULL;
}

static enum pawl_poll select_in_polls(struct pawl_context *cx, void *arg)
{
    struct selector *s = arg;
    fetch_add_acq_rel_u32(&s->polls, 1);
    if (pawl_select_poll(s->cases, s->count, cx, &s->index) == PAWL_PENDING)
        return PAWL_PENDING;
    event_set(&s->done);
    return PAWL_READY;
}

void start_selector(struct pawl_runtime *rt, struct selector *s, bool polls)
{
    if (polls)
        cr_assert_eq(pawl_spawn_poll(rt, select_in_polls, s, &s->task), 0);
    else
        s->task = spawn(rt, select_cases, s);
}
