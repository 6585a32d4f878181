/* Objects of any kind, and parties that wait for them. */
#include <stdlib.h>

#include "kinds.h"
#include "sync/permits.h"

static PAWL_ATOMIC(uint32_t) ranks;

struct object *object_open(const struct kind *kind)
{
    struct object *o = calloc(1, sizeof *o);
    cr_assert_not_null(o);
    o->kind = kind;
    kind->open(o);
    return o;
}

void object_grant(struct object *o)
{
    o->granted = true; /* before: who is granted may end it */
    o->kind->grant(o);
}

void object_close(struct object *o)
{
    if (o->kind->held && !o->granted)
        object_grant(o);
    o->kind->close(o);
    free(o);
}

struct party party_of(struct object *o, int who)
{
    return (struct party){.object = o, .who = who, .deadline_ns = PAWL_NEVER, .version = 1, .status = 1};
}

void party_note(struct party *p, int status)
{
    p->status = status;
    p->rank = fetch_add_acq_rel_u32(&ranks, 1);
    if (status == 0 && p->object->kind->after != NULL)
        p->object->kind->after(p);
    event_set(&p->done);
}

void *party_wait(void *arg)
{
    struct party *p = arg;
    const struct kind *kind = p->object->kind;
    if (p->shielded)
        pawl_shield_begin();
    int status = p->deadline_ns == PAWL_NEVER ? kind->wait(p) : kind->wait_until(p, p->deadline_ns);
    if (p->shielded)
        pawl_shield_end();
    party_note(p, status);
    return pointer_of(status);
}

enum pawl_poll party_poll(struct pawl_context *cx, void *arg)
{
    struct party *p = arg;
    int status = 1;
    fetch_add_acq_rel_u32(&p->polls, 1);
    if (p->object->kind->poll(p, cx, &status) == PAWL_PENDING)
        return PAWL_PENDING;
    party_note(p, status);
    return PAWL_READY;
}

int party_cancel(struct party *p)
{
    return p->object->kind->cancel != NULL ? p->object->kind->cancel(p) : pawl_wait_cancel(&p->wait);
}

void settle(struct pawl_runtime *rt)
{
    cr_assert_eq(pawl_runtime_wait_idle(rt, in_ns(PATIENCE_NS)), 0);
}

void party_start(struct pawl_runtime *rt, struct party *p)
{
    p->task = spawn(rt, party_wait, p);
    settle(rt);
}

void party_start_poll(struct pawl_runtime *rt, struct party *p)
{
    cr_assert_eq(pawl_spawn_poll(rt, party_poll, p, &p->task), 0);
    settle(rt);
}

int party_join(struct party *p)
{
    cr_assert_eq(pawl_join(p->task, NULL), 0);
    return p->status;
}

size_t permits_waiting(void *object)
{
    struct permits *permits = object; /* they are first in each */
    size_t count = 0;
    lock_acquire(&permits->lock);
    if (!waiters_empty(&permits->waiters))
        for (struct list_node *node = permits->waiters.head.next; node != &permits->waiters.head; node = node->next)
            count++;
    lock_release(&permits->lock);
    return count;
}

void permits_await(void *object, size_t count)
{
    uint64_t deadline_ns = in_ns(PATIENCE_NS);
    while (permits_waiting(object) != count) {
        cr_assert_lt(pawl_now(NULL), deadline_ns);
        pawl_sleep(PAWL_US(100));
    }
}
