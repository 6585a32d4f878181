/* The room for liburcu's "bulletproof" flavour: reading what another thread may free, from threads nobody registered.
 *
 *     reader                          reclaimer
 *     rcu_enter                       1. unpublish, so that no new reader can find it
 *     find it, use it                 2. pawl__rcu_synchronize
 *     rcu_exit                        3. free it
 *
 * Edge rcu.grace: a reader's rcu_exit happens before the return of any synchronize that had to wait for it. liburcu's
 * insides are not instrumented, so in ThreadSanitizer builds the edge is written down here by hand.
 *
 * Threads: any. Blocks: synchronize does, until all readers of before have left; never call it inside a section.
 * No suspension inside a section. No reclamation thread is used. */
#ifndef PAWL_BASE_RCU_H
#define PAWL_BASE_RCU_H

/* Before any other call: makes RCU survive fork(2). Idempotent; 0 or -ENOMEM. */
int pawl__rcu_init(void);

void pawl__rcu_enter(void);
void pawl__rcu_exit(void);
void pawl__rcu_synchronize(void);

#endif
