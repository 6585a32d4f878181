/* The command line, and the search of one scenario after the other. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/model/checker.h"

uint64_t model__real_now(void); /* posix.c */

struct options {
    const char *const *only; /* scenarios named */
    unsigned only_count;
    const char *replay;
    unsigned bound, deeper;
    bool bound_given, list, json, verbose, duplicates, blocked;
    uint64_t executions_max;
    double seconds;
};

static void usage(FILE *out, const char *program)
{
    fprintf(out,
            "usage: %s [OPTION]... [SCENARIO]...\n"
            "Explores every execution of each scenario (all of them, if none is named).\n\n"
            "  --list            name the scenarios\n"
            "  --bound N         at most N steps that differ from the default schedule; 0: no bound\n"
            "                    (if not given, each scenario's own)\n"
            "  --deeper N        so many more than a scenario's own bound\n"
            "  --executions N    stop a scenario after so many executions; that is a failure\n"
            "  --seconds S       stop a scenario after so long; that is a failure\n"
            "  --replay STRING   run one execution of the one scenario named, and print it\n"
            "  --duplicates      count executions that were explored twice\n"
            "  --blocked         print the first execution that ends with a thread waiting for what other executions\n"
            "                    bring, and stop\n"
            "  --verbose         print the execution even if it is what the scenario expects\n"
            "  --json            one JSON object a scenario\n"
            "  --help\n",
            program);
}

void model_fail(const char *file, int line, const char *sentence)
{
    checker->inside = true;
    run_found(MODEL_ASSERT, "%s:%d: %s", file, line, sentence);
}

/* ---- outcomes ---- */

void model_outcome(const char *format, ...)
{
    va_list arguments;
    char text[256];
    bool inside = checker->inside;
    checker->inside = true;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    checker_free(checker->outcome);
    checker->outcome = checker_alloc(strlen(text) + 1);
    memcpy(checker->outcome, text, strlen(text) + 1);
    checker->inside = inside;
}

static void keep_outcome(void)
{
    if (checker->outcome == NULL)
        return;
    for (size_t i = 0; i < checker->outcome_count; i++)
        if (strcmp(checker->outcomes[i], checker->outcome) == 0)
            return;
    char **outcomes = checker_alloc((checker->outcome_count + 1) * sizeof *outcomes);
    if (checker->outcome_count > 0)
        memcpy(outcomes, checker->outcomes, checker->outcome_count * sizeof *outcomes);
    checker_free(checker->outcomes);
    checker->outcomes = outcomes;
    checker->outcomes[checker->outcome_count++] = checker->outcome;
    checker->outcome = NULL;
}

static bool is_among(const char *outcome, const char *const *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(outcome, outcomes[i]) == 0)
            return true;
    return false;
}

static size_t length_of(const char *const *strings)
{
    size_t count = 0;
    while (strings != NULL && strings[count] != NULL)
        count++;
    return count;
}

/* Prints what is missing and what should not be there; true: neither. */
static bool outcomes_agree(const struct model_scenario *scenario, bool print)
{
    bool agree = true;
    size_t expected = length_of(scenario->outcomes);
    const char *const *found = (const char *const *)checker->outcomes;
    for (size_t i = 0; i < expected; i++)
        if (!is_among(scenario->outcomes[i], found, checker->outcome_count)) {
            agree = false;
            if (print)
                printf("  never seen, though allowed: %s\n", scenario->outcomes[i]);
        }
    for (size_t i = 0; i < checker->outcome_count; i++)
        if (!is_among(found[i], scenario->outcomes, expected)) {
            agree = false;
            if (print)
                printf("  seen, though forbidden: %s\n", found[i]);
        }
    return agree;
}

/* ---- one scenario ---- */

