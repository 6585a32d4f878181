/* The run queue: a ring for one owner and many thieves, and its slot. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sched/queue.h"

/* The queue never looks into a task: numbers from 1 will do. */
static struct pawl_task *task(uintptr_t number)
{
    return (struct pawl_task *)(void *)number;
}

static uintptr_t number(const struct pawl_task *task)
{
    return (uintptr_t)task;
}

static struct queue queue, own;

static void push_range(uintptr_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(pawl__queue_push(&queue, task(first + i)));
}

static void pop_range(uintptr_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(number(pawl__queue_pop(&queue)), first + i);
}

/* ---- the ring ---- */

Test(queue, is_empty_at_first)
{
    cr_assert_null(pawl__queue_pop(&queue));
    cr_assert_eq(queue_length(&queue), 0);
    cr_assert_not(queue_has_slot(&queue));
}

Test(queue, is_first_in_first_out)
{
    push_range(1, 10);
    cr_assert_eq(queue_length(&queue), 10);
    pop_range(1, 10);
    cr_assert_null(pawl__queue_pop(&queue));
}

Test(queue, is_full_at_its_capacity)
{
    push_range(1, QUEUE_CAPACITY - 1);
    cr_assert(pawl__queue_push(&queue, task(QUEUE_CAPACITY)));
    cr_assert_eq(queue_length(&queue), QUEUE_CAPACITY);
    cr_assert_not(pawl__queue_push(&queue, task(QUEUE_CAPACITY + 1)));
    cr_assert_eq(queue_length(&queue), QUEUE_CAPACITY);
    pop_range(1, 1);
    cr_assert(pawl__queue_push(&queue, task(QUEUE_CAPACITY + 1)));
    cr_assert_not(pawl__queue_push(&queue, task(QUEUE_CAPACITY + 2)));
    pop_range(2, QUEUE_CAPACITY);
    cr_assert_null(pawl__queue_pop(&queue));
}

Test(queue, wraps_around_at_every_fill)
{
    for (size_t fill = 1; fill <= QUEUE_CAPACITY; fill += fill < 4 || fill > QUEUE_CAPACITY - 4 ? 1 : 31) {
        for (uintptr_t round = 0; round < 3 * QUEUE_CAPACITY; round += fill) {
            push_range(1 + round, fill);
            pop_range(1 + round, fill);
        }
        cr_assert_null(pawl__queue_pop(&queue));
    }
}

Test(queue, goes_on_however_often_it_was_used)
{
    /* as after years: the indices are near the end of 32 bits, and beyond */
    static const uint64_t used[] = {UINT32_MAX - 5, (uint64_t)UINT32_MAX + 1, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        unsigned moved;
        store_release_u64(&queue.head, used[i]);
        store_release_u64(&queue.tail, used[i]);
        push_range(1, QUEUE_CAPACITY);
        cr_assert_not(pawl__queue_push(&queue, task(1000)));
        pop_range(1, 10);
        cr_assert_eq(number(pawl__queue_steal(&queue, &own, &moved)), 11);
        while (pawl__queue_pop(&queue) != NULL) {
        }
        while (pawl__queue_pop(&own) != NULL) {
        }
    }
}

/* ---- half of it ---- */

Test(queue, gives_its_older_half_when_it_is_full)
{
    struct pawl_task *older[QUEUE_CAPACITY / 2];
    push_range(1, QUEUE_CAPACITY);
    cr_assert_eq(pawl__queue_take_half(&queue, older), QUEUE_CAPACITY / 2);
    for (size_t i = 0; i < QUEUE_CAPACITY / 2; i++)
        cr_assert_eq(number(older[i]), 1 + i);
    cr_assert_eq(queue_length(&queue), QUEUE_CAPACITY / 2);
    pop_range(1 + QUEUE_CAPACITY / 2, QUEUE_CAPACITY / 2);
}

Test(queue, gives_no_half_when_it_holds_less)
{
    struct pawl_task *older[QUEUE_CAPACITY / 2];
    push_range(1, QUEUE_CAPACITY / 2 - 1);
    cr_assert_eq(pawl__queue_take_half(&queue, older), 0);
    pop_range(1, QUEUE_CAPACITY / 2 - 1);
}

Test(steal, takes_half_rounded_up_from_the_old_end)
{
    for (size_t fill = 0; fill <= QUEUE_CAPACITY; fill++) {
        unsigned moved = 0;
        size_t half = fill - fill / 2;
        push_range(1, fill);
        struct pawl_task *first = pawl__queue_steal(&queue, &own, &moved);
        if (fill == 0) {
            cr_assert_null(first);
            continue;
        }
        cr_assert_eq(number(first), 1);
        cr_assert_eq(moved, half);
        cr_assert_eq(queue_length(&own), half - 1);
        for (size_t i = 1; i < half; i++)
            cr_assert_eq(number(pawl__queue_pop(&own)), 1 + i);
        cr_assert_null(pawl__queue_pop(&own));
        pop_range(1 + half, fill - half);
        cr_assert_null(pawl__queue_pop(&queue));
    }
}

Test(steal, leaves_the_slot_alone)
{
    unsigned moved = 0;
    cr_assert_null(queue_put_slot(&queue, task(7)));
    cr_assert_null(pawl__queue_steal(&queue, &own, &moved));
    push_range(1, 1);
    cr_assert_eq(number(pawl__queue_steal(&queue, &own, &moved)), 1);
    cr_assert_eq(moved, 1);
    cr_assert(queue_has_slot(&queue));
    cr_assert_eq(number(queue_take_slot(&queue)), 7);
}

