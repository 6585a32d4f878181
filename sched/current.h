/* Who is calling: the thread's place in a runtime.
 *
 * The one mutable thread-local of the library. A task may find itself on another thread after a suspension, and the
 * compiler may not keep the address of the old one: so it is read by instructions of our own, or by a function that is
 * not inlined. */
#ifndef PAWL_SCHED_CURRENT_H
#define PAWL_SCHED_CURRENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pawl_runtime;
struct pawl_task;
struct worker;

/* Calls that a worker's task may make without looking round. A fork empties it: in a child every call looks. */
struct budget {
    int32_t left;
    int32_t full; /* what a task begins with */
};

struct current {
    struct pawl_runtime *runtime;
    struct worker *worker;  /* NULL: a blocking thread */
    struct pawl_task *task; /* running now, or NULL */
    struct budget *budget;  /* of a worker */
    bool in_callback;       /* a timer callback may be running */
    bool in_poll;           /* the task is stackless */
};

/* NULL: a thread of no runtime. */
#ifdef __x86_64__
extern _Thread_local struct current *pawl__thread_current;

static inline struct current *pawl__current(void)
{
    struct current *current;
    __asm__ volatile("movq pawl__thread_current@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:(%0), %0"
                     : "=r"(current)
                     :
                     : "memory");
    return current;
}
#else
struct current *pawl__current(void);
#endif

void pawl__current_set(struct current *current);

/* Names the calling task or, outside of one, the calling thread; never 0. Another may get the name after its end. */
uintptr_t pawl__current_name(void);

/* The calling task, or NULL. */
static inline struct pawl_task *current_task(void)
{
    struct current *current = pawl__current();
    return current == NULL ? NULL : current->task;
}

/* false: suspending calls return -EDEADLK. */
static inline bool current_may_suspend(const struct current *current)
{
    return current == NULL || !(current->in_callback || current->in_poll);
}

/* The worker of `runtime` that is calling, or NULL. */
static inline struct worker *current_worker_of(const struct pawl_runtime *runtime)
{
    struct current *current = pawl__current();
    return current == NULL || current->runtime != runtime ? NULL : current->worker;
}

#endif
