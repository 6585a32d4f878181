/* What a runtime costs that has nothing to do: processor time, and memory. */
#include <errno.h>

#include "bench.h"
#include "timers.h"

#define SETTLE_NS (100 * NS_PER_MS)

/* ---- idle ---- */

void bench_idle(const struct bench *b)
{
    double cpu_ms[REPS_MAX], switches[REPS_MAX], switches_of_others[REPS_MAX];
    struct pending_timers timers;
    bench_pending_arm(b, &timers, b->n);
    for (int r = 0; r <= b->reps; r++) {
        int64_t cpu_ns = bench_cpu_ns();
        long all = bench_context_switches(), of_others = bench_context_switches_of_others();
        bench_sleep_until(bench_now() + b->seconds * NS_PER_S);
        if (r > 0) {
            cpu_ms[r - 1] = (double)(bench_cpu_ns() - cpu_ns) / NS_PER_MS;
            switches[r - 1] = (double)(bench_context_switches() - all);
            switches_of_others[r - 1] = (double)(bench_context_switches_of_others() - of_others);
        }
    }
    bench_report_begin(b, "cpu_ms", b->n, cpu_ms, b->reps);
    bench_report_figure("ctx_switches", bench_median(switches, b->reps));
    bench_report_figure("ctx_switches_of_others", bench_median(switches_of_others, b->reps));
    bench_report_figure("seconds", (double)b->seconds);
    bench_report_end();
    bench_pending_cancel(&timers);
}

/* ---- mem_task ---- */

/* Waits for a waker that nobody has: the runtime's end is what ends it. */
static void *wait_for_ever(void *arg)
{
    bench_tick();
    int result = pawl_suspend_until(PAWL_NEVER);
    if (result != -ESHUTDOWN)
        bench_fail("a task that nobody wakes was woken: %d", result);
    return arg;
}

static void *spawn_waiting(void *count)
{
    for (long i = 0; i < *(long *)count; i++)
        MUST(pawl_spawn(NULL, wait_for_ever, NULL, NULL));
    return NULL;
}

void bench_mem_task(const struct bench *b)
{
    long n = b->n;
    long before = bench_resident_bytes();
    bench_on_worker(b, spawn_waiting, &n);
    MUST(pawl_runtime_wait_idle(b->runtime, PAWL_NEVER));
    bench_sleep_until(bench_now() + SETTLE_NS);
    double bytes_per_task = (double)(bench_resident_bytes() - before) / (double)n;
    bench_expect(n);
    bench_report(b, "bytes_per_task", n, &bytes_per_task, 1);
}
