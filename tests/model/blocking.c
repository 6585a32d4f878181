/* The blocking pool (sched/blocking.c): P7, each accepted job is called exactly once or its caller is told that it is
 * not, whatever becomes of the pool's threads; nobody waits for a thread that does not come; nothing of a job is
 * touched once its caller goes on.
 *
 * The callers are plain threads, so that there is no more than the pool. The pool's source is included: pthread_create
 * may fail, and a caller may be cut short, as a task is that is cancelled, which here is its wait's expiring. An idle
 * thread's time is over when the scenario allows it to expire, else it waits for ever. At last tasks, on whole
 * runtimes.
 *
 * Final states:
 *     jobs                     0 and the result, each called once; at most as many threads at once as allowed
 *     a job against idle's end the same, by the same thread or another one
 *     a job against cutting    0, called once; or -ETIMEDOUT, not called, then or later
 *     no thread                -EAGAIN, not called; or 0, called once by a thread that somebody else has started
 *     stop                     no thread is left, and each has been joined by another one or by stop */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "sched/waiter.h"

static int try_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
static int try_join(pthread_t thread, void **result);
static int wait_for_job(struct waiter *waiter, uint64_t deadline_ns, bool interruptible);

/* The library has these functions, too: ours are to be taken. */
#define pawl_block block_modelled
#define pawl__blocking_init init_modelled
#define pawl__blocking_stop stop_modelled
#define pthread_create try_create
#define pthread_join try_join
#define pawl__waiter_wait wait_for_job
#include "sched/blocking.c" /* NOLINT: for what is static in it */
#undef pthread_create
#undef pthread_join
#undef pawl__waiter_wait

#include "tests/model/built.h"

#include <pawl/pawl.h>

static bool fails[3];     /* by caller: it cannot start threads */
static bool cut_short[3]; /* by caller: it may be */
static PAWL_ATOMIC(uint32_t) started, joined;

static _Thread_local unsigned caller;

static int try_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    if (fails[caller])
        return EAGAIN;
    fetch_add_relaxed_u32(&started, 1); /* relaxed: a count, here and below */
    return pthread_create(thread, attributes, fn, arg);
}

static int try_join(pthread_t thread, void **result)
{
    fetch_add_relaxed_u32(&joined, 1);
    return pthread_join(thread, result);
}

static int wait_for_job(struct waiter *waiter, uint64_t deadline_ns, bool interruptible)
{
    if (interruptible && waiter->task == NULL && cut_short[caller])
        deadline_ns = monotonic_now_ns() + PAWL_MS(1);
    return pawl__waiter_wait(waiter, deadline_ns, interruptible);
}

/* ---- jobs ---- */

enum { CALLERS = 2 };

static PAWL_ATOMIC(uint32_t) calls;
static unsigned called[CALLERS]; /* plain: by the job, for its caller to read */
static int answer[CALLERS];
static unsigned number[CALLERS] = {0, 1};

static void *be_called(void *arg)
{
    unsigned i = *(unsigned *)arg;
    fetch_add_relaxed_u32(&calls, 1);
    called[i]++;
    return &called[i];
}

static pawl_task_fn *job_fn = be_called;

static __attribute__((noinline)) int run_job_here(void *arg, void **result)
{
    struct job job = {.fn = job_fn, .value = arg};
    waiter_init(&job.waiter);
    int error = run_job(rt, &job);
    *result = error == 0 ? job.value : NULL;
    return error;
}

/* The job, which lay there, is overwritten as soon as its caller goes on. */
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

static void call(unsigned i)
{
    void *result;
    caller = i;
    unsigned before = called[i];
    answer[i] = run_job_here(&number[i], &result);
    overwrite_stack();
    MODEL_ASSERT(called[i] == before + (answer[i] == 0));
    MODEL_ASSERT(result == (answer[i] == 0 ? &called[i] : NULL));
}

static void call_as_second(void *unused)
{
    (void)unused;
    call(1);
}

