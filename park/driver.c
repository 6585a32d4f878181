#include "park/driver.h"

#include "base/noise.h"

int pawl__driver_init(struct driver *driver, const struct clock *clock, const struct fences *fences,
                      struct shard *shards, unsigned shard_count)
{
    *driver = (struct driver){.clock = clock, .fences = fences};
    int error = pawl__reactor_init(&driver->reactor);
    if (error != 0)
        return error;
    if (clock->kind == PAWL_CLOCK_BOOTTIME)
        error = pawl__reactor_open_alarm(&driver->reactor);
    if (error == 0)
        error = pawl__understudy_init(&driver->understudy);
    if (error != 0) {
        pawl__reactor_fini(&driver->reactor);
        return error;
    }
    driver->shards = shards; /* from here on there is something to fini */
    driver->shard_count = shard_count;
    return 0;
}

void pawl__driver_fini(struct driver *driver)
{
    pawl__understudy_fini(&driver->understudy);
    pawl__reactor_fini(&driver->reactor);
}

bool pawl__driver_try_lock(struct driver *driver)
{
    uint32_t expected = 0;
    return load_seq_cst_u32(&driver->held) == 0 && cas_seq_cst_u32(&driver->held, &expected, 1);
}

void pawl__driver_unlock(struct driver *driver)
{
    exchange_seq_cst_u32(&driver->held, 0);
}

static uint64_t next_deadline(const struct shard *shard)
{
    return load_relaxed_u64(&shard->next_deadline); /* relaxed: the fences order it; the shard's lock guards the rest */
}

/* The shard with the earliest deadline. */
static struct shard *earliest_shard(const struct driver *driver)
{
    struct shard *earliest = &driver->shards[0];
    for (unsigned i = 1; i < driver->shard_count; i++)
        if (next_deadline(&driver->shards[i]) < next_deadline(earliest))
            earliest = &driver->shards[i];
    return earliest;
}

/* Published deadlines may be too early, since cancelling and resetting to later do not touch them. The one that would
 * be slept toward is made exact, until it is the earliest all the same. */
static uint64_t exact_deadline(const struct driver *driver)
{
    for (;;) {
        struct shard *shard = earliest_shard(driver);
        uint64_t published = next_deadline(shard);
        if (published == PAWL_NEVER)
            return PAWL_NEVER;
        noise_point("shard.next_deadline.read");
        pawl__shard_settle(shard);
        if (next_deadline(shard) <= published)
            return published;
    }
}

/* The earlier of wake_at and when to look again beside others. */
static uint64_t beside_others(const struct driver *driver, uint64_t wake_at)
{
    if (driver->clock->now_ns != NULL)
        return wake_at;
    uint64_t look_ns = pawl_saturating_add(monotonic_now_ns(), DRIVER_BESIDE_NS);
    return look_ns < wake_at ? look_ns : wake_at;
}

uint64_t pawl__driver_prepare(struct driver *driver, bool alone)
{
    uint64_t wake_at = exact_deadline(driver);
    if (!alone)
        wake_at = beside_others(driver, wake_at);
    if (wake_at == 0)
        wake_at = 1; /* 0 says awake */
    store_release_u64(&driver->wake_at, wake_at); /* edge driver.wake_at, sleeper's step 1 */
    return wake_at;
}

bool pawl__driver_unchanged(const struct driver *driver, uint64_t wake_at)
{
    for (unsigned i = 0; i < driver->shard_count; i++)
        if (next_deadline(&driver->shards[i]) < wake_at) /* edge driver.wake_at, sleeper's step 3 */
            return false;
    return true;
}

/* On a clock of which nobody knows how fast it goes. */
static void nap(struct driver *driver, uint64_t wake_at, uint64_t left_ns)
{
    uint64_t began_ns = monotonic_now_ns(), most_ns = wake_at == PAWL_NEVER ? PAWL_NEVER : DRIVER_LOOK_NS;
    uint64_t nap_ns = left_ns > driver->nap_ns ? left_ns : driver->nap_ns;
    pawl__reactor_wait(&driver->reactor, nap_ns < most_ns ? nap_ns : most_ns);
    bool slow = monotonic_now_ns() - began_ns >= left_ns && clock_now_ns(driver->clock) < wake_at;
    uint64_t longer_ns = 2 * driver->nap_ns + DRIVER_NAP_MIN_NS;
    driver->nap_ns = !slow ? 0 : longer_ns < DRIVER_NAP_MAX_NS ? longer_ns : DRIVER_NAP_MAX_NS;
}

static void sleep_on_other_clock(struct driver *driver, uint64_t wake_at, uint64_t left_ns)
{
    const struct clock *clock = driver->clock;
    if (clock->kind == PAWL_CLOCK_BOOTTIME) {
        pawl__reactor_set_alarm(&driver->reactor, wake_at);
        pawl__reactor_wait(&driver->reactor, PAWL_NEVER);
    } else if (clock->kind == PAWL_CLOCK_MANUAL) {
        uint64_t rest_ns = clock->rest_ns(clock->context, wake_at);
        driver->clock_to_move = rest_ns == 0;
        pawl__reactor_wait(&driver->reactor, rest_ns);
    } else {
        nap(driver, wake_at, left_ns);
    }
}

