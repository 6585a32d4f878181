/* Intervals: a loop that does something every millisecond, and what becomes of ticks that it was too late for. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdio.h>

/* Too busy for five ticks. Returns how many ticks come until the loop is in time again. */
static int catch_up(enum pawl_missed_tick policy)
{
    struct pawl_interval iv;
    uint64_t scheduled_ns, now_ns = pawl_now(NULL);
    int ticks = 0;
    pawl_interval_init(&iv, now_ns, PAWL_MS(1), policy);
    while (pawl_now(NULL) < now_ns + PAWL_MS(5)) {
        /* busy */
    }
    do {
        if (pawl_interval_tick(&iv, &scheduled_ns) != 0)
            return -1;
        ticks++;
    } while (scheduled_ns < now_ns + PAWL_MS(5));
    return ticks;
}

static void *tick(void *arg)
{
    struct pawl_interval iv;
    uint64_t first_ns = pawl_now(NULL) + PAWL_MS(5), scheduled_ns;
    int error;
    pawl_interval_init(&iv, first_ns, PAWL_MS(1), PAWL_MISSED_SKIP);

    /* A tick that is not waited for to the end is not lost: here there is something else to do every millisecond. */
    do
        error = pawl_interval_tick_until(&iv, &scheduled_ns, pawl_now(NULL) + PAWL_MS(1));
    while (error == -ETIMEDOUT);
    if (error != 0 || scheduled_ns != first_ns || pawl_interval_tick(&iv, NULL) != 0)
        return NULL;

    int burst = catch_up(PAWL_MISSED_BURST), delay = catch_up(PAWL_MISSED_DELAY), skip = catch_up(PAWL_MISSED_SKIP);
    printf("burst: %d ticks, delay: %d, skip: %d\n", burst, delay, skip);
    return burst == 6 && delay == 2 && skip == 2 ? arg : NULL;
}

int main(void)
{
    void *result;
    int marker;
    /* Plain threads have intervals as well. */
    if (catch_up(PAWL_MISSED_SKIP) != 2)
        return 1;
    return pawl_run(NULL, tick, &marker, &result) == 0 && result == &marker ? 0 : 1;
}
