/* The idle set: who sleeps, how many search, who is claimed. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "sched/idle.h"
#include "tests/support/valgrind.h"

static struct idle idle;
static PAWL_ATOMIC(uint64_t) asleep[3];

static void start(unsigned workers)
{
    idle.workers = workers;
    idle.asleep = asleep;
    store_release_u64(&idle.word, 0);
    memset((void *)asleep, 0, sizeof asleep);
}

static uint32_t searching(void)
{
    return (uint32_t)load_acquire_u64(&idle.word);
}

Test(idle, is_empty_at_first)
{
    start(130);
    cr_assert_eq(idle_sleeping(&idle), 0);
    cr_assert_not(idle_wants_wake(&idle));
    cr_assert_eq(idle_next_asleep(&idle, 0), IDLE_NOBODY);
    cr_assert_not(idle_claim(&idle, 0, false));
}

Test(idle, lets_at_most_half_of_the_workers_search)
{
    static const struct {
        unsigned workers, searchers;
    } cases[] = {{1, 1}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {64, 32}, {129, 65}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(cases[i].workers);
        for (unsigned n = 0; n < cases[i].searchers; n++)
            cr_assert(idle_try_search(&idle), "%u of %u", n, cases[i].workers);
        cr_assert_not(idle_try_search(&idle), "%u workers", cases[i].workers);
        for (unsigned n = cases[i].searchers; n > 0; n--)
            cr_assert_eq(idle_stop_searching(&idle), n == 1, "only the last one is told so");
        cr_assert_eq(searching(), 0);
    }
}

Test(idle, knows_each_sleeper)
{
    static const unsigned sleepers[] = {0, 1, 63, 64, 65, 127, 128, 129};
    enum { COUNT = sizeof sleepers / sizeof *sleepers };
    start(130);
    for (unsigned i = 0; i < COUNT; i++) {
        cr_assert_not(idle_is_asleep(&idle, sleepers[i]));
        idle_announce(&idle, sleepers[i], false);
        cr_assert(idle_is_asleep(&idle, sleepers[i]));
        cr_assert_eq(idle_sleeping(&idle), i + 1);
    }
    unsigned found = 0;
    for (int worker = -1; (worker = idle_next_asleep(&idle, (unsigned)(worker + 1))) != IDLE_NOBODY; found++)
        cr_assert_eq((unsigned)worker, sleepers[found]);
    cr_assert_eq(found, COUNT);
    cr_assert_eq(idle_next_asleep(&idle, 2), 63);
    cr_assert_eq(idle_next_asleep(&idle, 66), 127);
    cr_assert_eq(idle_next_asleep(&idle, 130), IDLE_NOBODY);
    for (unsigned i = 0; i < COUNT; i++) {
        cr_assert(idle_claim(&idle, sleepers[i], false));
        cr_assert_not(idle_claim(&idle, sleepers[i], false), "claimed once");
        cr_assert_not(idle_is_asleep(&idle, sleepers[i]));
        cr_assert_eq(idle_sleeping(&idle), COUNT - 1 - i);
    }
    cr_assert_eq(searching(), 0);
}

Test(idle, counts_who_is_claimed_as_a_searcher_if_so_said)
{
    start(4);
    idle_announce(&idle, 0, false);
    idle_announce(&idle, 1, false);
    cr_assert(idle_claim(&idle, 0, true));
    cr_assert_eq(searching(), 1);
    cr_assert_eq(idle_sleeping(&idle), 1);
    cr_assert(idle_claim(&idle, 1, false));
    cr_assert_eq(searching(), 1);
    cr_assert_eq(idle_sleeping(&idle), 0);
    cr_assert(idle_stop_searching(&idle));
}

Test(idle, wants_a_wake_when_somebody_sleeps_and_nobody_searches)
{
    start(4);
    cr_assert_not(idle_wants_wake(&idle));
    cr_assert(idle_try_search(&idle));
    cr_assert_not(idle_wants_wake(&idle));
    idle_announce(&idle, 3, false);
    cr_assert_not(idle_wants_wake(&idle), "one searches");
    cr_assert(idle_stop_searching(&idle));
    cr_assert(idle_wants_wake(&idle));
    cr_assert(idle_claim(&idle, 3, true));
    cr_assert_not(idle_wants_wake(&idle), "the claimed one searches");
}

Test(idle, tells_the_last_searcher_that_goes_to_sleep_to_look_again)
{
    start(8);
    cr_assert(idle_try_search(&idle));
    cr_assert(idle_try_search(&idle));
    cr_assert_not(idle_announce(&idle, 0, true), "another searches on");
    cr_assert_eq(searching(), 1);
    cr_assert(idle_announce(&idle, 1, true), "nobody searches now");
    cr_assert_eq(searching(), 0);
    cr_assert_eq(idle_sleeping(&idle), 2);
}

/* ---- at once ---- */

enum { CLAIMERS = 3, WORKERS = 70 };
#define ROUNDS ((uint32_t)SPINNING_ROUNDS(100 * WORKERS))

static PAWL_ATOMIC(uint32_t) claimed[WORKERS], total, stop;

static void *claim(void *arg)
{
    while (load_acquire_u32(&stop) == 0)
        for (int worker = -1; (worker = idle_next_asleep(&idle, (unsigned)(worker + 1))) != IDLE_NOBODY;)
            if (idle_claim(&idle, (unsigned)worker, true)) {
                fetch_add_acq_rel_u32(&claimed[worker], 1);
                fetch_add_acq_rel_u32(&total, 1);
            }
    return arg;
}

Test(idle, gives_each_sleeper_to_one_claimer)
{
    pthread_t threads[CLAIMERS];
    start(WORKERS);
    for (size_t i = 0; i < CLAIMERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, claim, NULL), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        unsigned worker = round % WORKERS;
        idle_announce(&idle, worker, false);
        while (load_acquire_u32(&total) < round) {
        }
        cr_assert_eq(load_acquire_u32(&total), round);
        idle_stop_searching(&idle);
    }
    store_release_u32(&stop, 1);
    for (size_t i = 0; i < CLAIMERS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(load_acquire_u64(&idle.word), 0);
}
