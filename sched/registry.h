/* Registry: the runtimes that are alive in this process, so that a timer can be asked about that may have outlived its
 * runtime. The one thing that runtimes share.
 *
 * Threads: find in an RCU read section, in which the runtime found stays; add and remove by any. After remove and
 * pawl__rcu_synchronize nobody has it. Blocks: add and remove, on the registry's lock, a leaf. */
#ifndef PAWL_SCHED_REGISTRY_H
#define PAWL_SCHED_REGISTRY_H

#include <stdint.h>

struct pawl_runtime;

/* Before add: makes the registry survive fork(2). Idempotent; 0 or -ENOMEM. */
int pawl__registry_init(void);

/* Makes the runtime, which has its id, findable. */
void pawl__registry_add(struct pawl_runtime *rt);
void pawl__registry_remove(struct pawl_runtime *rt);

/* NULL: no such runtime is alive. */
struct pawl_runtime *pawl__registry_find(uint64_t id);

/* Unique in the process, never 0. */
uint64_t pawl__registry_new_id(void);

#endif
