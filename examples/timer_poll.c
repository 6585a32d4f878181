/* A stackless task that sleeps: it polls a timer. And a timer that may be late, to wake for others as well. */
#include <pawl/pawl.h>
#include <stdio.h>

struct blinker {
    struct pawl_timer timer; /* without a function: whoever polls it is woken */
    uint64_t lit_ns;
    int blinks;
};

static enum pawl_poll blink(struct pawl_context *cx, void *state)
{
    struct blinker *blinker = state;
    int status;
    if (pawl_context_cancelled(cx)) {
        pawl_timer_cancel(&blinker->timer); /* it may still pend, and its memory is about to go */
        return PAWL_READY;
    }
    /* PENDING: we are polled again when it has fired. -EINVAL: it has not been armed yet. */
    while (pawl_timer_poll(&blinker->timer, cx, &status) == PAWL_READY) {
        if (status == 0)
            printf("blink %d\n", ++blinker->blinks);
        if (blinker->blinks == 3)
            return PAWL_READY;
        /* What the worker has read of late will do, where a task asks often and a little time does not matter. */
        blinker->lit_ns = pawl_now_cached(NULL);
        if (pawl_timer_arm(NULL, &blinker->timer, blinker->lit_ns + PAWL_MS(2)) != 0)
            return PAWL_READY;
    }
    return PAWL_PENDING;
}

int main(void)
{
    struct pawl_runtime *rt;
    struct pawl_task *task;
    struct blinker blinker = {.blinks = 0};
    pawl_timer_init(&blinker.timer, NULL, NULL);
    /* Nobody minds if it blinks a millisecond late: it does so when the worker is awake for another timer anyway. */
    if (pawl_timer_set_slack(&blinker.timer, PAWL_MS(1)) != 0 || pawl_runtime_create(&rt, NULL) != 0)
        return 1;
    bool blinked = pawl_spawn_poll(rt, blink, &blinker, &task) == 0 && pawl_join(task, NULL) == 0;
    if (pawl_runtime_destroy(rt) != 0)
        return 1;
    return blinked && blinker.blinks == 3 ? 0 : 1;
}
