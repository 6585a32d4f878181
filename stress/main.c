/* pawl-stress: real threads against the library, with schedule noise and conservation checks. --help says how. */
#include <inttypes.h>
#include <stdio.h>

#include "settings.h"
#include "watch.h"

static const struct scenario *const scenarios[] = {
    &stress_spawn_steal_park,
    &stress_timer_storm,
    &stress_shutdown_storm,
    &stress_blocked_worker,
    &stress_wake_storm,
    &stress_join_cancel,
    &stress_block_pool,
    &stress_after_cancel,
    &stress_idle_quiet,
    &stress_cancel_sync_free,
    &stress_steal_storm,
    &stress_park_storm,
    &stress_clock_jump,
    &stress_clocks,
    &stress_oom,
    &stress_thread_exhaustion,
    &stress_fd_exhaustion,
    &stress_timeouts,
    &stress_poll_storm,
    &stress_timer_poll,
    &stress_sync_permits,
    &stress_sync_channels,
    &stress_sync_fan,
    &stress_sync_doors,
    NULL,
};

/* ---- rounds ---- */

/* The seed of the round after that of `seed`. */
static uint64_t next_seed(uint64_t seed)
{
    struct random r = random_seeded(seed, 1);
    return random_next(&r) >> 32;
}

static int draw_workers(const struct settings *s, const struct scenario *scenario, uint64_t seed)
{
    static const int usual[] = {1, 1, 2, 2, 3, 4, 6, 8};
    struct random r = random_seeded(seed, 2);
    int workers = s->workers != 0 ? s->workers : usual[random_below(&r, 8)];
    return workers < scenario->workers_min ? scenario->workers_min : workers;
}

static unsigned draw_noise(const struct settings *s, const struct scenario *scenario, uint64_t seed)
{
    static const unsigned usual[] = {0, 2, 5, 20, 50, 200};
    struct random r = random_seeded(seed, 3);
    if (s->noise >= 0)
        return (unsigned)s->noise;
    return scenario->no_noise ? 0 : usual[random_below(&r, sizeof usual / sizeof *usual)];
}

static void print_round(const struct settings *s, const struct scenario *scenario, const struct round *round,
                        uint64_t took_ns)
{
    double seconds = (double)took_ns / 1e9;
    if (s->json) {
        printf("{\"scenario\":\"%s\",\"seed\":%" PRIu64
               ",\"workers\":%d,\"noise\":%u,\"seconds\":%.3f,\"result\":\"ok\"",
               scenario->name, round->seed, round->workers, round->noise, seconds);
        for (int i = 0; scenario->counters[i] != NULL; i++)
            printf(",\"%s\":%" PRIu64, scenario->counters[i], counted(i));
        printf("}\n");
    } else {
        printf("%-18s seed %-10" PRIu64 " workers %d noise %-3u %6.2f s ok:", scenario->name, round->seed,
               round->workers, round->noise, seconds);
        for (int i = 0; scenario->counters[i] != NULL; i++)
            printf(" %s %" PRIu64, scenario->counters[i], counted(i));
        printf("\n");
    }
    fflush(stdout);
}

static void run_round(const struct settings *s, const struct scenario *scenario, uint64_t seed, uint64_t left_ns,
                      uint64_t left_operations)
{
    uint64_t start_ns = pawl_now(NULL);
    struct round round = {
        .seed = seed,
        .workers = draw_workers(s, scenario, seed),
        .until_ns = start_ns + (left_ns < scenario->round_ns ? left_ns : scenario->round_ns),
        .operations_max = left_operations,
        .noise = draw_noise(s, scenario, seed),
    };
    watch_round(scenario, &round);
    pawl_noise_start(seed, round.noise);
    scenario->run(&round);
    pawl_noise_stop();
    watch_round_over();
    print_round(s, scenario, &round, pawl_now(NULL) - start_ns);
}

/* What --operations asked for: how many there were, and how fast. */
static void print_operations(const struct settings *s, uint64_t operations, uint64_t took_ns)
{
    const char *name = s->chosen[0]->counters[0];
    double seconds = (double)took_ns / 1e9, rate = (double)operations / seconds;
    if (s->json)
        printf("{\"operations\":%" PRIu64 ",\"of\":\"%s\",\"seconds\":%.3f}\n", operations, name, seconds);
    else
        printf("%" PRIu64 " %s in %.1f s, %.0f a second\n", operations, name, seconds, rate);
}

int main(int argc, char **argv)
{
    struct settings s = {.seed = pawl_seed_choose("PAWL_SEED")};
    enum arguments asked = settings_parse(&s, argc, argv, scenarios);
    if (asked != ARGUMENTS_RUN)
        return asked == ARGUMENTS_DONE ? 0 : 2;
    printf(s.json ? "{\"seed\":%" PRIu64 "}\n" : "seed %" PRIu64 "\n", s.seed);
    fflush(stdout);
    watch_start(s.stall_ns);

    uint64_t start_ns = pawl_now(NULL), end_ns = start_ns + s.duration_ns, seed = s.seed, operations = 0;
    for (uint64_t rounds = 0; rounds < s.rounds_max && operations < s.operations_max; rounds++) {
        uint64_t now_ns = pawl_now(NULL);
        if (now_ns >= end_ns)
            break;
        uint64_t left = s.operations_max == UINT64_MAX ? UINT64_MAX : s.operations_max - operations;
        run_round(&s, s.chosen[rounds % (uint64_t)s.chosen_count], seed, end_ns - now_ns, left);
        operations += counted(0);
        seed = next_seed(seed);
    }
    if (s.operations_max == UINT64_MAX)
        return 0;
    print_operations(&s, operations, pawl_now(NULL) - start_ns);
    return operations >= s.operations_max ? 0 : 1;
}
