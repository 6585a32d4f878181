/* A test of a day of timeouts that takes milliseconds: on a manual clock, time passes only when the test says so.
 *
 * What is tested is a door that locks itself a minute after it was last opened. With pawl_clock_advance the test goes
 * through it by hand; with pawl_clock_auto_advance the clock jumps to the next deadline whenever all tasks wait. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdio.h>

#define MINUTE_NS PAWL_SEC(60)

struct door {
    struct pawl_timer lock_up;
    bool open;
    int locked; /* times */
};

static void lock_door(struct pawl_timer *timer, void *arg, int status)
{
    struct door *door = arg;
    (void)timer;
    door->open = false;
    door->locked += status == 0;
}

static int open_door(struct pawl_runtime *rt, struct door *door)
{
    uint64_t deadline_ns = pawl_now(rt) + MINUTE_NS;
    door->open = true;
    int error = pawl_timer_reset(&door->lock_up, deadline_ns);
    return error == -EALREADY ? pawl_timer_arm(rt, &door->lock_up, deadline_ns) : error;
}

/* Callbacks have run when pawl_clock_advance returns: what they did can be looked at. */
static bool locks_after_a_minute(struct pawl_runtime *rt, struct door *door)
{
    if (open_door(rt, door) != 0 || pawl_clock_advance(rt, MINUTE_NS - 1) != 0 || !door->open)
        return false;
    if (open_door(rt, door) != 0 || pawl_clock_advance(rt, MINUTE_NS - 1) != 0 || !door->open)
        return false;
    return pawl_clock_advance(rt, 1) == 0 && !door->open && door->locked == 1;
}

/* Somebody comes by every 50 s for an hour, then every hour. */
static void *use_for_a_day(void *arg)
{
    struct door *door = arg;
    for (int i = 0; i < 72; i++)
        if (open_door(NULL, door) != 0 || pawl_sleep(PAWL_SEC(50)) != 0)
            return NULL;
    for (int i = 0; i < 23; i++)
        if (open_door(NULL, door) != 0 || pawl_sleep(60 * MINUTE_NS) != 0)
            return NULL;
    return door;
}

int main(void)
{
    struct pawl_options o;
    struct pawl_runtime *rt;
    struct door door = {.open = false};
    void *result = NULL;
    pawl_timer_init(&door.lock_up, lock_door, &door);
    pawl_options_init(&o);
    o.clock = PAWL_CLOCK_MANUAL;
    if (pawl_runtime_create(&rt, &o) != 0)
        return 1;
    bool by_hand = locks_after_a_minute(rt, &door);
    uint64_t began_ns = pawl_now(rt);
    if (pawl_clock_auto_advance(rt, true) != 0 || pawl_runtime_run(rt, use_for_a_day, &door, &result) != 0)
        return 1;
    uint64_t minutes = (pawl_now(rt) - began_ns) / MINUTE_NS;
    pawl_runtime_destroy(rt);
    printf("in %d minutes the door locked itself %d times\n", (int)minutes, door.locked - 1);
    return by_hand && result != NULL && minutes == 24 * 60 && door.locked == 1 + 23 ? 0 : 1;
}
