/* Parker and unparker, driver try-lock, hand-over to the understudy (P3), and driver sleep against timers (P2).
 *
 * Edges parker.token, park.seat, understudy.alarm, driver.held, driver.wake_at, shard.next_deadline. A token or a
 * deadline that is missed leaves a thread asleep for good: a deadlock, since no wait here expires unless the scenario
 * says so. Final states: each unparked worker took a token and sees what was written before; whoever looks after the
 * driver at the end holds it, and the timer that is due has fired. */
#include <stdlib.h>

#include "park/parker.h"
#include "tools/model/model.h"

enum { PARKERS = 3, SHARDS = 2 };

static struct fences fences;
static struct clock source;
static struct shard shards[SHARDS];
static struct wheel_level levels[SHARDS];
static struct driver driver;
static struct parker *parkers[PARKERS];
static int told[PARKERS];
static struct timer_entry timers[2];
static unsigned fired;
static PAWL_ATOMIC(uint32_t) sleepers; /* plays sched/idle.h: who is about to sleep counts itself here */

static void set_up(unsigned parker_count)
{
    static const struct pawl_allocator allocator;
    source.tick_ns = 1000;
    pawl__fences_init(&fences);
    for (unsigned i = 0; i < SHARDS; i++)
        pawl__shard_init(&shards[i], &source, i + 1, &levels[i], 1);
    MODEL_ASSERT(pawl__driver_init(&driver, &source, &fences, shards, SHARDS) == 0);
    for (unsigned i = 0; i < parker_count; i++)
        MODEL_ASSERT((parkers[i] = pawl__parker_create(&allocator, &driver)) != NULL);
}

static void tear_down(unsigned parker_count)
{
    for (unsigned i = 0; i < parker_count; i++)
        pawl__parker_unref(parkers[i]);
}

/* Those who arm are no workers. */
static bool alone(void *context)
{
    (void)context;
    return true;
}

static bool no_work(void *context)
{
    (void)context;
    return false;
}

static void nothing(void *context)
{
    (void)context;
}

/* What a worker does that leaves the driver (leave_driver in sched/worker.c). */
static void leave_driver(void)
{
    pawl__driver_unlock(&driver);
    if (load_seq_cst_u32(&sleepers) > 0)
        pawl__understudy_set_alarm(&driver.understudy);
}

static unsigned park(unsigned i)
{
    static const struct park_host host = {no_work, nothing, alone, NULL};
    fetch_add_seq_cst_u32(&sleepers, 1);
    unsigned result = pawl__park(parkers[i], &host);
    fetch_add_seq_cst_u32(&sleepers, UINT32_MAX);
    return result;
}

/* Parks until it has been unparked; each time that it gets the driver it leaves it again. */
static void park_until_told(unsigned i)
{
    unsigned result;
    do {
        result = park(i);
        if ((result & PARK_DRIVER_HELD) != 0)
            leave_driver();
    } while ((result & PARK_NOTIFIED) == 0);
    MODEL_ASSERT(told[i] == 1);
}

static void unpark(unsigned i)
{
    told[i] = 1;
    pawl__unpark(parkers[i]);
}

static void parks_0(void *arg)
{
    (void)arg;
    park_until_told(0);
}

static void parks_1(void *arg)
{
    (void)arg;
    park_until_told(1);
}

static void parks_2(void *arg)
{
    (void)arg;
    park_until_told(2);
}

static void unparks_0(void *arg)
{
    (void)arg;
    unpark(0);
}

static void one_parker(void)
{
    set_up(1);
    unsigned t = model_spawn(unparks_0, NULL);
    park_until_told(0);
    model_join(t);
    tear_down(1);
}

static void two_parkers(void)
{
    set_up(2);
    unsigned t = model_spawn(parks_0, NULL), u = model_spawn(parks_1, NULL);
    unpark(0);
    unpark(1);
    model_join(t);
    model_join(u);
    tear_down(2);
}

