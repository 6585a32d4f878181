/* The registry of live runtimes. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"
#include "sched/registry.h"
#include "sched/runtime.h"

static struct pawl_runtime *new_runtime(void)
{
    struct pawl_runtime *rt = aligned_alloc(PAWL_CACHE_LINE, sizeof *rt);
    cr_assert_not_null(rt);
    memset((void *)rt, 0, sizeof *rt);
    rt->id = pawl__registry_new_id();
    return rt;
}

Test(registry, gives_ids_that_are_never_0_and_never_twice)
{
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t id = pawl__registry_new_id();
        cr_assert_gt(id, last);
        last = id;
    }
}

Test(registry, finds_the_live_and_only_those)
{
    struct pawl_runtime *rts[5];
    cr_assert_eq(pawl__rcu_init(), 0);
    for (size_t i = 0; i < 5; i++)
        rts[i] = new_runtime();
    for (size_t i = 0; i < 5; i++) {
        cr_assert_null(pawl__registry_find(rts[i]->id));
        pawl__registry_add(rts[i]);
        cr_assert_eq(pawl__registry_find(rts[i]->id), rts[i]);
    }
    cr_assert_null(pawl__registry_find(0));
    cr_assert_null(pawl__registry_find(UINT64_MAX));
    static const size_t order[] = {2, 0, 4, 3, 1}; /* from the middle and from both ends */
    for (size_t k = 0; k < 5; k++) {
        pawl__registry_remove(rts[order[k]]);
        cr_assert_null(pawl__registry_find(rts[order[k]]->id));
        for (size_t left = k + 1; left < 5; left++)
            cr_assert_eq(pawl__registry_find(rts[order[left]]->id), rts[order[left]]);
    }
    for (size_t i = 0; i < 5; i++)
        free(rts[i]);
}

static PAWL_ATOMIC(uint32_t) stop;
static PAWL_ATOMIC(uint64_t) wanted;

static void *look(void *arg)
{
    intptr_t wrong = 0;
    (void)arg;
    while (load_acquire_u32(&stop) == 0) {
        uint64_t id = load_acquire_u64(&wanted);
        pawl__rcu_enter();
        struct pawl_runtime *rt = pawl__registry_find(id);
        wrong += rt != NULL && (rt->id != id || rt->worker_count != 7);
        pawl__rcu_exit();
    }
    return (void *)wrong;
}

Test(registry, keeps_what_was_found_until_the_read_section_ends)
{
    pthread_t threads[2];
    cr_assert_eq(pawl__rcu_init(), 0);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, look, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        struct pawl_runtime *rt = new_runtime();
        rt->worker_count = 7;
        pawl__registry_add(rt);
        store_release_u64(&wanted, rt->id);
        pawl__registry_remove(rt);
        pawl__rcu_synchronize();
        memset((void *)rt, 0xee, sizeof *rt);
        free(rt);
    }
    store_release_u32(&stop, 1);
    for (size_t i = 0; i < 2; i++) {
        void *wrong = NULL;
        cr_assert_eq(pthread_join(threads[i], &wrong), 0);
        cr_assert_null(wrong);
    }
}
