/* The injection queue: from any thread, in batches, and its count that decides emptiness. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "sched/inject.h"
#include "sched/task.h"

enum { TASKS = 40000 };

static struct inject inject;
static struct pawl_task tasks[TASKS];
static struct pawl_task *out[TASKS];

static void init(void)
{
    pawl__inject_init(&inject);
}

TestSuite(inject, .init = init);

static unsigned pop(unsigned most)
{
    return pawl__inject_pop(&inject, out, most);
}

Test(inject, is_empty_at_first)
{
    cr_assert_eq(inject_length(&inject), 0);
    cr_assert_eq(pop(10), 0);
    cr_assert_eq(inject_length(&inject), 0);
}

Test(inject, is_first_in_first_out)
{
    for (size_t i = 0; i < 10; i++)
        pawl__inject_push(&inject, &tasks[i]);
    cr_assert_eq(inject_length(&inject), 10);
    cr_assert_eq(pop(TASKS), 10);
    for (size_t i = 0; i < 10; i++)
        cr_assert_eq(out[i], &tasks[i]);
    cr_assert_eq(inject_length(&inject), 0);
}

Test(inject, gives_no_more_than_asked)
{
    for (size_t i = 0; i < 10; i++)
        pawl__inject_push(&inject, &tasks[i]);
    cr_assert_eq(pop(0), 0);
    cr_assert_eq(pop(1), 1);
    cr_assert_eq(out[0], &tasks[0]);
    cr_assert_eq(pop(4), 4);
    cr_assert_eq(out[3], &tasks[4]);
    cr_assert_eq(inject_length(&inject), 5);
    cr_assert_eq(pop(5), 5);
    cr_assert_eq(pop(5), 0);
}

Test(inject, takes_batches_in_order)
{
    struct pawl_task *batch[6];
    for (size_t i = 0; i < 6; i++)
        batch[i] = &tasks[i + 1];
    pawl__inject_push(&inject, &tasks[0]);
    pawl__inject_push_all(&inject, batch, 0);
    cr_assert_eq(inject_length(&inject), 1);
    pawl__inject_push_all(&inject, batch, 6);
    pawl__inject_push(&inject, &tasks[7]);
    cr_assert_eq(inject_length(&inject), 8);
    cr_assert_eq(pop(TASKS), 8);
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(out[i], &tasks[i]);
}

Test(inject, takes_a_task_again_once_it_is_out)
{
    for (size_t i = 0; i < 1000; i++) {
        pawl__inject_push(&inject, &tasks[i % 3]);
        cr_assert_eq(pop(1), 1);
        cr_assert_eq(out[0], &tasks[i % 3]);
    }
}

/* ---- at once ---- */

enum { PUSHERS = 2, POPPERS = 2 };

static PAWL_ATOMIC(uint32_t) popped_count, seen[TASKS];

/* Every task to one pusher: singly, or in batches of up to seven. */
static void *push(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg, from = me * (TASKS / PUSHERS), to = from + TASKS / PUSHERS;
    for (size_t i = from; i < to;) {
        struct pawl_task *batch[7];
        unsigned count = 0;
        tasks[i].value = &tasks[i]; /* plain: ThreadSanitizer looks on */
        if (i % 3 == 0) {
            pawl__inject_push(&inject, &tasks[i++]);
            continue;
        }
        for (; count < 7 && i < to; i++) {
            tasks[i].value = &tasks[i];
            batch[count++] = &tasks[i];
        }
        pawl__inject_push_all(&inject, batch, count);
    }
    return NULL;
}

static void *pop_all(void *arg)
{
    intptr_t wrong = 0;
    size_t last[PUSHERS] = {0};
    (void)arg;
    while (load_acquire_u32(&popped_count) < TASKS) {
        struct pawl_task *some[5];
        unsigned count = pawl__inject_pop(&inject, some, 5);
        for (unsigned i = 0; i < count; i++) {
            size_t index = (size_t)(some[i] - tasks), pusher = index / (TASKS / PUSHERS);
            wrong += some[i]->value != some[i];
            wrong += index < last[pusher]; /* each pusher's come in its order */
            last[pusher] = index;
            fetch_add_acq_rel_u32(&seen[index], 1);
        }
        fetch_add_acq_rel_u32(&popped_count, count);
    }
    return (void *)wrong;
}

Test(inject, loses_and_doubles_nothing_between_threads)
{
    pthread_t pushers[PUSHERS], poppers[POPPERS];
    for (size_t i = 0; i < POPPERS; i++)
        cr_assert_eq(pthread_create(&poppers[i], NULL, pop_all, NULL), 0);
    for (size_t i = 0; i < PUSHERS; i++)
        cr_assert_eq(pthread_create(&pushers[i], NULL, push, (void *)i), 0);
    for (size_t i = 0; i < PUSHERS; i++)
        cr_assert_eq(pthread_join(pushers[i], NULL), 0);
    for (size_t i = 0; i < POPPERS; i++) {
        void *wrong = NULL;
        cr_assert_eq(pthread_join(poppers[i], &wrong), 0);
        cr_assert_null(wrong);
    }
    cr_assert_eq(load_acquire_u32(&popped_count), TASKS);
    for (size_t i = 0; i < TASKS; i++)
        cr_assert_eq(load_acquire_u32(&seen[i]), 1);
    cr_assert_eq(inject_length(&inject), 0);
}
