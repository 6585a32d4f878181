#include "base/slab.h"

#include "base/list.h"

struct slab_chunk {
    struct slab *slab;
    struct slab_chunk *next;
    PAWL_ATOMIC(uint64_t) carved; /* objects handed out so far, from the front; written under the slab's lock */
};

/* A full magazine in the depot is linked through the second word of its first object. */
struct depot_object {
    struct slab_object object;
    struct slab_object *next_magazine;
};

/* The first object starts on a cache line of its own. */
static char *chunk_objects(const struct slab_chunk *chunk)
{
    return (char *)(uintptr_t)chunk + PAWL_CACHE_LINE;
}

static size_t chunk_capacity(const struct slab *slab)
{
    return (SLAB_CHUNK_SIZE - PAWL_CACHE_LINE) / slab->object_size;
}

static struct slab_chunk *chunk_of(void *object)
{
    return (struct slab_chunk *)((uintptr_t)object & ~(uintptr_t)(SLAB_CHUNK_SIZE - 1));
}

struct slab *pawl__slab_of(void *object)
{
    return chunk_of(object)->slab;
}

struct slab *pawl__slab_create(const struct pawl_allocator *allocator, size_t object_size)
{
    PAWL_ASSERT(object_size >= sizeof(struct depot_object) && object_size % 16 == 0);
    struct slab *slab = pawl__memory_alloc(allocator, sizeof *slab, PAWL_CACHE_LINE);
    if (slab == NULL)
        return NULL;
    slab->allocator = *allocator;
    slab->object_size = object_size;
    return slab;
}

static void destroy(struct slab *slab)
{
    struct pawl_allocator allocator = slab->allocator;
    struct slab_chunk *chunk = load_relaxed_ptr(&slab->chunks); /* relaxed: nobody else is left */
    while (chunk != NULL) {
        struct slab_chunk *next = chunk->next;
        pawl__memory_free(&allocator, chunk, SLAB_CHUNK_SIZE, SLAB_CHUNK_SIZE);
        chunk = next;
    }
    pawl__memory_free(&allocator, slab, sizeof *slab, PAWL_CACHE_LINE);
}

void pawl__slab_close(struct slab *slab)
{
    if (slab == NULL)
        return;
    lock_acquire(&slab->lock);
    slab->closed = true;
    bool last = slab->free_count == slab->carved;
    lock_release(&slab->lock);
    if (last)
        destroy(slab);
}

static bool add_chunk_locked(struct slab *slab)
{
    struct slab_chunk *chunk = pawl__memory_alloc(&slab->allocator, SLAB_CHUNK_SIZE, SLAB_CHUNK_SIZE);
    if (chunk == NULL)
        return false;
    chunk->slab = slab;
    chunk->next = load_relaxed_ptr(&slab->chunks); /* relaxed: written under the lock, which we hold */
    /* edge slab.chunks: release; pairs with the acquire in pawl__slab_visit: the chunk is ready to be walked */
    store_release_ptr(&slab->chunks, chunk);
    return true;
}

/* Hands out one object that was never used, or NULL. */
static struct slab_object *carve_locked(struct slab *slab)
{
    struct slab_chunk *chunk = load_relaxed_ptr(&slab->chunks); /* relaxed: under the lock */
    if (chunk == NULL || load_relaxed_u64(&chunk->carved) == chunk_capacity(slab)) {
        if (!add_chunk_locked(slab))
            return NULL;
        chunk = load_relaxed_ptr(&slab->chunks);
    }
    uint64_t index = load_relaxed_u64(&chunk->carved);
    /* edge slab.carved: release; pairs with the acquire in pawl__slab_visit: so many objects may be looked at */
    store_release_u64(&chunk->carved, index + 1);
    slab->carved++;
    return (struct slab_object *)(void *)(chunk_objects(chunk) + index * slab->object_size);
}

static void magazine_push(struct slab_magazine *magazine, struct slab_object *object)
{
    object->next = magazine->first;
    magazine->first = object;
    magazine->count++;
}

