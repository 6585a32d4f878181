/* Fault: tasks that run at the same time count in one number without the lock. */
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { TASKS = 2, WANDERERS = 20, ROUNDS = 100, DEPTH = 30 };

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

/* Calls that begin on one worker and end on another: only a sanitizer that is told of stacks keeps count of them. */
static int descend(int depth)
{
    if (depth == 0)
        return pawl_sleep(PAWL_US(100));
    return descend(depth - 1) == 0 ? 0 : 1;
}

static void *wander(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        if (descend(DEPTH) != 0)
            return NULL;
    return arg;
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

static bool run_all(pawl_task_fn *fn, int count)
{
    struct pawl_task *tasks[WANDERERS];

    for (int i = 0; i < count; i++)
        if (pawl_spawn(NULL, fn, NULL, &tasks[i]) != 0)
            return false;
    for (int i = 0; i < count; i++)
        pawl_join(tasks[i], NULL);
    return true;
}

static void *visit_and_wander(void *arg)
{
    return run_all(visit, TASKS) && run_all(wander, WANDERERS) ? arg : NULL;
}

int main(void)
{
    struct pawl_options options;
    void *result = NULL;

    pawl_options_init(&options);
    options.workers = TASKS;
    if (pawl_run(&options, visit_and_wander, &visits, &result) != 0 || result != &visits)
        return 1;
    return PLANTED || visits == TASKS * (ROUNDS + 1) ? 0 : 1;
}
