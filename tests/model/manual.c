/* The manual clock: whoever holds the driver moves it when everything is at rest, however late the others go to sleep
 * and however late it is asked to.
 *
 * Edge manual.rest: no wait here expires, so a holder that is not told shows as a deadlock. What the callback writes is
 * visible to who advanced: a missing edge is a data race.
 *
 * Final state of each: the timer has fired once, the clock reads what was asked for, everything is free. */
#include "tests/model/built.h"

#include <pawl/pawl.h>

enum { DUE_NS = 1000 };

static struct pawl_timer timer;
static unsigned calls;
static int answer[2];

static void on_fire(struct pawl_timer *t, void *arg, int status)
{
    MODEL_ASSERT(t == &timer && arg == &calls && (status == 0 || status == -ESHUTDOWN));
    MODEL_ASSERT(status != 0 || pawl_now(NULL) == DUE_NS);
    ++calls;
}

static void build_manual(int workers)
{
    build_on(workers, PAWL_CLOCK_MANUAL);
    be_plain();
    pawl_timer_init(&timer, on_fire, &calls);
    MODEL_ASSERT(pawl_timer_arm(rt, &timer, DUE_NS) == 0);
}

/* ---- who goes to sleep, who holds the driver, who asks ---- */

/* Once for each step, which leaves the driver. */
static void park_once(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    park(worker);
    MODEL_ASSERT(calls == 1);
}

static void park_until_advanced(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    park(worker);
    park(worker);
}

static void go_to_sleep(void *unused)
{
    (void)unused;
    be_worker(1);
    idle_announce(&rt->idle, 1, false);
    pawl__runtime_quiet(rt);
}

static void auto_advance(void *unused)
{
    (void)unused;
    be_plain();
    answer[0] = pawl_clock_auto_advance(rt, true);
}

static void advance(void *unused)
{
    (void)unused;
    be_plain();
    answer[0] = pawl_clock_advance(rt, 2 * DUE_NS);
    MODEL_ASSERT(answer[0] != 0 || (calls == 1 && pawl_now(rt) == 2 * DUE_NS));
}

static void close_clock(void *unused)
{
    (void)unused;
    close_shards(be_worker(0));
}

static void run_two(void (*one)(void *), void (*other)(void *))
{
    unsigned a = model_spawn(one, NULL), b = model_spawn(other, NULL);
    model_join(a);
    model_join(b);
    MODEL_ASSERT(calls == 1);
    for (unsigned i = 0; i < rt->worker_count; i++)
        idle_claim(&rt->idle, i, false);
    tear_down();
}

/* ---- the scenarios ---- */

static void last_to_sleep(void)
{
    build_manual(2);
    rt->manual.auto_advance = true;
    run_two(park_once, go_to_sleep);
    MODEL_ASSERT(answer[0] == 0);
}

static void asked_by_itself(void)
{
    build_manual(1);
    run_two(park_once, auto_advance);
    MODEL_ASSERT(answer[0] == 0);
}

static void asked_to_advance(void)
{
    build_manual(1);
    run_two(park_until_advanced, advance);
    MODEL_ASSERT(answer[0] == 0);
}

static void advance_meets_close(void)
{
    build_manual(1);
    run_two(close_clock, advance);
    MODEL_ASSERT(answer[0] == -ESHUTDOWN);
}

/* ---- the whole ---- */

static void *sleep_until_due(void *arg)
{
    MODEL_ASSERT(pawl_sleep_until(DUE_NS / 2) == 0 && pawl_now(NULL) == DUE_NS / 2);
    return arg;
}

static void whole(int workers)
{
    struct pawl_task *task;
    build_manual(workers);
    MODEL_ASSERT(pawl_spawn(rt, sleep_until_due, &calls, &task) == 0);
    MODEL_ASSERT(start_workers(rt) == 0);
    advance(NULL);
    MODEL_ASSERT(answer[0] == 0 && pawl_join(task, NULL) == 0);
    pawl__runtime_stop(rt);
    pawl__registry_remove(rt);
    MODEL_ASSERT(pawl__runtime_live_tasks(rt) == 0);
    fini(rt);
}

static void whole_1(void)
{
    whole(1);
}

static void whole_2(void)
{
    whole(2);
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id##_ = {.name = #id, .about = text, .run = id, __VA_ARGS__};

SCENARIO(last_to_sleep, "the last worker goes to sleep while the driver's holder does", .bound = 0)
SCENARIO(asked_by_itself, "auto-advance is turned on while the only worker goes to sleep", .bound = 0)
SCENARIO(asked_to_advance, "a thread advances while the only worker goes to sleep", .bound = 0)
SCENARIO(advance_meets_close, "a thread advances while everything begins to be cancelled", .bound = 0)
SCENARIO(whole_1, "a worker, a task that sleeps, a thread that advances", .bound = 2)
SCENARIO(whole_2, "the same with two workers", .bound = 2)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &last_to_sleep_, &asked_by_itself_, &asked_to_advance_, &advance_meets_close_, &whole_1_, &whole_2_, NULL};
    return model_main(argc, argv, scenarios);
}
