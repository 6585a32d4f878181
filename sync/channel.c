/* Channel: a store of items, and those who wait on either side, under one lock.
 *
 * Receivers wait only while there is no item, senders only while there is no room: so never both, and whoever comes and
 * finds the other side waiting hands the item over directly. When an item is taken from a full store the sender that
 * has waited longest moves up. So items keep the order of the sends, and waiters that of asking. */
#include "sync/channel.h"

#include <stdlib.h>
#include <string.h>

#include "sync/items.h"

enum { CHANNEL_ALIGNMENT = 64 };

/* Access: C constant, L(lock). Two workers that send and receive at once hand one cache line to and fro. */
struct pawl_channel {
    _Alignas(CHANNEL_ALIGNMENT) struct lock lock;
    bool closed;           /* L */
    struct items items;    /* L */
    struct list receivers; /* L they wait */
    struct list senders;   /* L */
};

/* ---- sending ---- */

/* Under the lock: 0, -EPIPE, -EAGAIN, or WAIT_PREPARE. *receiver: has the item, and is to be granted; or NULL. */
static inline int send_locked(struct pawl_channel *c, const void *item, struct waiter **receiver)
{
    if ((*receiver = waiters_take(&c->receivers)) != NULL) { /* so it is not closed */
        item_copy(wait_of(*receiver)->item, item, c->items.item_size);
        return 0;
    }
    if (c->closed)
        return -EPIPE;
    if (items_full(&c->items))
        return -EAGAIN;
    if (PAWL_UNLIKELY(pawl__items_need_block(&c->items)))
        return WAIT_PREPARE;
    items_put(&c->items, item);
    return 0;
}

static int attempt_send(struct wait *wait, struct claimed *claimed)
{
    struct waiter *receiver;
    int result = send_locked(wait->object, wait->item, &receiver);
    if (receiver != NULL)
        claimed_add(claimed, receiver);
    return result;
}

static int queue_sender(struct wait *wait, struct claimed *claimed)
{
    struct pawl_channel *c = wait->object;
    (void)claimed;
    return wait_queue(wait, &c->senders);
}

static int prepare(struct wait *wait)
{
    struct pawl_channel *c = wait->object;
    struct items_block *block = pawl__items_block_create(&c->items);
    if (block == NULL)
        return -ENOMEM;
    lock_acquire(&c->lock);
    block = pawl__items_add_block(&c->items, block);
    lock_release(&c->lock);
    pawl__items_block_destroy(block);
    return 0;
}

static const struct wait_kind send_kind = {.attempt = attempt_send, .queue = queue_sender, .prepare = prepare};

struct wait pawl__channel_send_wait(struct pawl_channel *c, const void *item)
{
    return (struct wait){.kind = &send_kind, .lock = &c->lock, .object = c, .item = (void *)(uintptr_t)item};
}

/* ---- receiving ---- */

/* Under the lock: 0, -EPIPE or -EAGAIN. *sender: its item has been taken, and it is to be granted; or NULL. */
static inline int receive_locked(struct pawl_channel *c, void *item, struct waiter **sender)
{
    *sender = waiters_take(&c->senders);
    if (c->items.count > 0) {
        items_take(&c->items, item);
        if (*sender != NULL)
            items_put(&c->items, wait_of(*sender)->item);
        return 0;
    }
    if (*sender != NULL) { /* a rendezvous */
        item_copy(item, wait_of(*sender)->item, c->items.item_size);
        return 0;
    }
    return c->closed ? -EPIPE : -EAGAIN;
}

static int attempt_receive(struct wait *wait, struct claimed *claimed)
{
    struct waiter *sender;
    int result = receive_locked(wait->object, wait->item, &sender);
    if (sender != NULL)
        claimed_add(claimed, sender);
    return result;
}

static int queue_receiver(struct wait *wait, struct claimed *claimed)
{
    struct pawl_channel *c = wait->object;
    (void)claimed;
    return wait_queue(wait, &c->receivers);
}

static const struct wait_kind receive_kind = {.attempt = attempt_receive, .queue = queue_receiver};

struct wait pawl__channel_receive_wait(struct pawl_channel *c, void *item)
{
    return (struct wait){.kind = &receive_kind, .lock = &c->lock, .object = c, .item = item};
}

/* ---- the public calls ---- */

