/* Timers that are cancelled, pushed away, or fire by the million. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bench.h"
#include "timers.h"

void bench_must_not_fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    (void)arg;
    if (status == 0)
        bench_fail("a timer fired that was seconds away");
}

/* ---- timers that only pend ---- */

static void *arm_pending(void *arg)
{
    struct pending_timers *p = arg;
    struct random r = random_seeded(77);
    for (long i = 0; i < p->count; i++) {
        int64_t ahead = random_between(&r, PENDING_MIN_NS, PENDING_MAX_NS);
        pawl_timer_init(&p->timers[i], bench_must_not_fire, NULL);
        MUST(pawl_timer_arm(NULL, &p->timers[i], pawl_now(NULL) + (uint64_t)ahead));
    }
    return NULL;
}

void bench_pending_arm(const struct bench *b, struct pending_timers *p, long count)
{
    p->count = count;
    p->timers = bench_allocate(count, sizeof *p->timers);
    bench_on_worker(b, arm_pending, p);
}

void bench_pending_cancel(struct pending_timers *p)
{
    for (long i = 0; i < p->count; i++)
        MUST(pawl_timer_cancel(&p->timers[i]));
    free(p->timers);
}

/* ---- timer_churn, timer_reset ---- */

#define TIMEOUT_MIN_NS (5 * NS_PER_S)
#define TIMEOUT_MAX_NS (60 * NS_PER_S)

/* A timeout of seconds is counted from pawl_now_cached, as a server would; _precise: from a reading of its own. */
typedef uint64_t now_fn(const struct pawl_runtime *runtime);

struct timer_user {
    struct random random;
    now_fn *now;
    long operations;
};

void bench_arm_and_cancel(struct pawl_runtime *runtime, uint64_t now_ns, struct random *r, int64_t low, int64_t high)
{
    struct pawl_timer timer;
    pawl_timer_init(&timer, bench_must_not_fire, NULL);
    MUST(pawl_timer_arm(runtime, &timer, now_ns + (uint64_t)random_between(r, low, high)));
    MUST(pawl_timer_cancel(&timer));
    bench_tick();
}

void bench_yield_sometimes(long i)
{
    if (i % OPERATIONS_PER_YIELD == OPERATIONS_PER_YIELD - 1)
        MUST(pawl_yield());
}

