/* One mutex: nobody else wants it, or 64 tasks or plain threads do. */
#include <stdatomic.h>

#include "bench.h"

#define CONTENDERS 64
#define HOLD_NS (10 * NS_PER_US)

struct shared {
    struct pawl_mutex mutex;
    int64_t counter; /* what the mutex guards */
    _Atomic int64_t granted;
};

struct contender {
    struct shared *shared;
    pawl_task_fn *run;
    int64_t rounds;
    struct waits waits;
};

static void lock_and_count(struct shared *shared, int64_t rounds)
{
    for (int64_t i = 0; i < rounds; i++) {
        MUST(pawl_mutex_lock(&shared->mutex));
        shared->counter++;
        pawl_mutex_unlock(&shared->mutex);
        bench_tick();
    }
}

static void expect_counter(const struct shared *shared, int64_t expected)
{
    if (shared->counter != expected)
        bench_fail("%lld times locked, but counted %lld", (long long)expected, (long long)shared->counter);
}

/* ---- mutex_uncontended, mutex_uncontended_thread ---- */

static void *alone(void *n)
{
    struct shared shared = {.mutex = PAWL_MUTEX_INITIALIZER};
    lock_and_count(&shared, *(long *)n);
    expect_counter(&shared, *(long *)n);
    MUST(pawl_mutex_fini(&shared.mutex));
    return NULL;
}

static void alone_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, alone, &n);
}

void bench_mutex_uncontended(const struct bench *b)
{
    bench_throughput(b, b->n, alone_rep);
}

static void alone_thread_rep(const struct bench *b)
{
    long n = b->n;
    alone(&n);
}

void bench_mutex_uncontended_thread(const struct bench *b)
{
    bench_throughput(b, b->n, alone_thread_rep);
}

/* ---- 64 contenders ---- */

/* Runs `run` for each contender, as tasks or, outside of one, as threads. */
static void contend(struct contender *contenders)
{
    if (pawl_self() != NULL) {
        bench_run_all(contenders->run, contenders, CONTENDERS, sizeof *contenders);
        return;
    }
    bench_run_threads(contenders->run, contenders, CONTENDERS, sizeof *contenders);
}

/* Lets 64 of them loose on one mutex, n times in all. */
static void contend_for(pawl_task_fn *run, long n, struct waits *waits)
{
    struct shared shared = {.mutex = PAWL_MUTEX_INITIALIZER};
    struct contender contenders[CONTENDERS];
    for (int i = 0; i < CONTENDERS; i++)
        contenders[i] = (struct contender){.shared = &shared, .run = run, .rounds = n / CONTENDERS};
    contend(contenders);
    expect_counter(&shared, n / CONTENDERS * CONTENDERS);
    MUST(pawl_mutex_fini(&shared.mutex));
    *waits = (struct waits){0};
    for (int i = 0; i < CONTENDERS; i++) {
        const struct waits *w = &contenders[i].waits;
        waits->count += w->count;
        waits->sum_ns += w->sum_ns;
        waits->sum_turns += w->sum_turns;
        waits->max_ns = w->max_ns > waits->max_ns ? w->max_ns : waits->max_ns;
        waits->max_turns = w->max_turns > waits->max_turns ? w->max_turns : waits->max_turns;
    }
}

/* ---- mutex_contended, mutex_threads ---- */

static void *hold_briefly(void *arg)
{
    struct contender *contender = arg;
    lock_and_count(contender->shared, contender->rounds);
    return NULL;
}

static void *contend_briefly(void *n)
{
    struct waits none;
    contend_for(hold_briefly, *(long *)n, &none);
    return NULL;
}

static void contended_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, contend_briefly, &n);
}

void bench_mutex_contended(const struct bench *b)
{
    bench_throughput(b, bench_n(b, CONTENDERS), contended_rep);
}

static void threads_rep(const struct bench *b)
{
    long n = b->n;
    contend_briefly(&n);
}

void bench_mutex_threads(const struct bench *b)
{
    bench_throughput(b, bench_n(b, CONTENDERS), threads_rep);
}

/* ---- mutex_fair, mutex_fair_threads ---- */

static void add_wait(struct waits *w, int64_t ns, int64_t turns)
{
    w->count++;
    w->sum_ns += ns;
    w->sum_turns += turns;
    w->max_ns = ns > w->max_ns ? ns : w->max_ns;
    w->max_turns = turns > w->max_turns ? turns : w->max_turns;
}

/* Held so long, and across a yield, that the others all come to wait for it. */
static void *hold_long(void *arg)
{
    struct contender *contender = arg;
    struct shared *shared = contender->shared;
    struct waits waits = {0};
    for (int64_t i = 0; i < contender->rounds; i++) {
        int64_t before = atomic_load_explicit(&shared->granted, memory_order_relaxed), asked = bench_now();
        MUST(pawl_mutex_lock(&shared->mutex));
        int64_t waited = bench_now() - asked;
        add_wait(&waits, waited, atomic_fetch_add_explicit(&shared->granted, 1, memory_order_relaxed) - before);
        shared->counter++;
        bench_spin(HOLD_NS);
        MUST(pawl_yield());
        pawl_mutex_unlock(&shared->mutex);
        bench_tick();
    }
    contender->waits = waits;
    return NULL;
}

struct fair_rep {
    long n;
    struct waits waits;
};

static void *contend_long(void *arg)
{
    struct fair_rep *rep = arg;
    contend_for(hold_long, rep->n, &rep->waits);
    return NULL;
}

static void measure_fairness(const struct bench *b, bool tasks)
{
    struct fairness fairness = {0};
    struct fair_rep rep = {.n = bench_n(b, CONTENDERS)};
    for (int r = 0; r <= b->reps; r++) {
        if (tasks)
            bench_on_worker(b, contend_long, &rep);
        else
            contend_long(&rep);
        bench_expect(rep.n);
        bench_fairness_add(&fairness, &rep.waits);
    }
    bench_fairness_report(b, &fairness, rep.n);
}

void bench_mutex_fair(const struct bench *b)
{
    measure_fairness(b, true);
}

void bench_mutex_fair_threads(const struct bench *b)
{
    measure_fairness(b, false);
}
