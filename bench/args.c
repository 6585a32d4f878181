#include <stdio.h>
#include <string.h>

#include "bench.h"

#define WORKERS_DEFAULT 2
#define REPS_DEFAULT 5
#define SECONDS_DEFAULT 3
#define SECONDS_MAX 3600

static void print_list(const struct workload *workloads)
{
    for (const struct workload *w = workloads; w->name != NULL; w++)
        printf("%s\n", w->name);
}

static void print_help(const struct workload *workloads)
{
    printf("usage: pawl-bench WORKLOAD [--workers W] [--n N] [--reps R] [--seconds S] [--histogram]\n"
           "                          [--tick NS] [--check]\n"
           "       pawl-bench --list | --help\n"
           "\n"
           "  --workers W  worker threads (%d)\n"
           "  --n N        size of a repetition, in the workload's own terms\n"
           "  --reps R     counted repetitions, at most %d (%d); one more goes before them\n"
           "  --seconds S  of a repetition of idle (%d)\n"
           "  --tick NS    length of a timer tick (the library's default)\n"
           "  --histogram  add to lateness and latency all samples' histogram\n"
           "  --check      count every operation and abort if one is missing; slower\n"
           "\n",
           WORKERS_DEFAULT, REPS_MAX - 1, REPS_DEFAULT, SECONDS_DEFAULT);
    for (const struct workload *w = workloads; w->name != NULL; w++) {
        printf("  %-24s %s", w->name, w->about);
        w->n_default != 0 ? printf(" (n = %ld)\n", w->n_default) : printf("\n");
    }
}

static enum arguments refuse(const char *what, const char *which)
{
    fprintf(stderr, "pawl-bench: %s %s; see --help\n", what, which);
    return ARGUMENTS_UNUSABLE;
}

static enum arguments find_workload(struct bench *b, const struct workload *workloads, const char *name)
{
    for (const struct workload *w = workloads; w->name != NULL; w++) {
        if (strcmp(w->name, name) == 0) {
            b->workload = w;
            return ARGUMENTS_RUN;
        }
    }
    bench_skip_report(name, "no such workload here");
    return ARGUMENTS_DONE;
}

/* What the command line says, before it is looked at as a whole. */
struct given {
    const char *name;
    uint64_t workers, n, reps, seconds, tick;
    bool histogram, check, help, list;
};

/* An option that is followed by a number, or NULL. */
static uint64_t *number_of(struct given *given, const char *option, uint64_t *max)
{
    if (strcmp(option, "--workers") == 0) {
        *max = PAWL_WORKERS_MAX;
        return &given->workers;
    }
    if (strcmp(option, "--n") == 0) {
        *max = INT32_MAX;
        return &given->n;
    }
    if (strcmp(option, "--seconds") == 0) {
        *max = SECONDS_MAX;
        return &given->seconds;
    }
    if (strcmp(option, "--tick") == 0) {
        *max = NS_PER_S;
        return &given->tick;
    }
    *max = REPS_MAX - 1;
    return strcmp(option, "--reps") == 0 ? &given->reps : NULL;
}

/* Takes argv[*at], and its value. */
static enum arguments take(struct given *given, int argc, char **argv, int *at)
{
    const char *option = argv[*at];
    uint64_t max;
    uint64_t *number = number_of(given, option, &max);
    if (number != NULL) {
        if (++*at >= argc)
            return refuse("no value after", option);
        return arguments_number(argv[*at], 1, max, number) ? ARGUMENTS_RUN : refuse("bad value after", option);
    }
    if (strcmp(option, "--help") == 0)
        given->help = true;
    else if (strcmp(option, "--list") == 0)
        given->list = true;
    else if (strcmp(option, "--histogram") == 0)
        given->histogram = true;
    else if (strcmp(option, "--check") == 0)
        given->check = true;
    else if (option[0] == '-' || given->name != NULL)
        return refuse("unknown argument", option);
    else
        given->name = option;
    return ARGUMENTS_RUN;
}

enum arguments bench_parse(struct bench *b, int argc, char **argv, const struct workload *workloads)
{
    struct given given = {.workers = WORKERS_DEFAULT, .reps = REPS_DEFAULT, .seconds = SECONDS_DEFAULT};
    for (int i = 1; i < argc && !given.help && !given.list; i++) {
        enum arguments taken = take(&given, argc, argv, &i);
        if (taken != ARGUMENTS_RUN)
            return taken;
    }
    if (given.help || given.list) {
        given.help ? print_help(workloads) : print_list(workloads);
        return ARGUMENTS_DONE;
    }
    *b = (struct bench){
        .workers = (int)given.workers,
        .reps = (int)given.reps,
        .seconds = (int64_t)given.seconds,
        .tick_ns = given.tick,
        .histogram = given.histogram,
    };
    bench_check.on = given.check;
    if (given.name == NULL)
        return refuse("no workload", "named");
    enum arguments found = find_workload(b, workloads, given.name);
    if (found == ARGUMENTS_RUN)
        b->n = given.n != 0 ? (long)given.n : b->workload->n_default;
    return found;
}
