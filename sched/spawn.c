#include "sched/spawn.h"

#include <errno.h>
#include <string.h>

#include "base/noise.h"
#include "sched/join.h"
#include "sched/poll.h"

/* ---- creating ---- */

static inline struct pawl_task *take_header(struct pawl_runtime *rt, struct worker *worker)
{
    return worker != NULL ? slab_alloc(rt->tasks, &worker->tasks) : pawl__slab_alloc_shared(rt->tasks);
}

static void put_header(struct pawl_runtime *rt, struct worker *worker, struct pawl_task *task)
{
    if (worker != NULL)
        slab_free(rt->tasks, &worker->tasks, task);
    else
        pawl__slab_free_shared(task);
}

static int check_options(const struct pawl_runtime *rt, const struct pawl_task_options *o)
{
    if (o->size < sizeof *o)
        return -EINVAL;
    if (o->worker < -1 || o->worker >= (int)rt->worker_count)
        return -EINVAL;
    return o->stack_size == 0 || stack_size_ok(o->stack_size) ? 0 : -EINVAL;
}

/* What only few tasks want: a name, a stack of their own size, a worker. */
static int apply_options(struct pawl_runtime *rt, const struct pawl_task_options *o, struct pawl_task *task)
{
    if (o->stack_size != 0 && (task->stack = pawl__stack_create(&rt->stacks, o->stack_size)) == NULL)
        return -ENOMEM;
    task->worker = o->worker;
    if (o->name != NULL)
        strncpy(task->name, o->name, sizeof task->name - 1);
    return 0;
}

static int fill_header(struct pawl_runtime *rt, const struct pawl_task_options *o, pawl_task_fn *fn, void *arg,
                       struct pawl_task *task)
{
    task->fn = fn;
    task->value = arg;
    task->stack = NULL;
    task->runtime = rt;
    task->worker = -1;
    task->shields = 0;
    task->timeout = NULL;
    task->running = false;
    task->name[0] = '\0';
    return o == NULL ? 0 : apply_options(rt, o, task);
}

int pawl__task_create(struct pawl_runtime *rt, struct worker *worker, const struct pawl_task_options *o,
                      pawl_task_fn *fn, void *arg, struct pawl_task **out)
{
    struct stack_cache *stacks = worker == NULL ? NULL : &worker->stacks;
    int error = o == NULL ? 0 : check_options(rt, o);
    if (error != 0 || (error = stack_reserve(&rt->stacks, stacks)) != 0)
        return error;
    struct pawl_task *task = take_header(rt, worker);
    error = task == NULL ? -ENOMEM : fill_header(rt, o, fn, arg, task);
    if (error != 0) {
        if (task != NULL)
            put_header(rt, worker, task);
        stack_unreserve(&rt->stacks, stacks);
        return error;
    }
    *out = task;
    return 0;
}

static int create_stackless(struct pawl_runtime *rt, struct worker *worker, pawl_poll_fn *poll, void *state,
                            size_t copy_size, struct pawl_task **out)
{
    int error = stack_admit(&rt->stacks);
    if (error != 0)
        return error;
    struct pawl_task *task = take_header(rt, worker);
    if (task == NULL) {
        stack_dismiss(&rt->stacks);
        return -ENOMEM;
    }
    fill_header(rt, NULL, NULL, NULL, task);
    task->poll = poll;
    task->stack = TASK_STACKLESS;
    error = pawl__poll_give_state(task, state, copy_size);
    if (error != 0)
        pawl__task_discard(rt, task);
    else
        *out = task;
    return error;
}

void pawl__task_discard(struct pawl_runtime *rt, struct pawl_task *task)
{
    struct worker *worker = current_worker_of(rt);
    if (task_is_stackless(task)) {
        pawl__poll_free_copy(task);
        stack_dismiss(&rt->stacks);
    } else {
        if (task->stack != NULL)
            pawl__stack_destroy(&rt->stacks, task->stack);
        stack_unreserve(&rt->stacks, worker == NULL ? NULL : &worker->stacks);
    }
    put_header(rt, worker, task);
}

/* ---- starting ---- */

/* Step 1 of edge runtime.phase: counted, and visible to the walk over all headers. */
static inline void announce(struct pawl_runtime *rt, struct worker *worker, struct pawl_task *task, uint64_t refs,
                            uint64_t flags)
{
    runtime_count(rt, worker, spawned, 1);
    store_release_u64(&task->state, refs * TASK_REF | TASK_AWAKE | flags); /* edge task.state: pairs with wakes */
}

