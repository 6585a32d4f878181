/* Few workers have all the work, and the others live on what they steal.
 *
 * Producers spawn bursts that overflow their run queue, from the slot, the ring and the inbox; what they spawn is
 * mostly too small to be worth it, so that thieves and owners meet over the last tasks of a ring all the time.
 *
 * Conserved: a ledger has an item for each task; each is settled once, by the task itself. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define ITEMS_MAX 2000000
#define PRODUCERS_MAX 4
#define BURST_MAX 700 /* a run queue holds 256 */

enum { SPAWNED, BURSTS, BOUND, SUSPENDED, STOLEN, OVERFLOWED, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [SPAWNED] = "spawned",     [BURSTS] = "bursts", [BOUND] = "bound",
    [SUSPENDED] = "suspended", [STOLEN] = "stolen", [OVERFLOWED] = "overflowed",
};

struct storm {
    const struct round *round;
    struct pawl_runtime *rt;
    struct pawl_ledger *ledger;
    _Atomic uint64_t live;
};

struct producer {
    struct storm *storm;
    struct random random;
    struct pawl_task *task;
};

/* What a task is told, in its argument: who it is. It has no memory of its own. */
static struct storm *_Atomic the_storm;

static void *settle(void *arg)
{
    struct storm *storm = atomic_load_explicit(&the_storm, memory_order_relaxed);
    uint64_t id = (uint64_t)(uintptr_t)arg;
    int result = pawl_ledger_settle(storm->ledger, id);
    CHECK(result == 0, "task %" PRIu64 " ran twice", id);
    atomic_fetch_sub_explicit(&storm->live, 1, memory_order_relaxed);
    return arg;
}

static void *settle_late(void *arg)
{
    for (uint64_t i = (uint64_t)(uintptr_t)arg % 4; i > 0; i--)
        CHECK(pawl_yield() == 0, "pawl_yield did not return 0");
    if ((uint64_t)(uintptr_t)arg % 16 == 0) {
        count(SUSPENDED);
        CHECK(pawl_sleep(PAWL_US((uint64_t)(uintptr_t)arg % 97)) == 0, "pawl_sleep did not return 0");
    }
    return settle(arg);
}

/* False when the ledger is full. */
static bool spawn_one(struct producer *p)
{
    struct storm *storm = p->storm;
    struct pawl_task_options o;
    uint64_t id;
    if (pawl_ledger_issue(storm->ledger, &id) != 0)
        return false;
    pawl_task_options_init(&o);
    o.name = "loot";
    if (random_once_in(&p->random, 32)) {
        count(BOUND);
        o.worker = (int)random_below(&p->random, (uint64_t)storm->round->workers);
    }
    atomic_fetch_add_explicit(&storm->live, 1, memory_order_relaxed);
    count(SPAWNED);
    pawl_task_fn *fn = random_once_in(&p->random, 8) ? settle_late : settle;
    int result = pawl_spawn_with(NULL, &o, fn, (void *)(uintptr_t)id, NULL);
    CHECK(result == 0, "pawl_spawn returned %d", result);
    return true;
}

static uint64_t draw_burst(struct random *r)
{
    switch (random_below(r, 4)) {
    case 0:
        return 1 + random_below(r, 3);
    case 1:
        return 250 + random_below(r, 20); /* about a ring */
    default:
        return 1 + random_below(r, BURST_MAX);
    }
}

static void *produce(void *arg)
{
    struct producer *p = arg;
    while (!round_is_over(p->storm->round)) {
        count(BURSTS);
        for (uint64_t i = draw_burst(&p->random); i > 0; i--) {
            if (!spawn_one(p))
                return NULL;
            if (random_once_in(&p->random, 64))
                pawl_noise_point(__func__);
        }
        /* keeps its worker for a while, so that only thieves get at the queue; then rests, so that it is empty */
        for (uint64_t spins = random_below(&p->random, 20000); spins > 0; spins--)
            atomic_signal_fence(memory_order_seq_cst);
        do {
            int result = random_once_in(&p->random, 2) ? pawl_yield() : pawl_sleep(PAWL_US(20));
            CHECK(result == 0, "a producer's wait returned %d", result);
        } while (atomic_load_explicit(&p->storm->live, memory_order_relaxed) > 20000);
    }
    return NULL;
}

static void note_metrics(const struct storm *storm)
{
    struct pawl_metrics m;
    CHECK(pawl_metrics_total(storm->rt, &m, sizeof m) == 0, "no metrics after shutdown");
    count_more(STOLEN, m.tasks_stolen);
    count_more(OVERFLOWED, m.tasks_overflowed);
    CHECK(m.tasks_spawned == m.tasks_finished, "%" PRIu64 " tasks spawned, %" PRIu64 " finished", m.tasks_spawned,
          m.tasks_finished);
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1000);
    struct storm *storm = stress_allocate(sizeof *storm);
    struct producer producers[PRODUCERS_MAX];
    struct pawl_options o;
    stress_options(&o, round);
    storm->round = round;
    storm->rt = stress_runtime_create(&o);
    storm->ledger = stress_ledger_create(ITEMS_MAX);
    atomic_store(&the_storm, storm);
    uint64_t producer_count = 1 + random_below(&r, PRODUCERS_MAX);
    for (uint64_t i = 0; i < producer_count; i++) {
        producers[i] = (struct producer){.storm = storm, .random = random_seeded(round->seed, i)};
        int result = pawl_spawn(storm->rt, produce, &producers[i], &producers[i].task);
        CHECK(result == 0, "pawl_spawn returned %d", result);
    }
    for (uint64_t i = 0; i < producer_count; i++)
        CHECK(pawl_join(producers[i].task, NULL) == 0, "pawl_join did not return 0");
    stress_phase("draining");
    stress_runtime_shutdown(storm->rt, PAWL_SEC(3600));
    stress_ledger_check(storm->ledger, "tasks");
    note_metrics(storm);
    stress_runtime_destroy(storm->rt);
    free(storm);
}

const struct scenario stress_steal_storm = {
    .name = "steal_storm",
    .about = "bursts of tiny tasks from few workers; the others steal",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 2,
};
