#include "sched/spawn.h"

#include <errno.h>
#include <string.h>

#include "sched/join.h"

int pawl__accepts(struct pawl_runtime *rt)
{
    struct current *current = pawl__current();
    bool inside = current != NULL && current->runtime == rt;
    return runtime_phase(rt) < (inside ? PHASE_CANCELLING : PHASE_DRAINING) ? 0 : -ESHUTDOWN;
}

/* ---- creating ---- */

static struct pawl_task *take_header(struct pawl_runtime *rt, struct worker *worker)
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
    task->name[0] = '\0';
    return o == NULL ? 0 : apply_options(rt, o, task);
}

int pawl__task_create(struct pawl_runtime *rt, const struct pawl_task_options *o, pawl_task_fn *fn, void *arg,
                      struct pawl_task **out)
{
    struct worker *worker = pawl__current_worker_of(rt);
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

void pawl__task_discard(struct pawl_runtime *rt, struct pawl_task *task)
{
    struct worker *worker = pawl__current_worker_of(rt);
    if (task->stack != NULL)
        pawl__stack_destroy(&rt->stacks, task->stack);
    stack_unreserve(&rt->stacks, worker == NULL ? NULL : &worker->stacks);
    put_header(rt, worker, task);
}

/* ---- starting ---- */

void pawl__task_start(struct pawl_runtime *rt, struct pawl_task *task)
{
    runtime_count(rt, pawl__current_worker_of(rt), spawned, 1);
    /* edge task.state: release; pairs with begin, and with the walk over all headers */
    store_release_u64(&task->state, TASK_REF | TASK_SCHEDULED);
    pawl__schedule(rt, task);
}

/* Edge runtime.phase, the spawner's half. false: too late. */
static bool announce(struct pawl_runtime *rt, struct pawl_task *task, uint64_t refs)
{
    struct worker *worker = pawl__current_worker_of(rt);
    runtime_count(rt, worker, spawned, 1); /* step 1 */
    store_release_u64(&task->state, refs * TASK_REF | TASK_SCHEDULED); /* edge task.state, as above */
    fence_light(&rt->fences);              /* step 2 */
    if (PAWL_LIKELY(pawl__accepts(rt) == 0)) /* step 3 */
        return true;
    store_release_u64(&task->state, TASK_FREE);
    runtime_count(rt, worker, finished, 1);
    return false;
}

int pawl_spawn_with(struct pawl_runtime *rt, const struct pawl_task_options *o, pawl_task_fn *fn, void *arg,
                    struct pawl_task **out)
{
    int error = 0;
    struct pawl_task *task;
    if (fn == NULL)
        return -EINVAL;
    if ((rt = pawl__runtime_of(rt, &error)) == NULL || (error = pawl__accepts(rt)) != 0 ||
        (error = pawl__task_create(rt, o, fn, arg, &task)) != 0)
        return error;
    if (PAWL_UNLIKELY(!announce(rt, task, out == NULL ? 1 : 2))) {
        pawl__task_discard(rt, task);
        return -ESHUTDOWN;
    }
    if (out != NULL)
        *out = task;
    pawl__schedule(rt, task);
    return 0;
}

int pawl_spawn(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg, struct pawl_task **out)
{
    return pawl_spawn_with(rt, NULL, fn, arg, out);
}

struct pawl_task *pawl_self(void)
{
    return pawl__current_task();
}

const char *pawl_task_name(const struct pawl_task *task)
{
    return task == NULL ? NULL : task->name;
}
