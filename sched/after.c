#define _GNU_SOURCE
#include "sched/after.h"

#include <errno.h>
#include <pawl/time.h>
#include <sys/mman.h>

#include "base/noise.h"
#include "base/random.h"
#include "sched/join.h"
#include "sched/runtime.h"
#include "sched/spawn.h"
#include "sched/timers.h"

enum after_life { AFTER_FREE, AFTER_ARMED, AFTER_RUNNING, AFTER_CANCELLING, AFTER_CANCELLED, AFTER_FIRED };

/* An id; the generation is never 0. It comes round after 2^40 uses of one record. */
enum { GENERATION_BITS = 40, PLACE_BITS = 24, LIFE_BITS = 3 };

_Static_assert(AFTER_CHUNK * AFTER_CHUNKS_MAX == 1 << PLACE_BITS, "the table has a place for each");

#define MASK(bits) ((UINT64_C(1) << (bits)) - 1)
#define CHUNKS_SIZE (AFTER_CHUNKS_MAX * sizeof(PAWL_ATOMIC(void *)))

struct after {
    uint64_t slab_words[2];         /* the slab's when free */
    PAWL_ATOMIC(uint64_t) control;  /* A */
    uint64_t place;                 /* C place in the table + 1; 0: none yet */
    struct timer_entry entry;
    struct pawl_runtime *runtime;
    struct pawl_task *task;         /* will call back */
    pawl_callback_fn *fn;
    void *arg;
};

enum { AFTER_SIZE = (sizeof(struct after) + 15) / 16 * 16 };

int pawl__after_init(struct after_table *table, const struct pawl_allocator *allocator, uint64_t runtime_id)
{
    struct random random;
    random_init(&random, runtime_id, 0);
    table->first_generation = (random_next(&random) & MASK(GENERATION_BITS)) | 1;
    table->slab = pawl__slab_create(allocator, AFTER_SIZE);
    if (table->slab == NULL)
        return -ENOMEM;
    void *chunks = mmap(NULL, CHUNKS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunks == MAP_FAILED) {
        pawl__slab_close(table->slab);
        table->slab = NULL;
        return -ENOMEM;
    }
    table->chunks = chunks;
    return 0;
}

void pawl__after_fini(struct after_table *table, const struct pawl_allocator *allocator)
{
    if (table->chunks == NULL)
        return;
    for (uint64_t i = 0; i * AFTER_CHUNK < table->used; i++) /* relaxed: nobody else is left */
        pawl__memory_free(allocator, load_relaxed_ptr(&table->chunks[i]), sizeof(struct after_chunk),
                          PAWL_CACHE_LINE);
    munmap(table->chunks, CHUNKS_SIZE);
    pawl__slab_close(table->slab);
}

/* ---- records ---- */

static int give_place_locked(struct pawl_runtime *rt, struct after *after)
{
    struct after_table *table = &rt->afters;
    uint64_t place = table->used;
    if (place == UINT64_C(1) << PLACE_BITS)
        return -EAGAIN;
    PAWL_ATOMIC(void *) *slot = &table->chunks[place / AFTER_CHUNK];
    struct after_chunk *chunk = load_relaxed_ptr(slot); /* relaxed: under the lock */
    if (chunk == NULL) {
        chunk = pawl__memory_alloc(&rt->allocator, sizeof *chunk, PAWL_CACHE_LINE);
        if (chunk == NULL)
            return -ENOMEM;
        store_release_ptr(slot, chunk); /* edge after.table: pairs with the acquires in find */
    }
    after->place = place + 1;
    store_relaxed_u64(&after->control, table->first_generation << LIFE_BITS | AFTER_FREE); /* relaxed: not found yet */
    store_release_ptr(&chunk->records[place % AFTER_CHUNK], after);
    table->used++;
    return 0;
}

static int give_place(struct pawl_runtime *rt, struct after *after)
{
    lock_acquire(&rt->afters.lock);
    int error = give_place_locked(rt, after);
    lock_release(&rt->afters.lock);
    return error;
}

static void put_record(struct pawl_runtime *rt, struct after *after)
{
    struct worker *worker = current_worker_of(rt);
    if (worker != NULL)
        slab_free(rt->afters.slab, &worker->afters, after);
    else
        pawl__slab_free_shared(after);
}

static int take_record(struct pawl_runtime *rt, struct after **out)
{
    struct worker *worker = current_worker_of(rt);
    struct slab *slab = rt->afters.slab;
    struct after *after = worker != NULL ? slab_alloc(slab, &worker->afters) : pawl__slab_alloc_shared(slab);
    int error = after == NULL ? -ENOMEM : after->place == 0 ? give_place(rt, after) : 0;
    if (error != 0 && after != NULL)
        put_record(rt, after);
    *out = after;
    return error;
}

/* Ends this life of the record; ids of it are stale from here on. */
static void retire(struct pawl_runtime *rt, struct after *after)
{
    uint64_t generation = load_relaxed_u64(&after->control) >> LIFE_BITS; /* relaxed: the record is ours */
    uint64_t next = generation == MASK(GENERATION_BITS) ? 1 : generation + 1;
    store_release_u64(&after->control, next << LIFE_BITS | AFTER_FREE);
    put_record(rt, after);
}

