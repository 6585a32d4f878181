/* Run queue: each task is taken exactly once, by the owner or by a thief, and what was written before the push is
 * visible to whoever takes it (edges queue.tail, queue.head, queue.slot).
 *
 * Every task carries plain data that its pusher wrote and its taker writes: the checker's race detector is the
 * assertion of the edges, the count of takers that of conservation. Final states: every task pushed was taken once. */
#include "sched/queue.h"
#include "sched/task.h"
#include "tools/model/model.h"

enum { TASKS = 8 };

static struct queue queue, other, third;
static struct pawl_task tasks[TASKS];
static int taken[TASKS];

static void push(struct queue *to, unsigned i)
{
    tasks[i].value = &tasks[i];
    MODEL_ASSERT(pawl__queue_push(to, &tasks[i]));
}

static void take(struct pawl_task *task)
{
    if (task == NULL)
        return;
    MODEL_ASSERT(task->value == task);
    task->value = NULL; /* a second taker races with this, and finds it */
    taken[task - tasks]++;
}

static void drain(struct queue *from)
{
    struct pawl_task *task;
    while ((task = pawl__queue_pop(from)) != NULL)
        take(task);
    while ((task = queue_unchain(from, queue_take_slot(from))) != NULL)
        take(task);
}

static void expect_all_taken(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        MODEL_ASSERT(taken[i] == 1);
}

static void steal_into(struct queue *own)
{
    unsigned moved = 0;
    take(pawl__queue_steal(&queue, own, &moved));
    drain(own);
}

static void thief(void *arg)
{
    steal_into(arg);
}

static void one_thief(void)
{
    unsigned t = model_spawn(thief, &other);
    push(&queue, 0);
    push(&queue, 1);
    take(pawl__queue_pop(&queue));
    push(&queue, 2);
    take(pawl__queue_pop(&queue));
    model_join(t);
    drain(&queue);
    expect_all_taken(3);
}

static void two_thieves(void)
{
    push(&queue, 0);
    push(&queue, 1);
    unsigned t = model_spawn(thief, &other), u = model_spawn(thief, &third);
    take(pawl__queue_pop(&queue));
    push(&queue, 2);
    model_join(t);
    model_join(u);
    drain(&queue);
    expect_all_taken(3);
}

/* The ring is full: its older half is to move away, unless a thief was quicker. */
static void overflow(void)
{
    struct pawl_task *older[QUEUE_CAPACITY / 2];
    for (unsigned i = 0; i < QUEUE_CAPACITY; i++)
        push(&queue, i);
    unsigned t = model_spawn(thief, &other);
    tasks[QUEUE_CAPACITY].value = &tasks[QUEUE_CAPACITY];
    while (!pawl__queue_push(&queue, &tasks[QUEUE_CAPACITY])) {
        unsigned count = pawl__queue_take_half(&queue, older);
        for (unsigned i = 0; i < count; i++)
            take(older[i]);
    }
    model_join(t);
    drain(&queue);
    expect_all_taken(QUEUE_CAPACITY + 1);
}

/* Places are written a second time: a thief that read the first task there must not get the second one. */
static void wrap_around(void)
{
    for (unsigned i = 0; i < QUEUE_CAPACITY; i++)
        push(&queue, i);
    unsigned t = model_spawn(thief, &other);
    for (unsigned i = 0; i < 2; i++)
        take(pawl__queue_pop(&queue));
    for (unsigned i = QUEUE_CAPACITY; i < QUEUE_CAPACITY + 2; i++)
        push(&queue, i);
    model_join(t);
    drain(&queue);
    expect_all_taken(QUEUE_CAPACITY + 2);
}

static void slot_thief(void *arg)
{
    (void)arg;
    take(queue_take_slot(&queue));
}

/* The owner replaces and takes what lies in the slot while a thief takes it. */
static void slot(void)
{
    struct pawl_task *former;
    unsigned t = model_spawn(slot_thief, NULL);
    for (unsigned i = 0; i < 2; i++)
        tasks[i].value = &tasks[i];
    MODEL_ASSERT(queue_put_slot(&queue, &tasks[0]) == NULL);
    former = queue_put_slot(&queue, &tasks[1]);
    MODEL_ASSERT(former == NULL || former == &tasks[0]);
    take(former);
    take(queue_take_slot(&queue));
    model_join(t);
    expect_all_taken(2);
}

static void chain_thief(void *own)
{
    take(queue_unchain(own, queue_take_slot(&queue)));
    drain(own);
}

/* A task is in the slot, two others are chained to it, and the owner takes them one by one while a thief takes what is
 * there. */
static void chain(void)
{
    unsigned t = model_spawn(chain_thief, &other);
    for (unsigned i = 0; i < 3; i++)
        tasks[i].value = &tasks[i];
    tasks[1].next = &tasks[2];
    MODEL_ASSERT(queue_put_slot(&queue, &tasks[0]) == NULL);
    pawl__queue_append_to_slot(&queue, &tasks[1]);
    for (unsigned i = 0; i < 3; i++)
        take(queue_unchain(&queue, queue_take_slot(&queue)));
    model_join(t);
    drain(&queue);
    expect_all_taken(3);
}

/* A thief steals from a queue whose owner is stealing from another one. */
static void middle(void *arg)
{
    unsigned moved = 0;
    (void)arg;
    take(pawl__queue_steal(&queue, &other, &moved));
    take(pawl__queue_pop(&other));
}

static void last(void *arg)
{
    unsigned moved = 0;
    (void)arg;
    take(pawl__queue_steal(&other, &third, &moved));
}

static void chained(void)
{
    for (unsigned i = 0; i < QUEUE_CAPACITY; i++)
        push(&queue, i);
    unsigned t = model_spawn(middle, NULL), u = model_spawn(last, NULL);
    take(pawl__queue_pop(&queue));
    model_join(t);
    model_join(u);
    drain(&queue);
    drain(&other);
    drain(&third);
    expect_all_taken(QUEUE_CAPACITY);
}

/* The length seen from outside never exceeds the capacity, however stale. */
static void observer(void *arg)
{
    (void)arg;
    MODEL_ASSERT(queue_length(&queue) <= QUEUE_CAPACITY);
}

static void length(void)
{
    push(&queue, 0);
    unsigned t = model_spawn(observer, NULL), u = model_spawn(thief, &other);
    push(&queue, 1);
    take(pawl__queue_pop(&queue));
    push(&queue, 2);
    model_join(t);
    model_join(u);
    drain(&queue);
    expect_all_taken(3);
}

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        {.name = "one_thief", .about = "push and pop against one thief", .run = one_thief},
        {.name = "two_thieves", .about = "push and pop against two thieves", .run = two_thieves},
        {.name = "overflow", .about = "a full ring gives its older half away, against a thief", .run = overflow},
        {.name = "wrap_around", .about = "places are used again while a thief has read them", .run = wrap_around},
        {.name = "slot", .about = "the slot is replaced and taken, against a thief", .run = slot},
        {.name = "chain", .about = "several tasks in the slot, against a thief", .run = chain},
        {.name = "chained", .about = "a thief of a thief", .run = chained},
        {.name = "length", .about = "the length as seen from outside", .run = length},
    };
    static const struct model_scenario *const scenarios[] = {&all[0], &all[1], &all[2], &all[3],
                                                             &all[4], &all[5], &all[6], &all[7], NULL};
    return model_main(argc, argv, scenarios);
}
