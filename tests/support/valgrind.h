/* What a test does otherwise under valgrind, which runs one thread at a time and each about thirty times slower. */
#ifndef TESTS_SUPPORT_VALGRIND_H
#define TESTS_SUPPORT_VALGRIND_H

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0 /* built without its header: nothing tells */
#endif

/* Of rounds in which threads wait for each other by spinning: under valgrind one takes milliseconds, since a thread
 * runs for 100,000 blocks before the next gets its turn. Threads never truly meet there: a few show as much as many. */
#define SPINNING_ROUNDS(usual) (RUNNING_ON_VALGRIND ? (usual) / 100 : (usual))

#endif
