#include "settings.h"

#include <stdio.h>
#include <string.h>

#define SECONDS_DEFAULT 10
#define STALL_SECONDS_DEFAULT 60

static enum arguments print_help(const struct scenario *const *scenarios)
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
    for (; *scenarios != NULL; scenarios++)
        printf("  %-18s %s\n", (*scenarios)->name, (*scenarios)->about);
    return ARGUMENTS_DONE;
}

static enum arguments print_list(const struct scenario *const *scenarios)
{
    for (; *scenarios != NULL; scenarios++)
        printf("%s\n", (*scenarios)->name);
    return ARGUMENTS_DONE;
}

static enum arguments refuse(const char *what, const char *which)
{
    fprintf(stderr, "pawl-stress: %s %s; see --help\n", what, which);
    return ARGUMENTS_UNUSABLE;
}

static enum arguments choose(struct settings *s, const struct scenario *const *scenarios, const char *name)
{
    for (; *scenarios != NULL; scenarios++) {
        if (strcmp((*scenarios)->name, name) != 0)
            continue;
        if (s->chosen_count == CHOSEN_MAX)
            return refuse("too many scenarios from", name);
        s->chosen[s->chosen_count++] = *scenarios;
        return ARGUMENTS_RUN;
    }
    return refuse("no scenario", name);
}

static void choose_default(struct settings *s, const struct scenario *const *scenarios)
{
    for (; *scenarios != NULL && s->chosen_count < CHOSEN_MAX; scenarios++)
        if (!STRESS_SANITIZED || !(*scenarios)->plain_only)
            s->chosen[s->chosen_count++] = *scenarios;
}

/* Takes an option that is followed by a number. */
static enum arguments take_number(struct settings *s, const char *option, const char *text)
{
    static const struct {
        const char *option;
        uint64_t max;
    } numbers[] = {{"--seconds", 1000000000}, {"--rounds", UINT64_MAX},  {"--operations", UINT64_MAX},
                   {"--stall", 1000000},      {"--seed", UINT32_MAX},    {"--workers", PAWL_WORKERS_MAX},
                   {"--noise", 1000}};
    enum { SECONDS, ROUNDS, OPERATIONS, STALL, SEED, WORKERS, NOISE, NUMBERS };
    int which = 0;
    uint64_t value;
    while (which < NUMBERS && strcmp(numbers[which].option, option) != 0)
        which++;
    if (which == NUMBERS)
        return refuse("unknown option", option);
    if (text == NULL)
        return refuse("no value after", option);
    if (!arguments_number(text, 0, numbers[which].max, &value))
        return refuse("bad value after", option);
    switch (which) {
    case SECONDS:
        s->duration_ns = PAWL_SEC(value);
        break;
    case ROUNDS:
        s->rounds_max = value;
        break;
    case OPERATIONS:
        s->operations_max = value;
        break;
    case STALL:
        s->stall_ns = PAWL_SEC(value);
        break;
    case SEED:
        s->seed = value;
        break;
    case WORKERS:
        s->workers = (int)value;
        break;
    default:
        s->noise = (int)value;
    }
    return ARGUMENTS_RUN;
}

enum arguments settings_parse(struct settings *s, int argc, char **argv, const struct scenario *const *scenarios)
{
    enum arguments taken = ARGUMENTS_RUN;
    *s = (struct settings){.stall_ns = PAWL_SEC(STALL_SECONDS_DEFAULT),
                           .rounds_max = UINT64_MAX,
                           .operations_max = UINT64_MAX,
                           .seed = s->seed,
                           .noise = -1};
    for (int i = 1; i < argc && taken == ARGUMENTS_RUN; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--help") == 0)
            return print_help(scenarios);
        if (strcmp(option, "--list") == 0)
            return print_list(scenarios);
        if (strcmp(option, "--json") == 0)
            s->json = true;
        else if (option[0] != '-')
            taken = choose(s, scenarios, option);
        else {
            i++;
            taken = take_number(s, option, i < argc ? argv[i] : NULL);
        }
    }
    if (taken == ARGUMENTS_RUN && s->operations_max != UINT64_MAX && s->chosen_count != 1)
        return refuse("one scenario is to be given with", "--operations");
    if (s->duration_ns == 0) /* two years: long enough, and no instant overflows */
        s->duration_ns = s->operations_max != UINT64_MAX || s->rounds_max != UINT64_MAX ? PAWL_SEC(63072000)
                                                                                        : PAWL_SEC(SECONDS_DEFAULT);
    if (s->chosen_count == 0)
        choose_default(s, scenarios);
    return taken;
}
