#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ---- failing ---- */

_Noreturn void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("pawl-bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    _exit(1);
}

int bench_must(int result, const char *call)
{
    if (result < 0)
        bench_fail("%s: %s", call, strerror(-result));
    return result;
}

void *bench_allocate(long count, size_t size)
{
    void *memory = calloc((size_t)count, size);
    if (memory == NULL)
        bench_fail("no memory for %ld times %zu bytes", count, size);
    return memory;
}

long bench_n(const struct bench *b, long parts)
{
    if (b->n < parts)
        bench_fail("%s needs --n of at least %ld", b->workload->name, parts);
    return b->n / parts * parts;
}

/* ---- the machine ---- */

int64_t bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

void bench_sleep_until(int64_t instant)
{
    struct timespec t = {(time_t)(instant / NS_PER_S), (long)(instant % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        continue;
}

void bench_spin(int64_t ns)
{
    int64_t end = bench_now() + ns;
    while (bench_now() < end)
        continue;
}

static int64_t timeval_ns(struct timeval t)
{
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_usec * NS_PER_US;
}

int64_t bench_cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

static long context_switches_of(int whom)
{
    struct rusage usage;
    getrusage(whom, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

long bench_context_switches(void)
{
    return context_switches_of(RUSAGE_SELF);
}

long bench_context_switches_of_others(void)
{
    return context_switches_of(RUSAGE_SELF) - context_switches_of(RUSAGE_THREAD);
}

long bench_resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long pages = 0;
    if (statm == NULL || fscanf(statm, "%*d %ld", &pages) != 1)
        bench_fail("/proc/self/statm cannot be read");
    fclose(statm);
    return pages * sysconf(_SC_PAGESIZE);
}

/* ---- tasks ---- */

void *bench_on_worker(const struct bench *b, pawl_task_fn *fn, void *arg)
{
    void *result;
    MUST(pawl_runtime_run(b->runtime, fn, arg, &result));
    return result;
}

void bench_run_all(pawl_task_fn *fn, void *args, long count, size_t size)
{
    struct pawl_task **tasks = bench_allocate(count, sizeof(struct pawl_task *));
    for (long i = 0; i < count; i++)
        MUST(pawl_spawn(NULL, fn, (char *)args + (size_t)i * size, &tasks[i]));
    for (long i = 0; i < count; i++)
        MUST(pawl_join(tasks[i], NULL));
    free(tasks);
}

void bench_run_threads(pawl_task_fn *fn, void *args, int count, size_t size)
{
    pthread_t *threads = bench_allocate(count, sizeof *threads);
    for (int i = 0; i < count; i++)
        MUST(-pthread_create(&threads[i], NULL, fn, (char *)args + (size_t)i * size));
    for (int i = 0; i < count; i++)
        MUST(-pthread_join(threads[i], NULL));
    free(threads);
}

/* ---- a task on each worker ---- */

struct spread {
    pawl_task_fn *fn;
    int workers;
    _Atomic int here;
};

struct spread_task {
    struct spread *spread;
    void *arg;
};

/* Who waits here keeps its worker, so that the others are taken by other workers. */
static void *start_when_all_are_here(void *arg)
{
    const struct spread_task *task = arg;
    struct spread *spread = task->spread;
    atomic_fetch_add(&spread->here, 1);
    while (atomic_load(&spread->here) < spread->workers)
        continue;
    return spread->fn(task->arg);
}

void bench_run_on_each_worker(const struct bench *b, pawl_task_fn *fn, void *args, size_t size)
{
    struct spread spread = {.fn = fn, .workers = b->workers};
    struct spread_task *tasks = bench_allocate(b->workers, sizeof *tasks);
    for (int i = 0; i < b->workers; i++)
        tasks[i] = (struct spread_task){&spread, (char *)args + (size_t)i * size};
    bench_run_all(start_when_all_are_here, tasks, b->workers, sizeof *tasks);
    free(tasks);
}

/* ---- --check ---- */

struct bench_check bench_check;

void bench_tick_checked(void)
{
    atomic_fetch_add_explicit(&bench_check.count, 1, memory_order_relaxed);
}

void bench_expect(long count)
{
    if (!bench_check.on)
        return;
    long counted = atomic_exchange(&bench_check.count, 0);
    if (counted != count) {
        fprintf(stderr, "pawl-bench: %ld operations counted, %ld expected\n", counted, count);
        abort();
    }
}