/* When the next turn may be; on another clock nobody knows how much later that is. */
static uint64_t next_turn(const struct driver *driver)
{
    return driver->clock->now_ns == NULL ? pawl__driver_turned_at(driver) + driver->spacing_ns : 0;
}

void pawl__driver_sleep(struct driver *driver, uint64_t wake_at)
{
    uint64_t now_ns = wake_at == PAWL_NEVER ? 0 : clock_now_ns(driver->clock);
    if (PAWL_UNLIKELY(wake_at < next_turn(driver))) {
        pawl__driver_awake(driver); /* as good as: it will look at all shards in no more than the spacing */
        wake_at = next_turn(driver);
    }
    if (now_ns >= wake_at)
        return;
    uint64_t left_ns = wake_at == PAWL_NEVER ? PAWL_NEVER : wake_at - now_ns;
    if (PAWL_LIKELY(driver->clock->now_ns == NULL))
        pawl__reactor_wait(&driver->reactor, left_ns);
    else
        sleep_on_other_clock(driver, wake_at, left_ns);
}

void pawl__driver_awake(struct driver *driver)
{
    store_release_u64(&driver->wake_at, 0);
}

bool pawl__driver_due(const struct driver *driver, uint64_t now_ns)
{
    return driver->clock_to_move || !pawl__driver_unchanged(driver, now_ns == UINT64_MAX ? now_ns : now_ns + 1);
}

/* Turns a shard; how many timers that fired. */
static uint64_t turn_shard(struct driver *driver, struct shard *shard, uint64_t until_ns, uint64_t now_ns)
{
    uint64_t before = load_relaxed_u64(&shard->fired); /* relaxed: a measure of load */
    pawl__shard_turn_until(shard, clock_tick_at(driver->clock, until_ns), clock_tick_at(driver->clock, now_ns));
    return load_relaxed_u64(&shard->fired) - before;
}

static bool is_overdue(uint64_t deadline_ns, uint64_t now_ns)
{
    return deadline_ns != 0 && now_ns - deadline_ns >= DRIVER_OVERDUE_NS; /* 0: left by a turn that had its fill */
}

static void adapt_spacing(struct driver *driver, uint64_t fired)
{
    uint64_t passed_ns = pawl__driver_turned_at(driver) - driver->window_began_ns;
    driver->window_fired += fired;
    if (passed_ns < DRIVER_WINDOW_NS)
        return;
    uint64_t rate = driver->window_fired * 1000000 / passed_ns;
    uint64_t spacing_ns = rate > DRIVER_CALM_RATE ? (rate - DRIVER_CALM_RATE) * DRIVER_SPACING_STEP_NS : 0;
    driver->spacing_ns = spacing_ns < DRIVER_SPACING_MAX_NS ? spacing_ns : DRIVER_SPACING_MAX_NS;
    driver->window_began_ns += passed_ns;
    driver->window_fired = 0;
}

/* Up to when a calm turn goes. */
static uint64_t until_first(const struct driver *driver, uint64_t now_ns)
{
    uint64_t first_ns = next_deadline(earliest_shard(driver));
    bool in_time = first_ns <= now_ns && now_ns - first_ns < DRIVER_OVERDUE_NS;
    return in_time && driver->spacing_ns == 0 && driver->clock->now_ns == NULL ? first_ns : now_ns;
}

unsigned pawl__driver_turn(struct driver *driver, uint64_t now_ns, bool calm)
{
    uint64_t fired = 0, until_ns = calm ? until_first(driver, now_ns) : now_ns;
    unsigned overdue = 0;
    /* relaxed: see pawl__driver_turned_at */
    store_relaxed_u64(&driver->turned_at, monotonic_beside_clock(driver->clock, now_ns));
    for (unsigned i = 0; i < driver->shard_count; i++) {
        uint64_t deadline_ns = next_deadline(&driver->shards[i]);
        if (deadline_ns > until_ns)
            continue;
        overdue += is_overdue(deadline_ns, now_ns);
        fired += turn_shard(driver, &driver->shards[i], until_ns, now_ns);
    }
    adapt_spacing(driver, fired);
    /* What the turns published needs no step 3: nobody sleeps in the driver while we hold it. */
    return overdue;
}

bool pawl__driver_deadline_moved(struct driver *driver, uint64_t deadline_ns, bool by_worker)
{
    noise_point("shard.next_deadline.published");
    if (by_worker)
        fence_light(driver->fences); /* edge driver.wake_at, armer's step 2 */
    else
        fence_full(); /* the same: edge idle.alone */
    uint64_t wake_at = load_relaxed_u64(&driver->wake_at); /* step 3; relaxed: ordered by the fence */
    while (wake_at > deadline_ns)
        /* Whoever takes wake_at back to awake writes the descriptor, once for all who armed. If the driver went through
         * a whole sleep in between and wakes for nothing, no harm is done. */
        if (cas_acq_rel_relaxed_u64(&driver->wake_at, &wake_at, 0)) {
            noise_point("driver.wake_at.taken");
            pawl__reactor_wake(&driver->reactor);
            return true;
        }
    return false;
}
