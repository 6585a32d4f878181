#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pawl/pawl.h>

static const struct {
    const char *heading; /* of the table: short */
    const char *name;    /* in JSON: as in struct pawl_metrics */
    size_t offset;
} columns[] = {
    {"spawned", "tasks_spawned", offsetof(struct pawl_metrics, tasks_spawned)},
    {"finished", "tasks_finished", offsetof(struct pawl_metrics, tasks_finished)},
    {"runs", "task_runs", offsetof(struct pawl_metrics, task_runs)},
    {"stolen", "tasks_stolen", offsetof(struct pawl_metrics, tasks_stolen)},
    {"injected", "tasks_injected", offsetof(struct pawl_metrics, tasks_injected)},
    {"overflow", "tasks_overflowed", offsetof(struct pawl_metrics, tasks_overflowed)},
    {"parks", "parks", offsetof(struct pawl_metrics, parks)},
    {"unparks", "unparks", offsetof(struct pawl_metrics, unparks)},
    {"turns", "driver_turns", offsetof(struct pawl_metrics, driver_turns)},
    {"rescues", "driver_rescues", offsetof(struct pawl_metrics, driver_rescues)},
    {"armed", "timers_armed", offsetof(struct pawl_metrics, timers_armed)},
    {"reset", "timers_reset", offsetof(struct pawl_metrics, timers_reset)},
    {"cancelled", "timers_cancelled", offsetof(struct pawl_metrics, timers_cancelled)},
    {"fired", "timers_fired", offsetof(struct pawl_metrics, timers_fired)},
};

#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

static unsigned long long value_in(const struct pawl_metrics *metrics, size_t column)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)metrics + columns[column].offset, sizeof value);
    return value;
}

/* Row 0 up to the workers: theirs; then "other", then the total. */
static struct pawl_metrics *read_rows(const struct pawl_runtime *runtime, int workers)
{
    size_t size = sizeof(struct pawl_metrics);
    struct pawl_metrics *rows = need_memory(((size_t)workers + 2) * size);
    memset(rows, 0, ((size_t)workers + 2) * size);
    for (int i = 0; i < workers; i++)
        (void)pawl_metrics_worker(runtime, i, &rows[i], size);
    (void)pawl_metrics_worker(runtime, -1, &rows[workers], size);
    (void)pawl_metrics_total(runtime, &rows[workers + 1], size);
    return rows;
}

/* The total is the widest number of its column, or so nearly that the next one may be off by a place. */
static int width_of(const struct pawl_metrics *total, size_t column)
{
    int heading = (int)strlen(columns[column].heading);
    int number = snprintf(NULL, 0, "%llu", value_in(total, column));
    return heading > number ? heading : number;
}

static void append_row(struct text *out, const char *label, const struct pawl_metrics *row,
                       const struct pawl_metrics *total)
{
    text_format(out, "%-6s", label);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        text_format(out, "  %*llu", width_of(total, i), value_in(row, i));
    text_append_char(out, '\n');
}

void stats_append_table(struct text *out, const struct pawl_runtime *runtime)
{
    int workers = pawl_runtime_workers(runtime);
    struct pawl_metrics *rows = read_rows(runtime, workers);
    const struct pawl_metrics *total = &rows[workers + 1];
    text_append_string(out, "worker");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        text_format(out, "  %*s", width_of(total, i), columns[i].heading);
    text_append_char(out, '\n');
    for (int i = 0; i < workers; i++) {
        char label[16];
        snprintf(label, sizeof label, "%d", i);
        append_row(out, label, &rows[i], total);
    }
    append_row(out, "other", &rows[workers], total);
    append_row(out, "total", total, total);
    free(rows);
}

static void append_object(struct text *out, const struct pawl_metrics *row)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        text_format(out, "%s\"%s\":%llu", i == 0 ? "{" : ",", columns[i].name, value_in(row, i));
    text_append_char(out, '}');
}

void stats_append_json(struct text *out, const struct pawl_runtime *runtime)
{
    int workers = pawl_runtime_workers(runtime);
    struct pawl_metrics *rows = read_rows(runtime, workers);
    text_append_string(out, "{\"workers\":[");
    for (int i = 0; i < workers; i++) {
        if (i > 0)
            text_append_char(out, ',');
        append_object(out, &rows[i]);
    }
    text_append_string(out, "],\"other\":");
    append_object(out, &rows[workers]);
    text_append_string(out, ",\"total\":");
    append_object(out, &rows[workers + 1]);
    text_append_char(out, '}');
    free(rows);
}
