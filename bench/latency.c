/* Waking and sleeping. */
#include <errno.h>
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

/* ---- sleep_idle, sleep_busy, blocked_worker ---- */

#define SLEEPERS 100
#define PIECE_NS (100 * NS_PER_US) /* of a busy task's computing */

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

/* Computes for a while, again and again. */
struct burner {
    const _Atomic bool *stop;
    int64_t piece_ns;
};

static void *burn(void *arg)
{
    const struct burner *burner = arg;
    while (!atomic_load_explicit(burner->stop, memory_order_relaxed)) {
        bench_spin(burner->piece_ns);
        MUST(pawl_yield());
    }
    return NULL;
}

static void measure_sleeps_beside(const struct bench *b, int burners, int64_t piece_ns)
{
    _Atomic bool stop = false;
    struct burner burner = {&stop, piece_ns};
    struct pawl_task **tasks = bench_allocate(burners, sizeof(struct pawl_task *));
    for (int i = 0; i < burners; i++)
        MUST(pawl_spawn(b->runtime, burn, &burner, &tasks[i]));
    measure_sleeps(b);
    atomic_store(&stop, true);
    for (int i = 0; i < burners; i++)
        MUST(pawl_join(tasks[i], NULL));
    free(tasks);
}

void bench_sleep_busy(const struct bench *b)
{
    measure_sleeps_beside(b, 2 * b->workers, PIECE_NS);
}

void bench_blocked_worker(const struct bench *b)
{
    measure_sleeps_beside(b, 1, 100 * NS_PER_MS);
}

/* ---- parallel_latency ---- */

/* The timer of a worker's task, which computes until it has fired often enough. */
struct busy {
    struct pawl_timer timer;
    struct random random;
    int64_t due;
    int64_t *late_ns;
    long count;
    _Alignas(128) _Atomic long fired;
};

static void arm_next(struct busy *busy)
{
    busy->due = bench_now() + random_between(&busy->random, NS_PER_MS, 2 * NS_PER_MS);
    MUST(pawl_timer_arm(NULL, &busy->timer, (uint64_t)busy->due));
}

static void note_and_arm(struct pawl_timer *timer, void *arg, int status)
{
    struct busy *busy = arg;
    (void)timer;
    MUST(status);
    bench_tick();
    long i = atomic_load(&busy->fired);
    busy->late_ns[i] = bench_now() - busy->due;
    if (i + 1 < busy->count)
        arm_next(busy);
    atomic_store(&busy->fired, i + 1);
}

static void *compute_beside_timer(void *arg)
{
    struct busy *busy = arg;
    pawl_timer_init(&busy->timer, note_and_arm, busy);
    arm_next(busy);
    while (atomic_load(&busy->fired) < busy->count) {
        bench_spin(PIECE_NS);
        MUST(pawl_yield());
    }
    int result = pawl_timer_cancel_sync(&busy->timer); /* the last callback has returned */
    if (result != -EALREADY)
        bench_fail("a timer pends that has fired for the last time: %d", result);
    return NULL;
}

struct busy_workers {
    const struct bench *b;
    struct busy *each;
};

static void *keep_all_busy(void *arg)
{
    const struct busy_workers *workers = arg;
    bench_run_on_each_worker(workers->b, compute_beside_timer, workers->each, sizeof *workers->each);
    return NULL;
}

void bench_parallel_latency(const struct bench *b)
{
    struct latency latency = {0};
    long n = bench_n(b, b->workers), each_n = n / b->workers;
    int64_t *late_ns = bench_allocate(n, sizeof *late_ns);
    struct busy *each = aligned_alloc(128, (size_t)b->workers * sizeof *each);
    if (each == NULL)
        bench_fail("no memory for %d timers", b->workers);
    for (int r = 0; r <= b->reps; r++) {
        int64_t cpu_ns = bench_cpu_ns();
        for (int i = 0; i < b->workers; i++)
            each[i] =
                (struct busy){.random = random_seeded((uint64_t)i), .late_ns = late_ns + i * each_n, .count = each_n};
        bench_on_worker(b, keep_all_busy, &(struct busy_workers){b, each});
        bench_latency_add(&latency, late_ns, n, bench_cpu_ns() - cpu_ns);
        bench_expect(n);
    }
    bench_latency_report(b, &latency, n, false);
    free(each);
    free(late_ns);
}
