#include "sched/registry.h"

#include "sched/runtime.h"

static struct lock lock;                   /* process-wide: the registry is */
static PAWL_ATOMIC(void *) first_live;     /* process-wide: A struct pawl_runtime list, written under lock */
static PAWL_ATOMIC(uint64_t) last_id;      /* process-wide: A */

/* So that a forked child does not inherit the lock from a thread that it does not have. */
static pthread_once_t fork_handlers = PTHREAD_ONCE_INIT; /* process-wide: the registry is */
static int fork_handlers_error;                          /* process-wide: written once, under fork_handlers */

static void lock_registry(void)
{
    lock_acquire(&lock);
}

static void unlock_registry(void)
{
    lock_release(&lock);
}

static void register_fork_handlers(void)
{
    fork_handlers_error = -pthread_atfork(lock_registry, unlock_registry, unlock_registry);
}

int pawl__registry_init(void)
{
    pthread_once(&fork_handlers, register_fork_handlers);
    return fork_handlers_error;
}

uint64_t pawl__registry_new_id(void)
{
    return fetch_add_relaxed_u64(&last_id, 1) + 1; /* relaxed: only to be unique */
}

void pawl__registry_add(struct pawl_runtime *rt)
{
    lock_acquire(&lock);
    store_relaxed_ptr(&rt->next_live, load_relaxed_ptr(&first_live)); /* relaxed: not findable yet; under the lock */
    store_release_ptr(&first_live, rt); /* edge registry.live: the runtime is ready to be used */
    lock_release(&lock);
}

void pawl__registry_remove(struct pawl_runtime *rt)
{
    lock_acquire(&lock);
    PAWL_ATOMIC(void *) *link = &first_live;
    while (load_relaxed_ptr(link) != rt) /* relaxed: under the lock */
        link = &((struct pawl_runtime *)load_relaxed_ptr(link))->next_live;
    store_release_ptr(link, load_relaxed_ptr(&rt->next_live)); /* edge registry.live */
    lock_release(&lock);
}

struct pawl_runtime *pawl__registry_find(uint64_t id)
{
    struct pawl_runtime *rt = load_acquire_ptr(&first_live); /* edge registry.live */
    while (rt != NULL && rt->id != id)
        rt = load_acquire_ptr(&rt->next_live);
    return rt;
}
