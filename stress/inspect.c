#include "stress/inspect.h"

#include <inttypes.h>
#include <pawl/metrics.h>
#include <stdio.h>
#include <string.h>

#include "sched/runtime.h"

/* A plain field of the worker's, read from another thread. That is a race, and meant: the program is about to abort,
 * and a value that is torn or old is better than none. Task headers stay readable as long as the runtime. */
__attribute__((no_sanitize("thread"))) static const struct pawl_task *current_task_of(const struct worker *worker)
{
    return *(struct pawl_task *const volatile *)&worker->current.task;
}

__attribute__((no_sanitize("thread"))) static bool in_callback(const struct worker *worker)
{
    return *(const volatile bool *)&worker->current.in_callback;
}

__attribute__((no_sanitize("thread"))) static void copy_name(char *to, const struct pawl_task *task)
{
    for (int i = 0; i < TASK_NAME_SIZE; i++)
        to[i] = ((const volatile char *)task->name)[i];
    to[TASK_NAME_SIZE - 1] = '\0';
}

static const char *name_of_phase(enum phase phase)
{
    static const char *const names[] = {"running", "draining", "cancelling", "stopped"};
    return phase <= PHASE_STOPPED ? names[phase] : "?";
}

static const char *name_of_parker(uint32_t state)
{
    static const char *const names[] = {
        [PARKER_EMPTY] = "awake",
        [PARKER_PARKED_CONDVAR] = "parked on its condvar",
        [PARKER_PARKED_DRIVER] = "parked in the driver",
        [PARKER_PARKED_UNDERSTUDY] = "parked as understudy",
        [PARKER_NOTIFIED] = "notified",
    };
    return state <= PARKER_NOTIFIED ? names[state] : "?";
}

/* Of an instant, for people. */
static void print_from_now(const char *what, uint64_t instant_ns, uint64_t now_ns)
{
    if (instant_ns == PAWL_NEVER)
        fprintf(stderr, " %s never", what);
    else if (instant_ns == 0)
        fprintf(stderr, " %s no time", what);
    else
        fprintf(stderr, " %s %+.6f s", what, ((double)instant_ns - (double)now_ns) / 1e9);
}

static uint64_t earliest_deadline(const struct pawl_runtime *rt)
{
    uint64_t earliest = PAWL_NEVER;
    for (unsigned i = 0; i < rt->shard_count; i++) {
        uint64_t next = load_relaxed_u64(&rt->shards[i].next_deadline); /* relaxed: a look from outside, as all here */
        earliest = next < earliest ? next : earliest;
    }
    return earliest;
}

static void print_runtime(struct pawl_runtime *rt, uint64_t now_ns)
{
    uint64_t idle = load_relaxed_u64(&rt->idle.word);
    fprintf(stderr, "runtime %p: %s, %u workers, %" PRIu32 " searching, %" PRIu32 " sleeping, injected %" PRId64 "\n",
            (void *)rt, name_of_phase(runtime_phase(rt)), rt->worker_count, (uint32_t)idle, (uint32_t)(idle >> 32),
            inject_length(&rt->inject));
    fprintf(stderr,
            "  tasks alive %" PRIu64 ", blocking calls %" PRIu32 ", shards %s, who waits for rest %" PRIu32 "\n",
            pawl__runtime_live_tasks(rt), (uint32_t)load_relaxed_u64(&rt->blocking.calls),
            load_relaxed_u32(&rt->closing) != 0 ? "closing or closed" : "open", load_relaxed_u32(&rt->quiet_waiters));
    fprintf(stderr, "  driver %s,", load_relaxed_u32(&rt->driver.held) != 0 ? "held" : "free");
    print_from_now("sleeps toward", load_relaxed_u64(&rt->driver.wake_at), now_ns);
    print_from_now("earliest deadline", earliest_deadline(rt), now_ns);
    fprintf(stderr, ", understudy's seat %s, alarm %s\n",
            load_relaxed_u32(&rt->driver.understudy.taken) != 0 ? "taken" : "empty",
            load_relaxed_u32(&rt->driver.understudy.armed) != 0 ? "armed" : "off");
}

static void print_task(const struct worker *worker)
{
    const struct pawl_task *task = current_task_of(worker);
    char name[TASK_NAME_SIZE];
    if (task == NULL) {
        fprintf(stderr, "%s", in_callback(worker) ? ", fires timers" : ", no task");
        return;
    }
    copy_name(name, task);
    fprintf(stderr, ", runs task %p \"%s\"", (const void *)task, name);
}

static void print_counters(const struct pawl_metrics *m)
{
    fprintf(stderr,
            "    spawned %" PRIu64 " finished %" PRIu64 " runs %" PRIu64 " stolen %" PRIu64 " injected %" PRIu64
            " overflowed %" PRIu64 " parks %" PRIu64 " unparks %" PRIu64 " driver turns %" PRIu64 " rescues %" PRIu64
            " timers armed %" PRIu64 " reset %" PRIu64 " cancelled %" PRIu64 " fired %" PRIu64 "\n",
            m->tasks_spawned, m->tasks_finished, m->task_runs, m->tasks_stolen, m->tasks_injected, m->tasks_overflowed,
            m->parks, m->unparks, m->driver_turns, m->driver_rescues, m->timers_armed, m->timers_reset,
            m->timers_cancelled, m->timers_fired);
}

static void print_worker(struct pawl_runtime *rt, unsigned index, uint64_t now_ns)
{
    const struct worker *worker = &rt->workers[index];
    fprintf(stderr, "  worker %u: %s, %s", index, name_of_parker(load_relaxed_u32(&worker->parker->state)),
            idle_is_asleep(&rt->idle, index) ? "announced asleep" : "not in the idle set");
    print_task(worker);
    fprintf(stderr, "; queue %" PRIu64 "%s, inbox %" PRId64 ",", queue_length(&worker->queue),
            queue_has_slot(&worker->queue) ? " and slot" : "", (int64_t)load_relaxed_u64(&worker->inbox_count));
    print_from_now("own shard", load_relaxed_u64(&worker->shard->next_deadline), now_ns);
    fprintf(stderr, "\n");
}

void inspect_runtime(struct pawl_runtime *rt)
{
    struct pawl_metrics m;
    uint64_t now_ns = pawl_now(rt);
    print_runtime(rt, now_ns);
    for (unsigned i = 0; i < rt->worker_count; i++) {
        print_worker(rt, i, now_ns);
        if (pawl_metrics_worker(rt, (int)i, &m, sizeof m) == 0)
            print_counters(&m);
    }
    if (pawl_metrics_worker(rt, -1, &m, sizeof m) == 0) {
        fprintf(stderr, "  other threads:\n");
        print_counters(&m);
    }
}
