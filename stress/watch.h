/* The watchdog: a plain thread that reads the round's counters and ends the program when none of them has moved for too
 * long. It prints the progress line as well. */
#ifndef STRESS_WATCH_H
#define STRESS_WATCH_H

#include "stress.h"

void watch_start(uint64_t stall_ns);

/* A round begins: its counters are zero. */
void watch_round(const struct scenario *scenario, const struct round *round);
void watch_round_over(void);

/* A runtime whose counters are worth printing. */
void watch_runtime(struct pawl_runtime *rt);
void watch_forget(struct pawl_runtime *rt);

/* Prints on standard error the scenario, the seed, the sentence, the round's counters, and what all workers of the
 * known runtimes are doing. From any thread; if several come, one prints and the others wait for the end of the
 * program. */
void watch_report(const char *verdict, const char *sentence);

#endif
