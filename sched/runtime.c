#define _GNU_SOURCE
#include "sched/runtime.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/rcu.h"
#include "sched/cpus.h"
#include "sched/registry.h"
#include "sched/timers.h"

#ifndef PORTS_MIN
#define PORTS_MIN 8 /* the model checker shrinks it */
#endif
enum { PORTS_MAX = 64 };

/* ---- options ---- */

static int check_options(const struct pawl_options *o)
{
    if (o->size < sizeof *o)
        return -EINVAL;
    if (o->workers == 0)
        return -ENOTSUP;
    if (o->workers != PAWL_WORKERS_AUTO && (o->workers < 0 || o->workers > PAWL_WORKERS_MAX))
        return -EINVAL;
    if (o->blocking_threads_max < 1 || o->blocking_threads_max > 65536)
        return -EINVAL;
    if (o->tick_ns < 1 || o->tick_ns > 1000000000 || !stack_size_ok(o->stack_size))
        return -EINVAL;
    if ((unsigned)o->clock > PAWL_CLOCK_MANUAL || (o->clock_now != NULL) != (o->clock == PAWL_CLOCK_CUSTOM))
        return -EINVAL;
    const struct clock clock = {.tick_ns = o->clock == PAWL_CLOCK_MANUAL ? 1 : o->tick_ns};
    if (o->timer_levels != 0 && (o->timer_levels < clock_wheel_levels(&clock) || o->timer_levels > WHEEL_LEVELS_MAX))
        return -EINVAL;
    return (o->allocator.alloc == NULL) == (o->allocator.free == NULL) ? 0 : -EINVAL;
}

