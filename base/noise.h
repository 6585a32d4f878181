/* Schedule noise inside the library: marks between two steps of one thread where another may come in between.
 *
 * A mark is named for the edge, or the word, whose two steps it parts, so that a comment can be found by it: "idle.announce.asleep"
 * lies after the announcement of edge idle.announce. Marks lie in the .c files, never in an inline function.
 *
 * Compiled to nothing without PAWL_NOISE, and always under PAWL_MODEL: the model checker tries all schedules anyway.
 * Compiled in, a mark is one relaxed load until pawl_noise_start (include/pawl/testing.h) turns noise on.
 *
 * Threads: any. Blocks: the thread, for up to 100 us, also where a lock is held; never suspends a task. No ordering:
 * that a disturbed pass may cost a system call strengthens nothing that the code relies on, since most are not. */
#ifndef PAWL_BASE_NOISE_H
#define PAWL_BASE_NOISE_H

#if defined(PAWL_NOISE) && !defined(PAWL_MODEL)

#include "base/assert.h"
#include "base/atomic.h"

extern PAWL_ATOMIC(uint32_t) pawl__noise_per_mille;

void pawl__noise_pass(const char *mark);

#define noise_point(mark)                                                                                              \
    (PAWL_UNLIKELY(load_relaxed_u32(&pawl__noise_per_mille) != 0) /* relaxed: sooner or later */                       \
         ? pawl__noise_pass(mark)                                                                                      \
         : (void)0)

#else

#define noise_point(mark) ((void)0)

#endif
#endif
