#define _GNU_SOURCE
#include "sched/blocking.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/noise.h"
#include "sched/runtime.h"
#include "sched/sleep.h"

/* Access: C constant after init, L under the pool's lock */
struct job {
    struct list_node link; /* L linked: not taken yet */
    pawl_task_fn *fn;      /* C */
    void *value;           /* C argument; then the result, by the thread that took it */
    int error;             /* C or by who grants: there was no thread to run it */
    struct job *next_orphan;
    struct waiter waiter;
};

void pawl__blocking_init(struct blocking_pool *pool, unsigned threads_max)
{
    pool->threads_max = threads_max;
    list_init(&pool->jobs);
}

/* ---- the threads ---- */

/* The next job; NULL: none came for a while, or the pool stops. */
static struct job *take_job_locked(struct blocking_pool *pool)
{
    uint64_t deadline_ns = pawl_saturating_add(monotonic_now_ns(), BLOCKING_KEEP_NS);
    bool in_time = true;
    while (list_empty(&pool->jobs) && !pool->stopping && in_time) {
        uint32_t wakes = load_relaxed_u32(&pool->wakes); /* relaxed: written under the lock */
        pool->idle++;
        lock_release(&pool->lock);
        noise_point("blocking.idle");
        in_time = pawl__wait_on(&pool->wakes, wakes, deadline_ns);
        lock_acquire(&pool->lock);
        pool->idle--;
    }
    struct list_node *node = list_pop_front(&pool->jobs);
    if (node == NULL)
        return NULL;
    pool->queued--;
    return PAWL_CONTAINER_OF(node, struct job, link);
}

/* Leaves the pool: the last thing on this thread that touches it. */
static void leave_locked(struct blocking_pool *pool)
{
    bool join = pool->has_ended;
    pthread_t former = pool->last_ended;
    pool->last_ended = pthread_self();
    pool->has_ended = true;
    pool->leaving--;
    store_relaxed_u32(&pool->gone, load_relaxed_u32(&pool->gone) + 1); /* relaxed: under the lock */
    pawl__wake_all(&pool->gone);
    lock_release(&pool->lock);
    if (join)
        pthread_join(former, NULL);
}

static void *thread_main(void *arg)
{
    struct pawl_runtime *rt = arg;
    struct blocking_pool *pool = &rt->blocking;
    struct current current = {.runtime = rt};
    struct job *job;
    pawl__current_set(&current);
    pawl__fatal_hook(&rt->hooks);
    if (rt->hooks.thread_start != NULL)
        rt->hooks.thread_start(rt->hooks.context, -1);
    lock_acquire(&pool->lock);
    while ((job = take_job_locked(pool)) != NULL) {
        lock_release(&pool->lock);
        job->value = job->fn(job->value);
        pawl__waiter_grant(&job->waiter, OUTCOME_GRANTED); /* the job may be gone */
        lock_acquire(&pool->lock);
    }
    pool->threads--; /* in the same step as finding no job: a job that comes now finds one thread less */
    pool->leaving++;
    lock_release(&pool->lock);
    noise_point("blocking.leaving");
    if (rt->hooks.thread_stop != NULL)
        rt->hooks.thread_stop(rt->hooks.context, -1);
    pawl__current_set(NULL);
    lock_acquire(&pool->lock);
    leave_locked(pool);
    return NULL;
}

static int start_thread(struct pawl_runtime *rt)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: no signal is to interrupt what blocks */
    int error = pthread_create(&thread, NULL, thread_main, rt);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? 0 : -EAGAIN;
}

void pawl__blocking_stop(struct pawl_runtime *rt)
{
    struct blocking_pool *pool = &rt->blocking;
    lock_acquire(&pool->lock);
    pool->stopping = true;
    store_relaxed_u32(&pool->wakes, load_relaxed_u32(&pool->wakes) + 1); /* relaxed: under the lock */
    pawl__wake_all(&pool->wakes);
    while (pool->threads + pool->leaving > 0) {
        uint32_t gone = load_relaxed_u32(&pool->gone); /* relaxed: written under the lock */
        lock_release(&pool->lock);
        pawl__wait_on(&pool->gone, gone, PAWL_NEVER);
        lock_acquire(&pool->lock);
    }
    bool join = pool->has_ended;
    pool->has_ended = false;
    lock_release(&pool->lock);
    if (join)
        pthread_join(pool->last_ended, NULL);
}

