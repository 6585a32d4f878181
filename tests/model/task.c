/* The task's life (sched/task.h) and its references, joins and cancellation (sched/join.c).
 *
 * First the state word alone: each thread that is told "queue it" runs the task itself at once, so that every moment at
 * which a task may start again is there. What the task keeps between two runs is plain, so a run too many, or one that
 * does not see the former, is a data race. Edge task.state.
 *
 * Then the task as others know it, on a runtime that is built by hand (headers from its slab, handles, waiters), and at
 * last whole runtimes through the public calls, with the bound that their length leaves room for. Edges task.state and
 * task.refs. A header that does not come back, or twice, keeps its slab from being freed: a leak.
 *
 * Final states:
 *     wake against anything     the task has ended, and has seen all that was written before a wake
 *     wake after the end        nothing: NOTIFIED stays clear
 *     join                      0 and the result, once for each reference; the header is free
 *     join with a deadline      the same, or -ETIMEDOUT, and the reference is kept
 *     cancel                    0, or -EALREADY and the result is visible
 *     cancel while suspending   0, and the task has seen -ECANCELED
 *     handles                   the header is freed by the last one, also when its runtime is gone or going */
#define _GNU_SOURCE
#include "tests/model/task.h"

/* ---- the state word alone ---- */

enum act { SUSPEND, YIELD, FINISH };

static struct pawl_task word; /* only its state is used; it keeps a reference, so nothing is freed */
static enum act (*body)(void);
static unsigned runs;        /* plain: the task's own */
static bool queued;          /* plain, as the link of a queue is: set by who queues, cleared by who takes */
static unsigned written[2];  /* plain: by each waker, before it wakes */
static atomic_bool ready[2]; /* relaxed: it tells what to expect, and orders nothing */

static bool is_ready(unsigned i)
{
    return atomic_load_explicit(&ready[i], memory_order_relaxed);
}

/* What a worker does with a task that it has taken, for as long as it is told to queue it. */
static void run_word(void)
{
    while (queued) {
        queued = false;
        task_begin(&word);
        enum act act;
        do {
            runs++;
            act = body();
        } while (act == SUSPEND && task_take_notice(&word));
        if (act == FINISH) {
            MODEL_ASSERT(!pawl__task_finish(&word));
            return;
        }
        if (act == SUSPEND && !task_suspend(&word))
            return;
        if (act == YIELD)
            task_yield(&word);
        MODEL_ASSERT(!queued);
        queued = true;
    }
}

static void run_as_worker(void *unused)
{
    (void)unused;
    run_word();
}

static bool woken_by[2];

static void wake_with(unsigned i, uint64_t flags)
{
    written[i] = 1;
    atomic_store_explicit(&ready[i], true, memory_order_relaxed);
    woken_by[i] = task_mark_woken(&word, flags);
    if (!woken_by[i])
        return;
    MODEL_ASSERT(!queued);
    queued = true;
    run_word();
}

static void wake_first(void *unused)
{
    (void)unused;
    wake_with(0, TASK_PERMIT);
}

static void wake_second(void *unused)
{
    (void)unused;
    wake_with(1, TASK_CANCELLED);
}

static void wake_plainly(void *unused)
{
    (void)unused;
    wake_with(0, 0);
}

static void wake_plainly_too(void *unused)
{
    (void)unused;
    wake_with(1, 0);
}

static void set_word(enum act (*what)(void))
{
    body = what;
    queued = true;
    atomic_store_explicit(&word.state, 2 * TASK_REF | TASK_AWAKE, memory_order_relaxed);
}

/* Ended once, with our reference alone left, and NOTIFIED cleared for good. */
static void check_word(uint64_t flags)
{
    MODEL_ASSERT(atomic_load_explicit(&word.state, memory_order_relaxed) == (TASK_REF | TASK_FINISHED | flags));
}

/* It begins for the second time because it was woken: so it sees what was written before. */
static enum act suspend_once(void)
{
    if (runs == 1)
        return SUSPEND;
    MODEL_ASSERT(runs == 2 && written[0] == 1 && is_ready(0));
    return FINISH;
}

static void wake_meets_suspend(void)
{
    set_word(suspend_once);
    queued = false;
    task_begin(&word);
    runs++;
    unsigned t = model_spawn(wake_plainly, NULL);
    if (task_suspend(&word)) {
        queued = true;
        run_word();
    }
    model_join(t);
    MODEL_ASSERT(runs == 2);
    model_outcome("queued by %s", woken_by[0] ? "waker" : "worker");
    check_word(0);
}

