/* Thousands of stackless tasks, woken from plain threads, from tasks and from each other, and cancelled at random.
 *
 * Each task is an item of a ledger: refused if it could not be spawned, settled by the poll that ends it. Each has a
 * ticket that wakers raise before they wake, and the highest ticket that a poll has seen: a wake after which the task
 * is not polled is a lost one. Polls of one task never overlap, none comes after the end, and only the last one is told
 * that the task is cancelled. A wave ends with a wake for all, or with a shutdown, which is to end them all. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define PLACES 3000
#define ITEMS_MAX 20000
#define WAKES_MAX 10000 /* of each waker, in a wave */
#define WAKERS_MAX 4
#define PATIENCE_NS PAWL_SEC(45)

enum { WAKES, POLLS, TASKS, CANCELS, LAST_POLLS, CHILDREN, REFUSED, SHUTDOWNS, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [WAKES] = "wakes",           [POLLS] = "polls",       [TASKS] = "tasks",     [CANCELS] = "cancels",
    [LAST_POLLS] = "last_polls", [CHILDREN] = "children", [REFUSED] = "refused", [SHUTDOWNS] = "shutdowns",
};

struct place {
    struct wave *wave;
    uint64_t id;             /* the ledger's */
    struct pawl_task *task;  /* our handle */
    _Atomic uint64_t ticket; /* raised before each wake */
    _Atomic uint64_t seen;   /* by a poll */
    _Atomic bool has_waker;
    struct pawl_waker waker; /* from the first poll until the wave ends */
    _Atomic bool ended;      /* before the last poll returns */
    _Atomic bool cancelled;  /* before the call */
    bool polled;             /* plain, by the polls: they must not overlap */
};

struct wave {
    const struct round *round;
    struct pawl_runtime *rt;
    struct pawl_ledger *ledger;
    _Atomic uint64_t streams; /* random sequences given out */
    _Atomic bool stop;        /* every task is to end */
    _Atomic bool closing;     /* the shutdown begins */
    struct place places[PLACES];
};

/* What a task is given, as a copy or, allocated by its owner, in place. */
struct state {
    struct place *place;
    struct random random;
    bool copied;
    size_t size; /* of all of it */
    unsigned char more[];
};

static struct random draw_stream(struct wave *wave)
{
    return random_seeded(wave->round->seed, atomic_fetch_add(&wave->streams, 1));
}

static struct place *draw_place(struct wave *wave, struct random *r)
{
    return &wave->places[random_below(r, PLACES)];
}

/* ---- the tasks ---- */

static void settle(struct wave *wave, uint64_t id)
{
    CHECK(pawl_ledger_settle(wave->ledger, id) == 0, "task %" PRIu64 " has ended twice", id);
}

/* Returns the ticket. */
static uint64_t wake_place(struct place *place)
{
    uint64_t ticket = atomic_fetch_add(&place->ticket, 1) + 1;
    if (atomic_load(&place->has_waker)) /* else its first poll is to come, and looks at the ticket */
        pawl_waker_wake(&place->waker);
    count(WAKES);
    return ticket;
}

/* A detached child, which ends at once. */
struct child {
    struct wave *wave;
    uint64_t id;
    char more[48];
};

static enum pawl_poll end_child(struct pawl_context *cx, void *state)
{
    const struct child *child = state;
    (void)cx;
    count(CHILDREN);
    settle(child->wave, child->id);
    return PAWL_READY;
}

static void spawn_child(struct wave *wave)
{
    struct child child = {.wave = wave};
    if (pawl_ledger_issue(wave->ledger, &child.id) != 0)
        return; /* full */
    int result = pawl_spawn_poll_copy(NULL, end_child, &child, sizeof child, NULL);
    if (result == 0)
        return;
    CHECK(result == -ESHUTDOWN && atomic_load(&wave->closing), "pawl_spawn_poll_copy returned %d", result);
    CHECK(pawl_ledger_refuse(wave->ledger, child.id) == 0, "a refused child has been polled");
    count(REFUSED);
}

