/* The public calls about time, in a whole runtime of one worker whose time is the target's: timers armed, reset,
 * cancelled and armed again in tasks, in callbacks and before the worker starts, timers by id that are called once or
 * every so often, sleeps, cancelled sleeps, shutdown.
 *
 * How time is the target's: on the worker's thread clock_gettime is answered here, and the driver's wait does not wait
 * but moves the clock, as far as it was asked to, or less, or more. The worker is let go when the first task is
 * there, and the main thread only waits from then on, so one thread runs at a time and an input does the same each
 * time; nothing is slept in earnest.
 *
 * Checked: the result of each call against a dumb reference; no timer and no sleep is early; whenever the driver goes
 * to sleep, nothing is overdue and it sleeps past no deadline; after destroy everything has had its one outcome. */
#include <errno.h>
#include <pawl/pawl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "park/driver.h"
#include "tests/fuzz/fuzz.h"

enum { TIMERS = 8, AFTERS = 6, SLEEPERS = 4, IDS = 64, STEPS_MAX = 200, ACTS_BEFORE_MAX = 4, CALLS_MAX = 20 };

struct timer {
    struct pawl_timer timer;
    bool silent; /* has no callback */
    bool pends, runs;
    enum pawl_timer_state ended; /* what it is when it neither pends nor runs */
    uint64_t deadline_ns;
};

struct after {
    uint64_t id;
    uint64_t deadline_ns;
    enum { AFTER_NONE, AFTER_ARMED, AFTER_CALLED } life;
    uint64_t period_ns; /* 0: called once */
    unsigned calls;
    bool stopping; /* it was cancelled when it was on its way, or called */
};

struct sleeper {
    struct pawl_task *task;
    uint64_t deadline_ns; /* of the sleep that goes on; PAWL_NEVER: none */
    bool alive, cancelled;
};

static struct world {
    struct input input;
    struct pawl_runtime *rt;
    sem_t go;
    uint64_t tick_ns;
    uint64_t now_ns;
    uint64_t root_deadline_ns; /* as a sleeper's */
    struct timer timers[TIMERS];
    struct after afters[AFTERS];
    struct sleeper sleepers[SLEEPERS];
    uint64_t stale_ids[IDS];
    unsigned stale_count, steps;
    bool in_callback, over;
} world;

static _Thread_local bool time_is_ours;

/* ---- time ---- */

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
void __real_pawl__reactor_wait(struct reactor *reactor, uint64_t timeout_ns);
void __wrap_pawl__reactor_wait(struct reactor *reactor, uint64_t timeout_ns);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    if (!time_is_ours || clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, out);
    *out = (struct timespec){(time_t)(world.now_ns / 1000000000), (long)(world.now_ns % 1000000000)};
    return 0;
}

/* The first tick that is not before the deadline: what a timer may be late by. */
static uint64_t due_at(uint64_t deadline_ns)
{
    uint64_t into_tick_ns = deadline_ns % world.tick_ns;
    return into_tick_ns == 0 ? deadline_ns : pawl_saturating_add(deadline_ns - into_tick_ns, world.tick_ns);
}

static void earlier(uint64_t *earliest_ns, bool pends, uint64_t deadline_ns)
{
    if (pends && deadline_ns != PAWL_NEVER && due_at(deadline_ns) < *earliest_ns)
        *earliest_ns = due_at(deadline_ns);
}

static void settle(struct timer *timer);

static uint64_t earliest_deadline(void)
{
    uint64_t earliest_ns = PAWL_NEVER;
    for (int i = 0; i < TIMERS; i++) {
        settle(&world.timers[i]);
        earlier(&earliest_ns, world.timers[i].pends, world.timers[i].deadline_ns);
    }
    for (int i = 0; i < AFTERS; i++)
        earlier(&earliest_ns, world.afters[i].life == AFTER_ARMED, world.afters[i].deadline_ns);
    for (int i = 0; i < SLEEPERS; i++)
        earlier(&earliest_ns, world.sleepers[i].alive && !world.sleepers[i].cancelled, world.sleepers[i].deadline_ns);
    earlier(&earliest_ns, true, world.root_deadline_ns);
    return earliest_ns;
}

