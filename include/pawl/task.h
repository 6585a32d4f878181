/* Tasks: functions on stacks of their own that may suspend anywhere.
 *
 * A suspending call returns, in this order of precedence, -ESHUTDOWN (the runtime is cancelling everything),
 * -ECANCELED (its task was cancelled) or -ETIMEDOUT (its deadline or that of a pawl_timeout around it passed), on
 * entry and on wake; on wake an outcome already obtained wins. From a timer callback it returns -EDEADLK, always.
 * Cancellation is sticky: once a task is cancelled each of its suspending calls says so until it ends, but for those
 * between pawl_shield_begin and _end.
 *
 * Across a suspension a task may change threads: errno, the address of a _Thread_local, a held pthread mutex or RCU
 * read section, and the floating-point environment (fesetround) do not survive it; who changes the last puts it back
 * before it suspends. Workers block all asynchronous signals. C++ exceptions must not leave a task.
 *
 * rt NULL means the runtime of the caller; -EINVAL outside one. */
#ifndef PAWL_TASK_H
#define PAWL_TASK_H

#include <string.h>

#include <pawl/base.h>
#include <pawl/poll.h>

PAWL_BEGIN_DECLS

struct pawl_task_options {
    size_t size;       /* of this struct, set by pawl_task_options_init */
    const char *name;  /* copied, cut at 15 bytes; NULL: none */
    size_t stack_size; /* in bytes, 16 KiB to 1 GiB; 0: the runtime's */
    int worker;        /* the only worker that may run it; -1: any */
    uint64_t reserved[4];
};

static inline void pawl_task_options_init(struct pawl_task_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->worker = -1;
}

/* Starts a task that runs fn(arg). *out, unless out is NULL (the task is detached), is stored before the task can run
 * and is to be joined or detached once. Errors: -EINVAL, -ENOMEM (a stack is reserved here, taken at the first run),
 * -EAGAIN (tasks_max), -ESHUTDOWN, -EPERM (after fork). */
PAWL_API int pawl_spawn(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg, struct pawl_task **out);

/* The same with options; o NULL: the defaults. -EINVAL also: no such worker, a stack size out of its range. */
PAWL_API int pawl_spawn_with(struct pawl_runtime *rt, const struct pawl_task_options *o, pawl_task_fn *fn, void *arg,
                             struct pawl_task **out);

/* Waits until the task has ended. Suspends. 0: *result (unless NULL) is what it returned, and the handle is consumed.
 * An error is about the caller and keeps the handle; -EDEADLK: the caller is the task itself. */
PAWL_API int pawl_join(struct pawl_task *task, void **result);
PAWL_API int pawl_join_until(struct pawl_task *task, uint64_t deadline_ns, void **result);

/* Gives the handle up; the task goes on. NULL: nothing. */
PAWL_API void pawl_detach(struct pawl_task *task);

/* One more handle on the same task, to be joined or detached once; returns task. */
PAWL_API struct pawl_task *pawl_task_ref(struct pawl_task *task);

/* Asks the task to end: see above. A task cancelled before its first run still runs. 0 also when it was cancelled
 * before; -EALREADY when it has finished. */
PAWL_API int pawl_task_cancel(struct pawl_task *task);

/* Is the calling task's cancellation, or its runtime's, pending and not shielded? false outside a task. */
PAWL_API bool pawl_cancelled(void);

/* Between the two the calling task's suspending calls are not cut short by cancellation, by shutdown, or by a
 * pawl_timeout that began before them, so that clean-up code can suspend. Shields nest. Outside a task: nothing. */
PAWL_API void pawl_shield_begin(void);
PAWL_API void pawl_shield_end(void);

/* The calling task, borrowed; NULL outside a task. Its name; "" if it has none, NULL for NULL. */
PAWL_API struct pawl_task *pawl_self(void);
PAWL_API const char *pawl_task_name(const struct pawl_task *task);

/* Lets other tasks run. Suspends; from a plain thread it yields the processor. */
PAWL_API int pawl_yield(void);

/* Suspends until this task's waker is woken (0; one permit is kept if it is woken early) or deadline_ns.
 * -EINVAL outside a task. */
PAWL_API int pawl_suspend_until(uint64_t deadline_ns);

/* A waker of the calling task, for any thread, callback or foreign library; owes one pawl_waker_drop. Outside a task:
 * an inert one. */
PAWL_API void pawl_self_waker(struct pawl_waker *out);

/* Runs fn(arg) on a thread that may block, and suspends until it has returned; once started it is never cut short.
 * From a plain thread: calls it in place. -EAGAIN: no thread could be started and none is there. */
PAWL_API int pawl_block(pawl_task_fn *fn, void *arg, void **result);

PAWL_END_DECLS

#endif
