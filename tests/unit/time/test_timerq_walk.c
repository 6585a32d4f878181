/* Random walks: the timer queue against arrays that are searched from end to end. Clocks that step back, ties,
 * intervals, small capacities, delays of every magnitude.
 *
 * A failure names its seed. PAWL_SEED walks from that seed alone; PAWL_TEST_SCALE is the per cent of the usual length.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/random.h"
#include "tests/support/valgrind.h"
#include "tests/unit/time/timerq_reference.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SEED_COUNT 24
#define STEP_COUNT 150000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SCALE_PERCENT_DEFAULT 10
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SCALE_PERCENT_DEFAULT 10
#endif
#endif
#ifndef SCALE_PERCENT_DEFAULT
#define SCALE_PERCENT_DEFAULT (RUNNING_ON_VALGRIND ? 10 : 100)
#endif

static struct timerq_walk walk; /* the test has a process of its own */

static void walk_from(uint64_t seed, uint64_t step_count)
{
    static const size_t pending_max[] = {3, 20, 60, 150, 300, REFERENCE_PENDING_MAX};
    static const unsigned magnitudes[] = {3, 6, 12, 40}; /* bits of the longest delay but for the rare ones */
    struct random random;
    random_init(&random, seed, 0);
    size_t limit = pending_max[seed % COUNT_OF(pending_max)];
    unsigned bits_max = magnitudes[seed / COUNT_OF(pending_max) % COUNT_OF(magnitudes)];
    uint64_t start_ns = seed % 5 == 0 ? UINT64_MAX - (UINT64_C(1) << (bits_max + 4)) : random_next(&random) >> 20;
    if (limit == REFERENCE_PENDING_MAX)
        step_count /= 4; /* the reference is slow then */
    cr_assert_eq(walk_init(&walk, start_ns, limit), 0);
    for (uint64_t step = 0; step < step_count; step++) {
        unsigned bits = random_below(&random, 1000) == 0 ? 64 : random_below(&random, bits_max + 1);
        uint64_t ns = bits == 0 ? 0 : random_next(&random) >> (64 - bits);
        unsigned which = random_below(&random, 65536), what = random_below(&random, 16);
        if (bits == 64 && what >= 11 && step % 8 != 0)
            continue; /* time jumps to its end, but not at once */
        const char *broken = walk_step(&walk, what, which, ns);
        cr_assert(broken == NULL, "PAWL_SEED=%" PRIu64 ", step %" PRIu64 ": not true: %s", seed, step, broken);
    }
    walk_fini(&walk);
}

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

Test(timerq_walk, agrees_with_the_reference)
{
    uint64_t seed_first = number_from_environment("PAWL_SEED", 1);
    uint64_t seed_last = getenv("PAWL_SEED") != NULL ? seed_first : SEED_COUNT;
    uint64_t scale_percent = number_from_environment("PAWL_TEST_SCALE", SCALE_PERCENT_DEFAULT);
    for (uint64_t seed = seed_first; seed <= seed_last; seed++)
        walk_from(seed, STEP_COUNT * scale_percent / 100);
}
