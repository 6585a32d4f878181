/* pawl-sum: SHA-256 sums of whole trees, many files at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pawl/pawl.h>

#include "interrupt.h"
#include "progress.h"
#include "stats.h"
#include "sum.h"

enum { EXIT_ALL_SUMMED = 0, EXIT_SOME_FAILED = 1, EXIT_USAGE = 2 };

/* How many files are open at once. Read in their tasks: one a worker, and another may start where that one yields. On
 * the pool: enough waiting at once to keep a disk busy. */
#define OPEN_PER_WORKER 2
#define OPEN_ON_POOL 64

/* Descriptors for all else: standard streams, the scout's directory, and what the runtime has. */
#define DESCRIPTORS_KEPT 20

/* Walkers: a worker each, but a few more where they may wait for a disk. */
#define WALKERS_MAX 16
#define WALKERS_ON_POOL 8

/* File tasks in being: enough that no worker runs dry while walkers read the next directories. */
#define WINDOW_PER_WORKER 64
#define WINDOW_MAX 4096

/* A standard stream that was closed must not become a file of ours. Opened the wrong way round, it still gives the
 * error that a closed one gives. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* As many descriptors as we may have: with many workers the usual soft limit is not enough. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* How many of `wanted` files fit beside the walkers' directories; at least 1, whose own error says the rest. */
static unsigned files_within_limit(unsigned wanted, unsigned walkers)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted + walkers + DESCRIPTORS_KEPT)
        return wanted;
    return limit.rlim_cur > walkers + DESCRIPTORS_KEPT ? (unsigned)limit.rlim_cur - walkers - DESCRIPTORS_KEPT : 1;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned most(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static bool sum_init(struct sum *sum, int workers)
{
    unsigned count = (unsigned)workers;
    bool pool = sum->options.reads != READS_INLINE;
    unsigned walkers = most(least(count, WALKERS_MAX), pool ? WALKERS_ON_POOL : 0);
    sum->workers = workers;
    sum->window_size = most(least(count * WINDOW_PER_WORKER, WINDOW_MAX), 2 * walkers * WALK_PERMITS);
    gate_init(&sum->window, sum->window_size);
    gate_init(&sum->standard_input, 1);
    walk_init(&sum->walk, walkers);
    output_init(&sum->output);
    unsigned files = most(count * OPEN_PER_WORKER, pool ? OPEN_ON_POOL : 0);
    return hashers_init(&sum->hashers, files_within_limit(files, walkers));
}

static void sum_fini(struct sum *sum)
{
    hashers_fini(&sum->hashers);
    output_fini(&sum->output);
    walk_fini(&sum->walk);
    gate_fini(&sum->standard_input);
    gate_fini(&sum->window);
}

static void *run_all(void *arg)
{
    struct sum *sum = arg;
    sum->started_ns = pawl_now(NULL);
    struct progress *progress = progress_begin(sum);
    walk_run(sum);
    progress_end(progress);
    struct text stats = {0};
    if (sum->options.stats && sum->options.json)
        stats_append_json(&stats, pawl_current());
    else if (sum->options.stats)
        stats_append_table(&stats, pawl_current());
    report_end(sum, &stats);
    text_fini(&stats);
    return NULL;
}

/* 0, or a negative errno. */
static int create_runtime(struct pawl_runtime **runtime, const struct options *options)
{
    struct pawl_options pawl;
    pawl_options_init(&pawl);
    pawl.workers = options->jobs;
    pawl.name = "pawl-sum";
    return pawl_runtime_create(runtime, &pawl);
}

/* 0, or a negative errno; *what says what failed. */
static int run(struct sum *sum, struct interrupt *interrupt, const char **what)
{
    struct pawl_runtime *runtime = NULL;
    *what = "cannot start the runtime";
    int error = create_runtime(&runtime, &sum->options);
    if (error != 0)
        return error;
    if (!sum_init(sum, pawl_runtime_workers(runtime))) {
        *what = "libcrypto has no SHA-256";
        error = -ENOTSUP;
    } else if ((error = interrupt_start(interrupt, sum)) != 0) {
        *what = "cannot start a thread for signals";
    } else {
        *what = "cannot start the first task";
        error = pawl_runtime_run(runtime, run_all, sum, NULL);
        interrupt_end(interrupt);
    }
    (void)pawl_runtime_destroy(runtime); /* every task has ended, so this one cannot be held up */
    sum_fini(sum);
    return error;
}

static int exit_status(struct sum *sum)
{
    int stop = atomic_load_explicit(&sum->stop, memory_order_relaxed);
    if (stop > 0)
        return 128 + stop;
    bool failed = stop != STOP_NOT || atomic_load_explicit(&sum->tally.errors, memory_order_relaxed) > 0;
    return failed ? EXIT_SOME_FAILED : EXIT_ALL_SUMMED;
}

int main(int argc, char **argv)
{
    static struct sum sum;
    static struct interrupt interrupt;
    hold_standard_streams();
    enum arguments outcome = options_parse(&sum.options, argc, argv);
    if (outcome != ARGUMENTS_RUN)
        return outcome == ARGUMENTS_DONE ? EXIT_ALL_SUMMED : EXIT_USAGE;
    raise_descriptor_limit();
    interrupt_block(&interrupt);
    console_init(&sum.console);
    const char *what = NULL;
    int error = run(&sum, &interrupt, &what);
    if (error != 0) {
        struct text line = {0};
        text_format(&line, "%s: %s", what, strerror(-error));
        text_append_char(&line, '\0');
        console_say(&sum.console, NULL, line.bytes);
        text_fini(&line);
        return EXIT_SOME_FAILED;
    }
    console_fini(&sum.console);
    return exit_status(&sum);
}
