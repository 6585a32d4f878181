/* What became of each file: a line on standard output or a message on standard error, and the counts. */
#ifndef PAWL_SUM_REPORT_H
#define PAWL_SUM_REPORT_H

#include <stdatomic.h>
#include <stdint.h>

#include "hasher.h"

struct sum;

/* All relaxed: they carry no data, and are read for good after every task has ended. */
struct tally {
    _Atomic uint64_t files; /* summed */
    _Atomic uint64_t bytes; /* of these */
    _Atomic uint64_t errors;
    _Atomic uint64_t skipped; /* no files: sockets, devices, FIFOs */
    _Atomic uint64_t bytes_read;
    _Atomic uint64_t files_ended; /* summed or not */
};

struct file_sum {
    unsigned char digest[HASHER_DIGEST_SIZE];
    uint64_t bytes;
    uint64_t ns; /* from its start to its end */
};

/* `line` is room to write in. */
void report_sum(struct sum *sum, const char *name, const struct file_sum *file, struct text *line);

/* error: a negative errno; what: said in its place unless NULL. */
void report_failure(struct sum *sum, const char *name, int error, const char *what);

/* Something that is no file, met on the way. */
void report_skip(struct sum *sum, const char *name, const char *kind);

/* At the end: the summary where it was asked for, and why the run ended early if it did. `stats` is JSON or a table,
 * empty without --stats. */
void report_end(struct sum *sum, const struct text *stats);

/* "1.5 GB"; 32 bytes are enough. */
void report_format_size(char *out, size_t size, double bytes);

#endif
