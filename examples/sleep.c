/* Five thousand tasks sleep at the same time, on a handful of threads. A sleeping task costs its stack and a timer, and
 * no thread; all together take as long as the longest of them. */
#include <pawl/pawl.h>
#include <stdio.h>
#include <stdlib.h>

#define SLEEPERS 5000

/* Returns NULL if the sleep was not cut short. */
static void *nap(void *duration_ns)
{
    return pawl_sleep((uintptr_t)duration_ns) == 0 ? NULL : duration_ns;
}

static void *nap_together(void *arg)
{
    struct pawl_task **tasks = calloc(SLEEPERS, sizeof *tasks);
    int cut_short = 0;
    if (tasks == NULL)
        return NULL;
    for (uintptr_t i = 0; i < SLEEPERS; i++)
        if (pawl_spawn(NULL, nap, (void *)(uintptr_t)PAWL_US(50000 + i), &tasks[i]) != 0)
            cut_short++;
    for (int i = 0; i < SLEEPERS; i++) {
        void *result;
        if (tasks[i] != NULL && pawl_join(tasks[i], &result) == 0 && result != NULL)
            cut_short++;
    }
    free(tasks);
    return cut_short == 0 ? arg : NULL;
}

int main(void)
{
    void *result;
    uint64_t start_ns = pawl_now(NULL);
    if (pawl_run(NULL, nap_together, &start_ns, &result) != 0 || result == NULL)
        return 1;
    printf("%d naps of 50 to 55 ms took %.0f ms together\n", SLEEPERS, (double)(pawl_now(NULL) - start_ns) / 1e6);
    return 0;
}
