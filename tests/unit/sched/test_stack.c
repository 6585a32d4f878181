/* Stacks: reservations, guards, the order in which they are used again. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sched/stack.h"
#include "tests/support/valgrind.h"

/* A sanitizer maps memory of its own. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { SIZE = 64 * 1024 };

static struct stack_pool pool;
static struct stack_cache cache;

static void start_limited(size_t size, uint64_t limit)
{
    const struct pawl_allocator libc = {0};
    memset(&cache, 0, sizeof cache);
    memset(&pool, 0, sizeof pool);
    pawl__stack_pool_init(&pool, &libc, size, 1, limit);
}

static void start(void)
{
    start_limited(SIZE, 0);
}

static struct stack *reserve_and_take(void)
{
    cr_assert_eq(stack_reserve(&pool, &cache), 0);
    struct stack *stack = stack_take(&pool, &cache);
    cr_assert_not_null(stack);
    return stack;
}

static void put(struct stack *stack)
{
    stack_unreserve(&pool, &cache);
    stack_put(&pool, &cache, stack);
}

/* ---- sizes ---- */

Test(stack, has_sizes_that_are_allowed)
{
    cr_assert_not(stack_size_ok(0));
    cr_assert_not(stack_size_ok(STACK_SIZE_MIN - 1));
    cr_assert(stack_size_ok(STACK_SIZE_MIN));
    cr_assert(stack_size_ok(STACK_SIZE_MAX));
    cr_assert_not(stack_size_ok(STACK_SIZE_MAX + 1));
    cr_assert_not(stack_size_ok(SIZE_MAX));
}

Test(stack, has_at_least_the_size_asked_in_whole_pages)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t sizes[] = {STACK_SIZE_MIN, STACK_SIZE_MIN + 1, 5 * page, 5 * page + 1, (size_t)1024 * 1024 - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        start_limited(sizes[i], 0);
        struct stack *stacks[] = {reserve_and_take(), pawl__stack_create(&pool, sizes[i])};
        for (size_t s = 0; s < 2; s++) {
            cr_assert_not_null(stacks[s]);
            cr_assert_geq(stacks[s]->context.size, sizes[i]);
            cr_assert_leq(stacks[s]->context.size, sizes[i] + 2 * page);
            cr_assert_eq((uintptr_t)stacks[s]->context.bottom % page, 0);
            memset(stacks[s]->context.bottom, 0x5a, stacks[s]->context.size);
            put(stacks[s]);
            if (s == 0)
                cr_assert_eq(stack_reserve(&pool, &cache), 0); /* for the one of its own */
        }
        pawl__stack_pool_fini(&pool);
    }
}

/* ---- guards ---- */

enum { TRAPPED = 99 };

static void end_trapped(int signal)
{
    (void)signal;
    _exit(TRAPPED);
}

/* In a child. It does not die of the signal itself, which valgrind would report as an error. */
static bool traps_write(volatile char *address)
{
    int status;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        signal(SIGSEGV, end_trapped);
        *address = 1;
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == TRAPPED));
    return WEXITSTATUS(status) == TRAPPED;
}

static void expect_guarded(const struct stack *stack)
{
    char *bottom = stack->context.bottom;
    cr_assert(traps_write(bottom - 1));
    cr_assert(traps_write(bottom - pool.page));
    cr_assert_not(traps_write(bottom));
    cr_assert_not(traps_write(bottom + stack->context.size - 1));
}

Test(stack, lies_above_a_guard_page)
{
    struct stack *stacks[3];
    start();
    for (size_t i = 0; i < 3; i++)
        expect_guarded(stacks[i] = reserve_and_take());
    put(stacks[1]);
    cr_assert_eq(reserve_and_take(), stacks[1]);
    expect_guarded(stacks[1]);
    cr_assert_eq(stack_reserve(&pool, &cache), 0);
    struct stack *own = pawl__stack_create(&pool, (size_t)256 * 1024);
    expect_guarded(own);
    put(own);
    pawl__stack_pool_fini(&pool);
}

Test(stack, is_guarded_by_mprotect_where_the_kernel_has_no_advice)
{
    start();
    pool.no_guard_advice = true;
    expect_guarded(reserve_and_take());
    expect_guarded(reserve_and_take());
    pawl__stack_pool_fini(&pool);
}

