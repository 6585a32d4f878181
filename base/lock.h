/* A mutual exclusion lock of one word: spins briefly, then sleeps, so that a preempted holder costs its waiters no CPU.
 *
 * Data under a lock stays plain. Edge lock.word: unlock's release pairs with the next lock's acquire; the right handed
 * over is everything that the lock guards. Not recursive, not fair. Leaf lock unless its owner says what nests in it.
 * Zeroed memory is an unlocked lock. Source: U. Drepper, Futexes Are Tricky, mutex 3. */
#ifndef PAWL_BASE_LOCK_H
#define PAWL_BASE_LOCK_H

#include "base/assert.h"
#include "base/atomic.h"
#include "base/wait.h"

enum { LOCK_FREE = 0, LOCK_HELD = 1, LOCK_CONTENDED = 2 /* held, and somebody may sleep on it */ };

struct lock {
    PAWL_ATOMIC(uint32_t) word;
};

void pawl__lock_slow(struct lock *lock);

#if defined(PAWL_MODEL) && !defined(PAWL_MODEL_LOCK)
/* The checker's own, a step each: the lock below is checked by a scenario of its own, and trusted by all others. */
#include "tools/model/veneer.h"
#define lock_try(lock) model__try_lock(&(lock)->word, MODEL__SITE("try " #lock))
#define lock_acquire(lock) model__lock(&(lock)->word, MODEL__SITE(#lock))
#define lock_acquire_noting(lock) (lock_acquire(lock), false)
#define lock_release(lock) model__unlock(&(lock)->word, MODEL__SITE("release " #lock))
#else
static inline bool lock_try(struct lock *lock)
{
    uint32_t expected = LOCK_FREE;
    return load_relaxed_u32(&lock->word) == LOCK_FREE && /* relaxed: a look before the RMW that decides */
           cas_acquire_relaxed_u32(&lock->word, &expected, LOCK_HELD);
}

static inline void lock_acquire(struct lock *lock)
{
    uint32_t expected = LOCK_FREE;
    if (PAWL_UNLIKELY(!cas_acquire_relaxed_u32(&lock->word, &expected, LOCK_HELD)))
        pawl__lock_slow(lock);
}

/* The same; true: it was held by somebody else. */
static inline bool lock_acquire_noting(struct lock *lock)
{
    uint32_t expected = LOCK_FREE;
    if (PAWL_LIKELY(cas_acquire_relaxed_u32(&lock->word, &expected, LOCK_HELD)))
        return false;
    pawl__lock_slow(lock);
    return true;
}

static inline void lock_release(struct lock *lock)
{
    if (PAWL_UNLIKELY(exchange_acq_rel_u32(&lock->word, LOCK_FREE) == LOCK_CONTENDED))
        pawl__wake_one(&lock->word);
}
#endif

#endif
