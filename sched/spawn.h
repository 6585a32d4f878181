/* Making tasks. */
#ifndef PAWL_SCHED_SPAWN_H
#define PAWL_SCHED_SPAWN_H

#include "sched/runtime.h"

/* May the caller give this runtime something new to do? -ESHUTDOWN: not any more. */
int pawl__accepts(struct pawl_runtime *rt);

/* A task that is not running yet and that nobody else knows; its one reference is the runtime's. o NULL: defaults.
 * -EINVAL, -ENOMEM, -EAGAIN. It is to be started or discarded. */
int pawl__task_create(struct pawl_runtime *rt, const struct pawl_task_options *o, pawl_task_fn *fn, void *arg,
                      struct pawl_task **out);
void pawl__task_discard(struct pawl_runtime *rt, struct pawl_task *task);

/* Starts it, whatever the phase: what was accepted is called. */
void pawl__task_start(struct pawl_runtime *rt, struct pawl_task *task);

#endif
