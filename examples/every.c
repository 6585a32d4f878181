/* Functions that are called every so often: a station that measures every two milliseconds, until it has enough.
 *
 * Each call is a task of its own, so it may sleep. Calls never overlap: what is due while one still runs is skipped. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct station {
    uint64_t id;
    int readings;
    _Atomic bool has_enough;
};

static void measure(void *arg, int status)
{
    struct station *station = arg;
    if (status != 0)
        return; /* -ESHUTDOWN, the last call: there is nothing to measure any more */
    pawl_sleep(PAWL_US(500));
    station->readings++; /* plain: calls do not overlap, and each sees the one before */
    if (station->readings == 5)
        atomic_store(&station->has_enough, true);
}

static void *observe(void *arg)
{
    struct station *station = calloc(1, sizeof *station);
    if (station == NULL || pawl_every(NULL, PAWL_MS(2), measure, station, &station->id) != 0) {
        free(station);
        return NULL;
    }
    while (!atomic_load(&station->has_enough))
        pawl_sleep(PAWL_MS(1));

    /* A call may be going on: so the station is not to be freed when pawl_cancel says -EINPROGRESS, but it is when
     * pawl_cancel_wait returns 0. With a deadline it could be asked for in pieces: what was cut short is cancelled all
     * the same, and the next one waits on. */
    int error;
    do
        error = pawl_cancel_wait_until(NULL, station->id, pawl_now(NULL) + PAWL_MS(100));
    while (error == -ETIMEDOUT);
    if (error != 0)
        return NULL;
    printf("%d readings\n", station->readings);
    bool stays_so = pawl_cancel_wait(NULL, station->id) == -ENOENT; /* by now it is not known any more */
    free(station);
    return stays_so ? arg : NULL;
}

int main(void)
{
    void *result;
    int marker;
    return pawl_run(NULL, observe, &marker, &result) == 0 && result == &marker ? 0 : 1;
}
