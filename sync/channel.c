/* Channel: a store of items, and those who wait on either side, under one lock.
 *
 * Receivers wait only while there is no item, senders only while there is no room: so never both, and whoever comes and
 * finds the other side waiting hands the item over directly. When an item is taken from a full store the sender that
 * has waited longest moves up. So items keep the order of the sends, and waiters that of asking. */
#include "sync/channel.h"

#include <stdlib.h>

#include "sync/items.h"

/* Access: C constant, L(lock) */
struct pawl_channel {
    struct lock lock;
    bool closed;           /* L */
    struct items items;    /* L */
    struct list receivers; /* L they wait */
    struct list senders;   /* L */
};

/* ---- sending ---- */

static inline int attempt_send(struct wait *wait, struct claimed *claimed)
{
    struct pawl_channel *c = wait->object;
    struct waiter *receiver;
    if (c->closed)
        return -EPIPE;
    if ((receiver = waiters_take(&c->receivers)) != NULL) {
        item_copy(wait_of(receiver)->item, wait->item, c->items.item_size);
        claimed_add(claimed, receiver);
        return 0;
    }
    if (items_full(&c->items))
        return -EAGAIN;
    if (PAWL_UNLIKELY(pawl__items_need_block(&c->items)))
        return WAIT_PREPARE;
    items_put(&c->items, wait->item);
    return 0;
}

static inline int queue_sender(struct wait *wait, struct claimed *claimed)
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

static inline int attempt_receive(struct wait *wait, struct claimed *claimed)
{
    struct pawl_channel *c = wait->object;
    struct waiter *sender;
    if (c->items.count > 0) {
        items_take(&c->items, wait->item);
        if ((sender = waiters_take(&c->senders)) != NULL) {
            items_put(&c->items, wait_of(sender)->item);
            claimed_add(claimed, sender);
        }
        return 0;
    }
    if ((sender = waiters_take(&c->senders)) != NULL) { /* a rendezvous */
        item_copy(wait->item, wait_of(sender)->item, c->items.item_size);
        claimed_add(claimed, sender);
        return 0;
    }
    return c->closed ? -EPIPE : -EAGAIN;
}

static inline int queue_receiver(struct wait *wait, struct claimed *claimed)
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
    struct pawl_channel *c = calloc(1, sizeof *c);
    int error = c == NULL ? -ENOMEM : pawl__items_init(&c->items, capacity, item_size);
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

/* The hot path of both directions: no more is written than is needed. */
static inline __attribute__((always_inline)) int wait_until(struct pawl_channel *c, const struct wait_kind *kind,
                                                            void *item, uint64_t deadline_ns)
{
    int result = c == NULL || item == NULL ? -EINVAL : pawl__await_enter();
    if (result != 0)
        return result;
    struct wait wait;
    wait.kind = kind;
    wait.lock = &c->lock;
    wait.object = c;
    wait.item = item;
    result = wait_begin_as(&wait, kind, true);
    return result == WAIT_QUEUED ? pawl__wait_end(&wait, deadline_ns) : result;
}

int pawl_channel_send_until(struct pawl_channel *c, const void *item, uint64_t deadline_ns)
{
    return wait_until(c, &send_kind, (void *)(uintptr_t)item, deadline_ns);
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
    return wait_until(c, &receive_kind, item, deadline_ns);
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
