/* What the parts of one run share.
 *
 * Model: walkers (walk.h) find files and spawn a task for each (file.h), which takes a hasher (hasher.h), reads and
 * sums the file, and reports (report.h). Two gates bound it all: `window` the file tasks in being, the hashers' gate
 * the files that are open. Nothing is cancelled from outside: whoever wants an end sets `stop`, everything looks at it
 * at its next step and gives back what it holds. */
#ifndef PAWL_SUM_SUM_H
#define PAWL_SUM_SUM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "console.h"
#include "gate.h"
#include "hasher.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "walk.h"

/* Values of `stop` besides the number of a signal. */
enum { STOP_NOT = 0, STOP_OUTPUT_FAILED = -1 };

struct sum {
    struct options options;
    int workers;
    uint64_t started_ns;
    _Atomic int stop;
    struct gate window;
    unsigned window_size;
    struct gate standard_input; /* one task reads it at a time */
    struct hashers hashers;
    struct walk walk;
    struct console console;
    struct output output;
    struct tally tally;
};

/* Relaxed: the flag carries no data, and being seen one file late does no harm. */
static inline bool sum_stopped(struct sum *sum)
{
    return atomic_load_explicit(&sum->stop, memory_order_relaxed) != STOP_NOT;
}

/* The first reason to stop stays. */
static inline void sum_stop(struct sum *sum, int reason)
{
    int none = STOP_NOT;
    atomic_compare_exchange_strong_explicit(&sum->stop, &none, reason, memory_order_relaxed, memory_order_relaxed);
}

#endif
