/* A little of everything that a runtime is asked for, for scenarios in which something runs out meanwhile.
 *
 * Each thing asked for is an item of a ledger: refused if the call returned the error that is allowed, and settled by
 * what was accepted, once. Any other error ends the program. */
#ifndef STRESS_CHORES_H
#define STRESS_CHORES_H

#include "stress/stress.h"

#define CHORES_ITEMS_MAX 20000

struct chores {
    struct pawl_runtime *rt;
    struct pawl_ledger *ledger;
    _Atomic int allowed;       /* error that calls may return; 0: none may fail */
    _Atomic int allowed_block; /* the same for pawl_block alone */
    _Atomic uint64_t accepted, refused;
    _Atomic bool closing; /* callbacks may get -ESHUTDOWN */
};

void chores_init(struct chores *chores, struct pawl_runtime *rt);

/* From a plain thread: `tasks` tasks, each of which asks for more, and some timers. Waits for the tasks that were
 * accepted; blocks. What it leaves behind is timers, due soon or far away. */
void chores_do(struct chores *chores, uint64_t seed, uint64_t tasks);

/* Shuts the runtime down, checks that each item came once, and destroys it and the ledger. */
void chores_end(struct chores *chores, uint64_t grace_ns);

#endif
