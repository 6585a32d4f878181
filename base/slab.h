/* Slab: objects of one size, from chunks that live as long as any object does.
 *
 * Model: each worker has a cache of two magazines, so alloc and free touch only its own memory; full and empty
 * magazines are exchanged with the slab's depot under its lock, once in SLAB_MAGAZINE operations. An object may be
 * freed on another thread than it was allocated on: it stays in the freeing thread's cache and goes back with the next
 * full magazine. Threads without a cache use the depot itself.
 *
 * The memory is type-stable until the slab goes: it starts zeroed, what an object's bytes held when it was freed stays
 * but for its first two words, and pawl__slab_visit walks over objects in use and free ones alike.
 *
 * After pawl__slab_close objects may still be freed; the last one frees the slab.
 *
 * Threads: caches belong to one thread each; the depot calls: any. Blocks: on the depot's lock, a leaf.
 * Errors: NULL when there is no memory. Source: J. Bonwick, J. Adams, Magazines and Vmem (2001). */
#ifndef PAWL_BASE_SLAB_H
#define PAWL_BASE_SLAB_H

#include <stddef.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/memory.h"

/* The model checker shrinks them. */
#ifndef SLAB_MAGAZINE
#define SLAB_MAGAZINE 64
#define SLAB_CHUNK_SIZE 65536 /* a power of two */
#endif

struct slab_object {
    struct slab_object *next;
};

struct slab_magazine {
    struct slab_object *first;
    size_t count;
};

struct slab_cache {
    struct slab_magazine loaded, spare; /* spare is full or empty */
};

struct slab_chunk;

/* Access: C constant after init, L(lock), A any thread atomic */
struct slab {
    struct pawl_allocator allocator;           /* C */
    size_t object_size;                        /* C */
    struct lock lock;                          /*   */
    struct slab_object *full;                  /* L full magazines, linked through their second words */
    struct slab_magazine loose;                /* L objects freed one by one */
    PAWL_ATOMIC(void *) chunks;                /* A struct slab_chunk list, written under L, only ever grows */
    size_t carved;                             /* L objects ever handed out for the first time */
    size_t free_count;                         /* L in full and loose */
    bool closed;                               /* L */
};

/* object_size: a multiple of 16. NULL: no memory. */
struct slab *pawl__slab_create(const struct pawl_allocator *allocator, size_t object_size);

/* No more allocations; every cache has been flushed. Frees the slab at once, or with the last object. */
void pawl__slab_close(struct slab *slab);

/* For threads without a cache. */
void *pawl__slab_alloc_shared(struct slab *slab);
void pawl__slab_free_shared(void *object);

void pawl__slab_cache_flush(struct slab *slab, struct slab_cache *cache);

/* Calls visit for every object ever handed out, in use or free, while other threads go on. */
void pawl__slab_visit(const struct slab *slab, void (*visit)(void *object, void *context), void *context);

/* The slab that an object came from. */
struct slab *pawl__slab_of(void *object);

bool pawl__slab_refill(struct slab *slab, struct slab_cache *cache);
void pawl__slab_spill(struct slab *slab, struct slab_cache *cache);

static inline void *slab_alloc(struct slab *slab, struct slab_cache *cache)
{
    if (PAWL_UNLIKELY(cache->loaded.first == NULL) && !pawl__slab_refill(slab, cache))
        return NULL;
    struct slab_object *object = cache->loaded.first;
    cache->loaded.first = object->next;
    cache->loaded.count--;
    return object;
}

static inline void slab_free(struct slab *slab, struct slab_cache *cache, void *memory)
{
    if (PAWL_UNLIKELY(cache->loaded.count == SLAB_MAGAZINE))
        pawl__slab_spill(slab, cache);
    struct slab_object *object = memory;
    object->next = cache->loaded.first;
    cache->loaded.first = object;
    cache->loaded.count++;
}

#endif
