/* The shard at its end, and turned, armed and cancelled by three threads at once. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "time/shard.h"

enum { LEVELS = 7, TICK_NS = 10 };

static uint64_t now_ns;
static struct clock test_clock;
static struct wheel_level levels[LEVELS];
static struct shard shard;

static uint64_t read_now(void *context)
{
    (void)context;
    return now_ns;
}

static void start(void)
{
    test_clock = (struct clock){.now_ns = read_now, .tick_ns = TICK_NS};
    memset((void *)&shard, 0, sizeof shard);
    memset((void *)levels, 0, sizeof levels);
    pawl__shard_init(&shard, &test_clock, 1, levels, LEVELS);
}

static bool done(enum shard_answer answer)
{
    return answer == SHARD_DONE || answer == SHARD_DONE_EARLIER;
}

/* ---- closing ---- */

static bool closed_too_soon;
static unsigned woken;

static void note_closed(void *target)
{
    (void)target;
    woken++;
    closed_too_soon |= pawl__shard_closed(&shard);
}

Test(shard_end, is_not_closed_before_the_last_waker_has_been_called)
{
    static struct timer_entry entries[WAKER_BATCH_MAX * 2 + 5];
    for (size_t count = 1; count <= sizeof entries / sizeof *entries; count++) {
        start();
        woken = 0;
        for (size_t i = 0; i < count; i++) {
            entry_init_waker(&entries[i], (struct waker){.wake = note_closed});
            cr_assert(done(pawl__shard_arm(&shard, &entries[i], TICK_NEVER, false)));
        }
        pawl__shard_close(&shard);
        cr_assert_eq(woken, count);
        cr_assert_not(closed_too_soon);
        cr_assert(pawl__shard_closed(&shard));
    }
}

static void count_shut(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg;
    woken += status == -ESHUTDOWN;
}

Test(shard_end, is_one_turn_however_much_pends)
{
    static struct timer_entry entries[2 * SHARD_TURN_MAX + 1];
    start();
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        entry_init_callback(&entries[i], count_shut, NULL);
        cr_assert(done(pawl__shard_arm(&shard, &entries[i], 1000 + i, false)));
    }
    pawl__shard_close(&shard);
    cr_assert_eq(woken, sizeof entries / sizeof *entries);
    cr_assert(pawl__shard_closed(&shard));
}

Test(shard_end, fires_even_when_closed_what_was_armed_even_so)
{
    struct timer_entry entry;
    start();
    pawl__shard_close(&shard);
    entry_init_waker(&entry, (struct waker){.wake = note_closed});
    cr_assert_eq(pawl__shard_arm(&shard, &entry, 5000, false), SHARD_CLOSED);
    cr_assert(done(pawl__shard_arm(&shard, &entry, 5000, true)));
    pawl__shard_close(&shard);
    pawl__shard_turn(&shard, 4999);
    cr_assert_eq(woken, 0, "closing completes what pends once");
    pawl__shard_turn(&shard, 5000);
    cr_assert_eq(woken, 1);
    cr_assert_eq(entry_cell(&entry), CELL_FIRED);
}

/* ---- at once ---- */

static PAWL_ATOMIC(uint32_t) stop, in_callback, overlaps, calls;
static PAWL_ATOMIC(uint64_t) shared_tick;

static void count_call(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg, (void)status;
    if (fetch_add_acq_rel_u32(&in_callback, 1) != 0)
        fetch_add_acq_rel_u32(&overlaps, 1);
    fetch_add_acq_rel_u32(&calls, 1);
    fetch_add_acq_rel_u32(&in_callback, UINT32_MAX);
}

static void *turn_on(void *arg)
{
    while (load_acquire_u32(&stop) == 0)
        pawl__shard_turn(&shard, fetch_add_acq_rel_u64(&shared_tick, 1));
    return arg;
}

Test(shard_end, turned_by_two_threads_and_armed_by_a_third_fires_one_at_a_time)
{
    pthread_t threads[2];
    struct timer_entry entry;
    uint32_t expected = 0;
    now_ns = 0;
    start();
    entry_init_callback(&entry, count_call, NULL);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, turn_on, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t tick = load_acquire_u64(&shared_tick) + (uint64_t)(i % 7) * 3;
        if (done(pawl__shard_arm(&shard, &entry, tick, false)))
            expected++;
        if (i % 3 == 0)
            expected -= done(pawl__shard_cancel_sync(&shard, &entry, false));
        else if (i % 5 == 0)
            pawl__shard_reset(&shard, &entry, tick + 100);
    }
    expected -= done(pawl__shard_cancel_sync(&shard, &entry, false));
    store_release_u32(&stop, 1);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(load_acquire_u32(&overlaps), 0);
    cr_assert_eq(load_acquire_u32(&calls), expected, "one outcome each time it was armed");
}
