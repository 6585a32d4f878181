/* A broadcast: every listener gets every item. It keeps the last few; who is slower than that loses the oldest and is
 * told how many, so that nobody is lied to and nobody holds up the others. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdio.h>

#define PRICES 1000
#define KEPT 32

struct listener {
    struct pawl_broadcast_receiver receiver;
    uint64_t pause_ns; /* after each item */
    uint64_t received, missed;
};

static void *listen_to(void *arg)
{
    struct listener *listener = arg;
    uint64_t missed;
    int price;
    while (pawl_broadcast_receive(&listener->receiver, &price, &missed) == 0) {
        listener->received++;
        listener->missed += missed;
        if (listener->pause_ns > 0)
            pawl_sleep(listener->pause_ns);
    }
    return NULL; /* closed, and we had all that was left */
}

static void *publish(void *arg)
{
    struct listener *listeners = arg;
    struct pawl_broadcast *prices;
    struct pawl_task *tasks[2];
    if (pawl_broadcast_create(&prices, KEPT, sizeof(int)) != 0)
        return NULL;
    for (int i = 0; i < 2; i++) { /* subscribed before the first is sent */
        pawl_broadcast_subscribe(prices, &listeners[i].receiver);
        if (pawl_spawn(NULL, listen_to, &listeners[i], &tasks[i]) != 0)
            return NULL;
    }
    for (int price = 0; price < PRICES; price++) {
        pawl_broadcast_send(prices, &price); /* never waits */
        if (price % 16 == 15)
            pawl_sleep(PAWL_US(100));
    }
    pawl_broadcast_close(prices);
    for (int i = 0; i < 2; i++)
        pawl_join(tasks[i], NULL);
    pawl_broadcast_destroy(prices);
    return arg;
}

int main(void)
{
    struct listener listeners[2] = {{.pause_ns = 0}, {.pause_ns = PAWL_MS(1)}};
    void *result;
    if (pawl_run(NULL, publish, listeners, &result) != 0 || result == NULL)
        return 1;
    for (int i = 0; i < 2; i++) {
        printf("pausing for %d ms: %d received, %d missed\n", i, (int)listeners[i].received, (int)listeners[i].missed);
        if (listeners[i].received + listeners[i].missed != PRICES || listeners[i].received < KEPT)
            return 1;
    }
    return 0;
}
