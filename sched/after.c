#define _GNU_SOURCE
#include "sched/after.h"

#include <errno.h>
#include <pawl/time.h>
#include <sys/mman.h>

#include "base/noise.h"
#include "base/random.h"
#include "sched/join.h"
#include "sched/runtime.h"
#include "sched/sleep.h"
#include "sched/spawn.h"
#include "sched/timers.h"

enum after_life {
    AFTER_FREE,
    AFTER_ARMED,
    AFTER_FILING,
    AFTER_RUNNING,
    AFTER_STOPPING,
    AFTER_AWAITED,
    AFTER_CANCELLING,
    AFTER_CANCELLED,
    AFTER_FIRED
};

/* An id; the generation is never 0. It comes round after 2^40 uses of one record. */
enum { GENERATION_BITS = 40, PLACE_BITS = 24, LIFE_BITS = 4 };

_Static_assert(AFTER_CHUNK * AFTER_CHUNKS_MAX == 1 << PLACE_BITS, "the table has a place for each");

#define MASK(bits) ((UINT64_C(1) << (bits)) - 1)
#define CHUNKS_SIZE (AFTER_CHUNKS_MAX * sizeof(PAWL_ATOMIC(void *)))

/* Access: C constant, A any thread atomic, L(lock); the rest by whoever the control word says */
struct after {
    uint64_t slab_words[2];         /* the slab's when free */
    PAWL_ATOMIC(uint64_t) control;  /* A */
    uint64_t place;                 /* C place in the table + 1; 0: none yet */
    struct timer_entry entry;
    struct pawl_runtime *runtime;
    struct pawl_task *task;         /* will call back; NULL: the one that did */
    pawl_callback_fn *fn;
    void *arg;
    uint64_t due_ns;
    uint64_t period_ns;             /* 0: called once */
    struct lock lock;
    struct list waiters;            /* L for the end of what runs */
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

/* Of a record that nobody can begin to wait for any more. */
static void grant_waiters(struct after *after)
{
    struct claimed claimed = {NULL, NULL};
    lock_acquire(&after->lock);
    waiters_take_all(&after->waiters, &claimed);
    lock_release(&after->lock);
    waiters_grant(&claimed, OUTCOME_GRANTED);
}

/* Ends this life of the record; ids of it are stale from here on. */
static void retire(struct pawl_runtime *rt, struct after *after)
{
    uint64_t generation = load_relaxed_u64(&after->control) >> LIFE_BITS; /* relaxed: the record is ours */
    uint64_t next = generation == MASK(GENERATION_BITS) ? 1 : generation + 1;
    /* edge after.control, step 1 of who ends it; acquire: others have taken their last look before it is used again */
    uint64_t last = exchange_acq_rel_u64(&after->control, next << LIFE_BITS | AFTER_FREE);
    noise_point("after.control.ended");
    if ((last & MASK(LIFE_BITS)) == AFTER_AWAITED)
        grant_waiters(after);
    put_record(rt, after);
}

static bool move_on(struct after *after, enum after_life from, enum after_life to, uint64_t generation)
{
    uint64_t expected = generation << LIFE_BITS | from;
    /* edge after.control. relaxed when it fails: what was seen is not used */
    return cas_acq_rel_relaxed_u64(&after->control, &expected, generation << LIFE_BITS | to);
}

static uint64_t generation_of(const struct after *after)
{
    return load_relaxed_u64(&after->control) >> LIFE_BITS; /* relaxed: changes only at the end of a life */
}

static enum after_life life_of(const struct after *after)
{
    return (enum after_life)(load_acquire_u64(&after->control) & MASK(LIFE_BITS)); /* edge after.control */
}

/* Ends the life of a record whose callback is not to be called. */
static void drop(struct pawl_runtime *rt, struct after *after)
{
    if (after->task != NULL)
        pawl__task_discard(rt, after->task);
    retire(rt, after);
}

/* ---- filing and firing ---- */

/* Of a record that is CANCELLING, by who made it so. */
static void take_off(struct pawl_runtime *rt, struct after *after, uint64_t generation)
{
    if (pawl__entry_cancel(rt, &after->entry) || !move_on(after, AFTER_CANCELLING, AFTER_CANCELLED, generation))
        drop(rt, after);
}

/* Files a record that is ARMED. false: the shards are closed, nobody will fire it. */
static bool file(struct pawl_runtime *rt, struct after *after)
{
    noise_point("after.control.armed");
    return pawl__entry_arm_tick(rt, &after->entry, clock_tick_of_deadline(&rt->clock, after->due_ns));
}

/* The entry's waker, on the firing thread. */
static void fire(void *target)
{
    struct after *after = target;
    struct pawl_runtime *rt = after->runtime;
    uint64_t generation = generation_of(after);
    noise_point("after.control.fired");
    for (;;) {
        switch (life_of(after)) {
        case AFTER_ARMED:
            if (!move_on(after, AFTER_ARMED, AFTER_RUNNING, generation))
                continue;
            pawl__task_start(rt, after->task);
            return;
        case AFTER_FILING:
            if (!move_on(after, AFTER_FILING, AFTER_RUNNING, generation))
                continue;
            return;
        case AFTER_CANCELLING:
            if (!move_on(after, AFTER_CANCELLING, AFTER_FIRED, generation))
                continue;
            return;
        default:
            drop(rt, after);
            return;
        }
    }
}

static void init_entry(struct after *after)
{
    entry_init_waker(&after->entry, (struct waker){.wake = fire, .target = after});
}

/* ---- calling back ---- */

static void *call_back(void *arg);

static int create_task(struct pawl_runtime *rt, struct after *after)
{
    return pawl__task_create(rt, current_worker_of(rt), NULL, call_back, after, &after->task);
}

/* Is there nothing to wait for any more, for who stands in for the next call's task? */
static bool is_claimed(struct pawl_task *task, void *after)
{
    return life_of(after) != AFTER_FILING || runtime_phase(task->runtime) >= PHASE_CANCELLING;
}

/* Of an every for whose next call there is no task: no memory, or the limit of tasks. The present one waits until it is
 * due, whatever was cancelled beside it. Returns that call's status. */
static int await_due_here(struct pawl_runtime *rt, struct after *after)
{
    enum { NAP_NS = 10000000 }; /* a cancel wakes nobody: it does not know of us */
    struct pawl_task *task = current_task();
    uint64_t now_ns;
    while (!is_claimed(task, after) && (now_ns = clock_now_ns(&rt->clock)) < after->due_ns) {
        uint64_t until_ns = after->due_ns - now_ns > NAP_NS ? now_ns + NAP_NS : after->due_ns;
        pawl__suspend_while_not(task, is_claimed, after, until_ns, false);
    }
    return runtime_phase(rt) < PHASE_CANCELLING ? 0 : -ESHUTDOWN;
}

/* Of an every that is FILING, on no wheel. true: it is RUNNING; else it was cancelled, and is gone. */
static bool claim(struct pawl_runtime *rt, struct after *after, uint64_t generation)
{
    if (move_on(after, AFTER_FILING, AFTER_RUNNING, generation))
        return true;
    drop(rt, after);
    return false;
}

/* Of an every that is FILING. It may be gone when this returns. */
static void file_again(struct pawl_runtime *rt, struct after *after, uint64_t generation)
{
    if (!file(rt, after)) {
        if (claim(rt, after, generation))
            pawl__task_start(rt, after->task); /* the last call: the entry has not fired */
        return;
    }
    noise_point("after.control.filed");
    if (move_on(after, AFTER_FILING, AFTER_ARMED, generation))
        return;
    enum after_life life = life_of(after);
    if (life == AFTER_CANCELLING || life == AFTER_FIRED)
        take_off(rt, after, generation);
    else
        pawl__task_start(rt, after->task);
}

/* After a call with *status. true: the next one is to be made in this task, with *status. */
static bool goes_on_here(struct pawl_runtime *rt, struct after *after, int *status)
{
    uint64_t generation = generation_of(after);
    if (after->period_ns == 0 || *status != 0) {
        retire(rt, after);
        return false;
    }
    after->due_ns = clock_next_on_grid(after->due_ns, after->period_ns, clock_now_ns(&rt->clock));
    after->task = NULL;
    bool has_next = create_task(rt, after) == 0;
    init_entry(after);
    noise_point("after.control.returned");
    if (!move_on(after, AFTER_RUNNING, AFTER_FILING, generation)) { /* it was cancelled meanwhile */
        drop(rt, after);
        return false;
    }
    if (has_next) {
        file_again(rt, after, generation);
        return false;
    }
    *status = await_due_here(rt, after);
    return claim(rt, after, generation);
}

static void *call_back(void *arg)
{
    struct after *after = arg;
    struct pawl_runtime *rt = after->runtime;
    int status = entry_cell(&after->entry) == CELL_FIRED ? 0 : -ESHUTDOWN;
    do
        after->fn(after->arg, status);
    while (goes_on_here(rt, after, &status));
    return NULL;
}

/* ---- the public calls ---- */

static int prepare(struct pawl_runtime *rt, pawl_callback_fn *fn, void *arg, struct after **out)
{
    struct after *after;
    int error = take_record(rt, &after);
    if (error != 0)
        return error;
    error = create_task(rt, after);
    if (error != 0) {
        put_record(rt, after);
        return error;
    }
    after->runtime = rt;
    after->fn = fn;
    after->arg = arg;
    init_entry(after);
    *out = after;
    return 0;
}

static uint64_t id_of(const struct after *after)
{
    return generation_of(after) << PLACE_BITS | (after->place - 1);
}

static int plan(struct pawl_runtime *rt, uint64_t delay_ns, uint64_t period_ns, pawl_callback_fn *fn, void *arg,
                uint64_t *id)
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
    after->due_ns = pawl_saturating_add(clock_now_ns(&rt->clock), delay_ns);
    after->period_ns = period_ns;
    uint64_t generation = generation_of(after);
    if (id != NULL)
        *id = id_of(after);
    /* release: ids are good from here on; the shard's lock orders it before the firing */
    store_release_u64(&after->control, generation << LIFE_BITS | AFTER_ARMED);
    if (file(rt, after))
        return 0;
    /* The shard was closed meanwhile. The id was out already: a cancel may be at it, as it may when a timer fires. */
    if (move_on(after, AFTER_ARMED, AFTER_RUNNING, generation) ||
        !move_on(after, AFTER_CANCELLING, AFTER_FIRED, generation))
        drop(rt, after);
    return -ESHUTDOWN;
}

