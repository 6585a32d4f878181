/* What the scenarios of pawl-stress share.
 *
 * A scenario runs in rounds, one at a time, each with a seed, a number of workers and an end. In a round it sets real
 * threads and tasks against each other and checks afterwards that nothing was lost and nothing came twice: what it
 * counts are the round's counters, which the watchdog watches too. A round that finds a violation ends the program
 * through stress_fail, with the scenario, the seed and the violated sentence. Schedule noise, of pawl/testing.h, is on
 * in most rounds: the scenarios' own points, and those inside the library where the build has them.
 *
 * Plain threads and tasks call everything here. Times are those of pawl_now. */
#ifndef STRESS_STRESS_H
#define STRESS_STRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pawl/pawl.h>
#include <pawl/testing.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRESS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STRESS_SANITIZED true
#endif
#endif
#ifndef STRESS_SANITIZED
#define STRESS_SANITIZED false
#endif

struct round {
    uint64_t seed;
    int workers;
    uint64_t until_ns;       /* nothing new is begun after this */
    uint64_t operations_max; /* nor after so many, by the scenario's first counter */
    unsigned noise;          /* per mille */
};

struct scenario {
    const char *name;
    const char *about;
    void (*run)(const struct round *round);
    const char *const *counters; /* their names, in the order of the scenario's own enum; NULL ends them. The first one
                                  * counts what --operations asks for */
    uint64_t round_ns;           /* a round's length, if that much time is left */
    int workers_min;
    bool plain_only; /* left out of the default rotation under a sanitizer */
    bool no_noise;   /* it measures time, or makes a million calls */
};

extern const struct scenario stress_spawn_steal_park, stress_timer_storm, stress_shutdown_storm, stress_blocked_worker,
    stress_wake_storm, stress_join_cancel, stress_block_pool, stress_after_cancel, stress_idle_quiet,
    stress_cancel_sync_free, stress_steal_storm, stress_park_storm, stress_clock_jump, stress_clocks, stress_oom,
    stress_thread_exhaustion, stress_fd_exhaustion, stress_timeouts, stress_poll_storm, stress_timer_poll,
    stress_sync_permits, stress_sync_channels, stress_sync_fan, stress_sync_doors;

/* ---- watch.c: counters, and the watchdog that says what does not move ---- */

#define STRESS_COUNTERS_MAX 16

struct stress_counter {
    _Alignas(128) _Atomic uint64_t value;
};
extern struct stress_counter stress_counters[STRESS_COUNTERS_MAX];

static inline void count_more(int counter, uint64_t n)
{
    atomic_fetch_add_explicit(&stress_counters[counter].value, n, memory_order_relaxed);
}

static inline void count(int counter)
{
    count_more(counter, 1);
}

static inline uint64_t counted(int counter)
{
    return atomic_load_explicit(&stress_counters[counter].value, memory_order_relaxed);
}

/* For counters that are figures. */
void stress_count_max(int counter, uint64_t value);

/* Names what the round is about to wait for. */
void stress_phase(const char *phase);

/* Sleeps until the two counters agree; the watchdog ends a wait in which nothing moves. */
void stress_wait_equal(int counter, int other, const char *phase);

/* ---- support.c ---- */

/* Unless `condition` holds, reports the sentence and ends the program with status 1. */
#define CHECK(condition, ...) ((condition) ? (void)0 : stress_fail(__VA_ARGS__))
_Noreturn void stress_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Never NULL; the bytes are zero. */
void *stress_allocate(size_t size);

struct pawl_ledger *stress_ledger_create(uint64_t capacity);

/* Fails unless each of its items came exactly once; then destroys it. */
void stress_ledger_check(struct pawl_ledger *ledger, const char *what);

/* Of the process: entries of /proc/self/fd and of /proc/self/task; each looks again for a while if it is not what was
 * expected, since a thread that was joined may still be seen there. */
void stress_expect_descriptors(uint64_t expected);
void stress_expect_threads(uint64_t expected);
uint64_t stress_descriptors(void);
uint64_t stress_threads(void);

void stress_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);
void stress_thread_join(pthread_t thread);

static inline bool round_is_over(const struct round *round)
{
    return pawl_now(NULL) >= round->until_ns || counted(0) >= round->operations_max;
}

/* From a plain thread. */
void stress_sleep(uint64_t duration_ns);

/* The defaults, but for options drawn that should make no difference, and a hook that reports an impossible state. */
void stress_options(struct pawl_options *o, const struct round *round);

/* Creates a runtime that the watchdog knows. */
struct pawl_runtime *stress_runtime_create(const struct pawl_options *o);

/* Shuts down, however often it takes; then it no longer is the watchdog's. */
void stress_runtime_shutdown(struct pawl_runtime *rt, uint64_t grace_ns);
void stress_runtime_destroy(struct pawl_runtime *rt);

/* ---- random.c ---- */

/* xorshift64*; one owner. */
struct random {
    uint64_t state;
};

/* The sequence number `stream` of those that follow from a seed. */
struct random random_seeded(uint64_t seed, uint64_t stream);
uint64_t random_next(struct random *r);

/* 0 <= result < limit */
uint64_t random_below(struct random *r, uint64_t limit);

/* True once in n times. */
bool random_once_in(struct random *r, uint64_t n);

#endif
