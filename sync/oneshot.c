/* Oneshot.
 *
 *     EMPTY --send--> SENT --receive--> OVER        EMPTY --send, somebody waits--> OVER
 *     EMPTY --close--> OVER                         SENT and OVER --close--> same, closed */
#include "sync/oneshot.h"

enum oneshot_state { ONESHOT_EMPTY, ONESHOT_SENT, ONESHOT_OVER };

/* Access: L(lock) */
struct oneshot {
    struct lock lock;
    enum oneshot_state state; /* L */
    struct list waiters;      /* L receivers; EMPTY */
    void *value;              /* L SENT */
    bool sent;                /* L a value was sent */
};

_Static_assert(sizeof(struct oneshot) <= sizeof(struct pawl_oneshot), "it fits into the public one");

static struct oneshot *private_of(struct pawl_oneshot *o)
{
    return (struct oneshot *)(void *)o;
}

static void store(void **where, void *value)
{
    if (where != NULL)
        *where = value;
}

/* To receive. */
static int attempt(struct wait *wait, struct claimed *claimed)
{
    struct oneshot *oneshot = wait->object;
    (void)claimed;
    if (oneshot->state != ONESHOT_SENT)
        return oneshot->state == ONESHOT_EMPTY ? -EAGAIN : -EPIPE;
    store(wait->item, oneshot->value);
    oneshot->state = ONESHOT_OVER;
    return 0;
}

static int queue(struct wait *wait, struct claimed *claimed)
{
    struct oneshot *oneshot = wait->object;
    (void)claimed;
    return wait_queue(wait, &oneshot->waiters);
}

static const struct wait_kind kind = {.attempt = attempt, .queue = queue};

struct wait pawl__oneshot_wait(struct pawl_oneshot *o, void **value)
{
    return (struct wait){.kind = &kind, .lock = &private_of(o)->lock, .object = o, .item = value};
}

int pawl_oneshot_init(struct pawl_oneshot *o)
{
    if (o == NULL)
        return -EINVAL;
    *o = (struct pawl_oneshot)PAWL_ONESHOT_INITIALIZER;
    return 0;
}

int pawl_oneshot_fini(struct pawl_oneshot *o)
{
    if (o == NULL)
        return -EINVAL;
    struct oneshot *oneshot = private_of(o);
    lock_acquire(&oneshot->lock);
    bool waited_for = !waiters_empty(&oneshot->waiters);
    lock_release(&oneshot->lock);
    return waited_for ? -EBUSY : 0;
}

/* Under the lock: 0, the value is on its way to `receiver`, or is kept if that is NULL; others will never get one. */
static int send_locked(struct oneshot *oneshot, void *value, struct waiter **receiver, struct claimed *others)
{
    *receiver = NULL;
    if (oneshot->sent)
        return -EALREADY;
    if (oneshot->state == ONESHOT_OVER)
        return -EPIPE;
    oneshot->sent = true;
    *receiver = waiters_take(&oneshot->waiters);
    if (*receiver == NULL) {
        oneshot->value = value;
        oneshot->state = ONESHOT_SENT;
    } else {
        store(wait_of(*receiver)->item, value);
        waiters_take_all(&oneshot->waiters, others);
        oneshot->state = ONESHOT_OVER;
    }
    return 0;
}

int pawl_oneshot_send(struct pawl_oneshot *o, void *value)
{
    struct oneshot *oneshot = private_of(o);
    struct claimed others = {NULL, NULL};
    struct waiter *receiver;
    if (o == NULL)
        return -EINVAL;
    lock_acquire(&oneshot->lock);
    int error = send_locked(oneshot, value, &receiver, &others);
    lock_release(&oneshot->lock);
    waiters_grant(&others, -EPIPE); /* first: the receiver may end everything */
    if (receiver != NULL)
        pawl__waiter_grant(receiver, OUTCOME_GRANTED);
    return error;
}

int pawl_oneshot_receive_until(struct pawl_oneshot *o, void **value, uint64_t deadline_ns)
{
    int error = o == NULL ? -EINVAL : await_enter();
    if (error != 0)
        return error;
    struct wait wait = pawl__oneshot_wait(o, value);
    return pawl__wait(&wait, deadline_ns);
}

int pawl_oneshot_receive(struct pawl_oneshot *o, void **value)
{
    return pawl_oneshot_receive_until(o, value, PAWL_NEVER);
}

enum pawl_poll pawl_oneshot_receive_poll(struct pawl_oneshot *o, void **value, struct pawl_wait *wait,
                                         struct pawl_context *cx, int *status)
{
    *status = -EINVAL;
    if (o == NULL)
        return PAWL_READY;
    struct wait request = pawl__oneshot_wait(o, value);
    return pawl__wait_poll(wait, &request, cx, status);
}

int pawl_oneshot_try_receive(struct pawl_oneshot *o, void **value)
{
    if (o == NULL)
        return -EINVAL;
    struct wait wait = pawl__oneshot_wait(o, value);
    return pawl__wait_attempt(&wait);
}

void pawl_oneshot_close(struct pawl_oneshot *o)
{
    struct oneshot *oneshot = private_of(o);
    struct claimed claimed = {NULL, NULL};
    if (o == NULL)
        return;
    lock_acquire(&oneshot->lock);
    if (oneshot->state == ONESHOT_EMPTY)
        oneshot->state = ONESHOT_OVER;
    waiters_take_all(&oneshot->waiters, &claimed);
    lock_release(&oneshot->lock);
    waiters_grant(&claimed, -EPIPE);
}
