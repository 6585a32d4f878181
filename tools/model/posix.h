/* What posix.c and kernel.c share: how a call of the C library comes to the checker. */
#ifndef PAWL_MODEL_POSIX_H
#define PAWL_MODEL_POSIX_H

#include <time.h>

#include "tools/model/checker.h"

#define PC __builtin_return_address(0)
#define SITE(text) {.what = text, .pc = PC}

/* The linker's --wrap=name makes callers of `name` call __wrap_name, which may call the real one. */
#define WRAP(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

/* Is this call a scenario's? */
static inline bool modelled(void)
{
    return checker != NULL && checker->running != NULL && !checker->inside;
}

static inline void enter(void)
{
    checker->inside = true;
}

static inline void leave(void)
{
    checker->inside = false;
}

static inline uint64_t ns_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

#endif
