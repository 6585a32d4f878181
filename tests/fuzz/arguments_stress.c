#include "stress/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_arguments.h"

void check_stress_line(int argc, char **argv)
{
    static const struct scenario calm = {.name = "calm", .about = ""};
    static const struct scenario storm = {.name = "storm", .about = "", .plain_only = true};
    static const struct scenario *const scenarios[] = {&calm, &storm, NULL};
    struct settings s = {.seed = 5};
    if (settings_parse(&s, argc, argv, scenarios) != ARGUMENTS_RUN)
        return;
    FUZZ_CHECK(s.chosen_count >= 1 && s.chosen_count <= CHOSEN_MAX);
    for (int i = 0; i < s.chosen_count; i++)
        FUZZ_CHECK(s.chosen[i] == &calm || s.chosen[i] == &storm);
    FUZZ_CHECK(s.workers >= 0 && s.workers <= PAWL_WORKERS_MAX);
    FUZZ_CHECK(s.duration_ns % PAWL_SEC(1) == 0 && s.duration_ns <= PAWL_SEC(1000000000));
    FUZZ_CHECK(s.stall_ns <= PAWL_SEC(1000000));
}
