/* What every Pawl header shares: visibility, time arithmetic, the type of a task's function.
 *
 * Defaults for all headers, exceptions are named at the function:
 *   Errors:  a call that can fail returns 0 or a negative errno and, on failure, has changed nothing.
 *            NULL where an object is needed is -EINVAL.
 *   Threads: any thread may call, several at once.
 *   Blocks:  no. "Suspends" means: suspends the calling task, or blocks the calling plain thread.
 *   Memory:  an accepted function is called exactly once, so its argument can always be freed there.
 *   Visible: what a thread wrote before it spawned, armed or woke is visible to what runs because of it. */
#ifndef PAWL_BASE_H
#define PAWL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define PAWL_BEGIN_DECLS extern "C" {
#define PAWL_END_DECLS }
#else
#define PAWL_BEGIN_DECLS
#define PAWL_END_DECLS
#endif

#if defined(__GNUC__)
#define PAWL_API __attribute__((visibility("default")))
#else
#define PAWL_API
#endif

PAWL_BEGIN_DECLS

/* Times are nanoseconds: a duration, or an instant on CLOCK_MONOTONIC (in a runtime that was given another clock, on
 * that one; see runtime.h). Where Pawl adds them the sum saturates. */
#define PAWL_NEVER UINT64_MAX

#define PAWL_US(n) ((uint64_t)(n) * UINT64_C(1000))
#define PAWL_MS(n) ((uint64_t)(n) * UINT64_C(1000000))
#define PAWL_SEC(n) ((uint64_t)(n) * UINT64_C(1000000000))

static inline uint64_t pawl_saturating_add(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

struct pawl_runtime;
struct pawl_task;

typedef void *pawl_task_fn(void *arg);

PAWL_END_DECLS

#endif
