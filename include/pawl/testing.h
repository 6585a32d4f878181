/* For test suites, of Pawl and of programs on top of it: schedule noise, ledgers that find what was lost or came twice,
 * and seeds. pawl.h does not include this header.
 *
 * Defaults as in base.h. Threads: any thread and any task may call everything, but where it says otherwise. Blocks: a
 * noise point may, for up to a tenth of a millisecond, without suspending the task that passes it. Orders: nothing.
 * Neither noise nor ledgers make one thread's writes visible to another, so that they hide no race from
 * ThreadSanitizer. */
#ifndef PAWL_TESTING_H
#define PAWL_TESTING_H

#include <inttypes.h>
#include <stdio.h>

#include <pawl/base.h>

PAWL_BEGIN_DECLS

/* ---- schedule noise ----
 *
 * A noise point lies where threads race, between two steps of one of them. While noise is on, a thread that passes one
 * now and then spins, gives its processor away, or sleeps for some microseconds: windows that are a few instructions
 * wide on an idle machine become wide enough for the others to come through. A seed decides how often each mark
 * disturbs (some never, some far more often than others), and what each thread draws; another seed disturbs elsewhere.
 * The same seed repeats which marks are favoured and, if
 * threads come to their first point in the same order, what each draws; it does not repeat the schedule.
 *
 * The state is the process's: one noise for all runtimes and threads. While it is off a point costs a function call
 * and one relaxed load. */

/* Has this build of the library points of its own inside (CMake: PAWL_NOISE)? Those of the caller work in all. */
PAWL_API bool pawl_noise_inside(void);

/* Turns noise on, or on anew with another seed. per_mille: so many of a thousand passes are disturbed at a usual mark;
 * 0 turns it off, above 1000 is 1000. A start is seen by other threads soon, not at once. */
PAWL_API void pawl_noise_start(uint64_t seed, unsigned per_mille);
PAWL_API void pawl_noise_stop(void);

/* A point of the caller's own. mark names the place, for the seed to choose by; NULL is one as well. Keeps errno. */
PAWL_API void pawl_noise_point(const char *mark);

/* Passes disturbed since the process began: whether there was any noise. */
PAWL_API uint64_t pawl_noise_count(void);

/* ---- ledgers ----
 *
 * A ledger checks that each of many items comes exactly once: each is issued a number before it is handed over, and
 * settled where it comes out. One atomic addition each, on a word of the item's own when it is settled.
 *
 *     issue    -> to be settled once                settle  0          -> well
 *     refuse   -> must not be settled any more      settle  -EALREADY  -> it came before, or was refused
 *                                                   settle  -ENOENT    -> there is no such item
 */

struct pawl_ledger;

/* For up to `capacity` items, four bytes each. -EINVAL: 0, or more than memory can be addressed for; -ENOMEM. */
PAWL_API int pawl_ledger_create(struct pawl_ledger **out, uint64_t capacity);

/* When no other thread uses it any more. NULL: nothing. */
PAWL_API void pawl_ledger_destroy(struct pawl_ledger *ledger);

/* *id: 1, 2, 3 and so on. -ENOSPC: the ledger is full. */
PAWL_API int pawl_ledger_issue(struct pawl_ledger *ledger, uint64_t *id);

/* The item has come. An error is remembered, too, for pawl_ledger_check. */
PAWL_API int pawl_ledger_settle(struct pawl_ledger *ledger, uint64_t id);

/* The item will not come: what it was handed to returned an error, or gave it back. Errors as settle. */
PAWL_API int pawl_ledger_refuse(struct pawl_ledger *ledger, uint64_t id);

/* When nothing is on its way any more: how many items were lost, came more than once, or came though there were no such
 * items or they had been refused; 0: each came exactly once. Writes a sentence that names the first of each kind, cut
 * at `size`; sentence may be NULL if size is 0. Ledger NULL: 0. */
PAWL_API uint64_t pawl_ledger_check(const struct pawl_ledger *ledger, char *sentence, size_t size);

/* ---- seeds ---- */

/* The number in the environment variable; without one there, a new one each time. Below 2^32, never 0. variable may be
 * NULL. */
PAWL_API uint64_t pawl_seed_choose(const char *variable);

/* The same, said on standard error, so that the run can be repeated; variable is not NULL. Prints from the program that
 * includes this: the library itself never does. */
static inline uint64_t pawl_seed_announce(const char *variable)
{
    uint64_t seed = pawl_seed_choose(variable);
    fprintf(stderr, "seed: %s=%" PRIu64 " repeats it\n", variable, seed);
    return seed;
}

PAWL_END_DECLS

#endif
