/* What include/pawl/testing.h offers: noise that is off until it is turned on, ledgers that find each kind of fault,
 * seeds that repeat. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <pawl/pawl.h>
#include <pawl/testing.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/noise.h"

/* ---- noise ---- */

static void pass_often(const char *mark, int times)
{
    for (int i = 0; i < times; i++)
        pawl_noise_point(mark);
}

Test(noise, is_off_until_it_is_turned_on)
{
    pass_often("a mark", 1000);
    cr_assert_eq(pawl_noise_count(), 0);
}

Test(noise, stops)
{
    pawl_noise_start(1, 1000);
    pass_often("a mark", 1000);
    pawl_noise_stop();
    uint64_t count = pawl_noise_count();
    pass_often("a mark", 1000);
    cr_assert_eq(pawl_noise_count(), count);
}

Test(noise, with_intensity_0_is_none)
{
    pawl_noise_start(1, 0);
    pass_often("a mark", 1000);
    cr_assert_eq(pawl_noise_count(), 0);
}

static uint64_t disturbed_with(uint64_t seed, unsigned per_mille, const char *mark)
{
    uint64_t before = pawl_noise_count();
    pawl_noise_start(seed, per_mille);
    pass_often(mark, 200);
    pawl_noise_stop();
    return pawl_noise_count() - before;
}

Test(noise, of_one_seed_repeats_its_choices)
{
    for (uint64_t seed = 1; seed < 20; seed++)
        cr_assert_eq(disturbed_with(seed, 100, "a mark"), disturbed_with(seed, 100, "a mark"));
}

Test(noise, favours_other_marks_with_another_seed)
{
    unsigned never = 0, often = 0;
    for (uint64_t seed = 1; seed <= 64; seed++) {
        uint64_t count = disturbed_with(seed, 50, "a mark");
        never += count == 0;
        often += count > 50; /* four times the 10 to be expected at a usual one, and more */
    }
    cr_assert(never >= 4 && never <= 32, "never at %u of 64 seeds", never);
    cr_assert(often >= 1 && often <= 24, "often at %u of 64 seeds", often);
}

Test(noise, of_more_than_a_thousand_in_a_thousand_is_at_each_pass)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        uint64_t count = disturbed_with(seed, 4000000000u, "a mark");
        cr_assert(count == 0 || count == 200, "%" PRIu64 " of 200", count);
    }
}

Test(noise, keeps_errno)
{
    pawl_noise_start(1, 1000);
    for (int i = 0; i < 500; i++) {
        errno = EXDEV;
        pawl_noise_point(NULL);
        pawl_noise_point("b");
        pawl_noise_point("c");
        cr_assert_eq(errno, EXDEV);
    }
    cr_assert_gt(pawl_noise_count(), 0);
}

static void *yield_often(void *arg)
{
    for (int i = 0; i < 200; i++)
        pawl_yield();
    return arg;
}

Test(noise, comes_from_the_librarys_own_marks_exactly_where_the_build_has_them)
{
#ifdef PAWL_NOISE
    cr_assert(pawl_noise_inside());
#else
    cr_assert(!pawl_noise_inside());
#endif
    pawl_noise_start(3, 500);
    cr_assert_eq(pawl_run(NULL, yield_often, NULL, NULL), 0);
    pawl_noise_stop();
    cr_assert_eq(pawl_noise_count() > 0, pawl_noise_inside());
}

/* ---- ledgers ---- */

#define EXPECT_SENTENCE(ledger, faults, expected)                                                                      \
    do {                                                                                                               \
        char sentence[200];                                                                                            \
        cr_assert_eq(pawl_ledger_check(ledger, sentence, sizeof sentence), faults);                                    \
        cr_assert_str_eq(sentence, expected);                                                                          \
    } while (0)

static struct pawl_ledger *ledger_of(uint64_t capacity, uint64_t issued)
{
    struct pawl_ledger *ledger = NULL;
    cr_assert_eq(pawl_ledger_create(&ledger, capacity), 0);
    for (uint64_t i = 1, id; i <= issued; i++) {
        cr_assert_eq(pawl_ledger_issue(ledger, &id), 0);
        cr_assert_eq(id, i);
    }
    return ledger;
}

Test(ledger, is_content_when_each_item_came_once_or_was_refused)
{
    struct pawl_ledger *ledger = ledger_of(5, 5);
    for (uint64_t id = 1; id <= 4; id++)
        cr_assert_eq(pawl_ledger_settle(ledger, id), 0);
    cr_assert_eq(pawl_ledger_refuse(ledger, 5), 0);
    EXPECT_SENTENCE(ledger, 0, "5 issued, each came exactly once");
    pawl_ledger_destroy(ledger);
}

Test(ledger, names_the_first_that_was_lost)
{
    struct pawl_ledger *ledger = ledger_of(10, 4);
    cr_assert_eq(pawl_ledger_settle(ledger, 1), 0);
    cr_assert_eq(pawl_ledger_settle(ledger, 3), 0);
    EXPECT_SENTENCE(ledger, 2, "4 issued, 2 lost (2)");
    pawl_ledger_destroy(ledger);
}

Test(ledger, names_the_first_that_came_twice)
{
    struct pawl_ledger *ledger = ledger_of(2, 2);
    cr_assert_eq(pawl_ledger_settle(ledger, 1), 0);
    cr_assert_eq(pawl_ledger_settle(ledger, 2), 0);
    cr_assert_eq(pawl_ledger_settle(ledger, 2), -EALREADY);
    EXPECT_SENTENCE(ledger, 1, "2 issued, 1 more than once (2)");
    pawl_ledger_destroy(ledger);
}

