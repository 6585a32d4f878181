#include <pawl/pawl.h>
#include <stddef.h>

static void *add_one(void *arg)
{
    int *number = arg;

    *number += 1;
    return number;
}

int main(void)
{
    int number = 1;
    void *result = NULL;
    int error = pawl_run(NULL, add_one, &number, &result);

    return error == 0 && result == &number && number == 2 ? 0 : 1;
}