static void three_parkers(void)
{
    set_up(3);
    unsigned t = model_spawn(parks_0, NULL), u = model_spawn(parks_1, NULL), v = model_spawn(parks_2, NULL);
    unpark(2);
    unpark(1);
    unpark(0);
    model_join(t);
    model_join(u);
    model_join(v);
    tear_down(3);
}

/* Edge parker.token: the parker synchronizes with the latest unpark, not only with the one that left the token. If it
 * takes one token and does not see both notes, there is another token to come. */
static PAWL_ATOMIC(uint32_t) notes[2];

static void notes_0(void *arg)
{
    (void)arg;
    store_relaxed_u32(&notes[0], 1);
    pawl__unpark(parkers[0]);
}

static void notes_1(void *arg)
{
    (void)arg;
    store_relaxed_u32(&notes[1], 1);
    pawl__unpark(parkers[0]);
}

static void two_unparkers(void)
{
    set_up(1);
    unsigned t = model_spawn(notes_0, NULL), u = model_spawn(notes_1, NULL);
    while (load_relaxed_u32(&notes[0]) + load_relaxed_u32(&notes[1]) < 2)
        pawl__park_for_token(parkers[0]);
    model_join(t);
    model_join(u);
    tear_down(1);
}

/* An unparker outlives its parker: its reference keeps the memory, not the driver. */
static void late_unparker(void *arg)
{
    struct parker *parker = arg;
    pawl__unpark(parker);
    pawl__parker_unref(parker);
}

static void unparker_outlives(void)
{
    set_up(1);
    unsigned t = model_spawn(late_unparker, pawl__parker_ref(parkers[0]));
    pawl__park_for_token(parkers[0]);
    pawl__parker_unref(parkers[0]);
    model_join(t);
}

/* ---- P3: the holder leaves the driver and never comes back ---- */

static void callback(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    (void)arg;
    MODEL_ASSERT(status == 0);
    fired++;
}

/* Parks until it holds the driver because something is due, and fires it. */
static void parks_until_due(unsigned i)
{
    while (fired == 0) {
        unsigned result = park(i);
        if ((result & PARK_DRIVER_HELD) == 0)
            continue;
        pawl__driver_turn(&driver, clock_now_ns(&source), false);
        if (fired == 0)
            leave_driver();
    }
}

static void understudies(void *arg)
{
    (void)arg;
    parks_until_due(1);
}

static void handover(void)
{
    set_up(2);
    entry_init_callback(&timers[0], callback, NULL);
    MODEL_ASSERT(pawl__shard_arm(&shards[0], &timers[0], 0, false) == SHARD_DONE_EARLIER);
    MODEL_ASSERT(pawl__driver_try_lock(&driver)); /* by a worker that is about to run a task without end */
    unsigned t = model_spawn(understudies, NULL);
    leave_driver();
    model_join(t);
    MODEL_ASSERT(fired == 1);
    tear_down(2);
}

/* The same, but the alarm had been set before, for an earlier leave: it may be spent just now. */
static void handover_again(void)
{
    set_up(2);
    entry_init_callback(&timers[0], callback, NULL);
    MODEL_ASSERT(pawl__driver_try_lock(&driver));
    unsigned t = model_spawn(understudies, NULL);
    leave_driver();
    if (pawl__driver_try_lock(&driver)) {
        MODEL_ASSERT(pawl__shard_arm(&shards[0], &timers[0], 0, false) == SHARD_DONE_EARLIER);
        leave_driver();
    } else {
        MODEL_ASSERT(pawl__shard_arm(&shards[0], &timers[0], 0, false) == SHARD_DONE_EARLIER);
        pawl__driver_deadline_moved(&driver, 0, false);
    }
    model_join(t);
    MODEL_ASSERT(fired == 1);
    tear_down(2);
}

/* ---- P2: the driver sleeps while somebody arms ---- */

static uint64_t soon_ns(void)
{
    return clock_now_ns(&source) + 5000;
}