void __wrap_pawl__reactor_wait(struct reactor *reactor, uint64_t timeout_ns)
{
    if (world.over) {
        __real_pawl__reactor_wait(reactor, PAWL_NEVER); /* whoever shuts down wakes it */
        return;
    }
    FUZZ_CHECK(timeout_ns != PAWL_NEVER); /* the first task is asleep, and not for ever */
    const struct driver *driver = PAWL_CONTAINER_OF(reactor, struct driver, reactor);
    uint64_t next_turn_ns = pawl__driver_turned_at(driver) + driver->spacing_ns, earliest_ns = earliest_deadline();
    FUZZ_CHECK(driver->spacing_ns <= DRIVER_SPACING_MAX_NS);
    FUZZ_CHECK(timeout_ns != 0);
    FUZZ_CHECK(world.now_ns + timeout_ns <= (earliest_ns > next_turn_ns ? earliest_ns : next_turn_ns));
    unsigned byte = take_byte(&world.input);
    uint64_t late_ns = (byte & 3) == 3 ? take_number(&world.input) : 0;
    if ((byte & 3) == 2)
        world.now_ns += timeout_ns * (byte >> 2) / 64; /* for no reason */
    else
        world.now_ns = pawl_saturating_add(world.now_ns + timeout_ns, late_ns % PAWL_SEC(1000000));
}

/* ---- what may happen anywhere ---- */

static void act(bool in_task);

/* A timer without a callback ends its pending unheard. */
static void settle(struct timer *timer)
{
    if (!timer->silent || !timer->pends || pawl_timer_state(&timer->timer) == PAWL_TIMER_PENDING)
        return;
    enum pawl_timer_state state = pawl_timer_state(&timer->timer);
    FUZZ_CHECK(state == PAWL_TIMER_FIRED || (state == PAWL_TIMER_SHUTDOWN && world.over));
    FUZZ_CHECK(state == PAWL_TIMER_SHUTDOWN || timer->deadline_ns <= world.now_ns);
    timer->pends = false;
    timer->ended = state;
}

static enum pawl_timer_state state_expected(const struct timer *timer)
{
    if (timer->pends)
        return PAWL_TIMER_PENDING;
    if (timer->runs && timer->ended != PAWL_TIMER_CANCELLED)
        return PAWL_TIMER_FIRING;
    return timer->ended;
}

static void on_timer(struct pawl_timer *self, void *arg, int status)
{
    struct timer *timer = arg;
    FUZZ_CHECK(self == &timer->timer && timer->pends);
    FUZZ_CHECK(status == 0 ? timer->deadline_ns <= world.now_ns : status == -ESHUTDOWN && world.over);
    FUZZ_CHECK(!world.in_callback);
    timer->pends = false;
    timer->ended = status == 0 ? PAWL_TIMER_FIRED : PAWL_TIMER_SHUTDOWN;
    timer->runs = world.in_callback = true;
    FUZZ_CHECK(pawl_timer_state(self) == PAWL_TIMER_FIRING);
    FUZZ_CHECK(pawl_sleep(0) == -EDEADLK);
    for (unsigned n = take_byte(&world.input) & 3; n > 0; n--)
        act(false);
    timer->runs = world.in_callback = false;
}

static uint64_t take_deadline(void)
{
    unsigned how = take_byte(&world.input) & 7;
    uint64_t number = take_number(&world.input);
    if (how == 0)
        return PAWL_NEVER;
    if (how == 1)
        return world.now_ns - (number > world.now_ns ? world.now_ns : number);
    return pawl_saturating_add(world.now_ns, number);
}

static void arm(struct timer *timer, uint64_t deadline_ns)
{
    int result = pawl_timer_arm(world.rt, &timer->timer, deadline_ns);
    if (result == -ESHUTDOWN && world.over)
        return;
    FUZZ_CHECK(result == (timer->pends ? -EBUSY : 0));
    timer->deadline_ns = timer->pends ? timer->deadline_ns : deadline_ns;
    timer->pends = true;
}

static void reset(struct timer *timer, uint64_t deadline_ns)
{
    FUZZ_CHECK(pawl_timer_reset(&timer->timer, deadline_ns) == (timer->pends ? 0 : -EALREADY));
    timer->deadline_ns = deadline_ns;
}

static void cancel(struct timer *timer, bool sync)
{
    int result = sync ? pawl_timer_cancel_sync(&timer->timer) : pawl_timer_cancel(&timer->timer);
    if (sync && timer->runs) {
        FUZZ_CHECK(result == -EDEADLK);
        return;
    }
    FUZZ_CHECK(result == (timer->pends ? 0 : -EALREADY));
    timer->ended = timer->pends ? PAWL_TIMER_CANCELLED : timer->ended;
    timer->pends = false;
}

/* ---- timers by id ---- */

static void retire(struct after *after)
{
    world.stale_ids[world.stale_count++ % IDS] = after->id;
    after->life = AFTER_NONE;
}

static void on_after(void *arg, int status)
{
    struct after *after = arg;
    FUZZ_CHECK(after->life == AFTER_ARMED);
    FUZZ_CHECK(status == 0 ? after->deadline_ns <= world.now_ns : status == -ESHUTDOWN && world.over);
    after->life = AFTER_CALLED;
    if ((take_byte(&world.input) & 1) != 0)
        act(true);
    FUZZ_CHECK(pawl_cancel(NULL, after->id) == -EINPROGRESS);
    retire(after); /* by id it ends when we return, and nobody looks before that: see cancel_stale */
}

