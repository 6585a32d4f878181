/* A condition variable: tasks wait until something that a mutex guards has become true. Here it is a tank that one task
 * fills and others drink from; each looks again in a loop, since what was signalled may be gone again.
 *
 * Whatever pawl_condition_wait returns, the mutex is held again. An error says that the task was cancelled: it would
 * not wait any more, so the loop has to end. */
#include <pawl/pawl.h>
#include <stdio.h>

#define GUESTS 3
#define LITRES 30

struct tank {
    struct pawl_mutex lock;
    struct pawl_condition filled, emptied;
    int litres, litres_max; /* guarded by the lock, as is the next */
    int drunk;
};

/* A litre; or why not: the task was cancelled, or the runtime ends. */
static int drink_one(struct tank *tank)
{
    int error = pawl_mutex_lock(&tank->lock);
    if (error != 0)
        return error; /* it is not held then */
    while (tank->litres == 0 && error == 0)
        error = pawl_condition_wait(&tank->filled, &tank->lock); /* unlocks meanwhile */
    if (error == 0) {
        tank->litres--;
        tank->drunk++;
    }
    pawl_mutex_unlock(&tank->lock);
    if (error == 0)
        pawl_condition_signal(&tank->emptied);
    return error;
}

static int fill_one(struct tank *tank)
{
    int error = pawl_mutex_lock(&tank->lock);
    if (error != 0)
        return error;
    while (tank->litres == tank->litres_max && error == 0)
        error = pawl_condition_wait(&tank->emptied, &tank->lock);
    if (error == 0)
        tank->litres++;
    pawl_mutex_unlock(&tank->lock);
    if (error == 0)
        pawl_condition_signal(&tank->filled); /* one guest; pawl_condition_broadcast would wake all */
    return error;
}

static void *drink(void *tank)
{
    for (int i = 0; i < LITRES / GUESTS; i++)
        if (drink_one(tank) != 0)
            break;
    return NULL;
}

static void *fill(void *arg)
{
    struct tank *tank = arg;
    struct pawl_task *guests[GUESTS];
    for (int i = 0; i < GUESTS; i++)
        if (pawl_spawn(NULL, drink, tank, &guests[i]) != 0)
            return NULL;
    for (int i = 0; i < LITRES; i++)
        if (fill_one(tank) != 0)
            break;
    for (int i = 0; i < GUESTS; i++)
        pawl_join(guests[i], NULL);
    return NULL;
}

int main(void)
{
    struct tank tank = {PAWL_MUTEX_INITIALIZER, PAWL_CONDITION_INITIALIZER, PAWL_CONDITION_INITIALIZER, 0, 4, 0};
    if (pawl_run(NULL, fill, &tank, NULL) != 0)
        return 1;
    printf("%d guests drank %d litres from a tank of %d\n", GUESTS, tank.drunk, tank.litres_max);
    return tank.drunk == LITRES && tank.litres == 0 ? 0 : 1;
}
