/* pthread_mutex_t on plain threads. --workers has no meaning here: each contender is a thread. */
#include <pthread.h>
#include <sched.h>

#include "../peer.h"

#define CONTENDERS 64
#define HOLD_NS (10 * NS_PER_US)

#define MUST(call) ((call) == 0 ? (void)0 : peer_fail(#call))

struct shared {
    pthread_mutex_t mutex;
    long counter; /* what the mutex guards */
    long granted; /* any thread, atomic */
};

/* How long acquisitions waited: by the clock, and in how many others got it meanwhile. */
struct waits {
    long count;
    int64_t sum_ns, max_ns, sum_turns, max_turns;
};

struct contender {
    struct shared *shared;
    long rounds;
    struct waits waits;
};

/* ---- the lock alone, and contended ---- */

static void *hold_briefly(void *arg)
{
    struct contender *contender = arg;
    struct shared *shared = contender->shared;
    for (long i = 0; i < contender->rounds; i++) {
        MUST(pthread_mutex_lock(&shared->mutex));
        shared->counter++;
        MUST(pthread_mutex_unlock(&shared->mutex));
        peer_tick();
    }
    return NULL;
}

/* Runs so many contenders, n rounds in all; their waits are added up. */
static struct waits contend(void *run(void *contender), long n, int count)
{
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct contender contenders[CONTENDERS];
    pthread_t threads[CONTENDERS];
    struct waits all = {0};
    for (int i = 0; i < count; i++) {
        contenders[i] = (struct contender){.shared = &shared, .rounds = n / count};
        MUST(pthread_create(&threads[i], NULL, run, &contenders[i]));
    }
    for (int i = 0; i < count; i++) {
        MUST(pthread_join(threads[i], NULL));
        const struct waits *w = &contenders[i].waits;
        all.count += w->count;
        all.sum_ns += w->sum_ns;
        all.sum_turns += w->sum_turns;
        all.max_ns = w->max_ns > all.max_ns ? w->max_ns : all.max_ns;
        all.max_turns = w->max_turns > all.max_turns ? w->max_turns : all.max_turns;
    }
    if (shared.counter != n)
        peer_fail("the counter is wrong");
    return all;
}

/* On a thread of its own: while a process has only one, glibc's locks are no atomic operations. */
static void alone_rep(long n)
{
    contend(hold_briefly, n, 1);
}

static void contended_rep(long n)
{
    contend(hold_briefly, n, CONTENDERS);
}

/* ---- fairness ---- */

static void add_wait(struct waits *w, int64_t ns, int64_t turns)
{
    w->count++;
    w->sum_ns += ns;
    w->sum_turns += turns;
    w->max_ns = ns > w->max_ns ? ns : w->max_ns;
    w->max_turns = turns > w->max_turns ? turns : w->max_turns;
}

static void *hold_long(void *arg)
{
    struct contender *contender = arg;
    struct shared *shared = contender->shared;
    struct waits waits = {0};
    for (long i = 0; i < contender->rounds; i++) {
        long before = __atomic_load_n(&shared->granted, __ATOMIC_RELAXED);
        int64_t asked = peer_now();
        MUST(pthread_mutex_lock(&shared->mutex));
        int64_t waited = peer_now() - asked;
        add_wait(&waits, waited, __atomic_fetch_add(&shared->granted, 1, __ATOMIC_RELAXED) - before);
        shared->counter++;
        peer_spin(HOLD_NS);
        sched_yield();
        MUST(pthread_mutex_unlock(&shared->mutex));
        peer_tick();
    }
    contender->waits = waits;
    return NULL;
}

static void measure_fairness(long n)
{
    double ratio[REPS_MAX], turns[REPS_MAX], mean_us[REPS_MAX], max_us = 0;
    for (int r = 0; r <= peer.reps; r++) {
        struct waits waits = contend(hold_long, n, CONTENDERS);
        peer_expect(n);
        if (r == 0)
            continue;
        double mean_ns = (double)waits.sum_ns / (double)waits.count, max_ns = (double)waits.max_ns;
        ratio[r - 1] = max_ns / mean_ns;
        turns[r - 1] = (double)waits.max_turns * (double)waits.count / (double)waits.sum_turns;
        mean_us[r - 1] = mean_ns / NS_PER_US;
        max_us = max_ns / NS_PER_US > max_us ? max_ns / NS_PER_US : max_us;
    }
    peer_print("longest_per_mean", n, ratio);
    printf(",\"turns\":%.5g,\"mean_us\":%.5g,\"max_us\":%.5g}\n", peer_median(turns), peer_median(mean_us), max_us);
}

static bool asked_for(const char *workload, const char *same)
{
    return strcmp(peer.workload, workload) == 0 || strcmp(peer.workload, same) == 0;
}

int main(int argc, char **argv)
{
    peer_parse(argc, argv, "pthread");
    if (asked_for("mutex_uncontended", "mutex_uncontended_thread"))
        peer_throughput(peer_n(10000000, 1), alone_rep);
    else if (asked_for("mutex_contended", "mutex_threads"))
        peer_throughput(peer_n(asked_for("mutex_contended", "") ? 1000000 : 200000, CONTENDERS), contended_rep);
    else if (asked_for("mutex_fair", "mutex_fair_threads"))
        measure_fairness(peer_n(12800, CONTENDERS));
    else
        peer_skip();
    return 0;
}
