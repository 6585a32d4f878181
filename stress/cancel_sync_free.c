/* Memory given back at once after pawl_timer_cancel_sync, while callbacks touch it.
 *
 * A block holds a few timers; one plain thread or task arms them, the same or another one cancels them all with
 * cancel_sync, overwrites the block and frees it. Callbacks write to their block at both ends, with noise in between,
 * and some arm themselves again. So a callback that runs, or begins, after cancel_sync has returned is a touch of freed
 * memory under AddressSanitizer, a race under ThreadSanitizer, since the block is plain, and in any build finds what
 * the block was overwritten with.
 *
 * Conserved: every arm has one outcome, a callback or a cancellation. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "stress.h"

#define THREADS 4
#define TASKS 4
#define TIMERS_MAX 8
#define MAILBOXES 6
#define RESTING UINT64_C(0x600DB10C)
#define TOUCHED UINT64_C(0x70C4ED)

enum { BLOCKS, ARMED, FIRED, REARMED, CANCELLED, TOO_LATE, HANDED_OVER, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [BLOCKS] = "blocks",           [ARMED] = "armed",         [FIRED] = "fired",
    [REARMED] = "rearmed",         [CANCELLED] = "cancelled", [TOO_LATE] = "too_late",
    [HANDED_OVER] = "handed_over",
};

struct scene {
    const struct round *round;
    struct pawl_runtime *rt;
    _Atomic(struct block *) mailboxes[MAILBOXES]; /* armed blocks on their way to another canceller */
};

struct fuse {
    struct pawl_timer timer;
    struct block *block;
    struct random random; /* the callback's */
    uint64_t mark;        /* RESTING; TOUCHED while the callback runs */
    uint64_t fires;
    bool again; /* constant: the callback arms it again, for ever */
};

struct block {
    uint64_t fuse_count;
    struct fuse fuses[];
};

struct actor {
    struct scene *scene;
    struct pawl_runtime *rt; /* NULL in a task */
    struct random random;
    pthread_t thread;
    struct pawl_task *task;
};

static void burn(struct pawl_timer *timer, void *arg, int status)
{
    struct fuse *fuse = arg;
    CHECK(status == 0, "a callback got status %d without a shutdown", status);
    CHECK(fuse->mark == RESTING, "a callback began in memory that had been given back: %" PRIx64, fuse->mark);
    fuse->mark = TOUCHED;
    fuse->fires++;
    count(FIRED);
    pawl_noise_point(__func__);
    if (fuse->again) {
        uint64_t deadline_ns = pawl_now(NULL) + random_below(&fuse->random, PAWL_US(50));
        int result = pawl_timer_arm(NULL, timer, deadline_ns);
        CHECK(result == 0 || result == -ECANCELED, "arming in the own callback returned %d", result);
        count_more(REARMED, result == 0);
        pawl_noise_point("burn after it armed"); /* the timer may be pending now, but cannot run before we return */
    }
    CHECK(fuse->mark == TOUCHED, "memory was given back while a callback ran: %" PRIx64, fuse->mark);
    fuse->mark = RESTING;
}

static struct block *block_create(struct random *r)
{
    uint64_t fuse_count = 1 + random_below(r, TIMERS_MAX);
    struct block *block = stress_allocate(sizeof *block + fuse_count * sizeof *block->fuses);
    block->fuse_count = fuse_count;
    for (uint64_t i = 0; i < fuse_count; i++) {
        struct fuse *fuse = &block->fuses[i];
        *fuse = (struct fuse){
            .block = block, .random = random_seeded(random_next(r), 0), .mark = RESTING, .again = random_once_in(r, 3)};
        pawl_timer_init(&fuse->timer, burn, fuse);
    }
    return block;
}

/* About until some of them fire: cancelled at once, few would. */
static void dawdle(struct actor *a)
{
    uint64_t until_ns = pawl_now(a->rt) + random_below(&a->random, PAWL_US(100));
    if (random_once_in(&a->random, 2))
        return;
    while (pawl_now(a->rt) < until_ns)
        sched_yield();
}

static void arm_block(struct actor *a, struct block *block)
{
    for (uint64_t i = 0; i < block->fuse_count; i++) {
        uint64_t delay_ns = random_once_in(&a->random, 8) ? PAWL_SEC(1000) : random_below(&a->random, PAWL_US(60));
        count(ARMED);
        int result = pawl_timer_arm(a->rt, &block->fuses[i].timer, pawl_now(a->rt) + delay_ns);
        CHECK(result == 0, "pawl_timer_arm returned %d", result);
    }
}