static enum act until_first(void)
{
    return is_ready(0) ? FINISH : SUSPEND;
}

/* From before it begins until after it has ended. */
static void wake_meets_run(void)
{
    set_word(until_first);
    run_two(run_as_worker, wake_plainly);
    model_outcome("%u runs, queued by %s", runs, woken_by[0] ? "waker" : "worker");
    check_word(0);
}

static enum act until_both(void)
{
    return is_ready(0) && is_ready(1) ? FINISH : SUSPEND;
}

/* The second one that finds NOTIFIED set must not leave it at that. */
static void two_wakes_meet_run(void)
{
    set_word(until_both);
    run_three(run_as_worker, wake_plainly, wake_plainly_too);
    model_outcome("%u runs", runs);
    check_word(0);
}

/* A flag that is seen brings what was written before it was set. */
static enum act until_both_flags(void)
{
    uint64_t flags = fetch_and_acq_rel_u64(&word.state, ~TASK_PERMIT);
    MODEL_ASSERT((flags & TASK_PERMIT) == 0 || written[0] == 1);
    MODEL_ASSERT(!task_is_cancelled(&word) || written[1] == 1);
    return is_ready(0) && is_ready(1) ? FINISH : SUSPEND;
}

static void two_flags_meet_run(void)
{
    set_word(until_both_flags);
    run_three(run_as_worker, wake_first, wake_second);
    model_outcome("%u runs", runs);
}

static enum act yield_then_wait(void)
{
    return runs == 1 ? YIELD : until_first();
}

static void wake_meets_yield(void)
{
    set_word(yield_then_wait);
    run_two(run_as_worker, wake_plainly);
    model_outcome("%u runs", runs);
    check_word(0);
}

/* A task that yields is handed on to another thread, as through a queue, and is woken meanwhile. */
static atomic_bool handed_on;

static void yield_and_hand_on(void *unused)
{
    (void)unused;
    queued = false;
    task_begin(&word);
    runs++;
    task_yield(&word);
    queued = true;
    atomic_store_explicit(&handed_on, true, memory_order_release);
}

static enum act finish_at_once(void)
{
    return FINISH;
}

static void run_when_handed_on(void *unused)
{
    (void)unused;
    while (!atomic_load_explicit(&handed_on, memory_order_acquire))
        model_yield();
    run_word();
}

static void wake_meets_handing_on(void)
{
    set_word(until_first);
    run_three(yield_and_hand_on, run_when_handed_on, wake_plainly);
    model_outcome("%u runs", runs);
    check_word(0);
}

static void two_wakes_meet_finish(void)
{
    set_word(finish_at_once);
    run_three(run_as_worker, wake_plainly, wake_plainly_too);
    MODEL_ASSERT(runs == 1 && !woken_by[0] && !woken_by[1]);
    check_word(0);
}

/* ---- as others know it: made by hand, running, about to finish ---- */

static void make_running(unsigned handles)
{
    build(1);
    struct worker *worker = &rt->workers[0];
    MODEL_ASSERT(pawl__task_create(rt, NULL, NULL, NULL, NULL, &task) == 0);
    runtime_count(rt, worker, spawned, 1);
    store_relaxed_u64(&task->state, (handles + 1) * TASK_REF | TASK_AWAKE); /* relaxed: nobody else yet */
    task_begin(task);
}

/* As a worker does when the task has returned. */
static void finish_task(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    result = 1;
    task->value = &result;
    finish(worker, task);
    work(worker);
    be_plain();
}

/* The header is what the next task gets from the depot or from the worker's cache, and it is free. */
static void check_freed(void)
{
    MODEL_ASSERT(load_relaxed_u64(&task->state) == TASK_FREE);
    MODEL_ASSERT(
        task == (void *)rt->tasks->loose.first || task == (void *)rt->workers[0].tasks.loaded.first ||
        (rt->tasks->full != NULL && (task == (void *)rt->tasks->full || task == (void *)rt->tasks->full->next)));
    tear_down();
}

static void join_for_a_while(void *unused)
{
    (void)unused;
    join_as(1, monotonic_now_ns() + PAWL_MS(1));
}

static void detach(void *unused)
{
    (void)unused;
    pawl_detach(task);
}

