/* Statistics, and the JSON lines. Their keys are those of the programs that Pawl is measured beside, so that one reader
 * takes all: a line is {"impl", "workload", "workers", "n", "unit", then the workload's figures}. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define IMPL "pawl"

/* ---- statistics ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int compare_samples(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double bench_median(const double *values, int count)
{
    double sorted[REPS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_doubles);
    int middle = count / 2;
    return count % 2 != 0 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

static double maximum(const double *values, int count)
{
    double max = values[0];
    for (int i = 1; i < count; i++)
        max = values[i] > max ? values[i] : max;
    return max;
}

/* h[i] counts the samples from histogram_floor(i) to below histogram_floor(i + 1). */
static int histogram_index(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (int)value;
    int exponent = 63 - __builtin_clzll(value);
    return (exponent - 3) * HISTOGRAM_STEPS + (int)(value >> (exponent - 4)) % HISTOGRAM_STEPS;
}

static uint64_t histogram_floor(int index)
{
    if (index < HISTOGRAM_STEPS)
        return (uint64_t)index;
    return (uint64_t)(HISTOGRAM_STEPS + index % HISTOGRAM_STEPS) << (index / HISTOGRAM_STEPS - 1);
}

static double percentile_us(const int64_t *sorted, long count, double share)
{
    long index = (long)(share * (double)count);
    return (double)sorted[index < count ? index : count - 1] / NS_PER_US;
}

/* ---- lines ---- */

static void print_head(const struct bench *b, long n, const char *unit)
{
    printf("{\"impl\":\"" IMPL "\",\"workload\":\"%s\",\"workers\":%d,\"n\":%ld,\"unit\":\"%s\"", b->workload->name,
           b->workers, n, unit);
}

void bench_report_figure(const char *key, double value)
{
    printf(",\"%s\":%.5g", key, value);
}

void bench_report_text(const char *key, const char *value)
{
    printf(",\"%s\":\"%s\"", key, value);
}

void bench_report_end(void)
{
    printf("}\n");
}

static void print_values(const char *key, const double *values, int count)
{
    printf(",\"%s\":[", key);
    for (int i = 0; i < count; i++)
        printf("%s%.5g", i > 0 ? "," : "", values[i]);
    printf("]");
}

static void print_histogram(const struct latency *l)
{
    const char *comma = "";
    printf(",\"histogram\":[");
    for (int i = 0; i < HISTOGRAM_SIZE; i++) {
        if (l->histogram[i] == 0)
            continue;
        printf("%s[%" PRIu64 ",%ld]", comma, histogram_floor(i), l->histogram[i]);
        comma = ",";
    }
    printf("]");
}

void bench_report_begin(const struct bench *b, const char *unit, long n, const double *values, int count)
{
    print_head(b, n, unit);
    print_values("values", values, count);
    bench_report_figure("median", bench_median(values, count));
}

void bench_report(const struct bench *b, const char *unit, long n, const double *values, int count)
{
    bench_report_begin(b, unit, n, values, count);
    bench_report_end();
}

void bench_report_lateness(const struct bench *b, const struct latency *l)
{
    bench_report_figure("p50", bench_median(l->p50_us, l->reps - 1));
    bench_report_figure("p99", bench_median(l->p99_us, l->reps - 1));
    if (b->histogram)
        print_histogram(l);
}

void bench_skip_report(const char *workload, const char *why)
{
    printf("{\"impl\":\"" IMPL "\",\"workload\":\"%s\",\"skip\":\"%s\"}\n", workload, why);
}

/* ---- repetitions ---- */

void bench_throughput(const struct bench *b, long n, workload_fn *rep)
{
    double values[REPS_MAX];
    for (int r = 0; r <= b->reps; r++) {
        int64_t start = bench_now();
        rep(b);
        int64_t took = bench_now() - start;
        bench_expect(n);
        if (r > 0)
            values[r - 1] = (double)took / (double)n;
    }
    bench_report(b, "ns_per_op", n, values, b->reps);
}

void bench_latency_add(struct latency *l, int64_t *samples, long count, int64_t cpu_ns)
{
    int r = l->reps++ - 1;
    if (r < 0)
        return;
    for (long i = 0; i < count; i++)
        l->histogram[histogram_index(samples[i] > 0 ? (uint64_t)samples[i] : 0)]++;
    qsort(samples, (size_t)count, sizeof *samples, compare_samples);
    l->p50_us[r] = percentile_us(samples, count, 0.50);
    l->p99_us[r] = percentile_us(samples, count, 0.99);
    l->p999_us[r] = percentile_us(samples, count, 0.999);
    l->max_us[r] = percentile_us(samples, count, 1);
    l->cpu_ms[r] = (double)cpu_ns / NS_PER_MS;
}

void bench_latency_report(const struct bench *b, const struct latency *l, long n, bool per_timer)
{
    int count = l->reps - 1;
    print_head(b, n, "us");
    bench_report_figure("p50", bench_median(l->p50_us, count));
    bench_report_figure("p99", bench_median(l->p99_us, count));
    bench_report_figure("p999", bench_median(l->p999_us, count));
    bench_report_figure("max", maximum(l->max_us, count));
    bench_report_figure("cpu_ms", bench_median(l->cpu_ms, count));
    if (per_timer)
        bench_report_figure("cpu_ns_per_timer", bench_median(l->cpu_ms, count) * NS_PER_MS / (double)n);
    print_values("p50s", l->p50_us, count);
    print_values("p99s", l->p99_us, count);
    print_values("cpu_mss", l->cpu_ms, count);
    if (b->histogram)
        print_histogram(l);
    bench_report_end();
}

void bench_fairness_add(struct fairness *f, const struct waits *waits)
{
    int r = f->reps++ - 1;
    if (r < 0)
        return;
    double mean_ns = (double)waits->sum_ns / (double)waits->count;
    f->longest_per_mean[r] = (double)waits->max_ns / mean_ns;
    f->turns_longest_per_mean[r] = (double)waits->max_turns * (double)waits->count / (double)waits->sum_turns;
    f->mean_us[r] = mean_ns / NS_PER_US;
    f->max_us[r] = (double)waits->max_ns / NS_PER_US;
}

void bench_fairness_report(const struct bench *b, const struct fairness *f, long n)
{
    int count = f->reps - 1;
    print_head(b, n, "longest_per_mean");
    print_values("values", f->longest_per_mean, count);
    bench_report_figure("median", bench_median(f->longest_per_mean, count));
    bench_report_figure("turns", bench_median(f->turns_longest_per_mean, count));
    bench_report_figure("mean_us", bench_median(f->mean_us, count));
    bench_report_figure("max_us", maximum(f->max_us, count));
    printf("}\n");
}
