/* Parker and unparker: no token is lost, however park and unpark meet. */
#include "park/parker.h"
#include "tools/model/model.h"

static struct fences fences;
static struct clock clock_;
static struct shard shard;
static struct wheel_level levels[2];
static struct driver driver;
static struct parker *parker;
static int data;

static void set_up(void)
{
    static const struct pawl_allocator allocator;
    clock_.tick_ns = 1000000;
    pawl__fences_init(&fences);
    pawl__shard_init(&shard, &clock_, 1, levels, 2);
    MODEL_ASSERT(pawl__driver_init(&driver, &clock_, &fences, &shard, 1) == 0);
    parker = pawl__parker_create(&allocator, &driver);
    MODEL_ASSERT(parker != NULL);
}

static void unpark(void *arg)
{
    (void)arg;
    data = 1;
    pawl__unpark(parker);
}

static bool nothing(void *context)
{
    (void)context;
    return false;
}

static void ignore(void *context)
{
    (void)context;
}

static void park_in_driver(void)
{
    struct park_host host = {nothing, ignore, NULL};
    set_up();
    unsigned t = model_spawn(unpark, NULL);
    unsigned result = pawl__park(parker, &host);
    MODEL_ASSERT((result & PARK_NOTIFIED) != 0);
    MODEL_ASSERT(data == 1);
    if ((result & PARK_DRIVER_HELD) != 0)
        pawl__driver_unlock(&driver);
    model_join(t);
    pawl__parker_unref(parker);
    pawl__driver_fini(&driver);
}

static const struct model_scenario park_in_driver_ = {
    .name = "park_in_driver", .about = "one worker parks in the driver while another thread unparks it", .run = park_in_driver};

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&park_in_driver_, NULL};
    return model_main(argc, argv, scenarios);
}
