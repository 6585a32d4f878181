/* The timer entry's state cell: the table of its states, walked through a shard, and its two lock-free moves. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/support/valgrind.h"
#include "time/shard.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { LEVELS = 7, HOME = 77 };

/* ---- the cell ---- */

Test(cell, tells_ticks_from_flags)
{
    static const uint64_t ticks[] = {0, 1, 15, 16, 1000, UINT32_MAX, TICK_LAST - 1, TICK_LAST, TICK_NEVER};
    static const uint64_t flags[] = {CELL_IDLE, CELL_FIRED, CELL_CANCELLED, CELL_SHUTDOWN};
    for (size_t i = 0; i < COUNT_OF(ticks); i++) {
        cr_assert(cell_pending(cell_of_tick(ticks[i])));
        cr_assert_eq(tick_of_cell(cell_of_tick(ticks[i])), ticks[i]);
        if (i > 0)
            cr_assert_gt(cell_of_tick(ticks[i]), cell_of_tick(ticks[i - 1]), "later is greater");
    }
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        cr_assert_not(cell_pending(flags[i]));
}

Test(cell, of_zeroed_memory_is_idle)
{
    struct timer_entry entry;
    memset((void *)&entry, 0, sizeof entry);
    cr_assert_eq(entry_cell(&entry), CELL_IDLE);
}

static struct timer_entry entry_with(uint64_t cell)
{
    struct timer_entry entry;
    memset((void *)&entry, 0, sizeof entry);
    store_release_u64(&entry.cell, cell);
    return entry;
}

Test(extend, moves_a_pending_deadline_to_later_only)
{
    static const struct {
        uint64_t from, to;
        enum entry_extend answer;
    } cases[] = {
        {100, 101, ENTRY_EXTENDED},
        {100, 100, ENTRY_EXTENDED},
        {100, TICK_LAST, ENTRY_EXTENDED},
        {100, TICK_NEVER, ENTRY_EXTENDED},
        {100, 99, ENTRY_NOT_LATER},
        {100, 0, ENTRY_NOT_LATER},
        {TICK_NEVER, 5, ENTRY_NOT_LATER},
        {TICK_LAST, TICK_NEVER, ENTRY_EXTENDED},
        {TICK_NEVER, TICK_NEVER, ENTRY_EXTENDED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct timer_entry entry = entry_with(cell_of_tick(cases[i].from));
        cr_assert_eq(entry_extend(&entry, cases[i].to), cases[i].answer, "case %zu", i);
        uint64_t expected = cases[i].answer == ENTRY_EXTENDED ? cases[i].to : cases[i].from;
        cr_assert_eq(tick_of_cell(entry_cell(&entry)), expected, "case %zu", i);
    }
}

Test(extend, leaves_what_does_not_pend)
{
    for (uint64_t cell = CELL_IDLE; cell <= CELL_SHUTDOWN; cell++) {
        struct timer_entry entry = entry_with(cell);
        cr_assert_eq(entry_extend(&entry, 100), ENTRY_NOT_PENDING);
        cr_assert_eq(entry_extend(&entry, TICK_NEVER), ENTRY_NOT_PENDING);
        cr_assert_eq(entry_cell(&entry), cell);
    }
}

Test(mark_fired, fires_what_is_due_by_its_true_deadline)
{
    uint64_t when;
    struct timer_entry entry = entry_with(cell_of_tick(100));
    cr_assert_not(entry_mark_fired(&entry, 99, CELL_FIRED, &when));
    cr_assert_eq(when, 100);
    cr_assert_eq(entry_cell(&entry), cell_of_tick(100));
    cr_assert_eq(entry_extend(&entry, 101), ENTRY_EXTENDED);
    cr_assert_not(entry_mark_fired(&entry, 100, CELL_FIRED, &when));
    cr_assert_eq(when, 101);
    cr_assert(entry_mark_fired(&entry, 101, CELL_FIRED, &when));
    cr_assert_eq(entry_cell(&entry), CELL_FIRED);
    entry = entry_with(cell_of_tick(TICK_NEVER));
    cr_assert_not(entry_mark_fired(&entry, TICK_LAST, CELL_FIRED, &when));
    cr_assert(entry_mark_fired(&entry, TICK_NEVER, CELL_SHUTDOWN, &when));
    cr_assert_eq(entry_cell(&entry), CELL_SHUTDOWN);
}

/* Whoever extends while another marks fired: either the extension comes first, and the timer does not fire, or it is
 * told that it came too late. */
#define ROUNDS ((uint32_t)SPINNING_ROUNDS(30000))

static struct timer_entry contested;
static PAWL_ATOMIC(uint32_t) begun, ended;
static enum entry_extend extended;

static void *extend_each_round(void *arg)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (load_acquire_u32(&begun) < round) {
        }
        extended = entry_extend(&contested, 200);
        store_release_u32(&ended, round);
    }
    return arg;
}

