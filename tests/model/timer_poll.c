/* Polling a timer (pawl_timer_poll, pawl__shard_poll): edges timer.cell and timer.home, and the lock of the shard. P5
 * and P7: whoever polls is woken however the pending ends, and nobody touches the timer once it may be gone.
 *
 * The timer is memory of its own, which is freed by the task that finds it ready or by whoever cancelled it: so what is
 * touched too late is a use after free. A wake that is lost leaves a task that has not ended; a reference that a waker
 * held and nobody gave up is a leak.
 *
 * Final states:
 *     poll against firing, cancel, close      the task has ended, with 0, -ECANCELED, -ESHUTDOWN
 *     cancel and free against firing          it has ended; the timer was freed once
 *     cancel and arm again against a poll     it has ended, with the outcome of the one or the other
 *     reset to later against firing           it has ended, and not before the timer fired
 *     two that poll                           the one that was later has ended */
#define _GNU_SOURCE
#include "tests/model/task.h"

#include <stdlib.h>

static struct pawl_timer *timer;
static atomic_bool taken; /* by who cancelled it; relaxed: told before the wake */
static uint64_t far;      /* a tick at which everything is due */

static struct state {
    int status;
    bool ended;
    struct pawl_waker waker;
} mine[2]; /* plain, of a task each */

static enum pawl_poll wait_for_timer(struct pawl_context *cx, void *arg)
{
    struct state *state = arg;
    bool is_taken = atomic_load_explicit(&taken, memory_order_relaxed);
    MODEL_ASSERT(!state->ended);
    if (!is_taken && pawl_timer_poll(timer, cx, &state->status) == PAWL_PENDING && !pawl_context_cancelled(cx))
        return PAWL_PENDING;
    if (!is_taken && !pawl_context_cancelled(cx))
        free(timer);
    state->ended = true;
    return PAWL_READY;
}

/* It is queued at worker 0. */
static void spawn_polling(int workers)
{
    build(workers);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1000));
    timer = malloc(sizeof *timer);
    pawl_timer_init(timer, NULL, NULL);
    be_worker(0);
    MODEL_ASSERT(pawl_timer_arm(rt, timer, monotonic_now_ns() + PAWL_MS(1)) == 0);
    MODEL_ASSERT(pawl_spawn_poll(rt, wait_for_timer, &mine[0], &task) == 0);
    be_plain();
}

static void spawn_pending(int workers)
{
    spawn_polling(workers);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(!mine[0].ended);
}

/* ---- threads ---- */

static void turn_as(unsigned index, uint64_t tick)
{
    struct worker *worker = be_worker(index);
    pawl__worker_begin_round(worker);
    pawl__shard_turn(rt->workers[0].shard, tick);
    pawl__worker_end_round(worker);
    work(worker);
    be_plain();
}

static void poll_it(void *unused)
{
    (void)unused;
    work(be_worker(0));
    be_plain();
}

static void fire_it(void *unused)
{
    (void)unused;
    turn_as(1, far);
}

static void cancel_it(void *unused)
{
    (void)unused;
    answer[1] = pawl_timer_cancel(timer);
}

static void cancel_and_free(void *unused)
{
    (void)unused;
    atomic_store_explicit(&taken, true, memory_order_relaxed);
    MODEL_ASSERT(pawl_timer_cancel(timer) == 0);
    free(timer);
}

static void close_it(void *unused)
{
    struct worker *worker = be_worker(1);
    (void)unused;
    close_shards(worker);
    work(worker);
    be_plain();
}

static void end_all(void)
{
    for (unsigned i = 0; i < rt->worker_count; i++)
        turn_as(i, far);
    for (unsigned i = 0; i < rt->worker_count; i++)
        turn_as(i, far);
    MODEL_ASSERT(mine[0].ended && task_life(task) == TASK_FINISHED);
    pawl_detach(task);
    tear_down();
}

/* ---- one that polls ---- */

static void poll_meets_firing(void)
{
    spawn_polling(2);
    run_two(poll_it, fire_it);
    work(be_worker(0));
    work(be_worker(1));
    be_plain();
    MODEL_ASSERT(mine[0].ended && mine[0].status == 0);
    end_all();
}

