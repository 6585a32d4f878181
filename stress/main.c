/* pawl-stress: real threads against the library, with schedule noise and conservation checks. --help says how. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "stress.h"
#include "watch.h"

#define SECONDS_DEFAULT 10
#define STALL_SECONDS_DEFAULT 60

static const struct scenario *const scenarios[] = {
    &stress_spawn_steal_park, &stress_timer_storm, &stress_shutdown_storm, &stress_blocked_worker, &stress_wake_storm,
    &stress_join_cancel,      &stress_block_pool,  &stress_after_cancel,   &stress_idle_quiet,
};
#define SCENARIO_COUNT (sizeof scenarios / sizeof scenarios[0])

struct settings {
    const struct scenario *chosen[64];
    int chosen_count;
    uint64_t duration_ns;
    uint64_t stall_ns;
    uint32_t seed;
    int workers; /* 0: drawn from the seed */
    bool json;
};

/* ---- the command line ---- */

static void print_help(void)
{
    printf("usage: pawl-stress [SCENARIO...] [--seconds S] [--seed N] [--workers W] [--json]\n"
           "       pawl-stress --list | --help\n"
           "\n"
           "Without a scenario all take turns. Each round has a seed of its own, the first one --seed.\n"
           "\n"
           "  --seconds S  how long in all (%d)\n"
           "  --seed N     of the first round; without it, a new one each time\n"
           "  --workers W  of each runtime; without it, drawn from the seed\n"
           "  --stall S    seconds without any progress after which the program reports and aborts (%d)\n"
           "  --json       one JSON line a round\n"
           "\n",
           SECONDS_DEFAULT, STALL_SECONDS_DEFAULT);
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        printf("  %-17s %s\n", scenarios[i]->name, scenarios[i]->about);
}

static _Noreturn void refuse(const char *what, const char *which)
{
    fprintf(stderr, "pawl-stress: %s %s; see --help\n", what, which);
    exit(2);
}

static uint64_t parse_number(const char *option, const char *text, uint64_t max)
{
    if (text == NULL)
        refuse("no value after", option);
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value > max)
        refuse("bad value after", option);
    return value;
}

static void choose(struct settings *s, const char *name)
{
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        if (strcmp(scenarios[i]->name, name) == 0) {
            if (s->chosen_count == 64)
                refuse("too many scenarios from", name);
            s->chosen[s->chosen_count++] = scenarios[i];
            return;
        }
    }
    refuse("no scenario", name);
}

static void choose_default(struct settings *s)
{
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        if (!STRESS_SANITIZED || !scenarios[i]->plain_only)
            s->chosen[s->chosen_count++] = scenarios[i];
}

static void parse(struct settings *s, int argc, char **argv)
{
    *s = (struct settings){.duration_ns = PAWL_SEC(SECONDS_DEFAULT), .stall_ns = PAWL_SEC(STALL_SECONDS_DEFAULT)};
    if (getrandom(&s->seed, sizeof s->seed, 0) != sizeof s->seed)
        s->seed = (uint32_t)pawl_now(NULL);
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--help") == 0) {
            print_help();
            exit(0);
        } else if (strcmp(option, "--list") == 0) {
            for (size_t k = 0; k < SCENARIO_COUNT; k++)
                printf("%s\n", scenarios[k]->name);
            exit(0);
        } else if (strcmp(option, "--json") == 0) {
            s->json = true;
        } else if (strcmp(option, "--seconds") == 0) {
            s->duration_ns = PAWL_SEC(parse_number(option, argv[++i], 1000000000));
        } else if (strcmp(option, "--stall") == 0) {
            s->stall_ns = PAWL_SEC(parse_number(option, argv[++i], 1000000));
        } else if (strcmp(option, "--seed") == 0) {
            s->seed = (uint32_t)parse_number(option, argv[++i], UINT32_MAX);
        } else if (strcmp(option, "--workers") == 0) {
            s->workers = (int)parse_number(option, argv[++i], PAWL_WORKERS_MAX);
        } else if (option[0] == '-') {
            refuse("unknown option", option);
        } else {
            choose(s, option);
        }
    }
    if (s->chosen_count == 0)
        choose_default(s);
}

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
    struct settings s;
    parse(&s, argc, argv);
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
