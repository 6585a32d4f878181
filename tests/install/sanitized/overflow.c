/* Fault: a signed integer overflows in a task. */
#include <limits.h>
#include <pawl/pawl.h>
#include <stddef.h>

static void *increment_after_yield(void *arg)
{
    volatile int *number = arg;

    pawl_yield();
    *number = *number + 1;
    return arg;
}

int main(void)
{
    int number = PLANTED ? INT_MAX : 0;

    return pawl_run(NULL, increment_after_yield, &number, NULL) == 0 && number == 1 ? 0 : 1;
}
