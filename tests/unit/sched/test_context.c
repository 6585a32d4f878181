/* Switching between a home stack and tasks'. */
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
static struct context *home;    /* of whoever resumed last */
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

static CONTEXT_SWITCHES void resume(struct context *c)
{
    static _Thread_local struct context mine;
    memset(&mine, 0, sizeof mine);
    home = &mine;
    pawl__context_switch(&mine, c, false);
}

static CONTEXT_SWITCHES void leave(struct context *c)
{
    pawl__context_switch(c, home, false);
}

static CONTEXT_SWITCHES void leave_for_good(struct context *c)
{
    pawl__context_switch(c, home, true);
    abort();
}

static void take_three_steps(void *arg)
{
    steps = 1;
    leave(arg);
    steps = 2;
    leave(arg);
    steps = 3;
    leave_for_good(arg);
}

static void expect_three_steps(struct context *c)
{
    pawl__context_prepare(c, take_three_steps, c);
    for (int step = 1; step <= 3; step++) {
        resume(c);
        cr_assert_eq(steps, step);
    }
}

Test(context, goes_on_where_it_left)
{
    init(&context);
    expect_three_steps(&context);
    fini(&context);
}

Test(context, is_used_again_after_it_was_left_for_good)
{
    init(&context);
    for (int i = 0; i < 1000; i++)
        expect_three_steps(&context);
    fini(&context);
}

/* ---- what is kept ---- */

static bool done;

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
        leave(c);
        for (size_t k = 0; k < 8; k++)
            sum += many[k];
        product *= 1.25;
        wrong_locals += sum != 36;
    }
    for (size_t i = 0; i < sizeof array; i++)
        wrong_locals += array[i] != 0x5a;
    wrong_locals += product < 7e9 || product > 8e9;
    done = true;
    leave_for_good(c);
}

Test(context, keeps_its_locals)
{
    volatile double mine = 2.5;
    volatile uint64_t count = 0;
    init(&context);
    pawl__context_prepare(&context, use_locals, &context);
    for (resume(&context); !done; resume(&context)) {
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
        leave(c);
    }
}

static void *resume_here(void *arg)
{
    for (int i = 0; i < 3; i++) {
        resume(arg);
        if (left_from != gettid())
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
    struct context *me = arg;
    for (int i = 0; i < 10; i++) {
        visits[me - ring]++;
        leave(me);
    }
    leave_for_good(me);
}

static void init_ring(context_fn *fn)
{
    for (size_t i = 0; i < COUNT; i++) {
        init(&ring[i]);
        pawl__context_prepare(&ring[i], fn, &ring[i]);
    }
}

static void fini_ring(void)
{
    for (size_t i = 0; i < COUNT; i++)
        fini(&ring[i]);
}

Test(context, many_take_turns)
{
    init_ring(visit);
    for (int round = 1; round <= 10; round++)
        for (size_t i = 0; i < COUNT; i++) {
            resume(&ring[i]);
            cr_assert_eq(visits[i], round);
        }
    for (size_t i = 0; i < COUNT; i++)
        resume(&ring[i]);
    fini_ring();
}

/* ---- from one to another ---- */

static void pass_on(void *arg)
{
    struct context *me = arg;
    size_t number = (size_t)(me - ring);
    for (int i = 0; i < 10; i++) {
        visits[number]++;
        wrong_locals += number > 0 && visits[number] != visits[number - 1];
        pawl__context_switch(me, number + 1 < COUNT ? me + 1 : home, false);
    }
    pawl__context_switch(me, number + 1 < COUNT ? me + 1 : home, true);
}

Test(context, one_leaves_for_another_and_the_last_for_home)
{
    init_ring(pass_on);
    for (int round = 1; round <= 11; round++) {
        resume(&ring[0]);
        cr_assert_eq(visits[COUNT - 1], round <= 10 ? round : 10);
        cr_assert_eq(wrong_locals, 0);
    }
    fini_ring();
}

static void *resume_ring(void *arg)
{
    resume(&ring[0]);
    return arg;
}

Test(context, one_that_was_resumed_elsewhere_leaves_for_the_home_there)
{
    init_ring(pass_on);
    for (int round = 1; round <= 11; round++) {
        pthread_t thread;
        if (round % 2 == 0)
            resume_ring(NULL);
        else
            cr_assert_eq(pthread_create(&thread, NULL, resume_ring, NULL) || pthread_join(thread, NULL), 0);
        cr_assert_eq(visits[COUNT - 1], round <= 10 ? round : 10);
    }
    cr_assert_eq(wrong_locals, 0);
    fini_ring();
}
