#include "sched/poll.h"

#include <errno.h>
#include <string.h>

#include "sched/sleep.h"

bool pawl__poll(struct pawl_task *task)
{
    task->shields = 0; /* one left open would keep shutdown waiting for good */
    struct pawl_context cx = {.task = task, .cancelled = pawl__interruption(task) != 0};
    return task->poll(&cx, task->value) == PAWL_READY || cx.cancelled;
}

bool pawl_context_cancelled(const struct pawl_context *cx)
{
    return cx != NULL && cx->cancelled;
}

/* ---- the state ---- */

/* The slab's, which lives as long as the header does; the runtime may be gone. */
static const struct pawl_allocator *allocator_of(struct pawl_task *task)
{
    return &pawl__slab_of(task)->allocator;
}

int pawl__poll_give_state(struct pawl_task *task, void *state, size_t size)
{
    task->value = state;
    task->room.copy_size = 0;
    if (size == 0)
        return 0;
    if (size <= TASK_ROOM_SIZE) {
        task->value = task->room.copy;
    } else {
        task->value = size > PTRDIFF_MAX ? NULL : pawl__memory_alloc(allocator_of(task), size, _Alignof(max_align_t));
        if (task->value == NULL)
            return -ENOMEM;
        task->room.copy_size = size;
    }
    memcpy(task->value, state, size);
    return 0;
}

void pawl__poll_free_copy(struct pawl_task *task)
{
    if (task->value != task->room.copy && task->room.copy_size > 0)
        pawl__memory_free(allocator_of(task), task->value, task->room.copy_size, _Alignof(max_align_t));
}
