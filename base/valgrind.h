/* The room for valgrind: which memory is a stack, so that memcheck takes a jump to one for a switch and not for a frame
 * pushed or popped, whose memory would then be unknown to it. A few instructions that do nothing outside valgrind;
 * nothing at all in a build that does not find valgrind's header. */
#ifndef PAWL_BASE_VALGRIND_H
#define PAWL_BASE_VALGRIND_H

#include <stddef.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

/* The number under which the stack is to be forgotten. */
static inline unsigned valgrind_stack_add(char *bottom, size_t size)
{
#ifdef VALGRIND_STACK_REGISTER
    return (unsigned)VALGRIND_STACK_REGISTER(bottom, bottom + size - 1);
#else
    (void)bottom, (void)size;
    return 0;
#endif
}

static inline void valgrind_stack_forget(unsigned number)
{
#ifdef VALGRIND_STACK_REGISTER
    VALGRIND_STACK_DEREGISTER(number);
#else
    (void)number;
#endif
}

#endif
