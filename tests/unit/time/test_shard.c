/* The shard: arming, resetting, cancelling and firing, with the clock in the test's hand. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "time/shard.h"

enum { LEVELS = 7, TICK_NS = 1000 };

static uint64_t test_now_ns(void *now_ns)
{
    return *(uint64_t *)now_ns;
}

struct fixture {
    uint64_t now_ns;
    struct clock clock;
    struct wheel_level *levels;
    struct shard *shard;
};

static void set_up(struct fixture *f)
{
    f->now_ns = 0;
    f->clock = (struct clock){.now_ns = test_now_ns, .context = &f->now_ns, .tick_ns = TICK_NS};
    f->levels = aligned_alloc(128, LEVELS * sizeof *f->levels);
    f->shard = aligned_alloc(128, sizeof *f->shard);
    memset(f->levels, 0, LEVELS * sizeof *f->levels);
    memset(f->shard, 0, sizeof *f->shard);
    pawl__shard_init(f->shard, &f->clock, 8, f->levels, LEVELS);
}

static void tear_down(struct fixture *f)
{
    free(f->shard);
    free(f->levels);
}

#define SHARD_TEST(name, ...)                                                                                          \
    static void name(struct fixture *f);                                                                               \
    Test(shard, name, ##__VA_ARGS__)                                                                                   \
    {                                                                                                                  \
        struct fixture f;                                                                                              \
        set_up(&f);                                                                                                    \
        name(&f);                                                                                                      \
        tear_down(&f);                                                                                                 \
    }                                                                                                                  \
    static void name(struct fixture *f)

static uint64_t published(const struct fixture *f)
{
    return load_relaxed_u64(&f->shard->next_deadline);
}

static void bump(void *counter)
{
    ++*(int *)counter;
}

static void init_counting(struct timer_entry *entry, int *counter)
{
    entry_init_waker(entry, (struct waker){.wake = bump, .target = counter});
}

/* ---- the table of time/entry.h ---- */

enum { EVENTS = 5 };
enum event { ARM, RESET_LATER, RESET_EARLIER, CANCEL, TURN };

static enum shard_answer happen(struct fixture *f, struct timer_entry *entry, enum event event)
{
    switch (event) {
    case ARM:
        return pawl__shard_arm(f->shard, entry, 10, false);
    case RESET_LATER:
        return entry_extend(entry, 20) == ENTRY_EXTENDED ? SHARD_DONE : SHARD_ALREADY;
    case RESET_EARLIER:
        return pawl__shard_reset(f->shard, entry, 5);
    case CANCEL:
        return pawl__shard_cancel(f->shard, entry);
    default:
        pawl__shard_turn(f->shard, 10);
        return SHARD_DONE;
    }
}

/* Brings a new entry into the state that the cell names. */
static void bring_to(struct fixture *f, struct timer_entry *entry, uint64_t cell)
{
    if (cell == CELL_IDLE)
        return;
    cr_assert(pawl__shard_arm(f->shard, entry, 10, false) <= SHARD_DONE_EARLIER);
    if (cell == CELL_CANCELLED)
        cr_assert_eq(pawl__shard_cancel(f->shard, entry), SHARD_DONE);
    else if (cell == CELL_FIRED)
        pawl__shard_turn(f->shard, 10);
    else if (cell == CELL_SHUTDOWN)
        pawl__shard_close(f->shard);
}

/* What the table says: the state after the event; pending ones by their tick. */
static uint64_t expected_cell(uint64_t from, enum event event)
{
    static const uint64_t pending_to[EVENTS] = {
        [ARM] = 10, [RESET_LATER] = 20, [RESET_EARLIER] = 5, [CANCEL] = 0, [TURN] = 0};
    if (cell_pending(from))
        return event == CANCEL ? CELL_CANCELLED : event == TURN ? CELL_FIRED : cell_of_tick(pending_to[event]);
    return event == ARM && from != CELL_SHUTDOWN ? cell_of_tick(10) : from;
}

static enum shard_answer expected_answer(uint64_t from, enum event event)
{
    if (cell_pending(from))
        return event == ARM ? SHARD_BUSY : SHARD_DONE;
    if (event == ARM)
        return from == CELL_SHUTDOWN ? SHARD_CLOSED : SHARD_DONE;
    return event == TURN ? SHARD_DONE : SHARD_ALREADY;
}

