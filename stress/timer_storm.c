/* Timers armed, reset, cancelled and freed by plain threads and tasks, against their firing.
 *
 * Conserved: every arm has exactly one outcome: the callback with 0, the callback with -ESHUTDOWN, or a cancel that
 * returned 0. No timer fires before its deadline. Memory is freed as soon as the contract allows it, so that a touch
 * too late is an error under AddressSanitizer; what the contract orders is left plain, so that a missing edge is one
 * under ThreadSanitizer.
 *
 * Items are private to an actor and their callback; the pool's timers are anybody's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define THREADS 8
#define TASKS_MAX 6
#define POOL_SIZE 12
#define CHAIN_MAX 6
#define ABANDONED_MAX 1000

enum {
    OPERATIONS, /* arms, resets and cancels called by the plain threads */
    ARMED,
    FIRED,
    SHUT,
    CANCELLED,
    RESET,
    REFUSED,
    FORGOTTEN,
    FORGOTTEN_FIRED,
    ABANDONED,
    LATE_MAX_US,
    COUNTERS
};
static const char *const counters[COUNTERS + 1] = {
    [OPERATIONS] = "thread_operations",
    [ARMED] = "armed",
    [FIRED] = "fired",
    [SHUT] = "shut",
    [CANCELLED] = "cancelled",
    [RESET] = "reset",
    [REFUSED] = "refused",
    [FORGOTTEN] = "forgotten",
    [FORGOTTEN_FIRED] = "forgotten_fired",
    [ABANDONED] = "abandoned",
    [LATE_MAX_US] = "late_max_us",
};

struct pool_timer {
    struct pawl_timer timer;
    struct storm *storm;
    struct random random;      /* the callback's: callbacks of one timer never overlap */
    _Atomic uint64_t armed;    /* arms that returned 0 */
    _Atomic uint64_t outcomes; /* callbacks, and cancels that returned 0 */
};

struct storm {
    const struct round *round;
    struct pawl_runtime *rt;
    _Atomic bool closing; /* set before the shutdown begins */
    struct pool_timer pool[POOL_SIZE];
};

/* Who arms: a plain thread, or a task. */
struct actor {
    struct storm *storm;
    struct pawl_runtime *rt; /* as given to the calls: NULL in a task */
    struct random random;
    uint64_t until_ns;
    uint64_t operations; /* not yet counted */
};

/* ---- items ---- */

enum item_kind {
    ITEM_KEPT,      /* its actor frees it */
    ITEM_FORGOTTEN, /* its callback frees it; it will fire soon */
    ITEM_ABANDONED, /* its callback frees it; it is far away, so that shutdown completes it */
};

struct item {
    struct pawl_timer timer;
    struct storm *storm;
    enum item_kind kind;
    struct random random;
    uint64_t armed_for_ns; /* written before arming by who arms */
    uint64_t due_ns;       /* the same, but not before the arming */
    bool is_reset;         /* then its actor compares with the deadline, which the callback does not know */
    unsigned chain_left;   /* how often the callback arms again */
    uint64_t fires;        /* plain: cancel_sync's return comes after the callback's writes */
    uint64_t fired_ns;
};

static void note_outcome(struct storm *storm, int status)
{
    if (status == 0) {
        count(FIRED);
    } else {
        CHECK(status == -ESHUTDOWN, "a timer callback got status %d", status);
        CHECK(atomic_load(&storm->closing), "a timer was completed by a shutdown that had not begun");
        count(SHUT);
    }
}

static void note_instant(struct item *item, int status)
{
    item->fired_ns = pawl_now(NULL);
    if (status != 0 || item->is_reset)
        return;
    CHECK(item->fired_ns >= item->armed_for_ns, "a timer fired %" PRIu64 " ns early",
          item->armed_for_ns - item->fired_ns);
    stress_count_max(LATE_MAX_US, (item->fired_ns - item->due_ns) / 1000);
}

/* Now and then: what a callback may not do. */
static void try_forbidden(struct pawl_timer *timer, struct random *r)
{
    if (!random_once_in(r, 32))
        return;
    CHECK(pawl_yield() == -EDEADLK, "pawl_yield in a callback did not return -EDEADLK");
    CHECK(pawl_sleep(0) == -EDEADLK, "pawl_sleep in a callback did not return -EDEADLK");
    CHECK(pawl_timer_cancel_sync(timer) == -EDEADLK, "cancel_sync in the own callback did not return -EDEADLK");
}

