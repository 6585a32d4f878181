#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <pawl/pawl.h>

#include "escape.h"
#include "sum.h"

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static uint64_t counted(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void emit(struct sum *sum, const struct text *line)
{
    if (output_lines(&sum->output, line) != 0)
        sum_stop(sum, STOP_OUTPUT_FAILED);
}

static void append_json_path(struct text *line, const char *name)
{
    text_append_string(line, "{\"path\":");
    if (!escape_json(line, name)) {
        text_append_string(line, ",\"path_hex\":\"");
        text_append_hex(line, (const unsigned char *)name, strlen(name));
        text_append_char(line, '"');
    }
}

static void append_sum_json(struct text *line, const char *name, const struct file_sum *file)
{
    append_json_path(line, name);
    text_append_string(line, ",\"sha256\":\"");
    text_append_hex(line, file->digest, sizeof file->digest);
    text_format(line, "\",\"bytes\":%llu,\"ns\":%llu}\n", (unsigned long long)file->bytes,
                (unsigned long long)file->ns);
}

static void append_sum_line(struct text *line, const char *name, const struct file_sum *file)
{
    bool escaped = escape_sum_needed(name);
    if (escaped)
        text_append_char(line, '\\');
    text_append_hex(line, file->digest, sizeof file->digest);
    text_append_string(line, "  ");
    if (escaped)
        escape_sum(line, name);
    else
        text_append_string(line, name);
    text_append_char(line, '\n');
}

void report_sum(struct sum *sum, const char *name, const struct file_sum *file, struct text *line)
{
    text_clear(line);
    if (sum->options.json)
        append_sum_json(line, name, file);
    else
        append_sum_line(line, name, file);
    emit(sum, line);
    count(&sum->tally.files, 1);
    count(&sum->tally.bytes, file->bytes);
}

void report_failure(struct sum *sum, const char *name, int error, const char *what)
{
    if (what == NULL)
        what = strerror(-error); /* in glibc since 2.32, and in musl, any thread may call it */
    count(&sum->tally.errors, 1);
    console_say(&sum->console, name, what);
    if (!sum->options.json)
        return;
    struct text line = {0};
    append_json_path(&line, name);
    text_append_string(&line, ",\"error\":");
    escape_json(&line, what);
    text_append_string(&line, "}\n");
    emit(sum, &line);
    text_fini(&line);
}

void report_skip(struct sum *sum, const char *name, const char *kind)
{
    char what[64];
    snprintf(what, sizeof what, "skipped: %s", kind);
    count(&sum->tally.skipped, 1);
    console_say(&sum->console, name, what);
}

void report_format_size(char *out, size_t size, double bytes)
{
    static const char units[][3] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    snprintf(out, size, unit == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void append_summary_json(struct sum *sum, struct text *out, uint64_t ns, const struct text *stats)
{
    struct tally *tally = &sum->tally;
    text_format(out, "{\"summary\":{\"files\":%llu,\"bytes\":%llu,\"errors\":%llu,\"skipped\":%llu,",
                (unsigned long long)counted(&tally->files), (unsigned long long)counted(&tally->bytes),
                (unsigned long long)counted(&tally->errors), (unsigned long long)counted(&tally->skipped));
    text_format(out, "\"ns\":%llu,\"jobs\":%d,\"complete\":%s", (unsigned long long)ns, sum->workers,
                sum_stopped(sum) ? "false" : "true");
    if (stats->size > 0) {
        text_append_string(out, ",\"stats\":");
        text_append(out, stats->bytes, stats->size);
    }
    text_append_string(out, "}}\n");
}

static void append_summary_line(struct sum *sum, struct text *out, uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    double bytes = (double)counted(&sum->tally.bytes);
    char size[32];
    char rate[32];
    report_format_size(size, sizeof size, bytes);
    report_format_size(rate, sizeof rate, ns > 0 ? bytes / seconds : 0);
    text_format(out, "%llu files, %s in %.3f s (%s/s) with %d job%s; %llu errors, %llu skipped\n",
                (unsigned long long)counted(&sum->tally.files), size, seconds, rate, sum->workers,
                sum->workers == 1 ? "" : "s", (unsigned long long)counted(&sum->tally.errors),
                (unsigned long long)counted(&sum->tally.skipped));
}

static void say_why_it_stopped(struct sum *sum)
{
    int reason = atomic_load_explicit(&sum->stop, memory_order_relaxed);
    struct text what = {0};
    if (reason == STOP_OUTPUT_FAILED) {
        text_format(&what, "standard output: %s", strerror(-sum->output.error));
    } else if (reason > 0) {
        text_format(&what, "interrupted (%s): %llu files summed, the rest not", strsignal(reason),
                    (unsigned long long)counted(&sum->tally.files));
    }
    if (what.size > 0) {
        text_append_char(&what, '\0');
        console_say(&sum->console, NULL, what.bytes);
    }
    text_fini(&what);
}

void report_end(struct sum *sum, const struct text *stats)
{
    uint64_t ns = pawl_now(NULL) - sum->started_ns;
    struct text out = {0};
    if (sum->options.json) {
        append_summary_json(sum, &out, ns, stats);
        emit(sum, &out);
    }
    if (output_close(&sum->output) != 0)
        sum_stop(sum, STOP_OUTPUT_FAILED);
    if (sum->options.stats && !sum->options.json) {
        append_summary_line(sum, &out, ns);
        text_append(&out, stats->bytes, stats->size);
        console_print(&sum->console, &out);
    }
    say_why_it_stopped(sum);
    text_fini(&out);
}
