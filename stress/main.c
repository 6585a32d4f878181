/* pawl-stress: real threads against the library, with schedule noise and conservation checks. --help says how. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "settings.h"
#include "watch.h"

static const struct scenario *const scenarios[] = {
    &stress_spawn_steal_park, &stress_timer_storm, &stress_shutdown_storm, &stress_blocked_worker, &stress_wake_storm,
    &stress_join_cancel,      &stress_block_pool,  &stress_after_cancel,   &stress_idle_quiet, NULL,
};

/* ---- rounds ---- */

/* The seed of the round after that of `seed`. */
static uint32_t next_seed(uint32_t seed)
{
    struct random r = random_seeded(seed, 1);
    return (uint32_t)(random_next(&r) >> 32);
}

static int draw_workers(const struct settings *s, const struct scenario *scenario, uint64_t seed)
{
    static const int usual[] = {1, 1, 2, 2, 3, 4, 6, 8};
    struct random r = random_seeded(seed, 2);
    int workers = s->workers != 0 ? s->workers : usual[random_below(&r, 8)];
    return workers < scenario->workers_min ? scenario->workers_min : workers;
}

static void print_round(const struct settings *s, const struct scenario *scenario, const struct round *round,
                        uint64_t took_ns)
{
    double seconds = (double)took_ns / 1e9;
    if (s->json) {
        printf("{\"scenario\":\"%s\",\"seed\":%" PRIu64 ",\"workers\":%d,\"seconds\":%.3f,\"result\":\"ok\"",
               scenario->name, round->seed, round->workers, seconds);
        for (int i = 0; scenario->counters[i] != NULL; i++)
            printf(",\"%s\":%" PRIu64, scenario->counters[i], counted(i));
        printf("}\n");
    } else {
        printf("%-16s seed %-10" PRIu64 " workers %d %6.2f s ok:", scenario->name, round->seed, round->workers,
               seconds);
        for (int i = 0; scenario->counters[i] != NULL; i++)
            printf(" %s %" PRIu64, scenario->counters[i], counted(i));
        printf("\n");
    }
    fflush(stdout);
}

static void run_round(const struct settings *s, const struct scenario *scenario, uint32_t seed, uint64_t left_ns)
{
    uint64_t start_ns = pawl_now(NULL);
    struct round round = {
        .seed = seed,
        .workers = draw_workers(s, scenario, seed),
        .until_ns = start_ns + (left_ns < scenario->round_ns ? left_ns : scenario->round_ns),
    };
    watch_round(scenario, &round);
    scenario->run(&round);
    watch_round_over();
    print_round(s, scenario, &round, pawl_now(NULL) - start_ns);
}

int main(int argc, char **argv)
{
    struct settings s = {0};
    if (getrandom(&s.seed, sizeof s.seed, 0) != sizeof s.seed)
        s.seed = (uint32_t)pawl_now(NULL);
    enum arguments asked = settings_parse(&s, argc, argv, scenarios);
    if (asked != ARGUMENTS_RUN)
        return asked == ARGUMENTS_DONE ? 0 : 2;
    printf(s.json ? "{\"seed\":%" PRIu32 "}\n" : "seed %" PRIu32 "\n", s.seed);
    fflush(stdout);
    watch_start(s.stall_ns);

    uint64_t end_ns = pawl_now(NULL) + s.duration_ns;
    uint32_t seed = s.seed;
    int next = 0;
    for (uint64_t now_ns; (now_ns = pawl_now(NULL)) < end_ns; seed = next_seed(seed)) {
        run_round(&s, s.chosen[next], seed, end_ns - now_ns);
        next = (next + 1) % s.chosen_count;
    }
    return 0;
}
