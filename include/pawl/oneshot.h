/* Oneshot: hands over one pointer, once.
 *
 * Threads, suspends, memory, errors: as mutex.h. One sends, one receives; whoever received may fini it.
 * Visible: what was written before send, to who receives. */
#ifndef PAWL_ONESHOT_H
#define PAWL_ONESHOT_H

#include <pawl/base.h>
#include <pawl/wait.h>

PAWL_BEGIN_DECLS

struct pawl_oneshot {
    uint64_t pawl_private[6];
};

/* Zeroed memory is one that is empty too. */
#define PAWL_ONESHOT_INITIALIZER                                                                                       \
    {                                                                                                                  \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

PAWL_API int pawl_oneshot_init(struct pawl_oneshot *o);

/* -EBUSY: somebody waits. A value that was not received is the caller's to look after. */
PAWL_API int pawl_oneshot_fini(struct pawl_oneshot *o);

/* Never waits. -EALREADY: there was a value before; -EPIPE: it is closed. */
PAWL_API int pawl_oneshot_send(struct pawl_oneshot *o, void *value);

/* Takes the value. *value may be NULL if it does not matter. -EPIPE: it is closed and empty, or was received before. */
PAWL_API int pawl_oneshot_receive(struct pawl_oneshot *o, void **value);
PAWL_API int pawl_oneshot_receive_until(struct pawl_oneshot *o, void **value, uint64_t deadline_ns);
PAWL_API enum pawl_poll pawl_oneshot_receive_poll(struct pawl_oneshot *o, void **value, struct pawl_wait *wait,
                                                  struct pawl_context *cx, int *status);

/* -EAGAIN: there is none yet. */
PAWL_API int pawl_oneshot_try_receive(struct pawl_oneshot *o, void **value);

/* No value is sent any more: by the receiver that does not want one, or the sender that has none. One that was sent can
 * still be received. Twice: nothing. */
PAWL_API void pawl_oneshot_close(struct pawl_oneshot *o);

PAWL_END_DECLS

#endif
