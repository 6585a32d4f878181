/* Timers by id: a function that is called later, unless it is cancelled before.
 *
 * Unlike struct pawl_timer's callback, the function runs as a task of its own: it may sleep, join and block. It is
 * called exactly once or its cancellation succeeded, so whoever of the two gets the argument frees it. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int sent;

static void send_reminder(void *text, int status)
{
    /* -ESHUTDOWN: the runtime ends before the delay did */
    if (status == 0) {
        printf("reminder: %s\n", (const char *)text);
        atomic_fetch_add(&sent, 1);
    }
    free(text);
}

static uint64_t remind(uint64_t delay_ns, const char *text)
{
    uint64_t id = 0;
    char *copy = strdup(text);
    if (copy != NULL && pawl_after(NULL, delay_ns, send_reminder, copy, &id) != 0)
        free(copy);
    return id;
}

static void *plan_the_day(void *arg)
{
    remind(PAWL_MS(20), "have lunch");
    remind(PAWL_MS(10), "water the plants");
    remind(PAWL_SEC(3600), "go home");

    char *text = strdup("meet the neighbours");
    uint64_t id;
    if (text == NULL || pawl_after(NULL, PAWL_SEC(10), send_reminder, text, &id) != 0) {
        free(text);
        return NULL;
    }
    /* 0: it will not be called, its argument is ours again */
    if (pawl_cancel(NULL, id) == 0)
        free(text);
    /* an id that has ended stays unknown for good */
    if (pawl_cancel(NULL, id) != -ENOENT)
        return NULL;
    pawl_sleep(PAWL_MS(100));
    return arg;
}

int main(void)
{
    void *result;
    int marker;
    if (pawl_run(NULL, plan_the_day, &marker, &result) != 0 || result != &marker)
        return 1;
    return atomic_load(&sent) == 2 ? 0 : 1;
}
