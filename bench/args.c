#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define WORKERS_DEFAULT 2
#define REPS_DEFAULT 5

static void print_list(const struct workload *workloads)
{
    for (const struct workload *w = workloads; w->name != NULL; w++)
        printf("%s\n", w->name);
}

static void print_help(const struct workload *workloads)
{
    printf("usage: pawl-bench WORKLOAD [--workers W] [--n N] [--reps R] [--check]\n"
           "       pawl-bench --list | --help\n"
           "\n"
           "  --workers W  worker threads (%d)\n"
           "  --n N        size of a repetition, in the workload's own terms\n"
           "  --reps R     counted repetitions, at most %d (%d); one more goes before them\n"
           "  --check      count every operation and abort if one is missing; slower\n"
           "\n",
           WORKERS_DEFAULT, REPS_MAX, REPS_DEFAULT);
    for (const struct workload *w = workloads; w->name != NULL; w++)
        printf("  %-13s %s (n = %ld)\n", w->name, w->about, w->n_default);
}

static _Noreturn void refuse(const char *what, const char *which)
{
    fprintf(stderr, "pawl-bench: %s %s; see --help\n", what, which);
    exit(2);
}

static long parse_number(const char *option, const char *text, long max)
{
    if (text == NULL)
        refuse("no value after", option);
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > max)
        refuse("bad value after", option);
    return value;
}

static const struct workload *find_workload(const struct workload *workloads, const char *name)
{
    for (const struct workload *w = workloads; w->name != NULL; w++)
        if (strcmp(w->name, name) == 0)
            return w;
    bench_skip_report(name, "no such workload here");
    exit(0);
}

void bench_parse(struct bench *b, int argc, char **argv, const struct workload *workloads)
{
    const char *name = NULL;
    long n = 0;
    *b = (struct bench){.workers = WORKERS_DEFAULT, .reps = REPS_DEFAULT};
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--help") == 0) {
            print_help(workloads);
            exit(0);
        } else if (strcmp(option, "--list") == 0) {
            print_list(workloads);
            exit(0);
        } else if (strcmp(option, "--check") == 0) {
            bench_check.on = true;
        } else if (strcmp(option, "--workers") == 0) {
            b->workers = (int)parse_number(option, argv[++i], PAWL_WORKERS_MAX);
        } else if (strcmp(option, "--n") == 0) {
            n = parse_number(option, argv[++i], INT32_MAX);
        } else if (strcmp(option, "--reps") == 0) {
            b->reps = (int)parse_number(option, argv[++i], REPS_MAX - 1);
        } else if (option[0] == '-' || name != NULL) {
            refuse("unknown argument", option);
        } else {
            name = option;
        }
    }
    if (name == NULL)
        refuse("no workload", "named");
    b->workload = find_workload(workloads, name);
    b->n = n != 0 ? n : b->workload->n_default;
}
