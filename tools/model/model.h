/* pawl-model: a model checker for C atomics.
 *
 * A scenario is a function that starts one to seven threads, two or three mostly. The checker runs it again and again,
 * through every execution that the memory model allows: every order of its operations, every store that a load may
 * return. What it finds is printed a step a line, with a string that reruns exactly that execution.
 *
 * Model: RC11 (Lahav et al., Repairing Sequential Consistency in C/C++11, PLDI 2017), with the release sequences of
 * C++20: a store and the read-modify-writes that follow on it, no later store of the same thread. A load never sees a
 * store that itself depends on the load, or that is seen in a circle of such ("load buffering": C11 and some machines
 * allow it, this model does not). Light and heavy fences are P1202's: a pair orders as two sequentially consistent
 * fences do, atomic accesses only, if one of the two is heavy; two light ones order nothing. No pair of a
 * light and a heavy one makes plain data safe.
 *
 * Search: each execution graph once (Kokologiannakis et al., Truly Stateless, Optimal Dynamic Partial Order Reduction,
 * POPL 2022), so that orders of independent steps cost nothing. What threads may do without atomics takes effect in an
 * order that the graph fixes; an unordered pair of plain accesses is reported as a data race (vector clocks).
 *
 * What it sees. Sources compiled with gcc -fsanitize=thread (clang makes weak compare-exchanges strong), whose calls
 * come here instead of to ThreadSanitizer: C11 atomics and plain accesses alike. Of the C library and the kernel:
 * pthread threads, mutexes and condition variables; malloc and its like; futex, membarrier, eventfd, timerfd, epoll,
 * poll; CLOCK_MONOTONIC, which is virtual. A wait with a timeout may expire at any point, as often as the scenario
 * allows. Everything else that a scenario calls must depend on nothing but its arguments.
 *
 * What it reports: failed assertions, data races, deadlocks and lost wake-ups (every thread waits), endless loops,
 * leaks, double frees, uses after free, crashes.
 *
 * Threads: everything is called from a scenario's threads. Memory: static data is put back before each execution. */
#ifndef PAWL_MODEL_MODEL_H
#define PAWL_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum model_verdict {
    MODEL_CLEAN,    /* nothing found */
    MODEL_ASSERT,   /* an assertion failed, or abort was called */
    MODEL_RACE,     /* two accesses, not both atomic, one a write, unordered */
    MODEL_DEADLOCK, /* no thread can go on */
    MODEL_LIVELOCK, /* a thread takes more steps than the limit, or spins on what nobody will change */
    MODEL_LEAK,     /* memory that is still allocated at the end */
    MODEL_MEMORY,   /* use after free, double free, free of what is not allocated */
    MODEL_CRASH     /* a signal */
};

struct model_scenario {
    const char *name;
    const char *about;             /* one line */
    void (*run)(void);             /* thread 0; the execution ends when all threads have returned */
    enum model_verdict expect;     /* the search must end with this */
    const char *const *outcomes;   /* NULL, or exactly the strings that model_outcome is to have recorded; NULL ends */
    unsigned bound;                /* 0: complete; else the number of steps that may differ from the default schedule */
    unsigned spurious;             /* spurious wake-ups and weak compare-exchange failures a thread, at most */
    unsigned pauses;               /* a thread, at most; see model_pause */
    unsigned expirations;          /* waits with a timeout that expire, a thread, at most; later ones wait for ever */
};

/* The command line of a program of scenarios, NULL at the end; see --help. Returns the exit status: 0 if each scenario
 * ended as it expects. */
int model_main(int argc, char **argv, const struct model_scenario *const *scenarios);

/* Starts a thread; what the caller did before is visible to it. At most seven. */
unsigned model_spawn(void (*fn)(void *), void *arg);

/* Waits for a thread's end. */
void model_join(unsigned thread);

/* Explores all values below `count`. The first one is the default. */
unsigned model_choose(unsigned count);

/* In a loop that does nothing but wait for another thread's store: says that another round without one is pointless.
 * What the caller would do next without such a store is not explored, so only for loops that end in no other way. A
 * round must look at all that it waits for, and store nothing: of a round that stores, say model_pause. */
void model_yield(void);

/* In a loop that stores something itself: lets all other threads go first. A thread may do so as often as the scenario
 * allows (pauses); executions in which it does so more often are left out, and the search is not called complete. */
void model_pause(void);

/* Moves the virtual clock forward. */
void model_time_advance(uint64_t ns);
uint64_t model_time(void);

/* Records what this execution came to; see model_scenario.outcomes. */
void model_outcome(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the search with MODEL_ASSERT. */
_Noreturn void model_fail(const char *file, int line, const char *sentence);

#define MODEL_ASSERT(condition) ((condition) ? (void)0 : model_fail(__FILE__, __LINE__, "not true: " #condition))

/* Fences that come in pairs: a light one is no more than a compiler's. */
void model_fence_light(void);
void model_fence_heavy(void);

#ifdef __cplusplus
}
#endif

#endif
