/* A readers-writer lock: many look things up at the same time, one changes them now and then. A writer is not starved:
 * readers that come after it wait behind it. */
#include <pawl/pawl.h>
#include <stdio.h>

#define READERS 6
#define LOOKS 200

struct prices {
    struct pawl_rwlock lock;
    int net, tax; /* guarded by it: the tax is a fifth of the net price, always */
};

/* Returns NULL if it never saw anything half done. */
static void *look(void *arg)
{
    struct prices *prices = arg;
    void *half_done = NULL;
    for (int i = 0; i < LOOKS; i++) {
        if (pawl_rwlock_read(&prices->lock) != 0)
            break; /* cancelled, or the runtime ends: it is not held then */
        if (prices->tax * 5 != prices->net)
            half_done = prices;
        pawl_rwlock_unlock(&prices->lock);
        if (i % 10 == 0)
            pawl_yield();
    }
    return half_done;
}

static void raise_price(struct prices *prices)
{
    if (pawl_rwlock_write(&prices->lock) != 0)
        return;
    prices->net += 10;
    pawl_yield(); /* nobody sees this moment */
    prices->tax += 2;
    pawl_rwlock_downgrade(&prices->lock); /* a reader from here on: others may look, and nobody changes it */
    printf(" %d", prices->net + prices->tax);
    pawl_rwlock_unlock(&prices->lock);
}

static void *sell(void *arg)
{
    struct prices *prices = arg;
    struct pawl_task *readers[READERS];
    void *half_done = NULL;
    for (int i = 0; i < READERS; i++)
        if (pawl_spawn(NULL, look, prices, &readers[i]) != 0)
            return prices;
    printf("prices:");
    for (int i = 0; i < 5; i++)
        raise_price(prices);
    printf("\n");
    for (int i = 0; i < READERS; i++) {
        void *result = NULL;
        pawl_join(readers[i], &result);
        half_done = half_done != NULL ? half_done : result;
    }
    return half_done;
}

int main(void)
{
    struct prices prices = {PAWL_RWLOCK_INITIALIZER, 50, 10};
    void *half_done;
    if (pawl_run(NULL, sell, &prices, &half_done) != 0)
        return 1;
    return half_done == NULL && prices.net == 100 && prices.tax == 20 ? 0 : 1;
}
