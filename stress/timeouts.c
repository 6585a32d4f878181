/* Tasks with deadlines around calls, nested in each other and in shields, that sleep, yield, join and block while they
 * are cancelled and shut down.
 *
 * Each task keeps a record of the deadlines around it, as exactly as it can know them: each lies between a reading of
 * the clock before pawl_timeout and one inside. Checked with that: no call is cut short early, or by what a shield
 * holds off; no sleep outlasts a deadline; each pawl_timeout answers as what happened in it says, and the one with the
 * nearest deadline is it. Conserved: every task ends, and every function in a pawl_timeout delivers its result. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define THREADS 2
#define BATCH 12
#define STEPS_MAX 6
#define DEPTH_MAX 4

enum { TIMEOUTS, ANSWERED, TIMED_OUT, INTERRUPTED, SPAWNED, ENDED, CUT, UNSURE, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [TIMEOUTS] = "timeouts",
    [ANSWERED] = "answered",
    [TIMED_OUT] = "timed_out",
    [INTERRUPTED] = "interrupted",
    [SPAWNED] = "spawned",
    [ENDED] = "ended",
    [CUT] = "cut",
    [UNSURE] = "unsure",
};

/* What is known of one pawl_timeout. */
struct level {
    struct level *outer;
    uint64_t earliest_ns, latest_ns; /* its deadline is not before, not after */
    unsigned shields;
    int interrupted; /* 0, -ECANCELED or, if both were seen, -ESHUTDOWN */
    bool must, may;  /* its deadline has cut something short: for sure; or another one's, so near that who can tell */
};

struct player {
    struct random random;
    struct level *level;
    unsigned shields, depth;
};

/* ---- judging ---- */

static bool in_force(const struct player *p, const struct level *level)
{
    return level != NULL && level->shields >= p->shields;
}

/* The one in force that has, perhaps, the nearest deadline; or NULL. */
static struct level *nearest(const struct player *p)
{
    struct level *found = NULL;
    for (struct level *level = p->level; in_force(p, level); level = level->outer)
        if (found == NULL || level->earliest_ns < found->earliest_ns)
            found = level;
    return found;
}

static bool surely_nearest(const struct player *p, const struct level *candidate)
{
    for (struct level *level = p->level; in_force(p, level); level = level->outer)
        if (level != candidate && level->earliest_ns <= candidate->latest_ns)
            return false;
    return true;
}

static void note_interruption(struct player *p, int error)
{
    CHECK(p->shields == 0 && pawl_cancelled(), "a call returned %d, but pawl_cancelled is false", error);
    for (struct level *level = p->level; level != NULL; level = level->outer)
        if (level->interrupted != -ESHUTDOWN)
            level->interrupted = error;
}

/* own_ns: the call's own deadline. */
static void note_timeout(struct player *p, uint64_t own_ns)
{
    uint64_t now_ns = pawl_now(NULL);
    struct level *level = nearest(p);
    bool own = now_ns >= own_ns, of_level = level != NULL && now_ns >= level->earliest_ns;
    CHECK(own || of_level, "a call timed out, but no deadline has passed");
    if (!of_level)
        return;
    count(CUT);
    if (!own && surely_nearest(p, level)) {
        level->must = true;
        return;
    }
    count(UNSURE);
    for (level = p->level; in_force(p, level); level = level->outer)
        level->may = true;
}

static void judge(struct player *p, int error, uint64_t own_ns)
{
    if (error == -ETIMEDOUT)
        note_timeout(p, own_ns);
    else if (error != 0) {
        CHECK(error == -ECANCELED || error == -ESHUTDOWN, "a suspending call returned %d", error);
        note_interruption(p, error);
    }
}

static void judge_answer(const struct level *level, int answer)
{
    if (level->interrupted != 0) {
        CHECK(answer == level->interrupted, "cut short by %d, but pawl_timeout returned %d", level->interrupted,
              answer);
        count(INTERRUPTED);
    } else if (answer == -ETIMEDOUT) {
        CHECK(level->must || level->may, "nothing was cut short by this deadline");
        CHECK(pawl_now(NULL) >= level->earliest_ns, "pawl_timeout timed out early");
        count(TIMED_OUT);
    } else {
        CHECK(answer == 0 && !level->must, "this deadline cut something short, but pawl_timeout returned %d", answer);
    }
}

/* ---- steps ---- */

static void sleep_shortly(struct player *p)
{
    uint64_t until_ns = pawl_now(NULL) + PAWL_US(random_below(&p->random, 400));
    int error = pawl_sleep_until(until_ns);
    if (error == 0) {
        struct level *level = nearest(p);
        CHECK(pawl_now(NULL) >= until_ns, "a sleep ended early");
        CHECK(level == NULL || level->latest_ns >= until_ns, "a sleep outlasted a deadline around it");
    }
    judge(p, error, PAWL_NEVER);
}

static void yield_once(struct player *p)
{
    uint64_t before_ns = pawl_now(NULL);
    int error = pawl_yield();
    struct level *level = nearest(p);
    CHECK(error != 0 || level == NULL || level->latest_ns > before_ns, "a yield behind a deadline returned 0");
    judge(p, error, PAWL_NEVER);
}

static void suspend_shortly(struct player *p)
{
    uint64_t deadline_ns = pawl_now(NULL) + PAWL_US(random_below(&p->random, 400));
    int error = pawl_suspend_until(deadline_ns); /* nobody wakes it */
    CHECK(error != 0, "a suspension ended for no reason");
    judge(p, error, deadline_ns);
}

static void *sleep_as_told(void *duration_ns)
{
    pawl_sleep((uint64_t)(uintptr_t)duration_ns);
    count(ENDED);
    return NULL;
}

