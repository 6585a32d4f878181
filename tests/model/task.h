/* What the scenarios of task.c and task_suspend.c have in common. */
#ifndef TESTS_MODEL_TASK_H
#define TESTS_MODEL_TASK_H

#include "sched/spawn.h"
#include "tests/model/built.h"

#include <pawl/pawl.h>
#include <stdatomic.h>

static int answer[3];

static inline const char *name_of(int error)
{
    switch (error) {
    case 0:
        return "0";
    case -EALREADY:
        return "EALREADY";
    case -ECANCELED:
        return "ECANCELED";
    case -ESHUTDOWN:
        return "ESHUTDOWN";
    case -ETIMEDOUT:
        return "ETIMEDOUT";
    default:
        return "?";
    }
}

static inline void run_two(void (*first)(void *), void (*second)(void *))
{
    unsigned t = model_spawn(first, NULL), u = model_spawn(second, NULL);
    model_join(t);
    model_join(u);
}

static inline void run_three(void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    unsigned t = model_spawn(first, NULL), u = model_spawn(second, NULL), v = model_spawn(third, NULL);
    model_join(t);
    model_join(u);
    model_join(v);
}

static struct pawl_task *task;

static int result; /* plain: written by the task */

/* What a joiner leaves on its stack is overwritten as soon as it goes on. */
static __attribute__((noipa, unused)) void fill(uint64_t *memory, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        memory[i] = i;
}

static __attribute__((noipa, unused)) void overwrite_stack(void)
{
    uint64_t waste[64];
    fill(waste, 64);
}

static inline void join_as(unsigned i, uint64_t deadline_ns)
{
    void *value = NULL;
    answer[i] = pawl_join_until(task, deadline_ns, &value);
    overwrite_stack();
    MODEL_ASSERT(answer[i] == 0 || answer[i] == -ETIMEDOUT);
    MODEL_ASSERT((answer[i] == 0) == (value == &result));
    MODEL_ASSERT(answer[i] != 0 || result == 1);
    if (answer[i] != 0)
        pawl_detach(task);
}

static inline void join_first(void *unused)
{
    (void)unused;
    join_as(0, PAWL_NEVER);
}

static inline void join_second(void *unused)
{
    (void)unused;
    join_as(1, PAWL_NEVER);
}

static inline void cancel(void *unused)
{
    (void)unused;
    answer[0] = pawl_task_cancel(task);
    MODEL_ASSERT(answer[0] == 0 || answer[0] == -EALREADY);
    MODEL_ASSERT(answer[0] == 0 || (task_life(task) == TASK_FINISHED && result == 1));
    pawl_detach(task);
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id##_ = {.name = #id, .about = text, .run = id, __VA_ARGS__};
#define ONLY(...)                                                                                                      \
    .outcomes = (const char *const[])                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

#endif
