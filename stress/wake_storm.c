/* Tasks that suspend, woken from plain threads with wakers of theirs, their predecessors' or copies.
 *
 * Each line has a ticket that wakers raise before they wake, and the highest ticket that the line's task has seen. A
 * wake after which the task never looks is a lost one; a wait that ends with 0 more often than there were wakes was
 * ended by nobody. A task now and then sleeps or joins instead: that must not be cut short by a wake, which is kept as
 * a permit. From time to time a task ends and leaves its line to a successor: old wakers are inert then. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "stress.h"

#define LINES 12
#define THREADS_MAX 4
#define PATIENCE_NS PAWL_SEC(45)

enum { WAKES, WOKEN, TIMED_OUT, HANDSHAKES, STALE_WAKES, TASKS, SUCCESSIONS, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [WAKES] = "wakes",
    [WOKEN] = "woken",
    [TIMED_OUT] = "timed_out",
    [HANDSHAKES] = "handshakes",
    [STALE_WAKES] = "stale_wakes",
    [TASKS] = "tasks",
    [SUCCESSIONS] = "successions",
};

struct line {
    struct storm *storm;
    uint64_t index;
    _Atomic uint64_t ticket; /* raised before each wake */
    _Atomic uint64_t seen;   /* by the line's task */
    _Atomic uint64_t wakes;  /* begun */
    _Atomic uint64_t woken;  /* suspensions that ended with 0 */
    _Atomic bool ended;      /* the last task of the line is near its end */
    pthread_mutex_t lock;    /* may be held by tasks: nobody suspends under it */
    struct pawl_waker waker; /* L(lock): the present task's */
    bool has_waker;          /* L(lock) */
    struct pawl_waker stale; /* L(lock): a predecessor's, once there was one */
    bool has_stale;          /* L(lock) */
    uint64_t generation;     /* of its present task */
    bool private;            /* constant: one thread wakes here, and waits after each wake until the task has looked */
};

struct storm {
    const struct round *round;
    struct pawl_runtime *rt;
    _Atomic bool stop;
    struct line lines[LINES];
};

/* ---- the line's task ---- */

static void *attend(void *arg);

/* The line's waker becomes the calling task's; the one before becomes the stale one. */
static void take_line(struct line *line)
{
    struct pawl_waker mine, dropped;
    bool drop = false;
    pawl_self_waker(&mine);
    pthread_mutex_lock(&line->lock);
    if (line->has_waker) {
        if (line->has_stale) {
            dropped = line->stale;
            drop = true;
        }
        line->stale = line->waker;
        line->has_stale = true;
    }
    line->waker = mine;
    line->has_waker = true;
    pthread_mutex_unlock(&line->lock);
    if (drop)
        pawl_waker_drop(&dropped);
}

static void look(struct line *line)
{
    atomic_store(&line->seen, atomic_load(&line->ticket));
}

/* One wait. Which kind of end it may have depends on its deadline alone. */
static void wait_once(struct line *line, struct random *r)
{
    /* in a private line no deadline makes up for a lost wake */
    bool patient = line->private || !random_once_in(r, 4);
    uint64_t deadline_ns = patient ? PAWL_NEVER : pawl_now(NULL) + PAWL_US(random_below(r, 500));
    int result = pawl_suspend_until(deadline_ns);
    if (result == 0) {
        atomic_fetch_add(&line->woken, 1);
        count(WOKEN);
    } else {
        CHECK(result == -ETIMEDOUT && deadline_ns != PAWL_NEVER, "pawl_suspend_until returned %d", result);
        CHECK(pawl_now(NULL) >= deadline_ns, "pawl_suspend_until timed out early");
        count(TIMED_OUT);
    }
}

static void *return_soon(void *arg)
{
    CHECK(pawl_yield() == 0, "pawl_yield did not return 0");
    return arg;
}

/* Waits that wakes must not end. */
static void wait_otherwise(struct line *line, struct random *r)
{
    if (random_once_in(r, 2)) {
        uint64_t until_ns = pawl_now(NULL) + PAWL_US(random_below(r, 300));
        CHECK(pawl_sleep_until(until_ns) == 0, "pawl_sleep_until did not return 0");
        CHECK(pawl_now(NULL) >= until_ns, "a wake ended a sleep");
    } else {
        struct pawl_task *task;
        void *value = NULL;
        CHECK(pawl_spawn(NULL, return_soon, line, &task) == 0, "pawl_spawn did not return 0");
        CHECK(pawl_join(task, &value) == 0 && value == line, "a wake ended a join");
    }
}

static void leave_line(struct line *line)
{
    line->generation++;
    count(SUCCESSIONS);
    CHECK(pawl_spawn(NULL, attend, line, NULL) == 0, "pawl_spawn did not return 0");
}

static void *attend(void *arg)
{
    struct line *line = arg;
    struct random r = random_seeded(line->storm->round->seed, line->index << 32 | line->generation);
    count(TASKS);
    take_line(line);
    uint64_t waits_left = random_once_in(&r, 4) ? random_below(&r, 10) : 50 + random_below(&r, 1000);
    for (;;) {
        look(line); /* before the stop, so that the last tickets are seen as well */
        if (atomic_load(&line->storm->stop))
            break;
        if (waits_left-- == 0) {
            leave_line(line);
            return NULL;
        }
        wait_once(line, &r);
        if (random_once_in(&r, 16)) {
            look(line);
            wait_otherwise(line, &r);
        }
    }
    look(line);
    atomic_store(&line->ended, true);
    return NULL;
}

