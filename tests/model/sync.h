/* What the scenarios of the room sync have in common: plain threads, waits that have begun before the threads start,
 * and what calls came to.
 *
 * Each wait that `begin` makes is memory of its own, and gone when the wait has ended; objects are too, where somebody
 * may end them. So a granter that touches either too late is a use after free. */
#ifndef TESTS_MODEL_SYNC_H
#define TESTS_MODEL_SYNC_H

#include <errno.h>
#include <pawl/pawl.h>
#include <pawl/sync.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sync/permits.h"
#include "tools/model/model.h"

enum { ANSWERS = 3 };

static int answer[ANSWERS];
static unsigned written[ANSWERS] __attribute__((unused)); /* plain: before a call that tells others */
static struct pawl_wait *waits[ANSWERS];

static inline const char *name_of(int error)
{
    switch (error) {
    case 0:
        return "0";
    case 1:
        return "1";
    case -EAGAIN:
        return "EAGAIN";
    case -EALREADY:
        return "EALREADY";
    case -ECANCELED:
        return "ECANCELED";
    case -EIO:
        return "EIO";
    case -EPIPE:
        return "EPIPE";
    case -ETIMEDOUT:
        return "ETIMEDOUT";
    default:
        return "?";
    }
}

/* ---- threads ---- */

static inline void run_two(void (*first)(void *), void (*second)(void *))
{
    unsigned t = model_spawn(first, NULL), u = model_spawn(second, NULL);
    model_join(t);
    model_join(u);
}

static inline void run_three(void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    unsigned t = model_spawn(first, NULL), u = model_spawn(second, NULL), v = model_spawn(third, NULL);
    model_join(t);
    model_join(u);
    model_join(v);
}

/* ---- waits ---- */

/* A deadline that may come at any moment, if the scenario has expirations. */
static inline uint64_t soon(void)
{
    return pawl_now(NULL) + PAWL_MS(1);
}

/* The first half of a waiting call, which finds that it has to wait. Any thread may do the second one. */
static inline void begin(unsigned i, struct wait request)
{
    waits[i] = malloc(sizeof *waits[i]);
    pawl_wait_init(waits[i]);
    *wait_private(waits[i]) = request;
    MODEL_ASSERT(pawl__wait_begin(wait_private(waits[i])) == WAIT_QUEUED);
}

static inline int end(unsigned i, uint64_t deadline_ns)
{
    int result = pawl__wait_end(wait_private(waits[i]), deadline_ns);
    free(waits[i]);
    return result;
}

static inline int cancel(unsigned i)
{
    int result = pawl_wait_cancel(waits[i]);
    free(waits[i]);
    return result;
}

static inline bool is_granted(unsigned i)
{
    return waiter_outcome(&wait_private(waits[i])->waiter) != OUTCOME_NONE;
}

/* Threads that do so. */
static inline void end_first(void *unused)
{
    (void)unused;
    answer[0] = end(0, PAWL_NEVER);
}

static inline void end_second(void *unused)
{
    (void)unused;
    answer[1] = end(1, PAWL_NEVER);
}

static inline void end_first_soon(void *unused)
{
    (void)unused;
    answer[0] = end(0, soon());
}

static inline void end_second_soon(void *unused)
{
    (void)unused;
    answer[1] = end(1, soon());
}

static inline void end_third_soon(void *unused)
{
    (void)unused;
    answer[2] = end(2, soon());
}

static inline void cancel_first(void *unused)
{
    (void)unused;
    answer[0] = cancel(0);
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id##_ = {.name = #id, .about = text, .run = id, __VA_ARGS__};
#define ONLY(...)                                                                                                      \
    .outcomes = (const char *const[])                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

#endif