int pawl_channel_create(struct pawl_channel **out, size_t capacity, size_t item_size)
{
    if (out == NULL)
        return -EINVAL;
    struct pawl_channel *c = aligned_alloc(CHANNEL_ALIGNMENT, sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    memset(c, 0, sizeof *c);
    int error = pawl__items_init(&c->items, capacity, item_size);
    if (error != 0)
        free(c);
    else
        *out = c;
    return error;
}

/* Nobody is left waiting: whether somebody was. */
static bool close_channel(struct pawl_channel *c)
{
    struct claimed claimed = {NULL, NULL};
    lock_acquire(&c->lock);
    c->closed = true;
    waiters_take_all(&c->receivers, &claimed);
    waiters_take_all(&c->senders, &claimed);
    lock_release(&c->lock);
    bool awaited = claimed.first != NULL;
    waiters_grant(&claimed, -EPIPE);
    return awaited;
}

void pawl_channel_destroy(struct pawl_channel *c)
{
    if (c == NULL)
        return;
    bool awaited = close_channel(c);
    MISUSE_IF(awaited, "pawl_channel_destroy: somebody waits");
    (void)awaited;
    pawl__items_fini(&c->items);
    free(c);
}

/* The hot paths: as pawl__wait_begin with the kinds above, but a wait is set up only when there is need to wait. */
static int queue_locked(struct wait *wait, const struct wait_kind *kind, struct pawl_channel *c, void *item,
                        struct list *waiters)
{
    wait->kind = kind;
    wait->lock = &c->lock;
    wait->object = c;
    wait->item = item;
    wait_init_waiter(wait, kind);
    return wait_queue(wait, waiters);
}

static inline int begin_send(struct pawl_channel *c, const void *item, struct wait *wait)
{
    struct waiter *receiver;
    lock_acquire(&c->lock);
    int result = send_locked(c, item, &receiver);
    if (result == -EAGAIN)
        result = queue_locked(wait, &send_kind, c, (void *)(uintptr_t)item, &c->senders);
    lock_release(&c->lock);
    noise_point("channel.begun");
    if (receiver != NULL)
        pawl__waiter_grant(receiver, OUTCOME_GRANTED);
    return result;
}

static inline int begin_receive(struct pawl_channel *c, void *item, struct wait *wait)
{
    struct waiter *sender;
    lock_acquire(&c->lock);
    int result = receive_locked(c, item, &sender);
    if (result == -EAGAIN)
        result = queue_locked(wait, &receive_kind, c, item, &c->receivers);
    lock_release(&c->lock);
    noise_point("channel.begun");
    if (sender != NULL)
        pawl__waiter_grant(sender, OUTCOME_GRANTED);
    return result;
}

static __attribute__((noinline)) int send_prepared(struct pawl_channel *c, const void *item)
{
    struct wait wait = pawl__channel_send_wait(c, item);
    return pawl__wait_begin(&wait); /* unbounded: never queued */
}

int pawl_channel_send_until(struct pawl_channel *c, const void *item, uint64_t deadline_ns)
{
    struct wait wait;
    int result = c == NULL || item == NULL ? -EINVAL : await_enter();
    if (result != 0)
        return result;
    result = begin_send(c, item, &wait);
    if (PAWL_LIKELY(result <= 0))
        return result;
    return result == WAIT_QUEUED ? pawl__wait_end(&wait, deadline_ns) : send_prepared(c, item);
}

int pawl_channel_send(struct pawl_channel *c, const void *item)
{
    return pawl_channel_send_until(c, item, PAWL_NEVER);
}

enum pawl_poll pawl_channel_send_poll(struct pawl_channel *c, const void *item, struct pawl_wait *wait,
                                      struct pawl_context *cx, int *status)
{
    *status = -EINVAL;
    if (c == NULL || item == NULL)
        return PAWL_READY;
    struct wait request = pawl__channel_send_wait(c, item);
    return pawl__wait_poll(wait, &request, cx, status);
}

int pawl_channel_try_send(struct pawl_channel *c, const void *item)
{
    if (c == NULL || item == NULL)
        return -EINVAL;
    struct wait wait = pawl__channel_send_wait(c, item);
    return pawl__wait_attempt(&wait);
}

int pawl_channel_receive_until(struct pawl_channel *c, void *item, uint64_t deadline_ns)
{
    struct wait wait;
    int result = c == NULL || item == NULL ? -EINVAL : await_enter();
    if (result != 0)
        return result;
    result = begin_receive(c, item, &wait);
    return result == WAIT_QUEUED ? pawl__wait_end(&wait, deadline_ns) : result;
}

int pawl_channel_receive(struct pawl_channel *c, void *item)
{
    return pawl_channel_receive_until(c, item, PAWL_NEVER);
}

enum pawl_poll pawl_channel_receive_poll(struct pawl_channel *c, void *item, struct pawl_wait *wait,
                                         struct pawl_context *cx, int *status)
{
    *status = -EINVAL;
    if (c == NULL || item == NULL)
        return PAWL_READY;
    struct wait request = pawl__channel_receive_wait(c, item);
    return pawl__wait_poll(wait, &request, cx, status);
}

int pawl_channel_try_receive(struct pawl_channel *c, void *item)
{
    if (c == NULL || item == NULL)
        return -EINVAL;
    struct wait wait = pawl__channel_receive_wait(c, item);
    return pawl__wait_attempt(&wait);
}

void pawl_channel_close(struct pawl_channel *c)
{
    if (c != NULL)
        close_channel(c);
}

size_t pawl_channel_length(const struct pawl_channel *c)
{
    struct pawl_channel *channel = (struct pawl_channel *)(uintptr_t)c;
    if (c == NULL)
        return 0;
    lock_acquire(&channel->lock);
    size_t length = c->items.count;
    lock_release(&channel->lock);
    return length;
}