static void end_task(struct state *state)
{
    struct place *place = state->place;
    for (size_t i = 0; i < state->size - sizeof *state; i++)
        CHECK(state->more[i] == (unsigned char)i, "byte %zu of a state of %zu has changed", i, state->size);
    settle(place->wave, place->id);
    place->polled = false;
    atomic_store(&place->ended, true);
    if (!state->copied)
        free(state);
}

static void look_around(struct place *place, struct random *r)
{
    CHECK(pawl_yield() == -EDEADLK, "a poll could yield");
    if (random_once_in(r, 4))
        wake_place(draw_place(place->wave, r));
    if (random_once_in(r, 32))
        spawn_child(place->wave);
    if (random_once_in(r, 16))
        pawl_waker_wake(&place->waker); /* its own, for no reason */
}

static enum pawl_poll attend(struct pawl_context *cx, void *arg)
{
    struct state *state = arg;
    struct place *place = state->place;
    struct wave *wave = place->wave;
    CHECK(!atomic_load(&place->ended), "a task was polled after its end");
    CHECK(!place->polled, "two polls of a task overlap");
    place->polled = true;
    count(POLLS);
    if (!atomic_load(&place->has_waker)) {
        pawl_waker_from(&place->waker, cx);
        atomic_store(&place->has_waker, true);
    }
    atomic_store(&place->seen, atomic_load(&place->ticket));
    bool cancelled = pawl_context_cancelled(cx), stop = atomic_load(&wave->stop);
    CHECK(!cancelled || atomic_load(&place->cancelled) || atomic_load(&wave->closing),
          "a poll was told of no cancellation");
    if (cancelled) {
        count(LAST_POLLS);
        if (random_once_in(&state->random, 8))
            spawn_child(wave);
    } else {
        look_around(place, &state->random);
    }
    pawl_noise_point(__func__);
    if (cancelled || stop || random_once_in(&state->random, 64)) {
        enum pawl_poll answer = cancelled && random_once_in(&state->random, 2) ? PAWL_PENDING : PAWL_READY;
        end_task(state);
        return answer;
    }
    place->polled = false;
    return PAWL_PENDING;
}

static void spawn_task(struct wave *wave, struct place *place, struct random *r)
{
    size_t size = sizeof(struct state) + random_below(r, random_once_in(r, 16) ? 1000 : 40);
    struct state *state = stress_allocate(size);
    int result;
    *state = (struct state){.place = place, .size = size, .copied = random_once_in(r, 2)};
    state->random = random_seeded(random_next(r), 0);
    for (size_t i = 0; i < size - sizeof *state; i++)
        state->more[i] = (unsigned char)i;
    place->wave = wave;
    CHECK(pawl_ledger_issue(wave->ledger, &place->id) == 0, "the ledger is full");
    count(TASKS);
    if (!state->copied) {
        result = pawl_spawn_poll(wave->rt, attend, state, &place->task);
    } else {
        result = pawl_spawn_poll_copy(wave->rt, attend, state, size, &place->task);
        free(state);
    }
    CHECK(result == 0, "a stackless task could not be spawned: %d", result);
}

/* ---- wakers ---- */

static void await_seen(const struct place *place, uint64_t ticket)
{
    uint64_t give_up_ns = pawl_now(NULL) + PATIENCE_NS;
    while (atomic_load(&place->seen) < ticket && !atomic_load(&place->ended)) {
        CHECK(pawl_now(NULL) < give_up_ns, "a wake-up was lost");
        stress_sleep(PAWL_US(20));
    }
}

static void cancel_place(struct place *place)
{
    atomic_store(&place->cancelled, true);
    int result = pawl_task_cancel(place->task);
    CHECK(result == 0 || (result == -EALREADY && atomic_load(&place->ended)), "pawl_task_cancel returned %d", result);
    count(CANCELS);
}

