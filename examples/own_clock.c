/* A runtime on a clock of the program's own: here a simulation's, which goes a thousand times as fast as real time.
 * PAWL_CLOCK_BOOTTIME, which counts on while the machine is suspended, is asked for in the same way, with no function. */
#include <pawl/pawl.h>
#include <stdio.h>
#include <time.h>

#define FACTOR 1000

static uint64_t real_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return PAWL_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

/* Any thread may call it. */
static uint64_t simulated_now(void *began_ns)
{
    return (real_now() - *(const uint64_t *)began_ns) * FACTOR;
}

static void *sleep_for_a_minute(void *arg)
{
    uint64_t before_ns = pawl_now(NULL);
    if (pawl_sleep(PAWL_SEC(60)) != 0 || pawl_now(NULL) - before_ns < PAWL_SEC(60))
        return NULL;
    return arg;
}

int main(void)
{
    uint64_t began_ns = real_now();
    void *result;
    struct pawl_options o;
    pawl_options_init(&o);
    o.clock = PAWL_CLOCK_CUSTOM;
    o.clock_now = simulated_now;
    o.clock_context = &began_ns;
    int error = pawl_run(&o, sleep_for_a_minute, &o, &result);
    if (error != 0 || result == NULL) {
        fprintf(stderr, "own_clock: failed: %d\n", error);
        return 1;
    }
    printf("a simulated minute has passed\n");
    return 0;
}
