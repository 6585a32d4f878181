/* Linked in place of functions of the library (--wrap) that the checker cannot take as they are. */
#define _GNU_SOURCE
#include <pthread.h>

#include "sched/current.h"
#include "sched/waiter.h"
#include "tools/model/model.h"

uintptr_t __wrap_pawl__current_name(void);
void __real_pawl__waiter_await_grant(struct waiter *waiter);
void __wrap_pawl__waiter_await_grant(struct waiter *waiter);

/* The library's takes a thread-local variable's address: all the checker's threads have theirs at the same one. */
uintptr_t __wrap_pawl__current_name(void)
{
    struct pawl_task *task = current_task();
    return task != NULL ? (uintptr_t)task : (uintptr_t)pthread_self() + 1;
}

/* For a task the library's naps, and looks again: so often is more than can be explored, and a round without a grant
 * pointless. A thread is woken. */
void __wrap_pawl__waiter_await_grant(struct waiter *waiter)
{
    if (waiter->task == NULL)
        __real_pawl__waiter_await_grant(waiter);
    while (waiter_outcome(waiter) == OUTCOME_NONE)
        model_yield();
}
