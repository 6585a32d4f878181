/* Timers by id (sched/after.h): P5, exactly one outcome, and P7, the argument is owned by exactly one. Edges
 * after.control and after.table. The runtime is built by hand: a firing thread turns the shard and runs the tasks as a
 * worker does, plain threads arm and cancel.
 *
 * The argument is memory that its owner frees: the callback, or whoever got 0 from pawl_cancel, or an error from
 * pawl_after. So a double free or a leak says that the answers and what happened disagree, and a race that the memory
 * was handed over without an edge. Records and tasks that do not come back are leaks too.
 *
 * Final states:
 *     cancel against firing      0, not called; -EINPROGRESS or -ENOENT, called once with 0
 *     two cancels                one 0, the other -ENOENT; not called
 *     cancel against shutdown    0, not called; -EINPROGRESS or -ENOENT, called once with -ESHUTDOWN
 *     after against shutdown     0, called once with -ESHUTDOWN; -ESHUTDOWN, not called
 *     stale id, record reused    never touches the timer that has the record now */
#include "tests/model/built.h"

#include <stdlib.h>

static uint64_t id[2];
static unsigned *arg[2]; /* each holds its index */
static unsigned calls[2];
static int status[2];
static uint64_t far; /* a tick at which everything is due */

static void called_back(void *memory, int why)
{
    unsigned i = *(unsigned *)memory;
    MODEL_ASSERT(pawl_cancel(rt, id[i]) == -EINPROGRESS); /* the id is there, and does not mean the next timer */
    free(memory);
    calls[i]++;
    status[i] = why;
}

static int arm(unsigned i)
{
    arg[i] = malloc(sizeof *arg[i]);
    *arg[i] = i;
    int error = pawl_after(rt, PAWL_MS(1), called_back, arg[i], &id[i]);
    if (error != 0)
        free(arg[i]);
    return error;
}

static int cancel(unsigned i)
{
    int error = pawl_cancel(rt, id[i]);
    if (error == 0)
        free(arg[i]);
    return error;
}

static void set_up(void)
{
    build(1);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1));
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
    default:
        return "?";
    }
}

/* ---- threads ---- */

static int answer[2];

/* In the shard that plain threads arm into. */
static void fire_until(struct worker *worker, uint64_t tick)
{
    pawl__worker_begin_round(worker);
    pawl__shard_turn(rt->ports[0].shard, tick);
    pawl__worker_end_round(worker);
    work(worker);
}

static void fire_all(void *unused)
{
    (void)unused;
    fire_until(be_worker(0), far);
}

static void close_all(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    close_shards(worker);
    work(worker);
}

static bool alone; /* nobody else cancels */

static void cancel_first(void *unused)
{
    (void)unused;
    answer[0] = cancel(0);
    MODEL_ASSERT(!alone || answer[0] != -ENOENT || calls[0] == 1); /* it has ended, and all that it did is visible */
}

static void cancel_first_too(void *unused)
{
    (void)unused;
    answer[1] = cancel(0);
}

static void arm_second(void *unused)
{
    (void)unused;
    answer[1] = arm(1);
}

/* ---- one timer ---- */

static void check_one(int cancelled)
{
    MODEL_ASSERT(calls[0] == (cancelled != 0));
    model_outcome("cancel %s, called %u with %s", name_of(cancelled), calls[0], name_of(status[0]));
    tear_down();
}

static void against(void (*thread)(void *))
{
    set_up();
    alone = true;
    MODEL_ASSERT(arm(0) == 0);
    unsigned t = model_spawn(thread, NULL), u = model_spawn(cancel_first, NULL);
    model_join(t);
    model_join(u);
    check_one(answer[0]);
}

static void cancel_against_firing(void)
{
    against(fire_all);
}

static void cancel_against_shutdown(void)
{
    against(close_all);
}

