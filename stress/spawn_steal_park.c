/* Random trees of tasks that yield, sleep, spin, join, detach and cancel one another, planted from plain threads with
 * gaps in between, so that workers park and are woken again.
 *
 * Conserved: every task runs exactly once, every join gets its task's value, draining ends when the last task has. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define CHILDREN_MAX 6
#define DEPTH_MAX 5
#define LIVE_MAX 2000
#define PLANTERS_MAX 3
#define TREES_MAX 4
#define NODE_UNBORN UINT32_C(0xA11FE)
#define NODE_RUN UINT32_C(0xDEAD)

enum { SPAWNED, RAN, JOINED, DETACHED, CANCELLED, GAPS, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [SPAWNED] = "spawned",     [RAN] = "ran",   [JOINED] = "joined", [DETACHED] = "detached",
    [CANCELLED] = "cancelled", [GAPS] = "gaps",
};

struct forest {
    const struct round *round;
    struct pawl_runtime *rt;
    _Atomic long live; /* tasks spawned and not near their end */
};

/* What a task is told; it frees it. */
struct node {
    struct forest *forest;
    uint64_t seed;
    unsigned depth;
    uint32_t state;
};

struct child {
    struct pawl_task *task;
    void *token; /* what it will return */
};

static void *token_of(uint64_t seed)
{
    return (void *)(uintptr_t)(seed | 1);
}

static void *grow(void *arg);

/* ---- waiting, cancelled or not ---- */

/* After a suspending call: cancellation is sticky, and nothing else cuts a wait short. */
static void check_suspension(int result, bool was_cancelled)
{
    if (result == 0)
        CHECK(!was_cancelled, "a suspending call of a cancelled task returned 0");
    else
        CHECK(result == -ECANCELED && pawl_cancelled(), "a suspending call returned %d, cancelled is %d", result,
              pawl_cancelled());
}

static void sleep_checked(uint64_t duration_ns)
{
    bool was_cancelled = pawl_cancelled();
    uint64_t start_ns = pawl_now(NULL);
    int result = pawl_sleep(duration_ns);
    check_suspension(result, was_cancelled);
    CHECK(result != 0 || pawl_now(NULL) - start_ns >= duration_ns, "a sleep of %" PRIu64 " ns ended early",
          duration_ns);
}

static void yield_checked(void)
{
    bool was_cancelled = pawl_cancelled();
    check_suspension(pawl_yield(), was_cancelled);
}

static void linger(struct random *r)
{
    switch (random_below(r, 16)) {
    case 0:
    case 1:
    case 2:
        yield_checked();
        break;
    case 3:
        sleep_checked(PAWL_US(random_below(r, 1000)));
        break;
    case 4:
        sleep_checked(0);
        break;
    case 5:
        pawl_noise_point(__func__);
        break;
    default:
        break;
    }
}

/* Joins, though the caller be cancelled. */
static void *join_at_last(struct pawl_task *task)
{
    void *value = NULL;
    int result = pawl_join(task, &value);
    if (result != 0) {
        CHECK(result == -ECANCELED && pawl_cancelled(), "pawl_join returned %d, cancelled is %d", result,
              pawl_cancelled());
        pawl_shield_begin();
        result = pawl_join(task, &value);
        CHECK(result == 0, "pawl_join under a shield returned %d", result);
        pawl_shield_end();
    }
    return value;
}

static void join_checked(const struct child *child)
{
    void *value = join_at_last(child->task);
    CHECK(value == child->token, "joined %p, expected %p", value, child->token);
    count(JOINED);
}

/* ---- trees ---- */

static struct node *node_create(struct forest *forest, uint64_t seed, unsigned depth)
{
    struct node *node = stress_allocate(sizeof *node);
    *node = (struct node){forest, seed, depth, NODE_UNBORN};
    return node;
}

/* Spawns a task; a detached one leaves child->task NULL. rt as pawl_spawn's. */
static void plant(struct child *child, struct pawl_runtime *rt, struct forest *forest, struct random *r, unsigned depth,
                  bool detached)
{
    uint64_t seed = random_next(r);
    struct node *node = node_create(forest, seed, depth);
    struct pawl_task_options o;
    pawl_task_options_init(&o);
    o.name = "node";
    if (random_once_in(r, 16))
        o.worker = (int)random_below(r, (uint64_t)forest->round->workers);
    *child = (struct child){NULL, token_of(seed)};
    atomic_fetch_add(&forest->live, 1);
    count(SPAWNED);
    struct pawl_task **out = detached ? NULL : &child->task;
    int result = random_once_in(r, 2) ? pawl_spawn(rt, grow, node, out) : pawl_spawn_with(rt, &o, grow, node, out);
    CHECK(result == 0, "pawl_spawn returned %d", result);
    if (detached)
        count(DETACHED);
}