Test(entry, every_state_takes_every_event_as_the_table_says)
{
    const uint64_t states[] = {CELL_IDLE, CELL_FIRED, CELL_CANCELLED, CELL_SHUTDOWN, cell_of_tick(10)};
    for (size_t s = 0; s < sizeof states / sizeof *states; s++)
        for (int e = 0; e < EVENTS; e++) {
            struct fixture f;
            struct timer_entry entry;
            int fired = 0;
            set_up(&f);
            init_counting(&entry, &fired);
            bring_to(&f, &entry, states[s]);
            cr_assert_eq(entry_cell(&entry), states[s]);
            enum shard_answer answer = happen(&f, &entry, (enum event)e);
            if (answer == SHARD_DONE_EARLIER)
                answer = SHARD_DONE;
            if (states[s] == CELL_IDLE && answer == SHARD_NOT_HOME)
                answer = SHARD_ALREADY; /* never armed: no home */
            cr_assert_eq(answer, expected_answer(states[s], (enum event)e), "state %zu, event %d", s, e);
            cr_assert_eq(entry_cell(&entry), expected_cell(states[s], (enum event)e), "state %zu, event %d", s, e);
            tear_down(&f);
        }
}

/* ---- deadlines ---- */

SHARD_TEST(fires_at_its_tick_and_not_before)
{
    struct timer_entry entry;
    int fired = 0;
    init_counting(&entry, &fired);
    pawl__shard_arm(f->shard, &entry, 10, false);
    pawl__shard_turn(f->shard, 9);
    cr_assert_eq(fired, 0);
    pawl__shard_turn(f->shard, 10);
    cr_assert_eq(fired, 1);
    pawl__shard_turn(f->shard, 11);
    cr_assert_eq(fired, 1);
}

SHARD_TEST(says_when_a_deadline_is_the_earliest_and_publishes_it)
{
    struct timer_entry late, early, latest;
    entry_init_waker(&late, (struct waker){0});
    entry_init_waker(&early, (struct waker){0});
    entry_init_waker(&latest, (struct waker){0});
    cr_assert_eq(published(f), PAWL_NEVER);
    cr_assert_eq(pawl__shard_arm(f->shard, &late, 100, false), SHARD_DONE_EARLIER);
    cr_assert_eq(published(f), 100 * TICK_NS);
    cr_assert_eq(pawl__shard_arm(f->shard, &early, 50, false), SHARD_DONE_EARLIER);
    cr_assert_eq(published(f), 50 * TICK_NS);
    cr_assert_eq(pawl__shard_arm(f->shard, &latest, 200, false), SHARD_DONE);
    cr_assert_eq(published(f), 50 * TICK_NS);
}

SHARD_TEST(settle_forgets_the_deadline_of_a_cancelled_timer)
{
    struct timer_entry early, late;
    entry_init_waker(&early, (struct waker){0});
    entry_init_waker(&late, (struct waker){0});
    pawl__shard_arm(f->shard, &early, 50, false);
    pawl__shard_arm(f->shard, &late, 100, false);
    pawl__shard_cancel(f->shard, &early);
    pawl__shard_settle(f->shard);
    cr_assert_eq(published(f), 100 * TICK_NS);
    cr_assert_eq(entry_extend(&late, 5000), ENTRY_EXTENDED);
    pawl__shard_settle(f->shard);
    cr_assert_eq(published(f), 5000 * TICK_NS);
}

SHARD_TEST(a_deadline_pushed_later_without_the_lock_is_honoured)
{
    struct timer_entry entry;
    int fired = 0;
    init_counting(&entry, &fired);
    pawl__shard_arm(f->shard, &entry, 10, false);
    cr_assert_eq(entry_extend(&entry, 30), ENTRY_EXTENDED);
    pawl__shard_turn(f->shard, 29);
    cr_assert_eq(fired, 0);
    pawl__shard_turn(f->shard, 30);
    cr_assert_eq(fired, 1);
}