static void check_two(void)
{
    bool first = answer[0] == 0, second = answer[1] == 0;
    MODEL_ASSERT(!first || !second);
    MODEL_ASSERT(calls[0] == (!first && !second));
    MODEL_ASSERT((!first && !second) || answer[first] == -ENOENT);
    const char *a = name_of(answer[0]), *b = name_of(answer[1]);
    bool in_order = strcmp(a, b) < 0;
    model_outcome("called %u, %s %s", calls[0], in_order ? a : b, in_order ? b : a);
}

static void two_cancels(void)
{
    set_up();
    MODEL_ASSERT(arm(0) == 0);
    unsigned t = model_spawn(cancel_first, NULL), u = model_spawn(cancel_first_too, NULL);
    model_join(t);
    model_join(u);
    check_two();
    tear_down();
}

static void two_cancels_against_firing(void)
{
    set_up();
    MODEL_ASSERT(arm(0) == 0);
    unsigned t = model_spawn(fire_all, NULL), u = model_spawn(cancel_first, NULL), v = model_spawn(cancel_first_too, NULL);
    model_join(t);
    model_join(u);
    model_join(v);
    check_two();
    tear_down();
}

/* ---- reuse of a record ---- */

static uint64_t place_of(uint64_t timer)
{
    return timer & 0xffffff;
}

static void check_second(void)
{
    MODEL_ASSERT(id[1] != id[0] && id[1] != 0);
    MODEL_ASSERT(calls[1] == 0 && cancel(1) == 0); /* nobody has touched it */
    model_outcome("first: called %u, %s; record %s", calls[0], name_of(answer[0]),
                  place_of(id[0]) == place_of(id[1]) ? "reused" : "not reused");
    tear_down();
}

static void cancel_and_arm(void *unused)
{
    (void)unused;
    answer[1] = cancel(0);
    MODEL_ASSERT(arm(1) == 0);
}