static bool move_on(struct after *after, enum after_life from, enum after_life to, uint64_t generation)
{
    uint64_t expected = generation << LIFE_BITS | from;
    return cas_acq_rel_acquire_u64(&after->control, &expected, generation << LIFE_BITS | to);
}

static uint64_t generation_of(const struct after *after)
{
    return load_relaxed_u64(&after->control) >> LIFE_BITS; /* relaxed: changes only at the end of a life */
}

/* Ends the life of a record whose callback is not to be called. */
static void drop(struct pawl_runtime *rt, struct after *after)
{
    pawl__task_discard(rt, after->task);
    retire(rt, after);
}

/* ---- firing ---- */

static void *call_back(void *arg)
{
    struct after *after = arg;
    struct pawl_runtime *rt = after->runtime;
    after->fn(after->arg, entry_cell(&after->entry) == CELL_SHUTDOWN ? -ESHUTDOWN : 0);
    retire(rt, after);
    return NULL;
}

/* The entry's waker, on the firing thread. */
static void fire(void *target)
{
    struct after *after = target;
    struct pawl_runtime *rt = after->runtime;
    uint64_t generation = generation_of(after);
    noise_point("after.control.fired");
    if (move_on(after, AFTER_ARMED, AFTER_RUNNING, generation))
        pawl__task_start(rt, after->task);
    else if (!move_on(after, AFTER_CANCELLING, AFTER_FIRED, generation))
        drop(rt, after);
}

/* ---- the public calls ---- */

static int prepare(struct pawl_runtime *rt, pawl_callback_fn *fn, void *arg, struct after **out)
{
    struct after *after;
    int error = take_record(rt, &after);
    if (error != 0)
        return error;
    error = pawl__task_create(rt, current_worker_of(rt), NULL, call_back, after, &after->task);
    if (error != 0) {
        put_record(rt, after);
        return error;
    }
    after->runtime = rt;
    after->fn = fn;
    after->arg = arg;
    entry_init_waker(&after->entry, (struct waker){.wake = fire, .target = after});
    *out = after;
    return 0;
}

static uint64_t id_of(const struct after *after)
{
    return generation_of(after) << PLACE_BITS | (after->place - 1);
}

int pawl_after(struct pawl_runtime *rt, uint64_t delay_ns, pawl_callback_fn *fn, void *arg, uint64_t *id)
{
    int error = 0;
    struct after *after;
    if (fn == NULL)
        return -EINVAL;
    if ((rt = pawl__runtime_of(rt, &error)) == NULL)
        return error;
    if (!runtime_accepts(rt, pawl_current() == rt))
        return -ESHUTDOWN;
    if ((error = prepare(rt, fn, arg, &after)) != 0)
        return error;
    if (id != NULL)
        *id = id_of(after);
    uint64_t tick = clock_tick_of_deadline(&rt->clock, pawl_saturating_add(clock_now_ns(&rt->clock), delay_ns));
    /* release: ids are good from here on; the shard's lock orders it before the firing */
    store_release_u64(&after->control, generation_of(after) << LIFE_BITS | AFTER_ARMED);
    noise_point("after.control.armed");
    if (pawl__entry_arm_tick(rt, &after->entry, tick))
        return 0;
    /* The shard was closed meanwhile. The id was out already: a cancel may be at it, as it may when a timer fires. */
    uint64_t generation = generation_of(after);
    if (move_on(after, AFTER_ARMED, AFTER_RUNNING, generation) ||
        !move_on(after, AFTER_CANCELLING, AFTER_FIRED, generation))
        drop(rt, after);
    return -ESHUTDOWN;
}

/* The record that has this id's place, or NULL. */
static struct after *find(struct after_table *table, uint64_t id)
{
    uint64_t place = id & MASK(PLACE_BITS);
    struct after_chunk *chunk = load_acquire_ptr(&table->chunks[place / AFTER_CHUNK]); /* edge after.table */
    return chunk == NULL ? NULL : load_acquire_ptr(&chunk->records[place % AFTER_CHUNK]);
}

int pawl_cancel(struct pawl_runtime *rt, uint64_t id)
{
    int error = 0;
    if ((rt = pawl__runtime_of(rt, &error)) == NULL)
        return error;
    struct after *after = find(&rt->afters, id);
    if (after == NULL)
        return -ENOENT;
    uint64_t generation = id >> PLACE_BITS;
    if (!move_on(after, AFTER_ARMED, AFTER_CANCELLING, generation)) {
        bool running = load_acquire_u64(&after->control) == (generation << LIFE_BITS | AFTER_RUNNING);
        return running ? -EINPROGRESS : -ENOENT;
    }
    noise_point("after.control.cancelling");
    if (pawl__entry_cancel(rt, &after->entry) || !move_on(after, AFTER_CANCELLING, AFTER_CANCELLED, generation))
        drop(rt, after);
    return 0;
}
