/* Channels between the stages of a pipeline: a thread sends numbers, tasks square them, the main task adds up.
 *
 * A channel with room for a few items lets a stage run ahead a little and no more. It is closed when nothing will come
 * any more: receivers get what is left in it, and then -EPIPE. */
#include <errno.h>
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdio.h>

#define WORKERS 4
#define NUMBERS 1000

struct pipeline {
    struct pawl_channel *numbers, *squares;
};

static void *count_up(void *arg)
{
    const struct pipeline *pipeline = arg;
    for (long i = 1; i <= NUMBERS; i++)
        if (pawl_channel_send(pipeline->numbers, &i) != 0) /* by value; blocks this thread while it is full */
            break;
    pawl_channel_close(pipeline->numbers);
    return NULL;
}

static void *square(void *arg)
{
    const struct pipeline *pipeline = arg;
    long number;
    while (pawl_channel_receive(pipeline->numbers, &number) == 0) {
        number *= number;
        if (pawl_channel_send(pipeline->squares, &number) != 0)
            break;
    }
    return NULL;
}

static void *square_all(void *arg)
{
    struct pipeline *pipeline = arg;
    struct pawl_task *workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        if (pawl_spawn(NULL, square, pipeline, &workers[i]) != 0)
            return NULL;
    for (int i = 0; i < WORKERS; i++)
        pawl_join(workers[i], NULL);
    pawl_channel_close(pipeline->squares);
    return NULL;
}

static void *add_up(void *arg)
{
    struct pipeline *pipeline = arg;
    long square, sum = 0;
    if (pawl_spawn(NULL, square_all, pipeline, NULL) != 0)
        return NULL;
    while (pawl_channel_receive(pipeline->squares, &square) == 0)
        sum += square;
    printf("the sum of the first %d squares is %ld\n", NUMBERS, sum);
    return sum == 333833500 ? arg : NULL;
}

int main(void)
{
    struct pipeline pipeline;
    pthread_t thread;
    void *result;
    if (pawl_channel_create(&pipeline.numbers, 16, sizeof(long)) != 0 ||
        pawl_channel_create(&pipeline.squares, PAWL_UNBOUNDED, sizeof(long)) != 0 ||
        pthread_create(&thread, NULL, count_up, &pipeline) != 0 || pawl_run(NULL, add_up, &pipeline, &result) != 0)
        return 1;
    pawl_channel_close(pipeline.numbers); /* should nobody have received them all, the thread does not wait for ever */
    pthread_join(thread, NULL);
    pawl_channel_destroy(pipeline.numbers);
    pawl_channel_destroy(pipeline.squares);
    return result != NULL ? 0 : 1;
}