Test(mark_fired, never_overruns_an_extension)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, extend_each_round, NULL), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        uint64_t when = 0;
        store_release_u64(&contested.cell, cell_of_tick(100));
        store_release_u32(&begun, round);
        for (volatile uint32_t pause = 0; pause < round % 64; pause++) {
        }
        bool fired = entry_mark_fired(&contested, 150, CELL_FIRED, &when);
        while (load_acquire_u32(&ended) < round) {
        }
        cr_assert_eq(extended, fired ? ENTRY_NOT_PENDING : ENTRY_EXTENDED);
        cr_assert_eq(entry_cell(&contested), fired ? CELL_FIRED : cell_of_tick(200));
        if (!fired)
            cr_assert_eq(when, 200);
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

/* ---- the table, every state by every event ---- */

static uint64_t now_ns;
static struct clock test_clock;
static struct wheel_level levels[LEVELS];
static struct shard shard;

static uint64_t read_now(void *context)
{
    (void)context;
    return now_ns;
}

static PAWL_ATOMIC(uint32_t) calls;
static int last_status;

static void on_fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer, (void)arg;
    fetch_add_acq_rel_u32(&calls, 1);
    last_status = status;
}

static void start(void)
{
    now_ns = 1000;
    test_clock = (struct clock){.now_ns = read_now, .tick_ns = 1};
    memset((void *)&shard, 0, sizeof shard);
    memset((void *)levels, 0, sizeof levels);
    pawl__shard_init(&shard, &test_clock, HOME, levels, LEVELS);
    store_release_u32(&calls, 0);
}

enum state { IDLE, PENDING, FIRED, CANCELLED, SHUT_DOWN, STATES };

static const uint64_t cells[STATES] = {CELL_IDLE, 0, CELL_FIRED, CELL_CANCELLED, CELL_SHUTDOWN};

/* Brings an entry, by what shards do, into a state; PENDING at tick 2000. */
static void bring_into(struct timer_entry *entry, enum state state)
{
    start();
    entry_init_callback(entry, on_fire, NULL);
    if (state == IDLE)
        return;
    cr_assert_eq(pawl__shard_arm(&shard, entry, state == FIRED ? 500 : 2000, false), SHARD_DONE_EARLIER);
    if (state == FIRED)
        pawl__shard_turn(&shard, 1000);
    else if (state == CANCELLED)
        cr_assert_eq(pawl__shard_cancel(&shard, entry), SHARD_DONE);
    else if (state == SHUT_DOWN)
        pawl__shard_close(&shard);
    if (state != PENDING)
        cr_assert_eq(entry_cell(entry), cells[state], "state %d", (int)state);
    store_release_u32(&calls, 0);
}

static bool done(enum shard_answer answer)
{
    return answer == SHARD_DONE || answer == SHARD_DONE_EARLIER;
}

Test(table, arm)
{
    for (enum state state = IDLE; state < STATES; state++) {
        struct timer_entry entry;
        bring_into(&entry, state);
        enum shard_answer answer = pawl__shard_arm(&shard, &entry, 3000, false);
        if (state == PENDING) {
            cr_assert_eq(answer, SHARD_BUSY);
            cr_assert_eq(entry_cell(&entry), cell_of_tick(2000));
        } else if (state == SHUT_DOWN) {
            cr_assert_eq(answer, SHARD_CLOSED);
            cr_assert_eq(entry_cell(&entry), CELL_SHUTDOWN);
        } else {
            cr_assert(done(answer), "state %d", (int)state);
            cr_assert_eq(entry_cell(&entry), cell_of_tick(3000));
        }
    }
}

