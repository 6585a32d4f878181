/* The smallest whole program: four tasks square a number each, a fifth spawns them, joins them and adds up. */
#include <pawl/pawl.h>
#include <stdio.h>
#include <stdlib.h>

static void *square(void *number)
{
    *(int *)number *= *(int *)number;
    return NULL;
}

static void *add_squares(void *sum)
{
    int numbers[4] = {1, 2, 3, 4};
    struct pawl_task *tasks[4];
    for (int i = 0; i < 4; i++)
        if (pawl_spawn(NULL, square, &numbers[i], &tasks[i]) != 0)
            abort();
    for (int i = 0; i < 4; i++) {
        pawl_join(tasks[i], NULL);
        *(int *)sum += numbers[i];
    }
    return NULL;
}

int main(void)
{
    int sum = 0;
    if (pawl_run(NULL, add_squares, &sum, NULL) != 0)
        return 1;
    printf("1 + 4 + 9 + 16 = %d\n", sum);
    return sum == 30 ? 0 : 1;
}
