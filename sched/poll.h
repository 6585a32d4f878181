/* One poll of a stackless task, and what becomes of its state. */
#ifndef PAWL_SCHED_POLL_H
#define PAWL_SCHED_POLL_H

#include "sched/runtime.h"

/* On the stack of the worker that polls. */
struct pawl_context {
    struct pawl_task *task;
    bool cancelled;
};

/* Polls the task, which has begun. true: it has ended. */
bool pawl__poll(struct pawl_task *task);

/* Gives a stackless task its state: the caller's or, if size is not 0, a copy of it. -ENOMEM. */
int pawl__poll_give_state(struct pawl_task *task, void *state, size_t size);

/* Frees the copy that did not fit into a stackless task's header. */
void pawl__poll_free_copy(struct pawl_task *task);

#endif
