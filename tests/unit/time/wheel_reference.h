/* A timer wheel without a wheel: an array, searched from end to end at every question. Slow, and right by inspection.
 *
 * Model:   Timers are numbered. Each is armed with a deadline, WHEEL_NEVER for none, or disarmed.
 * Time:    Ticks, in every argument.
 * Threads: Not thread-safe.
 * Errors:  None.
 * Memory:  Allocates nothing; REFERENCE_TIMERS_MAX timers at most. */
#ifndef PAWL_TESTS_WHEEL_REFERENCE_H
#define PAWL_TESTS_WHEEL_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFERENCE_TIMERS_MAX 2000

struct wheel_reference {
    size_t timer_count;
    bool armed[REFERENCE_TIMERS_MAX];
    uint64_t deadline[REFERENCE_TIMERS_MAX];
};

/* All disarmed. */
void reference_init(struct wheel_reference *reference, size_t timer_count);

/* Arms, or moves to another deadline. */
void reference_arm(struct wheel_reference *reference, size_t timer, uint64_t deadline);

void reference_disarm(struct wheel_reference *reference, size_t timer);

/* Whether the timer is armed and its deadline has come. */
bool reference_is_due(const struct wheel_reference *reference, size_t timer, uint64_t now);

/* The first deadline, or WHEEL_NEVER. */
uint64_t reference_earliest(const struct wheel_reference *reference);

size_t reference_count(const struct wheel_reference *reference);

#endif
