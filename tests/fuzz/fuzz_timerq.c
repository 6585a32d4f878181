/* time/timerq.c against arrays that are searched from end to end. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/time/timerq_reference.h"

#define STEPS_MAX 5000 /* a long input does not say more than a few short ones */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct timerq_walk walk;
    struct input input = input_of(bytes, size);
    uint64_t now_ns = take_number(&input);
    FUZZ_CHECK(walk_init(&walk, now_ns, 1 + take_below(&input, 256)) == 0);
    for (unsigned steps = 0; input_is_left(&input) && steps < STEPS_MAX; steps++) {
        unsigned byte = take_byte(&input), which = take_byte(&input);
        uint64_t ns = take_number(&input);
        /* the upper half of the byte says how often, so that short inputs fill a heap too */
        for (unsigned times = 0; times <= byte / 16 * (byte / 16); times++) {
            const char *broken = walk_step(&walk, byte % 16, which + times, ns);
            if (broken != NULL)
                fuzz_fail(__FILE__, __LINE__, broken);
        }
    }
    walk_fini(&walk);
    return 0;
}
