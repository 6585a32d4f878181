/* Adds up how many files and bytes there are, ahead of those who sum them. Errors are theirs to report. */
#ifndef PAWL_SUM_SCOUT_H
#define PAWL_SUM_SCOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct scout {
    const struct options *options;
    const _Atomic int *stop; /* of the run */
    _Atomic bool ended;      /* nobody needs it any more */
    _Atomic uint64_t files;
    _Atomic uint64_t bytes;
    _Atomic bool complete; /* released after the counts are */
};

void scout_init(struct scout *scout, const struct options *options, const _Atomic int *stop);

/* A pawl_task_fn that blocks; its argument is the scout. */
void *scout_run(void *arg);

/* Makes scout_run return soon. */
void scout_end(struct scout *scout);

#endif