static void set_deadline(struct item *item, uint64_t deadline_ns)
{
    uint64_t now_ns = pawl_now(NULL);
    item->armed_for_ns = deadline_ns;
    item->due_ns = deadline_ns > now_ns ? deadline_ns : now_ns;
}

/* Arms again; the item may be gone afterwards. */
static void arm_again(struct item *item)
{
    struct storm *storm = item->storm;
    item->chain_left--;
    set_deadline(item, pawl_now(NULL) + random_below(&item->random, PAWL_US(300)));
    /* nothing of the item after this: a plain cancel that returns 0 gives its memory to the actor */
    int result = pawl_timer_arm(NULL, &item->timer, item->armed_for_ns);
    if (result == 0)
        count(ARMED);
    else if (result == -ESHUTDOWN)
        CHECK(atomic_load(&storm->closing), "arming in a callback returned -ESHUTDOWN before the shutdown");
    else
        CHECK(result == -ECANCELED, "arming in a callback returned %d", result);
}

static void fire_item(struct pawl_timer *timer, void *arg, int status)
{
    struct item *item = arg;
    CHECK(timer == &item->timer, "a callback got another's argument");
    enum pawl_timer_state state = pawl_timer_state(timer);
    CHECK(state == PAWL_TIMER_FIRING, "a timer's state in its callback is %d", (int)state);
    try_forbidden(timer, &item->random);
    note_outcome(item->storm, status);
    note_instant(item, status);
    item->fires++;
    pawl_noise_point(__func__);
    if (item->kind != ITEM_KEPT) {
        if (item->kind == ITEM_FORGOTTEN)
            count(FORGOTTEN_FIRED);
        free(item);
    } else if (status == 0 && item->chain_left > 0) {
        arm_again(item);
    }
}

static struct item *item_create(struct actor *a, enum item_kind kind)
{
    struct item *item = stress_allocate(sizeof *item);
    item->storm = a->storm;
    item->kind = kind;
    item->random = random_seeded(random_next(&a->random), 0);
    pawl_timer_init(&item->timer, fire_item, item);
    return item;
}

/* Now and then long ago, or never; else within `range_ns`. */
static uint64_t draw_deadline(struct actor *a, uint64_t range_ns)
{
    switch (random_below(&a->random, 32)) {
    case 0:
        return 0;
    case 1:
        return pawl_now(a->rt) - PAWL_MS(random_below(&a->random, 10));
    default:
        return pawl_now(a->rt) + random_below(&a->random, range_ns);
    }
}

static uint64_t draw_far_deadline(struct actor *a)
{
    if (random_once_in(&a->random, 4))
        return PAWL_NEVER - random_below(&a->random, 2);
    return pawl_now(a->rt) + PAWL_SEC(60 + random_below(&a->random, 100000));
}

static void arm_item(struct actor *a, struct item *item, uint64_t deadline_ns)
{
    set_deadline(item, deadline_ns);
    count(ARMED); /* before: a forgotten one may be freed at once */
    int result = pawl_timer_arm(a->rt, &item->timer, deadline_ns);
    a->operations++;
    CHECK(result == 0, "pawl_timer_arm returned %d", result);
}

/* Noise between two steps; a task also yields. */
static void dawdle(struct actor *a)
{
    if (a->rt == NULL && random_once_in(&a->random, 8))
        CHECK(pawl_yield() == 0, "pawl_yield did not return 0");
    else
        pawl_noise_point(__func__);
}

/* The end of an item's life: on return its callback is not running and it is not pending. True if it was cancelled. */
static bool cancel_for_good(struct actor *a, struct item *item)
{
    a->operations++;
    int result = pawl_timer_cancel_sync(&item->timer);
    CHECK(result == 0 || result == -EALREADY, "pawl_timer_cancel_sync returned %d", result);
    if (result == 0)
        count(CANCELLED);
    return result == 0;
}

/* ---- what an actor does with an item ---- */

/* Most timeouts: armed far ahead, cancelled soon. */
static void cancel_far(struct actor *a)
{
    struct item *item = item_create(a, ITEM_KEPT);
    arm_item(a, item, draw_far_deadline(a));
    CHECK(pawl_timer_state(&item->timer) == PAWL_TIMER_PENDING, "an armed timer is not pending");
    CHECK(pawl_timer_arm(a->rt, &item->timer, 0) == -EBUSY, "arming a pending timer did not return -EBUSY");
    dawdle(a);
    CHECK(pawl_timer_cancel(&item->timer) == 0, "a timer a minute ahead could not be cancelled");
    count(CANCELLED);
    CHECK(item->fires == 0, "a cancelled timer had fired");
    CHECK(pawl_timer_state(&item->timer) == PAWL_TIMER_CANCELLED, "a cancelled timer's state is another");
    CHECK(pawl_timer_cancel(&item->timer) == -EALREADY, "cancelling twice did not return -EALREADY");
    CHECK(pawl_timer_reset(&item->timer, 0) == -EALREADY, "resetting a cancelled timer did not return -EALREADY");
    a->operations += 4;
    free(item);
}