/* Fills an empty magazine from the depot, or with up to SLAB_MAGAZINE new objects; false: none at all. */
static bool take_magazine_locked(struct slab *slab, struct slab_magazine *magazine)
{
    if (slab->full != NULL) {
        *magazine = (struct slab_magazine){slab->full, SLAB_MAGAZINE};
        slab->full = PAWL_CONTAINER_OF(slab->full, struct depot_object, object)->next_magazine;
    } else if (slab->loose.first != NULL) {
        *magazine = slab->loose;
        slab->loose = (struct slab_magazine){NULL, 0};
    } else {
        struct slab_object *object;
        while (magazine->count < SLAB_MAGAZINE && (object = carve_locked(slab)) != NULL)
            magazine_push(magazine, object);
        slab->free_count += magazine->count;
    }
    slab->free_count -= magazine->count;
    return magazine->count > 0;
}

static void give_full_locked(struct slab *slab, struct slab_magazine *magazine)
{
    PAWL_CONTAINER_OF(magazine->first, struct depot_object, object)->next_magazine = slab->full;
    slab->full = magazine->first;
    *magazine = (struct slab_magazine){NULL, 0};
}

/* Loose objects become a full magazine as soon as they make one. */
static void give_object_locked(struct slab *slab, struct slab_object *object)
{
    magazine_push(&slab->loose, object);
    slab->free_count++;
    if (slab->loose.count == SLAB_MAGAZINE)
        give_full_locked(slab, &slab->loose);
}

static void give_magazine_locked(struct slab *slab, struct slab_magazine *magazine)
{
    if (magazine->count == SLAB_MAGAZINE) {
        slab->free_count += SLAB_MAGAZINE;
        give_full_locked(slab, magazine);
        return;
    }
    for (struct slab_object *object = magazine->first, *next; object != NULL; object = next) {
        next = object->next;
        give_object_locked(slab, object);
    }
    *magazine = (struct slab_magazine){NULL, 0};
}

bool pawl__slab_refill(struct slab *slab, struct slab_cache *cache)
{
    if (cache->spare.first != NULL) {
        cache->loaded = cache->spare;
        cache->spare = (struct slab_magazine){NULL, 0};
        return true;
    }
    lock_acquire(&slab->lock);
    bool filled = take_magazine_locked(slab, &cache->loaded);
    lock_release(&slab->lock);
    return filled;
}

void pawl__slab_spill(struct slab *slab, struct slab_cache *cache)
{
    if (cache->spare.first != NULL) {
        lock_acquire(&slab->lock);
        give_magazine_locked(slab, &cache->spare);
        lock_release(&slab->lock);
    }
    cache->spare = cache->loaded;
    cache->loaded = (struct slab_magazine){NULL, 0};
}

void pawl__slab_cache_flush(struct slab *slab, struct slab_cache *cache)
{
    lock_acquire(&slab->lock);
    give_magazine_locked(slab, &cache->loaded);
    give_magazine_locked(slab, &cache->spare);
    lock_release(&slab->lock);
}

void *pawl__slab_alloc_shared(struct slab *slab)
{
    struct slab_object *object = NULL;
    lock_acquire(&slab->lock);
    if (slab->loose.first == NULL && take_magazine_locked(slab, &slab->loose))
        slab->free_count += slab->loose.count; /* still the depot's */
    if (slab->loose.first != NULL) {
        object = slab->loose.first;
        slab->loose.first = object->next;
        slab->loose.count--;
        slab->free_count--;
    }
    lock_release(&slab->lock);
    return object;
}

void pawl__slab_free_shared(void *memory)
{
    struct slab *slab = pawl__slab_of(memory);
    lock_acquire(&slab->lock);
    give_object_locked(slab, memory);
    bool last = slab->closed && slab->free_count == slab->carved;
    lock_release(&slab->lock);
    if (last)
        destroy(slab);
}

void pawl__slab_visit(const struct slab *slab, void (*visit)(void *object, void *context), void *context)
{
    /* edges slab.chunks and slab.carved, acquire ends */
    for (struct slab_chunk *chunk = load_acquire_ptr(&slab->chunks); chunk != NULL; chunk = chunk->next) {
        uint64_t carved = load_acquire_u64(&chunk->carved);
        for (uint64_t i = 0; i < carved; i++)
            visit(chunk_objects(chunk) + i * slab->object_size, context);
    }
}
