/* The parker, the driver's sleep and the understudy, with real threads and descriptors. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "park/parker.h"

enum { LEVELS = 7, SHARDS = 2 };

static const struct pawl_allocator libc_allocator;

struct fixture {
    struct clock clock;
    struct fences fences;
    struct wheel_level *levels;
    struct shard *shards;
    struct driver *driver;
    struct parker *parker;
};

static void set_up(struct fixture *f)
{
    f->clock = (struct clock){.tick_ns = 32768};
    pawl__fences_init(&f->fences);
    f->levels = pawl__memory_alloc(&libc_allocator, SHARDS * LEVELS * sizeof *f->levels, 128);
    f->shards = pawl__memory_alloc(&libc_allocator, SHARDS * sizeof *f->shards, 128);
    f->driver = pawl__memory_alloc(&libc_allocator, sizeof *f->driver, 128);
    for (unsigned i = 0; i < SHARDS; i++)
        pawl__shard_init(&f->shards[i], &f->clock, i + 1, &f->levels[i * LEVELS], LEVELS);
    cr_assert_eq(pawl__driver_init(f->driver, &f->clock, &f->fences, f->shards, SHARDS), 0);
    f->parker = pawl__parker_create(&libc_allocator, f->driver);
}

static void tear_down(struct fixture *f)
{
    pawl__parker_unref(f->parker);
    pawl__driver_fini(f->driver);
    free(f->driver);
    free(f->shards);
    free(f->levels);
}

#define PARK_TEST(name)                                                                                                \
    static void name(struct fixture *f);                                                                               \
    Test(park, name)                                                                                                   \
    {                                                                                                                  \
        struct fixture f;                                                                                              \
        set_up(&f);                                                                                                    \
        name(&f);                                                                                                      \
        tear_down(&f);                                                                                                 \
    }                                                                                                                  \
    static void name(struct fixture *f)

/* ---- a worker that parks ---- */

struct sleeper {
    struct parker *parker;
    struct fixture *fixture;
    atomic_int looks, seats_left;
    bool has_work;
    unsigned result;
    pthread_t thread;
};

static bool look(void *context)
{
    struct sleeper *sleeper = context;
    atomic_fetch_add(&sleeper->looks, 1);
    return sleeper->has_work;
}

static void note_seat_left(void *context)
{
    atomic_fetch_add(&((struct sleeper *)context)->seats_left, 1);
}

static bool is_alone(void *context)
{
    (void)context;
    return true;
}

static unsigned park_now(struct sleeper *sleeper)
{
    const struct park_host host = {.last_look = look, .seat_left = note_seat_left, .alone = is_alone, .context = sleeper};
    return pawl__park(sleeper->parker, &host);
}

static void *park_once(void *arg)
{
    struct sleeper *sleeper = arg;
    sleeper->result = park_now(sleeper);
    if ((sleeper->result & PARK_DRIVER_HELD) != 0) {
        pawl__driver_turn(sleeper->fixture->driver, clock_now_ns(&sleeper->fixture->clock), false);
        pawl__driver_unlock(sleeper->fixture->driver);
    }
    return NULL;
}

static uint32_t state_of(const struct parker *parker)
{
    return load_acquire_u32((PAWL_ATOMIC(uint32_t) *)&parker->state);
}

/* Starts a thread that parks, and waits until it sleeps at that place. */
static void start(struct sleeper *sleeper, struct fixture *f, uint32_t place)
{
    *sleeper = (struct sleeper){.parker = pawl__parker_create(&libc_allocator, f->driver), .fixture = f};
    cr_assert_eq(pthread_create(&sleeper->thread, NULL, park_once, sleeper), 0);
    while (state_of(sleeper->parker) != place)
        sched_yield();
}

static void finish(struct sleeper *sleeper)
{
    pthread_join(sleeper->thread, NULL);
    pawl__parker_unref(sleeper->parker);
}

