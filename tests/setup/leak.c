/* Fault: memory that nobody frees and nobody points to. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(setup, allocates)
{
    void *volatile memory = malloc(100);

    cr_assert_not_null(memory);
    if (!PLANTED)
        free(memory);
    memory = NULL;
}
