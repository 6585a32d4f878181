/* Memory from the creator's allocator or libc, fences, and the end of a process in an impossible state. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/atomic.h"
#include "base/fence.h"
#include "base/memory.h"
#include "base/slab.h"
#include "tests/support/valgrind.h"

/* ---- memory ---- */

Test(memory, of_libc_is_zeroed_and_aligned)
{
    const struct pawl_allocator libc = {0};
    for (size_t alignment = 8; alignment <= 65536; alignment *= 2)
        for (size_t size = 1; size < 300000; size = size * 3 + 1) {
            char *memory = pawl__memory_alloc(&libc, size, alignment);
            cr_assert_not_null(memory);
            cr_assert_eq((uintptr_t)memory % alignment, 0);
            for (size_t i = 0; i < size; i++)
                cr_assert_eq(memory[i], 0);
            memset(memory, 0xff, size);
            pawl__memory_free(&libc, memory, size, alignment);
        }
    pawl__memory_free(&libc, NULL, 100, 8);
}

static struct {
    size_t size, alignment;
    void *memory;
    unsigned allocs, frees;
} told;

static void *allocate(void *context, size_t size, size_t alignment)
{
    cr_assert_eq(context, &told);
    told.size = size;
    told.alignment = alignment;
    told.allocs++;
    return told.memory;
}

static void release(void *context, void *memory, size_t size, size_t alignment)
{
    cr_assert_eq(context, &told);
    cr_assert_eq(memory, told.memory);
    cr_assert_eq(size, told.size);
    cr_assert_eq(alignment, told.alignment);
    told.frees++;
}

Test(memory, of_an_allocator_is_zeroed_and_given_back_with_size_and_alignment)
{
    const struct pawl_allocator allocator = {.alloc = allocate, .free = release, .context = &told};
    static char block[256];
    memset(block, 0xff, sizeof block);
    told.memory = block;
    char *memory = pawl__memory_alloc(&allocator, 100, 64);
    cr_assert_eq(memory, block);
    cr_assert_eq(told.size, 100);
    cr_assert_eq(told.alignment, 64);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(memory[i], 0);
    cr_assert_eq(memory[100], (char)0xff, "no more than asked");
    pawl__memory_free(&allocator, memory, 100, 64);
    cr_assert_eq(told.frees, 1);
    told.memory = NULL;
    cr_assert_null(pawl__memory_alloc(&allocator, 100, 64));
    pawl__memory_free(&allocator, NULL, 100, 64);
    cr_assert_eq(told.frees, 1, "NULL is not given back");
}

Test(slab, without_memory_says_so)
{
    const struct pawl_allocator none = {.alloc = allocate, .free = release, .context = &told};
    cr_assert_null(pawl__slab_create(&none, 128));
    pawl__slab_close(NULL);
}

/* ---- fences ---- */

/* Store, fence, load against store, fence, load: one side at least sees the other's store. */
#define ROUNDS ((uint32_t)SPINNING_ROUNDS(20000))

static struct fences fences;
static PAWL_ATOMIC(uint32_t) round_number, mine, theirs, light_done;
static uint32_t light_saw;

static void *light_side(void *arg)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (load_acquire_u32(&round_number) < round) {
        }
        store_relaxed_u32(&mine, round);
        fence_light(&fences);
        light_saw = load_relaxed_u32(&theirs);
        store_release_u32(&light_done, round);
    }
    return arg;
}

static void expect_pair_holds(void)
{
    pthread_t thread;
    store_release_u32(&round_number, 0);
    store_release_u32(&mine, 0);
    store_release_u32(&theirs, 0);
    store_release_u32(&light_done, 0);
    cr_assert_eq(pthread_create(&thread, NULL, light_side, NULL), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        store_release_u32(&round_number, round);
        for (volatile uint32_t pause = 0; pause < round % 50; pause++) {
        }
        store_relaxed_u32(&theirs, round);
        pawl__fence_heavy(&fences);
        uint32_t heavy_saw = load_relaxed_u32(&mine);
        while (load_acquire_u32(&light_done) < round) {
        }
        cr_assert(heavy_saw == round || light_saw == round, "round %u: neither saw the other", round);
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(fences, make_one_side_at_least_see_the_other)
{
    pawl__fences_init(&fences);
    expect_pair_holds();
}

Test(fences, do_without_the_kernels_help)
{
    fences.asymmetric = false;
    expect_pair_holds();
}

/* ---- impossible states ---- */

static int pipe_fds[2];

static void tell(void *context, const char *sentence)
{
    if (context != &told || write(pipe_fds[1], sentence, strlen(sentence)) < 0)
        _exit(1);
}

static int status_of_child(void (*fn)(void))
{
    int status;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void fail_with_hook(void)
{
    static const struct pawl_hooks hooks = {.fatal_error = tell, .context = &told};
    pawl__fatal_hook(&hooks);
    PAWL_ASSERT(1 + 1 == 2);
    PAWL_ASSERT(1 + 1 == 3);
}

static void fail_without_hook(void)
{
    pawl__fatal("never");
}

Test(fatal, tells_the_hook_the_sentence_and_aborts)
{
    char sentence[200] = {0};
    cr_assert_eq(pipe(pipe_fds), 0);
    int status = status_of_child(fail_with_hook);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close(pipe_fds[1]);
    cr_assert_gt(read(pipe_fds[0], sentence, sizeof sentence - 1), 0);
    cr_assert_not_null(strstr(sentence, "not true: 1 + 1 == 3"));
    cr_assert_not_null(strstr(sentence, "test_memory.c"));
    close(pipe_fds[0]);
}

Test(fatal, aborts_without_a_hook_too)
{
    int status = status_of_child(fail_without_hook);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
