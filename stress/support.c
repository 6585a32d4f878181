#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"
#include "watch.h"

/* ---- failing ---- */

_Noreturn void stress_fail(const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    watch_report("FAILED", sentence);
    _exit(1);
}

static void report_fatal(void *context, const char *sentence)
{
    (void)context;
    watch_report("IMPOSSIBLE STATE", sentence);
}

/* ---- memory, threads, sleep ---- */

void *stress_allocate(size_t size)
{
    void *memory = calloc(1, size);
    CHECK(memory != NULL, "no memory for %zu bytes", size);
    return memory;
}

static uint64_t count_entries(const char *path)
{
    uint64_t entries = 0;
    DIR *directory = opendir(path);
    CHECK(directory != NULL, "%s cannot be read: %s", path, strerror(errno));
    while (readdir(directory) != NULL)
        entries++;
    closedir(directory);
    return entries;
}

uint64_t stress_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

uint64_t stress_threads(void)
{
    return count_entries("/proc/self/task");
}

static void expect(uint64_t (*look)(void), uint64_t expected, const char *what)
{
    uint64_t seen, give_up_ns = pawl_now(NULL) + PAWL_SEC(10);
    while ((seen = look()) != expected && pawl_now(NULL) < give_up_ns)
        stress_sleep(PAWL_MS(1));
    CHECK(seen == expected, "%" PRIu64 " %s, %" PRIu64 " before", seen, what, expected);
}

void stress_expect_descriptors(uint64_t expected)
{
    expect(stress_descriptors, expected, "descriptors");
}

void stress_expect_threads(uint64_t expected)
{
    expect(stress_threads, expected, "threads");
}

void stress_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    int error = pthread_create(thread, NULL, fn, arg);
    CHECK(error == 0, "no thread could be started: %s", strerror(error));
}

void stress_thread_join(pthread_t thread)
{
    int error = pthread_join(thread, NULL);
    CHECK(error == 0, "a thread could not be joined: %s", strerror(error));
}

void stress_sleep(uint64_t duration_ns)
{
    struct timespec left = {(time_t)(duration_ns / PAWL_SEC(1)), (long)(duration_ns % PAWL_SEC(1))};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* ---- ledgers ---- */

struct pawl_ledger *stress_ledger_create(uint64_t capacity)
{
    struct pawl_ledger *ledger = NULL;
    int result = pawl_ledger_create(&ledger, capacity);
    CHECK(result == 0, "no ledger of %" PRIu64 " items: %d", capacity, result);
    return ledger;
}

void stress_ledger_check(struct pawl_ledger *ledger, const char *what)
{
    char sentence[200];
    CHECK(pawl_ledger_check(ledger, sentence, sizeof sentence) == 0, "%s: %s", what, sentence);
    pawl_ledger_destroy(ledger);
}

/* ---- runtimes ---- */

void stress_options(struct pawl_options *o, const struct round *round)
{
    static const uint64_t ticks_ns[] = {32768, 32768, 1000, 1000000};
    struct random r = random_seeded(round->seed, UINT64_C(0x0B710A5));
    pawl_options_init(o);
    o->workers = round->workers;
    o->seed = random_next(&r) | 1;
    o->tick_ns = ticks_ns[random_below(&r, 4)];
    o->pin_workers = random_once_in(&r, 8);
    o->name = "stressed";
    o->hooks.fatal_error = report_fatal;
}

struct pawl_runtime *stress_runtime_create(const struct pawl_options *o)
{
    struct pawl_runtime *rt = NULL;
    int result = pawl_runtime_create(&rt, o);
    CHECK(result == 0 && rt != NULL, "pawl_runtime_create with %d workers returned %d", o->workers, result);
    watch_runtime(rt);
    return rt;
}

void stress_runtime_shutdown(struct pawl_runtime *rt, uint64_t grace_ns)
{
    int result;
    while ((result = pawl_runtime_shutdown(rt, grace_ns)) == -ETIMEDOUT)
        continue;
    CHECK(result == 0, "pawl_runtime_shutdown returned %d", result);
    CHECK(pawl_runtime_shutdown(rt, 0) == 0, "shutting down a second time did not return 0");
    watch_forget(rt);
}

void stress_runtime_destroy(struct pawl_runtime *rt)
{
    int result = pawl_runtime_destroy(rt);
    CHECK(result == 0, "pawl_runtime_destroy after shutdown returned %d", result);
}
