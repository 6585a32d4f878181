/* What the scenarios of waker.c and waiter.c have in common. */
#ifndef TESTS_MODEL_WAKER_H
#define TESTS_MODEL_WAKER_H

#include "sched/sleep.h"
#include "tests/model/built.h"

#include <pawl/pawl.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct pawl_waker waker, second;
static int answer[2];
static unsigned ended;
static unsigned written[2]; /* plain: by who wakes or grants, before that */

static inline const char *name_of(int error)
{
    switch (error) {
    case 0:
        return "0";
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

static inline void run_two(void (*first)(void *), void (*other)(void *))
{
    unsigned t = model_spawn(first, NULL), u = model_spawn(other, NULL);
    model_join(t);
    model_join(u);
}

static inline void run_three(void (*first)(void *), void (*other)(void *), void (*third)(void *))
{
    unsigned t = model_spawn(first, NULL), u = model_spawn(other, NULL), v = model_spawn(third, NULL);
    model_join(t);
    model_join(u);
    model_join(v);
}

static inline void work_as_worker(void *unused)
{
    (void)unused;
    work(be_worker(0));
    be_plain();
}

static inline void wake(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_waker_wake(&waker);
}

static inline void wake_and_drop(void *unused)
{
    wake(unused);
    pawl_waker_drop(&waker);
}

static inline void work_until_ended(void *unused)
{
    struct worker *worker = be_worker(0);
    (void)unused;
    while (pawl__runtime_live_tasks(rt) != 0) {
        work(worker);
        if (pawl__runtime_live_tasks(rt) != 0)
            model_yield();
    }
    be_plain();
}

/* Everything ends: as pawl_runtime_destroy does when all tasks have ended. */
static inline void work_and_destroy(void *unused)
{
    work_until_ended(unused);
    pawl__registry_remove(rt);
    pawl__rcu_synchronize();
    fini(rt);
}

/* Runs a task's first step. */
static inline void start_task(pawl_task_fn *fn)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, fn, NULL, NULL) == 0);
    struct worker *worker = be_worker(0);
    run(worker, next_task(worker));
    be_plain();
}

/* Runs it until it suspends. */
static inline void suspend_task(pawl_task_fn *fn)
{
    start_task(fn);
    work_as_worker(NULL);
}

static inline void finish_work(void)
{
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(ended == 1);
}

static inline void cancel(void)
{
    struct pawl_task *task = (struct pawl_task *)waker.pawl_private[0];
    int error = pawl_task_cancel(task);
    MODEL_ASSERT(error == 0 || error == -EALREADY);
}

/* The next task of this worker is not woken for the one before it, whose waker is still there. */
static inline void *suspend_as_next(void *arg)
{
    pawl_self_waker(&second);
    answer[1] = pawl_suspend_until(PAWL_NEVER);
    ended++;
    return arg;
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id##_ = {.name = #id, .about = text, .run = id, __VA_ARGS__};
#define ONLY(...)                                                                                                      \
    .outcomes = (const char *const[])                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

#endif
