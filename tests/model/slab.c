/* Slab: each object belongs to one thread at a time, whichever thread it was allocated on, and the last one that comes
 * back after close takes the slab with it.
 *
 * The model's slab has magazines of two objects and chunks of three (SLAB_MAGAZINE, SLAB_CHUNK_SIZE, and SIZE below).
 * Whoever has an object writes into it, plainly: if two threads have the same one, or one gets what another one is not
 * done with, that is a data race. What the depot counts is compared with what there is. The checker's own list of
 * allocations shows a slab that is freed twice, too early or never.
 *
 * Edges slab.chunks and slab.carved: who visits all objects finds each one zeroed or in the state that its owner gave
 * it, never memory that is not ready. */
#include <stdlib.h>

#include "base/slab.h"
#include "tools/model/model.h"

enum { SIZE = 640, MINE = 0x600d, OBJECTS_MAX = 6, DEPOT_MAX = 20 };

struct object {
    void *links[2];         /* the slab's, while it is free */
    unsigned owner;         /* plain */
    PAWL_ATOMIC(uint32_t) state;
};

static struct slab *slab;
static struct slab_cache caches[3];
static struct object *handed[OBJECTS_MAX];
static unsigned handed_count;

static void set_up(void)
{
    static const struct pawl_allocator allocator;
    slab = pawl__slab_create(&allocator, SIZE);
    MODEL_ASSERT(slab != NULL);
}

/* The new owner's mark: nobody else writes here until it is given back. */
static struct object *own(void *memory)
{
    struct object *object = memory;
    MODEL_ASSERT(object != NULL && object->owner != MINE);
    object->owner = MINE;
    return object;
}

static void disown(struct object *object)
{
    MODEL_ASSERT(object->owner == MINE);
    object->owner = 0;
}

static struct object *take(unsigned cache)
{
    return own(slab_alloc(slab, &caches[cache]));
}

static void give(unsigned cache, struct object *object)
{
    disown(object);
    slab_free(slab, &caches[cache], object);
}

static struct object *take_shared(void)
{
    return own(pawl__slab_alloc_shared(slab));
}

static void give_shared(struct object *object)
{
    disown(object);
    pawl__slab_free_shared(object);
}

static void flush(unsigned cache)
{
    pawl__slab_cache_flush(slab, &caches[cache]);
    MODEL_ASSERT(caches[cache].loaded.count + caches[cache].spare.count == 0);
}

static size_t length(const struct slab_object *object)
{
    size_t n = 0;
    for (; object != NULL && n < DEPOT_MAX; object = object->next) /* a list may have become a circle */
        n++;
    return n;
}

/* Objects in the depot, by its lists. */
static size_t in_depot(void)
{
    size_t n = 0;
    for (const struct slab_object *first = slab->full; first != NULL;
         first = ((struct slab_object *const *)first)[1]) {
        MODEL_ASSERT(length(first) == SLAB_MAGAZINE && n < DEPOT_MAX);
        n += SLAB_MAGAZINE;
    }
    MODEL_ASSERT(slab->loose.count == length(slab->loose.first) && slab->loose.count < SLAB_MAGAZINE);
    return n + slab->loose.count;
}

/* All caches have been flushed: the depot has what is not in use. */
static void finish(size_t in_use)
{
    MODEL_ASSERT(in_depot() == slab->free_count && slab->free_count + in_use == slab->carved);
    pawl__slab_close(slab);
}

static void together(void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    unsigned t = model_spawn(second, NULL), u = third != NULL ? model_spawn(third, NULL) : t;
    first(NULL);
    model_join(t);
    if (third != NULL)
        model_join(u);
}

/* ---- caches, and the depot between them ---- */

static void uses_cache(unsigned cache)
{
    struct object *objects[3];
    for (unsigned i = 0; i < 3; i++)
        objects[i] = take(cache);
    for (unsigned i = 0; i < 3; i++)
        give(cache, objects[i]);
    flush(cache);
}

static void uses_cache_0(void *arg)
{
    (void)arg;
    uses_cache(0);
}

static void uses_cache_1(void *arg)
{
    (void)arg;
    uses_cache(1);
}

static void two_caches(void)
{
    set_up();
    together(uses_cache_0, uses_cache_1, NULL);
    finish(0);
}

/* From an object that was allocated before: through the depot, what one thread freed comes to another one. */
static void frees_and_allocates(unsigned cache)
{
    give(cache, handed[2 * cache]);
    give(cache, handed[2 * cache + 1]);
    flush(cache);
    struct object *object = take(cache);
    give(cache, object);
    flush(cache);
}

static void frees_and_allocates_0(void *arg)
{
    (void)arg;
    frees_and_allocates(0);
}

static void frees_and_allocates_1(void *arg)
{
    (void)arg;
    frees_and_allocates(1);
}

static void hand_out(unsigned count)
{
    for (handed_count = 0; handed_count < count; handed_count++)
        handed[handed_count] = take_shared();
}

static void through_the_depot(void)
{
    set_up();
    hand_out(4);
    together(frees_and_allocates_0, frees_and_allocates_1, NULL);
    MODEL_ASSERT(slab->carved == 4);
    finish(0);
}

/* One thread allocates what another one frees; its cache spills, and the first one's is filled from that. */
static PAWL_ATOMIC(void *) passed[5];

static void allocates_and_passes(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 5; i++)
        store_release_ptr(&passed[i], take(0));
    flush(0);
}

static void frees_what_is_passed(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 5; i++) {
        struct object *object;
        while ((object = load_acquire_ptr(&passed[i])) == NULL)
            model_yield();
        give(1, object);
    }
    flush(1);
}

static void remote_free(void)
{
    set_up();
    together(allocates_and_passes, frees_what_is_passed, NULL);
    finish(0);
}