static void note_hash(void)
{
    uint64_t hash = graph_hash() | 1;
    if (checker->hash_count * 2 >= checker->hash_capacity) {
        size_t capacity = checker->hash_capacity == 0 ? 1024 : checker->hash_capacity * 2;
        uint64_t *hashes = checker_alloc(capacity * sizeof *hashes), *former = checker->hashes;
        memset(hashes, 0, capacity * sizeof *hashes);
        for (size_t i = 0; i < checker->hash_capacity; i++)
            for (size_t j = former[i] % capacity; former[i] != 0; j = (j + 1) % capacity)
                if (hashes[j] == 0) {
                    hashes[j] = former[i];
                    break;
                }
        checker_free(former);
        checker->hashes = hashes;
        checker->hash_capacity = capacity;
    }
    size_t i = hash % checker->hash_capacity;
    while (checker->hashes[i] != 0 && checker->hashes[i] != hash)
        i = (i + 1) % checker->hash_capacity;
    checker->duplicates += checker->hashes[i] == hash;
    checker->hash_count += checker->hashes[i] == 0;
    checker->hashes[i] = hash;
}

static void progress(uint64_t started, bool last)
{
    const struct statistics *s = &checker->statistics;
    uint64_t now = model__real_now();
    if (checker->quiet || (!last && now - checker->progress_shown < 1000000000) || !isatty(STDERR_FILENO))
        return;
    checker->progress_shown = now;
    if (last)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\r%s: %llu executions, %llu blocked, %zu graphs waiting, %llu s\033[K",
                checker->scenario->name, (unsigned long long)s->executions, (unsigned long long)s->blocked,
                checker->agenda_count, (unsigned long long)((now - started) / 1000000000));
}

enum end { END_COMPLETE, END_FOUND, END_LIMIT };

/* Executions until something is found or nothing is left. */
static enum end search(const struct options *options, uint64_t started)
{
    struct image *image = NULL;
    for (;;) {
        uint64_t before = checker->statistics.executions;
        run_execute(image);
        if (image != NULL)
            graph_free(image);
        image = NULL;
        if (checker->found != MODEL_CLEAN)
            return END_FOUND;
        if (options->blocked && checker->statistics.blocked > 0) {
            report_execution(stdout);
            return END_LIMIT;
        }
        if (checker->statistics.executions > before) {
            keep_outcome();
            if (checker->find_duplicates)
                note_hash();
        }
        progress(started, false);
        if (checker->follows || checker->agenda_count == 0)
            return END_COMPLETE;
        if (options->executions_max != 0 && checker->statistics.executions >= options->executions_max)
            return END_LIMIT;
        if (options->seconds > 0 && (double)(model__real_now() - started) * 1e-9 >= options->seconds)
            return END_LIMIT;
        image = checker->agenda[--checker->agenda_count];
    }
}

static void forget_search(void)
{
    while (checker->agenda_count > 0)
        graph_free(checker->agenda[--checker->agenda_count]);
    for (size_t i = 0; i < checker->outcome_count; i++)
        checker_free(checker->outcomes[i]);
    checker->outcome_count = 0;
    checker_free(checker->hashes);
    checker->hashes = NULL;
    checker->hash_count = checker->hash_capacity = 0;
    checker->duplicates = 0;
    checker->statistics = (struct statistics){0};
}

static void describe(char *text, size_t size, enum end end)
{
    const struct statistics *s = &checker->statistics;
    if (end == END_FOUND)
        snprintf(text, size, "%s", report_verdict(checker->found));
    else if (end == END_LIMIT)
        snprintf(text, size, "stopped by the limit");
    else if (s->cut && checker->bound > 0)
        snprintf(text, size, "bound %u", checker->bound);
    else if (s->cut)
        snprintf(text, size, "%u pauses", checker->scenario->pauses);
    else
        snprintf(text, size, "complete");
}

static void print_json_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text >= ' ')
            putchar(*text);
    }
    putchar('"');
}

/* What was found, and how to run it again. */
static void print_json_finding(void)
{
    char *replay = NULL;
    size_t size;
    FILE *out = open_memstream(&replay, &size);
    if (out == NULL)
        return;
    graph_print_replay(out);
    fclose(out);
    printf(", \"sentence\": ");
    print_json_string(checker->sentence);
    printf(", \"replay\": ");
    print_json_string(replay);
    free(replay);
}

