/* Algorithms that are known to be wrong, and how they are right: one text, of which `mended` makes two scenarios.
 *
 *     TWINS(dekker, MODEL_RACE, "acquire and release", "seq_cst")
 *
 * takes the function `dekker` for what thread 0 does, and defines the scenarios dekker_broken, which is to end with
 * the verdict, and dekker_mended, in whose complete search nothing is to be found. */
#ifndef PAWL_TESTS_MODEL_TWINS_H
#define PAWL_TESTS_MODEL_TWINS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "tools/model/model.h"

/* Written before a scenario's threads start. */
static bool mended;

/* The order that is needed, and what the broken twin has in its place. */
static inline memory_order either(memory_order right, memory_order wrong)
{
    return mended ? right : wrong;
}

static inline void run_two(void (*first)(void *), void (*second)(void *))
{
    unsigned a = model_spawn(first, NULL), b = model_spawn(second, NULL);
    model_join(a);
    model_join(b);
}

static inline void run_three(void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    unsigned a = model_spawn(first, NULL), b = model_spawn(second, NULL), c = model_spawn(third, NULL);
    model_join(a);
    model_join(b);
    model_join(c);
}

/* The same, with spurious wake-ups and failures. */
#define TWINS_SPURIOUS(id, verdict, wrong, right, count)                                                               \
    static void id##_broken_run(void)                                                                                  \
    {                                                                                                                  \
        mended = false;                                                                                                \
        id();                                                                                                          \
    }                                                                                                                  \
    static void id##_mended_run(void)                                                                                  \
    {                                                                                                                  \
        mended = true;                                                                                                 \
        id();                                                                                                          \
    }                                                                                                                  \
    static const struct model_scenario id##_broken = {                                                                 \
        .name = #id "_broken", .about = wrong, .run = id##_broken_run, .expect = verdict, .spurious = (count)};        \
    static const struct model_scenario id##_mended = {                                                                 \
        .name = #id "_mended", .about = right, .run = id##_mended_run, .expect = MODEL_CLEAN, .spurious = (count)};

#define TWINS(id, verdict, wrong, right) TWINS_SPURIOUS(id, verdict, wrong, right, 0)

#endif
