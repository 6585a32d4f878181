/* Fault: memory is read after it was freed. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(setup, reads_before_it_frees)
{
    volatile int *volatile number = malloc(sizeof *number); /* the pointer too: gcc must not see it */
    int seen = 0;

    cr_assert_not_null(number);
    *number = 1;
    if (!PLANTED)
        seen = *number;
    free((void *)number);
    if (PLANTED)
        seen = *number;
    cr_assert_neq(seen, 2);
}