/* Now and then makes a timer later or sooner, so that it is filed anew meanwhile. */
static void shake_block(struct actor *a, struct block *block)
{
    struct fuse *fuse = &block->fuses[random_below(&a->random, block->fuse_count)];
    uint64_t deadline_ns = pawl_now(a->rt) + random_below(&a->random, PAWL_US(200));
    int result = pawl_timer_reset(&fuse->timer, deadline_ns);
    CHECK(result == 0 || result == -EALREADY, "pawl_timer_reset returned %d", result);
}

static void free_block(struct block *block)
{
    size_t size = sizeof *block + block->fuse_count * sizeof *block->fuses;
    for (uint64_t i = 0; i < block->fuse_count; i++) {
        struct fuse *fuse = &block->fuses[i];
        int result = pawl_timer_cancel_sync(&fuse->timer);
        CHECK(result == 0 || result == -EALREADY, "pawl_timer_cancel_sync returned %d", result);
        CHECK(fuse->mark == RESTING, "pawl_timer_cancel_sync returned while the callback ran");
        CHECK(fuse->again || fuse->fires == (result == 0 ? 0 : 1), "a timer fired %" PRIu64 " times, cancelled is %d",
              fuse->fires, result == 0);
        CHECK(result == 0 || fuse->fires > 0, "a timer that was armed neither fired nor was cancelled");
        count(result == 0 ? CANCELLED : TOO_LATE);
    }
    memset(block, 0xDD, size);
    free(block);
    count(BLOCKS);
}

/* Leaves the block to whoever comes by, and takes what was left there. */
static struct block *hand_over(struct actor *a, struct block *block)
{
    _Atomic(struct block *) *mailbox = &a->scene->mailboxes[random_below(&a->random, MAILBOXES)];
    count(HANDED_OVER);
    return atomic_exchange(mailbox, block);
}

static void act(struct actor *a)
{
    struct block *block = block_create(&a->random);
    arm_block(a, block);
    dawdle(a);
    pawl_noise_point(__func__);
    if (random_once_in(&a->random, 4))
        shake_block(a, block);
    if (random_once_in(&a->random, 3))
        block = hand_over(a, block);
    if (random_once_in(&a->random, 3) && a->rt == NULL)
        CHECK(pawl_yield() == 0, "pawl_yield did not return 0");
    if (block != NULL)
        free_block(block);
}

static void *act_until_over(void *arg)
{
    struct actor *a = arg;
    while (!round_is_over(a->scene->round))
        act(a);
    return NULL;
}

static void act_all(struct scene *scene)
{
    struct actor actors[THREADS + TASKS];
    for (uint64_t i = 0; i < THREADS + TASKS; i++) {
        struct actor *a = &actors[i];
        *a = (struct actor){.scene = scene, .random = random_seeded(scene->round->seed, i)};
        if (i < THREADS) {
            a->rt = scene->rt;
            stress_thread_start(&a->thread, act_until_over, a);
        } else {
            CHECK(pawl_spawn(scene->rt, act_until_over, a, &a->task) == 0, "pawl_spawn did not return 0");
        }
    }
    for (uint64_t i = 0; i < THREADS; i++)
        stress_thread_join(actors[i].thread);
    for (uint64_t i = THREADS; i < THREADS + TASKS; i++)
        CHECK(pawl_join(actors[i].task, NULL) == 0, "pawl_join did not return 0");
}

static void run(const struct round *round)
{
    struct scene *scene = stress_allocate(sizeof *scene);
    struct pawl_options o;
    stress_options(&o, round);
    scene->round = round;
    scene->rt = stress_runtime_create(&o);
    act_all(scene);
    for (int i = 0; i < MAILBOXES; i++)
        if (atomic_load(&scene->mailboxes[i]) != NULL)
            free_block(atomic_load(&scene->mailboxes[i]));
    uint64_t armed = counted(ARMED) + counted(REARMED), outcomes = counted(FIRED) + counted(CANCELLED);
    CHECK(armed == outcomes, "%" PRIu64 " timers armed, %" PRIu64 " outcomes", armed, outcomes);
    stress_phase("shutting down");
    stress_runtime_shutdown(scene->rt, 0);
    stress_runtime_destroy(scene->rt);
    free(scene);
}

const struct scenario stress_cancel_sync_free = {
    .name = "cancel_sync_free",
    .about = "timers whose memory is freed at once after pawl_timer_cancel_sync",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
