/* What the files of pawl-bench share.
 *
 * A workload is a function that measures repetitions and prints one JSON line. It runs on the main thread, which is no
 * worker; bench_on_worker takes it inside. Any call that fails ends the program: a figure of a failed run is no figure.
 *
 * Times are signed nanoseconds on CLOCK_MONOTONIC, read without the library's help. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <pawl/pawl.h>

#include "tools/arguments/arguments.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

#define REPS_MAX 64

/* How many tasks share the work of a timer workload, and how often each of them yields. */
#define TIMER_TASKS 64
#define OPERATIONS_PER_YIELD 128

struct bench;
typedef void workload_fn(const struct bench *b);

struct workload {
    const char *name;
    const char *about;
    workload_fn *run;
    long n_default;
};

struct bench {
    const struct workload *workload;
    struct pawl_runtime *runtime;
    int workers;
    int reps; /* counted ones; one more goes before them, to warm up */
    long n;   /* 0: neither given nor a default, the workload has several */
    int64_t seconds;
    uint64_t tick_ns; /* 0: the default */
    bool histogram;
};

workload_fn bench_spawn_join, bench_spawn_remote, bench_spawn_fan, bench_chain, bench_yield;
workload_fn bench_wake_latency;
workload_fn bench_timerq_churn, bench_timerq_churn_few, bench_timerq_tick;
workload_fn bench_timer_churn, bench_timer_churn_precise, bench_timer_reset, bench_timer_reset_precise;
workload_fn bench_timer_fire, bench_timer_remote, bench_timer_scale;
workload_fn bench_sleep_idle, bench_sleep_busy, bench_blocked_worker, bench_parallel_latency;
workload_fn bench_idle, bench_mem_task;
workload_fn bench_pingpong, bench_channel_spsc, bench_channel_mpmc, bench_select_many, bench_broadcast_fan;
workload_fn bench_mutex_uncontended, bench_mutex_uncontended_thread;
workload_fn bench_mutex_contended, bench_mutex_threads;
workload_fn bench_mutex_fair, bench_mutex_fair_threads;

/* ---- args.c ---- */

/* Fills *b but for its runtime, and bench_check, from the command line. DONE: --help, --list, or the name of a workload
 * that is not here (which prints a line that says so, and is no failure). */
enum arguments bench_parse(struct bench *b, int argc, char **argv, const struct workload *workloads);

/* ---- support.c ---- */

/* The result of a call, which must not be negative. */
#define MUST(call) bench_must((call), #call)
int bench_must(int result, const char *call);

/* Says why on standard error and ends the program with status 1, from any thread. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *bench_allocate(long count, size_t size);

/* n rounded down to a multiple of `parts`; at least one. */
long bench_n(const struct bench *b, long parts);

int64_t bench_now(void);
void bench_sleep_until(int64_t instant);
void bench_spin(int64_t ns);

/* The process's processor time, context switches and resident memory. */
int64_t bench_cpu_ns(void);
long bench_context_switches(void);
long bench_context_switches_of_others(void); /* of all threads but the calling one */
long bench_resident_bytes(void);

/* Runs fn as a task and waits for it. */
void *bench_on_worker(const struct bench *b, pawl_task_fn *fn, void *arg);

/* From a task: runs fn(args + i * size) for each i below count as a task of its own, and waits for all of them. */
void bench_run_all(pawl_task_fn *fn, void *args, long count, size_t size);

/* The same, as plain threads, from anywhere. */
void bench_run_threads(pawl_task_fn *fn, void *args, int count, size_t size);

/* The same, from a task, with one task on each worker at the start: all begin together. */
void bench_run_on_each_worker(const struct bench *b, pawl_task_fn *fn, void *args, size_t size);

/* With --check each operation calls bench_tick, and each repetition says how many there must have been. */
struct bench_check {
    bool on;
    _Atomic long count;
};
extern struct bench_check bench_check;
void bench_tick_checked(void);
void bench_expect(long count);

static inline void bench_tick(void)
{
    if (bench_check.on)
        bench_tick_checked();
}

/* xorshift64*, with the seeds that every program of the comparison uses. */
struct random {
    uint64_t state;
};

static inline struct random random_seeded(uint64_t index)
{
    return (struct random){(index + 1) * UINT64_C(0x9E3779B97F4A7C15)};
}

static inline uint64_t random_next(struct random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * UINT64_C(0x2545F4914F6CDD1D);
}

/* low <= result < high */
static inline int64_t random_between(struct random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(random_next(r) % (uint64_t)(high - low));
}

/* ---- report.c ---- */

double bench_median(const double *values, int count);

/* A line with one value a repetition and their median. */
void bench_report(const struct bench *b, const char *unit, long n, const double *values, int count);

/* The same line left open for more figures, which bench_report_end closes. */
void bench_report_begin(const struct bench *b, const char *unit, long n, const double *values, int count);
void bench_report_figure(const char *key, double value);
void bench_report_text(const char *key, const char *value);
void bench_report_end(void);

/* Measures the repetitions of rep, which does n operations, and reports ns per operation. */
void bench_throughput(const struct bench *b, long n, workload_fn *rep);

/* Samples are counted by their value rounded down to five significant bits. */
#define HISTOGRAM_STEPS 16 /* between a power of two and the next */
#define HISTOGRAM_SIZE ((64 - 3) * HISTOGRAM_STEPS)

/* Percentiles over the samples of a repetition, one entry a repetition, and the histogram of all samples. */
struct latency {
    int reps; /* with the warm-up */
    double p50_us[REPS_MAX], p99_us[REPS_MAX], p999_us[REPS_MAX], max_us[REPS_MAX], cpu_ms[REPS_MAX];
    long histogram[HISTOGRAM_SIZE];
};

/* Takes in a repetition's samples, in ns, and sorts them. The first repetition is the warm-up and is forgotten. */
void bench_latency_add(struct latency *l, int64_t *samples, long count, int64_t cpu_ns);

/* A line with the median of each percentile and the largest maximum. per_timer: processor time a sample as well. */
void bench_latency_report(const struct bench *b, const struct latency *l, long n, bool per_timer);

/* More figures of an open line: the medians of p50 and p99, and with --histogram the histogram. */
void bench_report_lateness(const struct bench *b, const struct latency *l);

/* How long acquisitions waited: by the clock, and in how many others got it meanwhile; one entry a repetition. */
struct fairness {
    int reps; /* with the warm-up */
    double longest_per_mean[REPS_MAX], turns_longest_per_mean[REPS_MAX], mean_us[REPS_MAX], max_us[REPS_MAX];
};

struct waits {
    long count;
    int64_t sum_ns, max_ns;
    int64_t sum_turns, max_turns;
};

/* Takes in a repetition's waits. The first repetition is the warm-up and is forgotten. */
void bench_fairness_add(struct fairness *f, const struct waits *waits);

/* A line with the medians over the repetitions, and the longest wait of all. */
void bench_fairness_report(const struct bench *b, const struct fairness *f, long n);

/* The line of a workload that is not here. */
void bench_skip_report(const char *workload, const char *why);

#endif
