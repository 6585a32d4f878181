/* What the C and C++ programs beside pawl-bench share: its command line, its repetitions, its JSON lines. */
#ifndef BENCH_PEERS_PEER_H
#define BENCH_PEERS_PEER_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS 1000000
#define NS_PER_US 1000
#define REPS_MAX 64

struct peer {
    const char *impl, *workload;
    int workers, reps;
    long n; /* 0: the workload's default */
    bool check, histogram;
    int seconds; /* of a repetition of idle */
};

static struct peer peer = {NULL, NULL, 2, 5, 0, false, false, 3};
static long peer_count; /* of the operations of a repetition, with --check */

__attribute__((noreturn)) static inline void peer_fail(const char *what)
{
    fprintf(stderr, "%s %s: %s\n", peer.impl, peer.workload, what);
    exit(1);
}

__attribute__((noreturn)) static inline void peer_usage(void)
{
    fprintf(stderr, "usage: PROGRAM WORKLOAD [--workers W] [--n N] [--reps R] [--seconds S] [--histogram] [--check]\n");
    exit(2);
}

static inline long peer_number(const char *text, long max)
{
    char *end;
    errno = 0;
    long number = text == NULL ? 0 : strtol(text, &end, 10);
    if (text == NULL || *end != '\0' || errno != 0 || number < 1 || number > max)
        peer_usage();
    return number;
}

/* Fills `peer` from the command line, or ends the program with status 2. */
static inline void peer_parse(int argc, char **argv, const char *impl)
{
    peer.impl = impl;
    if (argc < 2)
        peer_usage();
    peer.workload = argv[1];
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0)
            peer.check = true;
        else if (strcmp(argv[i], "--histogram") == 0)
            peer.histogram = true;
        else if (strcmp(argv[i], "--seconds") == 0)
            peer.seconds = (int)peer_number(argv[++i], 3600);
        else if (strcmp(argv[i], "--workers") == 0)
            peer.workers = (int)peer_number(argv[++i], 4096);
        else if (strcmp(argv[i], "--n") == 0)
            peer.n = peer_number(argv[++i], INT32_MAX);
        else if (strcmp(argv[i], "--reps") == 0)
            peer.reps = (int)peer_number(argv[++i], REPS_MAX - 1);
        else
            peer_usage();
    }
}

/* n of this run, rounded down to a multiple of parts. */
static inline long peer_n(long n_default, long parts)
{
    long n = peer.n != 0 ? peer.n : n_default;
    if (n < parts)
        peer_fail("--n is too small");
    return n / parts * parts;
}

static inline void peer_tick(void)
{
    if (peer.check)
        __atomic_fetch_add(&peer_count, 1, __ATOMIC_RELAXED);
}

static inline void peer_expect(long count)
{
    if (peer.check && __atomic_exchange_n(&peer_count, 0, __ATOMIC_SEQ_CST) != count)
        peer_fail("operations are missing");
}

static inline int64_t peer_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline void peer_spin(int64_t ns)
{
    int64_t end = peer_now() + ns;
    while (peer_now() < end)
        continue;
}

static inline int peer_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double peer_median(const double *values)
{
    double sorted[REPS_MAX];
    memcpy(sorted, values, (size_t)peer.reps * sizeof *values);
    qsort(sorted, (size_t)peer.reps, sizeof *sorted, peer_compare);
    int middle = peer.reps / 2;
    return peer.reps % 2 != 0 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

static inline void peer_print_head(const char *unit, long n)
{
    printf("{\"impl\":\"%s\",\"workload\":\"%s\",\"workers\":%d,\"n\":%ld,\"unit\":\"%s\"", peer.impl, peer.workload,
           peer.workers, n, unit);
}

static inline void peer_print_values(const char *key, const double *values)
{
    printf(",\"%s\":[", key);
    for (int r = 0; r < peer.reps; r++)
        printf("%s%.5g", r > 0 ? "," : "", values[r]);
    printf("]");
}

/* The line up to the values' median; the caller ends it. */
static inline void peer_print(const char *unit, long n, const double *values)
{
    peer_print_head(unit, n);
    peer_print_values("values", values);
    printf(",\"median\":%.5g", peer_median(values));
}

/* Measures the repetitions of rep(n), which does n operations; one goes before them to warm up. */
static inline void peer_throughput(long n, void (*rep)(long n))
{
    double values[REPS_MAX];
    for (int r = 0; r <= peer.reps; r++) {
        int64_t start = peer_now();
        rep(n);
        int64_t took = peer_now() - start;
        peer_expect(n);
        if (r > 0)
            values[r - 1] = (double)took / (double)n;
    }
    peer_print("ns_per_op", n, values);
    printf("}\n");
}

static inline void peer_skip(void)
{
    printf("{\"impl\":\"%s\",\"workload\":\"%s\",\"skip\":\"no such workload here\"}\n", peer.impl, peer.workload);
}

#endif
