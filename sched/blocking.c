#define _GNU_SOURCE
#include "sched/blocking.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "sched/runtime.h"
#include "sched/sleep.h"

/* Access: C constant after init, L under the pool's lock */
struct job {
    struct list_node link; /* L linked: not taken yet */
    pawl_task_fn *fn;      /* C */
    void *value;           /* C argument; then the result, by the thread that took it */
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
    pool->threads--;
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
        pawl__waiter_grant(&job->waiter); /* the job may be gone */
        lock_acquire(&pool->lock);
    }
    lock_release(&pool->lock);
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
    while (pool->threads > 0) {
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

static void unlink_locked(struct blocking_pool *pool, struct job *job)
{
    list_remove(&job->link);
    pool->queued--;
}

/* Queues the job, and starts a thread if the idle ones have jobs to come back to. -EAGAIN: there is no thread and none can be started. */
static int submit(struct pawl_runtime *rt, struct job *job)
{
    struct blocking_pool *pool = &rt->blocking;
    lock_acquire(&pool->lock);
    list_push_back(&pool->jobs, &job->link);
    bool start = ++pool->queued > pool->idle && pool->threads < pool->threads_max;
    pool->threads += start;
    store_relaxed_u32(&pool->wakes, load_relaxed_u32(&pool->wakes) + 1); /* relaxed: under the lock */
    lock_release(&pool->lock);
    if (!start) {
        pawl__wake_one(&pool->wakes);
        return 0;
    }
    if (start_thread(rt) == 0)
        return 0;
    lock_acquire(&pool->lock);
    pool->threads--;
    bool refused = pool->threads == 0 && list_linked(&job->link);
    if (refused)
        unlink_locked(pool, job);
    lock_release(&pool->lock);
    return refused ? -EAGAIN : 0;
}

/* false: a thread has it, so it is to be waited for. */
static bool withdraw(struct blocking_pool *pool, struct job *job)
{
    lock_acquire(&pool->lock);
    bool linked = list_linked(&job->link);
    if (linked)
        unlink_locked(pool, job);
    lock_release(&pool->lock);
    return linked;
}

static int run_job(struct pawl_runtime *rt, struct job *job)
{
    int error = submit(rt, job);
    if (error != 0)
        return error;
    error = pawl__waiter_wait(&job->waiter, PAWL_NEVER, true);
    if (error == 0 || withdraw(&rt->blocking, job))
        return error;
    return pawl__waiter_wait(&job->waiter, PAWL_NEVER, false);
}

int pawl_block(pawl_task_fn *fn, void *arg, void **result)
{
    struct current *current = pawl__current();
    if (fn == NULL)
        return -EINVAL;
    if (current != NULL && current->in_callback)
        return -EDEADLK;
    struct job job = {.fn = fn, .value = arg};
    if (current == NULL || current->task == NULL) {
        job.value = fn(arg);
    } else {
        struct pawl_runtime *rt = current->runtime;
        int error = pawl__await_allowed(rt);
        if (error != 0)
            return error;
        pawl__waiter_init(&job.waiter);
        fetch_add_seq_cst_u32(&rt->blocking.in_progress, 1); /* edge runtime.quiet */
        error = run_job(rt, &job);
        fetch_add_seq_cst_u32(&rt->blocking.in_progress, UINT32_MAX);
        if (error != 0)
            return error;
    }
    if (result != NULL)
        *result = job.value;
    return 0;
}
