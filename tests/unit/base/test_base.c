/* The ground: slab, lock, queue between threads, list, random numbers, allocation. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/fifo.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/random.h"
#include "base/slab.h"

/* ---- slab, on an allocator that counts ---- */

static atomic_long allocated;

static void *count_alloc(void *context, size_t size, size_t alignment)
{
    (void)context;
    atomic_fetch_add(&allocated, 1);
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void count_free(void *context, void *memory, size_t size, size_t alignment)
{
    (void)context;
    (void)size;
    (void)alignment;
    atomic_fetch_sub(&allocated, 1);
    free(memory);
}

static const struct pawl_allocator counting = {.alloc = count_alloc, .free = count_free};

enum { OBJECT = 128, OBJECTS = 5000 };

Test(slab, objects_are_apart_zeroed_and_aligned)
{
    struct slab *slab = pawl__slab_create(&counting, OBJECT);
    struct slab_cache cache = {0};
    char **objects = calloc(OBJECTS, sizeof *objects);
    for (int i = 0; i < OBJECTS; i++) {
        objects[i] = slab_alloc(slab, &cache);
        cr_assert_eq((uintptr_t)objects[i] % OBJECT, 0);
        for (int j = 16; j < OBJECT; j++)
            cr_assert_eq(objects[i][j], 0, "object %d is in use twice", i);
        memset(objects[i], 1, OBJECT);
    }
    for (int i = 0; i < OBJECTS; i++)
        slab_free(slab, &cache, objects[i]);
    pawl__slab_cache_flush(slab, &cache);
    pawl__slab_close(slab);
    cr_assert_eq(allocated, 0);
    free(objects);
}

Test(slab, what_one_cache_frees_another_uses_again)
{
    struct slab *slab = pawl__slab_create(&counting, OBJECT);
    struct slab_cache here = {0}, there = {0};
    void **objects = calloc(OBJECTS, sizeof *objects);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < OBJECTS; i++)
            objects[i] = slab_alloc(slab, &here);
        for (int i = 0; i < OBJECTS; i++)
            slab_free(slab, &there, objects[i]);
    }
    cr_assert_leq(allocated * (SLAB_CHUNK_SIZE / OBJECT), 2 * OBJECTS + 1000, "memory is not used again");
    pawl__slab_cache_flush(slab, &here);
    pawl__slab_cache_flush(slab, &there);
    pawl__slab_close(slab);
    cr_assert_eq(allocated, 0);
    free(objects);
}

Test(slab, lives_on_after_close_until_the_last_object_is_freed)
{
    struct slab *slab = pawl__slab_create(&counting, OBJECT);
    struct slab_cache cache = {0};
    void *kept = slab_alloc(slab, &cache), *other = pawl__slab_alloc_shared(slab);
    cr_assert_eq(pawl__slab_of(kept), slab);
    pawl__slab_cache_flush(slab, &cache);
    pawl__slab_close(slab);
    cr_assert_gt(allocated, 0);
    pawl__slab_free_shared(other);
    cr_assert_gt(allocated, 0);
    pawl__slab_free_shared(kept);
    cr_assert_eq(allocated, 0);
}

static void count_visit(void *object, void *context)
{
    (void)object;
    ++*(size_t *)context;
}

Test(slab, a_visit_sees_every_object_ever_handed_out)
{
    struct slab *slab = pawl__slab_create(&counting, OBJECT);
    void *objects[1000];
    size_t visited = 0;
    for (int i = 0; i < 1000; i++)
        objects[i] = pawl__slab_alloc_shared(slab);
    for (int i = 0; i < 500; i++)
        pawl__slab_free_shared(objects[i]);
    pawl__slab_visit(slab, count_visit, &visited);
    cr_assert_geq(visited, 1000);
    for (int i = 500; i < 1000; i++)
        pawl__slab_free_shared(objects[i]);
    pawl__slab_close(slab);
    cr_assert_eq(allocated, 0);
}

/* ---- lock ---- */

enum { THREADS = 4, ROUNDS = 50000 };

struct guarded {
    struct lock lock;
    long sum;
};