static void bump(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

/* What an armer does: steps 1 to 3 of edge driver.wake_at. */
static void arm(struct fixture *f, unsigned shard, struct timer_entry *entry, uint64_t deadline_ns)
{
    uint64_t tick = clock_tick_of_deadline(&f->clock, deadline_ns);
    if (pawl__shard_arm(&f->shards[shard], entry, tick, false) == SHARD_DONE_EARLIER)
        pawl__driver_deadline_moved(f->driver, load_relaxed_u64(&f->shards[shard].next_deadline), false);
}

/* ---- the token ---- */

PARK_TEST(a_token_left_before_makes_park_return_at_once)
{
    struct sleeper sleeper = {.parker = f->parker, .fixture = f};
    pawl__unpark(f->parker);
    pawl__unpark(f->parker); /* one token, however often */
    cr_assert_eq(park_now(&sleeper), PARK_NOTIFIED | PARK_DRIVER_HELD);
    cr_assert_eq(state_of(f->parker), PARKER_EMPTY);
    pawl__driver_unlock(f->driver);
}

PARK_TEST(work_found_by_the_last_look_prevents_the_sleep_and_takes_no_token)
{
    struct sleeper sleeper = {.parker = f->parker, .fixture = f, .has_work = true};
    cr_assert_eq(park_now(&sleeper), PARK_WORK | PARK_DRIVER_HELD);
    cr_assert(!pawl__driver_try_lock(f->driver), "whoever found work still holds the driver");
    cr_assert_eq(park_now(&sleeper), PARK_WORK, "while it is held by somebody else");
    pawl__unpark(f->parker);
    cr_assert_eq(state_of(f->parker), PARKER_NOTIFIED);
    cr_assert_eq(load_relaxed_u64(&f->driver->wake_at), 0, "the driver is awake");
    pawl__driver_unlock(f->driver);
}

PARK_TEST(the_first_drives_the_second_understudies_the_others_wait_on_a_condvar)
{
    struct sleeper driver, understudy, third, fourth;
    start(&driver, f, PARKER_PARKED_DRIVER);
    start(&understudy, f, PARKER_PARKED_UNDERSTUDY);
    start(&third, f, PARKER_PARKED_CONDVAR);
    start(&fourth, f, PARKER_PARKED_CONDVAR);
    struct sleeper *all[] = {&third, &driver, &understudy, &fourth};
    for (int i = 0; i < 4; i++) {
        pawl__unpark(all[i]->parker);
        finish(all[i]);
        cr_assert(all[i]->result & PARK_NOTIFIED);
        cr_assert_eq(all[i]->looks, 1);
    }
    cr_assert(driver.result & PARK_DRIVER_HELD);
    cr_assert_eq(understudy.seats_left, 1);
    cr_assert_eq(third.seats_left, 0);
}

PARK_TEST(a_wake_for_no_reason_on_a_condvar_is_slept_over)
{
    struct sleeper driver, understudy, third;
    start(&driver, f, PARKER_PARKED_DRIVER);
    start(&understudy, f, PARKER_PARKED_UNDERSTUDY);
    start(&third, f, PARKER_PARKED_CONDVAR);
    for (int i = 0; i < 1000; i++)
        pawl__wake_all(&third.parker->state);
    cr_assert_eq(state_of(third.parker), PARKER_PARKED_CONDVAR);
    struct sleeper *all[] = {&third, &understudy, &driver};
    for (int i = 0; i < 3; i++) {
        pawl__unpark(all[i]->parker);
        finish(all[i]);
    }
}

PARK_TEST(an_unparker_may_outlive_its_parker)
{
    struct parker *unparker = pawl__parker_ref(f->parker);
    pawl__parker_unref(f->parker);
    pawl__unpark(unparker);
    cr_assert_eq(state_of(unparker), PARKER_NOTIFIED);
    pawl__parker_unref(unparker);
    f->parker = NULL;
}

/* ---- the driver ---- */

PARK_TEST(the_driver_wakes_at_a_deadline_and_fires)
{
    struct timer_entry entry;
    atomic_int fired = 0;
    entry_init_waker(&entry, (struct waker){bump, &fired});
    uint64_t deadline_ns = monotonic_now_ns() + 3000000;
    arm(f, 1, &entry, deadline_ns);
    struct sleeper sleeper = {.parker = f->parker, .fixture = f};
    park_once(&sleeper);
    cr_assert_eq(sleeper.result, PARK_DRIVER_HELD);
    cr_assert_geq(monotonic_now_ns(), deadline_ns);
    cr_assert_eq(fired, 1);
}

PARK_TEST(an_earlier_deadline_wakes_the_driver_that_sleeps_past_it)
{
    struct timer_entry far, near;
    atomic_int fired = 0;
    struct sleeper sleeper;
    entry_init_waker(&far, (struct waker){bump, &fired});
    entry_init_waker(&near, (struct waker){bump, &fired});
    arm(f, 0, &far, monotonic_now_ns() + UINT64_C(3600000000000));
    start(&sleeper, f, PARKER_PARKED_DRIVER);
    arm(f, 1, &near, monotonic_now_ns() + 1000000);
    finish(&sleeper);
    cr_assert_eq(sleeper.result, PARK_DRIVER_HELD);
    cr_assert_eq(fired, 1);
    pawl__shard_cancel(&f->shards[0], &far);
}

PARK_TEST(nobody_writes_to_a_driver_that_is_awake)
{
    cr_assert_eq(load_relaxed_u64(&f->driver->wake_at), 0);
    pawl__driver_deadline_moved(f->driver, 1, false);
    uint64_t before = monotonic_now_ns();
    pawl__reactor_wait(&f->driver->reactor, 2000000);
    cr_assert_geq(monotonic_now_ns() - before, 2000000, "the wake descriptor was written");
}

PARK_TEST(a_driver_does_not_wake_for_a_cancelled_deadline)
{
    struct timer_entry near, far;
    entry_init_waker(&near, (struct waker){0});
    entry_init_waker(&far, (struct waker){0});
    arm(f, 0, &near, monotonic_now_ns() + 500000000);
    uint64_t far_ns = monotonic_now_ns() + UINT64_C(3600000000000);
    arm(f, 1, &far, far_ns);
    pawl__shard_cancel(&f->shards[0], &near);
    cr_assert(pawl__driver_try_lock(f->driver));
    cr_assert_geq(pawl__driver_prepare(f->driver, true), far_ns);
    pawl__driver_awake(f->driver);
    pawl__driver_unlock(f->driver);
    pawl__shard_cancel(&f->shards[1], &far);
}

PARK_TEST(the_driver_sees_a_deadline_that_was_published_after_its_own)
{
    struct timer_entry near;
    entry_init_waker(&near, (struct waker){0});
    cr_assert(pawl__driver_try_lock(f->driver));
    uint64_t wake_at = pawl__driver_prepare(f->driver, true);
    cr_assert_eq(wake_at, PAWL_NEVER);
    cr_assert(pawl__driver_unchanged(f->driver, wake_at));
    pawl__shard_arm(&f->shards[1], &near, 77, false); /* and the armer gets no further than step 1 */
    cr_assert_not(pawl__driver_unchanged(f->driver, wake_at));
    pawl__driver_awake(f->driver);
    pawl__driver_unlock(f->driver);
    pawl__shard_cancel(&f->shards[1], &near);
}

PARK_TEST(only_one_holds_the_driver)
{
    cr_assert(pawl__driver_try_lock(f->driver));
    cr_assert_not(pawl__driver_try_lock(f->driver));
    pawl__driver_unlock(f->driver);
    cr_assert(pawl__driver_try_lock(f->driver));
    pawl__driver_unlock(f->driver);
}

/* ---- the understudy ---- */

PARK_TEST(the_understudy_takes_over_a_driver_that_was_left_and_not_retaken)
{
    struct sleeper understudy;
    struct timer_entry entry;
    atomic_int fired = 0;
    entry_init_waker(&entry, (struct waker){bump, &fired});
    cr_assert(pawl__driver_try_lock(f->driver)); /* we are the holder */
    start(&understudy, f, PARKER_PARKED_UNDERSTUDY);
    arm(f, 0, &entry, monotonic_now_ns() + 5000000);
    pawl__driver_unlock(f->driver); /* and leave it to compute for ever */
    pawl__understudy_set_alarm(&f->driver->understudy);
    finish(&understudy);
    cr_assert_eq(understudy.result, PARK_DRIVER_HELD);
    cr_assert_eq(understudy.seats_left, 1);
    cr_assert_eq(fired, 1);
}

PARK_TEST(the_understudy_goes_back_to_sleep_if_the_driver_is_held)
{
    struct sleeper understudy;
    cr_assert(pawl__driver_try_lock(f->driver));
    start(&understudy, f, PARKER_PARKED_UNDERSTUDY);
    pawl__understudy_set_alarm(&f->driver->understudy);
    while (load_acquire_u32(&f->driver->understudy.armed) != 0) /* until it has rung */
        sched_yield();
    cr_assert_eq(state_of(understudy.parker), PARKER_PARKED_UNDERSTUDY);
    cr_assert_eq(understudy.seats_left, 0);
    pawl__unpark(understudy.parker);
    finish(&understudy);
    cr_assert_eq(understudy.result, PARK_NOTIFIED);
    pawl__driver_unlock(f->driver);
}

PARK_TEST(the_alarm_is_set_once_however_often_the_driver_is_left)
{
    struct understudy *seat = &f->driver->understudy;
    pawl__understudy_set_alarm(seat);
    cr_assert_eq(load_relaxed_u32(&seat->armed), 1);
    pawl__understudy_set_alarm(seat);
    cr_assert(pawl__understudy_wait(seat), "it rings");
    cr_assert_eq(load_relaxed_u32(&seat->armed), 0);
    pawl__understudy_wake(seat);
    cr_assert_not(pawl__understudy_wait(seat), "and only once: this is the wake");
}

/* ---- the reactor ---- */

static void check_timeout(bool milliseconds, uint64_t timeout_ns)
{
    struct reactor reactor;
    cr_assert_eq(pawl__reactor_init(&reactor), 0);
    reactor.milliseconds = milliseconds;
    uint64_t before_ns = monotonic_now_ns();
    pawl__reactor_wait(&reactor, timeout_ns);
    cr_assert_geq(monotonic_now_ns() - before_ns, timeout_ns);
    pawl__reactor_fini(&reactor);
}

Test(reactor, does_not_wake_before_its_timeout)
{
    check_timeout(false, 1500000);
}

Test(reactor, rounds_up_where_only_milliseconds_are_to_be_had)
{
    check_timeout(true, 1);
    check_timeout(true, 1500000);
}

Test(reactor, each_wake_counts_though_nobody_reads_the_descriptor)
{
    struct reactor reactor;
    cr_assert_eq(pawl__reactor_init(&reactor), 0);
    for (int i = 0; i < 3; i++) {
        pawl__reactor_wake(&reactor);
        pawl__reactor_wait(&reactor, UINT64_MAX); /* would sleep for ever */
    }
    uint64_t before_ns = monotonic_now_ns();
    pawl__reactor_wait(&reactor, 2000000);
    cr_assert_geq(monotonic_now_ns() - before_ns, 2000000, "no wake is left over");
    pawl__reactor_fini(&reactor);
}
