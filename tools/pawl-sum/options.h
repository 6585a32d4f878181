/* The command line. */
#ifndef PAWL_SUM_OPTIONS_H
#define PAWL_SUM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

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

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_DONE,    /* --help or --version was printed */
    OPTIONS_UNUSABLE /* said so on standard error */
};

enum options_outcome options_parse(struct options *options, int argc, char **argv);

/* "5s", "1.5m", "250ms", "10us", "1ns", "2h"; a bare number is seconds. false: it is none, not above 0, or too long. */
bool options_parse_duration(const char *text, uint64_t *duration_ns);

#endif
