#include "bench/bench.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_arguments.h"

struct bench_check bench_check; /* support.c's */

void bench_skip_report(const char *workload, const char *why)
{
    FUZZ_CHECK(workload != NULL && why != NULL);
}

void check_bench_line(int argc, char **argv)
{
    static const struct workload workloads[] = {{"yield", "", NULL, 7}, {"chain", "", NULL, 9}, {NULL, NULL, NULL, 0}};
    struct bench b;
    if (bench_parse(&b, argc, argv, workloads) != ARGUMENTS_RUN)
        return;
    FUZZ_CHECK(b.workload == &workloads[0] || b.workload == &workloads[1]);
    FUZZ_CHECK(b.workers >= 1 && b.workers <= PAWL_WORKERS_MAX);
    FUZZ_CHECK(b.reps >= 1 && b.reps < REPS_MAX);
    FUZZ_CHECK(b.n >= 1 && b.n <= INT32_MAX);
    FUZZ_CHECK(b.seconds >= 1 && b.seconds <= 3600);
}
