/* Standard output: whole lines, gathered and written in large pieces.
 *
 * Threads: any. Blocks: a caller whose line fills the buffer writes it out, and the others wait for it: whoever reads
 * too slowly holds the run back, and memory stays bounded. The first error is kept and reported once, by the owner. */
#ifndef PAWL_SUM_OUTPUT_H
#define PAWL_SUM_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>

#include "text.h"

struct output {
    bool terminal; /* constant: show lines at once */
    pthread_mutex_t lock;
    /* under lock: */
    struct text pending;
    int error; /* a negative errno, after which lines are dropped */
};

void output_init(struct output *output);
void output_fini(struct output *output);

/* 0, or the error that ended output. */
int output_lines(struct output *output, const struct text *lines);
int output_flush(struct output *output);

/* Flushes and closes standard output, which is when some file systems tell of a full disk. */
int output_close(struct output *output);

#endif
