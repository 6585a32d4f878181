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

static enum arguments refuse(const char *what, const char *value)
{
    fprintf(stderr, "pawl-sum: %s%s%s%s\nTry 'pawl-sum --help'.\n", what, value ? " '" : "", value ? value : "",
            value ? "'" : "");
    return ARGUMENTS_UNUSABLE;
}

/* Exits at once if standard output does not take it. */
static enum arguments print(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        fprintf(stderr, "pawl-sum: standard output: %s\n", strerror(errno));
        exit(1);
    }
    return ARGUMENTS_DONE;
}

static bool parse_jobs(const char *text, int *jobs)
{
    uint64_t value;
    if (!arguments_number(text, 1, PAWL_WORKERS_MAX, &value))
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

static enum arguments take_option(struct options *options, int option)
{
    switch (option) {
    case 'j':
        return parse_jobs(optarg, &options->jobs) ? ARGUMENTS_RUN
                                                  : refuse("not a number of jobs from 1 to 4096:", optarg);
    case 't':
        return arguments_duration(optarg, &options->timeout_ns)
                   ? ARGUMENTS_RUN
                   : refuse("not a time above 0, such as 5s or 250ms:", optarg);
    case OPTION_STATS:
        options->stats = true;
        return ARGUMENTS_RUN;
    case OPTION_JSON:
        options->json = true;
        return ARGUMENTS_RUN;
    case OPTION_PROGRESS:
        options->progress = CHOICE_YES;
        return ARGUMENTS_RUN;
    case OPTION_NO_PROGRESS:
        options->progress = CHOICE_NO;
        return ARGUMENTS_RUN;
    case OPTION_READS:
        return parse_reads(optarg, &options->reads) ? ARGUMENTS_RUN : refuse("not auto, inline or pool:", optarg);
    case 'h':
        return print(help_text);
    case 'V':
        return print("pawl-sum (Pawl) " PAWL_SUM_VERSION "\n");
    default: /* getopt has said what is wrong */
        fputs("Try 'pawl-sum --help'.\n", stderr);
        return ARGUMENTS_UNUSABLE;
    }
}

enum arguments options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.jobs = PAWL_WORKERS_AUTO, .timeout_ns = PAWL_NEVER};
    static char name[] = "pawl-sum";
    argv[0] = name; /* what getopt starts its messages with */
    int option = 0;
    while ((option = getopt_long(argc, argv, "j:t:hV", long_options, NULL)) != -1) {
        enum arguments outcome = take_option(options, option);
        if (outcome != ARGUMENTS_RUN)
            return outcome;
    }
    options->paths = argv + optind;
    options->path_count = argc - optind;
    return options->path_count > 0 ? ARGUMENTS_RUN : refuse("no PATH given", NULL);
}
