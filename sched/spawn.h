/* Making tasks. */
#ifndef PAWL_SCHED_SPAWN_H
#define PAWL_SCHED_SPAWN_H

#include "sched/runtime.h"

/* May the caller, whose runtime is this one (inside) or not, give it something new to do? */
static inline bool runtime_accepts(const struct pawl_runtime *rt, bool inside)
{
    return PAWL_LIKELY(runtime_phase(rt) < (inside ? PHASE_CANCELLING : PHASE_DRAINING));
}

/* A task that is not running yet and that nobody else knows. worker: the calling one, or NULL; o NULL: defaults.
 * -EINVAL, -ENOMEM, -EAGAIN. It is to be started or discarded. */
int pawl__task_create(struct pawl_runtime *rt, struct worker *worker, const struct pawl_task_options *o,
                      pawl_task_fn *fn, void *arg, struct pawl_task **out);
void pawl__task_discard(struct pawl_runtime *rt, struct pawl_task *task);

/* Starts it, detached, whatever the phase: what was accepted is called. */
void pawl__task_start(struct pawl_runtime *rt, struct pawl_task *task);

#endif
