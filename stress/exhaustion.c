/* Threads and descriptors that run out.
 *
 * thread_exhaustion: pthread_create fails, here and there or from some call on; this program is linked so that the
 * library's calls come here. fd_exhaustion: the limit on descriptors leaves only a few free ones, or a neighbour in the
 * same process takes and returns them meanwhile; what the process has inherited makes no difference.
 *
 * Conserved: creating a runtime returns 0, or the one error that says what is missing and leaves no thread, descriptor
 * or memory behind; a runtime that exists goes on; what was accepted comes once; when there is enough again, all
 * works. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stress/chores.h"
#include "stress/watch.h"

#define TASKS 60
#define FREE_MAX 6      /* a runtime needs 4 descriptors */
#define FILLERS_MAX 256 /* lowest free descriptors that are looked for */

enum { ATTEMPTS, CREATED, NOT_CREATED, ACCEPTED, REFUSED, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [ATTEMPTS] = "attempts", [CREATED] = "created", [NOT_CREATED] = "not_created",
    [ACCEPTED] = "accepted", [REFUSED] = "refused",
};

/* ---- threads that cannot be started ---- */

static struct thread_supply {
    _Atomic bool limited;
    _Atomic int64_t left;          /* so many starts succeed, then none */
    _Atomic uint64_t fail_once_in; /* and of these one in so many fails; 0: none */
    _Atomic uint64_t calls;
} supply;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    if (atomic_load(&supply.limited)) {
        uint64_t once_in = atomic_load(&supply.fail_once_in);
        uint64_t number = atomic_fetch_add(&supply.calls, 1);
        if (atomic_fetch_sub(&supply.left, 1) <= 0 || (once_in != 0 && number % once_in == 0)) {
            pawl_noise_point("pthread_create fails");
            return EAGAIN;
        }
    }
    return __real_pthread_create(thread, attributes, fn, arg);
}

static void limit_threads(struct random *r)
{
    atomic_store(&supply.left, random_once_in(r, 2) ? (int64_t)random_below(r, 8) : INT64_MAX);
    atomic_store(&supply.fail_once_in, random_once_in(r, 2) ? 0 : 1 + random_below(r, 4));
    atomic_store(&supply.calls, random_below(r, 4));
    atomic_store(&supply.limited, true);
}

/* ---- what both have in common ---- */

/* Creates one, or is told `error`. NULL in that case. */
static struct pawl_runtime *try_create(const struct pawl_options *o, int error)
{
    struct pawl_runtime *untouched = (struct pawl_runtime *)(uintptr_t)o, *rt = untouched;
    int result = pawl_runtime_create(&rt, o);
    count(ATTEMPTS);
    if (result == 0) {
        count(CREATED);
        watch_runtime(rt);
        return rt;
    }
    CHECK(result == error && rt == untouched, "pawl_runtime_create returned %d", result);
    count(NOT_CREATED);
    return NULL;
}

static void note_chores(const struct chores *chores)
{
    count_more(ACCEPTED, atomic_load(&chores->accepted));
    count_more(REFUSED, atomic_load(&chores->refused));
}

static void draw_options(struct pawl_options *o, const struct round *round, struct random *r)
{
    stress_options(o, round);
    o->workers = 1 + (int)random_below(r, (uint64_t)round->workers);
    o->blocking_threads_max = 1 + (unsigned)random_below(r, 4);
}

/* ---- thread_exhaustion ---- */

static void starve_of_threads(const struct round *round, struct random *r)
{
    struct chores chores;
    struct pawl_options o;
    uint64_t threads = stress_threads(), seed = random_next(r);
    draw_options(&o, round, r);
    limit_threads(r);
    struct pawl_runtime *rt = try_create(&o, -EAGAIN);
    if (rt == NULL) {
        atomic_store(&supply.limited, false);
        stress_expect_threads(threads);
        rt = stress_runtime_create(&o);
    }
    limit_threads(r);
    chores_init(&chores, rt);
    atomic_store(&chores.allowed_block, -EAGAIN);
    chores_do(&chores, seed, TASKS);
    atomic_store(&supply.limited, false);
    CHECK(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0, "pawl_runtime_wait_idle did not return 0");
    atomic_store(&chores.allowed_block, 0);
    chores_do(&chores, seed, TASKS / 4);
    note_chores(&chores);
    chores_end(&chores, 0);
    stress_expect_threads(threads);
}

