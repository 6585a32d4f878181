#include "sched/current.h"

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

uintptr_t pawl__current_name(void)
{
    struct current *current = thread_current;
    return current != NULL && current->task != NULL ? (uintptr_t)current->task : (uintptr_t)&thread_current;
}