/* Cancel against fire. */
static void cancel_near(struct actor *a)
{
    struct item *item = item_create(a, ITEM_KEPT);
    arm_item(a, item, draw_deadline(a, PAWL_US(300)));
    dawdle(a);
    int result = pawl_timer_cancel(&item->timer);
    a->operations++;
    if (result == 0) {
        count(CANCELLED);
        CHECK(item->fires == 0, "a cancelled timer had fired");
    } else {
        CHECK(result == -EALREADY, "pawl_timer_cancel returned %d", result);
        CHECK(!cancel_for_good(a, item), "a timer was cancelled that had fired");
        CHECK(item->fires == 1, "a timer fired %" PRIu64 " times", item->fires);
        CHECK(pawl_timer_state(&item->timer) == PAWL_TIMER_FIRED, "a fired timer's state is another");
    }
    free(item);
}

static void cancel_sync_near(struct actor *a)
{
    struct item *item = item_create(a, ITEM_KEPT);
    arm_item(a, item, draw_deadline(a, PAWL_US(200)));
    dawdle(a);
    bool cancelled = cancel_for_good(a, item);
    CHECK(item->fires == (cancelled ? 0 : 1), "a timer fired %" PRIu64 " times, cancelled is %d", item->fires,
          cancelled);
    free(item);
}

/* Earlier and later; what a successful reset promised holds. */
static void reset_near(struct actor *a)
{
    struct item *item = item_create(a, ITEM_KEPT);
    uint64_t not_before_ns = draw_deadline(a, PAWL_US(500));
    item->is_reset = true;
    arm_item(a, item, not_before_ns);
    for (uint64_t i = 1 + random_below(&a->random, 6); i > 0; i--) {
        uint64_t deadline_ns = draw_deadline(a, random_once_in(&a->random, 2) ? PAWL_US(200) : PAWL_MS(3));
        int result = pawl_timer_reset(&item->timer, deadline_ns);
        a->operations++;
        if (result != 0) {
            CHECK(result == -EALREADY, "pawl_timer_reset returned %d", result);
            break;
        }
        count(RESET);
        not_before_ns = deadline_ns;
        dawdle(a);
    }
    bool cancelled = cancel_for_good(a, item);
    CHECK(item->fires == (cancelled ? 0 : 1), "a timer fired %" PRIu64 " times, cancelled is %d", item->fires,
          cancelled);
    CHECK(cancelled || item->fired_ns >= not_before_ns, "a timer that was reset fired %" PRIu64 " ns early",
          not_before_ns - item->fired_ns);
    free(item);
}

/* Pushed further and further, like the idle timeout of a busy connection, then cancelled or left to fire. */
static void push_away(struct actor *a)
{
    struct item *item = item_create(a, ITEM_KEPT);
    arm_item(a, item, pawl_now(a->rt) + PAWL_SEC(60));
    for (uint64_t i = random_below(&a->random, 20); i > 0; i--) {
        CHECK(pawl_timer_reset(&item->timer, pawl_now(a->rt) + PAWL_SEC(60)) == 0, "a reset of a pending timer failed");
        a->operations++;
        count(RESET);
    }
    dawdle(a);
    CHECK(cancel_for_good(a, item), "a timer a minute ahead could not be cancelled");
    free(item);
}

/* The callback arms again and again; the actor ends it, by cancel_sync or by the plain cancel. */
static void end_chain(struct actor *a)
{
    struct item *item = item_create(a, ITEM_KEPT);
    uint64_t chain = 1 + random_below(&a->random, CHAIN_MAX);
    item->chain_left = (unsigned)chain;
    arm_item(a, item, draw_deadline(a, PAWL_US(200)));
    for (uint64_t i = random_below(&a->random, 6); i > 0; i--)
        dawdle(a);
    bool plain = random_once_in(&a->random, 2);
    a->operations += plain;
    if (plain && pawl_timer_cancel(&item->timer) == 0) {
        count(CANCELLED);
    } else {
        cancel_for_good(a, item);
        CHECK(item->fires <= chain + 1, "a chain of %" PRIu64 " fired %" PRIu64 " times", chain + 1, item->fires);
    }
    free(item);
}

