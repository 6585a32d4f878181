#include "base/lock.h"

#include "base/backoff.h"

void pawl__lock_slow(struct lock *lock)
{
    struct backoff backoff;
    backoff_init(&backoff);
    do {
        if (lock_try(lock))
            return;
    } while (backoff_pause(&backoff));
    /* From here on the word says CONTENDED while we hold it, since others may sleep. */
    while (exchange_acq_rel_u32(&lock->word, LOCK_CONTENDED) != LOCK_FREE)
        pawl__wait_on(&lock->word, LOCK_CONTENDED, UINT64_MAX);
}
