/* timer_scale: what it costs to arm and cancel a timer while so many others pend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "counters.h"
#include "timers.h"

#define OPERATIONS 500000 /* of a repetition */
#define SIZES_MAX 6       /* 10^2 to 10^7 */
#define SIZE_MIN 100
#define SIZE_ALWAYS 1000000

struct scale {
    struct pending_timers pending;
    struct random random;
};

/* ---- the operations ---- */

/* A new timer, of the program's stack: what is measured is the queue. */
static void churn(struct scale *s)
{
    bench_arm_and_cancel(NULL, pawl_now_cached(NULL), &s->random, PENDING_MIN_NS, PENDING_MAX_NS);
}

/* One of those that pend: with many of them its own memory, and its neighbours', is in no cache. */
static void replace(struct scale *s)
{
    struct pawl_timer *timer = &s->pending.timers[random_next(&s->random) % (uint64_t)s->pending.count];
    int64_t ahead = random_between(&s->random, PENDING_MIN_NS, PENDING_MAX_NS);
    MUST(pawl_timer_cancel(timer));
    MUST(pawl_timer_arm(NULL, timer, pawl_now(NULL) + (uint64_t)ahead));
    bench_tick();
}

enum kind { CHURN, REPLACE, KINDS };

static const struct {
    const char *key; /* of its figures, before what they are and the number of timers */
    void (*operate)(struct scale *s);
} kinds[KINDS] = {{"", churn}, {"random_", replace}};

struct scale_work {
    struct scale *scale;
    enum kind kind;
};

static void *operate_often(void *arg)
{
    const struct scale_work *work = arg;
    for (long i = 0; i < OPERATIONS; i++) {
        kinds[work->kind].operate(work->scale);
        bench_yield_sometimes(i);
    }
    return NULL;
}

/* ---- the figures ---- */

/* Of an operation, one entry a repetition. */
struct costs {
    double ns[REPS_MAX], counted[COUNTERS][REPS_MAX];
};

struct size {
    long pending;
    struct costs costs[KINDS];
};

/* Counters that cannot be read are closed, and stay so. */
static void measure_rep(const struct bench *b, struct scale_work *work, struct counters *counters, struct costs *costs,
                        int entry)
{
    uint64_t before[COUNTERS], after[COUNTERS];
    bool counted = counters_read(counters, before) == 0;
    int64_t start = bench_now();
    bench_on_worker(b, operate_often, work);
    costs->ns[entry] = (double)(bench_now() - start) / OPERATIONS;
    if (!counted || counters_read(counters, after) != 0)
        counters_close(counters);
    for (int i = 0; i < COUNTERS && counters->threads > 0; i++)
        costs->counted[i][entry] = (double)(after[i] - before[i]) / OPERATIONS;
    bench_expect(OPERATIONS);
}

static void measure_size(const struct bench *b, struct size *size, struct counters *counters)
{
    struct scale scale = {.random = random_seeded(0)};
    bench_pending_arm(b, &scale.pending, size->pending);
    for (enum kind kind = CHURN; kind < KINDS; kind++)
        for (int r = 0; r <= b->reps; r++) /* the first entry is the warm-up's until the next repetition writes it */
            measure_rep(b, &(struct scale_work){&scale, kind}, counters, &size->costs[kind], r > 0 ? r - 1 : 0);
    bench_pending_cancel(&scale.pending);
}

static void report_at(const char *key, const char *what, long pending, double value)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s_at_%ld", key, what, pending);
    bench_report_figure(name, value);
}

static void report_kind(const struct bench *b, const struct size *sizes, int count, enum kind kind, bool counted)
{
    const char *key = kinds[kind].key;
    for (const struct size *size = sizes; size < sizes + count; size++) {
        const struct costs *costs = &size->costs[kind];
        report_at(key, "ns", size->pending, bench_median(costs->ns, b->reps));
        if (!counted)
            continue;
        report_at(key, "cycles", size->pending, bench_median(costs->counted[COUNTER_CYCLES], b->reps));
        report_at(key, "misses", size->pending, bench_median(costs->counted[COUNTER_CACHE_MISSES], b->reps));
    }
}

/* The dearest size by the cheapest, of 10^2 to 10^6. */
static double spread(const struct bench *b, const struct size *sizes, int count)
{
    double low = bench_median(sizes[0].costs[CHURN].ns, b->reps), high = low;
    for (int i = 1; i < count && sizes[i].pending <= SIZE_ALWAYS; i++) {
        double ns = bench_median(sizes[i].costs[CHURN].ns, b->reps);
        low = ns < low ? ns : low;
        high = ns > high ? ns : high;
    }
    return high / low;
}

/* Half of what is free is left to the library and to others. */
static bool fits(long pending)
{
    long free_pages = sysconf(_SC_AVPHYS_PAGES);
    return free_pages > 2 * (pending * (long)sizeof(struct pawl_timer) / sysconf(_SC_PAGESIZE));
}

void bench_timer_scale(const struct bench *b)
{
    struct size *sizes = bench_allocate(SIZES_MAX, sizeof *sizes);
    struct counters counters;
    int count = 0, opened = counters_open(&counters);
    long pending = b->n != 0 ? b->n : SIZE_MIN;
    do {
        sizes[count].pending = pending;
        measure_size(b, &sizes[count++], &counters);
        pending *= 10;
    } while (b->n == 0 && count < SIZES_MAX && (pending <= SIZE_ALWAYS || fits(pending)));
    const struct size *last = &sizes[count - 1];
    bench_report_begin(b, "ns_per_op", last->pending, last->costs[CHURN].ns, b->reps);
    for (enum kind kind = CHURN; kind < KINDS; kind++)
        report_kind(b, sizes, count, kind, counters.threads > 0);
    if (count > 1)
        bench_report_figure("spread", spread(b, sizes, count));
    if (counters.threads == 0)
        bench_report_text("counters", opened < 0 ? strerror(-opened) : "lost");
    bench_report_end();
    counters_close(&counters);
    free(sizes);
}