SHARD_TEST(never_has_no_deadline_and_can_be_brought_nearer)
{
    struct timer_entry entry;
    int fired = 0;
    init_counting(&entry, &fired);
    cr_assert_eq(pawl__shard_arm(f->shard, &entry, TICK_NEVER, false), SHARD_DONE);
    pawl__shard_turn(f->shard, TICK_LAST);
    cr_assert_eq(fired, 0);
    cr_assert_eq(published(f), PAWL_NEVER);
    pawl__shard_reset(f->shard, &entry, TICK_LAST);
    pawl__shard_turn(f->shard, TICK_LAST);
    cr_assert_eq(fired, 1);
}

/* ---- firing ---- */

SHARD_TEST(fires_more_timers_than_fit_into_a_batch_of_wakers)
{
    enum { COUNT = 3 * WAKER_BATCH_MAX + 1 };
    struct timer_entry *entries = calloc(COUNT, sizeof *entries);
    int fired = 0;
    for (int i = 0; i < COUNT; i++) {
        init_counting(&entries[i], &fired);
        pawl__shard_arm(f->shard, &entries[i], 10, false);
    }
    pawl__shard_turn(f->shard, 10);
    cr_assert_eq(fired, COUNT);
    free(entries);
}

SHARD_TEST(a_turn_fires_so_many_and_leaves_the_rest_due_at_once)
{
    enum { COUNT = SHARD_TURN_MAX + 5 };
    struct timer_entry *entries = calloc(COUNT, sizeof *entries);
    int fired = 0;
    for (int i = 0; i < COUNT; i++) {
        init_counting(&entries[i], &fired);
        pawl__shard_arm(f->shard, &entries[i], 10, false);
    }
    cr_assert(pawl__shard_turn(f->shard, 10));
    cr_assert_eq(fired, SHARD_TURN_MAX);
    cr_assert_eq(published(f), 0);
    cr_assert_eq(pawl__shard_cancel(f->shard, &entries[COUNT - 1]), SHARD_DONE);
    pawl__shard_turn(f->shard, 10);
    cr_assert_eq(fired, COUNT - 1);
    free(entries);
}

struct repeater {
    struct fixture *fixture;
    int calls;
    enum shard_answer answer;
};

static void arm_again(struct pawl_timer *timer, void *arg, int status)
{
    struct repeater *repeater = arg;
    cr_assert_eq(status, 0);
    repeater->calls++;
    repeater->answer = pawl__shard_arm(repeater->fixture->shard, (struct timer_entry *)timer, 1, false);
}

SHARD_TEST(what_its_callback_arms_for_the_past_fires_on_the_next_turn)
{
    struct repeater repeater = {.fixture = f};
    struct timer_entry entry;
    entry_init_callback(&entry, arm_again, &repeater);
    pawl__shard_arm(f->shard, &entry, 10, false);
    cr_assert(pawl__shard_turn(f->shard, 10));
    cr_assert_eq(repeater.calls, 1);
    cr_assert_eq(repeater.answer, SHARD_DONE);
    cr_assert_leq(published(f), 10 * TICK_NS);
    pawl__shard_turn(f->shard, 10);
    cr_assert_eq(repeater.calls, 2);
}

static void free_it(struct pawl_timer *timer, void *arg, int status)
{
    *(int *)arg = 1 + status;
    free(timer);
}

SHARD_TEST(a_callback_may_free_its_timer)
{
    struct timer_entry *entry = malloc(sizeof(struct pawl_timer));
    int called = 0;
    entry_init_callback(entry, free_it, &called);
    pawl__shard_arm(f->shard, entry, 10, false);
    pawl__shard_turn(f->shard, 10);
    cr_assert_eq(called, 1);
}

/* ---- closing ---- */

struct outcome {
    int calls, status;
};

static void note_status(struct pawl_timer *timer, void *arg, int status)
{
    struct outcome *outcome = arg;
    (void)timer;
    outcome->calls++;
    outcome->status = status;
}

