/* A channel of capacity 0: the sender waits until somebody has taken its item, so the two meet. Here runners hand over
 * a baton: its address. It stays the one's own until the other one has it. */
#include <pawl/pawl.h>
#include <stdio.h>

#define RUNNERS 4

struct baton {
    int laps;
};

struct leg {
    struct pawl_channel *from, *to;
};

/* In main's memory: when pawl_run has returned no runner is left. */
struct race {
    struct pawl_channel *places[RUNNERS + 1];
    struct leg legs[RUNNERS];
    struct baton baton;
};

static void *run_leg(void *arg)
{
    const struct leg *leg = arg;
    struct baton *baton;
    if (pawl_channel_receive(leg->from, &baton) != 0)
        return NULL;
    baton->laps++;
    pawl_channel_send(leg->to, &baton); /* 0: the next runner has it; an error: it is still ours */
    return NULL;
}

/* The baton as it comes in, or NULL. */
static void *start_race(void *arg)
{
    struct race *race = arg;
    struct pawl_task *runners[RUNNERS];
    struct baton *handed = &race->baton;
    for (int i = 0; i < RUNNERS; i++) {
        race->legs[i] = (struct leg){race->places[i], race->places[i + 1]};
        if (pawl_spawn(NULL, run_leg, &race->legs[i], &runners[i]) != 0)
            return NULL;
    }
    if (pawl_channel_send(race->places[0], &handed) != 0 || pawl_channel_receive(race->places[RUNNERS], &handed) != 0)
        return NULL;
    for (int i = 0; i < RUNNERS; i++)
        pawl_join(runners[i], NULL);
    return handed;
}

int main(void)
{
    struct race race = {.baton = {0}};
    void *handed;
    for (int i = 0; i <= RUNNERS; i++)
        if (pawl_channel_create(&race.places[i], 0, sizeof(struct baton *)) != 0)
            return 1;
    if (pawl_run(NULL, start_race, &race, &handed) != 0)
        return 1;
    for (int i = 0; i <= RUNNERS; i++)
        pawl_channel_destroy(race.places[i]);
    printf("the baton came in after %d laps\n", race.baton.laps);
    return handed == &race.baton && race.baton.laps == RUNNERS ? 0 : 1;
}
