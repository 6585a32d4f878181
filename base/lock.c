#include "base/lock.h"

#include "base/backoff.h"

/* Whoever holds it is likely to want it again soon, and has what it guards at hand. To stand back at first, for some of
 * its turns, costs less than to send the cache lines to and fro with each turn: two workers that hammer one channel do
 * twice as much. */
enum { FIRST_PAUSES = BACKOFF_PAUSES_MAX >= 16 ? 16 : 1 };

void pawl__lock_slow(struct lock *lock)
{
    struct backoff backoff = {.pauses = FIRST_PAUSES};
    while (backoff_pause(&backoff))
        if (lock_try(lock))
            return;
    /* From here on the word says CONTENDED while we hold it, since others may sleep. */
    while (exchange_acq_rel_u32(&lock->word, LOCK_CONTENDED) != LOCK_FREE)
        pawl__wait_on(&lock->word, LOCK_CONTENDED, UINT64_MAX);
}