static void arm_earlier(struct shard *shard, struct timer_entry *timer, uint64_t deadline_ns)
{
    entry_init_callback(timer, callback, NULL);
    if (pawl__shard_arm(shard, timer, clock_tick_of_deadline(&source, deadline_ns), false) == SHARD_DONE_EARLIER)
        pawl__driver_deadline_moved(&driver, load_relaxed_u64(&shard->next_deadline), false);
}

static void drives(void *arg)
{
    (void)arg;
    parks_until_due(0);
}

static void arm_while_driver_sleeps(void)
{
    set_up(1);
    unsigned t = model_spawn(drives, NULL);
    arm_earlier(&shards[0], &timers[0], soon_ns());
    model_join(t);
    MODEL_ASSERT(fired == 1);
    tear_down(1);
}

static uint64_t deadline_ns;

static void arms_other(void *arg)
{
    (void)arg;
    arm_earlier(&shards[1], &timers[1], deadline_ns);
}

static void two_arm_while_driver_sleeps(void)
{
    set_up(1);
    deadline_ns = soon_ns();
    unsigned t = model_spawn(drives, NULL), u = model_spawn(arms_other, NULL);
    arm_earlier(&shards[0], &timers[0], deadline_ns + 1000);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(fired >= 1);
    tear_down(1);
}

/* Somebody turns a shard, which says "never" meanwhile, while the driver goes to sleep: the later timer that is left in
 * the shard must be known to the driver in the end. */
static void drives_until_two(void *arg)
{
    (void)arg;
    unsigned result;
    do
        result = park(0);
    while ((result & PARK_DRIVER_HELD) == 0);
}

static void turn_while_driver_sleeps(void)
{
    set_up(1);
    entry_init_callback(&timers[0], callback, NULL);
    entry_init_callback(&timers[1], callback, NULL);
    uint64_t now_ns = clock_now_ns(&source);
    pawl__shard_arm(&shards[0], &timers[0], clock_tick_at(&source, now_ns), false);
    pawl__shard_arm(&shards[0], &timers[1], clock_tick_at(&source, now_ns) + 3, false);
    unsigned t = model_spawn(drives_until_two, NULL);
    if (pawl__shard_turn(&shards[0], clock_tick_at(&source, now_ns)))
        pawl__driver_deadline_moved(&driver, load_relaxed_u64(&shards[0].next_deadline), false);
    model_join(t);
    MODEL_ASSERT(fired == 1);
    tear_down(1);
}

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        {.name = "one_parker", .about = "park in the driver against unpark", .run = one_parker},
        {.name = "two_parkers", .about = "driver and understudy against two unparks", .run = two_parkers},
        {.name = "three_parkers", .about = "driver, understudy and condvar", .run = three_parkers, .bound = 4},
        {.name = "two_unparkers", .about = "the token carries what the latest unparker wrote", .run = two_unparkers},
        {.name = "unparker_outlives", .about = "an unparker outlives its parker", .run = unparker_outlives},
        {.name = "handover", .about = "the holder never comes back: the understudy takes the driver", .run = handover},
        {.name = "handover_again",
         .about = "the driver is left twice around one alarm",
         .run = handover_again,
         .expirations = 1},
        {.name = "arm",
         .about = "a timer is armed while the driver goes to sleep",
         .run = arm_while_driver_sleeps,
         .expirations = 1},
        {.name = "two_arm",
         .about = "two threads arm in two shards while the driver goes to sleep",
         .run = two_arm_while_driver_sleeps,
         .expirations = 2},
        {.name = "turn",
         .about = "a shard is turned while the driver goes to sleep",
         .run = turn_while_driver_sleeps,
         .expirations = 1},
    };
    static const struct model_scenario *const scenarios[] = {&all[0], &all[1], &all[2], &all[3], &all[4], &all[5],
                                                             &all[6], &all[7], &all[8], &all[9], NULL};
    return model_main(argc, argv, scenarios);
}
