/* Select: waits for several things at once; exactly one of them happens.
 *
 *     struct pawl_case cases[3];
 *     pawl_case_receive(&cases[0], requests, &request);
 *     pawl_case_token(&cases[1], stop);
 *     pawl_case_deadline(&cases[2], deadline_ns);
 *     int i = pawl_select(cases, 3);
 *     if (i == 0 && cases[0].status == 0) ... request has come; if its status is -EPIPE: the channel is closed
 *
 * Model: if several can be done at once, a random one is; else the first that can be. The others have not happened: no
 *     item was sent or taken, no permit, no handle. A case whose object is closed is done too, with status -EPIPE.
 * Threads, suspends: as channel.h.
 * Memory: the cases are the caller's; they may be used again for the next select. The objects of all cases but the
 *     one that happened stay until it returns.
 * Errors: the waiting calls have those of task.h; -EINVAL: no case or more than PAWL_CASES_MAX, or a case without an
 *     object; -EDEADLK also: to join the caller itself. */
#ifndef PAWL_SELECT_H
#define PAWL_SELECT_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

#define PAWL_CASES_MAX 64

struct pawl_channel;
struct pawl_notify;
struct pawl_oneshot;
struct pawl_semaphore;
struct pawl_token;

enum pawl_case_kind {
    PAWL_CASE_NONE, /* never happens: for a case that is switched off */
    PAWL_CASE_SEND,
    PAWL_CASE_RECEIVE,
    PAWL_CASE_ONESHOT,
    PAWL_CASE_NOTIFY,
    PAWL_CASE_SEMAPHORE,
    PAWL_CASE_TOKEN,
    PAWL_CASE_JOIN,
    PAWL_CASE_DEADLINE
};

struct pawl_case {
    enum pawl_case_kind kind;
    int status; /* of the case that happened: 0 or a negative errno */
    void *object;
    void *data;
    uint64_t number;
    uint64_t pawl_private[28];
};

static inline void pawl_case_init(struct pawl_case *c, enum pawl_case_kind kind, void *object, void *data,
                                  uint64_t number)
{
    c->kind = kind;
    c->status = 0;
    c->object = object;
    c->data = data;
    c->number = number;
    c->pawl_private[0] = 0;
}

static inline void pawl_case_none(struct pawl_case *c)
{
    pawl_case_init(c, PAWL_CASE_NONE, NULL, NULL, 0);
}

/* pawl_channel_send. */
static inline void pawl_case_send(struct pawl_case *c, struct pawl_channel *channel, const void *item)
{
    pawl_case_init(c, PAWL_CASE_SEND, channel, (void *)(uintptr_t)item, 0);
}

/* pawl_channel_receive. */
static inline void pawl_case_receive(struct pawl_case *c, struct pawl_channel *channel, void *item)
{
    pawl_case_init(c, PAWL_CASE_RECEIVE, channel, item, 0);
}

/* pawl_oneshot_receive. */
static inline void pawl_case_oneshot(struct pawl_case *c, struct pawl_oneshot *oneshot, void **value)
{
    pawl_case_init(c, PAWL_CASE_ONESHOT, oneshot, value, 0);
}

/* pawl_notify_wait. */
static inline void pawl_case_notify(struct pawl_case *c, struct pawl_notify *notify)
{
    pawl_case_init(c, PAWL_CASE_NOTIFY, notify, NULL, 0);
}

/* pawl_semaphore_acquire. */
static inline void pawl_case_semaphore(struct pawl_case *c, struct pawl_semaphore *semaphore, uint32_t n)
{
    pawl_case_init(c, PAWL_CASE_SEMAPHORE, semaphore, NULL, n);
}

/* pawl_token_wait. */
static inline void pawl_case_token(struct pawl_case *c, struct pawl_token *token)
{
    pawl_case_init(c, PAWL_CASE_TOKEN, token, NULL, 0);
}

/* pawl_join: if it happens the handle is consumed. */
static inline void pawl_case_join(struct pawl_case *c, struct pawl_task *task, void **result)
{
    pawl_case_init(c, PAWL_CASE_JOIN, task, result, 0);
}

/* The instant comes. The others are looked at first. */
static inline void pawl_case_deadline(struct pawl_case *c, uint64_t deadline_ns)
{
    pawl_case_init(c, PAWL_CASE_DEADLINE, NULL, NULL, deadline_ns);
}

/* The index of the case that happened, or a negative errno: none did. */
PAWL_API int pawl_select(struct pawl_case *cases, size_t count);
PAWL_API int pawl_select_until(struct pawl_case *cases, size_t count, uint64_t deadline_ns);

/* Never waits; -EAGAIN: nothing can be done now. */
PAWL_API int pawl_select_try(struct pawl_case *cases, size_t count);

/* *index, not NULL, is the select's result. While it is pending the cases stay as they are and in place; as with wait.h
 * it is to be brought to an end, or cancelled, before the task ends. -EINVAL also: another task's is pending there. */
PAWL_API enum pawl_poll pawl_select_poll(struct pawl_case *cases, size_t count, struct pawl_context *cx, int *index);

/* Gives a pending select_poll up: 0, or -EALREADY: one has happened; *index, unless NULL, says which. */
PAWL_API int pawl_select_cancel(struct pawl_case *cases, size_t count, int *index);

PAWL_END_DECLS

#endif
