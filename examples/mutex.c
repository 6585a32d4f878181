/* A mutex, shared by tasks and a plain thread. Whoever waits for it suspends, if it is a task, and blocks, if it is a
 * thread; a task may hold it while it sleeps, which no pthread mutex allows. They get it in the order of asking. */
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdio.h>

#define TASKS 8
#define TIMES 100

struct account {
    struct pawl_mutex lock;
    long balance; /* guarded by it */
};

static void *deposit(void *arg)
{
    struct account *account = arg;
    for (int i = 0; i < TIMES; i++) {
        if (pawl_mutex_lock(&account->lock) != 0)
            return NULL; /* cancelled, or the runtime ends: it is not held then */
        long before = account->balance;
        if (i % 50 == 0)
            pawl_sleep(PAWL_US(100)); /* nobody comes in between */
        account->balance = before + 1;
        pawl_mutex_unlock(&account->lock);
    }
    return NULL;
}

static void *deposit_together(void *account)
{
    struct pawl_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++)
        if (pawl_spawn(NULL, deposit, account, &tasks[i]) != 0)
            return NULL;
    for (int i = 0; i < TASKS; i++)
        pawl_join(tasks[i], NULL);
    return account;
}

int main(void)
{
    static struct account account = {.lock = PAWL_MUTEX_INITIALIZER};
    pthread_t thread;
    if (pthread_create(&thread, NULL, deposit, &account) != 0 || pawl_run(NULL, deposit_together, &account, NULL) != 0)
        return 1;
    pthread_join(thread, NULL);
    printf("%d tasks and a thread made it %ld\n", TASKS, account.balance);
    return account.balance == (TASKS + 1) * TIMES && pawl_mutex_fini(&account.lock) == 0 ? 0 : 1;
}
