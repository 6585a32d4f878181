#include "park/parker.h"

#include "base/memory.h"
#include "base/noise.h"

struct parker *pawl__parker_create(const struct pawl_allocator *allocator, struct driver *driver)
{
    struct parker *parker = pawl__memory_alloc(allocator, sizeof *parker, PAWL_CACHE_LINE);
    if (parker == NULL)
        return NULL;
    parker->driver = driver;
    parker->allocator = *allocator;
    store_relaxed_u32(&parker->refs, 1); /* relaxed: not shared yet */
    return parker;
}

struct parker *pawl__parker_ref(struct parker *parker)
{
    fetch_add_relaxed_u32(&parker->refs, 1); /* relaxed: the caller has a reference, so it cannot go meanwhile */
    return parker;
}

void pawl__parker_unref(struct parker *parker)
{
    /* edge parker.refs: each release is seen by the last one's acquire, which frees */
    if (parker == NULL || fetch_add_acq_rel_u32(&parker->refs, UINT32_MAX) != 1)
        return;
    struct pawl_allocator allocator = parker->allocator;
    pawl__memory_free(&allocator, parker, sizeof *parker, PAWL_CACHE_LINE);
}

/* EMPTY -> parked. false: there was a token, and it is taken. */
static bool begin(struct parker *parker, uint32_t parked)
{
    uint32_t expected = PARKER_EMPTY;
    if (cas_acq_rel_acquire_u32(&parker->state, &expected, parked))
        return true;
    PAWL_ASSERT(expected == PARKER_NOTIFIED);
    exchange_acq_rel_u32(&parker->state, PARKER_EMPTY); /* edge parker.token */
    return false;
}

/* parked -> EMPTY. true: a token had come. */
static bool end(struct parker *parker)
{
    return exchange_acq_rel_u32(&parker->state, PARKER_EMPTY) == PARKER_NOTIFIED; /* edge parker.token */
}

static void park_condvar(struct parker *parker)
{
    if (!begin(parker, PARKER_PARKED_CONDVAR))
        return;
    uint32_t expected;
    do {
        pawl__wait_on(&parker->state, PARKER_PARKED_CONDVAR, UINT64_MAX);
        expected = PARKER_NOTIFIED;
    } while (!cas_acq_rel_relaxed_u32(&parker->state, &expected, PARKER_EMPTY)); /* edge parker.token */
}

void pawl__park_for_token(struct parker *parker)
{
    park_condvar(parker);
}

/* Sleeps once in the reactor; the driver is held. true: a token was taken. */
static bool sleep_in_reactor(struct parker *parker, uint64_t wake_at)
{
    struct driver *driver = parker->driver;
    if (!begin(parker, PARKER_PARKED_DRIVER))
        return true;
    noise_point("parker.token.parked");
    pawl__driver_sleep(driver, wake_at);
    bool notified = end(parker);
    if (notified)
        driver->clock_to_move = false; /* there is something to run first */
    return notified;
}

/* Step 2 of edges driver.wake_at and idle.announce. The others are looked at after the full fence: edge idle.alone. */
static void fence_before_sleep(const struct driver *driver, const struct park_host *host)
{
    fence_full();
    if (!host->alone(host->context))
        pawl__fence_heavy(driver->fences);
}

/* Holds the driver until something is due or a token comes. `looked`: the last look has been taken. */
static unsigned park_driver(struct parker *parker, const struct park_host *host, bool looked)
{
    struct driver *driver = parker->driver;
    unsigned result = 0;
    for (bool told = false; result == 0; told = true) { /* told: of an earlier deadline, it seems; there may be more */
        uint64_t wake_at = pawl__driver_prepare(driver, !told || host->alone(host->context));
        noise_point("driver.wake_at.published");
        fence_before_sleep(driver, host);
        if (!looked && host->last_look(host->context))
            result = PARK_WORK;
        else if (pawl__driver_unchanged(driver, wake_at) && sleep_in_reactor(parker, wake_at))
            result = PARK_NOTIFIED;
        else if (pawl__driver_due(driver, clock_now_ns(driver->clock)))
            result = PARK_DRIVER_HELD;
        noise_point("driver.wake_at.awake");
        pawl__driver_awake(driver);
        looked = true;
    }
    return result | PARK_DRIVER_HELD;
}

/* In the understudy's seat until a token comes or the alarm finds the driver free; *promoted: it is held now.
 * true: a token was taken. */
static bool park_understudy(struct parker *parker, bool *promoted)
{
    struct driver *driver = parker->driver;
    if (!begin(parker, PARKER_PARKED_UNDERSTUDY))
        return true;
    /* A read-modify-write: whoever wrote the descriptor that woke us had read what begin() stored, so ours comes after
     * its exchange. A load might still see the old state, and the wake-up would be spent. relaxed: end() takes the
     * token. */
    while (!*promoted && fetch_add_relaxed_u32(&parker->state, 0) != PARKER_NOTIFIED)
        *promoted = pawl__understudy_wait(&driver->understudy) &&
                    pawl__driver_try_lock(driver); /* edge understudy.alarm, understudy's step 2 */
    parker->rescues += *promoted;
    return end(parker);
}

unsigned pawl__park(struct parker *parker, const struct park_host *host)
{
    struct driver *driver = parker->driver;
    if (pawl__driver_try_lock(driver)) /* edge park.seat, step 2 */
        return park_driver(parker, host, false);
    noise_point("park.seat.driver_taken");
    fence_before_sleep(driver, host);
    if (host->last_look(host->context))
        return PARK_WORK;
    if (!pawl__understudy_try_take(&driver->understudy)) { /* edge park.seat, step 2 */
        park_condvar(parker);
        return PARK_NOTIFIED;
    }
    bool promoted = false;
    bool notified = park_understudy(parker, &promoted);
    pawl__understudy_leave(&driver->understudy); /* edge park.seat, step 1 of who leaves */
    noise_point("park.seat.left");
    host->seat_left(host->context);
    if (notified)
        return PARK_NOTIFIED | (promoted ? PARK_DRIVER_HELD : 0);
    return park_driver(parker, host, true);
}

void pawl__unpark(struct parker *parker)
{
    struct driver *driver = parker->driver;
    uint32_t former = exchange_acq_rel_u32(&parker->state, PARKER_NOTIFIED); /* edge parker.token */
    noise_point("parker.token.left");
    switch (former) {
    case PARKER_PARKED_CONDVAR:
        pawl__wake_one(&parker->state);
        break;
    case PARKER_PARKED_DRIVER:
        pawl__reactor_wake(&driver->reactor);
        break;
    case PARKER_PARKED_UNDERSTUDY:
        pawl__understudy_wake(&driver->understudy);
        break;
    default: /* EMPTY, NOTIFIED: it is awake and will find the token */
        break;
    }
}
