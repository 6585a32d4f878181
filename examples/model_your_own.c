/* Checking a structure of your own: a mailbox of one place, through every execution that the memory model allows.
 *
 * A program of scenarios links pawl_model. Run it; then make a memory_order_release below relaxed and run it again: the
 * checker prints the execution that goes wrong, and a string that reruns it. See docs/model-checking.md. */
#include <stdatomic.h>
#include <stddef.h>

#include "tools/model/model.h"

static int letter; /* plain: any two accesses that nothing orders are reported */
static atomic_bool full;

static void post_two(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 2; i++) {
        while (atomic_load_explicit(&full, memory_order_acquire))
            model_yield(); /* another round makes sense only after a store of somebody else */
        letter = i;
        atomic_store_explicit(&full, true, memory_order_release);
    }
}

static void collect_two(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 2; i++) {
        while (!atomic_load_explicit(&full, memory_order_acquire))
            model_yield();
        MODEL_ASSERT(letter == i);
        atomic_store_explicit(&full, false, memory_order_release);
    }
}

static void mailbox(void)
{
    unsigned poster = model_spawn(post_two, NULL), collector = model_spawn(collect_two, NULL);
    model_join(poster);
    model_join(collector);
}

static const struct model_scenario in_order = {.name = "in_order", .about = "both arrive, in order", .run = mailbox};

int main(int argc, char **argv)
{
    return model_main(argc, argv, (const struct model_scenario *const[]){&in_order, NULL});
}
