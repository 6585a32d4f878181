/* The command line. */
#ifndef PAWL_SUM_OPTIONS_H
#define PAWL_SUM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/arguments/arguments.h"

enum choice { CHOICE_AUTO, CHOICE_YES, CHOICE_NO };

/* Where files and directories are read: in the task, on the blocking pool, or in the task as long as the kernel has
 * what is asked for in memory and on the pool when it would have to wait. */
enum reads { READS_AUTO, READS_INLINE, READS_POOL };

struct options {
    int jobs;            /* workers, or PAWL_WORKERS_AUTO */
    uint64_t timeout_ns; /* of one file; PAWL_NEVER: none */
    bool stats;
    bool json;
    enum reads reads;
    enum choice progress; /* AUTO: if standard error is a terminal */
    char **paths;
    int path_count; /* at least 1 */
};

/* Sets *options, whose paths are of argv. getopt's state is global: one call at a time. */
enum arguments options_parse(struct options *options, int argc, char **argv);

#endif
