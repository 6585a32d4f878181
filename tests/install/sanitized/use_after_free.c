/* Fault: a task frees memory, sleeps, and reads it. */
#include <pawl/pawl.h>
#include <stdlib.h>

static void *read_after_sleep(void *arg)
{
    volatile int *number = malloc(sizeof *number);

    if (number == NULL)
        return NULL;
    *number = 7;
    if (PLANTED)
        free((void *)number);
    pawl_sleep(PAWL_MS(1));
    *(int *)arg = *number;
    if (!PLANTED)
        free((void *)number);
    return arg;
}

int main(void)
{
    int number = 0;

    return pawl_run(NULL, read_after_sleep, &number, NULL) == 0 && number == 7 ? 0 : 1;
}
