/* Hardware counters, in user mode, of all threads that the process has when they are opened. Many virtual machines have
 * none, and some kernels keep them to the administrator. */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <stdint.h>

enum counter { COUNTER_CYCLES, COUNTER_CACHE_MISSES, COUNTERS };

#define COUNTED_THREADS_MAX 256

struct counters {
    int threads;
    int fds[COUNTED_THREADS_MAX][COUNTERS];
};

/* 0, or a negative errno: nothing is open, and nothing is read. */
int counters_open(struct counters *c);
void counters_close(struct counters *c);

/* The sums over the threads since they were opened; -EIO if a counter was not on all the time. */
int counters_read(const struct counters *c, uint64_t sums[COUNTERS]);

#endif
