/* Shutdown in three phases, and waiting for rest. */
#define _GNU_SOURCE
#include <errno.h>

#include "base/noise.h"
#include "sched/join.h"
#include "sched/runtime.h"

/* ---- counting ---- */

uint64_t pawl__runtime_live_tasks(struct pawl_runtime *rt)
{
    /* Finished ones first. Both counts only grow, and none finishes that was not counted as spawned before (edge
     * counters.finished): so if they are equal, they were so, and no task was alive, between the two sums. */
    uint64_t finished = 0, spawned = 0;
    for (unsigned i = 0; i < rt->worker_count; i++)
        finished += load_acquire_u64(&rt->workers[i].counters.finished);
    for (unsigned i = 0; i < rt->port_count; i++)
        finished += load_acquire_u64(&rt->ports[i].counters.finished);
    for (unsigned i = 0; i < rt->worker_count; i++)
        spawned += load_acquire_u64(&rt->workers[i].counters.spawned);
    for (unsigned i = 0; i < rt->port_count; i++)
        spawned += load_acquire_u64(&rt->ports[i].counters.spawned);
    return spawned - finished;
}

/* ---- waiting ---- */

void pawl__runtime_quiet(struct pawl_runtime *rt)
{
    if (PAWL_UNLIKELY(rt->clock.kind == PAWL_CLOCK_MANUAL))
        pawl__manual_rest(rt);
    fence_light(&rt->fences); /* edge runtime.quiet, step 2 of who goes to sleep */
    if (PAWL_LIKELY(load_relaxed_u32(&rt->quiet_waiters) == 0)) /* step 3; relaxed: ordered by the fence */
        return;
    noise_point("runtime.quiet.waiter_seen");
    fetch_add_seq_cst_u32(&rt->quiet_epoch, 1);
    pawl__wake_all(&rt->quiet_epoch);
}

/* Blocks until condition(rt), which is asked whenever a worker goes to sleep. false: not by the deadline. */
static bool await(struct pawl_runtime *rt, bool (*condition)(struct pawl_runtime *rt), uint64_t deadline_ns)
{
    bool met, in_time = true;
    fetch_add_seq_cst_u32(&rt->quiet_waiters, 1); /* edge runtime.quiet, step 1 of who waits */
    pawl__fence_heavy(&rt->fences);               /* step 2 */
    for (;;) {
        uint32_t epoch = load_seq_cst_u32(&rt->quiet_epoch);
        met = condition(rt);
        if (met || !in_time)
            break;
        noise_point("runtime.quiet.not_met");
        in_time = pawl__wait_on(&rt->quiet_epoch, epoch, deadline_ns);
    }
    fetch_add_seq_cst_u32(&rt->quiet_waiters, UINT32_MAX);
    return met;
}

static bool all_sleep(struct pawl_runtime *rt)
{
    return idle_sleeping(&rt->idle) == rt->worker_count;
}

static bool nothing_queued(struct pawl_runtime *rt)
{
    for (unsigned i = 0; i < rt->worker_count; i++)
        if (load_acquire_u64(&rt->workers[i].inbox_count) > 0)
            return false;
    return inject_length(&rt->inject) <= 0;
}

bool pawl__runtime_at_rest(struct pawl_runtime *rt)
{
    /* Who sleeps is asked again after the queues: a worker that took from them meanwhile is awake, or has done with it.
     */
    return all_sleep(rt) && nothing_queued(rt) && all_sleep(rt);
}

bool pawl__runtime_is_idle(struct pawl_runtime *rt)
{
    /* No blocking call is in progress, and none has begun meanwhile: so there was none either while all slept. */
    uint64_t calls = load_seq_cst_u64(&rt->blocking.calls);
    return runtime_phase(rt) == PHASE_STOPPED ||
           ((uint32_t)calls == 0 && pawl__runtime_at_rest(rt) && load_seq_cst_u64(&rt->blocking.calls) == calls);
}

int pawl_runtime_wait_idle(struct pawl_runtime *rt, uint64_t deadline_ns)
{
    int error = runtime_usable(rt);
    if (error != 0)
        return error;
    if (pawl__current() != NULL)
        return -EDEADLK;
    return await(rt, pawl__runtime_is_idle, deadline_ns) ? 0 : -ETIMEDOUT;
}

