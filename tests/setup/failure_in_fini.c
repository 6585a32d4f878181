/* Fault: an assertion that does not hold, in a test's clean-up, where Criterion prints it and counts it as passed. */
#include <criterion/criterion.h>

static void clean_up(void)
{
    int sum = 3 + 3 + PLANTED;

    cr_expect_eq(sum, 6, "three and three");
}

Test(setup, cleans_up, .fini = clean_up)
{
    cr_assert(true);
}
