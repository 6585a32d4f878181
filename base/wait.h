/* Blocking on a word: the only place where a thread of the library sleeps, but for the driver's poll.
 *
 * wait_on returns when woken, when *word != expected, at the deadline, or for no reason at all; the caller looks at
 * the word again. Waking takes an address only: the memory may have been freed by then, which at worst wakes somebody
 * for no reason. Orders nothing: data is carried by the accesses to the word. Source: futex(2). */
#ifndef PAWL_BASE_WAIT_H
#define PAWL_BASE_WAIT_H

#include "base/atomic.h"

/* deadline_ns: on CLOCK_MONOTONIC, UINT64_MAX for none. false: the deadline has passed. */
bool pawl__wait_on(PAWL_ATOMIC(uint32_t) *word, uint32_t expected, uint64_t deadline_ns);
void pawl__wake_one(PAWL_ATOMIC(uint32_t) *word);
void pawl__wake_all(PAWL_ATOMIC(uint32_t) *word);

#endif
