#include "sched/inject.h"

#include "base/noise.h"
#include "sched/task.h"

void pawl__inject_init(struct inject *inject)
{
    pawl__fifo_init(&inject->fifo);
}

void pawl__inject_push(struct inject *inject, struct pawl_task *task)
{
    pawl__fifo_push(&inject->fifo, &task->link);
    noise_point("inject.count.pushed");
    fetch_add_acq_rel_u64(&inject->count, 1);
}

void pawl__inject_push_all(struct inject *inject, struct pawl_task *const *tasks, unsigned count)
{
    struct fifo batch;
    if (count == 0)
        return;
    pawl__fifo_init(&batch);
    for (unsigned i = 0; i < count; i++)
        pawl__fifo_push(&batch, &tasks[i]->link);
    pawl__fifo_splice(&inject->fifo, &batch);
    fetch_add_acq_rel_u64(&inject->count, count);
}

unsigned pawl__inject_pop(struct inject *inject, struct pawl_task **out, unsigned most)
{
    unsigned count = 0;
    struct fifo_node *node;
    lock_acquire(&inject->lock);
    while (count < most && (node = pawl__fifo_pop(&inject->fifo)) != NULL)
        out[count++] = PAWL_CONTAINER_OF(node, struct pawl_task, link);
    noise_point("inject.count.popped");
    /* Still under the lock: whoever believes the count meanwhile waits here, asleep, and then sees the new one. Counted
     * out later, idle workers would go round their loops, a heavy fence a round, for as long as we are preempted. */
    if (count > 0)
        fetch_add_acq_rel_u64(&inject->count, -(uint64_t)count);
    lock_release(&inject->lock);
    return count;
}
