/* One deadline around everything that an order takes, however many calls that is: pawl_timeout.
 *
 * When it has passed, the call that waits returns -ETIMEDOUT, and each one after it. The code in between only passes
 * errors on and knows nothing of the deadline; a nearer one around one of the steps is nobody's concern but that
 * step's. What is to be done in any case suspends behind a shield. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdint.h>
#include <stdio.h>

struct order {
    uint64_t cook_takes_ns;
    int stock_asked; /* answer of a step with a deadline of its own */
    int courses, apologies;
    int result;
};

/* Stands for a question to somebody who does not answer. */
static void *ask_about_stock(void *arg)
{
    pawl_suspend_until(PAWL_NEVER);
    return arg;
}

static int cook_and_serve(struct order *order)
{
    for (int i = 0; i < 3; i++) {
        int error = pawl_sleep(order->cook_takes_ns); /* stands for cooking */
        if (error != 0)
            return error;
        order->courses++;
    }
    return 0;
}

static void *handle(void *arg)
{
    struct order *order = arg;
    order->stock_asked = pawl_timeout(PAWL_MS(2), ask_about_stock, NULL, NULL); /* not known: never mind */
    order->result = cook_and_serve(order);
    if (order->result != 0) {
        pawl_shield_begin();
        order->apologies += pawl_sleep(PAWL_MS(1)) == 0; /* stands for an apology; the time is up, but not for this */
        pawl_shield_end();
    }
    return order;
}

static void *handle_two(void *arg)
{
    struct order *orders = arg;
    void *result = NULL;
    bool ok = pawl_timeout(PAWL_SEC(60), handle, &orders[0], &result) == 0 && result == &orders[0];
    return ok && pawl_timeout(PAWL_MS(20), handle, &orders[1], NULL) == -ETIMEDOUT ? arg : NULL;
}

int main(void)
{
    struct order orders[] = {{.cook_takes_ns = PAWL_MS(1)}, {.cook_takes_ns = PAWL_SEC(1000)}};
    void *result = NULL;
    if (pawl_run(NULL, handle_two, orders, &result) != 0 || result != orders)
        return 1;
    printf("in time: %d courses; too late: %d courses, %d apology\n", orders[0].courses, orders[1].courses,
           orders[1].apologies);
    for (int i = 0; i < 2; i++)
        if (orders[i].stock_asked != -ETIMEDOUT || orders[i].result != (i == 0 ? 0 : -ETIMEDOUT))
            return 1;
    return orders[0].courses == 3 && orders[1].courses == 0 && orders[1].apologies == 1 ? 0 : 1;
}
