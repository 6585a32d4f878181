/* Broadcast: a ring of the last items, numbered from 0, and for each receiver the number of the next it wants.
 *
 * A receiver waits only when it has had them all; so whoever sends copies the item to all that wait. */
#include <pawl/broadcast.h>

#include <stdlib.h>

#include "sync/items.h"
#include "sync/wait.h"

/* Access: C constant, L(lock) */
struct pawl_broadcast {
    struct lock lock;
    bool closed;         /* L */
    size_t capacity;     /* C */
    size_t item_size;    /* C */
    uint64_t next;       /* L number of the next item */
    struct list waiters; /* L receivers */
    char *ring;          /* L item i is at i % capacity */
};

/* Access: C constant, L of the broadcast */
struct receiver {
    struct pawl_broadcast *broadcast; /* C */
    uint64_t next;                    /* L number of the next item it wants */
};

_Static_assert(sizeof(struct receiver) <= sizeof(struct pawl_broadcast_receiver), "it fits into the public one");

static struct receiver *private_of(struct pawl_broadcast_receiver *r)
{
    return (struct receiver *)(void *)r;
}

/* -EINVAL also for one that has not subscribed, in zeroed memory. */
static int check(struct pawl_broadcast_receiver *r, const void *item)
{
    return r == NULL || item == NULL || private_of(r)->broadcast == NULL ? -EINVAL : 0;
}

static char *place_of(struct pawl_broadcast *b, uint64_t number)
{
    return b->ring + (size_t)(number % b->capacity) * b->item_size;
}

/* extra: where to say how many it missed, or NULL. */
static int attempt(struct wait *wait, struct claimed *claimed)
{
    struct receiver *receiver = wait->object;
    struct pawl_broadcast *b = receiver->broadcast;
    uint64_t *missed = wait->extra, behind = b->next - receiver->next;
    (void)claimed;
    if (behind == 0)
        return b->closed ? -EPIPE : -EAGAIN;
    uint64_t lost = behind > b->capacity ? behind - b->capacity : 0;
    receiver->next += lost;
    item_copy(wait->item, place_of(b, receiver->next++), b->item_size);
    if (missed != NULL)
        *missed = lost;
    return 0;
}

static int queue(struct wait *wait, struct claimed *claimed)
{
    struct receiver *receiver = wait->object;
    (void)claimed;
    return wait_queue(wait, &receiver->broadcast->waiters);
}

static const struct wait_kind kind = {.attempt = attempt, .queue = queue};

static struct wait wait_for_item(struct receiver *receiver, void *item, uint64_t *missed)
{
    return (struct wait){
        .kind = &kind, .lock = &receiver->broadcast->lock, .object = receiver, .item = item, .extra = missed};
}

int pawl_broadcast_create(struct pawl_broadcast **out, size_t capacity, size_t item_size)
{
    size_t size;
    if (out == NULL || capacity == 0 || item_size == 0 || __builtin_mul_overflow(capacity, item_size, &size) ||
        size > PTRDIFF_MAX)
        return -EINVAL;
    struct pawl_broadcast *b = calloc(1, sizeof *b);
    if (b == NULL || (b->ring = malloc(size)) == NULL) {
        free(b);
        return -ENOMEM;
    }
    b->capacity = capacity;
    b->item_size = item_size;
    *out = b;
    return 0;
}

static bool close_broadcast(struct pawl_broadcast *b)
{
    struct claimed claimed = {NULL, NULL};
    lock_acquire(&b->lock);
    b->closed = true;
    waiters_take_all(&b->waiters, &claimed);
    lock_release(&b->lock);
    bool awaited = claimed.first != NULL;
    waiters_grant(&claimed, -EPIPE);
    return awaited;
}

void pawl_broadcast_destroy(struct pawl_broadcast *b)
{
    if (b == NULL)
        return;
    bool awaited = close_broadcast(b);
    MISUSE_IF(awaited, "pawl_broadcast_destroy: somebody waits");
    (void)awaited;
    free(b->ring);
    free(b);
}

void pawl_broadcast_close(struct pawl_broadcast *b)
{
    if (b != NULL)
        close_broadcast(b);
}

/* Under the lock. */
static void hand_to_all(struct pawl_broadcast *b, const void *item, struct claimed *claimed)
{
    struct waiter *waiter;
    while ((waiter = waiters_take(&b->waiters)) != NULL) {
        struct wait *wait = wait_of(waiter);
        struct receiver *receiver = wait->object;
        item_copy(wait->item, item, b->item_size);
        receiver->next++;
        if (wait->extra != NULL)
            *(uint64_t *)wait->extra = 0;
        claimed_add(claimed, waiter);
    }
}

int pawl_broadcast_send(struct pawl_broadcast *b, const void *item)
{
    struct claimed claimed = {NULL, NULL};
    if (b == NULL || item == NULL)
        return -EINVAL;
    lock_acquire(&b->lock);
    int error = b->closed ? -EPIPE : 0;
    if (error == 0) {
        item_copy(place_of(b, b->next++), item, b->item_size);
        hand_to_all(b, item, &claimed);
    }
    lock_release(&b->lock);
    waiters_grant(&claimed, OUTCOME_GRANTED);
    return error;
}

int pawl_broadcast_subscribe(struct pawl_broadcast *b, struct pawl_broadcast_receiver *r)
{
    if (b == NULL || r == NULL)
        return -EINVAL;
    lock_acquire(&b->lock);
    uint64_t next = b->next;
    lock_release(&b->lock);
    *private_of(r) = (struct receiver){.broadcast = b, .next = next};
    return 0;
}

int pawl_broadcast_receive_until(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed, uint64_t deadline_ns)
{
    int error = check(r, item);
    if (error != 0 || (error = await_enter()) != 0)
        return error;
    struct wait wait = wait_for_item(private_of(r), item, missed);
    return pawl__wait(&wait, deadline_ns);
}

int pawl_broadcast_receive(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed)
{
    return pawl_broadcast_receive_until(r, item, missed, PAWL_NEVER);
}

enum pawl_poll pawl_broadcast_receive_poll(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed,
                                           struct pawl_wait *wait, struct pawl_context *cx, int *status)
{
    if ((*status = check(r, item)) != 0)
        return PAWL_READY;
    struct wait request = wait_for_item(private_of(r), item, missed);
    return pawl__wait_poll(wait, &request, cx, status);
}

int pawl_broadcast_try_receive(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed)
{
    int error = check(r, item);
    if (error != 0)
        return error;
    struct wait wait = wait_for_item(private_of(r), item, missed);
    return pawl__wait_attempt(&wait);
}
