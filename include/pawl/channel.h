/* Channels: queues of items, by value, from many senders to many receivers.
 *
 * Model: first in, first out; who waits is served in the order of asking. capacity 0: a rendezvous, send returns when the
 *     item was received; PAWL_UNBOUNDED: send never waits, memory is the limit. Closed, it takes no more items, and
 *     gives out those it has.
 * Threads: tasks and plain threads alike, any number on both sides.
 * Suspends: send and receive do; -EDEADLK from a timer callback, where the try_ forms work.
 * Memory: the channel's own, from malloc. Items are copied in and out; what they point to is the callers' business. It
 *     may be destroyed by whoever was served last, as soon as its call returned.
 * Errors: every waiting call has those of task.h; after one the item was not sent, or none was received. What can be done
 *     at once is done whatever the deadline.
 * Visible: what was written before a send, to who receives that item. */
#ifndef PAWL_CHANNEL_H
#define PAWL_CHANNEL_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

#define PAWL_UNBOUNDED SIZE_MAX

struct pawl_channel;

/* -EINVAL: item_size is 0, or capacity * item_size does not fit into memory; -ENOMEM. */
PAWL_API int pawl_channel_create(struct pawl_channel **out, size_t capacity, size_t item_size);

/* Items that are left are forgotten. Nobody may be in a waiting call on it, but those that were served: a debug build of
 * the library aborts if somebody waits. NULL: nothing. */
PAWL_API void pawl_channel_destroy(struct pawl_channel *c);

/* Waits for room. -EPIPE: it is closed; -ENOMEM: unbounded, and there is no memory. */
PAWL_API int pawl_channel_send(struct pawl_channel *c, const void *item);
PAWL_API int pawl_channel_send_until(struct pawl_channel *c, const void *item, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_channel_send_poll(struct pawl_channel *c, const void *item, struct pawl_wait *wait,
                                               struct pawl_context *cx, int *status);

/* -EAGAIN: it is full; of capacity 0: nobody waits for an item. */
PAWL_API int pawl_channel_try_send(struct pawl_channel *c, const void *item);

/* Waits for an item. -EPIPE: it is closed and empty. */
PAWL_API int pawl_channel_receive(struct pawl_channel *c, void *item);
PAWL_API int pawl_channel_receive_until(struct pawl_channel *c, void *item, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_channel_receive_poll(struct pawl_channel *c, void *item, struct pawl_wait *wait,
                                                  struct pawl_context *cx, int *status);

/* -EAGAIN: it is empty; of capacity 0: nobody waits with an item. */
PAWL_API int pawl_channel_try_receive(struct pawl_channel *c, void *item);

/* Senders that wait, and all that come later, get -EPIPE; receivers when it is empty. Twice: nothing. */
PAWL_API void pawl_channel_close(struct pawl_channel *c);

/* Items in it as of now, without those of senders that wait. */
PAWL_API size_t pawl_channel_length(const struct pawl_channel *c);

PAWL_END_DECLS

#endif
