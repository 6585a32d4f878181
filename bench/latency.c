/* Waking and sleeping. */
#include <stdatomic.h>
#include <stdlib.h>

#include "bench.h"

/* ---- wake_latency ---- */

struct wakes {
    long count;
    int64_t *samples;
    struct pawl_waker waker; /* the receiver's, before `received` becomes 0 */
    _Alignas(128) _Atomic int64_t sent_at;
    _Alignas(128) _Atomic long received; /* -1 until the receiver has started */
};

static void *receive(void *arg)
{
    struct wakes *wakes = arg;
    pawl_self_waker(&wakes->waker);
    atomic_store_explicit(&wakes->received, 0, memory_order_release);
    for (long i = 0; i < wakes->count; i++) {
        MUST(pawl_suspend_until(PAWL_NEVER));
        wakes->samples[i] = bench_now() - atomic_load_explicit(&wakes->sent_at, memory_order_acquire);
        bench_tick();
        atomic_store_explicit(&wakes->received, i + 1, memory_order_release);
    }
    return NULL;
}

/* Never two signals outstanding: who has not answered by the next ms is waited for. */
static void send_all(struct wakes *wakes)
{
    int64_t next = bench_now();
    for (long i = 0; i < wakes->count; i++) {
        do {
            next += NS_PER_MS;
            bench_sleep_until(next);
        } while (atomic_load_explicit(&wakes->received, memory_order_acquire) < i);
        atomic_store_explicit(&wakes->sent_at, bench_now(), memory_order_release);
        pawl_waker_wake(&wakes->waker);
    }
}

void bench_wake_latency(const struct bench *b)
{
    struct latency latency = {0};
    struct wakes wakes = {.count = b->n, .samples = bench_allocate(b->n, sizeof *wakes.samples)};
    for (int r = 0; r <= b->reps; r++) {
        struct pawl_task *receiver;
        int64_t cpu_ns = bench_cpu_ns();
        atomic_store(&wakes.received, -1);
        MUST(pawl_spawn(b->runtime, receive, &wakes, &receiver));
        send_all(&wakes);
        MUST(pawl_join(receiver, NULL));
        pawl_waker_drop(&wakes.waker);
        bench_latency_add(&latency, wakes.samples, b->n, bench_cpu_ns() - cpu_ns);
        bench_expect(b->n);
    }
    bench_latency_report(b, &latency, b->n, false);
    free(wakes.samples);
}

/* ---- sleep_idle, sleep_busy ---- */

#define SLEEPERS 100

struct sleeper {
    struct random random;
    long sleeps;
    int64_t *late_ns; /* one a sleep */
};

static void *sleep_often(void *arg)
{
    struct sleeper *sleeper = arg;
    for (long i = 0; i < sleeper->sleeps; i++) {
        int64_t until = bench_now() + random_between(&sleeper->random, NS_PER_MS, 20 * NS_PER_MS);
        MUST(pawl_sleep_until((uint64_t)until));
        bench_tick();
        sleeper->late_ns[i] = bench_now() - until;
    }
    return NULL;
}

struct sleeps {
    long per_task;
    int64_t *late_ns;
};

static void *sleep_together(void *arg)
{
    const struct sleeps *sleeps = arg;
    struct sleeper sleepers[SLEEPERS];
    for (long i = 0; i < SLEEPERS; i++)
        sleepers[i] = (struct sleeper){
            random_seeded((uint64_t)i),
            sleeps->per_task,
            sleeps->late_ns + i * sleeps->per_task,
        };
    bench_run_all(sleep_often, sleepers, SLEEPERS, sizeof *sleepers);
    return NULL;
}

static void measure_sleeps(const struct bench *b)
{
    struct latency latency = {0};
    long n = bench_n(b, SLEEPERS);
    struct sleeps sleeps = {n / SLEEPERS, bench_allocate(n, sizeof *sleeps.late_ns)};
    for (int r = 0; r <= b->reps; r++) {
        int64_t cpu_ns = bench_cpu_ns();
        bench_on_worker(b, sleep_together, &sleeps);
        bench_latency_add(&latency, sleeps.late_ns, n, bench_cpu_ns() - cpu_ns);
        bench_expect(n);
    }
    bench_latency_report(b, &latency, n, false);
    free(sleeps.late_ns);
}

void bench_sleep_idle(const struct bench *b)
{
    measure_sleeps(b);
}

static void *burn(void *arg)
{
    _Atomic bool *stop = arg;
    while (!atomic_load_explicit(stop, memory_order_relaxed)) {
        bench_spin(100 * NS_PER_US);
        MUST(pawl_yield());
    }
    return NULL;
}

void bench_sleep_busy(const struct bench *b)
{
    _Atomic bool stop = false;
    int burners = 2 * b->workers;
    struct pawl_task **tasks = bench_allocate(burners, sizeof(struct pawl_task *));
    for (int i = 0; i < burners; i++)
        MUST(pawl_spawn(b->runtime, burn, &stop, &tasks[i]));
    measure_sleeps(b);
    atomic_store(&stop, true);
    for (int i = 0; i < burners; i++)
        MUST(pawl_join(tasks[i], NULL));
    free(tasks);
}