static void run_threads(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1);
    while (!round_is_over(round))
        starve_of_threads(round, &r);
}

/* ---- fd_exhaustion ---- */

/* Leaves so many descriptors free, whichever ones the process has: the limit is the number of the next one but those.
 * Nobody else opens any meanwhile. */
static void limit_descriptors(uint64_t free)
{
    struct rlimit limit;
    int fds[FILLERS_MAX];
    CHECK(free < FILLERS_MAX && getrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit on descriptors");
    for (uint64_t i = 0; i <= free; i++) {
        fds[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
        CHECK(fds[i] >= 0, "the process has fewer than %" PRIu64 " descriptors left", free + 1);
    }
    limit.rlim_cur = (rlim_t)fds[free];
    for (uint64_t i = 0; i <= free; i++)
        close(fds[i]);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "the limit on descriptors cannot be set");
}

/* Takes and returns descriptors, so that they run out in the middle of things. */
struct neighbour {
    struct random random;
    _Atomic bool stop;
    pthread_t thread;
};

static void *take_and_return(void *arg)
{
    struct neighbour *neighbour = arg;
    int fds[FREE_MAX];
    while (!atomic_load(&neighbour->stop)) {
        uint64_t wanted = random_below(&neighbour->random, FREE_MAX);
        for (uint64_t i = 0; i < wanted; i++)
            fds[i] = dup(STDERR_FILENO);
        pawl_noise_point(__func__);
        for (uint64_t i = 0; i < wanted; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        pawl_noise_point("between two of its turns");
    }
    return NULL;
}

static void starve_of_descriptors(const struct round *round, struct random *r)
{
    struct chores chores;
    struct pawl_options o;
    struct rlimit before;
    struct neighbour neighbour = {.random = random_seeded(random_next(r), 0)};
    uint64_t descriptors = stress_descriptors(), threads = stress_threads(), seed = random_next(r);
    bool beset = random_once_in(r, 2);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0, "no limit on descriptors");
    draw_options(&o, round, r);
    limit_descriptors(random_below(r, FREE_MAX + 1));
    if (beset)
        stress_thread_start(&neighbour.thread, take_and_return, &neighbour);
    struct pawl_runtime *rt = try_create(&o, -EMFILE);
    if (rt == NULL) {
        if (beset) {
            atomic_store(&neighbour.stop, true);
            stress_thread_join(neighbour.thread);
            beset = false;
        }
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0, "the limit on descriptors cannot be restored");
        stress_expect_descriptors(descriptors);
        stress_expect_threads(threads);
        rt = stress_runtime_create(&o);
        limit_descriptors(0);
    }
    /* A runtime that exists needs none. */
    chores_init(&chores, rt);
    chores_do(&chores, seed, TASKS);
    if (beset) {
        atomic_store(&neighbour.stop, true);
        stress_thread_join(neighbour.thread);
    }
    note_chores(&chores);
    chores_end(&chores, 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0, "the limit on descriptors cannot be restored");
    stress_expect_descriptors(descriptors);
    stress_expect_threads(threads);
}

static void run_descriptors(const struct round *round)
{
    struct random r = random_seeded(round->seed, 2);
    while (!round_is_over(round))
        starve_of_descriptors(round, &r);
}

const struct scenario stress_thread_exhaustion = {
    .name = "thread_exhaustion",
    .about = "threads that cannot be started, for workers and for blocking calls",
    .run = run_threads,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};

const struct scenario stress_fd_exhaustion = {
    .name = "fd_exhaustion",
    .about = "descriptors that run out before and while a runtime is created",
    .run = run_descriptors,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