Test(ledger, names_what_came_though_refused_whichever_was_first)
{
    struct pawl_ledger *ledger = ledger_of(2, 2);
    cr_assert_eq(pawl_ledger_refuse(ledger, 1), 0);
    cr_assert_eq(pawl_ledger_settle(ledger, 1), -EALREADY);
    cr_assert_eq(pawl_ledger_settle(ledger, 2), 0);
    cr_assert_eq(pawl_ledger_refuse(ledger, 2), -EALREADY);
    EXPECT_SENTENCE(ledger, 2, "2 issued, 2 though refused (1)");
    pawl_ledger_destroy(ledger);
}

Test(ledger, names_what_was_never_issued)
{
    struct pawl_ledger *ledger = ledger_of(3, 1);
    cr_assert_eq(pawl_ledger_settle(ledger, 1), 0);
    cr_assert_eq(pawl_ledger_settle(ledger, 0), -ENOENT);
    cr_assert_eq(pawl_ledger_settle(ledger, 2), -ENOENT);
    EXPECT_SENTENCE(ledger, 2, "1 issued, 2 never issued (2)");
    pawl_ledger_destroy(ledger);
}

Test(ledger, says_when_it_is_full_and_goes_on_with_what_it_has)
{
    uint64_t id = 77;
    struct pawl_ledger *ledger = ledger_of(1, 1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pawl_ledger_issue(ledger, &id), -ENOSPC);
    cr_assert_eq(id, 77);
    cr_assert_eq(pawl_ledger_settle(ledger, 1), 0);
    EXPECT_SENTENCE(ledger, 0, "1 issued, each came exactly once");
    pawl_ledger_destroy(ledger);
}

Test(ledger, cuts_its_sentence_and_needs_none)
{
    char sentence[8] = "xxxxxxx";
    struct pawl_ledger *ledger = ledger_of(4, 4);
    cr_assert_eq(pawl_ledger_check(ledger, NULL, 0), 4);
    cr_assert_eq(pawl_ledger_check(ledger, sentence, 6), 4);
    cr_assert_str_eq(sentence, "4 iss");
    cr_assert_eq(sentence[6], 'x');
    pawl_ledger_destroy(ledger);
}

Test(ledger, refuses_bad_arguments)
{
    uint64_t id;
    struct pawl_ledger *ledger = NULL;
    cr_assert_eq(pawl_ledger_create(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_ledger_create(&ledger, 0), -EINVAL);
    cr_assert_eq(pawl_ledger_create(&ledger, UINT64_MAX), -EINVAL);
    cr_assert_null(ledger);
    cr_assert_eq(pawl_ledger_issue(NULL, &id), -EINVAL);
    cr_assert_eq(pawl_ledger_settle(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_ledger_refuse(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_ledger_check(NULL, NULL, 0), 0);
    pawl_ledger_destroy(NULL);
    ledger = ledger_of(1, 0);
    cr_assert_eq(pawl_ledger_issue(ledger, NULL), -EINVAL);
    pawl_ledger_destroy(ledger);
}

enum { THREADS = 4, ITEMS_PER_THREAD = 5000 };

struct trader {
    struct pawl_ledger *ledger;
    PAWL_ATOMIC(uint32_t) *clashes;
    pthread_t thread;
};

/* Settles its own items, and tries each item 1 as well, which only one may. */
static void *trade(void *arg)
{
    struct trader *trader = arg;
    uint64_t id;
    for (int i = 0; i < ITEMS_PER_THREAD; i++)
        if (pawl_ledger_issue(trader->ledger, &id) != 0 || (id != 1 && pawl_ledger_settle(trader->ledger, id) != 0))
            abort();
    if (pawl_ledger_settle(trader->ledger, 1) != 0)
        fetch_add_relaxed_u32(trader->clashes, 1);
    return NULL;
}

Test(ledger, lets_one_of_many_threads_settle_an_item)
{
    PAWL_ATOMIC(uint32_t) clashes = 0;
    struct trader traders[THREADS];
    struct pawl_ledger *ledger = ledger_of(THREADS * ITEMS_PER_THREAD, 0);
    for (int i = 0; i < THREADS; i++) {
        traders[i] = (struct trader){.ledger = ledger, .clashes = &clashes};
        cr_assert_eq(pthread_create(&traders[i].thread, NULL, trade, &traders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(traders[i].thread, NULL);
    cr_assert_eq(load_relaxed_u32(&clashes), THREADS - 1);
    EXPECT_SENTENCE(ledger, 1, "20000 issued, 1 more than once (1)");
    pawl_ledger_destroy(ledger);
}

/* ---- seeds ---- */

Test(seed, is_the_environments_if_it_is_one)
{
    setenv("SOME_SEED", "4711", 1);
    cr_assert_eq(pawl_seed_choose("SOME_SEED"), 4711);
    setenv("SOME_SEED", "0xffffffff", 1);
    cr_assert_eq(pawl_seed_choose("SOME_SEED"), UINT32_MAX);
}

Test(seed, is_new_each_time_without_one_and_never_0)
{
    static const char *const bad[] = {"", "0", "-1", "12x", "0x100000000", "seed"};
    unsetenv("SOME_SEED");
    uint64_t first = pawl_seed_choose("SOME_SEED"), same = 0;
    for (int i = 0; i < 10; i++)
        same += pawl_seed_choose(NULL) == first;
    cr_assert_lt(same, 5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("SOME_SEED", bad[i], 1);
        uint64_t seed = pawl_seed_choose("SOME_SEED");
        cr_assert(seed > 0 && seed <= UINT32_MAX);
    }
}
