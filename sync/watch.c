/* Watch: the latest value and its version. */
#include <pawl/broadcast.h>

#include <stdlib.h>

#include "sync/items.h"
#include "sync/wait.h"

/* Access: C constant, L(lock) */
struct pawl_watch {
    struct lock lock;
    bool closed;         /* L */
    size_t item_size;    /* C */
    uint64_t version;    /* L */
    struct list waiters; /* L */
    char value[];        /* L */
};

/* item: where to copy the value, or NULL; extra: the version that is known. */
static int attempt(struct wait *wait, struct claimed *claimed)
{
    struct pawl_watch *w = wait->object;
    uint64_t *version = wait->extra;
    (void)claimed;
    if (w->version == *version)
        return w->closed ? -EPIPE : -EAGAIN;
    if (wait->item != NULL)
        item_copy(wait->item, w->value, w->item_size);
    *version = w->version;
    return 0;
}

static int queue(struct wait *wait, struct claimed *claimed)
{
    struct pawl_watch *w = wait->object;
    (void)claimed;
    return wait_queue(wait, &w->waiters);
}

static const struct wait_kind kind = {.attempt = attempt, .queue = queue};

static struct wait wait_for_version(struct pawl_watch *w, void *value, uint64_t *version)
{
    return (struct wait){.kind = &kind, .lock = &w->lock, .object = w, .item = value, .extra = version};
}

int pawl_watch_create(struct pawl_watch **out, const void *initial, size_t item_size)
{
    if (out == NULL || initial == NULL || item_size == 0 || item_size > PTRDIFF_MAX - sizeof(struct pawl_watch))
        return -EINVAL;
    struct pawl_watch *w = calloc(1, sizeof *w + item_size);
    if (w == NULL)
        return -ENOMEM;
    w->item_size = item_size;
    w->version = 1;
    memcpy(w->value, initial, item_size);
    *out = w;
    return 0;
}

static bool close_watch(struct pawl_watch *w)
{
    struct claimed claimed = {NULL, NULL};
    lock_acquire(&w->lock);
    w->closed = true;
    waiters_take_all(&w->waiters, &claimed);
    lock_release(&w->lock);
    bool awaited = claimed.first != NULL;
    waiters_grant(&claimed, -EPIPE);
    return awaited;
}

void pawl_watch_destroy(struct pawl_watch *w)
{
    if (w == NULL)
        return;
    bool awaited = close_watch(w);
    MISUSE_IF(awaited, "pawl_watch_destroy: somebody waits");
    (void)awaited;
    free(w);
}

void pawl_watch_close(struct pawl_watch *w)
{
    if (w != NULL)
        close_watch(w);
}

int pawl_watch_send(struct pawl_watch *w, const void *value)
{
    struct claimed claimed = {NULL, NULL};
    struct waiter *waiter;
    if (w == NULL || value == NULL)
        return -EINVAL;
    lock_acquire(&w->lock);
    int error = w->closed ? -EPIPE : 0;
    if (error == 0) {
        item_copy(w->value, value, w->item_size);
        w->version++;
        while ((waiter = waiters_take(&w->waiters)) != NULL) {
            attempt(wait_of(waiter), NULL);
            claimed_add(&claimed, waiter);
        }
    }
    lock_release(&w->lock);
    waiters_grant(&claimed, OUTCOME_GRANTED);
    return error;
}

int pawl_watch_read(struct pawl_watch *w, void *value, uint64_t *version)
{
    if (w == NULL || value == NULL)
        return -EINVAL;
    lock_acquire(&w->lock);
    item_copy(value, w->value, w->item_size);
    if (version != NULL)
        *version = w->version;
    lock_release(&w->lock);
    return 0;
}

int pawl_watch_wait_until(struct pawl_watch *w, void *value, uint64_t *version, uint64_t deadline_ns)
{
    int error = w == NULL || version == NULL ? -EINVAL : await_enter();
    if (error != 0)
        return error;
    struct wait wait = wait_for_version(w, value, version);
    return pawl__wait(&wait, deadline_ns);
}

int pawl_watch_wait(struct pawl_watch *w, void *value, uint64_t *version)
{
    return pawl_watch_wait_until(w, value, version, PAWL_NEVER);
}

enum pawl_poll pawl_watch_wait_poll(struct pawl_watch *w, void *value, uint64_t *version, struct pawl_wait *wait,
                                    struct pawl_context *cx, int *status)
{
    *status = -EINVAL;
    if (w == NULL || version == NULL)
        return PAWL_READY;
    struct wait request = wait_for_version(w, value, version);
    return pawl__wait_poll(wait, &request, cx, status);
}
