/* The sanitizers' options, built into the program, where each run-time looks them up by name.
 *
 * A program without a sanitizer carries three unused functions. The environment's TSAN_OPTIONS, ASAN_OPTIONS and
 * UBSAN_OPTIONS go on top of these. The names are exported for the run-times that are shared libraries. */

#define EXPORTED __attribute__((visibility("default")))

EXPORTED const char *__tsan_default_options(void);
EXPORTED const char *__asan_default_options(void);
EXPORTED const char *__ubsan_default_options(void);

/* halt_on_error: Criterion takes no notice of a race that was only reported. atexit_sleep_ms: by default, a process
 * that still has threads at its end sleeps one second. */
const char *__tsan_default_options(void)
{
    return "halt_on_error=1:atexit_sleep_ms=0:second_deadlock_stack=1:history_size=4";
}

const char *__asan_default_options(void)
{
    return "detect_leaks=1:check_initialization_order=1:strict_string_checks=1";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}
