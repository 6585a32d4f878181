/* The whole runtime. */
#include <pawl/pawl.h>

#include "tools/model/model.h"

static void *answer(void *arg)
{
    return arg;
}

static void run_one(void)
{
    struct pawl_runtime *rt;
    struct pawl_options o;
    void *result;
    pawl_options_init(&o);
    o.workers = 1;
    MODEL_ASSERT(pawl_runtime_create(&rt, &o) == 0);
    MODEL_ASSERT(pawl_runtime_run(rt, answer, &o, &result) == 0);
    MODEL_ASSERT(result == &o);
    MODEL_ASSERT(pawl_runtime_destroy(rt) == 0);
}

static const struct model_scenario run_one_ = {
    .name = "run_one", .about = "create, spawn, join, destroy", .run = run_one, .bound = 1};

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&run_one_, NULL};
    return model_main(argc, argv, scenarios);
}