/* ---- threads without a cache ---- */

static void uses_shared(void *arg)
{
    (void)arg;
    struct object *first = take_shared(), *second = take_shared();
    give_shared(first);
    give_shared(second);
}

static void one_shared(void *arg)
{
    (void)arg;
    give_shared(take_shared());
}

static void two_shared(void)
{
    set_up();
    together(uses_shared, uses_shared, NULL);
    finish(0);
}

static void shared_and_cached(void)
{
    set_up();
    together(one_shared, uses_cache_0, one_shared);
    finish(0);
}

/* ---- close, and who comes after it ---- */

static void frees_shared_0(void *arg)
{
    (void)arg;
    give_shared(handed[0]);
}

static void frees_shared_1(void *arg)
{
    (void)arg;
    give_shared(handed[1]);
}

static void closes(void *arg)
{
    (void)arg;
    pawl__slab_close(slab);
}

/* Objects are freed while the slab is closed, and after it: whoever is last frees it. */
static void close_and_free(void)
{
    set_up();
    hand_out(2);
    together(closes, frees_shared_0, frees_shared_1);
    /* a leak, or memory misuse, if not freed exactly once */
}

/* The runtime's end: its workers' caches are flushed, then it is closed, and handles are dropped at any time. */
static void flushes_and_closes(void *arg)
{
    (void)arg;
    give(0, take(0));
    flush(0);
    pawl__slab_close(slab);
}

static void flush_close_and_free(void)
{
    set_up();
    hand_out(2);
    together(flushes_and_closes, frees_shared_0, frees_shared_1);
}

/* Nothing is in use any more but what a cache still frees: it is flushed before close, by contract. */
static void frees_cached(void *arg)
{
    (void)arg;
    give(1, handed[0]);
    flush(1);
}

static void flush_before_close(void)
{
    set_up();
    hand_out(2);
    together(frees_cached, frees_shared_1, NULL);
    finish(0);
}

/* ---- visiting ---- */

static unsigned visited;

static void looks(void *memory, void *context)
{
    struct object *object = memory;
    uint32_t state = load_acquire_u32(&object->state);
    MODEL_ASSERT(state == 0 || state == 1); /* zeroed, or as its owner made it */
    if (state == 1)
        ++*(unsigned *)context;
    visited++;
}

static void visits(void *arg)
{
    unsigned in_use = 0;
    (void)arg;
    pawl__slab_visit(slab, looks, &in_use);
    MODEL_ASSERT(in_use <= visited && visited <= OBJECTS_MAX);
}

static void allocates_states(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        handed[i] = take(0);
        store_release_u32(&handed[i]->state, 1);
    }
}

static void gives_back(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        store_release_u32(&handed[i]->state, 0);
        give(0, handed[i]);
    }
    flush(0);
}

static void allocates_and_frees(void *arg)
{
    (void)arg;
    allocates_states(2);
    gives_back(2);
}

/* The first chunk is made meanwhile. */
static void visit_first(void)
{
    set_up();
    together(visits, allocates_and_frees, NULL);
    MODEL_ASSERT(visited <= 2);
    finish(0);
}

/* The first chunk has one object left, and another one is made meanwhile. */
static void allocates_two(void *arg)
{
    (void)arg;
    for (unsigned i = 2; i < 4; i++) {
        handed[i] = take_shared();
        store_release_u32(&handed[i]->state, 1);
    }
}

static void visit_second(void)
{
    set_up();
    hand_out(2);
    together(visits, allocates_two, NULL);
    MODEL_ASSERT(visited >= 2 && visited <= slab->carved);
    visited = 0;
    visits(NULL);
    MODEL_ASSERT(visited == slab->carved);
    for (unsigned i = 0; i < 4; i++)
        give_shared(handed[i]);
    finish(0);
}

/* Who has seen an object in use, by whatever way, finds it among those visited. */
static void visits_what_it_knows(void *arg)
{
    unsigned in_use = 0;
    (void)arg;
    while (load_acquire_ptr(&passed[0]) == NULL)
        model_yield();
    pawl__slab_visit(slab, looks, &in_use);
    MODEL_ASSERT(in_use >= 1);
}

static void allocates_and_publishes(void *arg)
{
    (void)arg;
    struct object *object = take(0);
    store_release_u32(&object->state, 1);
    store_release_ptr(&passed[0], object);
}

static void visit_known(void)
{
    set_up();
    together(visits_what_it_knows, allocates_and_publishes, NULL);
    give(0, load_relaxed_ptr(&passed[0]));
    flush(0);
    finish(0);
}

#define SCENARIO(fn, words, ...) {.name = #fn, .about = words, .run = fn, __VA_ARGS__}

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        SCENARIO(two_caches, "two threads fill and empty their caches"),
        SCENARIO(through_the_depot, "what one thread frees another one allocates"),
        SCENARIO(remote_free, "one thread allocates, another one frees"),
        SCENARIO(two_shared, "two threads without caches"),
        SCENARIO(shared_and_cached, "threads with and without a cache"),
        SCENARIO(close_and_free, "closing while the last objects are freed"),
        SCENARIO(flush_close_and_free, "flushing and closing while the last objects are freed"),
        SCENARIO(flush_before_close, "remote frees into a cache and into the depot"),
        SCENARIO(visit_first, "visiting while the first chunk is made"),
        SCENARIO(visit_second, "visiting while another chunk is made"),
        SCENARIO(visit_known, "visiting finds what is known to be in use"),
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    const struct model_scenario *scenarios[COUNT + 1] = {NULL};
    for (unsigned i = 0; i < COUNT; i++)
        scenarios[i] = &all[i];
    return model_main(argc, argv, scenarios);
}
