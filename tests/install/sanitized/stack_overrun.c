/* Fault: a task that has slept writes behind the end of an array on its stack. */
#include <pawl/pawl.h>
#include <stddef.h>

enum { COUNT = 10 };

static void *fill_after_sleep(void *arg)
{
    int numbers[COUNT];
    int *volatile first = numbers; /* the compiler cannot see what it points to, so only AddressSanitizer can tell */

    pawl_sleep(PAWL_MS(1));
    for (int i = 0; i < COUNT + PLANTED; i++)
        first[i] = i;
    *(int *)arg = numbers[COUNT - 1];
    return arg;
}

int main(void)
{
    int number = 0;

    return pawl_run(NULL, fill_after_sleep, &number, NULL) == 0 && number == COUNT - 1 ? 0 : 1;
}