static const char *name_of(int error)
{
    switch (error) {
    case 0:
        return "0";
    case -EAGAIN:
        return "EAGAIN";
    case -ESHUTDOWN:
        return "ESHUTDOWN";
    case -ETIMEDOUT:
        return "ETIMEDOUT";
    default:
        return "?";
    }
}

static struct blocking_pool *pool;

static void set_up(unsigned threads_max)
{
    build(1);
    pool = &rt->blocking;
    pool->threads_max = threads_max;
}

static void stop(void)
{
    pawl__blocking_stop(rt);
    MODEL_ASSERT(pool->threads == 0 && pool->leaving == 0 && pool->idle == 0 && pool->queued == 0 && !pool->has_ended);
    MODEL_ASSERT(list_empty(&pool->jobs) && load_relaxed_u32(&calls) == called[0] + called[1]);
    MODEL_ASSERT(load_relaxed_u32(&joined) == load_relaxed_u32(&started));
}

/* Both callers at once, then all threads end. */
static void call_by_two(unsigned threads_max)
{
    set_up(threads_max);
    unsigned t = model_spawn(call_as_second, NULL);
    call(0);
    model_join(t);
    stop();
    model_outcome("%s %s, %u threads", name_of(answer[0]), name_of(answer[1]), load_relaxed_u32(&started));
    tear_down();
}

/* ---- jobs and threads ---- */

static void one_job(void)
{
    set_up(1);
    call(0);
    MODEL_ASSERT(answer[0] == 0 && load_relaxed_u32(&started) == 1);
    stop();
    tear_down();
}

static void at_the_cap(void)
{
    call_by_two(1);
}

static void below_the_cap(void)
{
    call_by_two(2);
}

/* A thread is there that has no job: it is idle, or leaves. */
static void set_up_idle(unsigned threads_max)
{
    set_up(threads_max);
    pool->threads = 1;
    MODEL_ASSERT(start_thread(rt) == 0);
}

static void idle_meets(unsigned threads_max)
{
    set_up_idle(threads_max);
    call(0);
    stop();
    model_outcome("%s, %u threads", name_of(answer[0]), load_relaxed_u32(&started));
    tear_down();
}

static void idle_meets_job(void)
{
    idle_meets(1);
}

static void idle_meets_job_below_the_cap(void)
{
    idle_meets(2);
}

static void idle_meets_two_jobs(void)
{
    set_up_idle(1);
    unsigned t = model_spawn(call_as_second, NULL);
    call(0);
    model_join(t);
    stop();
    model_outcome("%s %s, %u threads", name_of(answer[0]), name_of(answer[1]), load_relaxed_u32(&started));
    tear_down();
}

/* Two jobs that wait for each other: below the cap each has a thread, though the idle one seems to do for either. */
static PAWL_ATOMIC(uint32_t) there;

static void *meet_other(void *arg)
{
    fetch_add_relaxed_u32(&there, 1);
    while (load_relaxed_u32(&there) < 2) /* relaxed: a count */
        model_yield();
    return be_called(arg);
}

static void two_jobs_meet(void)
{
    job_fn = meet_other;
    set_up_idle(2);
    unsigned t = model_spawn(call_as_second, NULL);
    call(0);
    model_join(t);
    stop();
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 0 && load_relaxed_u32(&started) == 2);
    tear_down();
}

static void idle_meets_stop(void)
{
    set_up_idle(1);
    stop();
    tear_down();
}

static void two_idle_meet_stop(void)
{
    set_up(2);
    pool->threads = 2;
    MODEL_ASSERT(start_thread(rt) == 0 && start_thread(rt) == 0);
    stop();
    tear_down();
}

/* ---- cutting short ---- */

