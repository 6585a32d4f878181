/* A target that finds something, to see that finding something turns the test red. */
#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    bool planted = size == 7 && memcmp(bytes, "planted", 7) == 0;
    FUZZ_CHECK(!planted);
    return 0;
}