static void print_json(const struct model_scenario *scenario, enum end end, bool passed, double seconds)
{
    const struct statistics *s = &checker->statistics;
    char text[64];
    describe(text, sizeof text, end);
    printf("{\"scenario\": \"%s\", \"passed\": %s, \"end\": \"%s\", \"complete\": %s, \"bound\": %u, "
           "\"executions\": %llu, \"blocked\": %llu, \"pruned\": %llu, \"events\": %llu, \"seconds\": %.3f",
           scenario->name, passed ? "true" : "false", text, end == END_COMPLETE && !s->cut ? "true" : "false",
           s->cut ? checker->bound : 0, (unsigned long long)s->executions, (unsigned long long)s->blocked,
           (unsigned long long)s->pruned, (unsigned long long)s->events_max, seconds);
    if (end == END_FOUND)
        print_json_finding();
    printf("}\n");
}

static void print_line(const struct model_scenario *scenario, enum end end, bool passed, double seconds)
{
    const struct statistics *s = &checker->statistics;
    char text[64];
    describe(text, sizeof text, end);
    printf("%-4s  %-40s %-20s %9llu executions, %llu blocked, %llu pruned, %llu events, %.2f s\n",
           passed ? "ok" : "FAIL", scenario->name, text, (unsigned long long)s->executions,
           (unsigned long long)s->blocked, (unsigned long long)s->pruned, (unsigned long long)s->events_max, seconds);
    if (checker->find_duplicates)
        printf("      %llu duplicates\n", (unsigned long long)checker->duplicates);
}

static bool run_scenario(const struct model_scenario *scenario, const struct options *options)
{
    uint64_t started = model__real_now();
    checker->scenario = scenario;
    checker->bound = options->bound_given ? options->bound : scenario->bound;
    checker->bound += checker->bound > 0 ? options->deeper : 0;
    checker->find_duplicates = options->duplicates;
    checker->guide = options->replay;
    checker->follows = options->replay != NULL;
    enum end end = search(options, started);
    progress(started, true);
    bool expected = end == END_FOUND
                        ? checker->found == scenario->expect
                        : end == END_COMPLETE && scenario->expect == MODEL_CLEAN && checker->statistics.executions > 0;
    bool agree = end != END_COMPLETE || options->replay != NULL || scenario->expect != MODEL_CLEAN ||
                 scenario->outcomes == NULL || outcomes_agree(scenario, false);
    bool passed = expected && agree && checker->duplicates == 0;
    double seconds = (double)(model__real_now() - started) * 1e-9;
    if (options->json)
        print_json(scenario, end, passed, seconds);
    else
        print_line(scenario, end, passed, seconds);
    if (!options->json && !agree)
        outcomes_agree(scenario, true);
    if (!options->json && options->replay != NULL && end != END_FOUND)
        printf("  nothing was found along this replay\n");
    if (!options->json && (end == END_FOUND || options->replay != NULL) &&
        (!passed || options->verbose || options->replay != NULL)) {
        if (end == END_FOUND)
            printf("  %s: %s\n", report_verdict(checker->found), checker->sentence);
        report_execution(stdout);
        if (options->replay == NULL)
            printf("  rerun with: --replay STRING %s\n", scenario->name);
    }
    fflush(stdout);
    forget_search();
    return passed;
}

/* ---- crashes ---- */

static void crashed(int signal)
{
    static char text[64];
    checker->inside = true;
    if (checker->running == NULL)
        _exit(128 + signal);
    snprintf(text, sizeof text, "signal %d (%s)", signal, sigabbrev_np(signal));
    run_found(MODEL_CRASH, "thread %u: %s", self(), text);
}

static void catch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    stack_t stack = {.ss_sp = checker_alloc(256 * 1024), .ss_size = 256 * 1024};
    sigaltstack(&stack, NULL);
    /* SA_NODEFER: it does not return */
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_NODEFER | SA_ONSTACK};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
}