static void cut_meets_job(void)
{
    cut_short[0] = true;
    set_up(1);
    call(0);
    stop();
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* It waits behind another one, for the only thread. */
static void cut_meets_second_job(void)
{
    cut_short[1] = true;
    call_by_two(1);
}

/* ---- no thread ---- */

static void no_thread(void)
{
    fails[0] = true;
    set_up(1);
    call(0);
    MODEL_ASSERT(answer[0] == -EAGAIN && load_relaxed_u32(&started) == 0);
    stop();
    tear_down();
}

/* The second caller relies on the thread that the first one cannot start, or starts its own. */
static void no_thread_at_the_cap(void)
{
    fails[0] = true;
    call_by_two(1);
}

static void no_thread_below_the_cap(void)
{
    fails[0] = true;
    call_by_two(2);
}

static void no_thread_for_anyone(void)
{
    fails[0] = fails[1] = true;
    call_by_two(2);
}

/* The job that relies on the thread that cannot be started is withdrawn meanwhile. */
static void no_thread_meets_cut(void)
{
    fails[0] = cut_short[1] = true;
    call_by_two(1);
}

static void no_thread_but_an_idle_one(void)
{
    set_up_idle(2);
    fails[0] = true;
    call(0);
    stop();
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* ---- tasks, on whole runtimes ---- */

static struct pawl_task *tasks[CALLERS];
static unsigned ended[CALLERS]; /* plain: by the task */

static void *block(void *arg)
{
    unsigned i = *(unsigned *)arg;
    void *result = NULL;
    answer[i] = pawl_block(be_called, arg, &result);
    overwrite_stack();
    MODEL_ASSERT(called[i] == (answer[i] == 0));
    MODEL_ASSERT(result == (answer[i] == 0 ? &called[i] : NULL));
    ended[i]++;
    return arg;
}

static void spawn(unsigned i, pawl_task_fn *fn)
{
    MODEL_ASSERT(pawl_spawn(rt, fn, &number[i], &tasks[i]) == 0);
}

static void start(void)
{
    be_plain();
    MODEL_ASSERT(start_workers(rt) == 0);
}

static void destroy(void)
{
    int error;
    do
        error = pawl_runtime_destroy(rt);
    while (error == -EBUSY); /* its patience may expire before a task has had its turn */
    MODEL_ASSERT(error == 0);
    for (unsigned i = 0; i < CALLERS; i++)
        pawl_detach(tasks[i]);
}

/* The caller is cancelled while its job waits or runs. */
static void task_is_cancelled_as_it_blocks(void)
{
    set_up(1);
    spawn(0, block);
    start();
    MODEL_ASSERT(pawl_task_cancel(tasks[0]) != -EINVAL);
    MODEL_ASSERT(pawl_join(tasks[0], NULL) == 0);
    tasks[0] = NULL;
    MODEL_ASSERT(ended[0] == 1 && (answer[0] == 0 || answer[0] == -ECANCELED));
    destroy();
}

/* Each has run or been cut short, and none waits for ever. */
static void whole_destroy(void)
{
    set_up(1);
    spawn(0, block);
    spawn(1, block);
    start();
    destroy();
    for (unsigned i = 0; i < CALLERS; i++)
        MODEL_ASSERT(ended[i] == 1 && (answer[i] == 0 || answer[i] == -ESHUTDOWN));
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
}

/* A task waits for what a blocking function tells it, as everything goes. */
static struct pawl_waker waker;

static void *wake_from_outside(void *arg)
{
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
    return be_called(arg);
}

static void *block_to_wake(void *arg)
{
    MODEL_ASSERT(pawl_block(wake_from_outside, arg, NULL) == 0);
    ended[0]++;
    return arg;
}

static void *wait_to_be_woken(void *arg)
{
    pawl_self_waker(&waker);
    int error = pawl_suspend_until(PAWL_NEVER);
    MODEL_ASSERT(error == 0 || error == -ESHUTDOWN);
    ended[1]++;
    return arg;
}

static void whole_wake(void)
{
    set_up(1);
    spawn(1, wait_to_be_woken);
    spawn(0, block_to_wake);
    struct worker *worker = be_worker(0);
    run(worker, next_task(worker));
    run(worker, next_task(worker));
    start();
    destroy();
    MODEL_ASSERT(ended[0] == 1 && ended[1] == 1 && called[0] == 1);
}

/* Rest comes after the job and its caller. */
static void whole_rest(void)
{
    set_up(1);
    spawn(0, block);
    start();
    MODEL_ASSERT(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0);
    MODEL_ASSERT(ended[0] == 1 && called[0] == 1);
    destroy();
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id##_ = {.name = #id, .about = text, .run = id, __VA_ARGS__};
#define ONLY(...)                                                                                                      \
    .outcomes = (const char *const[])                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

SCENARIO(one_job, "a job, a thread, and the end of both", .expirations = 1)
SCENARIO(at_the_cap, "two jobs, one thread", ONLY("0 0, 1 threads"))
SCENARIO(below_the_cap, "two jobs, two threads or one", ONLY("0 0, 1 threads", "0 0, 2 threads"), .bound = 6)
SCENARIO(idle_meets_job, "a thread has been idle for long as a job comes", ONLY("0, 1 threads", "0, 2 threads"),
         .expirations = 1)
SCENARIO(idle_meets_job_below_the_cap, "the same, and another thread may be started",
         ONLY("0, 1 threads", "0, 2 threads"), .expirations = 1, .bound = 8)
SCENARIO(idle_meets_two_jobs, "the same, as two jobs come", ONLY("0 0, 1 threads", "0 0, 2 threads"), .expirations = 1,
         .bound = 4)
SCENARIO(two_jobs_meet, "two jobs that wait for each other, and one idle thread", .bound = 4)
SCENARIO(idle_meets_stop, "a thread has been idle for long as the pool stops", .expirations = 1)
SCENARIO(two_idle_meet_stop, "the same, of two", .expirations = 1, .bound = 6)
SCENARIO(cut_meets_job, "a caller is cut short", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(cut_meets_second_job, "the same, behind another job", ONLY("0 0, 1 threads", "0 ETIMEDOUT, 1 threads"),
         .expirations = 1, .bound = 10)
SCENARIO(no_thread, "the only thread cannot be started", .outcomes = NULL)
SCENARIO(no_thread_at_the_cap, "two jobs rely on the only thread, which cannot be started",
         ONLY("EAGAIN EAGAIN, 0 threads", "EAGAIN 0, 1 threads", "0 0, 1 threads"))
SCENARIO(no_thread_below_the_cap, "of two threads one cannot be started", ONLY("EAGAIN 0, 1 threads", "0 0, 1 threads"))
SCENARIO(no_thread_for_anyone, "none of two threads can be started", ONLY("EAGAIN EAGAIN, 0 threads"))
SCENARIO(no_thread_meets_cut, "a job that relies on a thread that cannot be started is withdrawn", .expirations = 1,
         .bound = 10)
SCENARIO(no_thread_but_an_idle_one, "none can be started, as one that is there leaves", ONLY("0", "EAGAIN"),
         .expirations = 1)
SCENARIO(task_is_cancelled_as_it_blocks, "a task is cancelled as it blocks", .bound = 1)
SCENARIO(whole_destroy, "two tasks block as the runtime goes", .bound = 1, .expirations = 1)
SCENARIO(whole_wake, "a blocking function wakes a task as the runtime goes", .bound = 1, .expirations = 1)
SCENARIO(whole_rest, "who waits for rest waits for a blocking function", .bound = 1)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&one_job_,
                                                             &at_the_cap_,
                                                             &below_the_cap_,
                                                             &idle_meets_job_,
                                                             &idle_meets_job_below_the_cap_,
                                                             &idle_meets_two_jobs_,
                                                             &two_jobs_meet_,
                                                             &idle_meets_stop_,
                                                             &two_idle_meet_stop_,
                                                             &cut_meets_job_,
                                                             &cut_meets_second_job_,
                                                             &no_thread_,
                                                             &no_thread_at_the_cap_,
                                                             &no_thread_below_the_cap_,
                                                             &no_thread_for_anyone_,
                                                             &no_thread_meets_cut_,
                                                             &no_thread_but_an_idle_one_,
                                                             &task_is_cancelled_as_it_blocks_,
                                                             &whole_destroy_,
                                                             &whole_wake_,
                                                             &whole_rest_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