static void *churn(void *arg)
{
    struct timer_user *user = arg;
    for (long i = 0; i < user->operations; i++) {
        bench_arm_and_cancel(NULL, user->now(NULL), &user->random, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
        bench_yield_sometimes(i);
    }
    return NULL;
}

static void *push_away(void *arg)
{
    struct timer_user *user = arg;
    struct pawl_timer timer;
    pawl_timer_init(&timer, bench_must_not_fire, NULL);
    MUST(pawl_timer_arm(NULL, &timer, pawl_now(NULL) + PAWL_SEC(30)));
    for (long i = 0; i < user->operations; i++) {
        int64_t ahead = random_between(&user->random, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
        MUST(pawl_timer_reset(&timer, user->now(NULL) + (uint64_t)ahead));
        bench_tick();
        bench_yield_sometimes(i);
    }
    MUST(pawl_timer_cancel(&timer));
    return NULL;
}

struct timer_work {
    pawl_task_fn *fn;
    now_fn *now;
    long operations_per_task;
};

static void *use_timers(void *arg)
{
    const struct timer_work *work = arg;
    struct timer_user users[TIMER_TASKS];
    for (long i = 0; i < TIMER_TASKS; i++)
        users[i] = (struct timer_user){random_seeded((uint64_t)i), work->now, work->operations_per_task};
    bench_run_all(work->fn, users, TIMER_TASKS, sizeof *users);
    return NULL;
}

static void churn_rep(const struct bench *b)
{
    bench_on_worker(b, use_timers, &(struct timer_work){churn, pawl_now_cached, b->n / TIMER_TASKS});
}

static void churn_precise_rep(const struct bench *b)
{
    bench_on_worker(b, use_timers, &(struct timer_work){churn, pawl_now, b->n / TIMER_TASKS});
}

static void measure_churn(const struct bench *b, void (*rep)(const struct bench *b))
{
    struct pending_timers others;
    bench_pending_arm(b, &others, OTHER_TIMERS);
    bench_throughput(b, bench_n(b, TIMER_TASKS), rep);
    bench_pending_cancel(&others);
}

void bench_timer_churn(const struct bench *b)
{
    measure_churn(b, churn_rep);
}

void bench_timer_churn_precise(const struct bench *b)
{
    measure_churn(b, churn_precise_rep);
}

static void reset_rep(const struct bench *b)
{
    bench_on_worker(b, use_timers, &(struct timer_work){push_away, pawl_now_cached, b->n / TIMER_TASKS});
}

static void reset_precise_rep(const struct bench *b)
{
    bench_on_worker(b, use_timers, &(struct timer_work){push_away, pawl_now, b->n / TIMER_TASKS});
}

void bench_timer_reset(const struct bench *b)
{
    bench_throughput(b, bench_n(b, TIMER_TASKS), reset_rep);
}

void bench_timer_reset_precise(const struct bench *b)
{
    bench_throughput(b, bench_n(b, TIMER_TASKS), reset_precise_rep);
}

/* ---- timer_remote ---- */

#define REMOTE_THREADS 8
#define FIRING_A_WORKER 32
#define FIRINGS_MAX 1000000 /* whose lateness is kept, of a repetition */

/* Timers that fire on the workers every 1 to 2 ms: each callback arms its own again, until they are told to stop. */
struct firing {
    _Atomic bool stop;
    _Atomic long count;
    int64_t *late_ns;
};

struct firing_timer {
    struct pawl_timer timer;
    struct firing *firing;
    struct random random;
    int64_t due;
};

static void arm_next(struct firing_timer *t)
{
    t->due = bench_now() + random_between(&t->random, NS_PER_MS, 2 * NS_PER_MS);
    int result = pawl_timer_arm(NULL, &t->timer, (uint64_t)t->due);
    if (result != -ECANCELED) /* the repetition ends: cancel_sync waits for this callback */
        MUST(result);
}

static void fire_again(struct pawl_timer *timer, void *arg, int status)
{
    struct firing_timer *t = (struct firing_timer *)timer;
    struct firing *firing = arg;
    MUST(status);
    long i = atomic_fetch_add(&firing->count, 1);
    if (i < FIRINGS_MAX)
        firing->late_ns[i] = bench_now() - t->due;
    if (!atomic_load(&firing->stop))
        arm_next(t);
}

static void *arm_a_share(void *arg)
{
    struct firing_timer *first = arg;
    for (struct firing_timer *t = first; t < first + FIRING_A_WORKER; t++) {
        pawl_timer_init(&t->timer, fire_again, t->firing);
        arm_next(t);
    }
    return NULL;
}

struct firing_start {
    const struct bench *b;
    struct firing_timer *timers;
};

static void *arm_on_each_worker(void *arg)
{
    const struct firing_start *start = arg;
    bench_run_on_each_worker(start->b, arm_a_share, start->timers, FIRING_A_WORKER * sizeof *start->timers);
    return NULL;
}

struct remote_user {
    const struct bench *b;
    struct random random;
    long operations;
};

static void *churn_remotely(void *arg)
{
    struct remote_user *user = arg;
    for (long i = 0; i < user->operations; i++)
        bench_arm_and_cancel(user->b->runtime, pawl_now(NULL), &user->random, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
    return NULL;
}

/* Returns how long the plain threads took, which begin when the timers are firing. */
static int64_t remote_rep(const struct bench *b, struct firing_timer *timers, long n)
{
    bench_on_worker(b, arm_on_each_worker, &(struct firing_start){b, timers});
    while (atomic_load(&timers->firing->count) < FIRING_A_WORKER * b->workers)
        bench_sleep_until(bench_now() + NS_PER_MS);
    struct remote_user users[REMOTE_THREADS];
    for (int i = 0; i < REMOTE_THREADS; i++)
        users[i] = (struct remote_user){b, random_seeded((uint64_t)i), n / REMOTE_THREADS};
    int64_t start = bench_now();
    bench_run_threads(churn_remotely, users, REMOTE_THREADS, sizeof *users);
    int64_t took = bench_now() - start;
    int result;
    atomic_store(&timers->firing->stop, true);
    for (int i = 0; i < FIRING_A_WORKER * b->workers; i++)
        if ((result = pawl_timer_cancel_sync(&timers[i].timer)) != -EALREADY)
            MUST(result);
    return took;
}

void bench_timer_remote(const struct bench *b)
{
    struct latency latency = {0};
    double ns_per_op[REPS_MAX];
    long n = bench_n(b, REMOTE_THREADS);
    int timers_count = FIRING_A_WORKER * b->workers;
    struct firing firing = {.late_ns = bench_allocate(FIRINGS_MAX, sizeof *firing.late_ns)};
    struct firing_timer *timers = bench_allocate(timers_count, sizeof *timers);
    for (int i = 0; i < timers_count; i++)
        timers[i] = (struct firing_timer){.firing = &firing, .random = random_seeded((uint64_t)i)};
    for (int r = 0; r <= b->reps; r++) {
        atomic_store(&firing.stop, false);
        atomic_store(&firing.count, 0);
        int64_t cpu_ns = bench_cpu_ns(), took = remote_rep(b, timers, n);
        long fired = atomic_load(&firing.count);
        bench_latency_add(&latency, firing.late_ns, fired < FIRINGS_MAX ? fired : FIRINGS_MAX, bench_cpu_ns() - cpu_ns);
        bench_expect(n);
        if (r > 0)
            ns_per_op[r - 1] = (double)took / (double)n;
    }
    bench_report_begin(b, "ns_per_op", n, ns_per_op, b->reps);
    bench_report_lateness(b, &latency);
    bench_report_end();
    free(timers);
    free(firing.late_ns);
}

/* ---- timer_fire ---- */

struct fire_timer {
    struct pawl_timer timer;
    int64_t due;
};

/* The memory of the timers is the program's and is there before the clock starts. */
struct fire {
    struct fire_timer *timers;
    int64_t *late_ns;
    long count;
    int64_t start;
    struct pawl_waker done;
    _Alignas(128) _Atomic long left;
};

/* The timers that one task arms. */
struct fire_share {
    struct fire *fire;
    long index;
};

static void note_lateness(struct pawl_timer *timer, void *arg, int status)
{
    struct fire *fire = arg;
    struct fire_timer *fired = (struct fire_timer *)timer;
    MUST(status);
    bench_tick();
    fire->late_ns[fired - fire->timers] = bench_now() - fired->due;
    /* the last one, before whose wake all samples were written */
    if (atomic_fetch_sub(&fire->left, 1) == 1) {
        struct pawl_waker done = fire->done;
        pawl_waker_wake(&done);
        pawl_waker_drop(&done);
    }
}

static void *arm_share(void *arg)
{
    const struct fire_share *share = arg;
    struct fire *fire = share->fire;
    struct random r = random_seeded((uint64_t)share->index);
    long count = fire->count / TIMER_TASKS;
    struct fire_timer *first = fire->timers + share->index * count;
    for (struct fire_timer *t = first; t < first + count; t++) {
        t->due = fire->start + random_between(&r, 0, NS_PER_S);
        pawl_timer_init(&t->timer, note_lateness, fire);
        MUST(pawl_timer_arm(NULL, &t->timer, (uint64_t)t->due));
    }
    return NULL;
}

static void *fire_all(void *arg)
{
    struct fire *fire = arg;
    struct fire_share shares[TIMER_TASKS];
    pawl_self_waker(&fire->done);
    fire->start = bench_now();
    for (long i = 0; i < TIMER_TASKS; i++)
        shares[i] = (struct fire_share){fire, i};
    bench_run_all(arm_share, shares, TIMER_TASKS, sizeof *shares);
    MUST(pawl_suspend_until(PAWL_NEVER));
    return NULL;
}

void bench_timer_fire(const struct bench *b)
{
    struct latency latency = {0};
    long n = bench_n(b, TIMER_TASKS);
    struct fire fire = {
        .timers = bench_allocate(n, sizeof *fire.timers),
        .late_ns = bench_allocate(n, sizeof *fire.late_ns),
        .count = n,
    };
    for (int r = 0; r <= b->reps; r++) {
        atomic_store(&fire.left, n);
        int64_t cpu_ns = bench_cpu_ns();
        bench_on_worker(b, fire_all, &fire);
        bench_latency_add(&latency, fire.late_ns, n, bench_cpu_ns() - cpu_ns);
        bench_expect(n);
    }
    bench_latency_report(b, &latency, n, true);
    free(fire.timers);
    free(fire.late_ns);
}
