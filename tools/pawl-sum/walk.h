/* Finds the files under every PATH and spawns a task for each.
 *
 * Model: a stack of directories that wait to be read, and walkers, which are tasks: each takes the directory put there
 * last, reads it, spawns its files and puts its directories on the stack; when the stack is empty, the next PATH; when
 * there is none, it ends. A walker that leaves more than one directory starts another walker, up to a bound, so that
 * many workers are not fed by one.
 *
 * Bounds: a walker suspends while all permits of sum->window are out, with its place in the directory kept, so that
 * files take memory only while they are being summed. Directories that wait take their names' memory. One descriptor
 * a walker, whatever the depth. */
#ifndef PAWL_SUM_WALK_H
#define PAWL_SUM_WALK_H

#include <pthread.h>

#include "gate.h"

/* Permits are taken so many at a time: a walker that waits is woken for a batch of files, not for each. */
#define WALK_PERMITS 16

struct sum;
struct place;

struct walk {
    unsigned walkers_max; /* constant */
    struct gate done;     /* opened by the last walker */
    pthread_mutex_t lock;
    /* under lock: */
    struct place *stack;
    int path_next;
    unsigned walkers;
};

void walk_init(struct walk *walk, unsigned walkers_max);
void walk_fini(struct walk *walk);

/* In a task: walks every PATH; suspends until all files found have been dealt with. */
void walk_run(struct sum *sum);

#endif