static void on_every(void *arg, int status)
{
    struct after *after = arg;
    FUZZ_CHECK(after->life == AFTER_ARMED);
    FUZZ_CHECK(status == 0 ? after->deadline_ns <= world.now_ns : status == -ESHUTDOWN && world.over);
    after->life = AFTER_CALLED;
    unsigned byte = take_byte(&world.input);
    if ((byte & 1) != 0)
        act(true);
    FUZZ_CHECK(pawl_cancel_wait(NULL, after->id) == -EDEADLK);
    if (++after->calls == CALLS_MAX || (byte & 14) == 14) {
        FUZZ_CHECK(pawl_cancel(NULL, after->id) == -EINPROGRESS);
        after->stopping = true;
    }
    if (status != 0 || after->stopping) {
        retire(after);
        return;
    }
    after->life = AFTER_ARMED; /* the next one, in phase */
    uint64_t missed = (world.now_ns - after->deadline_ns) / after->period_ns;
    after->deadline_ns = pawl_saturating_add(after->deadline_ns + missed * after->period_ns, after->period_ns);
}

static void ask(struct after *after, uint64_t delay_ns, uint64_t period_ns)
{
    if (after->life != AFTER_NONE)
        return;
    *after = (struct after){.deadline_ns = pawl_saturating_add(world.now_ns, delay_ns), .period_ns = period_ns};
    after->life = AFTER_ARMED;
    int result = period_ns == 0 ? pawl_after(world.rt, delay_ns, on_after, after, &after->id)
                                : pawl_every(world.rt, period_ns, on_every, after, &after->id);
    if (result == -ESHUTDOWN && world.over)
        after->life = AFTER_NONE;
    else
        FUZZ_CHECK(result == 0 && after->id != 0);
}

static void cancel_by_id(struct after *after)
{
    if (after->life == AFTER_NONE)
        return;
    int result = pawl_cancel(world.rt, after->id);
    if (result == 0) {
        FUZZ_CHECK(after->life == AFTER_ARMED && !after->stopping);
        retire(after);
        return;
    }
    FUZZ_CHECK(result == -EINPROGRESS);
    after->stopping = true; /* if it is not being called it has fired, and its task is on its way */
    FUZZ_CHECK(after->life == AFTER_CALLED || after->deadline_ns <= world.now_ns || world.over);
}

static void cancel_stale(uint64_t id)
{
    for (int i = 0; i < AFTERS; i++)
        if (world.afters[i].life != AFTER_NONE && world.afters[i].id == id)
            return;
    FUZZ_CHECK(pawl_cancel(world.rt, id) == -ENOENT);
}

/* ---- sleepers ---- */

static int sleep_until(uint64_t *deadline_ns, uint64_t until_ns)
{
    *deadline_ns = until_ns;
    int result = pawl_sleep_until(until_ns);
    FUZZ_CHECK(result != 0 || until_ns <= world.now_ns);
    *deadline_ns = PAWL_NEVER;
    return result;
}

static void *sleep_and_act(void *arg)
{
    struct sleeper *sleeper = arg;
    for (unsigned n = 1 + (take_byte(&world.input) & 3); n > 0; n--) {
        int result = sleep_until(&sleeper->deadline_ns, take_deadline());
        FUZZ_CHECK(result == 0 || (result == -ECANCELED && sleeper->cancelled) || (result == -ESHUTDOWN && world.over));
        FUZZ_CHECK(result != 0 || !sleeper->cancelled || world.over);
        act(true);
    }
    sleeper->alive = false;
    return NULL;
}

static void start_or_cancel(struct sleeper *sleeper)
{
    if (sleeper->alive) {
        FUZZ_CHECK(pawl_task_cancel(sleeper->task) == 0);
        sleeper->cancelled = true;
        return;
    }
    pawl_detach(sleeper->task);
    *sleeper = (struct sleeper){.deadline_ns = PAWL_NEVER, .alive = true};
    int result = pawl_spawn(world.rt, sleep_and_act, sleeper, &sleeper->task);
    if (result == -ESHUTDOWN && world.over)
        sleeper->alive = false;
    else
        FUZZ_CHECK(result == 0);
}

/* ---- steps ---- */

