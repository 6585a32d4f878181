/* Permits: so many of something, granted first come, first served, some at a time. Mutex, readers-writer lock,
 * semaphore, notify and condition variable are permits with different numbers.
 *
 * One word: permits taken (of a constant limit) and two flags.
 *
 *     flags    who may change the word                   acquire                    release
 *     none     anyone, by compare-and-swap               take, or queue             add
 *     WAITERS  whoever holds the lock, by plain stores   queue, under the lock      hand out, under the lock
 *     CLOSED   anyone, by compare-and-swap               -EPIPE                     add
 *
 * WAITERS is set, under the lock, by a read-modify-write whose result says whether there is need to wait: a release is
 * either before it in the word's order, and its permits are seen, or after it, and sees the flag. It is cleared, under
 * the lock, with the last waiter. CLOSED is set only when nobody waits.
 *
 * Nobody overtakes: while somebody waits nothing is taken but by the first in the queue. Permits that do not suffice
 * for the first stay available in the word, and WAITERS keeps them for it.
 *
 * Who releases what somebody waits for may find the object gone at once. So its last access is the compare-and-swap
 * that adds, or the lock's release before the grants. That a permit may be left over, and be seen, before that release
 * does no harm: whoever was in the queue is still in its call, and ends it by our grant or with the lock.
 *
 * Edge permits.word: a release (acq_rel, or the lock) happens before the acquire that takes its permits (acquire).
 *
 * Threads: any. Blocks: no, but for the lock: a leaf, which a select holds beside those of its other cases. */
#ifndef PAWL_SYNC_PERMITS_H
#define PAWL_SYNC_PERMITS_H

#include "sync/wait.h"

#define PERMITS_WAITERS UINT64_C(1)
#define PERMITS_CLOSED UINT64_C(2)
#define PERMITS_ONE (UINT64_C(1) << 32)

/* Access: A any thread atomic, C constant, L(lock). Zeroed memory: one permit, available. */
struct permits {
    PAWL_ATOMIC(uint64_t) word; /* A taken * PERMITS_ONE | flags */
    struct lock lock;
    uint32_t limit_less_one; /* C */
    struct list waiters;     /* L their counts are in wait.count */
};

static inline uint32_t permits_limit(const struct permits *permits)
{
    return permits->limit_less_one + 1;
}

static inline uint32_t permits_taken(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline void permits_init(struct permits *permits, uint32_t limit, uint32_t taken)
{
    *permits = (struct permits){.limit_less_one = limit - 1};
    store_relaxed_u64(&permits->word, taken * PERMITS_ONE); /* relaxed: nobody knows it yet */
}

/* false: there are not so many, others wait, or it is closed. n: at most the limit. */
static inline bool permits_try(struct permits *permits, uint32_t n)
{
    uint64_t word = load_relaxed_u64(&permits->word); /* relaxed: the compare-and-swap decides */
    do {
        if ((word & (PERMITS_WAITERS | PERMITS_CLOSED)) != 0 || n > permits_limit(permits) - permits_taken(word))
            return false;
    } while (!cas_acquire_relaxed_u64(&permits->word, &word, word + n * PERMITS_ONE)); /* edge permits.word */
    return true;
}

/* n, or as many as are taken. */
static inline uint32_t permits_at_most_taken(uint64_t word, uint32_t n)
{
    if (PAWL_LIKELY(n <= permits_taken(word)))
        return n;
    MISUSE_IF(true,
              "more was released than may be available: an unlock without a lock, or a semaphore beyond its maximum");
    return permits_taken(word);
}

/* Hands n out to those who wait; false: nobody does (any more). */
bool pawl__permits_release_locked(struct permits *permits, uint32_t n);

/* Gives n back, that are taken. */
static inline void permits_release(struct permits *permits, uint32_t n)
{
    uint64_t word = load_relaxed_u64(&permits->word); /* relaxed: the compare-and-swap decides */
    for (;;) {
        if (PAWL_UNLIKELY((word & PERMITS_WAITERS) != 0)) {
            if (pawl__permits_release_locked(permits, n))
                return;
            word = load_relaxed_u64(&permits->word);
            continue;
        }
        n = permits_at_most_taken(word, n);
        if (cas_acq_rel_relaxed_u64(&permits->word, &word, word - n * PERMITS_ONE)) /* edge permits.word */
            return;
    }
}

/* Gives a single one: to whoever has waited longest; if nobody waits it is added if `keep` and there is none yet. */
void pawl__permits_tell_one(struct permits *permits, bool keep);

/* Grants all that wait now, without permits. */
void pawl__permits_tell_all(struct permits *permits);

/* Grants -EPIPE to all that wait and will ever acquire. */
void pawl__permits_close(struct permits *permits);

/* For struct wait: object is the permits, lock theirs, count how many. */
int pawl__permits_attempt(struct wait *wait, struct claimed *claimed);
int pawl__permits_queue(struct wait *wait, struct claimed *claimed);
void pawl__permits_withdrawn(struct wait *wait, struct claimed *claimed);
void pawl__permits_pass_on(struct wait *wait);

/* Kind of the waits for permits that are given back as they were taken. */
extern const struct wait_kind pawl__permits_kind;

static inline struct wait permits_wait(struct permits *permits, uint32_t n)
{
    return (struct wait){.kind = &pawl__permits_kind, .lock = &permits->lock, .object = permits, .count = n};
}

/* The waiting call: n permits by deadline_ns. */
int pawl__permits_acquire(struct permits *permits, uint32_t n, uint64_t deadline_ns);

/* Does somebody wait? As of now. */
static inline bool permits_awaited(const struct permits *permits)
{
    return (load_acquire_u64(&permits->word) & PERMITS_WAITERS) != 0;
}

#endif
