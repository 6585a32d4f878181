/* A oneshot: the answer to one question. A task asks a plain thread and waits for the answer, but not for ever.
 *
 * Whoever gave up closes the oneshot: the answerer learns that nobody wants to know any more, and keeps its value. The
 * two share the question until both are done with it, since either may be late. */
#include <errno.h>
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

struct question {
    int number;
    long takes_ns;
    struct pawl_oneshot answer;
    int square;
    int sent; /* the answerer's: result of its send */
};

static void *think(void *arg)
{
    struct question *question = arg;
    nanosleep(&(struct timespec){0, question->takes_ns}, NULL);
    question->square = question->number * question->number;
    question->sent = pawl_oneshot_send(&question->answer, &question->square);
    return NULL;
}

/* Its answer, or NULL. */
static void *await_answer(struct question *question, uint64_t patience_ns)
{
    void *answer = NULL;
    if (pawl_oneshot_receive_until(&question->answer, &answer, pawl_now(NULL) + patience_ns) != 0) {
        pawl_oneshot_close(&question->answer);
        pawl_oneshot_try_receive(&question->answer, &answer); /* it may have come just before the close */
    }
    return answer;
}

static void *ask(void *question)
{
    return await_answer(question, PAWL_SEC(2));
}

static void *ask_in_vain(void *question)
{
    return await_answer(question, PAWL_MS(1));
}

static int *put(struct question *question, pawl_task_fn *how)
{
    pthread_t thread;
    void *answer = NULL;
    if (pthread_create(&thread, NULL, think, question) != 0)
        return NULL;
    pawl_run(NULL, how, question, &answer);
    pthread_join(thread, NULL);
    return answer;
}

int main(void)
{
    struct question quick = {7, 1000000, PAWL_ONESHOT_INITIALIZER, 0, -EIO};
    struct question slow = {8, 200000000, PAWL_ONESHOT_INITIALIZER, 0, -EIO};
    const int *answer = put(&quick, ask);
    if (answer == NULL || *answer != 49 || quick.sent != 0)
        return 1;
    printf("the answer is %d\n", *answer);
    if (put(&slow, ask_in_vain) != NULL || slow.sent != -EPIPE)
        return 1;
    printf("nobody waited for the other one\n");
    return 0;
}
