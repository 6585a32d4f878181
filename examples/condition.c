/* A condition variable: tasks wait until something that a mutex guards has become true. Here it is a tank that one task
 * fills and others drink from; each looks again in a loop, since what was signalled may be gone again. */
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

static void *drink(void *arg)
{
    struct tank *tank = arg;
    for (int i = 0; i < LITRES / GUESTS; i++) {
        pawl_mutex_lock(&tank->lock);
        while (tank->litres == 0)
            pawl_condition_wait(&tank->filled, &tank->lock); /* unlocks meanwhile */
        tank->litres--;
        tank->drunk++;
        pawl_mutex_unlock(&tank->lock);
        pawl_condition_signal(&tank->emptied);
    }
    return NULL;
}

static void *fill(void *arg)
{
    struct tank *tank = arg;
    struct pawl_task *guests[GUESTS];
    for (int i = 0; i < GUESTS; i++)
        if (pawl_spawn(NULL, drink, tank, &guests[i]) != 0)
            return NULL;
    for (int i = 0; i < LITRES; i++) {
        pawl_mutex_lock(&tank->lock);
        while (tank->litres == tank->litres_max)
            pawl_condition_wait(&tank->emptied, &tank->lock);
        tank->litres++;
        pawl_mutex_unlock(&tank->lock);
        pawl_condition_signal(&tank->filled); /* one guest; pawl_condition_broadcast would wake all */
    }
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
