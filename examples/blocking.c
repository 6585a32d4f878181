/* Calls that block go to threads that may block, so that the workers keep serving everyone else.
 *
 * pawl_block suspends the task, runs the function on a thread of the blocking pool and returns its result. Meanwhile a
 * second task counts time on the only worker: it would stand still if the call blocked that. */
#include <pawl/pawl.h>
#include <stdio.h>
#include <time.h>

#define CALLS 4

/* Stands for getaddrinfo, fsync, a database client's query... */
static void *call_that_blocks(void *arg)
{
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    return arg;
}

static void *query(void *arg)
{
    void *result = NULL;
    return pawl_block(call_that_blocks, arg, &result) == 0 ? result : NULL;
}

/* Counts milliseconds until it is cancelled. */
static void *count_ticks(void *arg)
{
    while (pawl_sleep(PAWL_MS(1)) == 0)
        ++*(int *)arg;
    return NULL;
}

static void *query_all(void *arg)
{
    int ticks = 0, answers = 0;
    int rows[CALLS];
    struct pawl_task *ticker, *queries[CALLS];
    if (pawl_spawn(NULL, count_ticks, &ticks, &ticker) != 0)
        return NULL;
    for (int i = 0; i < CALLS; i++)
        if (pawl_spawn(NULL, query, &rows[i], &queries[i]) != 0)
            queries[i] = NULL;
    for (int i = 0; i < CALLS; i++) {
        void *result = NULL;
        answers += pawl_join(queries[i], &result) == 0 && result == &rows[i];
    }
    pawl_task_cancel(ticker);
    pawl_join(ticker, NULL);
    printf("%d blocking calls answered, %s\n", answers, ticks > 0 ? "the worker went on" : "the worker stood still");
    return answers == CALLS && ticks > 0 ? arg : NULL;
}

int main(void)
{
    struct pawl_options options;
    void *result;
    int marker;
    pawl_options_init(&options);
    options.workers = 1;
    if (pawl_run(&options, query_all, &marker, &result) != 0)
        return 1;
    return result == &marker ? 0 : 1;
}
