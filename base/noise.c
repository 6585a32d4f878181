#define _GNU_SOURCE
#include "base/noise.h"

#include <errno.h>
#include <pawl/testing.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/assert.h"
#include "base/atomic.h"
#include "base/backoff.h"
#include "base/random.h"

enum { SLEEP_NS_MAX = 100000, SPINS_MAX = 300 };

extern PAWL_ATOMIC(uint32_t) pawl__noise_per_mille; /* declared here too: builds without marks have it for the user's */
void pawl__noise_pass(const char *mark);

PAWL_ATOMIC(uint32_t) pawl__noise_per_mille; /* process-wide: A threads are the process's; 0: off */
static PAWL_ATOMIC(uint64_t) current_seed;   /* process-wide: A as above */
static PAWL_ATOMIC(uint32_t) starts;         /* process-wide: A counts pawl_noise_start, so that streams begin anew */
static PAWL_ATOMIC(uint64_t) streams;        /* process-wide: A streams given to threads since the last start */
static PAWL_ATOMIC(uint64_t) disturbed;      /* process-wide: A passes */

/* All relaxed: noise must not order anything. A thread that mixes two starts up for a moment draws other numbers. */

struct stream {
    struct random random;
    uint32_t start; /* that it belongs to; 0: none yet */
};

static _Thread_local struct stream thread_stream;

static struct random *stream_of_thread(uint64_t seed)
{
    struct stream *stream = &thread_stream;
    uint32_t start = load_relaxed_u32(&starts);
    if (stream->start != start) {
        random_init(&stream->random, seed, fetch_add_relaxed_u64(&streams, 1));
        stream->start = start;
    }
    return &stream->random;
}

/* Seeds differ in which marks they favour: at a quarter of them nothing happens, at an eighth it does eight times as
 * often. */
static uint32_t chance_at(const char *mark, uint64_t seed, uint32_t per_mille)
{
    uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char *c = mark == NULL ? "" : mark; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    switch ((hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 61) {
    case 0:
    case 1:
        return 0;
    case 2:
        return 8 * per_mille;
    default:
        return per_mille;
    }
}

static void disturb(struct random *random)
{
    struct timespec pause = {0};
    switch (random_below(random, 8)) {
    case 0:
        pause.tv_nsec = 1 + (long)random_below(random, SLEEP_NS_MAX);
        nanosleep(&pause, NULL);
        break;
    case 1:
    case 2:
    case 3:
        sched_yield();
        break;
    default:
        for (uint32_t spins = random_below(random, SPINS_MAX); spins > 0; spins--)
            cpu_relax();
        break;
    }
}

void pawl__noise_pass(const char *mark)
{
    uint64_t seed = load_relaxed_u64(&current_seed);
    struct random *random = stream_of_thread(seed);
    if (random_below(random, 1000) >= chance_at(mark, seed, load_relaxed_u32(&pawl__noise_per_mille)))
        return;
    int error = errno;
    fetch_add_relaxed_u64(&disturbed, 1);
    disturb(random);
    errno = error;
}

/* ---- the public calls ---- */

bool pawl_noise_inside(void)
{
#ifdef PAWL_NOISE
    return true;
#else
    return false;
#endif
}

void pawl_noise_start(uint64_t seed, unsigned per_mille)
{
    store_relaxed_u64(&current_seed, seed);
    store_relaxed_u64(&streams, 0);
    if (fetch_add_relaxed_u32(&starts, 1) == UINT32_MAX) /* 0 is for threads that have no stream */
        fetch_add_relaxed_u32(&starts, 1);
    store_relaxed_u32(&pawl__noise_per_mille, per_mille > 1000 ? 1000 : per_mille);
}

void pawl_noise_stop(void)
{
    store_relaxed_u32(&pawl__noise_per_mille, 0);
}

void pawl_noise_point(const char *mark)
{
    if (PAWL_UNLIKELY(load_relaxed_u32(&pawl__noise_per_mille) != 0))
        pawl__noise_pass(mark);
}

uint64_t pawl_noise_count(void)
{
    return load_relaxed_u64(&disturbed);
}

static uint64_t draw_seed(void)
{
    uint32_t seed = 0;
    struct timespec now;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint32_t)now.tv_nsec;
    }
    return seed != 0 ? seed : 1;
}

uint64_t pawl_seed_choose(const char *variable)
{
    const char *text = variable == NULL ? NULL : getenv(variable);
    if (text == NULL)
        return draw_seed();
    char *end;
    unsigned long long seed = strtoull(text, &end, 0);
    return end != text && *end == '\0' && seed > 0 && seed <= UINT32_MAX ? seed : draw_seed();
}
