/* A semaphore that lets at most three tasks do something at a time. A big job takes two permits at once; it waits for
 * its turn, and small ones that come later do not overtake it. Closed, the semaphore turns everybody away. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdatomic.h>
#include <stdio.h>

#define JOBS 12
#define AT_ONCE 3

struct office {
    struct pawl_semaphore desks;
    _Atomic int busy, busy_max, done;
};

static void note_max(_Atomic int *max, int value)
{
    int seen = atomic_load(max);
    while (seen < value && !atomic_compare_exchange_weak(max, &seen, value))
        continue;
}

static void work(struct office *office, uint32_t desks)
{
    if (pawl_semaphore_acquire(&office->desks, desks) != 0)
        return;
    note_max(&office->busy_max, atomic_fetch_add(&office->busy, (int)desks) + (int)desks);
    pawl_sleep(PAWL_MS(1));
    atomic_fetch_sub(&office->busy, (int)desks);
    atomic_fetch_add(&office->done, 1);
    pawl_semaphore_release(&office->desks, desks);
}

static void *work_small(void *office)
{
    work(office, 1);
    return NULL;
}

static void *work_big(void *office)
{
    work(office, 2);
    return NULL;
}

static void *open_office(void *office)
{
    struct pawl_task *jobs[JOBS];
    for (int i = 0; i < JOBS; i++)
        if (pawl_spawn(NULL, i % 4 == 0 ? work_big : work_small, office, &jobs[i]) != 0)
            return NULL;
    for (int i = 0; i < JOBS; i++)
        pawl_join(jobs[i], NULL);
    return NULL;
}

int main(void)
{
    struct office office = {.desks = PAWL_SEMAPHORE_INITIALIZER(AT_ONCE)};
    if (pawl_run(NULL, open_office, &office, NULL) != 0)
        return 1;
    pawl_semaphore_close(&office.desks);
    int after_hours = pawl_semaphore_acquire(&office.desks, 1);
    printf("%d jobs done, at most %d desks in use\n", office.done, office.busy_max);
    return office.done == JOBS && office.busy_max <= AT_ONCE && after_hours == -EPIPE ? 0 : 1;
}
