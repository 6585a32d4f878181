/* pawl-bench: one workload a run, one JSON line on standard output. README.md says what each one measures. */
#include <errno.h>
#include <stdio.h>

#include "bench.h"

static const struct workload workloads[] = {
    {"spawn_join", "a task spawns n empty tasks and joins all", bench_spawn_join, 1000000},
    {"spawn_remote", "the same from a plain thread", bench_spawn_remote, 1000000},
    {"spawn_fan", "4 tasks a worker each spawn their share of n and join", bench_spawn_fan, 1000000},
    {"chain", "task i spawns task i + 1", bench_chain, 1000000},
    {"yield", "1000 tasks yield n times in all", bench_yield, 1000000},
    {"wake_latency", "a plain thread wakes a waiting task n times, every ms", bench_wake_latency, 3000},
    {"timer_churn", "64 tasks arm and cancel timers, n in all", bench_timer_churn, 5000000},
    {"timer_churn_precise", "the same with a reading of the clock for each", bench_timer_churn_precise, 5000000},
    {"timer_reset", "64 tasks push their timer, n times in all", bench_timer_reset, 5000000},
    {"timer_reset_precise", "the same with a reading of the clock for each", bench_timer_reset_precise, 5000000},
    {"timer_fire", "n timers fire within a second", bench_timer_fire, 1000000},
    {"timer_remote", "8 plain threads arm and cancel, n times in all, while workers fire", bench_timer_remote, 2000000},
    {"timer_scale", "arm and cancel beside n pending timers, or 10^2 to 10^7", bench_timer_scale, 0},
    {"timerq_churn", "a timer queue's timers are replaced n times, 100000 pend", bench_timerq_churn, 2000000},
    {"timerq_churn_few", "the same with 1000", bench_timerq_churn_few, 2000000},
    {"timerq_tick", "n timers of a timer queue fire and are set again, 100000 pend", bench_timerq_tick, 2000000},
    {"sleep_idle", "100 tasks sleep n times in all, 1 to 20 ms each", bench_sleep_idle, 10000},
    {"sleep_busy", "the same beside 2 busy tasks a worker", bench_sleep_busy, 10000},
    {"blocked_worker", "the same beside a task that computes for 100 ms at a time", bench_blocked_worker, 10000},
    {"parallel_latency", "a timer a worker fires, n times in all, all workers busy", bench_parallel_latency, 2000},
    {"idle", "n timers pend and nothing else happens", bench_idle, 100000},
    {"mem_task", "n tasks wait; resident memory of each", bench_mem_task, 200000},
    {"pingpong", "64 pairs make n round trips over channels of capacity 1", bench_pingpong, 640000},
    {"channel_spsc", "n items from one task to another", bench_channel_spsc, 2000000},
    {"channel_mpmc", "n items from 4 tasks to 4 others", bench_channel_mpmc, 2000000},
    {"select_many", "a task selects n items from the channels of 8 others", bench_select_many, 1000000},
    {"broadcast_fan", "a task broadcasts to 16 others, n deliveries in all", bench_broadcast_fan, 1600000},
    {"mutex_uncontended", "a task locks and unlocks a mutex n times", bench_mutex_uncontended, 10000000},
    {"mutex_uncontended_thread", "the same on a plain thread", bench_mutex_uncontended_thread, 10000000},
    {"mutex_contended", "64 tasks lock and unlock one mutex, n times in all", bench_mutex_contended, 1000000},
    {"mutex_threads", "the same on 64 plain threads", bench_mutex_threads, 200000},
    {"mutex_fair", "64 tasks hold a mutex for 10 us, n times in all", bench_mutex_fair, 12800},
    {"mutex_fair_threads", "the same on 64 plain threads", bench_mutex_fair_threads, 12800},
    {NULL, NULL, NULL, 0},
};

static void say_fatal(void *context, const char *sentence)
{
    (void)context;
    fprintf(stderr, "pawl-bench: impossible state: %s\n", sentence);
}

int main(int argc, char **argv)
{
    struct bench bench;
    enum arguments asked = bench_parse(&bench, argc, argv, workloads);
    if (asked != ARGUMENTS_RUN)
        return asked == ARGUMENTS_DONE ? 0 : 2;

    struct pawl_options options;
    pawl_options_init(&options);
    options.workers = bench.workers;
    if (bench.tick_ns != 0)
        options.tick_ns = bench.tick_ns;
    options.hooks.fatal_error = say_fatal;
    MUST(pawl_runtime_create(&bench.runtime, &options));
    bench.workload->run(&bench);
    int result;
    while ((result = pawl_runtime_shutdown(bench.runtime, 0)) == -ETIMEDOUT)
        continue; /* a million waiting tasks take their time to end */
    MUST(result);
    MUST(pawl_runtime_destroy(bench.runtime));
    return 0;
}
