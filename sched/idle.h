/* Idle set: which workers sleep, how many search, and whom to wake. It holds up P1: no runnable task waits while a
 * worker sleeps.
 *
 * One word counts sleeping and searching workers; a bitmap says who sleeps. Whoever clears a worker's bit has claimed
 * it: only the claimer moves it from sleeping to searching in the word, and then unparks it. A worker that wakes for
 * another reason claims itself; if it was claimed before it could, a token is on its way to it.
 *
 * Edge idle.announce:
 *     who makes a task ready                       who goes to sleep
 *     1. queue it                                  1. set its bit; then, in the word, sleeping + 1, searching - 1
 *     2. fence_light; who is no worker: fence_full 2. fence_heavy, or edge idle.alone (in pawl__park)
 *     3. load the word: nobody searches and        3. if step 1 left nobody searching: look at every queue; always:
 *        somebody sleeps? claim a bit, wake it        at its own inbox
 * Left sees neither searcher nor sleeper: then whoever announces itself later has step 3 right still to come, or leaves
 *     a searcher behind.
 * Left sees a sleeper: its bit was set before (acquire), so it can be claimed, or has been and is being woken.
 * Left sees a searcher: that one, or the last one after it, ends its search later than our load. If it goes to sleep,
 *     step 3 right finds our task; if it has found work while somebody sleeps, it looks at every queue, after a heavy
 *     fence, and wakes another (stop_searching, sched/worker.c).
 *
 * Edge idle.alone, which spares the heavy fence when nobody else is awake:
 *     who wakes up                                 who goes to sleep
 *     1. is no longer counted as asleep            1. what step 2 above is to come after
 *     2. fence_full                                2. fence_full
 *     3. what a light fence is to come after       3. load the word: are all others asleep?
 * Right sees it awake: then a heavy fence follows. Right sees it asleep: then right's fence comes before the one of who
 *     wakes up, so whatever that one looks for behind its light fences, it finds what right did in step 1. Threads that
 *     are no workers are counted nowhere, so they pass full fences in place of light ones.
 *
 * At most half of the workers search. The last searcher that finds work wakes another, so wake-ups spread as a chain
 * and a spawner pays for at most one.
 *
 * Threads: any. Blocks: no. seq_cst on the word: edge park.seat (park/parker.h) needs it too. */
#ifndef PAWL_SCHED_IDLE_H
#define PAWL_SCHED_IDLE_H

#include "base/assert.h"
#include "base/atomic.h"

enum { IDLE_NOBODY = -1 };

#define IDLE_SEARCHING UINT64_C(1)
#define IDLE_SLEEPING (UINT64_C(1) << 32)

/* Access: C constant after init, A any thread atomic */
struct idle {
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) word; /* A searching | sleeping << 32 */
    unsigned workers;                                     /* C */
    PAWL_ATOMIC(uint64_t) *asleep;                        /* A (workers + 63) / 64 words */
};

static inline uint32_t idle_sleeping(const struct idle *idle)
{
    return (uint32_t)(load_seq_cst_u64(&idle->word) >> 32);
}

/* Should whoever made a task ready wake a worker? After the fence: step 3. */
static inline bool idle_wants_wake(const struct idle *idle)
{
    uint64_t word = load_acquire_u64(&idle->word); /* after the fence; acquire: the sleepers' bits are there to be seen */
    return (uint32_t)word == 0 && word != 0;
}

/* May the caller become a searcher? Then it counts as one. */
static inline bool idle_try_search(struct idle *idle)
{
    uint64_t word = load_relaxed_u64(&idle->word); /* relaxed: the limit is a rule of thumb */
    if (2 * (uint64_t)(uint32_t)word >= idle->workers)
        return false;
    fetch_add_seq_cst_u64(&idle->word, IDLE_SEARCHING);
    return true;
}

/* A searcher has found work. true: it was the last one. */
static inline bool idle_stop_searching(struct idle *idle)
{
    return (uint32_t)fetch_add_seq_cst_u64(&idle->word, -IDLE_SEARCHING) == 1;
}

/* Step 1 of going to sleep. true: nobody searches now, so step 3 looks at every queue. A claimer may be quicker than
 * our addition to the word: its upper half is then -1 for a moment, which reads as somebody asleep. */
static inline bool idle_announce(struct idle *idle, unsigned worker, bool searching)
{
    uint64_t searchers = searching ? IDLE_SEARCHING : 0;
    fetch_or_seq_cst_u64(&idle->asleep[worker / 64], UINT64_C(1) << (worker % 64));
    return (uint32_t)(fetch_add_seq_cst_u64(&idle->word, IDLE_SLEEPING - searchers) - searchers) == 0;
}

/* Claims a sleeping worker, which then counts as awake, and as a searcher if so said. false: somebody else did. */
static inline bool idle_claim(struct idle *idle, unsigned worker, bool searching)
{
    uint64_t bit = UINT64_C(1) << (worker % 64);
    if ((fetch_and_seq_cst_u64(&idle->asleep[worker / 64], ~bit) & bit) == 0)
        return false;
    fetch_add_seq_cst_u64(&idle->word, (searching ? IDLE_SEARCHING : 0) - IDLE_SLEEPING);
    return true;
}

static inline bool idle_is_asleep(const struct idle *idle, unsigned worker)
{
    return (load_relaxed_u64(&idle->asleep[worker / 64]) >> (worker % 64) & 1) != 0; /* relaxed: after a fence */
}

/* The next sleeping worker at or after `from`, or IDLE_NOBODY. */
static inline int idle_next_asleep(const struct idle *idle, unsigned from)
{
    for (unsigned word = from / 64; word * 64 < idle->workers; word++) {
        uint64_t bits = load_relaxed_u64(&idle->asleep[word]); /* relaxed: idle_claim decides */
        if (word == from / 64)
            bits &= UINT64_MAX << (from % 64);
        if (bits != 0)
            return (int)(word * 64) + __builtin_ctzll(bits);
    }
    return IDLE_NOBODY;
}

#endif
