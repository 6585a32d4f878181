/* Fault: an assertion that does not hold. */
#include <criterion/criterion.h>

Test(setup, adds)
{
    int sum = 2 + 2 + PLANTED;

    cr_assert_eq(sum, 4, "two and two");
}
