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

/* In main's memory: when pawl_run has returned no listener is left. */
struct exchange {
    struct pawl_broadcast *prices;
    struct listener listeners[2];
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
    return NULL; /* closed, and we had all that was left; or cancelled */
}

static void *publish(void *arg)
{
    struct exchange *exchange = arg;
    struct pawl_task *tasks[2];
    for (int i = 0; i < 2; i++) { /* subscribed before the first is sent */
        pawl_broadcast_subscribe(exchange->prices, &exchange->listeners[i].receiver);
        if (pawl_spawn(NULL, listen_to, &exchange->listeners[i], &tasks[i]) != 0)
            return NULL;
    }
    for (int price = 0; price < PRICES; price++) {
        pawl_broadcast_send(exchange->prices, &price); /* never waits */
        if (price % 16 == 15)
            pawl_sleep(PAWL_US(100));
    }
    pawl_broadcast_close(exchange->prices);
    for (int i = 0; i < 2; i++)
        pawl_join(tasks[i], NULL);
    return arg;
}

int main(void)
{
    struct exchange exchange = {.listeners = {{.pause_ns = 0}, {.pause_ns = PAWL_MS(1)}}};
    void *result;
    if (pawl_broadcast_create(&exchange.prices, KEPT, sizeof(int)) != 0 ||
        pawl_run(NULL, publish, &exchange, &result) != 0 || result == NULL)
        return 1;
    pawl_broadcast_destroy(exchange.prices);
    for (int i = 0; i < 2; i++) {
        const struct listener *l = &exchange.listeners[i];
        printf("pausing for %d ms: %d received, %d missed\n", i, (int)l->received, (int)l->missed);
        if (l->received + l->missed != PRICES || l->received < KEPT)
            return 1;
    }
    return 0;
}
