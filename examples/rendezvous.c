/* A channel of capacity 0: the sender waits until somebody has taken its item, so the two meet. Here a runner hands
 * over a baton: the address of something on its own stack, which stays its own until the other one has it. */
#include <pawl/pawl.h>
#include <stdio.h>

#define RUNNERS 4

struct baton {
    int laps;
};

struct leg {
    struct pawl_channel *from, *to;
};

static void *run_leg(void *arg)
{
    const struct leg *leg = arg;
    struct baton *baton;
    if (pawl_channel_receive(leg->from, &baton) != 0)
        return NULL;
    baton->laps++;
    pawl_channel_send(leg->to, &baton); /* returns when the next runner has it */
    return NULL;
}

static void *race(void *arg)
{
    struct pawl_channel *places[RUNNERS + 1];
    struct leg legs[RUNNERS];
    struct pawl_task *runners[RUNNERS];
    struct baton baton = {0}, *handed = &baton;
    for (int i = 0; i <= RUNNERS; i++)
        if (pawl_channel_create(&places[i], 0, sizeof(struct baton *)) != 0)
            return NULL;
    for (int i = 0; i < RUNNERS; i++) {
        legs[i] = (struct leg){places[i], places[i + 1]};
        if (pawl_spawn(NULL, run_leg, &legs[i], &runners[i]) != 0)
            return NULL;
    }
    pawl_channel_send(places[0], &handed);
    pawl_channel_receive(places[RUNNERS], &handed);
    for (int i = 0; i < RUNNERS; i++)
        pawl_join(runners[i], NULL);
    for (int i = 0; i <= RUNNERS; i++)
        pawl_channel_destroy(places[i]);
    printf("the baton came in after %d laps\n", handed->laps);
    return handed == &baton && baton.laps == RUNNERS ? arg : NULL;
}

int main(void)
{
    int marker;
    void *result;
    return pawl_run(NULL, race, &marker, &result) == 0 && result == &marker ? 0 : 1;
}
