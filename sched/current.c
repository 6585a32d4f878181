#include "sched/current.h"

_Thread_local struct current *pawl__thread_current;

#ifndef __x86_64__
__attribute__((noinline)) struct current *pawl__current(void)
{
    /* keeps the compiler from seeing that two calls give the same */
    __asm__ volatile("");
    return pawl__thread_current;
}
#endif

void pawl__current_set(struct current *current)
{
    pawl__thread_current = current;
}

__attribute__((noinline)) uintptr_t pawl__current_name(void)
{
    struct current *current = pawl__current();
    return current != NULL && current->task != NULL ? (uintptr_t)current->task : (uintptr_t)&pawl__thread_current;
}
