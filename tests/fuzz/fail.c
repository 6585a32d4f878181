#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

_Noreturn void fuzz_fail(const char *file, int line, const char *claim)
{
    dprintf(2, "%s:%d: not true: %s\n", file, line, claim); /* a target may have redirected stderr */
    abort();
}
