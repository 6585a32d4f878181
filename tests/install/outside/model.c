/* Somebody else's lock-free code: a flag that carries data, and the mistake of storing it relaxed. */
#include <stdatomic.h>

#include <pawl/model.h>

static int data;
static atomic_int flag;

static void tell(memory_order order)
{
    data = 1;
    atomic_store_explicit(&flag, 1, order);
}

static void tell_well(void *unused)
{
    (void)unused;
    tell(memory_order_release);
}

static void tell_badly(void *unused)
{
    (void)unused;
    tell(memory_order_relaxed);
}

static void listen(void)
{
    if (atomic_load_explicit(&flag, memory_order_acquire) != 0)
        MODEL_ASSERT(data == 1);
}

static void well(void)
{
    unsigned teller = model_spawn(tell_well, 0);
    listen();
    model_join(teller);
}

static void badly(void)
{
    unsigned teller = model_spawn(tell_badly, 0);
    listen();
    model_join(teller);
}

int main(int argc, char **argv)
{
    static const struct model_scenario released = {.name = "released", .about = "release and acquire", .run = well};
    static const struct model_scenario relaxed = {
        .name = "relaxed", .about = "a race", .run = badly, .expect = MODEL_RACE};
    static const struct model_scenario *const scenarios[] = {&released, &relaxed, 0};
    return model_main(argc, argv, scenarios);
}