/* ---- wakers: plain threads ---- */

/* Raises the ticket, then wakes with a clone of the line's present waker. Returns the ticket. */
static uint64_t wake_line(struct line *line)
{
    struct pawl_waker waker;
    uint64_t ticket = atomic_fetch_add(&line->ticket, 1) + 1;
    pthread_mutex_lock(&line->lock);
    bool found = line->has_waker;
    if (found)
        pawl_waker_clone(&waker, &line->waker);
    pthread_mutex_unlock(&line->lock);
    if (!found) /* the first task has not begun; it will look at the ticket when it does */
        return ticket;
    atomic_fetch_add(&line->wakes, 1);
    count(WAKES);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    return ticket;
}

static void wake_stale(struct line *line)
{
    struct pawl_waker waker;
    pthread_mutex_lock(&line->lock);
    bool found = line->has_stale;
    if (found)
        pawl_waker_clone(&waker, &line->stale);
    pthread_mutex_unlock(&line->lock);
    if (!found)
        return;
    /* The predecessor may still be on its way out: its wake is nobody's. */
    atomic_fetch_add(&line->wakes, 1);
    count(STALE_WAKES);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
}

static void await_seen(struct line *line, uint64_t ticket)
{
    uint64_t give_up_ns = pawl_now(NULL) + PATIENCE_NS;
    while (atomic_load(&line->seen) < ticket) {
        CHECK(pawl_now(NULL) < give_up_ns, "line %" PRIu64 ": a wake-up was lost: ticket %" PRIu64 ", seen %" PRIu64,
              line->index, ticket, atomic_load(&line->seen));
        sched_yield();
    }
    count(HANDSHAKES);
}

struct waking {
    struct storm *storm;
    uint64_t index;
    pthread_t thread;
};

/* The thread's private line, or one that all wake. */
static struct line *draw_line(const struct waking *waking, struct random *r)
{
    uint64_t index = random_once_in(r, 2) ? waking->index : THREADS_MAX + random_below(r, LINES - THREADS_MAX);
    return &waking->storm->lines[index];
}

static void *wake_lines(void *arg)
{
    const struct waking *waking = arg;
    struct storm *storm = waking->storm;
    struct random r = random_seeded(storm->round->seed, UINT64_C(1) << 60 | waking->index);
    while (!round_is_over(storm->round)) {
        struct line *line = draw_line(waking, &r);
        uint64_t ticket = wake_line(line);
        if (line->private || random_once_in(&r, 3))
            await_seen(line, ticket);
        if (random_once_in(&r, 8))
            wake_stale(&storm->lines[random_below(&r, LINES)]);
        if (random_once_in(&r, 64)) /* long enough for all workers to park */
            stress_sleep(PAWL_US(random_below(&r, 3000)));
        pawl_noise_point(__func__);
    }
    return NULL;
}

/* ---- the round ---- */

static void end_line(struct line *line)
{
    uint64_t give_up_ns = pawl_now(NULL) + PATIENCE_NS;
    wake_line(line);
    while (!atomic_load(&line->ended)) {
        CHECK(pawl_now(NULL) < give_up_ns, "line %" PRIu64 ": the last wake-up was lost", line->index);
        stress_sleep(PAWL_US(50));
    }
    uint64_t wakes = atomic_load(&line->wakes), woken = atomic_load(&line->woken);
    CHECK(woken <= wakes, "line %" PRIu64 ": %" PRIu64 " wakes ended %" PRIu64 " waits", line->index, wakes, woken);
}

static void drop_line(struct line *line)
{
    if (line->has_waker) {
        pawl_waker_wake(&line->waker);
        pawl_waker_drop(&line->waker);
    }
    if (line->has_stale)
        pawl_waker_drop(&line->stale);
    pthread_mutex_destroy(&line->lock);
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, UINT64_C(1) << 61);
    struct storm *storm = stress_allocate(sizeof *storm);
    struct waking wakings[THREADS_MAX];
    struct pawl_options o;
    stress_options(&o, round);
    storm->round = round;
    storm->rt = stress_runtime_create(&o);
    for (uint64_t i = 0; i < LINES; i++) {
        struct line *line = &storm->lines[i];
        line->storm = storm;
        line->index = i;
        line->private = i < THREADS_MAX;
        pthread_mutex_init(&line->lock, NULL);
        CHECK(pawl_spawn(storm->rt, attend, line, NULL) == 0, "pawl_spawn did not return 0");
    }
    uint64_t thread_count = 1 + random_below(&r, THREADS_MAX);
    for (uint64_t i = 0; i < thread_count; i++) {
        wakings[i].storm = storm;
        wakings[i].index = i;
        stress_thread_start(&wakings[i].thread, wake_lines, &wakings[i]);
    }
    for (uint64_t i = 0; i < thread_count; i++)
        stress_thread_join(wakings[i].thread);

    atomic_store(&storm->stop, true);
    stress_phase("the last wakes");
    for (int i = 0; i < LINES; i++)
        end_line(&storm->lines[i]);
    stress_runtime_shutdown(storm->rt, PAWL_SEC(60));
    stress_runtime_destroy(storm->rt);
    for (int i = 0; i < LINES; i++)
        drop_line(&storm->lines[i]);
    free(storm);
}

const struct scenario stress_wake_storm = {
    .name = "wake_storm",
    .about = "suspended tasks woken from plain threads; no wake may be lost",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
