/* Wakers: what makes a suspended task runnable again, from anywhere.
 *
 * A waker is two words that may be copied; copying owns nothing. pawl_self_waker and pawl_waker_clone each owe one
 * pawl_waker_drop. A waker may outlive its task and its runtime and is inert then. */
#ifndef PAWL_POLL_H
#define PAWL_POLL_H

#include <pawl/base.h>

PAWL_BEGIN_DECLS

struct pawl_context;

enum pawl_poll { PAWL_PENDING, PAWL_READY };

struct pawl_waker {
    uintptr_t pawl_private[4];
};

/* *out wakes what w wakes. */
PAWL_API void pawl_waker_clone(struct pawl_waker *out, const struct pawl_waker *w);

/* Wakes; does not consume. What the caller wrote before is visible to the woken task. NULL: nothing. */
PAWL_API void pawl_waker_wake(const struct pawl_waker *w);

/* Gives the waker up. NULL: nothing. */
PAWL_API void pawl_waker_drop(struct pawl_waker *w);

PAWL_END_DECLS

#endif
