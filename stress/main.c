/* pawl-stress: real threads against the library, with schedule noise and conservation checks. --help says how. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stress.h"
#include "watch.h"

#define SECONDS_DEFAULT 10
#define STALL_SECONDS_DEFAULT 60

static const struct scenario *const scenarios[] = {
    &stress_spawn_steal_park, &stress_timer_storm,  &stress_shutdown_storm,
    &stress_blocked_worker,   &stress_wake_storm,   &stress_join_cancel,
    &stress_block_pool,       &stress_after_cancel, &stress_idle_quiet,
    &stress_cancel_sync_free, &stress_steal_storm,  &stress_park_storm,
    &stress_clock_jump,       &stress_oom,          &stress_thread_exhaustion,
    &stress_fd_exhaustion,
};
#define SCENARIO_COUNT (sizeof scenarios / sizeof scenarios[0])

struct settings {
    const struct scenario *chosen[64];
    int chosen_count;
    uint64_t duration_ns;
    uint64_t stall_ns;
    uint64_t rounds_max, operations_max; /* UINT64_MAX: as many as there is time for */
    uint64_t seed;
    int workers; /* 0: drawn from the seed */
    int noise;   /* per mille; -1: drawn from the seed */
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
           "  --seconds S     how long in all (%d; with --rounds or --operations, without end)\n"
           "  --rounds N      so many rounds\n"
           "  --operations N  rounds until there have been so many of what the scenario counts first; of one scenario\n"
           "  --seed N        of the first round; without it, that of PAWL_SEED, or a new one each time\n"
           "  --workers W     of each runtime; without it, drawn from the seed\n"
           "  --noise N       of a thousand passes of a noise point N are disturbed, 0: none; without it, drawn\n"
           "  --stall S       seconds without any progress after which the program reports and aborts (%d)\n"
           "  --json          one JSON line a round\n"
           "\n"
           "Exit status: 0 no finding; 1 a finding, or fewer operations than asked for; 2 bad usage; 134 stuck.\n"
           "\n",
           SECONDS_DEFAULT, STALL_SECONDS_DEFAULT);
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        printf("  %-18s %s\n", scenarios[i]->name, scenarios[i]->about);
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

/* An option that takes a number; false: no such option. */
static bool parse_number_option(struct settings *s, const char *option, const char *text)
{
    if (strcmp(option, "--seconds") == 0)
        s->duration_ns = PAWL_SEC(parse_number(option, text, 1000000000));
    else if (strcmp(option, "--rounds") == 0)
        s->rounds_max = parse_number(option, text, UINT64_MAX);
    else if (strcmp(option, "--operations") == 0)
        s->operations_max = parse_number(option, text, UINT64_MAX);
    else if (strcmp(option, "--stall") == 0)
        s->stall_ns = PAWL_SEC(parse_number(option, text, 1000000));
    else if (strcmp(option, "--seed") == 0)
        s->seed = parse_number(option, text, UINT32_MAX);
    else if (strcmp(option, "--workers") == 0)
        s->workers = (int)parse_number(option, text, PAWL_WORKERS_MAX);
    else if (strcmp(option, "--noise") == 0)
        s->noise = (int)parse_number(option, text, 1000);
    else
        return false;
    return true;
}

static void print_list(void)
{
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        printf("%s\n", scenarios[i]->name);
}

static void parse(struct settings *s, int argc, char **argv)
{
    *s = (struct settings){.stall_ns = PAWL_SEC(STALL_SECONDS_DEFAULT),
                           .rounds_max = UINT64_MAX,
                           .operations_max = UINT64_MAX,
                           .seed = pawl_seed_choose("PAWL_SEED"),
                           .noise = -1};
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--help") == 0) {
            print_help();
            exit(0);
        } else if (strcmp(option, "--list") == 0) {
            print_list();
            exit(0);
        } else if (strcmp(option, "--json") == 0) {
            s->json = true;
        } else if (parse_number_option(s, option, argv[i + 1])) {
            i++;
        } else if (option[0] == '-') {
            refuse("unknown option", option);
        } else {
            choose(s, option);
        }
    }
    if (s->operations_max != UINT64_MAX && s->chosen_count != 1)
        refuse("one scenario is to be given with", "--operations");
    if (s->duration_ns == 0) /* two years: long enough, and no instant overflows */
        s->duration_ns = s->operations_max != UINT64_MAX || s->rounds_max != UINT64_MAX ? PAWL_SEC(63072000)
                                                                                        : PAWL_SEC(SECONDS_DEFAULT);
    if (s->chosen_count == 0)
        choose_default(s);
}

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
    struct settings s;
    parse(&s, argc, argv);
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
