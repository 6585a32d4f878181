/* Statistics, and the JSON lines. Their keys are those of the programs that Pawl is measured beside, so that one reader
 * takes all: a line is {"impl", "workload", "workers", "n", "unit", then the workload's figures}. */
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

static double median(const double *values, int count)
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

static void print_figure(const char *key, double value)
{
    printf(",\"%s\":%.5g", key, value);
}

static void print_values(const char *key, const double *values, int count)
{
    printf(",\"%s\":[", key);
    for (int i = 0; i < count; i++)
        printf("%s%.5g", i > 0 ? "," : "", values[i]);
    printf("]");
}

void bench_report(const struct bench *b, const char *unit, long n, const double *values, int count)
{
    print_head(b, n, unit);
    print_values("values", values, count);
    print_figure("median", median(values, count));
    printf("}\n");
}

void bench_skip_report(const char *workload, const char *why)
{
    printf("{\"impl\":\"" IMPL "\",\"workload\":\"%s\",\"skip\":\"%s\"}\n", workload, why);
}

void bench_idle_report(const struct bench *b, const double *cpu_ms, const double *context_switches)
{
    print_head(b, b->n, "cpu_ms");
    print_values("values", cpu_ms, b->reps);
    print_figure("median", median(cpu_ms, b->reps));
    print_figure("ctx_switches", median(context_switches, b->reps));
    printf("}\n");
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
    print_figure("p50", median(l->p50_us, count));
    print_figure("p99", median(l->p99_us, count));
    print_figure("p999", median(l->p999_us, count));
    print_figure("max", maximum(l->max_us, count));
    print_figure("cpu_ms", median(l->cpu_ms, count));
    if (per_timer)
        print_figure("cpu_ns_per_timer", median(l->cpu_ms, count) * NS_PER_MS / (double)n);
    print_values("p50s", l->p50_us, count);
    print_values("p99s", l->p99_us, count);
    print_values("cpu_mss", l->cpu_ms, count);
    printf("}\n");
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
    print_figure("median", median(f->longest_per_mean, count));
    print_figure("turns", median(f->turns_longest_per_mean, count));
    print_figure("mean_us", median(f->mean_us, count));
    print_figure("max_us", maximum(f->max_us, count));
    printf("}\n");
}
