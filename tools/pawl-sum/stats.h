/* The runtime's counters: a worker a row, the other threads, the total. */
#ifndef PAWL_SUM_STATS_H
#define PAWL_SUM_STATS_H

#include "text.h"

struct pawl_runtime;

void stats_append_table(struct text *out, const struct pawl_runtime *runtime);

/* {"workers":[{...},...],"other":{...},"total":{...}} */
void stats_append_json(struct text *out, const struct pawl_runtime *runtime);

#endif
