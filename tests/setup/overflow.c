/* Fault: a signed integer overflows. */
#include <criterion/criterion.h>
#include <limits.h>

Test(setup, increments)
{
    volatile int number = PLANTED ? INT_MAX : 0;

    number = number + 1;
    cr_assert_neq(number, 0);
}
