/* A runtime: worker threads that run tasks and fire timers.
 *
 * Shutdown has three phases. Draining: spawning and arming from outside get -ESHUTDOWN; tasks go on, may spawn,
 * arm and suspend. Cancelling: every task is cancelled, suspending calls return -ESHUTDOWN, every pending timer
 * completes once with -ESHUTDOWN. Stopped: the workers have ended. Wakers and handles of finished tasks may
 * outlive the runtime and are inert.
 *
 * fork(2): in the child, calls on the parent's runtimes return -EPERM; a new runtime works. */
#ifndef PAWL_RUNTIME_H
#define PAWL_RUNTIME_H

#include <string.h>

#include <pawl/base.h>

PAWL_BEGIN_DECLS

#define PAWL_WORKERS_MAX 4096
#define PAWL_WORKERS_AUTO (-1) /* as many as this process may use, by affinity mask and cgroup quota */

/* Memory for the runtime's own structures; stacks come from mmap. alloc returns NULL when it has none; both may be
 * called from any thread. */
struct pawl_allocator {
    void *(*alloc)(void *context, size_t size, size_t alignment);
    void (*free)(void *context, void *memory, size_t size, size_t alignment);
    void *context;
};

/* Called on the thread that it is about; each may be NULL. None may suspend or call back into the runtime. */
struct pawl_hooks {
    void (*thread_start)(void *context, int worker); /* worker: its index, -1 for a blocking thread */
    void (*thread_stop)(void *context, int worker);
    void (*before_park)(void *context, int worker);
    void (*after_park)(void *context, int worker);
    void (*fatal_error)(void *context, const char *sentence); /* an impossible state; the process aborts after it */
    void *context;
};

/* What the instants of a runtime are on: those of its tasks, timers and deadlines. Plain threads, and functions on the
 * blocking pool, wait on CLOCK_MONOTONIC whatever the runtime's clock; so do shutdown and pawl_runtime_wait_idle. */
enum pawl_clock {
    PAWL_CLOCK_MONOTONIC, /* CLOCK_MONOTONIC; stands still while the machine is suspended */
    PAWL_CLOCK_BOOTTIME,  /* CLOCK_BOOTTIME: counts on while it is */
    PAWL_CLOCK_CUSTOM,    /* the caller's now function */
    PAWL_CLOCK_MANUAL     /* 0, until pawl_clock_advance or pawl_clock_auto_advance moves it (time.h) */
};

/* A clock of the caller's, in nanoseconds. Any thread may call it, often and several at once; it does not suspend, nor
 * call back into the runtime. It may stand still, go backward or jump: timers fire once, and not before it has reached
 * the first whole tick at or after their deadline, so a simulated clock that stops at deadlines wants tick_ns = 1. An
 * idle runtime sleeps for as much real time as the nearest deadline is away, 100 ms at most, and looks again: so much
 * later than others do timers fire after a jump ahead. On a clock that goes slowly or stands still, and after a step
 * back of less than 10 ms, they are up to 10 ms late. */
typedef uint64_t pawl_clock_fn(void *context);

struct pawl_options {
    size_t size;                   /* of this struct, set by pawl_options_init */
    int workers;                   /* 1 to PAWL_WORKERS_MAX, or PAWL_WORKERS_AUTO */
    unsigned blocking_threads_max; /* 1 to 65536; threads are started when needed; default 512 */
    uint64_t tick_ns;              /* length of a timer tick, 1 to 1 s; default 8192; with the manual clock always 1 */
    size_t stack_size;             /* of a task, in bytes, 16 KiB to 1 GiB, rounded up to pages; default 128 KiB */
    uint64_t tasks_max;            /* unfinished tasks at once, -EAGAIN beyond; 0: as many as memory holds */
    uint64_t seed;                 /* of every random choice; 0: a new one each time */
    bool pin_workers;              /* one CPU a worker */
    const char *name;              /* workers' thread names are this and an index; default "pawl"; copied */
    struct pawl_allocator allocator;
    struct pawl_hooks hooks;
    enum pawl_clock clock;    /* default PAWL_CLOCK_MONOTONIC */
    pawl_clock_fn *clock_now; /* of PAWL_CLOCK_CUSTOM, else NULL */
    void *clock_context;      /* what it is called with */
    unsigned timer_levels;    /* of a timer wheel: at least as many as reach two years, the default (0); at most 10, and with
                                * the manual clock 10 */
    uint64_t reserved[4];
};

/* Fills in the defaults. */
static inline void pawl_options_init(struct pawl_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->workers = PAWL_WORKERS_AUTO;
    o->blocking_threads_max = 512;
    o->tick_ns = 8192;
    o->stack_size = (size_t)128 * 1024;
    o->name = "pawl";
}

/* Starts the workers. o NULL: the defaults. Errors: -EINVAL (an option out of its range), -ENOTSUP (workers = 0, a
 * runtime turned by its caller, is not there yet), -ENOMEM, -EMFILE or -ENFILE (descriptors), -EAGAIN (threads). */
PAWL_API int pawl_runtime_create(struct pawl_runtime **out, const struct pawl_options *o);

/* From a plain thread: runs fn as a task and blocks until it has returned; *result, unless NULL, is what it returned.
 * Errors: -EDEADLK (called inside a runtime), and those of pawl_spawn. */
PAWL_API int pawl_runtime_run(struct pawl_runtime *rt, pawl_task_fn *fn, void *arg, void **result);

/* Drains for at most grace_ns, cancels what is left, waits for it as long again but at least a second, and longer as
 * long as tasks end, and stops. Blocks. 0 also when it was stopped already; -ETIMEDOUT: a task never yielded, call
 * again; -EDEADLK: from inside. */
PAWL_API int pawl_runtime_shutdown(struct pawl_runtime *rt, uint64_t grace_ns);

/* Frees the runtime; shuts it down without grace if that has not been done. NULL: nothing, 0. -EDEADLK: from inside;
 * -EBUSY: a task never yields, nothing was freed. */
PAWL_API int pawl_runtime_destroy(struct pawl_runtime *rt);

/* Create, run, shut down without grace, destroy. -EBUSY as pawl_runtime_destroy: *result is set all the same and the
 * runtime, with the task that never yields, stays. */
PAWL_API int pawl_run(const struct pawl_options *o, pawl_task_fn *fn, void *arg, void **result);

/* The runtime of the caller: of its task, timer callback or blocking function; NULL outside. */
PAWL_API struct pawl_runtime *pawl_current(void);

/* Index of the worker that the caller runs on now, -1 outside a worker. */
PAWL_API int pawl_worker_index(void);

/* Number of workers; -EINVAL for NULL, -EPERM in a forked child. */
PAWL_API int pawl_runtime_workers(const struct pawl_runtime *rt);

/* From a plain thread: blocks until no task is runnable or running and no blocking call is in progress.
 * -ETIMEDOUT: not by deadline_ns, on CLOCK_MONOTONIC; -EDEADLK: from inside. */
PAWL_API int pawl_runtime_wait_idle(struct pawl_runtime *rt, uint64_t deadline_ns);

PAWL_END_DECLS

#endif
