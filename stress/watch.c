#include "watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stress/inspect.h"

#define RUNTIMES_MAX 16
#define LOOK_NS PAWL_MS(100)
#define PROGRESS_NS PAWL_SEC(2)

/* A round that runs this many times the patience over its end is stuck, although something moves. */
#define OVERDUE_FACTOR 5

struct stress_counter stress_counters[STRESS_COUNTERS_MAX];

/* Access: L(lock) under lock · A any thread, atomic · W the watchdog alone */
static struct watch {
    pthread_mutex_t lock;
    pthread_mutex_t reporting;
    const struct scenario *scenario;             /* L(lock); NULL between rounds */
    struct round round;                          /* L(lock) */
    struct pawl_runtime *runtimes[RUNTIMES_MAX]; /* L(lock) */
    _Atomic(const char *) phase;                 /* A */
    uint64_t stall_ns;                           /* C after start */
    uint64_t seen[STRESS_COUNTERS_MAX];          /* W */
    uint64_t moved_ns;                           /* W: when a counter last changed */
    uint64_t progress_ns;                        /* W: when the next line is due */
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER, .reporting = PTHREAD_MUTEX_INITIALIZER};

/* ---- counters ---- */

void stress_count_max(int counter, uint64_t value)
{
    _Atomic uint64_t *max = &stress_counters[counter].value;
    uint64_t seen = atomic_load_explicit(max, memory_order_relaxed);
    while (seen < value &&
           !atomic_compare_exchange_weak_explicit(max, &seen, value, memory_order_relaxed, memory_order_relaxed))
        continue;
}

void stress_phase(const char *phase)
{
    atomic_store(&watch.phase, phase);
}

void stress_wait_equal(int counter, int other, const char *phase)
{
    stress_phase(phase);
    while (counted(counter) != counted(other))
        stress_sleep(PAWL_US(500));
    stress_phase(NULL);
}

/* ---- what is watched ---- */

void watch_round(const struct scenario *scenario, const struct round *round)
{
    pthread_mutex_lock(&watch.lock);
    for (int i = 0; i < STRESS_COUNTERS_MAX; i++)
        atomic_store(&stress_counters[i].value, 0);
    watch.scenario = scenario;
    watch.round = *round;
    pthread_mutex_unlock(&watch.lock);
    stress_phase(NULL);
}

void watch_round_over(void)
{
    pthread_mutex_lock(&watch.lock);
    watch.scenario = NULL;
    pthread_mutex_unlock(&watch.lock);
}

static void replace_runtime(struct pawl_runtime *old, struct pawl_runtime *new)
{
    pthread_mutex_lock(&watch.lock);
    for (int i = 0; i < RUNTIMES_MAX; i++) {
        if (watch.runtimes[i] == old) {
            watch.runtimes[i] = new;
            break;
        }
    }
    pthread_mutex_unlock(&watch.lock);
}

void watch_runtime(struct pawl_runtime *rt)
{
    replace_runtime(NULL, rt);
}

void watch_forget(struct pawl_runtime *rt)
{
    replace_runtime(rt, NULL);
}

/* ---- reporting ---- */

static void print_runtimes(void)
{
    for (int i = 0; i < RUNTIMES_MAX; i++)
        if (watch.runtimes[i] != NULL)
            inspect_runtime(watch.runtimes[i]);
}

static void print_counters(const struct scenario *scenario)
{
    for (int i = 0; scenario->counters[i] != NULL; i++)
        fprintf(stderr, " %s %" PRIu64, scenario->counters[i], counted(i));
    fprintf(stderr, "\n");
}

void watch_report(const char *verdict, const char *sentence)
{
    pthread_mutex_lock(&watch.reporting); /* for good: the program ends */
    pthread_mutex_lock(&watch.lock);
    const struct scenario *scenario = watch.scenario;
    const char *phase = atomic_load(&watch.phase);
    fflush(stdout);
    fprintf(stderr, "%s: %s: %s\n", verdict, scenario != NULL ? scenario->name : "between rounds", sentence);
    if (scenario != NULL) {
        fprintf(stderr, "again: pawl-stress %s --seed %" PRIu64 " --workers %d --noise %u --rounds 1\n", scenario->name,
                watch.round.seed, watch.round.workers, watch.round.noise);
        if (phase != NULL)
            fprintf(stderr, "meanwhile: %s\n", phase);
        fprintf(stderr, "counters:");
        print_counters(scenario);
    }
    print_runtimes();
    pthread_mutex_unlock(&watch.lock);
}

/* ---- the watchdog ---- */

static bool counters_moved(void)
{
    bool moved = false;
    for (int i = 0; i < STRESS_COUNTERS_MAX; i++) {
        uint64_t value = counted(i);
        moved |= value != watch.seen[i];
        watch.seen[i] = value;
    }
    return moved;
}

static void print_progress(const struct scenario *scenario, uint64_t now_ns)
{
    if (now_ns < watch.progress_ns)
        return;
    watch.progress_ns = now_ns + PROGRESS_NS;
    fprintf(stderr, "%s:", scenario->name);
    print_counters(scenario);
}

static void *watch_counters(void *arg)
{
    bool terminal = isatty(STDERR_FILENO);
    for (;;) {
        stress_sleep(LOOK_NS);
        uint64_t now_ns = pawl_now(NULL);
        pthread_mutex_lock(&watch.lock);
        const struct scenario *scenario = watch.scenario;
        uint64_t until_ns = watch.round.until_ns;
        pthread_mutex_unlock(&watch.lock);
        if (scenario == NULL || counters_moved())
            watch.moved_ns = now_ns;
        if (scenario == NULL)
            continue;
        if (terminal)
            print_progress(scenario, now_ns);
        bool stalled = now_ns - watch.moved_ns >= watch.stall_ns;
        if (stalled || now_ns >= until_ns + OVERDUE_FACTOR * watch.stall_ns) {
            watch_report("STUCK", stalled ? "no counter has moved for too long" : "the round does not come to its end");
            abort();
        }
    }
    return arg;
}

void watch_start(uint64_t stall_ns)
{
    pthread_t thread;
    watch.stall_ns = stall_ns;
    watch.moved_ns = watch.progress_ns = pawl_now(NULL);
    stress_thread_start(&thread, watch_counters, NULL);
    pthread_detach(thread);
}
