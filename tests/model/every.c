/* Functions that are called every so often, and waiting for the end of what is cancelled (sched/after.h): edge
 * after.control. P5 and P7: no call after a cancel that says so, none while or after pawl_cancel_wait has returned 0,
 * one last call by the shutdown. The runtime is built by hand, as in after.c.
 *
 * The argument is plain memory that each call writes, and that is freed by who is told that it is his. So two calls at
 * once, or one too late, are data races or uses after free; records and tasks that do not come back are leaks.
 *
 * Final states:
 *     cancel against return            0; -EINPROGRESS, and the call that ran was the last
 *     wait against return              0, and the argument may be freed; after: or -ENOENT
 *     two waits                        0 and 0, or 0 and -ENOENT
 *     wait that is cut short           -ETIMEDOUT, or 0
 *     shutdown against return          called with 0, then once with -ESHUTDOWN, unless it was cancelled */
#include "tests/model/built.h"

#include <stdlib.h>

static uint64_t id;
static unsigned *arg;  /* counts the calls */
static unsigned ended; /* calls, when all is over */
static int answer[2], last_status;
static uint64_t far; /* a tick at which everything is due */

static void called_back(void *memory, int status)
{
    ++*(unsigned *)memory;
    last_status = status;
}

static void called_once(void *memory, int status)
{
    last_status = status;
    free(memory);
}

static const char *name_of(int error)
{
    switch (error) {
    case 0:
        return "0";
    case -ENOENT:
        return "ENOENT";
    case -EINPROGRESS:
        return "EINPROGRESS";
    case -ESHUTDOWN:
        return "ESHUTDOWN";
    case -ETIMEDOUT:
        return "ETIMEDOUT";
    default:
        return "?";
    }
}

static void turn(struct worker *worker, struct shard *shard)
{
    pawl__worker_begin_round(worker);
    pawl__shard_turn(shard, far);
    pawl__worker_end_round(worker);
}

static bool no_room; /* for the next call's task beside the one that runs */

static void pend(int workers, bool once)
{
    build(workers);
    rt->stacks.limit = no_room ? 1 : 0;
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1));
    arg = malloc(sizeof *arg);
    *arg = 0;
    int error =
        once ? pawl_after(rt, PAWL_MS(1), called_once, arg, &id) : pawl_every(rt, PAWL_MS(1), called_back, arg, &id);
    MODEL_ASSERT(error == 0);
}

/* It is due, and the task that will call back waits in the queue of worker 0. */
static void set_up(int workers, bool once)
{
    pend(workers, once);
    for (unsigned i = 0; i < rt->port_count; i++)
        turn(be_worker(0), rt->ports[i].shard);
    be_plain();
}

static void take_argument(void)
{
    ended = *arg;
    free(arg);
    arg = NULL;
}

/* Whoever was not told otherwise would be called once more. */
static void end_all(void)
{
    for (unsigned i = 0; i < rt->worker_count; i++) {
        struct worker *worker = be_worker(i);
        turn(worker, worker->shard);
        work(worker);
    }
    be_plain();
    MODEL_ASSERT(pawl_cancel(rt, id) == -ENOENT);
    tear_down();
}

/* ---- threads ---- */

static void call(void *unused)
{
    (void)unused;
    work(be_worker(0));
    be_plain();
}

static void fire_and_call(void *unused)
{
    struct worker *worker = be_worker(1);
    (void)unused;
    turn(worker, rt->workers[0].shard);
    work(worker);
    be_plain();
}

static void close_and_call(void *unused)
{
    struct worker *worker = be_worker(1);
    (void)unused;
    close_shards(worker);
    work(worker);
    be_plain();
}

static void cancel_it(void *unused)
{
    (void)unused;
    answer[0] = pawl_cancel(rt, id);
    if (answer[0] == 0)
        take_argument();
}

static void wait_for_it(void *unused)
{
    (void)unused;
    answer[0] = pawl_cancel_wait(rt, id);
    if (answer[0] == 0)
        take_argument();
}

