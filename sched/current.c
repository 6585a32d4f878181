#include "sched/current.h"

_Thread_local struct current *pawl__current_here;

__attribute__((noinline)) struct current *pawl__current(void)
{
    /* keeps the compiler from seeing that two calls give the same */
    __asm__ volatile("");
    return pawl__current_here;
}

void pawl__current_set(struct current *current)
{
    pawl__current_here = current;
}

uintptr_t pawl__current_name(void)
{
    struct current *current = pawl__current_here;
    return current != NULL && current->task != NULL ? (uintptr_t)current->task : (uintptr_t)&pawl__current_here;
}
