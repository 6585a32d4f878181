/* Switching between the home stack and a task's. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sched/context.h"

enum { SIZE = 128 * 1024 };

static struct context context;
static int steps, wrong_locals; /* a failing assertion jumps: not from a task's stack */

static void init(struct context *c)
{
    char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    memset(c, 0, sizeof *c);
    pawl__context_init(c, memory, SIZE);
}

static void fini(struct context *c)
{
    char *memory = c->bottom;
    pawl__context_fini(c);
    munmap(memory, SIZE);
}

static void take_three_steps(void *arg)
{
    struct context *c = arg;
    steps = 1;
    pawl__context_leave(c, CONTEXT_SUSPENDED);
    steps = 2;
    pawl__context_leave(c, CONTEXT_YIELDED);
    steps = 3;
    pawl__context_leave(c, CONTEXT_FINISHED);
    abort();
}

static void expect_three_steps(struct context *c)
{
    pawl__context_prepare(c, take_three_steps, c);
    steps = 0;
    cr_assert_eq(pawl__context_resume(c), CONTEXT_SUSPENDED);
    cr_assert_eq(steps, 1);
    cr_assert_eq(pawl__context_resume(c), CONTEXT_YIELDED);
    cr_assert_eq(steps, 2);
    cr_assert_eq(pawl__context_resume(c), CONTEXT_FINISHED);
    cr_assert_eq(steps, 3);
}

Test(context, goes_on_where_it_left_and_says_why)
{
    init(&context);
    expect_three_steps(&context);
    fini(&context);
}

Test(context, is_used_again_after_it_has_finished)
{
    init(&context);
    for (int i = 0; i < 1000; i++)
        expect_three_steps(&context);
    fini(&context);
}

/* ---- what is kept ---- */

static void use_locals(void *arg)
{
    struct context *c = arg;
    volatile char array[8192];
    volatile uint64_t many[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    double product = 1.5;
    wrong_locals += (char *)&many < c->bottom || (char *)&many > c->bottom + c->size;
    memset((char *)(uintptr_t)array, 0x5a, sizeof array);
    for (int i = 0; i < 100; i++) {
        uint64_t sum = 0;
        pawl__context_leave(c, CONTEXT_SUSPENDED);
        for (size_t k = 0; k < 8; k++)
            sum += many[k];
        product *= 1.25;
        wrong_locals += sum != 36;
    }
    for (size_t i = 0; i < sizeof array; i++)
        wrong_locals += array[i] != 0x5a;
    wrong_locals += product < 7e9 || product > 8e9;
    pawl__context_leave(c, CONTEXT_FINISHED);
}

Test(context, keeps_its_locals)
{
    volatile double mine = 2.5;
    volatile uint64_t count = 0;
    init(&context);
    pawl__context_prepare(&context, use_locals, &context);
    while (pawl__context_resume(&context) == CONTEXT_SUSPENDED) {
        count++;
        mine += 0.5;
    }
    cr_assert_eq(count, 100);
    cr_assert_eq(wrong_locals, 0);
    cr_assert_float_eq(mine, 52.5, 0.001);
    fini(&context);
}

/* ---- home is who resumed last ---- */

static pid_t left_from; /* not pthread_self: the compiler takes it for constant */

static void note_thread(void *arg)
{
    struct context *c = arg;
    for (;;) {
        left_from = gettid();
        pawl__context_leave(c, CONTEXT_SUSPENDED);
    }
}

static void *resume_here(void *arg)
{
    for (int i = 0; i < 3; i++) {
        if (pawl__context_resume(arg) != CONTEXT_SUSPENDED || left_from != gettid())
            return arg;
    }
    return NULL;
}

Test(context, goes_on_on_whichever_thread_resumes_it)
{
    init(&context);
    pawl__context_prepare(&context, note_thread, &context);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *wrong = NULL;
        cr_assert_null(resume_here(&context));
        cr_assert_eq(pthread_create(&thread, NULL, resume_here, &context), 0);
        cr_assert_eq(pthread_join(thread, &wrong), 0);
        cr_assert_null(wrong);
    }
    fini(&context);
}

/* ---- many ---- */

enum { COUNT = 50 };

static struct context ring[COUNT];
static int visits[COUNT];

static void visit(void *arg)
{
    size_t me = (size_t)((struct context *)arg - ring);
    for (int i = 0; i < 10; i++) {
        visits[me]++;
        pawl__context_leave(arg, CONTEXT_YIELDED);
    }
    pawl__context_leave(arg, CONTEXT_FINISHED);
}

Test(context, many_take_turns)
{
    for (size_t i = 0; i < COUNT; i++) {
        init(&ring[i]);
        pawl__context_prepare(&ring[i], visit, &ring[i]);
    }
    for (int round = 1; round <= 10; round++)
        for (size_t i = 0; i < COUNT; i++) {
            cr_assert_eq(pawl__context_resume(&ring[i]), CONTEXT_YIELDED);
            cr_assert_eq(visits[i], round);
        }
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(pawl__context_resume(&ring[i]), CONTEXT_FINISHED);
        fini(&ring[i]);
    }
}
