/* Fault: the element after the last is read. */
#include <criterion/criterion.h>
#include <stdlib.h>

enum { COUNT = 10 };

Test(setup, reads_the_last_element)
{
    volatile int *volatile numbers = calloc(COUNT, sizeof *numbers); /* the pointer too: gcc must not see it */
    int seen;

    cr_assert_not_null(numbers);
    seen = numbers[COUNT - 1 + PLANTED];
    free((void *)numbers);
    cr_assert_neq(seen, 2);
}
