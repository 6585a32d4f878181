/* P3: timers are served though the worker that last held the driver computes for ever. */
#include <criterion/criterion.h>
#include <pawl/pawl.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TIMERS = 40, ROUNDS = 10 };

struct scene {
    struct pawl_timer start, timers[TIMERS];
    atomic_int fired;
    atomic_bool stuck; /* the spinner gave up: nobody served the timers */
};

/* Without a suspension, until every timer has fired. */
static void *spin(void *arg)
{
    struct scene *scene = arg;
    uint64_t give_up_ns = pawl_now(NULL) + PAWL_SEC(10);
    while (atomic_load(&scene->fired) < TIMERS && !atomic_load(&scene->stuck))
        atomic_store(&scene->stuck, pawl_now(NULL) > give_up_ns);
    return NULL;
}

static void note_fired(struct pawl_timer *timer, void *arg, int status)
{
    struct scene *scene = arg;
    (void)timer;
    if (status == 0)
        atomic_fetch_add(&scene->fired, 1);
}

/* On the driver's holder, which takes the spinner itself since it is the only task. */
static void start_spinner(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    if (status == 0 && pawl_spawn(NULL, spin, arg, NULL) != 0)
        abort();
}

static void play(struct pawl_runtime *rt)
{
    struct scene *scene = calloc(1, sizeof *scene);
    uint64_t now_ns = pawl_now(rt);
    for (int i = 0; i < TIMERS; i++) {
        pawl_timer_init(&scene->timers[i], note_fired, scene);
        cr_assert_eq(pawl_timer_arm(rt, &scene->timers[i], now_ns + PAWL_MS(3) + PAWL_MS(i)), 0);
    }
    pawl_timer_init(&scene->start, start_spinner, scene);
    cr_assert_eq(pawl_timer_arm(rt, &scene->start, now_ns + PAWL_MS(2)), 0);
    while (atomic_load(&scene->fired) < TIMERS && !atomic_load(&scene->stuck))
        pawl_sleep(PAWL_MS(1)); /* a plain thread: to leave the CPUs to the workers */
    cr_assert_not(atomic_load(&scene->stuck), "%d of %d timers fired beside the spinner", atomic_load(&scene->fired), TIMERS);
    cr_assert_eq(pawl_runtime_wait_idle(rt, PAWL_NEVER), 0);
    free(scene);
}

static void check(int workers)
{
    struct pawl_runtime *rt;
    struct pawl_options o;
    pawl_options_init(&o);
    o.workers = workers;
    cr_assert_eq(pawl_runtime_create(&rt, &o), 0);
    for (int i = 0; i < ROUNDS; i++) {
        cr_assert_eq(pawl_runtime_wait_idle(rt, PAWL_NEVER), 0);
        play(rt);
    }
    cr_assert_eq(pawl_runtime_destroy(rt), 0);
}

Test(hand_over, timers_fire_beside_a_holder_that_never_returns)
{
    check(2);
    check(3);
    check(8);
}
