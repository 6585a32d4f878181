/* Waiting a little before trying again; the room for ConcurrencyKit's spin primitive.
 *
 * Each pause is twice as long as the one before. backoff_pause says false after the longest: time to do something else
 * than spin. All of them together take some microseconds. No ordering. */
#ifndef PAWL_BASE_BACKOFF_H
#define PAWL_BASE_BACKOFF_H

#include <ck_pr.h>
#include <stdbool.h>

#ifndef BACKOFF_PAUSES_MAX
#define BACKOFF_PAUSES_MAX 64 /* the model checker shrinks it */
#endif

struct backoff {
    unsigned pauses;
};

/* One breath of a spinning core. */
static inline void cpu_relax(void)
{
    ck_pr_stall();
}

static inline void backoff_init(struct backoff *backoff)
{
    backoff->pauses = 1;
}

static inline bool backoff_pause(struct backoff *backoff)
{
    for (unsigned i = 0; i < backoff->pauses; i++)
        cpu_relax();
    if (backoff->pauses == BACKOFF_PAUSES_MAX)
        return false;
    backoff->pauses *= 2;
    return true;
}

#endif