SHARD_TEST(close_completes_what_pends_once_and_refuses_the_rest)
{
    struct timer_entry near, far, never, late;
    struct outcome outcomes[3] = {{0}};
    struct timer_entry *entries[3] = {&near, &far, &never};
    const uint64_t ticks[3] = {1, UINT64_C(1) << 50, TICK_NEVER};
    for (int i = 0; i < 3; i++) {
        entry_init_callback(entries[i], note_status, &outcomes[i]);
        pawl__shard_arm(f->shard, entries[i], ticks[i], false);
    }
    cr_assert_not(pawl__shard_closed(f->shard));
    pawl__shard_close(f->shard);
    cr_assert(pawl__shard_closed(f->shard));
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(outcomes[i].calls, 1);
        cr_assert_eq(entry_cell(entries[i]), outcomes[i].status == 0 ? CELL_FIRED : CELL_SHUTDOWN);
    }
    cr_assert_eq(outcomes[1].status, -ESHUTDOWN);
    cr_assert_eq(outcomes[2].status, -ESHUTDOWN);
    int fired = 0;
    init_counting(&late, &fired);
    cr_assert_eq(pawl__shard_arm(f->shard, &late, 5, false), SHARD_CLOSED);
    cr_assert_eq(pawl__shard_arm(f->shard, &late, 5, true), SHARD_DONE_EARLIER);
    pawl__shard_turn(f->shard, 5);
    cr_assert_eq(fired, 1);
    cr_assert_eq(entry_cell(&late), CELL_FIRED);
}

/* ---- homes ---- */

SHARD_TEST(an_entry_with_another_home_is_turned_away_until_it_leaves)
{
    struct timer_entry entry;
    entry_init_waker(&entry, (struct waker){0});
    store_relaxed_u64(&entry.home, 99);
    cr_assert_eq(pawl__shard_arm(f->shard, &entry, 5, false), SHARD_NOT_HOME);
    cr_assert_eq(pawl__shard_cancel(f->shard, &entry), SHARD_NOT_HOME);
    cr_assert_eq(pawl__shard_leave(f->shard, &entry), SHARD_NOT_HOME);
    store_relaxed_u64(&entry.home, f->shard->id);
    cr_assert_eq(pawl__shard_arm(f->shard, &entry, 5, false), SHARD_DONE_EARLIER);
    cr_assert_eq(pawl__shard_leave(f->shard, &entry), SHARD_BUSY);
    cr_assert_eq(pawl__shard_cancel(f->shard, &entry), SHARD_DONE);
    cr_assert_eq(pawl__shard_leave(f->shard, &entry), SHARD_DONE);
    cr_assert_eq(load_relaxed_u64(&entry.home), 0);
}

/* A callback frees its timer, and another one is made in its memory, armed elsewhere, cancelled, and armed here. */
struct reuse {
    struct fixture *here;
    struct shard *elsewhere;
    enum shard_answer cancelled;
    bool fires;
};

static void free_and_reuse(struct pawl_timer *timer, void *arg, int status)
{
    struct reuse *reuse = arg;
    struct timer_entry *entry = (struct timer_entry *)timer;
    (void)status;
    entry_init_callback(entry, free_and_reuse, arg); /* as free and malloc may do */
    pawl__shard_arm(reuse->elsewhere, entry, 1000000, false);
    pawl__shard_cancel(reuse->elsewhere, entry);
    pawl__shard_leave(reuse->elsewhere, entry);
    pawl__shard_arm(reuse->here->shard, entry, 1000000, false);
    reuse->fires = pawl__shard_fires(reuse->here->shard, entry);
    reuse->cancelled = pawl__shard_cancel_sync(reuse->here->shard, entry, true);
}

SHARD_TEST(memory_used_again_by_way_of_another_shard_is_another_timer)
{
    struct fixture other;
    set_up(&other);
    other.shard->id = 16;
    struct reuse reuse = {.here = f, .elsewhere = other.shard};
    struct timer_entry entry;
    entry_init_callback(&entry, free_and_reuse, &reuse);
    pawl__shard_arm(f->shard, &entry, 1, false);
    pawl__shard_turn(f->shard, 10);
    cr_expect(!reuse.fires, "the new timer is said to fire");
    cr_expect_eq(reuse.cancelled, SHARD_DONE);
    tear_down(&other);
}

/* ---- two threads ---- */

struct gate {
    struct fixture *fixture;
    struct timer_entry entry;
    atomic_int entered, open, left;
    enum shard_answer rearm;
};

