/* Switching between a worker's own stack and a task's, and telling the sanitizers and valgrind.
 *
 * A task is resumed from its worker's own stack (the home stack) and leaves back to the home stack of whichever worker
 * resumed it last. The switch itself is Boost.Context's.
 *
 * Threads: a stack is used by one thread at a time; the hand-over is made by the task's state word (sched/task.h). */
#ifndef PAWL_SCHED_CONTEXT_H
#define PAWL_SCHED_CONTEXT_H

#include <stddef.h>

/* What the home stack is to do with the task that left. */
enum context_reason { CONTEXT_SUSPENDED, CONTEXT_YIELDED, CONTEXT_FINISHED };

typedef void context_fn(void *arg);

/* What the sanitizers and valgrind want to know of a stack; unused in other builds. */
struct context_shadow {
    void *fiber;       /* ThreadSanitizer's, of the stack */
    void *home_fiber;  /* of the home stack that resumed it */
    void *fake_stack;  /* AddressSanitizer's, saved while away */
    const void *home_bottom;
    size_t home_size;
    unsigned valgrind_number;
};

struct context {
    void *suspended; /* where the stack goes on when resumed */
    void *home;      /* where the home stack goes on */
    char *bottom;    /* lowest usable byte */
    size_t size;
    context_fn *fn;
    void *arg;
    struct context_shadow shadow;
};

/* bottom and size: the stack's usable memory. */
void pawl__context_init(struct context *context, char *bottom, size_t size);
void pawl__context_fini(struct context *context);

/* Makes the next resume start fn(arg) on the empty stack; fn must end with context_leave(CONTEXT_FINISHED). */
void pawl__context_prepare(struct context *context, context_fn *fn, void *arg);

/* From the home stack: runs the task until it leaves. */
enum context_reason pawl__context_resume(struct context *context);

/* From the task's stack. Returns when resumed, perhaps on another thread; never for CONTEXT_FINISHED. */
void pawl__context_leave(struct context *context, enum context_reason reason);

#endif