int pawl_after(struct pawl_runtime *rt, uint64_t delay_ns, pawl_callback_fn *fn, void *arg, uint64_t *id)
{
    return plan(rt, delay_ns, 0, fn, arg, id);
}

int pawl_every(struct pawl_runtime *rt, uint64_t period_ns, pawl_callback_fn *fn, void *arg, uint64_t *id)
{
    return period_ns == 0 ? -EINVAL : plan(rt, period_ns, period_ns, fn, arg, id);
}

/* The record that has this id's place, or NULL. */
static struct after *find(struct after_table *table, uint64_t id)
{
    uint64_t place = id & MASK(PLACE_BITS);
    struct after_chunk *chunk = load_acquire_ptr(&table->chunks[place / AFTER_CHUNK]); /* edge after.table */
    return chunk == NULL ? NULL : load_acquire_ptr(&chunk->records[place % AFTER_CHUNK]);
}

static int cancel(struct pawl_runtime *rt, struct after *after, uint64_t generation)
{
    /* edge after.control: acquire; who is told that it has ended sees what it did */
    for (uint64_t control = load_acquire_u64(&after->control); control >> LIFE_BITS == generation;) {
        enum after_life life = (enum after_life)(control & MASK(LIFE_BITS));
        if (life == AFTER_STOPPING || life == AFTER_AWAITED)
            return -EINPROGRESS;
        if (life != AFTER_ARMED && life != AFTER_FILING && life != AFTER_RUNNING)
            break;
        uint64_t next = generation << LIFE_BITS | (life == AFTER_RUNNING ? AFTER_STOPPING : AFTER_CANCELLING);
        if (!cas_acq_rel_acquire_u64(&after->control, &control, next))
            continue;
        noise_point("after.control.cancelling");
        if (life == AFTER_ARMED)
            take_off(rt, after, generation);
        return life == AFTER_RUNNING ? -EINPROGRESS : 0;
    }
    return -ENOENT;
}

