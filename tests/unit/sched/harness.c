#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/wait.h"

/* ---- checks ---- */

static PAWL_ATOMIC(uint32_t) failures;
static char first_failure[512]; /* written by whoever counts the first */

static void note(const char *file, int line, const char *claim, const char *values)
{
    if (fetch_add_acq_rel_u32(&failures, 1) == 0)
        snprintf(first_failure, sizeof first_failure, "%s:%d: not true: %s%s", file, line, claim, values);
}

void check(const char *file, int line, const char *claim, bool holds)
{
    if (!holds)
        note(file, line, claim, "");
}

void check_equal(const char *file, int line, const char *claim, long long a, long long b)
{
    char values[64];
    if (a == b)
        return;
    snprintf(values, sizeof values, " (%lld, %lld)", a, b);
    note(file, line, claim, values);
}

void expect_no_failure(void)
{
    cr_assert_eq(load_acquire_u32(&failures), 0, "%s", first_failure);
}

/* ---- events ---- */

void event_set(struct event *event)
{
    store_release_u32(&event->happened, 1);
    pawl__wake_all(&event->happened);
}

bool event_is_set(const struct event *event)
{
    return load_acquire_u32(&event->happened) != 0;
}

bool count_wait(PAWL_ATOMIC(uint32_t) *word, uint32_t least)
{
    uint64_t deadline_ns = in_ns(PATIENCE_NS);
    for (uint32_t seen; (seen = load_acquire_u32(word)) < least;) {
        /* whoever counts need not wake: looks again after a while */
        pawl__wait_on(word, seen, in_ns(PAWL_MS(1)));
        if (pawl_now(NULL) >= deadline_ns) {
            CHECK(load_acquire_u32(word) >= least);
            return false;
        }
    }
    return true;
}

bool event_wait(struct event *event)
{
    return count_wait(&event->happened, 1);
}

/* ---- runtimes, tasks, threads ---- */

struct pawl_runtime *start_with(const struct pawl_options *o)
{
    struct pawl_runtime *rt = NULL;
    cr_assert_eq(pawl_runtime_create(&rt, o), 0);
    return rt;
}

struct pawl_runtime *start(int workers)
{
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = workers;
    return start_with(&o);
}

void finish(struct pawl_runtime *rt)
{
    int error = pawl_runtime_destroy(rt);
    expect_no_failure();
    cr_assert_eq(error, 0, "destroy said %d", error);
}

void run(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg)
{
    cr_assert_eq(pawl_runtime_run(rt, fn, arg, NULL), 0);
}

struct pawl_task *spawn(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg)
{
    struct pawl_task *task = NULL;
    CHECK_EQ(pawl_spawn(rt, fn, arg, &task), 0);
    return task;
}

void *join(struct pawl_task *task)
{
    void *result = NULL;
    CHECK_EQ(pawl_join(task, &result), 0);
    return result;
}

pthread_t thread_start(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, fn, arg), 0);
    return thread;
}

void thread_join(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

void *return_arg(void *arg)
{
    return arg;
}

void *wait_for_event(void *arg)
{
    event_wait(arg);
    return arg;
}

void *sleep_for_ever(void *arg)
{
    (void)arg;
    return pointer_of(pawl_sleep_until(PAWL_NEVER));
}

uint64_t in_ns(uint64_t duration_ns)
{
    return pawl_saturating_add(pawl_now(NULL), duration_ns);
}

void spin_until(uint64_t deadline_ns)
{
    while (pawl_now(NULL) < deadline_ns) {
    }
}

/* ---- the allocator ---- */

static void *allocate(void *context, size_t size, size_t alignment)
{
    struct counting_allocator *allocator = context;
    uint64_t number = fetch_add_acq_rel_u64(&allocator->allocations, 1) + 1;
    uint64_t fail_from = load_acquire_u64(&allocator->fail_from);
    if (fail_from != 0 && number >= fail_from && number - fail_from < load_acquire_u64(&allocator->fail_count))
        return NULL;
    void *memory = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (memory == NULL)
        return NULL;
    fetch_add_acq_rel_u64(&allocator->live, 1);
    fetch_add_acq_rel_u64(&allocator->live_bytes, size);
    return memory;
}

static void release(void *context, void *memory, size_t size, size_t alignment)
{
    struct counting_allocator *allocator = context;
    CHECK((uintptr_t)memory % alignment == 0);
    fetch_add_acq_rel_u64(&allocator->live, UINT64_MAX);
    fetch_add_acq_rel_u64(&allocator->live_bytes, -(uint64_t)size);
    free(memory);
}

void counting_options(struct counting_allocator *allocator, struct pawl_options *o)
{
    pawl_options_init(o);
    o->workers = 2;
    o->allocator = (struct pawl_allocator){.alloc = allocate, .free = release, .context = allocator};
}
