/* What the command lines of the tools, the benchmarks and the stress program have in common: numbers, durations, and
 * how parsing ends.
 *
 * Both parsers take the whole text or nothing: no blanks, no sign, nothing after it. What they return through a pointer
 * is written on success only. */
#ifndef PAWL_TOOLS_ARGUMENTS_H
#define PAWL_TOOLS_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

/* What a command line asks for. */
enum arguments {
    ARGUMENTS_RUN,
    ARGUMENTS_DONE,    /* --help or the like was answered */
    ARGUMENTS_UNUSABLE /* said so on standard error */
};

/* A whole number from min to max, decimal, or hexadecimal after 0x. false: it is none; NULL is none. */
bool arguments_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* "5s", "1.5m", "250ms", "10us", "1ns", "2h"; a bare number is seconds. What is left of a nanosecond is dropped.
 * false: it is none, below a nanosecond, or above 10^18 of them (31 years). */
bool arguments_duration(const char *text, uint64_t *duration_ns);

#endif
