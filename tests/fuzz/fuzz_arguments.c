/* What the tools, the benchmarks and the stress program take from a command line: numbers and durations against a
 * second parser that goes digit by digit, and whole command lines against what each parser promises.
 *
 * An input is a byte that says what to parse, and the text; in a command line, NUL or newline ends an argument. */
#include "tests/fuzz/fuzz_arguments.h"

#include <getopt.h>
#include <math.h>
#include <pawl/pawl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/pawl-sum/options.h"

enum { ARGUMENTS_COUNT_MAX = 64 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FILE *nowhere = fopen("/dev/null", "w");
    FUZZ_CHECK(nowhere != NULL);
    stdout = stderr = nowhere; /* usage messages would drown everything; libFuzzer's own go elsewhere */
    return 0;
}

/* ---- numbers ---- */

static int value_of_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

static bool number_by_definition(const char *text, uint64_t *out)
{
    unsigned base = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0 ? 16 : 10;
    uint64_t value = 0;
    text += base == 16 ? 2 : 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)value_of_digit(*text);
        if (digit >= base || value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

static void check_number(struct input *input, const char *text)
{
    uint64_t min = take_number(input), max = take_number(input), value = 42, expected = 0;
    bool is_number = number_by_definition(text, &expected);
    bool taken = arguments_number(text, min, max, &value);
    FUZZ_CHECK(taken == (is_number && expected >= min && expected <= max));
    FUZZ_CHECK(value == (taken ? expected : 42));
}

/* ---- durations ---- */

static long double nanoseconds_by_definition(const char *unit)
{
    static const char *const names[] = {"ns", "us", "ms", "s", "", "m", "min", "h"};
    static const long double ns[] = {1, 1e3L, 1e6L, 1e9L, 1e9L, 6e10L, 6e10L, 3.6e12L};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], unit) == 0)
            return ns[i];
    return 0;
}

/* 0: it is none. */
static long double duration_by_definition(const char *text)
{
    long double value = 0, weight = 1;
    int digits = 0;
    bool point = false;
    for (; *text == '.' || (*text >= '0' && *text <= '9'); text++) {
        if (*text == '.' && point)
            return 0;
        if (*text == '.') {
            point = true;
            continue;
        }
        digits++;
        weight /= point ? 10 : 1;
        value = point ? value + (*text - '0') * weight : value * 10 + (*text - '0');
    }
    return digits == 0 ? 0 : value * nanoseconds_by_definition(text);
}

static void check_duration(const char *text)
{
    uint64_t ns = 0;
    bool taken = arguments_duration(text, &ns);
    long double expected = duration_by_definition(text), tolerance = expected * 1e-12L;
    FUZZ_CHECK(!taken || (ns >= 1 && ns <= 1000000000000000000));
    if (expected + tolerance < 1 || expected - tolerance > 1e18L)
        FUZZ_CHECK(!taken);
    else if (expected - tolerance >= 1 && expected + tolerance <= 1e18L)
        FUZZ_CHECK(taken && fabsl((long double)ns - expected) <= tolerance + 1);
}

/* ---- command lines ---- */

void check_sum_line(int argc, char **argv)
{
    struct options options;
    optind = 0; /* glibc: from the beginning, whatever the line before was */
    if (options_parse(&options, argc, argv) != ARGUMENTS_RUN)
        return;
    FUZZ_CHECK(options.jobs == PAWL_WORKERS_AUTO || (options.jobs >= 1 && options.jobs <= PAWL_WORKERS_MAX));
    FUZZ_CHECK(options.timeout_ns == PAWL_NEVER ||
               (options.timeout_ns >= 1 && options.timeout_ns <= PAWL_SEC(1000000000)));
    FUZZ_CHECK(options.path_count >= 1 && options.path_count < argc);
    FUZZ_CHECK(options.paths + options.path_count == argv + argc);
    FUZZ_CHECK(options.reads <= READS_POOL && options.progress <= CHOICE_NO);
}

/* Cuts text, of `size` bytes and a NUL, into arguments behind the program's name. */
static int cut(char *text, size_t size, char **argv)
{
    static char name[] = "program";
    int argc = 0;
    char *end = text + size;
    argv[argc++] = name;
    while (text < end && argc < ARGUMENTS_COUNT_MAX) {
        argv[argc++] = text;
        text += strcspn(text, "\n");
        *text++ = '\0';
    }
    argv[argc] = NULL;
    return argc;
}

static void check_line(char *text, size_t size, void (*check)(int argc, char **argv))
{
    /* exactly as large as it is, so that looking past the end is seen */
    char *argv[ARGUMENTS_COUNT_MAX + 1];
    int argc = cut(text, size, argv);
    char **exact = malloc(((size_t)argc + 1) * sizeof *exact);
    FUZZ_CHECK(exact != NULL);
    memcpy(exact, argv, ((size_t)argc + 1) * sizeof *exact);
    check(argc, exact);
    free(exact);
}

static char *text_of(const struct input *input, size_t *size)
{
    *size = (size_t)(input->end - input->next);
    char *text = malloc(*size + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, input->next, *size);
    text[*size] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = input_of(bytes, size), bounds = input;
    unsigned what = take_byte(&input) % 5;
    for (int i = 0; what == 0 && i < 2; i++) /* the text comes after the bounds */
        (void)take_number(&input);
    (void)take_byte(&bounds);
    char *text = text_of(&input, &size);
    switch (what) {
    case 0:
        check_number(&bounds, text);
        break;
    case 1:
        check_duration(text);
        break;
    case 2:
        check_line(text, size, check_sum_line);
        break;
    case 3:
        check_line(text, size, check_bench_line);
        break;
    default:
        check_line(text, size, check_stress_line);
    }
    free(text);
    return 0;
}