static void forget(struct actor *a)
{
    struct item *item = item_create(a, ITEM_FORGOTTEN);
    count(FORGOTTEN);
    arm_item(a, item, draw_deadline(a, PAWL_MS(5)));
}

static void abandon(struct actor *a)
{
    if (counted(ABANDONED) >= ABANDONED_MAX)
        return;
    count(ABANDONED);
    arm_item(a, item_create(a, ITEM_ABANDONED), draw_far_deadline(a));
}

/* ---- the pool ---- */

static int arm_pool_timer(struct pool_timer *p, struct pawl_runtime *rt, uint64_t deadline_ns)
{
    int result = pawl_timer_arm(rt, &p->timer, deadline_ns);
    if (result == 0) {
        count(ARMED);
        atomic_fetch_add(&p->armed, 1);
    } else if (result == -ESHUTDOWN) {
        CHECK(atomic_load(&p->storm->closing), "arming returned -ESHUTDOWN before the shutdown");
    } else {
        CHECK(result == -EBUSY || result == -ECANCELED, "arming a shared timer returned %d", result);
        count(REFUSED);
    }
    return result;
}

static void note_pool_cancel(struct pool_timer *p, int result)
{
    if (result != 0)
        return;
    count(CANCELLED);
    atomic_fetch_add(&p->outcomes, 1);
}

static void fire_pool_timer(struct pawl_timer *timer, void *arg, int status)
{
    struct pool_timer *p = arg;
    struct pool_timer *other = &p->storm->pool[random_below(&p->random, POOL_SIZE)];
    int result;
    try_forbidden(timer, &p->random);
    note_outcome(p->storm, status);
    atomic_fetch_add(&p->outcomes, 1);
    pawl_noise_point(__func__);
    switch (random_below(&p->random, 6)) {
    case 0:
        arm_pool_timer(p, NULL, pawl_now(NULL) + random_below(&p->random, PAWL_US(500)));
        break;
    case 1:
        if (other == p)
            break;
        arm_pool_timer(other, NULL, pawl_now(NULL) + random_below(&p->random, PAWL_US(500)));
        break;
    case 2:
        result = pawl_timer_cancel(&other->timer);
        CHECK(result == 0 || result == -EALREADY, "pawl_timer_cancel in a callback returned %d", result);
        note_pool_cancel(other, result);
        break;
    case 3:
        result = pawl_timer_cancel_sync(&other->timer);
        CHECK(result == 0 || result == -EALREADY || result == -EDEADLK, "cancel_sync in a callback returned %d",
              result);
        note_pool_cancel(other, result);
        break;
    default:
        break;
    }
}

static void stir_pool(struct actor *a)
{
    struct pool_timer *p = &a->storm->pool[random_below(&a->random, POOL_SIZE)];
    int result;
    a->operations++;
    switch (random_below(&a->random, 8)) {
    case 0:
        result = pawl_timer_cancel(&p->timer);
        CHECK(result == 0 || result == -EALREADY, "pawl_timer_cancel returned %d", result);
        note_pool_cancel(p, result);
        break;
    case 1:
        result = pawl_timer_cancel_sync(&p->timer);
        CHECK(result == 0 || result == -EALREADY, "pawl_timer_cancel_sync returned %d", result);
        note_pool_cancel(p, result);
        break;
    case 2:
    case 3:
        result = pawl_timer_reset(&p->timer, draw_deadline(a, PAWL_MS(1)));
        CHECK(result == 0 || result == -EALREADY, "pawl_timer_reset returned %d", result);
        if (result == 0)
            count(RESET);
        break;
    default:
        arm_pool_timer(p, a->rt, draw_deadline(a, PAWL_MS(1)));
        break;
    }
}

/* ---- actors ---- */

static void act(struct actor *a)
{
    switch (random_below(&a->random, 16)) {
    case 0:
    case 1:
    case 2:
        cancel_far(a);
        break;
    case 3:
    case 4:
        cancel_near(a);
        break;
    case 5:
    case 6:
        cancel_sync_near(a);
        break;
    case 7:
    case 8:
        reset_near(a);
        break;
    case 9:
        push_away(a);
        break;
    case 10:
        end_chain(a);
        break;
    case 11:
    case 12:
        forget(a);
        break;
    case 13:
        if (random_once_in(&a->random, 16))
            abandon(a);
        break;
    default:
        stir_pool(a);
        break;
    }
    dawdle(a);
}

