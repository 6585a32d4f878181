#include "base/rcu.h"

#include <pthread.h>
#include <urcu-bp.h>

#include "base/tsan.h"

static char grace; /* process-wide: a name for edge rcu.grace, never read or written */

static pthread_once_t fork_handlers = PTHREAD_ONCE_INIT; /* process-wide: liburcu's own state is */
static int fork_handlers_error;                          /* process-wide: written once, under fork_handlers */

static void register_fork_handlers(void)
{
    fork_handlers_error = -pthread_atfork(urcu_bp_before_fork, urcu_bp_after_fork_parent, urcu_bp_after_fork_child);
}

int pawl__rcu_init(void)
{
    pthread_once(&fork_handlers, register_fork_handlers);
    return fork_handlers_error;
}

void pawl__rcu_enter(void)
{
    urcu_bp_read_lock();
}

void pawl__rcu_exit(void)
{
    TSAN_RELEASE(&grace);
    urcu_bp_read_unlock();
}

void pawl__rcu_synchronize(void)
{
    urcu_bp_synchronize_rcu();
    TSAN_ACQUIRE(&grace);
}
