#define _GNU_SOURCE
#include "sched/stack.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { ARENA_STACKS_FIRST = 64, ARENA_STACKS_MAX = 8192, STACK_COLOURS = 16 };

struct stack_arena {
    struct stack_arena *next;
    char *memory;
    uint64_t count, carved; /* stacks in it, and those handed out at least once, from the front */
    struct stack stacks[];
};

static size_t arena_size(uint64_t count)
{
    return sizeof(struct stack_arena) + count * sizeof(struct stack);
}

/* Fresh zeroes, of which only what is touched costs memory. NULL: none. */
static void *map_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t round_to_pages(const struct stack_pool *pool, size_t size)
{
    return (size + pool->page - 1) & ~(pool->page - 1);
}

void pawl__stack_pool_init(struct stack_pool *pool, const struct pawl_allocator *allocator, size_t stack_size,
                           unsigned caches, uint64_t limit)
{
    pool->allocator = *allocator;
    pool->page = (size_t)sysconf(_SC_PAGESIZE);
    pool->size = round_to_pages(pool, stack_size + STACK_COLOURS * PAWL_CACHE_LINE) + pool->page;
    pool->limit = limit;
    pool->slack = (uint64_t)caches * (STACK_CACHE_MAX + 1);
}

void pawl__stack_pool_fini(struct stack_pool *pool)
{
    while (pool->arenas != NULL) {
        struct stack_arena *arena = pool->arenas;
        pool->arenas = arena->next;
        for (uint64_t i = 0; i < arena->carved; i++)
            pawl__context_fini(&arena->stacks[i].context);
        munmap(arena->memory, arena->count * pool->size);
        munmap(arena, arena_size(arena->count));
    }
}

/* ---- reservations ---- */

static bool add_arena_locked(struct stack_pool *pool)
{
    uint64_t count = pool->arenas == NULL ? ARENA_STACKS_FIRST : pool->arenas->count * 2;
    if (count > ARENA_STACKS_MAX)
        count = ARENA_STACKS_MAX;
    struct stack_arena *arena = map_memory(arena_size(count));
    if (arena == NULL)
        return false;
    arena->memory = map_memory(count * pool->size);
    if (arena->memory == NULL) {
        munmap(arena, arena_size(count));
        return false;
    }
    arena->count = count;
    arena->next = pool->arenas;
    pool->arenas = arena;
    pool->mapped += count;
    return true;
}

static bool limit_allows(const struct stack_pool *pool, uint64_t count)
{
    return pool->limit == 0 || pool->reserved + pool->stackless + count <= pool->limit;
}

static int reserve_locked(struct stack_pool *pool, uint64_t count)
{
    if (!limit_allows(pool, count))
        return -EAGAIN;
    while (pool->reserved + count + pool->slack > pool->mapped)
        if (!add_arena_locked(pool))
            return -ENOMEM;
    pool->reserved += count;
    return 0;
}

int pawl__stack_reserve_slow(struct stack_pool *pool, struct stack_cache *cache)
{
    /* with a limit nothing is held in stock, so that the limit is exact */
    unsigned stock = cache == NULL || pool->limit != 0 ? 0 : STACK_CREDIT_BATCH;
    lock_acquire(&pool->lock);
    int error = reserve_locked(pool, 1 + stock);
    lock_release(&pool->lock);
    if (error == 0 && stock > 0)
        cache->credits += stock;
    return error;
}

void pawl__stack_unreserve_slow(struct stack_pool *pool, struct stack_cache *cache)
{
    unsigned stock = cache == NULL || pool->limit != 0 ? 0 : STACK_CREDIT_BATCH;
    lock_acquire(&pool->lock);
    pool->reserved -= 1 + stock;
    lock_release(&pool->lock);
    if (stock > 0)
        cache->credits -= stock;
}

int pawl__stack_admit_slow(struct stack_pool *pool)
{
    lock_acquire(&pool->lock);
    bool allowed = limit_allows(pool, 1);
    pool->stackless += allowed;
    lock_release(&pool->lock);
    return allowed ? 0 : -EAGAIN;
}