/* ---- options ---- */

static bool parse_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *number <= max;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"list", no_argument, NULL, 'l'},          {"bound", required_argument, NULL, 'b'},
        {"deeper", required_argument, NULL, 'D'},  {"executions", required_argument, NULL, 'e'},
        {"seconds", required_argument, NULL, 's'}, {"replay", required_argument, NULL, 'r'},
        {"duplicates", no_argument, NULL, 'd'},    {"blocked", no_argument, NULL, 'w'},
        {"verbose", no_argument, NULL, 'v'},       {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    int c;
    uint64_t number = 0;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if ((c == 'b' || c == 'D' || c == 'e' || c == 's') &&
            !parse_number(optarg, c == 'e' ? UINT64_MAX : 1000000000, &number)) {
            fprintf(stderr, "%s: '%s' is not a number, or too large a one\n", argv[0], optarg);
            return 2;
        }
        switch (c) {
        case 'l':
            o->list = true;
            break;
        case 'b':
            o->bound = (unsigned)number, o->bound_given = true;
            break;
        case 'D':
            o->deeper = (unsigned)number;
            break;
        case 'e':
            o->executions_max = number;
            break;
        case 's':
            o->seconds = (double)number;
            break;
        case 'r':
            o->replay = optarg;
            break;
        case 'd':
            o->duplicates = true;
            break;
        case 'w':
            o->blocked = true;
            break;
        case 'v':
            o->verbose = true;
            break;
        case 'j':
            o->json = true;
            break;
        case 'h':
            usage(stdout, argv[0]);
            return 0;
        default:
            usage(stderr, argv[0]);
            return 2;
        }
    }
    o->only = (const char *const *)&argv[optind];
    o->only_count = (unsigned)(argc - optind);
    return -1;
}

static bool is_wanted(const struct model_scenario *scenario, const struct options *o)
{
    bool wanted = o->only_count == 0;
    for (unsigned i = 0; i < o->only_count; i++)
        wanted |= strcmp(scenario->name, o->only[i]) == 0;
    return wanted;
}

/* The first name that is no scenario's, or NULL. */
static const char *unknown_name(const struct options *o, const struct model_scenario *const *scenarios)
{
    for (unsigned i = 0; i < o->only_count; i++) {
        bool known = false;
        for (unsigned j = 0; scenarios[j] != NULL; j++)
            known |= strcmp(scenarios[j]->name, o->only[i]) == 0;
        if (!known)
            return o->only[i];
    }
    return NULL;
}

int model_main(int argc, char **argv, const struct model_scenario *const *scenarios)
{
    struct options o = {0};
    int status = parse(argc, argv, &o);
    if (status >= 0)
        return status;
    unsigned wanted = 0, failed = 0;
    for (unsigned i = 0; scenarios[i] != NULL; i++) {
        wanted += is_wanted(scenarios[i], &o);
        if (o.list)
            printf("%-40s %s\n", scenarios[i]->name, scenarios[i]->about);
    }
    if (o.list)
        return 0;
    const char *unknown = unknown_name(&o, scenarios);
    if (unknown != NULL) {
        fprintf(stderr, "%s: no scenario '%s'; see --list\n", argv[0], unknown);
        return 2;
    }
    if (o.replay != NULL && wanted != 1) {
        fprintf(stderr, "%s: --replay wants one scenario's name\n", argv[0]);
        return 2;
    }
    checker = checker_alloc(sizeof *checker);
    memset(checker, 0, sizeof *checker);
    checker->json = o.json;
    checker->quiet = o.json;
    memory_init();
    posix_init();
    catch_crashes();
    run_init();
    for (unsigned i = 0; scenarios[i] != NULL; i++)
        if (is_wanted(scenarios[i], &o))
            failed += !run_scenario(scenarios[i], &o);
    if (!o.json && wanted > 1)
        printf("%u scenarios, %u failed\n", wanted, failed);
    return failed == 0 ? 0 : 1;
}