static void *add_often(void *arg)
{
    struct guarded *guarded = arg;
    for (int i = 0; i < ROUNDS; i++) {
        lock_acquire(&guarded->lock);
        guarded->sum++;
        lock_release(&guarded->lock);
    }
    return NULL;
}

Test(lock, excludes)
{
    struct guarded guarded = {0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add_often, &guarded), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(guarded.sum, (long)THREADS * ROUNDS);
    cr_assert(lock_try(&guarded.lock));
    cr_assert_not(lock_try(&guarded.lock));
    lock_release(&guarded.lock);
}

/* ---- fifo ---- */

struct item {
    struct fifo_node node;
    int thread, number;
};

static struct fifo shared_fifo;

static void *push_items(void *arg)
{
    struct item *items = arg;
    for (int i = 0; i < ROUNDS; i++)
        pawl__fifo_push(&shared_fifo, &items[i].node);
    return NULL;
}

Test(fifo, keeps_each_pushers_order_and_loses_nothing)
{
    struct item *items[THREADS];
    pthread_t threads[THREADS];
    int next[THREADS] = {0}, popped = 0;
    pawl__fifo_init(&shared_fifo);
    for (int t = 0; t < THREADS; t++) {
        items[t] = calloc(ROUNDS, sizeof **items);
        for (int i = 0; i < ROUNDS; i++)
            items[t][i] = (struct item){.thread = t, .number = i};
        cr_assert_eq(pthread_create(&threads[t], NULL, push_items, items[t]), 0);
    }
    while (popped < THREADS * ROUNDS) {
        struct fifo_node *node = pawl__fifo_pop(&shared_fifo);
        if (node == NULL) {
            sched_yield();
            continue;
        }
        struct item *item = PAWL_CONTAINER_OF(node, struct item, node);
        cr_assert_eq(item->number, next[item->thread]++);
        popped++;
    }
    cr_assert_null(pawl__fifo_pop(&shared_fifo));
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        free(items[t]);
    }
}

Test(fifo, splice_moves_all_in_order)
{
    struct fifo from, to;
    struct item items[5] = {{.number = 0}};
    pawl__fifo_init(&from);
    pawl__fifo_init(&to);
    pawl__fifo_push(&to, &items[0].node);
    for (int i = 1; i < 5; i++)
        pawl__fifo_push(&from, &items[i].node);
    pawl__fifo_splice(&to, &from);
    cr_assert_null(pawl__fifo_pop(&from));
    for (int i = 0; i < 5; i++)
        cr_assert_eq(pawl__fifo_pop(&to), &items[i].node);
    cr_assert_null(pawl__fifo_pop(&to));
}

/* ---- list ---- */

Test(list, pushes_removes_and_splices)
{
    struct list a, b;
    struct list_node nodes[4] = {{0}};
    list_init(&a);
    list_init(&b);
    cr_assert_null(list_first(&a));
    list_push_back(&a, &nodes[1]);
    list_push_front(&a, &nodes[0]);
    list_push_back(&b, &nodes[2]);
    list_push_back(&b, &nodes[3]);
    list_splice_back(&a, &b);
    cr_assert(list_empty(&b));
    list_remove(&nodes[2]);
    cr_assert_not(list_linked(&nodes[2]));
    cr_assert_eq(list_after(&a, &nodes[1]), &nodes[3]);
    cr_assert_null(list_after(&a, &nodes[3]));
    const int order[] = {0, 1, 3};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(list_pop_front(&a), &nodes[order[i]]);
    cr_assert_null(list_pop_front(&a));
}

/* ---- random ---- */

Test(random, is_a_function_of_seed_and_stream_and_stays_below_its_bound)
{
    struct random a, b, c;
    int seen[10] = {0};
    random_init(&a, 42, 0);
    random_init(&b, 42, 0);
    random_init(&c, 42, 1);
    bool differs = false;
    for (int i = 0; i < 10000; i++) {
        uint64_t x = random_next(&a);
        cr_assert_eq(x, random_next(&b));
        differs |= x != random_next(&c);
        seen[random_below(&c, 10)]++;
    }
    cr_assert(differs);
    for (int i = 0; i < 10; i++)
        cr_assert(seen[i] > 800 && seen[i] < 1200, "%d came %d times", i, seen[i]);
}
