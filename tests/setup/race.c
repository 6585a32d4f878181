/* Fault: two threads add to one number without the lock. */
#include <criterion/criterion.h>
#include <pthread.h>

enum { ROUNDS = 100000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long number;

static void *add(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (!PLANTED)
            pthread_mutex_lock(&lock);
        number++;
        if (!PLANTED)
            pthread_mutex_unlock(&lock);
    }
    return NULL;
}

Test(setup, adds_on_two_threads)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add, NULL), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_geq(number, ROUNDS);
}