Test(table, reset)
{
    static const uint64_t to[] = {2500, 2000, 1500, 500, TICK_NEVER};
    for (size_t i = 0; i < COUNT_OF(to); i++)
        for (enum state state = IDLE; state < STATES; state++) {
            struct timer_entry entry;
            bring_into(&entry, state);
            enum shard_answer answer = pawl__shard_reset(&shard, &entry, to[i]);
            if (state == PENDING) {
                cr_assert(done(answer));
                cr_assert_eq(entry_cell(&entry), cell_of_tick(to[i]));
            } else {
                cr_assert_eq(answer, state == IDLE ? SHARD_NOT_HOME : SHARD_ALREADY, "state %d", (int)state);
                cr_assert_eq(entry_cell(&entry), cells[state]);
            }
        }
}

static void expect_cancel(enum shard_answer (*cancel)(struct timer_entry *entry))
{
    for (enum state state = IDLE; state < STATES; state++) {
        struct timer_entry entry;
        bring_into(&entry, state);
        enum shard_answer answer = cancel(&entry);
        if (state == PENDING) {
            cr_assert_eq(answer, SHARD_DONE);
            cr_assert_eq(entry_cell(&entry), CELL_CANCELLED);
            pawl__shard_turn(&shard, 5000);
            cr_assert_eq(load_acquire_u32(&calls), 0);
        } else {
            cr_assert_eq(answer, state == IDLE ? SHARD_NOT_HOME : SHARD_ALREADY, "state %d", (int)state);
            cr_assert_eq(entry_cell(&entry), cells[state]);
        }
    }
}

static enum shard_answer cancel_plain(struct timer_entry *entry)
{
    return pawl__shard_cancel(&shard, entry);
}

static enum shard_answer cancel_sync(struct timer_entry *entry)
{
    return pawl__shard_cancel_sync(&shard, entry, false);
}

static enum shard_answer cancel_sync_in_callback(struct timer_entry *entry)
{
    return pawl__shard_cancel_sync(&shard, entry, true);
}

Test(table, cancel)
{
    expect_cancel(cancel_plain);
    expect_cancel(cancel_sync);
    expect_cancel(cancel_sync_in_callback);
}

Test(table, deadline)
{
    for (enum state state = IDLE; state < STATES; state++) {
        struct timer_entry entry;
        bring_into(&entry, state);
        pawl__shard_turn(&shard, 1999);
        cr_assert_eq(load_acquire_u32(&calls), 0);
        pawl__shard_turn(&shard, 2000);
        cr_assert_eq(load_acquire_u32(&calls), state == PENDING);
        cr_assert_eq(entry_cell(&entry), state == PENDING ? (uint64_t)CELL_FIRED : cells[state]);
        if (state == PENDING)
            cr_assert_eq(last_status, 0);
    }
}

Test(table, shutdown)
{
    for (enum state state = IDLE; state < STATES; state++) {
        struct timer_entry entry;
        bring_into(&entry, state);
        pawl__shard_close(&shard);
        cr_assert_eq(load_acquire_u32(&calls), state == PENDING);
        cr_assert_eq(entry_cell(&entry), state == PENDING ? (uint64_t)CELL_SHUTDOWN : cells[state]);
        if (state == PENDING)
            cr_assert_eq(last_status, -ESHUTDOWN);
    }
}

Test(table, leave)
{
    for (enum state state = PENDING; state < STATES; state++) {
        struct timer_entry entry;
        bring_into(&entry, state);
        cr_assert_eq(pawl__shard_leave(&shard, &entry), state == PENDING ? SHARD_BUSY : SHARD_DONE);
        cr_assert_eq(load_acquire_u64(&entry.home), state == PENDING ? HOME : 0);
        if (state == PENDING)
            continue;
        cr_assert_eq(pawl__shard_leave(&shard, &entry), SHARD_NOT_HOME);
        cr_assert_eq(pawl__shard_cancel(&shard, &entry), SHARD_NOT_HOME);
        cr_assert_leq(pawl__shard_arm(&shard, &entry, 3000, true), SHARD_DONE_EARLIER);
        cr_assert_eq(load_acquire_u64(&entry.home), HOME, "whoever arms it adopts it");
    }
}