void pawl__stack_dismiss_slow(struct stack_pool *pool)
{
    lock_acquire(&pool->lock);
    pool->stackless--;
    lock_release(&pool->lock);
}

/* ---- stacks ---- */

static bool install_guard_locked(struct stack_pool *pool, char *page)
{
    if (!pool->no_guard_advice) {
        if (madvise(page, pool->page, MADV_GUARD_INSTALL) == 0)
            return true;
        if (errno != EINVAL)
            return false;
        pool->no_guard_advice = true;
    }
    return mprotect(page, pool->page, PROT_NONE) == 0;
}

static struct stack *carve_locked(struct stack_pool *pool)
{
    for (struct stack_arena *arena = pool->arenas; arena != NULL; arena = arena->next) {
        if (arena->carved == arena->count)
            continue;
        struct stack *stack = &arena->stacks[arena->carved];
        char *memory = arena->memory + arena->carved * pool->size;
        if (!install_guard_locked(pool, memory))
            return NULL;
        arena->carved++;
        stack->arena = arena;
        /* Stacks lie whole pages apart: without a shift their tops would all fall into the same few cache sets. */
        size_t shift = arena->carved % STACK_COLOURS * PAWL_CACHE_LINE;
        pawl__context_init(&stack->context, memory + pool->page, pool->size - pool->page - shift);
        return stack;
    }
    pawl__fatal("more stacks are taken than were reserved");
}

struct stack *pawl__stack_take_slow(struct stack_pool *pool)
{
    lock_acquire(&pool->lock);
    struct stack *stack = pool->hot;
    if (stack != NULL) {
        pool->hot = stack->next;
        pool->hot_count--;
    } else if (pool->cold != NULL) {
        stack = pool->cold;
        pool->cold = stack->next;
    } else {
        stack = carve_locked(pool);
    }
    lock_release(&pool->lock);
    return stack;
}

/* Moves what a cache holds beyond `keep` to the pool. */
void pawl__stack_spill(struct stack_pool *pool, struct stack_cache *cache, unsigned keep)
{
    while (cache->count > keep) {
        struct stack *stack = cache->first;
        cache->first = stack->next;
        cache->count--;
        lock_acquire(&pool->lock);
        bool hot = pool->hot_count < STACK_HOT_MAX;
        if (hot) {
            stack->next = pool->hot;
            pool->hot = stack;
            pool->hot_count++;
        }
        lock_release(&pool->lock);
        if (hot)
            continue;
        madvise(stack->context.bottom, stack->context.size, MADV_DONTNEED); /* a failure only keeps the pages */
        lock_acquire(&pool->lock);
        stack->next = pool->cold;
        pool->cold = stack;
        lock_release(&pool->lock);
    }
}

struct stack *pawl__stack_create(struct stack_pool *pool, size_t stack_size)
{
    size_t size = round_to_pages(pool, stack_size) + pool->page;
    struct stack *stack = pawl__memory_alloc(&pool->allocator, sizeof *stack, _Alignof(struct stack));
    if (stack == NULL)
        return NULL;
    char *memory = map_memory(size);
    if (memory == NULL)
        goto free_stack;
    lock_acquire(&pool->lock);
    bool guarded = install_guard_locked(pool, memory);
    lock_release(&pool->lock);
    if (!guarded)
        goto unmap;
    pawl__context_init(&stack->context, memory + pool->page, size - pool->page);
    return stack;
unmap:
    munmap(memory, size);
free_stack:
    pawl__memory_free(&pool->allocator, stack, sizeof *stack, _Alignof(struct stack));
    return NULL;
}

void pawl__stack_destroy(struct stack_pool *pool, struct stack *stack)
{
    pawl__context_fini(&stack->context);
    munmap(stack->context.bottom - pool->page, stack->context.size + pool->page);
    pawl__memory_free(&pool->allocator, stack, sizeof *stack, _Alignof(struct stack));
}
