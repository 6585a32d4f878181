#include <errno.h>
#include <pawl/metrics.h>
#include <string.h>

#include "sched/runtime.h"

/* relaxed everywhere: a number is wanted, not an edge */
#define READ(counter) load_relaxed_u64(&(counter))

static void add_counters(struct pawl_metrics *out, const struct counters *counters)
{
    out->tasks_spawned += READ(counters->spawned);
    out->tasks_finished += READ(counters->finished);
    out->task_runs += READ(counters->runs);
    out->tasks_stolen += READ(counters->stolen);
    out->tasks_injected += READ(counters->injected);
    out->tasks_overflowed += READ(counters->overflowed);
    out->parks += READ(counters->parks);
    out->unparks += READ(counters->unparks);
    out->driver_turns += READ(counters->turns);
    out->driver_rescues += READ(counters->rescues);
    out->timers_reset += READ(counters->timers_extended);
    out->timers_remote += READ(counters->timers_remote);
    out->driver_wakes += READ(counters->driver_wakes);
    out->timer_rescues += READ(counters->overdue);
}

/* `own` is the number of the shard that is its own: with a manual clock there is but one, the first worker's. */
static void add_shard(struct pawl_metrics *out, const struct pawl_runtime *rt, unsigned own)
{
    if (own >= rt->shard_count)
        return;
    const struct shard *shard = &rt->shards[own];
    out->timers_armed += READ(shard->armed);
    out->timers_reset += READ(shard->moved);
    out->timers_cancelled += READ(shard->cancelled);
    out->timers_fired += READ(shard->fired);
    out->timer_lock_misses += READ(shard->lock_misses);
    for (unsigned i = 0; i < PAWL_LATENESS_CLASSES; i++)
        out->timers_late[i] += READ(shard->lateness[i]);
}

static void add_worker(struct pawl_metrics *out, const struct pawl_runtime *rt, unsigned index)
{
    add_counters(out, &rt->workers[index].counters);
    add_shard(out, rt, index);
}

static void add_ports(struct pawl_metrics *out, const struct pawl_runtime *rt)
{
    for (unsigned i = 0; i < rt->port_count; i++) {
        add_counters(out, &rt->ports[i].counters);
        add_shard(out, rt, rt->worker_count + i);
    }
}

static int check(const struct pawl_runtime *rt, const struct pawl_metrics *out, size_t size)
{
    return out == NULL || size > sizeof *out ? -EINVAL : runtime_usable(rt);
}

int pawl_metrics_worker(const struct pawl_runtime *rt, int worker, struct pawl_metrics *out, size_t size)
{
    struct pawl_metrics sum = {0};
    int error = check(rt, out, size);
    if (error != 0)
        return error;
    if (worker < -1 || worker >= (int)rt->worker_count)
        return -EINVAL;
    if (worker == -1)
        add_ports(&sum, rt);
    else
        add_worker(&sum, rt, (unsigned)worker);
    memcpy(out, &sum, size);
    return 0;
}

int pawl_metrics_total(const struct pawl_runtime *rt, struct pawl_metrics *out, size_t size)
{
    struct pawl_metrics sum = {0};
    int error = check(rt, out, size);
    if (error != 0)
        return error;
    add_ports(&sum, rt);
    for (unsigned i = 0; i < rt->worker_count; i++)
        add_worker(&sum, rt, i);
    memcpy(out, &sum, size);
    return 0;
}