/* ---- the phases ---- */

static void enter_phase(struct pawl_runtime *rt, enum phase phase)
{
    if (runtime_phase(rt) < phase)
        store_seq_cst_u32(&rt->phase, phase); /* edge runtime.phase, step 1; only one thread is in shutdown */
    noise_point("runtime.phase.stored");
    pawl__fence_heavy(&rt->fences); /* step 2 */
}

static bool no_task_left(struct pawl_runtime *rt)
{
    return pawl__runtime_live_tasks(rt) == 0;
}

static bool shards_closed(struct pawl_runtime *rt)
{
    for (unsigned i = 0; i < rt->shard_count; i++)
        if (!pawl__shard_closed(&rt->shards[i]))
            return false;
    return true;
}

static bool all_ended(struct pawl_runtime *rt)
{
    return shards_closed(rt) && no_task_left(rt);
}

void pawl__runtime_close_shards(struct pawl_runtime *rt)
{
    uint32_t expected = 0;
    if (load_acquire_u32(&rt->closing) != 0 || !cas_acq_rel_acquire_u32(&rt->closing, &expected, 1))
        return;
    for (unsigned i = 0; i < rt->shard_count; i++)
        if (pawl__shard_close(&rt->shards[i])) /* relaxed: an earlier one has been told of by who armed it */
            pawl__driver_deadline_moved(&rt->driver, load_relaxed_u64(&rt->shards[i].next_deadline), true);
    pawl__manual_close(rt);
    pawl__runtime_quiet(rt);
}

/* Wakes every task, so that it sees the phase, and flags it, so that it looks from then on. One that is spawned behind
 * the walk's back sees it by itself: edge runtime.phase. The header may be free, or be given to another task, at any
 * time: it is the runtime's all the same, and a wake for nothing does no harm. */
static void kick(void *object, void *context)
{
    struct pawl_task *task = object;
    struct pawl_runtime *rt = context;
    if (task_mark_woken(task, TASK_CANCELLED))
        pawl__schedule(rt, NULL, task);
}

static void wake_all_workers(struct pawl_runtime *rt)
{
    for (unsigned i = 0; i < rt->worker_count; i++)
        if (idle_claim(&rt->idle, i, true))
            pawl__unpark(rt->workers[i].parker);
}

static void cancel_everything(struct pawl_runtime *rt)
{
    enter_phase(rt, PHASE_CANCELLING);
    pawl__slab_visit(rt->tasks, kick, rt); /* edge runtime.phase, step 3 */
    wake_all_workers(rt);                  /* one of them closes the shards */
}

static int shut_down(struct pawl_runtime *rt, uint64_t grace_ns)
{
    if (runtime_phase(rt) == PHASE_STOPPED)
        return 0;
    enter_phase(rt, PHASE_DRAINING);
    if (runtime_phase(rt) == PHASE_DRAINING)
        await(rt, no_task_left, pawl_saturating_add(monotonic_now_ns(), grace_ns));
    cancel_everything(rt);
    uint64_t patience_ns = grace_ns > PAWL_SEC(1) ? grace_ns : PAWL_SEC(1), left = UINT64_MAX;
    while (!await(rt, all_ended, pawl_saturating_add(monotonic_now_ns(), patience_ns))) {
        uint64_t former = left; /* half a million tasks take their time: as long as they end, none is stuck */
        left = pawl__runtime_live_tasks(rt);
        if (left >= former)
            return -ETIMEDOUT;
    }
    pawl__runtime_stop(rt);
    return 0;
}

int pawl_runtime_shutdown(struct pawl_runtime *rt, uint64_t grace_ns)
{
    int error = runtime_usable(rt);
    if (error != 0)
        return error;
    struct current *current = pawl__current();
    if (current != NULL && current->runtime == rt)
        return -EDEADLK;
    lock_acquire(&rt->shutdown_lock);
    error = shut_down(rt, grace_ns);
    lock_release(&rt->shutdown_lock);
    return error;
}