/* ---- the slot ---- */

Test(slot, holds_the_last_that_was_put)
{
    cr_assert_null(queue_take_slot(&queue));
    cr_assert_null(queue_put_slot(&queue, task(1)));
    cr_assert(queue_has_slot(&queue));
    cr_assert_eq(number(queue_put_slot(&queue, task(2))), 1);
    cr_assert_eq(number(queue_put_slot(&queue, task(3))), 2);
    cr_assert_eq(queue_length(&queue), 0);
    cr_assert_null(pawl__queue_pop(&queue));
    cr_assert_eq(number(queue_take_slot(&queue)), 3);
    cr_assert_null(queue_take_slot(&queue));
    cr_assert_not(queue_has_slot(&queue));
}

/* ---- an owner and two thieves ---- */

enum { TASKS = 200000, THIEVES = 2 };

static PAWL_ATOMIC(uint32_t) taken[TASKS + 1];
static PAWL_ATOMIC(uint32_t) over, failures;

static void take(struct pawl_task *stolen)
{
    uintptr_t n = number(stolen);
    if (n == 0 || n > TASKS || fetch_add_acq_rel_u32(&taken[n], 1) != 0)
        fetch_add_acq_rel_u32(&failures, 1);
}

static void *thief(void *arg)
{
    struct queue *mine = arg;
    struct pawl_task *stolen;
    bool once_more = true;
    while (once_more) {
        once_more = load_acquire_u32(&over) == 0;
        unsigned moved = 0, seen = 1;
        uintptr_t last = 0;
        if ((stolen = pawl__queue_steal(&queue, mine, &moved)) != NULL) {
            for (; stolen != NULL; stolen = pawl__queue_pop(mine), seen += stolen != NULL) {
                if (number(stolen) <= last) /* the owner pushes in order */
                    fetch_add_acq_rel_u32(&failures, 1);
                last = number(stolen);
                take(stolen);
            }
            if (seen != moved)
                fetch_add_acq_rel_u32(&failures, 1);
        }
        if ((stolen = queue_take_slot(&queue)) != NULL)
            take(stolen);
    }
    return NULL;
}

static void expect_each_taken_once(void)
{
    cr_assert_eq(load_acquire_u32(&failures), 0);
    for (size_t i = 1; i <= TASKS; i++)
        cr_assert_eq(load_acquire_u32(&taken[i]), 1, "task %zu", i);
}

/* What the owner does with the next task that it has. */
static void own_turn(uintptr_t n, unsigned *dice)
{
    struct pawl_task *former;
    struct pawl_task *half[QUEUE_CAPACITY / 2];
    switch (rand_r(dice) % 8) {
    case 0:
        if ((former = queue_put_slot(&queue, task(n))) != NULL)
            take(former);
        return;
    case 1:
        if ((former = pawl__queue_pop(&queue)) != NULL)
            take(former);
        break;
    default:
        break;
    }
    while (!pawl__queue_push(&queue, task(n))) {
        unsigned count = pawl__queue_take_half(&queue, half);
        for (unsigned i = 0; i < count; i++)
            take(half[i]);
    }
}

Test(steal, loses_and_doubles_nothing_against_the_owner_and_other_thieves)
{
    static struct queue queues[THIEVES];
    pthread_t threads[THIEVES];
    unsigned dice = 12345;
    struct pawl_task *left;
    for (size_t i = 0; i < THIEVES; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thief, &queues[i]), 0);
    for (uintptr_t n = 1; n <= TASKS; n++)
        own_turn(n, &dice);
    store_release_u32(&over, 1);
    while ((left = pawl__queue_pop(&queue)) != NULL || (left = queue_take_slot(&queue)) != NULL)
        take(left);
    for (size_t i = 0; i < THIEVES; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    expect_each_taken_once();
}

struct payload {
    uint64_t value; /* plain: ThreadSanitizer looks on */
};

enum { PAYLOADS = 20000 };

static struct payload payloads[PAYLOADS];

static void *read_stolen(void *arg)
{
    uint64_t sum = 0;
    struct pawl_task *stolen;
    for (size_t count = 0; count < PAYLOADS;) {
        unsigned moved;
        for (stolen = pawl__queue_steal(&queue, &own, &moved); stolen != NULL; stolen = pawl__queue_pop(&own)) {
            sum += ((struct payload *)(void *)stolen)->value;
            count++;
        }
        if ((stolen = queue_take_slot(&queue)) != NULL) {
            sum += ((struct payload *)(void *)stolen)->value;
            count++;
        }
    }
    *(uint64_t *)arg = sum;
    return NULL;
}

Test(steal, hands_over_what_the_task_points_to)
{
    pthread_t thread;
    uint64_t sum = 0, expected = 0;
    cr_assert_eq(pthread_create(&thread, NULL, read_stolen, &sum), 0);
    for (size_t i = 0; i < PAYLOADS; i++) {
        struct pawl_task *next = (struct pawl_task *)(void *)&payloads[i];
        payloads[i].value = i * i;
        expected += i * i;
        if (i % 4 == 0)
            next = queue_put_slot(&queue, next);
        while (next != NULL && !pawl__queue_push(&queue, next)) {
        }
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(sum, expected);
}
