/* Stacks for tasks: reserved when a task is spawned, taken when it first runs, used again hot.
 *
 * Model: stacks of one size lie in arenas, large mappings whose memory is not touched before use. Under each stack
 * lies a guard page. A reservation is the right to one stack; the pool maps as many as are reserved, so that taking
 * does not fail for want of address space. Each worker caches free stacks, last in first out, and reservations.
 * Stacks of other sizes are mapped one by one and not cached; their tasks count as reservations all the same.
 *
 * Guards: MADV_GUARD_INSTALL (Linux 6.13), which splits no mapping; else mprotect, with which vm.max_map_count bounds
 * the number of stacks (to about 32,000 by default).
 *
 * Threads: caches belong to one thread each; the rest: any. Blocks: on the pool's lock, a leaf, and in mmap.
 * Errors: negative errno. Memory: a free stack keeps the pages it touched while it is hot; cold ones give them back. */
#ifndef PAWL_SCHED_STACK_H
#define PAWL_SCHED_STACK_H

#include "base/lock.h"
#include "base/memory.h"
#include "sched/context.h"

#define STACK_SIZE_MIN ((size_t)16 * 1024)
#define STACK_SIZE_MAX ((size_t)1024 * 1024 * 1024)

enum {
    STACK_CACHE_MAX = 64,    /* free stacks in a worker's cache */
    STACK_HOT_MAX = 256,     /* free stacks in the pool that keep their pages */
    STACK_CREDIT_BATCH = 64, /* reservations moved between pool and cache at a time */
};

struct stack_arena;

struct stack {
    struct stack *next; /* in a cache or the pool */
    struct stack_arena *arena; /* NULL: mapped alone */
    struct context context;
};

struct stack_cache {
    struct stack *first;
    unsigned count;
    unsigned credits; /* reservations held in stock */
};

/* Access: C constant after init, L(lock) */
struct stack_pool {
    struct pawl_allocator allocator; /* C */
    size_t size;                     /* C of a stack with its guard, whole pages */
    size_t page;                     /* C */
    uint64_t limit;                  /* C reservations at once; 0: none */
    uint64_t slack;                  /* C stacks that may lie in caches */
    struct lock lock;
    struct stack *hot, *cold;        /* L free */
    unsigned hot_count;              /* L */
    struct stack_arena *arenas;      /* L newest first */
    uint64_t mapped, reserved;       /* L */
    uint64_t stackless;              /* L tasks that only count toward the limit; not counted if there is none */
    bool no_guard_advice;            /* L the kernel does not know MADV_GUARD_INSTALL */
};

/* Is this an allowed size for a stack? */
static inline bool stack_size_ok(size_t size)
{
    return size >= STACK_SIZE_MIN && size <= STACK_SIZE_MAX;
}

/* stack_size: usable bytes; caches: how many will be in use at most; limit: reservations at once, 0: any number. */
void pawl__stack_pool_init(struct stack_pool *pool, const struct pawl_allocator *allocator, size_t stack_size,
                           unsigned caches, uint64_t limit);

/* No stack is in use; caches are void. */
void pawl__stack_pool_fini(struct stack_pool *pool);

/* One reservation; cache NULL: none at hand. -ENOMEM, -EAGAIN: the limit. */
int pawl__stack_reserve_slow(struct stack_pool *pool, struct stack_cache *cache);
void pawl__stack_unreserve_slow(struct stack_pool *pool, struct stack_cache *cache);

static inline int stack_reserve(struct stack_pool *pool, struct stack_cache *cache)
{
    if (PAWL_UNLIKELY(cache == NULL || cache->credits == 0))
        return pawl__stack_reserve_slow(pool, cache);
    cache->credits--;
    return 0;
}

static inline void stack_unreserve(struct stack_pool *pool, struct stack_cache *cache)
{
    if (PAWL_UNLIKELY(cache == NULL || pool->limit != 0 || cache->credits >= 2 * STACK_CREDIT_BATCH))
        pawl__stack_unreserve_slow(pool, cache);
    else
        cache->credits++;
}

/* A task that needs no stack but counts toward the limit. -EAGAIN: the limit. */
int pawl__stack_admit_slow(struct stack_pool *pool);
void pawl__stack_dismiss_slow(struct stack_pool *pool);

static inline int stack_admit(struct stack_pool *pool)
{
    return PAWL_LIKELY(pool->limit == 0) ? 0 : pawl__stack_admit_slow(pool);
}

static inline void stack_dismiss(struct stack_pool *pool)
{
    if (PAWL_UNLIKELY(pool->limit != 0))
        pawl__stack_dismiss_slow(pool);
}

/* A stack for a reservation. NULL: the kernel had no memory for its guard; try again later. */
struct stack *pawl__stack_take_slow(struct stack_pool *pool);
void pawl__stack_spill(struct stack_pool *pool, struct stack_cache *cache, unsigned keep);

static inline struct stack *stack_take(struct stack_pool *pool, struct stack_cache *cache)
{
    struct stack *stack = cache->first;
    if (PAWL_UNLIKELY(stack == NULL))
        return pawl__stack_take_slow(pool);
    cache->first = stack->next;
    cache->count--;
    return stack;
}

/* A stack mapped alone, for a reservation whose task wants another size. NULL: no memory. */
struct stack *pawl__stack_create(struct stack_pool *pool, size_t stack_size);

/* Gives back a stack whose task has finished. */
void pawl__stack_destroy(struct stack_pool *pool, struct stack *stack);

static inline void stack_put(struct stack_pool *pool, struct stack_cache *cache, struct stack *stack)
{
    if (PAWL_UNLIKELY(stack->arena == NULL)) {
        pawl__stack_destroy(pool, stack);
        return;
    }
    stack->next = cache->first;
    cache->first = stack;
    if (PAWL_UNLIKELY(++cache->count > STACK_CACHE_MAX))
        pawl__stack_spill(pool, cache, STACK_CACHE_MAX / 2);
}

#endif
