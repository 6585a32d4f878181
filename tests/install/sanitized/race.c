/* Fault: tasks that run at the same time count in one number without the lock. */
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { TASKS = 2, ROUNDS = 100 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long visits;
static atomic_int arrived;

static void count_visit(void)
{
    if (!PLANTED)
        pthread_mutex_lock(&lock);
    visits++;
    if (!PLANTED)
        pthread_mutex_unlock(&lock);
}

static void *visit(void *arg)
{
    /* All of them run now, each on a worker of its own. Relaxed: nothing is to order what follows. */
    atomic_fetch_add_explicit(&arrived, 1, memory_order_relaxed);
    while (atomic_load_explicit(&arrived, memory_order_relaxed) < TASKS) {
    }
    for (int i = 0; i < ROUNDS; i++) {
        count_visit();
        pawl_yield();
    }
    pawl_sleep(PAWL_MS(1));
    count_visit();
    return arg;
}

static void *visit_all(void *arg)
{
    struct pawl_task *tasks[TASKS];

    for (int i = 0; i < TASKS; i++)
        if (pawl_spawn(NULL, visit, NULL, &tasks[i]) != 0)
            return NULL;
    for (int i = 0; i < TASKS; i++)
        pawl_join(tasks[i], NULL);
    return arg;
}

int main(void)
{
    struct pawl_options options;
    void *result = NULL;

    pawl_options_init(&options);
    options.workers = TASKS;
    if (pawl_run(&options, visit_all, &visits, &result) != 0 || result != &visits)
        return 1;
    return PLANTED || visits == TASKS * (ROUNDS + 1) ? 0 : 1;
}