static void run_all(void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    unsigned t = model_spawn(first, NULL), u = model_spawn(second, NULL);
    unsigned v = third == NULL ? 0 : model_spawn(third, NULL);
    model_join(t);
    model_join(u);
    if (third != NULL)
        model_join(v);
}

/* ---- cancelling ---- */

static void check_cancel(void)
{
    if (answer[0] != 0) {
        unsigned before = *arg;
        MODEL_ASSERT(answer[0] == -EINPROGRESS && before > 0);
        end_all();
        MODEL_ASSERT(*arg == before);
        take_argument();
    } else {
        end_all();
    }
    model_outcome("%s, called %u", name_of(answer[0]), ended);
}

static void cancel_meets_return(void)
{
    set_up(1, false);
    run_all(call, cancel_it, NULL);
    struct shard *shard = rt->workers[0].shard;
    pawl__shard_settle(shard); /* nobody is to be awake for what has been cancelled */
    MODEL_ASSERT(load_relaxed_u64(&shard->next_deadline) == PAWL_NEVER);
    check_cancel();
}

/* Between two looks of the canceller's it has been called, and pends again. */
static void fire_as_well(void *unused)
{
    struct worker *worker = be_worker(0);
    (void)unused;
    turn(worker, rt->ports[0].shard);
    work(worker);
    be_plain();
}

static void cancel_meets_call(void)
{
    pend(1, false);
    run_all(fire_as_well, cancel_it, NULL);
    check_cancel();
}

static void cancel_meets_return_and_firing(void)
{
    set_up(2, false);
    run_all(call, cancel_it, fire_and_call);
    check_cancel();
}

/* Without a task for the next call it stays with the present one, which sleeps. */
static void cancel_meets_stay(void)
{
    no_room = true;
    set_up(1, false);
    run_all(call, cancel_it, NULL);
    check_cancel();
}

/* ---- waiting ---- */

static void wait_meets_return(void)
{
    set_up(1, false);
    run_all(call, wait_for_it, NULL);
    MODEL_ASSERT(answer[0] == 0 && ended == 1);
    end_all();
}

static void wait_meets_return_and_firing(void)
{
    set_up(2, false);
    run_all(call, wait_for_it, fire_and_call);
    MODEL_ASSERT(answer[0] == 0);
    model_outcome("called %u", ended);
    end_all();
}

static void wait_as_well(void *number)
{
    answer[(intptr_t)number] = pawl_cancel_wait(rt, id);
}

static void wait_and_look(void *number)
{
    wait_as_well(number);
    MODEL_ASSERT(answer[(intptr_t)number] != 0 || *arg == 1);
}