static void wait_at_gate(struct pawl_timer *timer, void *arg, int status)
{
    struct gate *gate = arg;
    (void)timer;
    (void)status;
    atomic_store(&gate->entered, 1);
    while (!atomic_load(&gate->open))
        sched_yield();
    gate->rearm = pawl__shard_arm(gate->fixture->shard, &gate->entry, 1000, false);
    atomic_store(&gate->left, 1);
}

static void *turn_once(void *arg)
{
    struct gate *gate = arg;
    pawl__shard_turn(gate->fixture->shard, 10);
    return NULL;
}

static void start_gate(struct gate *gate, struct fixture *f, pthread_t *thread)
{
    gate->fixture = f;
    entry_init_callback(&gate->entry, wait_at_gate, gate);
    pawl__shard_arm(f->shard, &gate->entry, 10, false);
    cr_assert_eq(pthread_create(thread, NULL, turn_once, gate), 0);
    while (!atomic_load(&gate->entered))
        sched_yield();
}

SHARD_TEST(only_one_thread_turns_it_and_it_publishes_nothing_meanwhile)
{
    struct gate gate = {0};
    pthread_t thread;
    struct timer_entry other;
    int fired = 0;
    init_counting(&other, &fired);
    start_gate(&gate, f, &thread);
    cr_assert(pawl__shard_fires(f->shard, &gate.entry));
    cr_assert_eq(pawl__shard_arm(f->shard, &other, 10, false), SHARD_DONE);
    cr_assert_eq(published(f), PAWL_NEVER);
    cr_assert_not(pawl__shard_turn(f->shard, 20));
    cr_assert_eq(fired, 0);
    atomic_store(&gate.open, 1);
    pthread_join(thread, NULL);
    cr_assert_not(pawl__shard_fires(f->shard, &gate.entry));
    cr_assert_eq(published(f), 10 * TICK_NS);
    cr_assert_eq(gate.rearm, SHARD_DONE);
}

struct canceller {
    struct gate *gate;
    enum shard_answer answer;
    int left_before_return;
};

static void *cancel_and_wait(void *arg)
{
    struct canceller *canceller = arg;
    struct gate *gate = canceller->gate;
    canceller->answer = pawl__shard_cancel_sync(gate->fixture->shard, &gate->entry, false);
    canceller->left_before_return = atomic_load(&gate->left);
    return NULL;
}

static bool cancel_sync_waits(struct shard *shard)
{
    lock_acquire(&shard->lock);
    bool waits = shard->cancel_sync_waits;
    lock_release(&shard->lock);
    return waits;
}

SHARD_TEST(cancel_sync_returns_after_the_callback_which_may_not_arm_again)
{
    struct gate gate = {0};
    struct canceller canceller = {.gate = &gate};
    pthread_t firing, cancelling;
    start_gate(&gate, f, &firing);
    cr_assert_eq(pawl__shard_cancel_sync(f->shard, &gate.entry, true), SHARD_DEADLOCK);
    cr_assert_eq(pthread_create(&cancelling, NULL, cancel_and_wait, &canceller), 0);
    while (!cancel_sync_waits(f->shard))
        sched_yield();
    atomic_store(&gate.open, 1);
    pthread_join(cancelling, NULL);
    pthread_join(firing, NULL);
    cr_assert_eq(canceller.answer, SHARD_ALREADY);
    cr_assert_eq(canceller.left_before_return, 1);
    cr_assert_eq(gate.rearm, SHARD_CANCELED);
}

static void *close_shard(void *arg)
{
    pawl__shard_close(((struct gate *)arg)->fixture->shard);
    return NULL;
}

SHARD_TEST(one_closed_while_it_fires_is_completed_by_who_fires)
{
    struct gate gate = {0};
    pthread_t thread, closing;
    struct timer_entry other;
    struct outcome outcome = {0};
    entry_init_callback(&other, note_status, &outcome);
    pawl__shard_arm(f->shard, &other, 500, false);
    start_gate(&gate, f, &thread);
    cr_assert_eq(pthread_create(&closing, NULL, close_shard, &gate), 0);
    pthread_join(closing, NULL);
    cr_assert_not(pawl__shard_closed(f->shard));
    atomic_store(&gate.open, 1);
    pthread_join(thread, NULL);
    cr_assert(pawl__shard_closed(f->shard));
    cr_assert_eq(outcome.calls, 1);
    cr_assert_eq(outcome.status, -ESHUTDOWN);
    cr_assert_eq(gate.rearm, SHARD_CLOSED);
}

