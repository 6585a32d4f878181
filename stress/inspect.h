/* What a runtime's workers are doing, for the report on a round in which nothing moves. */
#ifndef STRESS_INSPECT_H
#define STRESS_INSPECT_H

#include <pawl/runtime.h>

/* Prints on standard error the runtime's and each worker's state. The runtime is alive, and may be running: what is
 * read is a look from outside, no part of it at the same moment as another. Takes no lock. */
void inspect_runtime(struct pawl_runtime *rt);

#endif
