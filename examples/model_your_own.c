/* Checking a structure of your own: a ring that one thread fills and another empties, through every execution that
 * the memory model allows.
 *
 * A program of scenarios links pawl_model, which brings the instrumentation. Run it; then weaken an order below, say
 * memory_order_release in put() to memory_order_relaxed, and run it again: the checker prints the execution that goes
 * wrong, a step a line, and a string that reruns it. docs/model-checking.md explains what it prints. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "tools/model/model.h"

/* Small, so that it wraps around within a few steps. */
enum { SLOTS = 2, SENT = 3 };

static int slots[SLOTS]; /* plain: the checker reports any unordered pair of accesses */
static atomic_uint put_count, got_count;

static bool put(int value)
{
    unsigned put = atomic_load_explicit(&put_count, memory_order_relaxed); /* only we write it */
    if (put - atomic_load_explicit(&got_count, memory_order_acquire) == SLOTS)
        return false;
    slots[put % SLOTS] = value;
    atomic_store_explicit(&put_count, put + 1, memory_order_release);
    return true;
}

static bool get(int *value)
{
    unsigned got = atomic_load_explicit(&got_count, memory_order_relaxed);
    if (got == atomic_load_explicit(&put_count, memory_order_acquire))
        return false;
    *value = slots[got % SLOTS];
    atomic_store_explicit(&got_count, got + 1, memory_order_release);
    return true;
}

static void fill(void *unused)
{
    (void)unused;
    for (int i = 1; i <= SENT; i++)
        while (!put(i))
            model_yield(); /* full: another round makes sense only after a store of somebody else */
}

static void empty(void *unused)
{
    (void)unused;
    for (int i = 1, value; i <= SENT; i++) {
        while (!get(&value))
            model_yield();
        MODEL_ASSERT(value == i);
    }
}

static void ring(void)
{
    unsigned filler = model_spawn(fill, NULL), emptier = model_spawn(empty, NULL);
    model_join(filler);
    model_join(emptier);
}

static const struct model_scenario in_order = {
    .name = "in_order",
    .about = "three values through two slots arrive once, in order",
    .run = ring,
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, (const struct model_scenario *const[]){&in_order, NULL});
}
