/* Switching between stacks, and telling the sanitizers and valgrind.
 *
 * A stack is a worker's own (its home stack) or a task's. Whoever runs on one leaves it for another, which goes on
 * where it was left last, or begins. Only there is the former stack known to be left: it may be resumed elsewhere, or
 * used again, from then on. The switch itself is Boost.Context's.
 *
 * Threads: a stack is used by one thread at a time; the hand-over is made by the task's state word (sched/task.h). */
#ifndef PAWL_SCHED_CONTEXT_H
#define PAWL_SCHED_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef void context_fn(void *arg);

/* What the sanitizers and valgrind want to know of a stack; unused in other builds. */
struct context_shadow {
    void *fiber;      /* ThreadSanitizer's */
    void *fake_stack; /* AddressSanitizer's, saved while away */
    unsigned valgrind_number;
};

/* Zeroed: of a home stack. */
struct context {
    void *suspended;        /* where the stack goes on when resumed */
    struct context *former; /* left for this one */
    char *bottom;           /* lowest usable byte; of a home stack only the sanitizer knows it */
    size_t size;
    context_fn *fn;
    void *arg;
    struct context_shadow shadow;
};

/* bottom and size: the stack's usable memory. */
void pawl__context_init(struct context *context, char *bottom, size_t size);
void pawl__context_fini(struct context *context);

/* Makes the next switch to it start fn(arg) on the empty stack; fn must end with a switch for good. */
void pawl__context_prepare(struct context *context, context_fn *fn, void *arg);

/* Leaves the calling stack, which is `from`, for `to`. Returns when resumed, perhaps on another thread; if it was left
 * for good, never. */
void pawl__context_switch(struct context *from, struct context *to, bool for_good);

#endif
