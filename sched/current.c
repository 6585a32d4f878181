#include "sched/current.h"

#include <stddef.h>

static _Thread_local struct current *thread_current;

__attribute__((noinline)) struct current *pawl__current(void)
{
    /* keeps the compiler from seeing that two calls give the same */
    __asm__ volatile("");
    return thread_current;
}

void pawl__current_set(struct current *current)
{
    thread_current = current;
}

struct pawl_task *pawl__current_task(void)
{
    struct current *current = pawl__current();
    return current == NULL ? NULL : current->task;
}

struct worker *pawl__current_worker_of(const struct pawl_runtime *runtime)
{
    struct current *current = pawl__current();
    return current == NULL || current->runtime != runtime ? NULL : current->worker;
}
