/* A notification says that there is something to do, not how much: it is kept if nobody waits, and two are as one.
 *
 * Threads add to a total, which a task writes down from time to time: always after the last addition, and often fewer
 * times than there were additions. */
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS 2
#define ADDITIONS 1000

struct book {
    struct pawl_notify changed;
    _Atomic int total;
    int written; /* by the task */
    int times;
};

static void *add(void *arg)
{
    struct book *book = arg;
    for (int i = 0; i < ADDITIONS; i++) {
        atomic_fetch_add(&book->total, 1);
        pawl_notify_one(&book->changed); /* never waits */
    }
    return NULL;
}

static void *write_down(void *arg)
{
    struct book *book = arg;
    while (book->written < THREADS * ADDITIONS && pawl_notify_wait(&book->changed) == 0) {
        book->written = atomic_load(&book->total);
        book->times++;
        pawl_sleep(PAWL_US(100)); /* a slow pen */
    }
    return NULL;
}

int main(void)
{
    struct book book = {.changed = PAWL_NOTIFY_INITIALIZER};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, add, &book) != 0)
            return 1;
    if (pawl_run(NULL, write_down, &book, NULL) != 0)
        return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d additions written down in %s\n", book.written, book.times < book.written ? "fewer steps" : "as many");
    return book.written == THREADS * ADDITIONS ? 0 : 1;
}