static uint64_t choose_seed(uint64_t wanted)
{
    uint64_t seed = wanted;
    if (seed == 0 && getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = monotonic_now_ns();
    return seed;
}

static unsigned power_of_two_at_least(unsigned n)
{
    unsigned power = 1;
    while (power < n)
        power *= 2;
    return power;
}

static uint64_t boottime_now_ns(void *unused)
{
    struct timespec t;
    (void)unused;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void apply_clock(struct pawl_runtime *rt, const struct pawl_options *o)
{
    rt->clock = (struct clock){.kind = o->clock,
                               .now_ns = o->clock_now,
                               .context = o->clock_context,
                               .tick_ns = o->tick_ns,
                               .tick_shift = clock_tick_shift(o->tick_ns)};
    if (o->clock == PAWL_CLOCK_BOOTTIME)
        rt->clock.now_ns = boottime_now_ns;
    else if (o->clock == PAWL_CLOCK_MANUAL)
        pawl__manual_init(rt);
}

static void apply_options(struct pawl_runtime *rt, const struct pawl_options *o)
{
    unsigned workers = o->workers == PAWL_WORKERS_AUTO ? pawl__cpus_allowed() : (unsigned)o->workers;
    rt->worker_count = workers > PAWL_WORKERS_MAX ? PAWL_WORKERS_MAX : workers;
    unsigned ports = rt->worker_count < PORTS_MIN ? PORTS_MIN : rt->worker_count;
    rt->port_count = power_of_two_at_least(ports > PORTS_MAX ? PORTS_MAX : ports);
    apply_clock(rt, o);
    rt->shard_count = o->clock == PAWL_CLOCK_MANUAL ? 1 : rt->worker_count + rt->port_count;
    rt->level_count = o->timer_levels != 0 ? o->timer_levels : clock_wheel_levels(&rt->clock);
    rt->allocator = o->allocator;
    rt->hooks = o->hooks;
    rt->pin_workers = o->pin_workers;
    rt->seed = choose_seed(o->seed);
    strncpy(rt->name, o->name == NULL ? "pawl" : o->name, sizeof rt->name - 1);
}

/* ---- building and tearing down; each fini copes with what its init has not reached ---- */

/* What the kernel wipes in forked children. */
struct wiped {
    uint32_t parent;
    struct {
        _Alignas(PAWL_CACHE_LINE) struct budget budget;
    } workers[];
};

static size_t wiped_size(const struct pawl_runtime *rt)
{
    return sizeof(struct wiped) + rt->worker_count * sizeof ((struct wiped *)NULL)->workers[0];
}

static int map_wiped(struct pawl_runtime *rt)
{
    void *memory = mmap(NULL, wiped_size(rt), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    rt->wiped = memory;
    rt->wiped->parent = 1;
    rt->parent = &rt->wiped->parent;
    return madvise(memory, wiped_size(rt), MADV_WIPEONFORK) == 0 ? 0 : -ENOMEM;
}

static void *array(struct pawl_runtime *rt, size_t count, size_t size)
{
    return pawl__memory_alloc(&rt->allocator, count * size, PAWL_CACHE_LINE);
}

static void free_array(struct pawl_runtime *rt, void *memory, size_t count, size_t size)
{
    pawl__memory_free(&rt->allocator, memory, count * size, PAWL_CACHE_LINE);
}

static size_t asleep_words(const struct pawl_runtime *rt)
{
    return (rt->worker_count + 63) / 64;
}

static int init_arrays(struct pawl_runtime *rt)
{
    rt->workers = array(rt, rt->worker_count, sizeof *rt->workers);
    rt->ports = array(rt, rt->port_count, sizeof *rt->ports);
    rt->shards = array(rt, rt->shard_count, sizeof *rt->shards);
    rt->levels = array(rt, (size_t)rt->shard_count * rt->level_count, sizeof *rt->levels);
    rt->idle.asleep = array(rt, asleep_words(rt), sizeof *rt->idle.asleep);
    rt->idle.workers = rt->worker_count;
    rt->tasks = pawl__slab_create(&rt->allocator, TASK_SIZE);
    return rt->workers == NULL || rt->ports == NULL || rt->shards == NULL || rt->levels == NULL ||
                   rt->idle.asleep == NULL || rt->tasks == NULL
               ? -ENOMEM
               : 0;
}

static void init_shards(struct pawl_runtime *rt)
{
    for (unsigned i = 0; i < rt->shard_count; i++)
        pawl__shard_init(&rt->shards[i], &rt->clock, shard_id(rt->id, i), &rt->levels[i * rt->level_count],
                         rt->level_count);
    for (unsigned i = 0; i < rt->port_count; i++)
        rt->ports[i].shard = &rt->shards[(rt->worker_count + i) % rt->shard_count];
}

static int init_workers(struct pawl_runtime *rt)
{
    for (unsigned i = 0; i < rt->worker_count; i++) {
        struct worker *worker = &rt->workers[i];
        worker->runtime = rt;
        worker->index = i;
        worker->current = (struct current){
            .runtime = rt, .worker = worker, .budget = &rt->wiped->workers[i].budget};
        worker->current.budget->full = WORKER_BUDGET;
        worker->shard = &rt->shards[i % rt->shard_count];
        worker->until_inject = WORKER_INJECT_INTERVAL;
        worker->until_clock = worker->clock_interval = 1;
        random_init(&worker->random, rt->seed, i);
        pawl__fifo_init(&worker->inbox);
        worker->parker = pawl__parker_create(&rt->allocator, &rt->driver);
        if (worker->parker == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int init(struct pawl_runtime *rt, const struct pawl_options *o)
{
    int error;
    apply_options(rt, o);
    rt->id = pawl__registry_new_id();
    pawl__fences_init(&rt->fences);
    pawl__inject_init(&rt->inject);
    pawl__blocking_init(&rt->blocking, o->blocking_threads_max);
    pawl__stack_pool_init(&rt->stacks, &rt->allocator, o->stack_size, rt->worker_count, o->tasks_max);
    if ((error = pawl__rcu_init()) != 0 || (error = pawl__registry_init()) != 0 || (error = map_wiped(rt)) != 0 ||
        (error = init_arrays(rt)) != 0 ||
        (error = pawl__after_init(&rt->afters, &rt->allocator, rt->id)) != 0)
        return error;
    init_shards(rt);
    error = pawl__driver_init(&rt->driver, &rt->clock, &rt->fences, rt->shards, rt->shard_count);
    return error != 0 ? error : init_workers(rt);
}

static void fini_workers(struct pawl_runtime *rt)
{
    for (unsigned i = 0; rt->workers != NULL && i < rt->worker_count; i++) {
        struct worker *worker = &rt->workers[i];
        pawl__parker_unref(worker->parker);
        if (worker->runtime == NULL)
            continue;
        pawl__slab_cache_flush(rt->tasks, &worker->tasks);
        pawl__slab_cache_flush(rt->afters.slab, &worker->afters);
    }
}

/* No thread of the runtime's is left. */
static void fini(struct pawl_runtime *rt)
{
    fini_workers(rt);
    if (rt->driver.shards != NULL)
        pawl__driver_fini(&rt->driver);
    pawl__after_fini(&rt->afters, &rt->allocator);
    pawl__slab_close(rt->tasks); /* lives on for as long as there are handles */
    pawl__stack_pool_fini(&rt->stacks);
    free_array(rt, (void *)rt->idle.asleep, asleep_words(rt), sizeof *rt->idle.asleep);
    free_array(rt, rt->levels, (size_t)rt->shard_count * rt->level_count, sizeof *rt->levels);
    free_array(rt, rt->shards, rt->shard_count, sizeof *rt->shards);
    free_array(rt, rt->ports, rt->port_count, sizeof *rt->ports);
    free_array(rt, rt->workers, rt->worker_count, sizeof *rt->workers);
    if (rt->wiped != NULL)
        munmap(rt->wiped, wiped_size(rt));
    struct pawl_allocator allocator = rt->allocator;
    pawl__memory_free(&allocator, rt, sizeof *rt, PAWL_CACHE_LINE);
}

/* ---- threads ---- */

static void join_workers(struct pawl_runtime *rt, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        pawl__unpark(rt->workers[i].parker);
    for (unsigned i = 0; i < count; i++)
        pthread_join(rt->workers[i].thread, NULL);
}

/* All or none. Workers block asynchronous signals: those are for the threads of whoever handles them. */
static int start_workers(struct pawl_runtime *rt)
{
    sigset_t asynchronous, before;
    sigfillset(&asynchronous);
    const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    for (size_t i = 0; i < sizeof synchronous / sizeof *synchronous; i++)
        sigdelset(&asynchronous, synchronous[i]);
    pthread_sigmask(SIG_SETMASK, &asynchronous, &before);
    unsigned started = 0;
    while (started < rt->worker_count &&
           pthread_create(&rt->workers[started].thread, NULL, pawl__worker_main, &rt->workers[started]) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started < rt->worker_count) {
        store_seq_cst_u32(&rt->phase, PHASE_STOPPED);
        join_workers(rt, started);
        return -EAGAIN;
    }
    for (unsigned i = 0; rt->pin_workers && i < rt->worker_count; i++)
        pawl__cpus_pin(rt->workers[i].thread, i);
    return 0;
}

/* ---- the public calls ---- */

int pawl_runtime_create(struct pawl_runtime **out, const struct pawl_options *o)
{
    struct pawl_options defaults;
    if (out == NULL)
        return -EINVAL;
    if (o == NULL) {
        pawl_options_init(&defaults);
        o = &defaults;
    }
    int error = check_options(o);
    if (error != 0)
        return error;
    struct pawl_runtime *rt = pawl__memory_alloc(&o->allocator, sizeof *rt, PAWL_CACHE_LINE);
    if (rt == NULL)
        return -ENOMEM;
    if ((error = init(rt, o)) != 0 || (error = start_workers(rt)) != 0) {
        fini(rt);
        return error;
    }
    pawl__registry_add(rt);
    *out = rt;
    return 0;
}

void pawl__runtime_stop(struct pawl_runtime *rt)
{
    store_seq_cst_u32(&rt->phase, PHASE_STOPPED);
    join_workers(rt, rt->worker_count);
    pawl__blocking_stop(rt);
}

int pawl_runtime_destroy(struct pawl_runtime *rt)
{
    if (rt == NULL)
        return 0;
    int error = pawl_runtime_shutdown(rt, 0);
    if (error != 0)
        return error == -ETIMEDOUT ? -EBUSY : error;
    pawl__registry_remove(rt);
    pawl__rcu_synchronize(); /* edge rcu.grace: wakers and askers from other threads have left */
    fini(rt);
    return 0;
}

int pawl_runtime_run(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg, void **result)
{
    struct pawl_task *task;
    if (pawl__current() != NULL)
        return -EDEADLK;
    int error = pawl_spawn(rt, fn, arg, &task);
    return error != 0 ? error : pawl_join(task, result);
}

int pawl_run(const struct pawl_options *o, pawl_task_fn *fn, void *arg, void **result)
{
    struct pawl_runtime *rt;
    if (fn == NULL)
        return -EINVAL;
    if (pawl__current() != NULL)
        return -EDEADLK;
    int error = pawl_runtime_create(&rt, o);
    if (error != 0)
        return error;
    error = pawl_runtime_run(rt, fn, arg, result);
    int destroyed = pawl_runtime_destroy(rt);
    return error != 0 ? error : destroyed;
}

struct pawl_runtime *pawl_current(void)
{
    struct current *current = pawl__current();
    return current == NULL ? NULL : current->runtime;
}

int pawl_worker_index(void)
{
    struct current *current = pawl__current();
    return current == NULL || current->worker == NULL ? -1 : (int)current->worker->index;
}

int pawl_runtime_workers(const struct pawl_runtime *rt)
{
    int error = runtime_usable(rt);
    return error != 0 ? error : (int)rt->worker_count;
}

/* ---- for the other files ---- */

struct pawl_runtime *pawl__runtime_of(struct pawl_runtime *rt, int *error)
{
    if (rt == NULL)
        rt = pawl_current();
    *error = runtime_usable(rt);
    return *error == 0 ? rt : NULL;
}

struct port *pawl__port(struct pawl_runtime *rt)
{
    /* sticky: a thread's descriptor stays where it is; its low bits are alike in all */
    uint64_t hash = (uint64_t)pthread_self() * UINT64_C(0x9e3779b97f4a7c15);
    return &rt->ports[(hash >> 32) & (rt->port_count - 1)];
}