/* ---- resets while the shard is being turned ---- */

/* Resets another timer from its callback. */
struct resetter {
    struct fixture *fixture;
    struct timer_entry entry;
    struct timer_entry *other;
    uint64_t tick;
    enum shard_answer answer;
};

static void reset_other(struct pawl_timer *timer, void *arg, int status)
{
    struct resetter *resetter = arg;
    (void)timer;
    (void)status;
    resetter->answer = pawl__shard_reset(resetter->fixture->shard, resetter->other, resetter->tick);
}

static void arm_resetter(struct fixture *f, struct resetter *resetter, struct timer_entry *other)
{
    resetter->fixture = f;
    resetter->other = other;
    entry_init_callback(&resetter->entry, reset_other, resetter);
    pawl__shard_arm(f->shard, &resetter->entry, 10, false);
}

SHARD_TEST(what_a_callback_resets_to_earlier_during_close_is_completed_all_the_same)
{
    struct resetter resetter = {.tick = 50};
    struct timer_entry other;
    struct outcome outcome = {0};
    arm_resetter(f, &resetter, &other);
    entry_init_callback(&other, note_status, &outcome);
    pawl__shard_arm(f->shard, &other, 500, false);
    pawl__shard_close(f->shard);
    cr_assert_eq(resetter.answer, SHARD_DONE);
    cr_assert_eq(outcome.calls, 1, "it has its outcome when the shard is closed");
    cr_assert_eq(outcome.status, -ESHUTDOWN);
}

SHARD_TEST(what_a_callback_resets_to_later_does_not_fire_in_the_turn_it_was_due_in)
{
    struct resetter resetter = {.tick = 50};
    struct timer_entry other;
    struct outcome outcome = {0};
    arm_resetter(f, &resetter, &other);
    entry_init_callback(&other, note_status, &outcome);
    pawl__shard_arm(f->shard, &other, 20, false);
    pawl__shard_turn(f->shard, 20);
    cr_assert_eq(resetter.answer, SHARD_DONE);
    cr_assert_eq(outcome.calls, 0);
    cr_assert_eq(published(f), 50 * TICK_NS);
    pawl__shard_turn(f->shard, 50);
    cr_assert_eq(outcome.calls, 1);
}

/* ---- a callback that frees its timer ---- */

struct reuser {
    struct fixture *fixture;
    struct timer_entry entry;
    bool fires;
    enum shard_answer armed, cancelled;
};

/* Frees its timer and makes another, to which malloc gives the same address. */
static void reuse_own_memory(struct pawl_timer *timer, void *arg, int status)
{
    struct reuser *reuser = arg;
    struct shard *shard = reuser->fixture->shard;
    (void)timer;
    (void)status;
    entry_init_callback(&reuser->entry, reuse_own_memory, reuser);
    reuser->armed = pawl__shard_arm(shard, &reuser->entry, 50, false);
    reuser->fires = pawl__shard_fires(shard, &reuser->entry);
    reuser->cancelled = pawl__shard_cancel_sync(shard, &reuser->entry, true);
}

SHARD_TEST(a_timer_made_where_one_was_freed_by_its_callback_is_not_taken_for_that)
{
    struct reuser reuser = {.fixture = f};
    entry_init_callback(&reuser.entry, reuse_own_memory, &reuser);
    pawl__shard_arm(f->shard, &reuser.entry, 10, false);
    pawl__shard_turn(f->shard, 10);
    cr_assert_eq(reuser.armed, SHARD_DONE);
    cr_assert_not(reuser.fires);
    cr_assert_eq(reuser.cancelled, SHARD_DONE, "not SHARD_DEADLOCK: its callback does not run");
    cr_assert_eq(entry_cell(&reuser.entry), CELL_CANCELLED);
}