Test(stack, keeps_its_guard_when_its_pages_are_given_back)
{
    enum { COUNT = STACK_HOT_MAX + 2 * STACK_CACHE_MAX };
    static struct stack *stacks[COUNT];
    start();
    for (size_t i = 0; i < COUNT; i++) {
        stacks[i] = reserve_and_take();
        memset(stacks[i]->context.bottom, 0x5a, stacks[i]->context.size);
    }
    for (size_t i = 0; i < COUNT; i++)
        put(stacks[i]);
    cr_assert_eq(pool.hot_count, STACK_HOT_MAX);
    cr_assert_not_null(pool.cold, "the rest has given its pages back");
    char *bottom = pool.cold->context.bottom;
    size_t size = pool.cold->context.size;
    cr_assert(traps_write(bottom - 1));
    for (size_t i = 0; i < size; i += 4096)
        cr_assert_eq(bottom[i], 0, "fresh memory");
    pawl__stack_pool_fini(&pool);
}

/* ---- using again ---- */

Test(stack, that_was_put_last_is_taken_first)
{
    struct stack *stacks[10];
    start();
    for (size_t i = 0; i < 10; i++)
        stacks[i] = reserve_and_take();
    for (size_t i = 0; i < 10; i++)
        put(stacks[i]);
    for (size_t i = 10; i-- > 0;)
        cr_assert_eq(reserve_and_take(), stacks[i]);
    pawl__stack_pool_fini(&pool);
}

Test(stack, goes_back_to_the_pool_when_the_cache_is_full)
{
    enum { COUNT = STACK_CACHE_MAX + 1 };
    struct stack *stacks[COUNT];
    start();
    for (size_t i = 0; i < COUNT; i++)
        stacks[i] = reserve_and_take();
    for (size_t i = 0; i + 1 < COUNT; i++)
        put(stacks[i]);
    cr_assert_eq(cache.count, STACK_CACHE_MAX);
    cr_assert_eq(pool.hot_count, 0);
    put(stacks[COUNT - 1]);
    cr_assert_eq(cache.count + pool.hot_count, COUNT);
    cr_assert_gt(pool.hot_count, 0);
    for (size_t i = 0; i < COUNT; i++)
        reserve_and_take();
    cr_assert_eq(cache.count + pool.hot_count, 0);
    pawl__stack_pool_fini(&pool);
}

Test(stack, is_used_by_one_at_a_time)
{
    enum { COUNT = 300 };
    static struct stack *stacks[COUNT];
    start();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            stacks[i] = reserve_and_take();
            memcpy(stacks[i]->context.bottom, &i, sizeof i);
            memcpy(stacks[i]->context.bottom + stacks[i]->context.size - sizeof i, &i, sizeof i);
        }
        for (size_t i = 0; i < COUNT; i++) {
            cr_assert_eq(memcmp(stacks[i]->context.bottom, &i, sizeof i), 0);
            cr_assert_eq(memcmp(stacks[i]->context.bottom + stacks[i]->context.size - sizeof i, &i, sizeof i), 0);
            put(stacks[i]);
        }
    }
    pawl__stack_pool_fini(&pool);
}

/* ---- reservations ---- */

Test(reservation, is_refused_beyond_the_limit_and_given_again)
{
    static const uint64_t limits[] = {1, 2, 63, 64, 65, 1000};
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        start_limited(STACK_SIZE_MIN, limits[l]);
        for (int round = 0; round < 2; round++) {
            for (uint64_t i = 0; i < limits[l]; i++)
                cr_assert_eq(stack_reserve(&pool, i % 2 ? &cache : NULL), 0);
            cr_assert_eq(stack_reserve(&pool, &cache), -EAGAIN);
            cr_assert_eq(stack_reserve(&pool, NULL), -EAGAIN);
            stack_unreserve(&pool, &cache);
            cr_assert_eq(stack_reserve(&pool, NULL), 0);
            cr_assert_eq(stack_reserve(&pool, &cache), -EAGAIN);
            for (uint64_t i = 0; i < limits[l]; i++)
                stack_unreserve(&pool, i % 3 ? &cache : NULL);
            cr_assert_eq(pool.reserved, 0);
        }
        pawl__stack_pool_fini(&pool);
    }
}

