/* Searching: a worker without work looks for some in the other workers' queues. */
#include "base/backoff.h"
#include "base/noise.h"
#include "sched/runtime.h"

enum {
    STALLED_LOOKS = 2, /* back-offs in a row during which an owner ran nothing, until its slot is taken: some us */
    CLOCK_LOOKS = 16   /* back-offs between looks at the clock */
};

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

/* That of an owner that does not get round to it, or what timers have put there. */
static struct pawl_task *take_slot(struct worker *worker, struct worker *victim)
{
    noise_point("queue.slot.to_take");
    struct pawl_task *task = worker_unchain(worker, queue_take_slot(&victim->queue));
    if (task != NULL)
        counter_add(&worker->counters.stolen, 1);
    return task;
}

/* One pass over all others, from a random one on; remembers one that has a task in its slot. */
static struct pawl_task *steal_once(struct worker *worker, const struct stalled *before, struct stalled *stalled)
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
        if (queue_has_slot(&victim->queue) && worker_slot_is_due(victim) && (task = take_slot(worker, victim)) != NULL)
            return task;
        /* the same one as at the last look, if it still has one: only so a stall is noticed */
        if ((stalled->victim == NULL || victim == before->victim) && queue_has_slot(&victim->queue)) {
            stalled->victim = victim;
            stalled->runs = load_relaxed_u64(&victim->counters.runs); /* relaxed: a measure of progress */
        }
    }
    return pawl__worker_take_injected(worker);
}

/* Was it the same task of the same owner at the last look too? */
static bool same_stall(const struct stalled *now, const struct stalled *before)
{
    return now->victim != NULL && now->victim == before->victim && now->runs == before->runs;
}

/* Then all other queues are empty, for each is filled by its own worker only, and nobody is about to queue anything. */
static bool nobody_else_is_awake(struct pawl_runtime *rt)
{
    return idle_sleeping(&rt->idle) == rt->worker_count - 1;
}

struct pawl_task *pawl__worker_search(struct worker *worker)
{
    struct stalled stalled = {0}, before;
    unsigned stalls = 0;
    if (nobody_else_is_awake(worker->runtime))
        return pawl__worker_take_injected(worker);
    /* As long as an owner with a task in its slot makes progress, leave the task to it but stay awake. */
    for (unsigned looks = 1;; looks++) {
        before = stalled;
        struct pawl_task *task = steal_once(worker, &before, &stalled);
        stalls = same_stall(&stalled, &before) ? stalls + 1 : 0;
        if (task == NULL && stalls == STALLED_LOOKS)
            task = take_slot(worker, stalled.victim); /* the last resort */
        if (task != NULL)
            return task;
        if (looks > 1 && (stalled.victim == NULL || load_acquire_u64(&worker->inbox_count) > 0))
            return NULL;
        struct backoff backoff;
        backoff_init(&backoff);
        while (backoff_pause(&backoff)) {
        }
        if (looks % CLOCK_LOOKS == 0) {
            pawl__worker_look_at_clock(worker); /* timers may fill our own queue */
            task = pawl__worker_next_own(worker);
            if (task != NULL || runtime_phase(worker->runtime) == PHASE_STOPPED)
                return task;
        }
    }
}

bool pawl__work_anywhere(struct pawl_runtime *rt)
{
    if (inject_length(&rt->inject) > 0)
        return true;
    for (unsigned i = 0; i < rt->worker_count; i++)
        if (queue_length(&rt->workers[i].queue) > 0 || queue_has_slot(&rt->workers[i].queue))
            return true;
    return false;
}
