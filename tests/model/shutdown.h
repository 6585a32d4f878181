/* What the scenarios of shutdown.c and shutdown_whole.c have in common. */
#ifndef TESTS_MODEL_SHUTDOWN_H
#define TESTS_MODEL_SHUTDOWN_H

#include "tests/model/built.h"

#include <pawl/pawl.h>
#include <stdlib.h>

static int answer[2];
static unsigned calls;

static inline const char *name_of(int error)
{
    switch (error) {
    case 0:
        return "0";
    case -EALREADY:
        return "EALREADY";
    case -EBUSY:
        return "EBUSY";
    case -ECANCELED:
        return "ECANCELED";
    case -ESHUTDOWN:
        return "ESHUTDOWN";
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

static inline void *count_call(void *arg)
{
    free(arg);
    calls++;
    return NULL;
}

static inline void spawn(void *unused)
{
    void *arg = malloc(1);
    (void)unused;
    answer[0] = pawl_spawn(rt, count_call, arg, NULL);
    if (answer[0] != 0)
        free(arg);
}

/* Edge runtime.phase, cancelling: who is spawned sees the phase or is found by the walk over all headers. */
static inline void *wait_for_end(void *arg)
{
    free(arg);
    calls++;
    answer[1] = pawl_suspend_until(PAWL_NEVER);
    return NULL;
}

static inline void *spawn_child(void *unused)
{
    (void)unused;
    void *arg = malloc(1);
    answer[0] = pawl_spawn(NULL, wait_for_end, arg, NULL);
    if (answer[0] != 0)
        free(arg);
    return NULL;
}

static inline void *sleep_long(void *unused)
{
    (void)unused;
    calls++;
    uint64_t until_ns = pawl_now(NULL) + PAWL_SEC(1000);
    answer[0] = pawl_sleep_until(until_ns);
    MODEL_ASSERT(answer[0] == -ESHUTDOWN || pawl_now(NULL) >= until_ns); /* P5 */
    return NULL;
}

static struct pawl_timer timer;

static int status;

static inline void timer_called(struct pawl_timer *t, void *arg, int why)
{
    (void)arg;
    MODEL_ASSERT(t == &timer);
    calls++;
    status = why;
}

static inline void arm(void *unused)
{
    (void)unused;
    answer[0] = pawl_timer_arm(rt, &timer, monotonic_now_ns() + PAWL_SEC(1000));
}

static inline void cancel(void *unused)
{
    (void)unused;
    answer[0] = pawl_timer_cancel(&timer);
}

static inline void check_timer(void)
{
    MODEL_ASSERT(calls == 0 || (calls == 1 && status == -ESHUTDOWN));
    model_outcome("%s, called %u", name_of(answer[0]), calls);
}

static struct pawl_waker waker;

static struct pawl_task *handle;

static inline void *suspend(void *unused)
{
    (void)unused;
    pawl_self_waker(&waker);
    answer[1] = pawl_suspend_until(PAWL_NEVER);
    calls++;
    return &calls;
}

static inline void wake_and_drop(void *unused)
{
    (void)unused;
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
}

static inline void cancel_task(void *unused)
{
    (void)unused;
    answer[0] = pawl_task_cancel(handle);
    pawl_detach(handle);
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id##_ = {.name = #id, .about = text, .run = id, __VA_ARGS__};
#define ONLY(...) .outcomes = (const char *const[]){__VA_ARGS__, NULL}

#endif