static void wait_meets_return_of_after(void)
{
    set_up(1, true);
    unsigned t = model_spawn(call, NULL), u = model_spawn(wait_as_well, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(last_status == 0); /* and visible */
    model_outcome("%s", name_of(answer[0]));
    end_all();
}

static void two_wait(void)
{
    set_up(1, false);
    unsigned t = model_spawn(call, NULL), u = model_spawn(wait_and_look, (void *)(intptr_t)0);
    unsigned v = model_spawn(wait_and_look, (void *)(intptr_t)1);
    model_join(t);
    model_join(u);
    model_join(v);
    MODEL_ASSERT(*arg == 1 && (answer[0] == 0 || answer[1] == 0));
    bool in_order = answer[0] >= answer[1];
    model_outcome("%s %s", name_of(answer[!in_order]), name_of(answer[in_order]));
    end_all();
    take_argument();
}

/* What who waits leaves on its stack is overwritten as soon as it goes on. */
static __attribute__((noipa)) void fill(uint64_t *memory, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        memory[i] = i;
}

static __attribute__((noipa)) void overwrite_stack(void)
{
    uint64_t waste[64];
    fill(waste, 64);
}

static void wait_a_while(void *unused)
{
    (void)unused;
    answer[0] = pawl_cancel_wait_until(rt, id, monotonic_now_ns() + PAWL_MS(1));
    overwrite_stack();
    if (answer[0] == 0)
        take_argument();
}

static void wait_is_cut_short(void)
{
    set_up(1, false);
    run_all(call, wait_a_while, NULL);
    end_all();
    if (answer[0] != 0)
        take_argument();
    MODEL_ASSERT(ended == 1);
    model_outcome("%s", name_of(answer[0]));
}

static void *wait_in_task(void *unused)
{
    wait_for_it(unused);
    return NULL;
}

static void work_as_other(void *unused)
{
    (void)unused;
    work(be_worker(1));
    be_plain();
}

static void task_waits(void)
{
    set_up(2, false);
    be_worker(1);
    MODEL_ASSERT(pawl_spawn(NULL, wait_in_task, NULL, NULL) == 0);
    be_plain();
    run_all(call, work_as_other, NULL);
    work(be_worker(0));
    work(be_worker(1));
    be_plain();
    MODEL_ASSERT(answer[0] == 0 && ended == 1);
    end_all();
}

/* ---- the end ---- */

static void shutdown_meets_return(void)
{
    set_up(2, false);
    run_all(call, close_and_call, NULL);
    end_all();
    MODEL_ASSERT(*arg == 2 && last_status == -ESHUTDOWN);
    take_argument();
}

static void shutdown_meets_return_and_cancel(void)
{
    set_up(2, false);
    run_all(call, close_and_call, cancel_it);
    end_all();
    if (answer[0] != 0)
        take_argument();
    MODEL_ASSERT(ended >= 1 || answer[0] == 0);
    model_outcome("%s, called %u, last with %s", name_of(answer[0]), ended, name_of(last_status));
}

#define SCENARIO(id_, text, ...)                                                                                       \
    static const struct model_scenario id_##_ = {.name = #id_, .about = text, .run = id_, __VA_ARGS__};
#define ONLY(...)                                                                                                      \
    .outcomes = (const char *const[])                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

SCENARIO(cancel_meets_return, "a call returns, and is filed again, as it is cancelled",
         ONLY("0, called 1", "EINPROGRESS, called 1"))
SCENARIO(cancel_meets_return_and_firing, "the same, and is due again at once",
         ONLY("0, called 1", "0, called 2", "EINPROGRESS, called 1", "EINPROGRESS, called 2"))
SCENARIO(cancel_meets_call, "it is called, and filed again, as it is cancelled",
         ONLY("0, called 0", "0, called 1", "EINPROGRESS, called 1"))
SCENARIO(cancel_meets_stay, "it is cancelled as it returns, and there is no room for another task",
         ONLY("0, called 1", "EINPROGRESS, called 1"))
SCENARIO(wait_meets_return, "a plain thread cancels it and waits", .outcomes = NULL)
SCENARIO(wait_meets_return_and_firing, "the same, and it is due again at once", ONLY("called 1", "called 2"))
SCENARIO(wait_meets_return_of_after, "the same with one that is called once", ONLY("0", "ENOENT"))
SCENARIO(two_wait, "two wait for the same end", ONLY("0 0", "0 ENOENT"))
SCENARIO(wait_is_cut_short, "a wait meets its deadline", .expirations = 1, ONLY("0", "ETIMEDOUT"))
SCENARIO(task_waits, "a task waits", .outcomes = NULL)
SCENARIO(shutdown_meets_return, "the shards are closed as a call returns", .outcomes = NULL)
SCENARIO(shutdown_meets_return_and_cancel, "the same, and it is cancelled", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&cancel_meets_return_,
                                                             &cancel_meets_return_and_firing_,
                                                             &cancel_meets_call_,
                                                             &cancel_meets_stay_,
                                                             &wait_meets_return_,
                                                             &wait_meets_return_and_firing_,
                                                             &wait_meets_return_of_after_,
                                                             &two_wait_,
                                                             &wait_is_cut_short_,
                                                             &task_waits_,
                                                             &shutdown_meets_return_,
                                                             &shutdown_meets_return_and_cancel_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