int pawl_cancel(struct pawl_runtime *rt, uint64_t id)
{
    int error = 0;
    if ((rt = pawl__runtime_of(rt, &error)) == NULL)
        return error;
    struct after *after = find(&rt->afters, id);
    return after == NULL ? -ENOENT : cancel(rt, after, id >> PLACE_BITS);
}

/* ---- waiting for the end ---- */

/* false: it has ended. */
static bool add_waiter(struct after *after, uint64_t generation, struct waiter *waiter)
{
    lock_acquire(&after->lock); /* edge after.control, steps of who waits */
    bool added = move_on(after, AFTER_STOPPING, AFTER_AWAITED, generation) ||
                 /* acquire: else it has ended, and all that it did is visible */
                 load_acquire_u64(&after->control) == (generation << LIFE_BITS | AFTER_AWAITED);
    if (added)
        waiters_push(&after->waiters, waiter);
    lock_release(&after->lock);
    return added;
}

/* false: it has been taken off, its grant is on the way. */
static bool remove_waiter(struct after *after, struct waiter *waiter)
{
    lock_acquire(&after->lock);
    bool linked = list_linked(&waiter->link);
    if (linked)
        list_remove(&waiter->link);
    lock_release(&after->lock);
    return linked;
}

/* Of one that is to stop. */
static int await_end(struct after *after, uint64_t generation, uint64_t deadline_ns)
{
    struct waiter waiter;
    waiter_init(&waiter);
    if (!add_waiter(after, generation, &waiter))
        return 0;
    int error = pawl__waiter_wait(&waiter, deadline_ns, true);
    noise_point("waiter.granted.ended");
    if (error == 0)
        return 0;
    if (remove_waiter(after, &waiter))
        return pawl__cut_short(waiter.task, error);
    return pawl__waiter_wait(&waiter, PAWL_NEVER, false);
}

/* Is the calling task the one that calls this back? */
static bool is_within(const struct after *after, uint64_t generation)
{
    const struct pawl_task *task = current_task();
    return task != NULL && task->fn == call_back && task->value == after && generation_of(after) == generation;
}

int pawl_cancel_wait_until(struct pawl_runtime *rt, uint64_t id, uint64_t deadline_ns)
{
    int error = 0;
    uint64_t generation = id >> PLACE_BITS;
    if ((rt = pawl__runtime_of(rt, &error)) == NULL)
        return error;
    struct after *after = find(&rt->afters, id);
    if (after != NULL && is_within(after, generation))
        return -EDEADLK;
    if ((error = pawl__await_allowed(rt)) != 0)
        return error;
    error = after == NULL ? -ENOENT : cancel(rt, after, generation);
    if (error == -EINPROGRESS)
        return await_end(after, generation, deadline_ns);
    pawl__spend_budget();
    return error;
}

int pawl_cancel_wait(struct pawl_runtime *rt, uint64_t id)
{
    return pawl_cancel_wait_until(rt, id, PAWL_NEVER);
}