static void *act_until_over(void *arg)
{
    struct actor *a = arg;
    while (pawl_now(NULL) < a->until_ns && counted(OPERATIONS) < a->storm->round->operations_max) {
        act(a);
        if (a->rt != NULL)
            count_more(OPERATIONS, a->operations);
        a->operations = 0;
    }
    return NULL;
}

static void actor_init(struct actor *a, struct storm *storm, bool task, uint64_t stream, uint64_t until_ns)
{
    *a = (struct actor){.storm = storm,
                        .rt = task ? NULL : storm->rt,
                        .random = random_seeded(storm->round->seed, stream),
                        .until_ns = until_ns};
}

/* One generation of threads and tasks: threads also come and go. */
static void storm_once(struct storm *storm, struct random *r, uint64_t generation)
{
    struct actor actors[THREADS + TASKS_MAX];
    pthread_t threads[THREADS];
    struct pawl_task *tasks[TASKS_MAX];
    uint64_t task_count = random_below(r, TASKS_MAX + 1);
    uint64_t until_ns = pawl_now(NULL) + PAWL_MS(20 + random_below(r, 200));
    if (until_ns > storm->round->until_ns)
        until_ns = storm->round->until_ns;
    for (uint64_t i = 0; i < THREADS + task_count; i++)
        actor_init(&actors[i], storm, i >= THREADS, generation * 100 + i, until_ns);
    for (uint64_t i = 0; i < THREADS; i++)
        stress_thread_start(&threads[i], act_until_over, &actors[i]);
    for (uint64_t i = 0; i < task_count; i++) {
        int result = pawl_spawn(storm->rt, act_until_over, &actors[THREADS + i], &tasks[i]);
        CHECK(result == 0, "pawl_spawn returned %d", result);
    }
    for (uint64_t i = 0; i < THREADS; i++)
        stress_thread_join(threads[i]);
    for (uint64_t i = 0; i < task_count; i++)
        CHECK(pawl_join(tasks[i], NULL) == 0, "pawl_join did not return 0");
    stress_wait_equal(FORGOTTEN, FORGOTTEN_FIRED, "waiting for timers that are due to fire");
}

static void pool_init(struct storm *storm)
{
    for (int i = 0; i < POOL_SIZE; i++) {
        struct pool_timer *p = &storm->pool[i];
        p->storm = storm;
        p->random = random_seeded(storm->round->seed, UINT64_C(1) << 40 | (uint64_t)i);
        pawl_timer_init(&p->timer, fire_pool_timer, p);
    }
}

static void check_conserved(struct storm *storm)
{
    for (int i = 0; i < POOL_SIZE; i++) {
        uint64_t armed = atomic_load(&storm->pool[i].armed), outcomes = atomic_load(&storm->pool[i].outcomes);
        CHECK(armed == outcomes, "shared timer %d was armed %" PRIu64 " times and has %" PRIu64 " outcomes", i, armed,
              outcomes);
    }
    uint64_t outcomes = counted(FIRED) + counted(SHUT) + counted(CANCELLED);
    CHECK(counted(ARMED) == outcomes, "%" PRIu64 " timers armed, %" PRIu64 " outcomes", counted(ARMED), outcomes);
    struct pawl_metrics m;
    CHECK(pawl_metrics_total(storm->rt, &m, sizeof m) == 0, "no metrics after shutdown");
    CHECK(m.timers_armed == counted(ARMED) && m.timers_cancelled == counted(CANCELLED) &&
              m.timers_fired == counted(FIRED) + counted(SHUT),
          "the runtime counted %" PRIu64 " armed, %" PRIu64 " cancelled, %" PRIu64 " fired", m.timers_armed,
          m.timers_cancelled, m.timers_fired);
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, UINT64_C(1) << 41);
    struct storm *storm = stress_allocate(sizeof *storm);
    struct pawl_options o;
    stress_options(&o, round);
    storm->round = round;
    storm->rt = stress_runtime_create(&o);
    pool_init(storm);
    for (uint64_t generation = 0; !round_is_over(round); generation++)
        storm_once(storm, &r, generation);
    atomic_store(&storm->closing, true);
    stress_phase("shutting down");
    stress_runtime_shutdown(storm->rt, PAWL_MS(random_below(&r, 3)));
    check_conserved(storm);
    stress_runtime_destroy(storm->rt);
    free(storm);
}

const struct scenario stress_timer_storm = {
    .name = "timer_storm",
    .about = "8 threads and some tasks arm, reset and cancel timers against their firing",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
