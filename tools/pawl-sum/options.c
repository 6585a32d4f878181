#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pawl/pawl.h>

enum { OPTION_STATS = 256, OPTION_JSON, OPTION_PROGRESS, OPTION_NO_PROGRESS, OPTION_READS };

static const struct option long_options[] = {
    {"jobs", required_argument, NULL, 'j'},
    {"timeout", required_argument, NULL, 't'},
    {"stats", no_argument, NULL, OPTION_STATS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"reads", required_argument, NULL, OPTION_READS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "Usage: pawl-sum [OPTION]... PATH...\n"
    "Prints the SHA-256 sum of every file under each PATH, many at once, in the form\n"
    "that sha256sum -c checks. Lines come in the order in which files are done.\n"
    "\n"
    "  -j, --jobs N         use N threads; default: all CPUs this process may use\n"
    "  -t, --timeout TIME   give a file up after TIME (5s, 250ms, 1.5m; bare: seconds)\n"
    "      --stats          print a summary and the runtime's counters at the end\n"
    "      --json           one JSON object a line: files, then a summary\n"
    "      --progress, --no-progress\n"
    "                       show progress on standard error, or do not; default: if\n"
    "                       it is a terminal\n"
    "      --reads HOW      inline: read files in the tasks that sum them; pool: on\n"
    "                       threads of their own, more files at once; auto (default):\n"
    "                       inline what is in memory, on the pool what is not\n"
    "  -h, --help           print this\n"
    "  -V, --version        print the version\n"
    "\n"
    "A PATH that is a symbolic link is followed; links met on the way are not. A PATH\n"
    "of - is standard input. Sockets, devices and FIFOs are skipped with a word, and\n"
    "refused as a PATH. The timeout is looked at between pieces of a file: a read that\n"
    "never returns is not cut short.\n"
    "\n"
    "--json: {\"path\",\"sha256\",\"bytes\",\"ns\"} or {\"path\",\"error\"}, and at the end\n"
    "{\"summary\":{...}}, which has \"stats\" with --stats. In a path that is not valid\n"
    "UTF-8 each bad byte is U+FFFD and \"path_hex\" has the exact bytes.\n"
    "\n"
    "Exit status: 0 all summed; 1 a file could not be, or output failed; 2 usage;\n"
    "130 interrupted (128 + the signal's number), after saying so.\n";

static enum options_outcome refuse(const char *what, const char *value)
{
    fprintf(stderr, "pawl-sum: %s%s%s%s\nTry 'pawl-sum --help'.\n", what, value ? " '" : "", value ? value : "",
            value ? "'" : "");
    return OPTIONS_UNUSABLE;
}

/* Exits at once if standard output does not take it. */
static enum options_outcome print(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        fprintf(stderr, "pawl-sum: standard output: %s\n", strerror(errno));
        exit(1);
    }
    return OPTIONS_DONE;
}

static bool parse_jobs(const char *text, int *jobs)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > PAWL_WORKERS_MAX)
        return false;
    *jobs = (int)value;
    return true;
}

static bool parse_reads(const char *text, enum reads *reads)
{
    static const char *const names[] = {[READS_AUTO] = "auto", [READS_INLINE] = "inline", [READS_POOL] = "pool"};
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (strcmp(names[i], text) == 0) {
            *reads = (enum reads)i;
            return true;
        }
    }
    return false;
}

static double nanoseconds_in(const char *unit)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].name, unit) == 0)
            return units[i].ns;
    return 0;
}

bool options_parse_duration(const char *text, uint64_t *duration_ns)
{
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0)
        return false;
    char *end = NULL;
    double value = strtod(text, &end);
    if (end != text + digits)
        return false;
    double ns = value * nanoseconds_in(end);
    if (!(ns >= 1) || ns > 1e18)
        return false;
    *duration_ns = (uint64_t)ns;
    return true;
}

static enum options_outcome take_option(struct options *options, int option)
{
    switch (option) {
    case 'j':
        return parse_jobs(optarg, &options->jobs) ? OPTIONS_RUN
                                                  : refuse("not a number of jobs from 1 to 4096:", optarg);
    case 't':
        return options_parse_duration(optarg, &options->timeout_ns)
                   ? OPTIONS_RUN
                   : refuse("not a time above 0, such as 5s or 250ms:", optarg);
    case OPTION_STATS:
        options->stats = true;
        return OPTIONS_RUN;
    case OPTION_JSON:
        options->json = true;
        return OPTIONS_RUN;
    case OPTION_PROGRESS:
        options->progress = CHOICE_YES;
        return OPTIONS_RUN;
    case OPTION_NO_PROGRESS:
        options->progress = CHOICE_NO;
        return OPTIONS_RUN;
    case OPTION_READS:
        return parse_reads(optarg, &options->reads) ? OPTIONS_RUN : refuse("not auto, inline or pool:", optarg);
    case 'h':
        return print(help_text);
    case 'V':
        return print("pawl-sum (Pawl) " PAWL_SUM_VERSION "\n");
    default: /* getopt has said what is wrong */
        fputs("Try 'pawl-sum --help'.\n", stderr);
        return OPTIONS_UNUSABLE;
    }
}

enum options_outcome options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.jobs = PAWL_WORKERS_AUTO, .timeout_ns = PAWL_NEVER};
    static char name[] = "pawl-sum";
    argv[0] = name; /* what getopt starts its messages with */
    int option = 0;
    while ((option = getopt_long(argc, argv, "j:t:hV", long_options, NULL)) != -1) {
        enum options_outcome outcome = take_option(options, option);
        if (outcome != OPTIONS_RUN)
            return outcome;
    }
    options->paths = argv + optind;
    options->path_count = argc - optind;
    return options->path_count > 0 ? OPTIONS_RUN : refuse("no PATH given", NULL);
}
