#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <pawl/pawl.h>

#include "scout.h"
#include "sum.h"

#define TICK_NS PAWL_MS(200)

/* A log, unlike a terminal, keeps every line: it gets one a second. */
#define TICKS_PER_LOG_LINE 5

/* What a file costs beside its bytes, in bytes that take as long to sum: opening and closing it. */
#define FILE_WEIGHT 8192.0

/* How fast the shown rate follows the measured one: the weight of one tick. */
#define RATE_WEIGHT 0.15

struct progress {
    struct sum *sum;
    bool shown;
    struct pawl_task *ticker; /* NULL: could not be started */
    struct pawl_task *scout;
    struct scout found;
    uint64_t last_ns;
    uint64_t last_bytes;
    double last_work;
    double bytes_rate; /* a second */
    double work_rate;
};

static uint64_t counted(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static double smooth(double shown, double measured)
{
    return shown == 0 ? measured : shown + RATE_WEIGHT * (measured - shown);
}

static void measure(struct progress *progress, uint64_t bytes, double work)
{
    uint64_t now_ns = pawl_now(NULL);
    double seconds = (double)(now_ns - progress->last_ns) / 1e9;
    if (seconds <= 0)
        return;
    progress->bytes_rate = smooth(progress->bytes_rate, (double)(bytes - progress->last_bytes) / seconds);
    progress->work_rate = smooth(progress->work_rate, (work - progress->last_work) / seconds);
    progress->last_ns = now_ns;
    progress->last_bytes = bytes;
    progress->last_work = work;
}

static void append_time_left(struct progress *progress, struct text *line, double work)
{
    struct scout *found = &progress->found;
    if (!atomic_load_explicit(&found->complete, memory_order_acquire) || progress->work_rate <= 0)
        return;
    double all = (double)counted(&found->bytes) + FILE_WEIGHT * (double)counted(&found->files);
    double left = all > work ? (all - work) / progress->work_rate : 0;
    unsigned long seconds = left < 1e9 ? (unsigned long)(left + 0.5) : 1000000000;
    if (seconds >= 3600)
        text_format(line, ", %lu:%02lu:%02lu left", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else
        text_format(line, ", %lu:%02lu left", seconds / 60, seconds % 60);
}

static void draw(struct progress *progress)
{
    struct tally *tally = &progress->sum->tally;
    struct scout *found = &progress->found;
    uint64_t files = counted(&tally->files_ended);
    uint64_t bytes = counted(&tally->bytes_read);
    double work = (double)bytes + FILE_WEIGHT * (double)files;
    measure(progress, bytes, work);
    bool complete = atomic_load_explicit(&found->complete, memory_order_acquire);
    char size[32];
    char all_size[32];
    char rate[32];
    report_format_size(size, sizeof size, (double)bytes);
    report_format_size(all_size, sizeof all_size, (double)counted(&found->bytes));
    report_format_size(rate, sizeof rate, progress->bytes_rate);
    struct text line = {0};
    if (complete)
        text_format(&line, "%llu of %llu files, %s of %s, %s/s", (unsigned long long)files,
                    (unsigned long long)counted(&found->files), size, all_size, rate);
    else
        text_format(&line, "%llu files, %s, %s/s", (unsigned long long)files, size, rate);
    append_time_left(progress, &line, work);
    text_append_char(&line, '\0');
    console_status(&progress->sum->console, line.bytes);
    text_fini(&line);
}

static void *run_ticker(void *arg)
{
    struct progress *progress = arg;
    unsigned every = progress->sum->console.terminal ? 1 : TICKS_PER_LOG_LINE;
    for (unsigned tick = 1; pawl_sleep(TICK_NS) == 0; tick++) {
        if (output_flush(&progress->sum->output) != 0)
            sum_stop(progress->sum, STOP_OUTPUT_FAILED);
        if (progress->shown && tick % every == 0 && !sum_stopped(progress->sum))
            draw(progress);
    }
    return NULL;
}

static void *run_scout(void *arg)
{
    struct progress *progress = arg;
    (void)pawl_block(scout_run, &progress->found, NULL); /* without it there is no time left to show, that is all */
    return NULL;
}

struct progress *progress_begin(struct sum *sum)
{
    struct progress *progress = need_memory(sizeof *progress);
    enum choice choice = sum->options.progress;
    *progress = (struct progress){.sum = sum, .last_ns = sum->started_ns};
    progress->shown = choice == CHOICE_YES || (choice == CHOICE_AUTO && sum->console.terminal);
    scout_init(&progress->found, &sum->options, &sum->stop);
    if (pawl_spawn(NULL, run_ticker, progress, &progress->ticker) != 0)
        progress->ticker = NULL;
    if (progress->shown && pawl_spawn(NULL, run_scout, progress, &progress->scout) != 0)
        progress->scout = NULL;
    return progress;
}

void progress_end(struct progress *progress)
{
    scout_end(&progress->found);
    if (progress->ticker != NULL) {
        (void)pawl_task_cancel(progress->ticker);
        (void)pawl_join(progress->ticker, NULL);
    }
    if (progress->scout != NULL)
        (void)pawl_join(progress->scout, NULL);
    if (progress->shown && progress->sum->console.terminal)
        console_status_clear(&progress->sum->console);
    else if (progress->shown)
        draw(progress);
    free(progress);
}