/* Gives the handle up in one of several ways. */
static void harvest(const struct child *child, struct random *r)
{
    struct pawl_task *second;
    switch (random_below(r, 8)) {
    case 0:
        count(CANCELLED);
        int result = pawl_task_cancel(child->task);
        CHECK(result == 0 || result == -EALREADY, "pawl_task_cancel returned %d", result);
        join_checked(child);
        break;
    case 1:
        second = pawl_task_ref(child->task);
        CHECK(second == child->task, "pawl_task_ref returned another task");
        pawl_detach(child->task);
        join_checked(&(struct child){second, child->token});
        break;
    case 2:
        pawl_detach(child->task);
        count(DETACHED);
        break;
    default:
        join_checked(child);
        break;
    }
}

static unsigned draw_children(const struct node *node, struct random *r)
{
    if (node->depth == 0 || atomic_load(&node->forest->live) > LIVE_MAX)
        return 0;
    return (unsigned)random_below(r, CHILDREN_MAX + 1);
}

static void *grow(void *arg)
{
    struct node *node = arg;
    CHECK(node->state == NODE_UNBORN, "a task ran that had run, or with an argument not its own");
    node->state = NODE_RUN;
    count(RAN);

    struct random r = random_seeded(node->seed, 0);
    struct child children[CHILDREN_MAX];
    unsigned wanted = draw_children(node, &r);
    linger(&r);
    for (unsigned i = 0; i < wanted; i++) {
        plant(&children[i], NULL, node->forest, &r, node->depth - 1, random_once_in(&r, 6));
        linger(&r);
    }
    for (unsigned i = 0; i < wanted; i++)
        if (children[i].task != NULL)
            harvest(&children[i], &r);
    linger(&r);

    atomic_fetch_sub(&node->forest->live, 1);
    void *token = token_of(node->seed);
    free(node);
    return token;
}

/* ---- planters: plain threads ---- */

struct planter {
    struct forest *forest;
    uint64_t index;
    pthread_t thread;
};

static void *plant_trees(void *arg)
{
    const struct planter *planter = arg;
    struct forest *forest = planter->forest;
    struct random r = random_seeded(forest->round->seed, planter->index);
    while (!round_is_over(forest->round)) {
        struct child trees[TREES_MAX];
        uint64_t tree_count = 1 + random_below(&r, TREES_MAX);
        for (uint64_t i = 0; i < tree_count; i++) {
            plant(&trees[i], forest->rt, forest, &r, (unsigned)random_below(&r, DEPTH_MAX + 1), false);
            pawl_noise_point(__func__);
        }
        for (uint64_t i = 0; i < tree_count; i++)
            harvest(&trees[i], &r);
        if (random_once_in(&r, 2)) {
            count(GAPS);
            stress_sleep(PAWL_US(random_below(&r, random_once_in(&r, 8) ? 5000 : 300)));
        }
    }
    return NULL;
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1000);
    struct forest forest = {.round = round};
    struct planter planters[PLANTERS_MAX];
    struct pawl_options o;
    stress_options(&o, round);
    forest.rt = stress_runtime_create(&o);

    uint64_t planter_count = 1 + random_below(&r, PLANTERS_MAX);
    for (uint64_t i = 0; i < planter_count; i++) {
        planters[i].forest = &forest;
        planters[i].index = i;
        stress_thread_start(&planters[i].thread, plant_trees, &planters[i]);
    }
    for (uint64_t i = 0; i < planter_count; i++)
        stress_thread_join(planters[i].thread);

    /* Detached tasks are still there: the drain waits for them. */
    stress_phase("draining");
    stress_runtime_shutdown(forest.rt, PAWL_SEC(3600));
    CHECK(counted(RAN) == counted(SPAWNED), "%" PRIu64 " tasks spawned, %" PRIu64 " ran", counted(SPAWNED),
          counted(RAN));
    struct pawl_metrics m;
    CHECK(pawl_metrics_total(forest.rt, &m, sizeof m) == 0, "no metrics after shutdown");
    CHECK(m.tasks_spawned == counted(SPAWNED) && m.tasks_finished == counted(SPAWNED),
          "the runtime counted %" PRIu64 " tasks spawned and %" PRIu64 " finished, not %" PRIu64, m.tasks_spawned,
          m.tasks_finished, counted(SPAWNED));
    stress_runtime_destroy(forest.rt);
}

const struct scenario stress_spawn_steal_park = {
    .name = "spawn_steal_park",
    .about = "trees of tasks that yield, sleep, join, detach and cancel; idle gaps",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
