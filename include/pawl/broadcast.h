/* Broadcast: every receiver gets every item; a slow one loses the oldest and is told how many. Watch: only the latest
 * value counts.
 *
 * Threads: tasks and plain threads alike; a receiver belongs to one of them at a time.
 * Suspends: the receiving calls do; -EDEADLK from a timer callback. Sending never waits.
 * Memory: a broadcast's and a watch's own, from malloc; a receiver is the caller's. Items are copied.
 * Errors: as channel.h.
 * Visible: what was written before a send, to who receives that item or a later one. */
#ifndef PAWL_BROADCAST_H
#define PAWL_BROADCAST_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_broadcast;

/* Keeps the last `capacity` items. -EINVAL: capacity or item_size is 0, or their product does not fit; -ENOMEM. */
PAWL_API int pawl_broadcast_create(struct pawl_broadcast **out, size_t capacity, size_t item_size);

/* Nobody may be in a waiting call on it: a debug build of the library aborts if somebody waits. Its receivers are not to
 * be used any more. NULL: nothing. */
PAWL_API void pawl_broadcast_destroy(struct pawl_broadcast *b);

/* Never waits. -EPIPE: it is closed. */
PAWL_API int pawl_broadcast_send(struct pawl_broadcast *b, const void *item);

/* No more items; receivers get what they have not had yet, then -EPIPE. Twice: nothing. */
PAWL_API void pawl_broadcast_close(struct pawl_broadcast *b);

struct pawl_broadcast_receiver {
    uint64_t pawl_private[4];
};

/* Gets the items that are sent from now on. */
PAWL_API int pawl_broadcast_subscribe(struct pawl_broadcast *b, struct pawl_broadcast_receiver *r);

/* The next item. *missed, unless NULL, is how many were lost before it, because this receiver was too slow.
 * -EINVAL also: it has not subscribed (zeroed memory). -EPIPE: closed, and it has had them all. */
PAWL_API int pawl_broadcast_receive(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed);
PAWL_API int pawl_broadcast_receive_until(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed,
                                          uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_broadcast_receive_poll(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed,
                                                    struct pawl_wait *wait, struct pawl_context *cx, int *status);

/* -EAGAIN: none yet. */
PAWL_API int pawl_broadcast_try_receive(struct pawl_broadcast_receiver *r, void *item, uint64_t *missed);

struct pawl_watch;

/* initial: the first value, version 1. -EINVAL: item_size is 0; -ENOMEM. */
PAWL_API int pawl_watch_create(struct pawl_watch **out, const void *initial, size_t item_size);

/* Nobody may be in a waiting call on it: a debug build of the library aborts if somebody waits. NULL: nothing. */
PAWL_API void pawl_watch_destroy(struct pawl_watch *w);

/* A new value, and the next version. Never waits. -EPIPE: it is closed. */
PAWL_API int pawl_watch_send(struct pawl_watch *w, const void *value);

/* The latest value; *version, unless NULL, is its version. Never waits. */
PAWL_API int pawl_watch_read(struct pawl_watch *w, void *value, uint64_t *version);

/* Waits until the latest version is not *version, then copies it, and sets *version to it. Start with 0 to get what is
 * there. value may be NULL. -EPIPE: closed, and *version is the last one. */
PAWL_API int pawl_watch_wait(struct pawl_watch *w, void *value, uint64_t *version);
PAWL_API int pawl_watch_wait_until(struct pawl_watch *w, void *value, uint64_t *version, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_watch_wait_poll(struct pawl_watch *w, void *value, uint64_t *version,
                                             struct pawl_wait *wait, struct pawl_context *cx, int *status);

/* Twice: nothing. */
PAWL_API void pawl_watch_close(struct pawl_watch *w);

PAWL_END_DECLS

#endif