/* It was too late. */
static void take_back(struct pawl_runtime *rt, struct worker *worker, struct pawl_task *task)
{
    store_release_u64(&task->state, TASK_FREE);
    pawl__task_discard(rt, task);
    noise_point("runtime.phase.taken_back");
    runtime_count_finished(rt, worker);
    pawl__runtime_quiet(rt); /* who waits for the last task may have counted this one */
}

void pawl__task_start(struct pawl_runtime *rt, struct pawl_task *task)
{
    struct worker *worker = current_worker_of(rt);
    announce(rt, worker, task, 1, 0);
    noise_point("runtime.phase.counted");
    fence_light(&rt->fences); /* edge runtime.phase, step 2, and step 3; it is never too late: */
    if (PAWL_UNLIKELY(runtime_phase(rt) >= PHASE_CANCELLING))
        fetch_or_acq_rel_u64(&task->state, TASK_CANCELLED);
    pawl__schedule(rt, worker, task);
}

/* Who spawns. */
struct origin {
    struct pawl_runtime *rt;
    struct worker *worker; /* NULL: none of its */
    bool inside;
};

static inline int find_origin(struct pawl_runtime *rt, struct origin *out)
{
    struct current *current = pawl__current();
    if (rt == NULL && current != NULL)
        rt = current->runtime;
    int error = runtime_usable(rt);
    if (error != 0)
        return error;
    bool inside = current != NULL && current->runtime == rt;
    *out = (struct origin){.rt = rt, .worker = inside ? current->worker : NULL, .inside = inside};
    return runtime_accepts(rt, inside) ? 0 : -ESHUTDOWN;
}

/* Starts what was created, unless shutdown was quicker. */
static inline int launch(const struct origin *origin, struct pawl_task *task, uint64_t flags, struct pawl_task **out)
{
    struct pawl_runtime *rt = origin->rt;
    announce(rt, origin->worker, task, out == NULL ? 1 : 2, flags);
    noise_point("runtime.phase.counted");
    fence_light(&rt->fences); /* edge runtime.phase, step 2, and step 3: */
    if (PAWL_UNLIKELY(!runtime_accepts(rt, origin->inside))) {
        take_back(rt, origin->worker, task);
        return -ESHUTDOWN;
    }
    if (out != NULL)
        *out = task;
    pawl__schedule(rt, origin->worker, task);
    return 0;
}

int pawl_spawn_with(struct pawl_runtime *rt, const struct pawl_task_options *o, pawl_task_fn *fn, void *arg,
                    struct pawl_task **out)
{
    struct origin origin;
    struct pawl_task *task;
    int error = fn == NULL ? -EINVAL : find_origin(rt, &origin);
    if (error == 0)
        error = pawl__task_create(origin.rt, origin.worker, o, fn, arg, &task);
    return error != 0 ? error : launch(&origin, task, 0, out);
}

int pawl_spawn(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg, struct pawl_task **out)
{
    return pawl_spawn_with(rt, NULL, fn, arg, out);
}

static int spawn_poll(struct pawl_runtime *rt, pawl_poll_fn *poll, void *state, size_t copy_size,
                      struct pawl_task **out)
{
    struct origin origin;
    struct pawl_task *task;
    int error = poll == NULL ? -EINVAL : find_origin(rt, &origin);
    if (error == 0)
        error = create_stackless(origin.rt, origin.worker, poll, state, copy_size, &task);
    return error != 0 ? error : launch(&origin, task, TASK_UNUSUAL, out);
}

int pawl_spawn_poll(struct pawl_runtime *rt, pawl_poll_fn *poll, void *state, struct pawl_task **out)
{
    return spawn_poll(rt, poll, state, 0, out);
}

int pawl_spawn_poll_copy(struct pawl_runtime *rt, pawl_poll_fn *poll, const void *state, size_t size,
                         struct pawl_task **out)
{
    if (state == NULL || size == 0)
        return -EINVAL;
    return spawn_poll(rt, poll, (void *)(uintptr_t)state, size, out);
}

struct pawl_task *pawl_self(void)
{
    return current_task();
}

const char *pawl_task_name(const struct pawl_task *task)
{
    return task == NULL ? NULL : task->name;
}
