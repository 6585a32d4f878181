/* What the tests of the public calls share: a runtime to test, events to wait for, and checks on other threads. */
#ifndef TESTS_UNIT_SCHED_HARNESS_H
#define TESTS_UNIT_SCHED_HARNESS_H

#include <criterion/criterion.h>
#include <errno.h>
#include <pawl/pawl.h>
#include <pthread.h>

#include "base/atomic.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Bound of every wait. Enough for a sanitizer on a loaded machine; that it passes is a failure. */
#define PATIENCE_NS PAWL_SEC(30)

/* A deadline that no test lives to see. */
#define HOUR_NS PAWL_SEC(3600)

/* A failing cr_assert jumps, which only the test's own thread may do. These note the first failure for `finish`. */
#define CHECK(condition) check(__FILE__, __LINE__, #condition, (condition))
#define CHECK_EQ(a, b) check_equal(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))
void check(const char *file, int line, const char *claim, bool holds);
void check_equal(const char *file, int line, const char *claim, long long a, long long b);

/* Fails the test if a check has failed. */
void expect_no_failure(void);

/* Something that happens once. Zeroed: not yet. Any thread sets it and waits for it; waiting blocks the thread. */
struct event {
    PAWL_ATOMIC(uint32_t) happened;
};

void event_set(struct event *event);
bool event_is_set(const struct event *event);

/* false, and a failed check: not in time. */
bool event_wait(struct event *event);

/* Until *word is at least `least`; written by store_release or fetch_add_acq_rel. */
bool count_wait(PAWL_ATOMIC(uint32_t) *word, uint32_t least);

/* A runtime with so many workers. */
struct pawl_runtime *start(int workers);
struct pawl_runtime *start_with(const struct pawl_options *o);

/* Destroys it and fails the test if a check has failed. */
void finish(struct pawl_runtime *rt);

/* Runs fn(arg) as a task and waits for it. */
void run(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg);

struct pawl_task *spawn(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg);
void *join(struct pawl_task *task);

pthread_t thread_start(void *(*fn)(void *), void *arg);
void thread_join(pthread_t thread);

/* Task functions. */
void *return_arg(void *arg);
void *wait_for_event(void *arg); /* struct event: keeps its worker until then */
void *sleep_for_ever(void *arg); /* returns the error, as a pointer */

static inline void *pointer_of(intptr_t value)
{
    return (void *)value;
}

/* An instant from now. */
uint64_t in_ns(uint64_t duration_ns);

/* Keeps the processor busy, to meet others at chosen moments of a race. */
void spin_until(uint64_t deadline_ns);

/* An allocator that counts, and fails on demand. */
struct counting_allocator {
    PAWL_ATOMIC(uint64_t) allocations, live, live_bytes;
    PAWL_ATOMIC(uint64_t) fail_from, fail_count; /* the fail_from-th call (from 1) and those after it fail; 0: none */
};

void counting_options(struct counting_allocator *allocator, struct pawl_options *o);

#endif
