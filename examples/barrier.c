/* A barrier between the steps of a computation: no task begins a step before all have ended the one before. Heat
 * spreads along a ring of cells; each task has a part of it and reads its neighbours' cells at the edges. What they
 * share lies in main's memory: when pawl_run has returned no task is left. */
#include <pawl/pawl.h>
#include <stdio.h>

#define PARTS 4
#define CELLS 64
#define STEPS 200

struct part {
    struct ring *ring;
    int first;
};

struct ring {
    struct pawl_barrier barrier;
    double heat[2][CELLS]; /* of this step, and of the next */
    int steps_led;
    struct part parts[PARTS];
};

static void *spread(void *arg)
{
    const struct part *part = arg;
    struct ring *ring = part->ring;
    for (int step = 0; step < STEPS; step++) {
        const double *now = ring->heat[step % 2];
        double *next = ring->heat[(step + 1) % 2];
        for (int i = part->first; i < part->first + CELLS / PARTS; i++)
            next[i] = (now[(i + CELLS - 1) % CELLS] + 2 * now[i] + now[(i + 1) % CELLS]) / 4;
        int result = pawl_barrier_wait(&ring->barrier);
        if (result < 0)
            return NULL; /* cancelled: the others wait for us in vain, and are to be cancelled too */
        if (result == 1)
            ring->steps_led++; /* one task a step: the one that came last */
    }
    return NULL;
}

static void *spread_together(void *arg)
{
    struct ring *ring = arg;
    struct pawl_task *tasks[PARTS];
    for (int i = 0; i < PARTS; i++) {
        ring->parts[i] = (struct part){ring, i * (CELLS / PARTS)};
        if (pawl_spawn(NULL, spread, &ring->parts[i], &tasks[i]) != 0)
            return NULL;
    }
    for (int i = 0; i < PARTS; i++)
        pawl_join(tasks[i], NULL);
    return NULL;
}

int main(void)
{
    static struct ring ring = {.barrier = PAWL_BARRIER_INITIALIZER(PARTS), .heat = {{100.0}}};
    double sum = 0;
    if (pawl_run(NULL, spread_together, &ring, NULL) != 0)
        return 1;
    for (int i = 0; i < CELLS; i++)
        sum += ring.heat[STEPS % 2][i];
    printf("%d steps; all the heat is still there: %.3f\n", ring.steps_led, sum);
    return ring.steps_led == STEPS && sum > 99.999 && sum < 100.001 ? 0 : 1;
}
