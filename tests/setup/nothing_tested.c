/* Fault: an executable without a test in it. */
#include <criterion/criterion.h>

#if !PLANTED
Test(setup, exists)
{
    cr_assert(true);
}
#endif