static void join_meets_finish(void)
{
    make_running(1);
    run_two(finish_task, join_first);
    check_freed();
}

static void two_joins_meet_finish(void)
{
    make_running(2);
    run_three(finish_task, join_first, join_second);
    check_freed();
}

static void timed_join_meets_finish(void)
{
    make_running(1);
    run_two(finish_task, join_for_a_while);
    model_outcome("%s", name_of(answer[1]));
    check_freed();
}

/* One leaves the list of waiters while another one, a task, is on it. */
static unsigned joined;

static void *join_as_task(void *arg)
{
    join_first(arg);
    MODEL_ASSERT(answer[0] == 0);
    joined++;
    return arg;
}

static void timed_and_other_join_meet_finish(void)
{
    make_running(2);
    MODEL_ASSERT(pawl_spawn(rt, join_as_task, NULL, NULL) == 0);
    work(be_worker(0));
    be_plain();
    run_two(finish_task, join_for_a_while);
    MODEL_ASSERT(joined == 1);
    model_outcome("%s", name_of(answer[1]));
    tear_down();
}

static void detach_meets_finish(void)
{
    make_running(1);
    run_two(finish_task, detach);
    check_freed();
}

static void two_detaches_meet_finish(void)
{
    make_running(2);
    run_three(finish_task, detach, detach);
    check_freed();
}

/* A joiner has been there, so the finisher looks for waiters: its reference is given up later. */
static void detach_meets_finish_with_waiters(void)
{
    make_running(2);
    run_three(finish_task, join_first, detach);
    check_freed();
}

static void ref_and_give_up(void *unused)
{
    (void)unused;
    struct pawl_task *more = pawl_task_ref(task);
    MODEL_ASSERT(more == task);
    pawl_detach(task);
    join_first(NULL);
}

static void ref_meets_finish(void)
{
    make_running(1);
    run_two(finish_task, ref_and_give_up);
    check_freed();
}

static void cancel_too(void *unused)
{
    (void)unused;
    answer[1] = pawl_task_cancel(task);
    pawl_detach(task);
}

static void cancel_meets_finish(void)
{
    make_running(1);
    run_two(finish_task, cancel);
    model_outcome("%s", name_of(answer[0]));
    check_freed();
}

static void two_cancels_meet_finish(void)
{
    make_running(2);
    run_three(finish_task, cancel, cancel_too);
    MODEL_ASSERT(answer[1] == 0 || answer[1] == -EALREADY);
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    check_freed();
}

/* ---- a header's next life, and a slab that its runtime has closed ---- */

static void *set_result(void *arg)
{
    result++;
    return arg;
}

/* The worker ends the task and spawns another one, whose header may be the same. */
static void finish_and_spawn(void *unused)
{
    (void)unused;
    struct worker *worker = be_worker(0);
    task->value = &result;
    finish(worker, task);
    MODEL_ASSERT(pawl_spawn(rt, set_result, NULL, NULL) == 0);
    work(worker);
    be_plain();
}

static void detach_meets_next_life(void)
{
    make_running(1);
    run_two(finish_and_spawn, detach);
    MODEL_ASSERT(result == 1);
    check_freed();
}

/* Who cancels has read the header before it gives its handle up: the next life writes there. */
static void cancel_meets_next_life(void)
{
    make_running(1);
    run_two(finish_and_spawn, cancel_too);
    MODEL_ASSERT(result == 1 && (answer[1] == 0 || answer[1] == -EALREADY));
    check_freed();
}

/* Its last handle is given up by a thread while another one takes headers, too, from the depot. */
static void spawn_outside(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_spawn(rt, set_result, NULL, NULL) == 0);
}

static void detach_meets_spawn(void)
{
    make_running(1);
    finish_task(NULL);
    result = 0;
    run_two(spawn_outside, detach);
    work(be_worker(0));
    MODEL_ASSERT(result == 1);
    tear_down();
}

static void fini_runtime(void *unused)
{
    (void)unused;
    fini(rt);
}

static void finished_handles(unsigned count)
{
    make_running(count);
    finish_task(NULL);
}

static void detach_meets_fini(void)
{
    finished_handles(1);
    run_two(detach, fini_runtime);
}

static void two_detaches_meet_fini(void)
{
    finished_handles(2);
    run_three(detach, detach, fini_runtime);
}

static void join_meets_fini(void)
{
    finished_handles(1);
    run_two(join_first, fini_runtime);
}