static void poll_meets_close(void)
{
    spawn_polling(2);
    run_two(poll_it, close_it);
    work(be_worker(0));
    work(be_worker(1));
    be_plain();
    MODEL_ASSERT(mine[0].ended && mine[0].status == -ESHUTDOWN);
    end_all();
}

static void poll_meets_cancel(void)
{
    spawn_polling(1);
    run_two(poll_it, cancel_it);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(answer[1] == 0 && mine[0].ended && mine[0].status == -ECANCELED);
    end_all();
}

/* With the waker left there before. */
static void firing_frees(void)
{
    spawn_pending(2);
    run_two(poll_it, fire_it);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(mine[0].ended && mine[0].status == 0);
    end_all();
}

static void cancel_frees(void)
{
    spawn_pending(1);
    run_two(poll_it, cancel_and_free);
    end_all();
}

/* Who comes too late to cancel does not touch it any more, as the task may have freed it: so each is told by the state
 * whose it is. */
static void cancel_if_pending(void *unused)
{
    (void)unused;
    answer[1] = pawl_timer_cancel_sync(timer);
}

static enum pawl_poll only_look(struct pawl_context *cx, void *arg)
{
    struct state *state = arg;
    state->ended = pawl_timer_poll(timer, cx, &state->status) == PAWL_READY;
    return state->ended ? PAWL_READY : PAWL_PENDING;
}

static void cancel_meets_firing(void)
{
    build(2);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1000));
    timer = malloc(sizeof *timer);
    pawl_timer_init(timer, NULL, NULL);
    be_worker(0);
    MODEL_ASSERT(pawl_timer_arm(rt, timer, 1) == 0);
    MODEL_ASSERT(pawl_spawn_poll(rt, only_look, &mine[0], &task) == 0);
    poll_it(NULL);
    run_two(fire_it, cancel_if_pending);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(mine[0].ended && mine[0].status == (answer[1] == 0 ? -ECANCELED : 0));
    free(timer);
    model_outcome("%s", name_of(answer[1]));
    end_all();
}

/* ---- the timer goes on ---- */

static void arm_again(void *unused)
{
    (void)unused;
    answer[1] = pawl_timer_cancel(timer);
    MODEL_ASSERT(answer[1] == 0);
    answer[2] = pawl_timer_arm(rt, timer, 1);
}

static void look_twice(void)
{
    build(1);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1000));
    timer = malloc(sizeof *timer);
    pawl_timer_init(timer, NULL, NULL);
    MODEL_ASSERT(pawl_timer_arm(rt, timer, 1) == 0);
    MODEL_ASSERT(pawl_spawn_poll(rt, only_look, &mine[0], &task) == 0);
}

static void poll_meets_arming(void)
{
    look_twice();
    run_two(poll_it, arm_again);
    MODEL_ASSERT(answer[2] == 0);
    work(be_worker(0));
    be_plain();
    model_outcome("%s", mine[0].ended ? name_of(mine[0].status) : "pending");
    turn_as(0, far);
    pawl__shard_turn(rt->ports[0].shard, far);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(mine[0].ended && mine[0].status == (mine[0].status == 0 ? 0 : -ECANCELED));
    MODEL_ASSERT(pawl_timer_state(timer) == PAWL_TIMER_FIRED);
    free(timer);
    end_all();
}

static void arm_and_fire_again(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_timer_arm(rt, timer, 1) == 0);
    for (unsigned i = 0; i < rt->port_count; i++)
        pawl__shard_turn(rt->ports[i].shard, far);
}

/* Whom the first firing has told, the second one does not know any more. */
static void fired_and_armed_again(void)
{
    look_twice();
    poll_it(NULL);
    be_worker(0);
    pawl__shard_turn(rt->ports[0].shard, far);
    be_plain();
    run_two(poll_it, arm_and_fire_again);
    pawl_timer_cancel(timer);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(mine[0].ended && mine[0].status == 0);
    free(timer);
    end_all();
}

static uint64_t near; /* the tick at which it is due first */

static void reset_it(void *unused)
{
    (void)unused;
    answer[1] = pawl_timer_reset(timer, monotonic_now_ns() + PAWL_SEC(10));
}

