/* Searching: a worker without work looks for some in the other workers' queues. */
#include "base/backoff.h"
#include "sched/runtime.h"

/* How long an owner is seen to do without a single new task before its slot is taken: it is busy in a long one. */
enum { PROGRESS_LOOKS_MAX = 64 };

struct stalled {
    struct worker *victim; /* has a task in its slot; NULL: nobody has */
    uint64_t runs;         /* what it had run when first seen */
};

static struct pawl_task *steal_from(struct worker *worker, struct worker *victim)
{
    unsigned moved;
    struct pawl_task *task = pawl__queue_steal(&victim->queue, &worker->queue, &moved);
    if (task != NULL)
        counter_add(&worker->counters.stolen, moved);
    return task;
}

/* One pass over all others, from a random one on; remembers one that has a task in its slot. */
static struct pawl_task *steal_once(struct worker *worker, struct stalled *stalled)
{
    struct pawl_runtime *rt = worker->runtime;
    unsigned start = random_below(&worker->random, rt->worker_count);
    stalled->victim = NULL;
    for (unsigned i = 0; i < rt->worker_count; i++) {
        struct worker *victim = &rt->workers[(start + i) % rt->worker_count];
        if (victim == worker)
            continue;
        struct pawl_task *task = steal_from(worker, victim);
        if (task != NULL)
            return task;
        if (stalled->victim == NULL && queue_has_slot(&victim->queue)) {
            stalled->victim = victim;
            stalled->runs = load_relaxed_u64(&victim->counters.runs); /* relaxed: a measure of progress */
        }
    }
    return pawl__worker_take_injected(worker);
}

/* The last resort: the slot of an owner that has not got round to it while we paused. */
static struct pawl_task *take_stalled(struct worker *worker, const struct stalled *stalled)
{
    struct worker *victim = stalled->victim;
    if (victim == NULL || load_relaxed_u64(&victim->counters.runs) != stalled->runs)
        return NULL;
    struct pawl_task *task = queue_take_slot(&victim->queue);
    if (task != NULL)
        counter_add(&worker->counters.stolen, 1);
    return task;
}

struct pawl_task *pawl__worker_search(struct worker *worker)
{
    struct pawl_task *task;
    struct stalled stalled;
    /* As long as an owner with a task in its slot makes progress, leave the task to it but stay awake. */
    for (unsigned looks = 0; looks < PROGRESS_LOOKS_MAX; looks++) {
        struct backoff backoff;
        backoff_init(&backoff);
        if ((task = steal_once(worker, &stalled)) != NULL)
            return task;
        while (backoff_pause(&backoff)) {
        }
        if ((task = take_stalled(worker, &stalled)) != NULL)
            return task;
        if (stalled.victim == NULL || load_acquire_u64(&worker->inbox_count) > 0)
            return NULL;
    }
    return NULL;
}
