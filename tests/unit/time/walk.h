/* How long a random walk is, and which: PAWL_OPERATIONS and PAWL_SEED of the environment, else the caller's own and 1.
 *
 * Memory: none. Errors: what is no number counts as 0. */
#ifndef PAWL_TESTS_WALK_H
#define PAWL_TESTS_WALK_H

#include <stdint.h>
#include <stdlib.h>

#include "tests/support/valgrind.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WALK_IS_SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WALK_IS_SLOW 1
#endif
#endif
#ifndef WALK_IS_SLOW
#define WALK_IS_SLOW RUNNING_ON_VALGRIND
#endif

static inline uint64_t walk_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static inline uint64_t walk_seed(void)
{
    return walk_number("PAWL_SEED", 1);
}

/* usual: a second's worth; a tenth of it where everything takes longer. */
static inline uint64_t walk_operations(uint64_t usual)
{
    return walk_number("PAWL_OPERATIONS", WALK_IS_SLOW ? usual / 10 : usual);
}

#endif
