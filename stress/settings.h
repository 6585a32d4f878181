/* The command line of pawl-stress. */
#ifndef STRESS_SETTINGS_H
#define STRESS_SETTINGS_H

#include "stress.h"
#include "tools/arguments/arguments.h"

#define CHOSEN_MAX 64

struct settings {
    const struct scenario *chosen[CHOSEN_MAX];
    int chosen_count; /* at least 1 */
    uint64_t duration_ns;
    uint64_t stall_ns;
    uint64_t rounds_max, operations_max; /* UINT64_MAX: as many as there is time for */
    uint64_t seed;
    int workers; /* 0: drawn from the seed */
    int noise;   /* per mille; -1: drawn from the seed */
    bool json;
};

/* Sets *s; its seed stays what it is unless the command line names one. scenarios: all there are, NULL ends them. */
enum arguments settings_parse(struct settings *s, int argc, char **argv, const struct scenario *const *scenarios);

#endif
