/* Cancel tokens: tell everything that works on something to give it up. They form trees: cancelling a token cancels all
 * below it.
 *
 * Model: a token is a flag that is set once, with waiters. It cancels no task by itself: who cares asks, waits, or
 *     selects.
 * Threads: tasks and plain threads alike.
 * Suspends: wait does; -EDEADLK from a timer callback, where cancel works.
 * Memory: counted references; a child holds one of its parent.
 * Visible: what was written before the cancel, to who sees it. */
#ifndef PAWL_TOKEN_H
#define PAWL_TOKEN_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_token;

/* *out owes one pawl_token_drop. parent NULL: a root. The child of a cancelled token is cancelled. -ENOMEM. */
PAWL_API int pawl_token_create(struct pawl_token **out, struct pawl_token *parent);

/* One more reference; returns token. */
PAWL_API struct pawl_token *pawl_token_ref(struct pawl_token *token);

/* Gives a reference up. Cancels nothing. NULL: nothing. Who waits needs a reference for as long: a debug build of the
 * library aborts if the last one goes while somebody waits. */
PAWL_API void pawl_token_drop(struct pawl_token *token);

/* Cancels it and all below it; of those that another thread is cancelling at the same time, some may be cancelled by it
 * a moment later. Twice: nothing. */
PAWL_API void pawl_token_cancel(struct pawl_token *token);

/* false for NULL. */
PAWL_API bool pawl_token_cancelled(const struct pawl_token *token);

/* Until it is cancelled: 0. */
PAWL_API int pawl_token_wait(struct pawl_token *token);
PAWL_API int pawl_token_wait_until(struct pawl_token *token, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_token_wait_poll(struct pawl_token *token, struct pawl_wait *wait, struct pawl_context *cx,
                                             int *status);

PAWL_END_DECLS

#endif