static void join_child(struct player *p)
{
    struct pawl_task *child;
    uint64_t deadline_ns = random_once_in(&p->random, 2) ? PAWL_NEVER : pawl_now(NULL) + PAWL_US(100);
    int error = pawl_spawn(NULL, sleep_as_told, (void *)(uintptr_t)PAWL_US(random_below(&p->random, 300)), &child);
    if (error != 0) {
        CHECK(error == -ESHUTDOWN, "pawl_spawn returned %d", error);
        return;
    }
    count(SPAWNED);
    error = pawl_join_until(child, deadline_ns, NULL);
    if (error != 0)
        pawl_detach(child);
    judge(p, error, deadline_ns);
}

static void *sleep_as_thread(void *player)
{
    CHECK(pawl_sleep(PAWL_US(50)) == 0, "a sleep in a blocking function did not return 0");
    return player;
}

static void block_shortly(struct player *p)
{
    void *result = NULL;
    int error = pawl_block(sleep_as_thread, p, &result);
    CHECK((error == 0) == (result == p), "pawl_block returned %d, and the wrong result", error);
    judge(p, error, PAWL_NEVER);
}

static void play(struct player *p);

static void play_shielded(struct player *p)
{
    p->shields++;
    pawl_shield_begin();
    play(p);
    pawl_shield_end();
    p->shields--;
}

struct call {
    struct player *player;
    uint64_t duration_ns;
};

static void *play_in_timeout(void *arg)
{
    const struct call *call = arg;
    call->player->level->latest_ns = pawl_now(NULL) + call->duration_ns;
    pawl_noise_point(__func__);
    play(call->player);
    return arg;
}

static void play_with_deadline(struct player *p)
{
    struct call call = {p, random_once_in(&p->random, 8) ? 0 : PAWL_US(random_below(&p->random, 1000))};
    struct level level = {p->level, pawl_now(NULL) + call.duration_ns, PAWL_NEVER, p->shields, 0, false, false};
    void *result = NULL;
    p->level = &level;
    count(TIMEOUTS);
    int answer = pawl_timeout(call.duration_ns, play_in_timeout, &call, &result);
    p->level = level.outer;
    CHECK(result == &call, "pawl_timeout lost a result");
    judge_answer(&level, answer);
    count(ANSWERED);
}

static void play(struct player *p)
{
    static void (*const steps[])(struct player * p) = {sleep_shortly,      suspend_shortly,    join_child,
                                                       play_with_deadline, play_with_deadline, play_shielded};
    p->depth++;
    for (uint64_t n = random_below(&p->random, STEPS_MAX); n > 0; n--) {
        if (random_once_in(&p->random, 10))
            block_shortly(p);
        else if (random_once_in(&p->random, 4))
            yield_once(p);
        else
            steps[random_below(&p->random, p->depth < DEPTH_MAX ? 6 : 3)](p);
    }
    p->depth--;
}

static void *live(void *arg)
{
    struct player *p = arg;
    play_with_deadline(p);
    play(p);
    free(p);
    count(ENDED);
    return NULL;
}

/* ---- threads ---- */

struct spawner {
    const struct round *round;
    struct pawl_runtime *rt;
    uint64_t index;
    pthread_t thread;
};

static void *spawn_batches(void *arg)
{
    const struct spawner *spawner = arg;
    struct random r = random_seeded(spawner->round->seed, spawner->index);
    while (!round_is_over(spawner->round)) {
        struct pawl_task *tasks[BATCH];
        for (int i = 0; i < BATCH; i++) {
            struct player *p = stress_allocate(sizeof *p);
            p->random = random_seeded(random_next(&r), 0);
            count(SPAWNED);
            CHECK(pawl_spawn(spawner->rt, live, p, &tasks[i]) == 0, "pawl_spawn did not return 0");
        }
        stress_sleep(PAWL_US(random_below(&r, 1000)));
        bool last = round_is_over(spawner->round); /* these are met by the shutdown */
        for (int i = 0; i < BATCH; i++) {
            if (random_once_in(&r, 4))
                pawl_task_cancel(tasks[i]);
            if (last)
                pawl_detach(tasks[i]);
            else
                CHECK(pawl_join(tasks[i], NULL) == 0, "pawl_join did not return 0");
        }
    }
    return NULL;
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1000);
    struct spawner spawners[THREADS];
    struct pawl_options o;
    stress_options(&o, round);
    struct pawl_runtime *rt = stress_runtime_create(&o);
    for (uint64_t i = 0; i < THREADS; i++) {
        spawners[i] = (struct spawner){.round = round, .rt = rt, .index = i};
        stress_thread_start(&spawners[i].thread, spawn_batches, &spawners[i]);
    }
    for (uint64_t i = 0; i < THREADS; i++)
        stress_thread_join(spawners[i].thread);
    stress_phase("shutting down");
    stress_runtime_shutdown(rt, PAWL_US(random_below(&r, 3) * 200));
    CHECK(counted(ENDED) == counted(SPAWNED), "%" PRIu64 " tasks spawned, %" PRIu64 " ended", counted(SPAWNED),
          counted(ENDED));
    CHECK(counted(ANSWERED) == counted(TIMEOUTS), "%" PRIu64 " timeouts begun, %" PRIu64 " ended", counted(TIMEOUTS),
          counted(ANSWERED));
    stress_runtime_destroy(rt);
}

const struct scenario stress_timeouts = {
    .name = "timeouts",
    .about = "deadlines around calls, nested, in shields, cancelled and shut down",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_MS(300),
    .workers_min = 1,
};