static void fire_near(void *unused)
{
    (void)unused;
    turn_as(1, near);
}

static void reset_meets_firing(void)
{
    build(2);
    timer = malloc(sizeof *timer);
    pawl_timer_init(timer, NULL, NULL);
    be_worker(0);
    MODEL_ASSERT(pawl_timer_arm(rt, timer, monotonic_now_ns() + PAWL_MS(1)) == 0);
    near = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1));
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1000));
    MODEL_ASSERT(pawl_spawn_poll(rt, only_look, &mine[0], &task) == 0);
    poll_it(NULL);
    run_two(fire_near, reset_it);
    work(be_worker(0));
    be_plain();
    MODEL_ASSERT(mine[0].ended == (answer[1] != 0));
    model_outcome("%s", name_of(answer[1]));
    turn_as(0, far);
    MODEL_ASSERT(mine[0].ended && mine[0].status == 0);
    free(timer);
    end_all();
}

/* ---- two that poll, and one that ends ---- */

static void spawn_second(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(1);
    MODEL_ASSERT(pawl_spawn_poll(rt, only_look, &mine[1], NULL) == 0);
    work(worker);
    be_plain();
}

static void fire_as_first(void *unused)
{
    (void)unused;
    turn_as(0, far);
}

static void second_polls(void)
{
    build(2);
    far = clock_tick_at(&rt->clock, monotonic_now_ns() + PAWL_SEC(1000));
    timer = malloc(sizeof *timer);
    pawl_timer_init(timer, NULL, NULL);
    be_worker(0);
    MODEL_ASSERT(pawl_timer_arm(rt, timer, 1) == 0);
    MODEL_ASSERT(pawl_spawn_poll(rt, only_look, &mine[0], &task) == 0);
    poll_it(NULL);
    run_two(fire_as_first, spawn_second);
    work(be_worker(1));
    be_plain();
    MODEL_ASSERT(mine[1].ended && mine[1].status == 0);
    model_outcome("%s", mine[0].ended ? "both" : "the second");
    pawl__task_wake(task); /* who polled before it is on its own */
    work(be_worker(0));
    work(be_worker(1));
    free(timer);
    end_all();
}

static void cancel_task(void *unused)
{
    (void)unused;
    answer[0] = pawl_task_cancel(task);
}

static void last_poll_meets_firing(void)
{
    spawn_pending(2);
    atomic_store_explicit(&taken, true, memory_order_relaxed); /* it does not look again: it has something else to do */
    run_three(poll_it, cancel_task, fire_it);
    work(be_worker(0));
    be_plain();
    free(timer);
    end_all();
}

SCENARIO(poll_meets_firing, "a timer is polled as it fires", .outcomes = NULL)
SCENARIO(poll_meets_close, "a timer is polled as the shards are closed", .outcomes = NULL)
SCENARIO(poll_meets_cancel, "a timer is polled as it is cancelled", .outcomes = NULL)
SCENARIO(firing_frees, "a polled timer fires, and is freed by who is woken", .outcomes = NULL)
SCENARIO(cancel_frees, "a polled timer is freed by who cancels it", .outcomes = NULL)
SCENARIO(cancel_meets_firing, "a polled timer is cancelled as it fires", ONLY("0", "EALREADY"))
SCENARIO(poll_meets_arming, "a timer is polled as it is cancelled and armed again", ONLY("pending", "ECANCELED"))
SCENARIO(fired_and_armed_again, "a timer is armed again and fires as who polled it looks", .outcomes = NULL)
SCENARIO(reset_meets_firing, "a polled timer is reset as it fires", ONLY("0", "EALREADY"))
SCENARIO(second_polls, "a second task polls as it fires", ONLY("both", "the second"))
SCENARIO(last_poll_meets_firing, "who polled ends without looking again", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &poll_meets_firing_,  &poll_meets_close_,    &poll_meets_cancel_,      &firing_frees_,
        &cancel_frees_,       &cancel_meets_firing_, &poll_meets_arming_,      &fired_and_armed_again_,
        &reset_meets_firing_, &second_polls_,        &last_poll_meets_firing_, NULL};
    return model_main(argc, argv, scenarios);
}
