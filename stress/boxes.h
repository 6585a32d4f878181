/* Boxes: locks on the heap that are gone with their last reference.
 *
 * Who is granted one gives its reference up before it lets go, so that the next one granted may free it at once; but
 * of a closable one, which may end by itself, after. Who was not granted it leaves its reference to the director, that
 * is to be granted the box first. A shelf has one box at a time. */
#ifndef STRESS_BOXES_H
#define STRESS_BOXES_H

#include "stress.h"

enum box_kind { BOX_MUTEX, BOX_RWLOCK, BOX_SEMAPHORE, BOX_CLOSABLE, BOX_KINDS };

struct box {
    enum box_kind kind;
    union {
        struct pawl_mutex mutex;
        struct pawl_rwlock rwlock;
        struct pawl_semaphore semaphore;
    } u;
    _Atomic uint64_t refs;
    uint64_t value; /* guarded by it: how often it was let go of */
};

struct orphan;

struct shelf {
    pthread_mutex_t gate;   /* never held for long */
    struct box *box;        /* L(gate) with a reference, or NULL */
    struct orphan *orphans; /* L(gate) references that were given up */
};

struct box *box_create(struct random *r);
int box_lock(struct box *box, uint64_t deadline_ns);
enum pawl_poll box_lock_poll(struct box *box, struct pawl_wait *wait, struct pawl_context *cx, int *status);

/* The caller holds the lock, and gives it and its reference up. */
void box_leave(struct box *box);

/* The caller does not hold it, and gives its reference up. */
void box_abandon(struct shelf *shelf, struct box *box);

void shelf_init(struct shelf *shelf);
void shelf_fini(struct shelf *shelf);

/* The box, with a reference, or NULL. */
struct box *shelf_take(struct shelf *shelf);

/* Another box, or NULL; the old one's reference is given up, and those that others left. By the director. */
void shelf_replace(struct shelf *shelf, struct box *box);

#endif