static void wake_some(struct wave *wave, bool plain)
{
    struct random r = draw_stream(wave);
    for (int i = 0; i < WAKES_MAX && !round_is_over(wave->round); i++) {
        struct place *place = draw_place(wave, &r);
        uint64_t ticket = wake_place(place);
        if (plain && random_once_in(&r, 64))
            await_seen(place, ticket);
        if (random_once_in(&r, 32))
            cancel_place(draw_place(wave, &r));
        if (!plain && random_once_in(&r, 16))
            CHECK(pawl_yield() == 0, "pawl_yield did not return 0");
        if (plain && random_once_in(&r, 512)) /* long enough for all workers to park */
            stress_sleep(PAWL_US(random_below(&r, 2000)));
        pawl_noise_point(__func__);
    }
}

static void *wake_as_thread(void *arg)
{
    wake_some(arg, true);
    return NULL;
}

static void *wake_as_task(void *arg)
{
    wake_some(arg, false);
    return NULL;
}

static void wake_from_all_sides(struct wave *wave, struct random *r)
{
    pthread_t threads[WAKERS_MAX];
    struct pawl_task *tasks[WAKERS_MAX];
    uint64_t thread_count = 1 + random_below(r, WAKERS_MAX), task_count = random_below(r, WAKERS_MAX + 1);
    for (uint64_t i = 0; i < task_count; i++)
        CHECK(pawl_spawn(wave->rt, wake_as_task, wave, &tasks[i]) == 0, "pawl_spawn did not return 0");
    for (uint64_t i = 0; i < thread_count; i++)
        stress_thread_start(&threads[i], wake_as_thread, wave);
    for (uint64_t i = 0; i < thread_count; i++)
        stress_thread_join(threads[i]);
    for (uint64_t i = 0; i < task_count; i++)
        CHECK(pawl_join(tasks[i], NULL) == 0, "pawl_join did not return 0");
}

/* ---- the round ---- */

static void end_by_wakes(struct wave *wave)
{
    atomic_store(&wave->stop, true);
    stress_phase("the last wakes");
    for (int i = 0; i < PLACES; i++)
        wake_place(&wave->places[i]);
    for (int i = 0; i < PLACES; i++)
        await_seen(&wave->places[i], UINT64_MAX);
}

static void end_by_shutdown(struct wave *wave)
{
    count(SHUTDOWNS);
    stress_phase("the last polls");
    for (int i = 0; i < PLACES; i++) /* for something to be going on */
        wake_place(&wave->places[i]);
    atomic_store(&wave->closing, true);
    stress_runtime_shutdown(wave->rt, 0);
}

static void give_up(struct place *place)
{
    void *result = NULL;
    CHECK(pawl_join(place->task, &result) == 0 && result != NULL, "a stackless task could not be joined");
    pawl_waker_wake(&place->waker);
    pawl_waker_drop(&place->waker);
}

static void run_wave(const struct round *round, struct random *r)
{
    struct wave *wave = stress_allocate(sizeof *wave);
    struct pawl_options o;
    stress_options(&o, round);
    wave->round = round;
    wave->streams = random_next(r) >> 8;
    wave->ledger = stress_ledger_create(ITEMS_MAX);
    wave->rt = stress_runtime_create(&o);
    for (int i = 0; i < PLACES; i++)
        spawn_task(wave, &wave->places[i], r);
    wake_from_all_sides(wave, r);
    if (random_once_in(r, 2))
        end_by_wakes(wave);
    else
        end_by_shutdown(wave);
    bool early = random_once_in(r, 2); /* handles and wakers, too, may outlive the runtime */
    for (int i = 0; early && i < PLACES; i++)
        give_up(&wave->places[i]);
    atomic_store(&wave->closing, true);
    stress_runtime_destroy(wave->rt);
    for (int i = 0; !early && i < PLACES; i++)
        give_up(&wave->places[i]);
    stress_ledger_check(wave->ledger, "stackless tasks");
    free(wave);
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, UINT64_C(1) << 61);
    do
        run_wave(round, &r);
    while (!round_is_over(round));
}

const struct scenario stress_poll_storm = {
    .name = "poll_storm",
    .about = "stackless tasks woken from all sides and cancelled; none is lost, none is polled after its end",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