static void stale_after_cancel(void)
{
    set_up();
    MODEL_ASSERT(arm(0) == 0);
    unsigned t = model_spawn(cancel_first, NULL), u = model_spawn(cancel_and_arm, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT((answer[0] == 0) != (answer[1] == 0));
    check_second();
}

/* As who comes second frees the record, the first one's last look at it must be over. */
static void cancel_then_arm(void *unused)
{
    (void)unused;
    answer[0] = cancel(0);
    MODEL_ASSERT(arm(1) == 0);
}

static void reused_by_canceller(void)
{
    set_up();
    MODEL_ASSERT(arm(0) == 0);
    unsigned t = model_spawn(fire_all, NULL), u = model_spawn(cancel_then_arm, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(calls[0] == (answer[0] != 0));
    MODEL_ASSERT(calls[1] == 1 || cancel(1) == 0);
    model_outcome("first: called %u, %s; record %s", calls[0], name_of(answer[0]),
                  place_of(id[0]) == place_of(id[1]) ? "reused" : "not reused");
    tear_down();
}

static void fire_and_arm(void *unused)
{
    struct worker *worker = be_worker(0);
    (void)unused;
    fire_until(worker, far);
    MODEL_ASSERT(arm(1) == 0); /* into the worker's own shard, with a record from its own cache */
}

static void stale_after_firing(void)
{
    set_up();
    alone = true;
    MODEL_ASSERT(arm(0) == 0);
    unsigned t = model_spawn(fire_and_arm, NULL), u = model_spawn(cancel_first, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(calls[0] == (answer[0] != 0));
    check_second();
}

/* ---- arming ---- */

static void arm_first(void *unused)
{
    (void)unused;
    answer[0] = arm(0);
}

static void from_two_threads(void)
{
    set_up();
    unsigned t = model_spawn(arm_first, NULL), u = model_spawn(arm_second, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 0 && id[0] != id[1] && id[0] != 0 && id[1] != 0);
    fire_until(be_worker(0), far);
    MODEL_ASSERT(calls[0] == 1 && calls[1] == 1 && status[0] == 0 && status[1] == 0);
    tear_down();
}

/* With a record that was in use before. */
static void prepare_reuse(void)
{
    set_up();
    MODEL_ASSERT(arm(0) == 0 && cancel(0) == 0);
}

static void arm_against_shutdown(void)
{
    prepare_reuse();
    unsigned t = model_spawn(close_all, NULL), u = model_spawn(arm_second, NULL);
    model_join(t);
    model_join(u);
    work(be_worker(0));
    MODEL_ASSERT(calls[1] == (answer[1] == 0) && answer[1] == (calls[1] == 1 ? 0 : -ESHUTDOWN));
    MODEL_ASSERT(calls[1] == 0 || status[1] == -ESHUTDOWN);
    model_outcome("arm %s, called %u", name_of(answer[1]), calls[1]);
    tear_down();
}

static void arm_against_firing(void)
{
    prepare_reuse();
    unsigned t = model_spawn(fire_all, NULL), u = model_spawn(arm_second, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(answer[1] == 0);
    model_outcome("called %u at once", calls[1]);
    fire_until(be_worker(0), far);
    MODEL_ASSERT(calls[1] == 1 && status[1] == 0);
    tear_down();
}

/* The next id of the record that prepare_reuse used: a stranger may know it while the timer is being armed. */
static void cancel_guessed(void *unused)
{
    (void)unused;
    answer[0] = pawl_cancel(rt, id[0] + (UINT64_C(1) << 24));
}

static void finish_guessed(void (*thread)(void *))
{
    prepare_reuse();
    unsigned t = thread == NULL ? 0 : model_spawn(thread, NULL);
    unsigned u = model_spawn(arm_second, NULL), v = model_spawn(cancel_guessed, NULL);
    if (thread != NULL)
        model_join(t);
    model_join(u);
    model_join(v);
    fire_until(be_worker(0), far);
    MODEL_ASSERT(calls[1] == (answer[1] == 0 && answer[0] != 0));
    if (answer[1] == 0 && answer[0] == 0)
        free(arg[1]);
    model_outcome("arm %s, cancel %s", name_of(answer[1]), name_of(answer[0]));
    tear_down();
}

static void guessed_id(void)
{
    finish_guessed(NULL);
}

static void guessed_id_against_shutdown(void)
{
    finish_guessed(close_all);
}

/* A record that nobody has used before is put into the table while somebody looks there. */
static void guess_first(void *unused)
{
    (void)unused;
    answer[0] = pawl_cancel(rt, rt->afters.first_generation << 24);
}

static void guessed_id_of_new_record(void)
{
    set_up();
    unsigned t = model_spawn(arm_second, NULL), u = model_spawn(guess_first, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(answer[1] == 0 && (answer[0] == 0 || answer[0] == -ENOENT));
    fire_until(be_worker(0), far);
    MODEL_ASSERT(calls[1] == (answer[0] != 0));
    if (answer[0] == 0)
        free(arg[1]);
    model_outcome("cancel %s", name_of(answer[0]));
    tear_down();
}

/* The same with a table that is there, but records whose memory is new. */
static void ignore(void *unused, int why)
{
    (void)unused;
    (void)why;
}

static uint64_t next_id;

static void guess_next(void *unused)
{
    (void)unused;
    answer[0] = pawl_cancel(rt, next_id);
}

static void guessed_id_of_new_memory(void)
{
    uint64_t others[SLAB_CHUNK_SIZE / 32];
    set_up();
    const struct slab *slab = rt->afters.slab;
    unsigned count = 0, room = (unsigned)((SLAB_CHUNK_SIZE - PAWL_CACHE_LINE) / slab->object_size);
    do
        MODEL_ASSERT(pawl_after(rt, PAWL_SEC(1000), ignore, NULL, &others[count++]) == 0);
    while (slab->carved % room != 0 || slab->free_count > 0); /* the next one takes a new chunk */
    next_id = rt->afters.first_generation << 24 | count;
    unsigned t = model_spawn(arm_second, NULL), u = model_spawn(guess_next, NULL);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(answer[1] == 0 && (answer[0] == 0 || answer[0] == -ENOENT));
    while (count > 0)
        MODEL_ASSERT(pawl_cancel(rt, others[--count]) == 0);
    fire_until(be_worker(0), far);
    MODEL_ASSERT(calls[1] == (answer[0] != 0));
    if (answer[0] == 0)
        free(arg[1]);
    model_outcome("cancel %s", name_of(answer[0]));
    tear_down();
}

#define SCENARIO(id_, text, ...)                                                                                       \
    static const struct model_scenario id_##_ = {.name = #id_, .about = text, .run = id_, __VA_ARGS__};
#define ONLY(...) .outcomes = (const char *const[]){__VA_ARGS__, NULL}

SCENARIO(cancel_against_firing, "a cancel meets the firing",
         ONLY("cancel 0, called 0 with 0", "cancel EINPROGRESS, called 1 with 0", "cancel ENOENT, called 1 with 0"))
SCENARIO(cancel_against_shutdown, "a cancel meets the closing of the shards",
         ONLY("cancel 0, called 0 with 0", "cancel EINPROGRESS, called 1 with ESHUTDOWN",
              "cancel ENOENT, called 1 with ESHUTDOWN"))
SCENARIO(two_cancels, "two cancels of one id", ONLY("called 0, 0 ENOENT"))
SCENARIO(two_cancels_against_firing, "two cancels of one id meet the firing",
         ONLY("called 0, 0 ENOENT", "called 1, EINPROGRESS EINPROGRESS", "called 1, EINPROGRESS ENOENT",
              "called 1, ENOENT ENOENT"))
SCENARIO(stale_after_cancel, "the record of a cancelled timer is used again while its id is cancelled once more",
         ONLY("first: called 0, 0; record reused", "first: called 0, 0; record not reused",
              "first: called 0, ENOENT; record reused"))
SCENARIO(stale_after_firing, "the record of a fired timer is used again while its id is cancelled",
         ONLY("first: called 0, 0; record reused", "first: called 0, 0; record not reused",
              "first: called 1, EINPROGRESS; record reused", "first: called 1, ENOENT; record reused"))
SCENARIO(reused_by_canceller, "the same by who cancels as it fires", .outcomes = NULL)
SCENARIO(from_two_threads, "two plain threads arm at once", .outcomes = NULL)
SCENARIO(arm_against_firing, "a timer is armed while its shard is turned",
         ONLY("called 0 at once", "called 1 at once"))
SCENARIO(arm_against_shutdown, "a timer is armed while the shards are closed",
         ONLY("arm 0, called 1", "arm ESHUTDOWN, called 0"))
SCENARIO(guessed_id, "a stranger cancels a timer that is being armed", ONLY("arm 0, cancel 0", "arm 0, cancel ENOENT"))
SCENARIO(guessed_id_against_shutdown, "the same while the shards are closed",
         ONLY("arm 0, cancel 0", "arm 0, cancel EINPROGRESS", "arm 0, cancel ENOENT", "arm ESHUTDOWN, cancel 0",
              "arm ESHUTDOWN, cancel EINPROGRESS", "arm ESHUTDOWN, cancel ENOENT"))
SCENARIO(guessed_id_of_new_record, "the same with a record that was never used", ONLY("cancel 0", "cancel ENOENT"))

SCENARIO(guessed_id_of_new_memory, "the same with memory that was never used", ONLY("cancel 0", "cancel ENOENT"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &cancel_against_firing_, &cancel_against_shutdown_, &two_cancels_, &two_cancels_against_firing_,
        &stale_after_cancel_, &stale_after_firing_, &reused_by_canceller_, &from_two_threads_, &arm_against_firing_, &arm_against_shutdown_,
        &guessed_id_, &guessed_id_against_shutdown_, &guessed_id_of_new_record_,
        &guessed_id_of_new_memory_, NULL};
    return model_main(argc, argv, scenarios);
}
