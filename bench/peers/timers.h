/* What the C and C++ programs with timer workloads share: random numbers, lateness, what the process has used. */
#ifndef BENCH_PEERS_TIMERS_H
#define BENCH_PEERS_TIMERS_H

#include <sys/resource.h>

#include "peer.h"

#define TIMER_TASKS 64
#define OPERATIONS_PER_TURN 128
#define OTHER_TIMERS 100000
#define TIMEOUT_MIN_NS (5 * NS_PER_S)
#define TIMEOUT_MAX_NS (60 * NS_PER_S)
#define PENDING_MIN_NS (3600 * NS_PER_S)
#define PENDING_MAX_NS (7200 * NS_PER_S)
#define SLEEPERS 100
#define PIECE_NS (100 * NS_PER_US)

static inline void *peer_allocate(long count, size_t size)
{
    void *memory = calloc((size_t)count, size);
    if (memory == NULL)
        peer_fail("no memory");
    return memory;
}

static inline void peer_sleep_until(int64_t instant)
{
    struct timespec t = {(time_t)(instant / NS_PER_S), (long)(instant % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        continue;
}

/* ---- random numbers: xorshift64*, with pawl-bench's seeds ---- */

static inline uint64_t random_seeded(uint64_t index)
{
    return (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

static inline int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(random_next(state) % (uint64_t)(high - low));
}

/* ---- what the process has used ---- */

static inline struct rusage peer_usage_of(int whom)
{
    struct rusage usage;
    getrusage(whom, &usage);
    return usage;
}

static inline int64_t peer_cpu_ns(void)
{
    struct rusage u = peer_usage_of(RUSAGE_SELF);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_S +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * (int64_t)NS_PER_US;
}

static inline long peer_switches_of(int whom)
{
    struct rusage usage = peer_usage_of(whom);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

/* ---- lateness ---- */

/* Samples are counted by their value rounded down to five significant bits. */
#define HISTOGRAM_STEPS 16
#define HISTOGRAM_SIZE ((64 - 3) * HISTOGRAM_STEPS)

struct peer_latency {
    int reps; /* with the warm-up */
    double p50[REPS_MAX], p99[REPS_MAX], p999[REPS_MAX], max[REPS_MAX], cpu_ms[REPS_MAX];
    long histogram[HISTOGRAM_SIZE];
};

static inline int histogram_index(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (int)value;
    int exponent = 63 - __builtin_clzll(value);
    return (exponent - 3) * HISTOGRAM_STEPS + (int)(value >> (exponent - 4)) % HISTOGRAM_STEPS;
}

static inline uint64_t histogram_floor(int index)
{
    if (index < HISTOGRAM_STEPS)
        return (uint64_t)index;
    return (uint64_t)(HISTOGRAM_STEPS + index % HISTOGRAM_STEPS) << (index / HISTOGRAM_STEPS - 1);
}

static inline int peer_compare_samples(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static inline double peer_percentile_us(const int64_t *sorted, long count, double share)
{
    long index = (long)(share * (double)count);
    return (double)sorted[index < count ? index : count - 1] / NS_PER_US;
}

/* Takes in a repetition's samples, in ns, and sorts them. */
static inline void peer_latency_add(struct peer_latency *l, int64_t *samples, long count, int64_t cpu_ns)
{
    int r = l->reps++ - 1;
    if (r < 0)
        return;
    for (long i = 0; i < count; i++)
        l->histogram[histogram_index(samples[i] > 0 ? (uint64_t)samples[i] : 0)]++;
    qsort(samples, (size_t)count, sizeof *samples, peer_compare_samples);
    l->p50[r] = peer_percentile_us(samples, count, 0.50);
    l->p99[r] = peer_percentile_us(samples, count, 0.99);
    l->p999[r] = peer_percentile_us(samples, count, 0.999);
    l->max[r] = peer_percentile_us(samples, count, 1);
    l->cpu_ms[r] = (double)cpu_ns / NS_PER_MS;
}

/* Ends the line. */
static inline void peer_print_histogram(const struct peer_latency *l)
{
    const char *before = ",\"histogram\":[";
    for (int i = 0; i < HISTOGRAM_SIZE && peer.histogram; i++) {
        if (l->histogram[i] == 0)
            continue;
        printf("%s[%llu,%ld]", before, (unsigned long long)histogram_floor(i), l->histogram[i]);
        before = ",";
    }
    printf(peer.histogram ? "]}\n" : "}\n");
}

static inline void peer_latency_print(const struct peer_latency *l, long n, bool per_timer)
{
    double max = 0;
    for (int r = 0; r < peer.reps; r++)
        max = l->max[r] > max ? l->max[r] : max;
    peer_print_head("us", n);
    printf(",\"p50\":%.5g,\"p99\":%.5g,\"p999\":%.5g,\"max\":%.5g,\"cpu_ms\":%.5g", peer_median(l->p50),
           peer_median(l->p99), peer_median(l->p999), max, peer_median(l->cpu_ms));
    if (per_timer)
        printf(",\"cpu_ns_per_timer\":%.5g", peer_median(l->cpu_ms) * NS_PER_MS / (double)n);
    peer_print_values("p50s", l->p50);
    peer_print_values("p99s", l->p99);
    peer_print_values("cpu_mss", l->cpu_ms);
    peer_print_histogram(l);
}

/* Measures the repetitions of rep(n, late_ns), which stores n samples. */
static inline void peer_lateness(long n, void (*rep)(long n, int64_t *late_ns), bool per_timer)
{
    struct peer_latency latency;
    memset(&latency, 0, sizeof latency);
    int64_t *late_ns = (int64_t *)peer_allocate(n, sizeof *late_ns);
    for (int r = 0; r <= peer.reps; r++) {
        int64_t cpu_ns = peer_cpu_ns();
        rep(n, late_ns);
        peer_latency_add(&latency, late_ns, n, peer_cpu_ns() - cpu_ns);
        peer_expect(n);
    }
    peer_latency_print(&latency, n, per_timer);
    free(late_ns);
}

/* ---- timer_scale ---- */

#define SCALE_OPERATIONS 500000
#define SCALE_SIZES 5 /* 10^2 to 10^6 */

struct peer_scale {
    void (*arm)(long pending);        /* so many timers, PENDING_MIN_NS to PENDING_MAX_NS ahead */
    void (*churn)(long operations);   /* each arms a timer as far ahead and cancels it */
    void (*replace)(long operations); /* each cancels a random one of those that pend and arms it anew */
    void (*cancel)(void);
};

static inline void peer_scale_kind(void (*operate)(long operations), double *ns)
{
    for (int r = 0; r <= peer.reps; r++) {
        int64_t start = peer_now();
        operate(SCALE_OPERATIONS);
        ns[r > 0 ? r - 1 : 0] = (double)(peer_now() - start) / SCALE_OPERATIONS;
        peer_expect(SCALE_OPERATIONS);
    }
}

static inline void peer_scale_run(const struct peer_scale *s)
{
    double churn[SCALE_SIZES][REPS_MAX], replace[SCALE_SIZES][REPS_MAX], low = 0, high = 0;
    long sizes[SCALE_SIZES] = {peer.n != 0 ? peer.n : 100};
    int count = peer.n != 0 ? 1 : SCALE_SIZES;
    for (int i = 0; i < count; i++) {
        sizes[i] = i > 0 ? sizes[i - 1] * 10 : sizes[0];
        s->arm(sizes[i]);
        peer_scale_kind(s->churn, churn[i]);
        peer_scale_kind(s->replace, replace[i]);
        s->cancel();
        double ns = peer_median(churn[i]);
        low = i == 0 || ns < low ? ns : low;
        high = ns > high ? ns : high;
    }
    peer_print("ns_per_op", sizes[count - 1], churn[count - 1]);
    for (int i = 0; i < count; i++)
        printf(",\"ns_at_%ld\":%.5g,\"random_ns_at_%ld\":%.5g", sizes[i], peer_median(churn[i]), sizes[i],
               peer_median(replace[i]));
    printf(count > 1 ? ",\"spread\":%.5g}\n" : "}\n", high / low);
}

#endif
