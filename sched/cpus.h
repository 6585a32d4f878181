/* How many CPUs this process may use. */
#ifndef PAWL_SCHED_CPUS_H
#define PAWL_SCHED_CPUS_H

#include <pthread.h>

/* By affinity mask and cgroup quota (rounded up); at least 1. */
unsigned pawl__cpus_allowed(void);

/* Ties the thread to the index-th of the CPUs in the process's affinity mask, going round. */
void pawl__cpus_pin(pthread_t thread, unsigned index);

#endif
