/* Timers that are cancelled, pushed away, or fire by the million. */
#include <stdatomic.h>
#include <stdlib.h>

#include "bench.h"
#include "timers.h"

static void must_not_fire(struct pawl_timer *timer, void *arg, int status)
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
        int64_t ahead_s = 3600 + random_between(&r, 0, 3600);
        pawl_timer_init(&p->timers[i], must_not_fire, NULL);
        MUST(pawl_timer_arm(NULL, &p->timers[i], pawl_now(NULL) + PAWL_SEC(ahead_s)));
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

struct timer_user {
    struct random random;
    long operations;
};

static uint64_t draw_timeout(struct random *r)
{
    return pawl_now(NULL) + (uint64_t)random_between(r, 5 * NS_PER_S, 60 * NS_PER_S);
}

static void yield_sometimes(long i)
{
    if (i % OPERATIONS_PER_YIELD == OPERATIONS_PER_YIELD - 1)
        MUST(pawl_yield());
}

static void *churn(void *arg)
{
    struct timer_user *user = arg;
    for (long i = 0; i < user->operations; i++) {
        struct pawl_timer timer;
        pawl_timer_init(&timer, must_not_fire, NULL);
        MUST(pawl_timer_arm(NULL, &timer, draw_timeout(&user->random)));
        MUST(pawl_timer_cancel(&timer));
        bench_tick();
        yield_sometimes(i);
    }
    return NULL;
}

static void *push_away(void *arg)
{
    struct timer_user *user = arg;
    struct pawl_timer timer;
    pawl_timer_init(&timer, must_not_fire, NULL);
    MUST(pawl_timer_arm(NULL, &timer, pawl_now(NULL) + PAWL_SEC(30)));
    for (long i = 0; i < user->operations; i++) {
        MUST(pawl_timer_reset(&timer, draw_timeout(&user->random)));
        bench_tick();
        yield_sometimes(i);
    }
    MUST(pawl_timer_cancel(&timer));
    return NULL;
}

struct timer_work {
    pawl_task_fn *fn;
    long operations_per_task;
};

static void *use_timers(void *arg)
{
    const struct timer_work *work = arg;
    struct timer_user users[TIMER_TASKS];
    for (long i = 0; i < TIMER_TASKS; i++)
        users[i] = (struct timer_user){random_seeded((uint64_t)i), work->operations_per_task};
    bench_run_all(work->fn, users, TIMER_TASKS, sizeof *users);
    return NULL;
}

static void churn_rep(const struct bench *b)
{
    bench_on_worker(b, use_timers, &(struct timer_work){churn, b->n / TIMER_TASKS});
}

void bench_timer_churn(const struct bench *b)
{
    struct pending_timers others;
    bench_pending_arm(b, &others, OTHER_TIMERS);
    bench_throughput(b, bench_n(b, TIMER_TASKS), churn_rep);
    bench_pending_cancel(&others);
}

static void reset_rep(const struct bench *b)
{
    bench_on_worker(b, use_timers, &(struct timer_work){push_away, b->n / TIMER_TASKS});
}

void bench_timer_reset(const struct bench *b)
{
    bench_throughput(b, bench_n(b, TIMER_TASKS), reset_rep);
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