static void cancel_finished(void *unused)
{
    cancel(unused);
    MODEL_ASSERT(answer[0] == -EALREADY);
}

static void cancel_meets_fini(void)
{
    finished_handles(1);
    run_two(cancel_finished, fini_runtime);
}

/* Given up on the worker of another runtime. */
static struct pawl_runtime *other;

static void detach_on_other_worker(void *unused)
{
    (void)unused;
    be_worker(0);
    pawl_detach(task);
    be_plain();
}

static void fini_other(void *unused)
{
    (void)unused;
    fini(other);
}

static void detach_elsewhere_meets_fini(void)
{
    finished_handles(1);
    other = rt;
    build(1);
    run_two(detach_on_other_worker, fini_other);
    tear_down();
}

SCENARIO(wake_meets_suspend, "a task is woken as it suspends", ONLY("queued by waker", "queued by worker"))
SCENARIO(wake_meets_run, "a task is woken as it begins, suspends or ends",
         ONLY("1 runs, queued by worker", "2 runs, queued by worker", "2 runs, queued by waker"))
SCENARIO(two_wakes_meet_run, "the same, by two", .outcomes = NULL)
SCENARIO(two_flags_meet_run, "the same, with a permit and a cancellation", .outcomes = NULL)
SCENARIO(wake_meets_yield, "a task is woken as it yields", .outcomes = NULL)
SCENARIO(wake_meets_handing_on, "a task that yielded is run by another thread and woken", .outcomes = NULL)
SCENARIO(two_wakes_meet_finish, "a task is woken by two as it ends", .outcomes = NULL)
SCENARIO(join_meets_finish, "a join as the task ends", .outcomes = NULL)
SCENARIO(two_joins_meet_finish, "two joins, with a reference each", .outcomes = NULL)
SCENARIO(timed_join_meets_finish, "a join with a deadline", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(timed_and_other_join_meet_finish, "two joins, one with a deadline", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(detach_meets_finish, "the handle is given up as the task ends", .outcomes = NULL)
SCENARIO(two_detaches_meet_finish, "two handles are given up as the task ends", .outcomes = NULL)
SCENARIO(detach_meets_finish_with_waiters, "a join, and a handle that is given up", .outcomes = NULL)
SCENARIO(ref_meets_finish, "a handle more, and one less", .outcomes = NULL)
SCENARIO(cancel_meets_finish, "a task is cancelled as it ends", ONLY("0", "EALREADY"))
SCENARIO(two_cancels_meet_finish, "a task is cancelled by two as it ends",
         ONLY("0 0", "0 EALREADY", "EALREADY 0", "EALREADY EALREADY"))
SCENARIO(detach_meets_next_life, "a header is freed as its worker spawns", .outcomes = NULL)
SCENARIO(cancel_meets_next_life, "the same, after a cancellation", .outcomes = NULL)
SCENARIO(detach_meets_spawn, "a header is freed as another thread spawns", .outcomes = NULL)
SCENARIO(detach_meets_fini, "the last handle, as the runtime goes", .outcomes = NULL)
SCENARIO(two_detaches_meet_fini, "the last two handles, as the runtime goes", .outcomes = NULL)
SCENARIO(join_meets_fini, "a join of what has ended, as the runtime goes", .outcomes = NULL)
SCENARIO(cancel_meets_fini, "a cancellation of what has ended, as the runtime goes", .outcomes = NULL)
SCENARIO(detach_elsewhere_meets_fini, "the last handle, on a worker of another runtime", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &wake_meets_suspend_, &wake_meets_run_, &two_wakes_meet_run_, &two_flags_meet_run_, &wake_meets_yield_,
        &wake_meets_handing_on_, &two_wakes_meet_finish_, &join_meets_finish_, &two_joins_meet_finish_,
        &timed_join_meets_finish_, &timed_and_other_join_meet_finish_, &detach_meets_finish_,
        &two_detaches_meet_finish_, &detach_meets_finish_with_waiters_, &ref_meets_finish_, &cancel_meets_finish_,
        &two_cancels_meet_finish_, &detach_meets_next_life_, &cancel_meets_next_life_, &detach_meets_spawn_,
        &detach_meets_fini_, &two_detaches_meet_fini_, &join_meets_fini_, &cancel_meets_fini_,
        &detach_elsewhere_meets_fini_, NULL};
    return model_main(argc, argv, scenarios);
}
