/* A task waits for something that a foreign thread will do.
 *
 * This is how to wait for a library that has threads and callbacks of its own. The task takes a waker of itself, hands
 * it over, and suspends. Waking is allowed from any thread, early as well: one permit is kept. Because a permit may be
 * left over from something else, the task looks whether its answer is there and suspends again if it is not. */
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

struct question {
    int number;
    int answer; /* written by the thread before `answered` */
    _Atomic bool answered;
    struct pawl_waker asker; /* the thread's to drop */
};

/* The foreign thread: knows nothing of tasks. */
static void *think(void *arg)
{
    struct question *question = arg;
    struct pawl_waker asker = question->asker;
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    question->answer = question->number * question->number;
    /* The question is the task's: gone as soon as it may see this. */
    atomic_store(&question->answered, true);
    pawl_waker_wake(&asker);
    pawl_waker_drop(&asker);
    return NULL;
}

static void *ask(void *arg)
{
    struct question question = {.number = *(int *)arg};
    pthread_t thread;
    pawl_self_waker(&question.asker);
    if (pthread_create(&thread, NULL, think, &question) != 0) {
        pawl_waker_drop(&question.asker);
        return NULL;
    }
    pthread_detach(thread);
    /* The thread uses this stack, so the wait must not be cut short by a cancellation. */
    pawl_shield_begin();
    while (!atomic_load(&question.answered))
        pawl_suspend_until(PAWL_NEVER);
    pawl_shield_end();
    *(int *)arg = question.answer;
    return arg;
}

int main(void)
{
    int number = 7;
    if (pawl_run(NULL, ask, &number, NULL) != 0)
        return 1;
    printf("the answer is %d\n", number);
    return number == 49 ? 0 : 1;
}