static void act(bool in_task)
{
    struct input *input = &world.input;
    unsigned byte = take_byte(input), which = byte >> 4;
    struct timer *timer = &world.timers[which % TIMERS];
    settle(timer);
    world.steps++;
    switch (byte & 15) {
    case 0:
    case 1:
        arm(timer, take_deadline());
        break;
    case 2:
    case 3:
        reset(timer, take_deadline());
        break;
    case 4:
        cancel(timer, false);
        break;
    case 5:
        cancel(timer, true);
        break;
    case 6:
        FUZZ_CHECK(pawl_timer_state(&timer->timer) == state_expected(timer));
        break;
    case 7:
        ask(&world.afters[which % AFTERS], take_number(input), 0);
        break;
    case 8:
        cancel_by_id(&world.afters[which % AFTERS]);
        break;
    case 9:
        cancel_stale(world.stale_ids[which * 4 % IDS]);
        break;
    case 10:
        cancel_stale(take_word(input));
        break;
    case 11:
        start_or_cancel(&world.sleepers[which % SLEEPERS]);
        break;
    case 12:
        if (in_task)
            (void)pawl_yield();
        break;
    case 13: /* keeps the worker busy */
        world.now_ns = pawl_saturating_add(world.now_ns, take_number(input) % PAWL_SEC(1000000));
        break;
    case 14: {
        uint64_t period_ns = take_number(input);
        ask(&world.afters[which % AFTERS], period_ns, period_ns);
        break;
    }
    default:
        FUZZ_CHECK(world.over || pawl_now(world.rt) == world.now_ns);
    }
}

static void *run_all(void *arg)
{
    (void)arg;
    while (input_is_left(&world.input) && world.steps < STEPS_MAX) {
        uint64_t sleep_ns = (take_byte(&world.input) & 1) != 0 ? take_number(&world.input) : 0;
        if (sleep_ns != 0) {
            uint64_t until_ns = pawl_saturating_add(world.now_ns, sleep_ns % PAWL_SEC(1000000));
            FUZZ_CHECK(sleep_until(&world.root_deadline_ns, until_ns) == 0);
        }
        act(true);
    }
    world.over = true;
    return NULL;
}

/* ---- the runtime ---- */

static void wait_for_go(void *context, int worker)
{
    (void)context;
    (void)worker;
    time_is_ours = true;
    while (sem_wait(&world.go) != 0)
        continue;
}

static void say_fatal(void *context, const char *sentence)
{
    (void)context;
    fuzz_fail("the library", 0, sentence);
}

static void start(void)
{
    static const uint64_t ticks_ns[] = {32768, 1, 1000, 1000000};
    struct pawl_options o;
    struct input input = world.input;
    world = (struct world){.input = input, .root_deadline_ns = PAWL_NEVER};
    world.tick_ns = ticks_ns[take_byte(&world.input) & 3];
    world.now_ns = take_number(&world.input) / 2;
    unsigned silent = take_byte(&world.input);
    for (int i = 0; i < TIMERS; i++) {
        world.timers[i].silent = silent >> i & 1;
        pawl_timer_init(&world.timers[i].timer, world.timers[i].silent ? NULL : on_timer, &world.timers[i]);
    }
    for (int i = 0; i < SLEEPERS; i++)
        world.sleepers[i].deadline_ns = PAWL_NEVER;
    FUZZ_CHECK(sem_init(&world.go, 0, 0) == 0);
    pawl_options_init(&o);
    o.workers = 1;
    o.seed = 1;
    o.tick_ns = world.tick_ns;
    o.hooks.thread_start = wait_for_go;
    o.hooks.fatal_error = say_fatal;
    time_is_ours = true;
    FUZZ_CHECK(pawl_runtime_create(&world.rt, &o) == 0);
}

/* From the main thread, into its own shard. */
static void act_before(void)
{
    for (unsigned n = take_byte(&world.input) % (ACTS_BEFORE_MAX + 1); n > 0; n--)
        act(false);
    time_is_ours = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pawl_task *root;
    world.input = input_of(bytes, size);
    start();
    act_before();
    FUZZ_CHECK(pawl_spawn(world.rt, run_all, NULL, &root) == 0);
    FUZZ_CHECK(sem_post(&world.go) == 0);
    FUZZ_CHECK(pawl_join(root, NULL) == 0);
    FUZZ_CHECK(pawl_runtime_destroy(world.rt) == 0);
    for (int i = 0; i < TIMERS; i++) {
        settle(&world.timers[i]);
        FUZZ_CHECK(!world.timers[i].pends);
        FUZZ_CHECK(pawl_timer_state(&world.timers[i].timer) == world.timers[i].ended);
    }
    for (int i = 0; i < AFTERS; i++)
        FUZZ_CHECK(world.afters[i].life == AFTER_NONE);
    for (int i = 0; i < SLEEPERS; i++) {
        FUZZ_CHECK(!world.sleepers[i].alive);
        pawl_detach(world.sleepers[i].task);
    }
    sem_destroy(&world.go);
    return 0;
}
