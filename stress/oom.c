/* Memory that runs out at the n-th allocation of a runtime's life, for every n.
 *
 * Each life is the same from its seed: create, spawn, arm, block, join, shut down, destroy. In the first one the first
 * allocation fails, in the next the second, until a life passes in which nothing has failed. One allocation fails, or
 * several in a row, or all from then on.
 *
 * Conserved: a call returns 0 or -ENOMEM; what was accepted comes once, what was refused never; when memory is back,
 * everything works again; at the end all memory has been given back. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress/chores.h"
#include "stress/watch.h"

#define TASKS 150

enum { LIVES, FAILURES, STILLBORN, ACCEPTED, REFUSED, ALLOCATIONS_MAX, WALKED, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [LIVES] = "lives",       [FAILURES] = "failures", [STILLBORN] = "stillborn",
    [ACCEPTED] = "accepted", [REFUSED] = "refused",   [ALLOCATIONS_MAX] = "allocations_max",
    [WALKED] = "walked",
};

struct memory {
    _Atomic uint64_t calls, live, live_bytes, failures;
    _Atomic uint64_t fail_from, fail_count; /* calls that return NULL; from 1, 0: none */
};

static void *allocate(void *context, size_t size, size_t alignment)
{
    struct memory *memory = context;
    uint64_t number = atomic_fetch_add(&memory->calls, 1) + 1, from = atomic_load(&memory->fail_from);
    if (from != 0 && number >= from && number - from < atomic_load(&memory->fail_count)) {
        atomic_fetch_add(&memory->failures, 1);
        return NULL;
    }
    void *place = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    CHECK(place != NULL, "no memory for %zu bytes", size);
    atomic_fetch_add(&memory->live, 1);
    atomic_fetch_add(&memory->live_bytes, size);
    return place;
}

static void release(void *context, void *place, size_t size, size_t alignment)
{
    struct memory *memory = context;
    CHECK((uintptr_t)place % alignment == 0, "memory was given back with another alignment");
    atomic_fetch_sub(&memory->live, 1);
    atomic_fetch_sub(&memory->live_bytes, size);
    free(place);
}

static void live_on(struct chores *chores, struct memory *memory, uint64_t seed)
{
    atomic_store(&chores->allowed, -ENOMEM);
    atomic_store(&chores->allowed_block, -ENOMEM);
    chores_do(chores, seed, TASKS);
    atomic_store(&memory->fail_from, 0);
    /* memory is back: everything has to work. What is left of before may still meet the last failure. */
    int idle = pawl_runtime_wait_idle(chores->rt, PAWL_NEVER);
    CHECK(idle == 0, "pawl_runtime_wait_idle returned %d", idle);
    atomic_store(&chores->allowed, 0);
    atomic_store(&chores->allowed_block, 0);
    chores_do(chores, seed, TASKS / 10);
    count_more(ACCEPTED, atomic_load(&chores->accepted));
    count_more(REFUSED, atomic_load(&chores->refused));
    chores_end(chores, seed % 2 * PAWL_MS(1));
}

/* One life in which so many allocations fail from the from-th on. True: none has. */
static bool live(const struct round *round, uint64_t from, uint64_t fail_count)
{
    struct memory memory = {.fail_from = from, .fail_count = fail_count};
    struct chores chores;
    struct pawl_options o;
    struct pawl_runtime *untouched = (struct pawl_runtime *)(void *)&o, *rt = untouched;
    stress_options(&o, round);
    o.workers = 1 + round->workers % 3;
    o.blocking_threads_max = 2;
    o.allocator = (struct pawl_allocator){allocate, release, &memory};
    int result = pawl_runtime_create(&rt, &o);
    if (result == 0) {
        watch_runtime(rt);
        chores_init(&chores, rt);
        live_on(&chores, &memory, round->seed);
    } else {
        CHECK(result == -ENOMEM && rt == untouched, "pawl_runtime_create returned %d", result);
        count(STILLBORN);
    }
    CHECK(atomic_load(&memory.live) == 0 && atomic_load(&memory.live_bytes) == 0,
          "%" PRIu64 " allocations with %" PRIu64 " bytes were not given back, with failures from the %" PRIu64 ". on",
          atomic_load(&memory.live), atomic_load(&memory.live_bytes), from);
    count(LIVES);
    count_more(FAILURES, atomic_load(&memory.failures));
    stress_count_max(ALLOCATIONS_MAX, atomic_load(&memory.calls));
    return atomic_load(&memory.failures) == 0;
}

static uint64_t draw_fail_count(struct random *r)
{
    switch (random_below(r, 3)) {
    case 0:
        return 1;
    case 1:
        return 2 + random_below(r, 5);
    default:
        return UINT64_MAX;
    }
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 0);
    uint64_t fail_count = draw_fail_count(&r);
    stress_phase("walking over all allocations");
    for (uint64_t from = 1; !live(round, from, fail_count); from++)
        if (counted(LIVES) >= round->operations_max)
            return;
    count(WALKED);
}

const struct scenario stress_oom = {
    .name = "oom",
    .about = "memory that runs out at the n-th allocation of a runtime's life, for every n",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1), /* or as long as one walk takes */
    .workers_min = 1,
};