Test(reservation, is_held_in_stock_by_the_batch)
{
    start();
    cr_assert_eq(stack_reserve(&pool, &cache), 0);
    cr_assert_eq(pool.reserved, 1 + cache.credits);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(stack_reserve(&pool, &cache), 0);
    cr_assert_eq(pool.reserved, 1001 + cache.credits);
    for (unsigned i = 0; i < 1001; i++) {
        stack_unreserve(&pool, &cache);
        cr_assert_leq(cache.credits, 2 * STACK_CREDIT_BATCH);
    }
    cr_assert_eq(pool.reserved, cache.credits);
    pawl__stack_pool_fini(&pool);
}

Test(reservation, has_a_stack_for_everyone_whatever_lies_in_the_caches)
{
    enum { COUNT = 500, CACHES = 3 };
    const struct pawl_allocator libc = {0};
    struct stack_cache caches[CACHES] = {{0}};
    static struct stack *stacks[COUNT];
    pawl__stack_pool_init(&pool, &libc, STACK_SIZE_MIN, CACHES, 0);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_eq(stack_reserve(&pool, &caches[(i + (size_t)round) % CACHES]), 0);
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_not_null(stacks[i] = stack_take(&pool, &caches[i / 200]));
        cr_assert_leq(pool.reserved + pool.slack, pool.mapped);
        for (size_t i = 0; i < COUNT; i++) {
            stack_unreserve(&pool, &caches[i % CACHES]);
            stack_put(&pool, &caches[i % CACHES], stacks[i]);
        }
    }
    pawl__stack_pool_fini(&pool);
}

#ifndef SANITIZED
Test(reservation, is_refused_when_there_is_no_address_space)
{
    /* a stack of the largest size each: more than a processor can address, or than valgrind, which has less, can */
    unsigned reserved = 0;
    int error = 0;
    start_limited(RUNNING_ON_VALGRIND ? STACK_SIZE_MAX / 64 : STACK_SIZE_MAX, 0);
    while (reserved < 300000 && (error = stack_reserve(&pool, NULL)) == 0)
        reserved++;
    cr_assert_eq(error, -ENOMEM);
    cr_assert_eq(pool.reserved, reserved);
    cr_assert_eq(stack_reserve(&pool, &cache), -ENOMEM);
    cr_assert_eq(cache.credits, 0);
    for (unsigned i = 0; i < reserved; i++)
        stack_unreserve(&pool, NULL);
    cr_assert_eq(pool.reserved, 0);
    cr_assert_eq(stack_reserve(&pool, NULL), 0);
    pawl__stack_pool_fini(&pool);
}
#endif

/* ---- memory ---- */

static void *no_memory(void *context, size_t size, size_t alignment)
{
    (void)context, (void)size, (void)alignment;
    return NULL;
}

static void free_nothing(void *context, void *memory, size_t size, size_t alignment)
{
    (void)context, (void)memory, (void)size, (void)alignment;
}

Test(stack, of_its_own_size_is_refused_without_memory)
{
    const struct pawl_allocator none = {.alloc = no_memory, .free = free_nothing};
    pawl__stack_pool_init(&pool, &none, SIZE, 1, 0);
    cr_assert_null(pawl__stack_create(&pool, SIZE));
    pawl__stack_pool_fini(&pool);
}

#ifndef SANITIZED
static unsigned long mapped_pages(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages;
}

Test(stack, leaves_no_mapping_behind)
{
    start();
    put(reserve_and_take());
    pawl__stack_pool_fini(&pool);
    unsigned long before = mapped_pages();
    for (int round = 0; round < 20; round++) {
        start();
        for (int i = 0; i < 200; i++)
            reserve_and_take();
        cr_assert_eq(stack_reserve(&pool, &cache), 0);
        struct stack *own = pawl__stack_create(&pool, (size_t)1024 * 1024);
        put(own);
        pawl__stack_pool_fini(&pool);
    }
    cr_assert_leq(mapped_pages(), before + 64);
}
#endif