/* ---- the caller's side ---- */

/* A thread could not be started. If no other is left, nobody will come for the jobs that wait: they fail. */
static void give_up_start(struct blocking_pool *pool)
{
    struct list orphans;
    struct list_node *node;
    list_init(&orphans);
    lock_acquire(&pool->lock);
    if (--pool->threads == 0) {
        list_splice_back(&orphans, &pool->jobs);
        pool->queued = 0;
    }
    /* Whoever withdraws looks at the link under the lock: so they are unlinked under it, and granted after it. */
    struct job *first = NULL, **last = &first;
    while ((node = list_pop_front(&orphans)) != NULL) {
        *last = PAWL_CONTAINER_OF(node, struct job, link);
        (*last)->error = -EAGAIN;
        last = &(*last)->next_orphan;
    }
    *last = NULL;
    lock_release(&pool->lock);
    while (first != NULL) {
        struct job *job = first;
        first = job->next_orphan;
        pawl__waiter_grant(&job->waiter, OUTCOME_GRANTED); /* the job may be gone */
    }
}

/* Queues the job, and starts a thread if the idle ones have jobs to come back to. */
static void submit(struct pawl_runtime *rt, struct job *job)
{
    struct blocking_pool *pool = &rt->blocking;
    lock_acquire(&pool->lock);
    list_push_back(&pool->jobs, &job->link);
    bool start = ++pool->queued > pool->idle && pool->threads < pool->threads_max;
    pool->threads += start;
    store_relaxed_u32(&pool->wakes, load_relaxed_u32(&pool->wakes) + 1); /* relaxed: under the lock */
    lock_release(&pool->lock);
    noise_point("blocking.queued");
    if (!start)
        pawl__wake_one(&pool->wakes);
    else if (start_thread(rt) != 0)
        give_up_start(pool);
}

/* false: a thread has it, so it is to be waited for. */
static bool withdraw(struct blocking_pool *pool, struct job *job)
{
    lock_acquire(&pool->lock);
    bool linked = list_linked(&job->link);
    if (linked) {
        list_remove(&job->link);
        pool->queued--;
    }
    lock_release(&pool->lock);
    return linked;
}

static int run_job(struct pawl_runtime *rt, struct job *job)
{
    submit(rt, job);
    int error = pawl__waiter_wait(&job->waiter, PAWL_NEVER, true);
    if (error != 0 && withdraw(&rt->blocking, job))
        return error;
    if (error != 0)
        pawl__waiter_wait(&job->waiter, PAWL_NEVER, false);
    return job->error;
}

int pawl_block(pawl_task_fn *fn, void *arg, void **result)
{
    struct current *current = pawl__current();
    if (fn == NULL)
        return -EINVAL;
    if (!current_may_suspend(current))
        return -EDEADLK;
    struct job job = {.fn = fn, .value = arg};
    if (current == NULL || current->task == NULL) {
        job.value = fn(arg);
    } else {
        struct pawl_runtime *rt = current->runtime;
        struct pawl_task *task = current->task;
        int error = pawl__await_allowed(rt);
        if (error != 0)
            return error;
        waiter_init(&job.waiter);
        fetch_add_seq_cst_u64(&rt->blocking.calls, (UINT64_C(1) << 32) + 1); /* edge runtime.quiet */
        error = run_job(rt, &job);
        fetch_add_seq_cst_u64(&rt->blocking.calls, UINT64_MAX);
        if (error != 0)
            return pawl__cut_short(task, error);
    }
    if (result != NULL)
        *result = job.value;
    return 0;
}
