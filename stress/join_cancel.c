/* Many handles on the same tasks, joined with and without deadlines, cancelled, copied and given up, by plain threads
 * and by tasks that are cancelled themselves.
 *
 * Conserved: every task runs once and delivers its value to whoever joins; an error of a join keeps the handle. Checked
 * besides: cancellation is sticky, shields hold, a task cannot join itself. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define THREADS 3
#define HANDLES_MAX 6
#define MAILBOXES 6
#define STEPS_MAX 8

enum { TARGETS, RAN, JOINED, TIMED_OUT, DETACHED, CANCELLED, TOO_LATE, JOINERS_CANCELLED, SENT, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [TARGETS] = "targets",   [RAN] = "ran",
    [JOINED] = "joined",     [TIMED_OUT] = "timed_out",
    [DETACHED] = "detached", [CANCELLED] = "cancelled",
    [TOO_LATE] = "too_late", [JOINERS_CANCELLED] = "joiners_cancelled",
    [SENT] = "sent",
};

/* A handle and what joining it must yield. */
struct handle {
    struct pawl_task *task;
    void *token;
};

struct scene {
    const struct round *round;
    struct pawl_runtime *rt;
    _Atomic(struct handle *) mailboxes[MAILBOXES]; /* handles given from thread to thread */
};

/* ---- targets ---- */

struct target {
    struct random random;
    void *token;
    bool waits_for_cancel; /* somebody will cancel it */
};

static void check_suspension(int result, bool was_cancelled, int also)
{
    CHECK(!was_cancelled || result == -ECANCELED, "a suspending call of a cancelled task returned %d", result);
    CHECK(result == 0 || result == also || result == -ECANCELED, "a suspending call returned %d", result);
    CHECK(result != -ECANCELED || pawl_cancelled(), "-ECANCELED, but pawl_cancelled is false");
}

static void suspend_somehow(struct random *r)
{
    bool was_cancelled = pawl_cancelled();
    switch (random_below(r, 4)) {
    case 0:
        check_suspension(pawl_sleep(PAWL_US(random_below(r, 500))), was_cancelled, 0);
        break;
    case 1:
        check_suspension(pawl_suspend_until(pawl_now(NULL) + PAWL_US(random_below(r, 300))), was_cancelled, -ETIMEDOUT);
        break;
    default:
        check_suspension(pawl_yield(), was_cancelled, 0);
        break;
    }
}

/* Clean-up code that suspends. */
static void suspend_shielded(struct random *r)
{
    uint64_t depth = 1 + random_below(r, 3);
    for (uint64_t i = 0; i < depth; i++)
        pawl_shield_begin();
    CHECK(!pawl_cancelled(), "pawl_cancelled is true under a shield");
    uint64_t until_ns = pawl_now(NULL) + PAWL_US(random_below(r, 300));
    int result = pawl_sleep_until(until_ns);
    CHECK(result == 0 && pawl_now(NULL) >= until_ns, "a sleep under a shield returned %d", result);
    CHECK(pawl_yield() == 0, "pawl_yield under a shield did not return 0");
    for (uint64_t i = 0; i < depth; i++)
        pawl_shield_end();
}

static void join_oneself(void)
{
    bool was_cancelled = pawl_cancelled();
    int result = pawl_join(pawl_self(), NULL);
    CHECK(result == -EDEADLK || (was_cancelled && result == -ECANCELED) || (result == -ECANCELED && pawl_cancelled()),
          "a task that joins itself got %d", result);
}

static void *live(void *arg)
{
    struct target *target = arg;
    struct random *r = &target->random;
    count(RAN);
    for (uint64_t steps = random_below(r, STEPS_MAX); steps > 0; steps--) {
        switch (random_below(r, 16)) {
        case 0:
            suspend_shielded(r);
            break;
        case 1:
            join_oneself();
            break;
        case 2:
            if (random_once_in(r, 4)) {
                CHECK(pawl_task_cancel(pawl_self()) == 0, "a task could not cancel itself");
                CHECK(pawl_cancelled(), "a task that cancelled itself is not cancelled");
            }
            break;
        default:
            suspend_somehow(r);
            break;
        }
    }
    if (target->waits_for_cancel) {
        int result = pawl_sleep(PAWL_SEC(100000));
        CHECK(result == -ECANCELED, "a sleep that is to be cancelled returned %d", result);
    }
    void *token = target->token;
    free(target);
    return token;
}

/* ---- what is done with a handle ---- */

static void check_value(const struct handle *handle, void *value)
{
    CHECK(value == handle->token, "joined %p, expected %p", value, handle->token);
    count(JOINED);
}

static void give_up(const struct handle *handle)
{
    pawl_detach(handle->task);
    count(DETACHED);
}

/* A join that returned -ECANCELED is about the caller: the handle is there still. */
static void go_on_cancelled(const struct handle *handle, struct random *r)
{
    CHECK(pawl_cancelled(), "pawl_join returned -ECANCELED to a caller that is not cancelled");
    count(JOINERS_CANCELLED);
    if (random_once_in(r, 2)) {
        give_up(handle);
        return;
    }
    void *value = NULL;
    pawl_shield_begin();
    int result = pawl_join(handle->task, &value);
    CHECK(result == 0, "pawl_join under a shield returned %d", result);
    pawl_shield_end();
    check_value(handle, value);
}

static void join_plainly(const struct handle *handle, struct random *r)
{
    void *value = NULL;
    int result = pawl_join(handle->task, &value);
    if (result == 0) {
        check_value(handle, value);
    } else {
        CHECK(result == -ECANCELED, "pawl_join returned %d", result);
        go_on_cancelled(handle, r);
    }
}

/* With a few short deadlines first. */
static void join_patiently(const struct handle *handle, struct random *r)
{
    for (uint64_t tries = random_below(r, 5); tries > 0; tries--) {
        void *value = NULL;
        uint64_t deadline_ns = random_once_in(r, 4) ? 0 : pawl_now(NULL) + PAWL_US(random_below(r, 400));
        int result = pawl_join_until(handle->task, deadline_ns, &value);
        if (result == 0) {
            check_value(handle, value);
            return;
        }
        if (result == -ECANCELED) {
            go_on_cancelled(handle, r);
            return;
        }
        CHECK(result == -ETIMEDOUT, "pawl_join_until returned %d", result);
        CHECK(pawl_now(NULL) >= deadline_ns, "pawl_join_until timed out early");
        count(TIMED_OUT);
    }
    join_plainly(handle, r);
}

static void cancel(const struct handle *handle)
{
    int result = pawl_task_cancel(handle->task);
    CHECK(result == 0 || result == -EALREADY, "pawl_task_cancel returned %d", result);
    count(result == 0 ? CANCELLED : TOO_LATE);
}

/* Consumes the handle. */
static void use_handle(const struct handle *handle, struct random *r)
{
    switch (random_below(r, 6)) {
    case 0:
        give_up(handle);
        break;
    case 1:
        cancel(handle);
        join_plainly(handle, r);
        break;
    case 2:
        join_plainly(handle, r);
        break;
    default:
        join_patiently(handle, r);
        break;
    }
}

/* ---- joiners that are tasks ---- */

struct joiner {
    struct handle handle;
    struct random random;
};

static void *join_in_task(void *arg)
{
    struct joiner *joiner = arg;
    use_handle(&joiner->handle, &joiner->random);
    free(joiner);
    return NULL;
}

static void spawn_joiner(struct scene *scene, const struct handle *handle, struct random *r)
{
    struct joiner *joiner = stress_allocate(sizeof *joiner);
    struct pawl_task *task;
    *joiner = (struct joiner){*handle, random_seeded(random_next(r), 0)};
    CHECK(pawl_spawn(scene->rt, join_in_task, joiner, &task) == 0, "pawl_spawn did not return 0");
    pawl_noise_point(__func__);
    if (random_once_in(r, 3))
        cancel(&(struct handle){task, NULL});
    pawl_detach(task);
}

/* ---- mailboxes ---- */

/* Puts a handle there, and uses the one that was. handle NULL: only that. */
static void exchange_handle(struct scene *scene, const struct handle *handle, uint64_t box, struct random *r)
{
    struct handle *letter = NULL;
    if (handle != NULL) {
        letter = stress_allocate(sizeof *letter);
        *letter = *handle;
        count(SENT);
    }
    struct handle *received = atomic_exchange(&scene->mailboxes[box], letter);
    if (received == NULL)
        return;
    use_handle(received, r);
    free(received);
}

/* ---- threads ---- */

static void spawn_target(struct scene *scene, struct handle *handle, struct random *r, bool waits_for_cancel)
{
    struct target *target = stress_allocate(sizeof *target);
    struct pawl_task_options o;
    *target = (struct target){
        .random = random_seeded(random_next(r), 0),
        .token = (void *)(uintptr_t)(random_next(r) | 1),
        .waits_for_cancel = waits_for_cancel,
    };
    handle->token = target->token;
    pawl_task_options_init(&o);
    if (random_once_in(r, 4))
        o.worker = (int)random_below(r, (uint64_t)scene->round->workers);
    count(TARGETS);
    CHECK(pawl_spawn_with(scene->rt, &o, live, target, &handle->task) == 0, "pawl_spawn_with did not return 0");
}

static void share_target(struct scene *scene, struct random *r)
{
    struct handle handle;
    bool waits_for_cancel = random_once_in(r, 3);
    spawn_target(scene, &handle, r, waits_for_cancel);
    for (uint64_t i = random_below(r, HANDLES_MAX); i > 0; i--) {
        struct handle other = {pawl_task_ref(handle.task), handle.token};
        if (random_once_in(r, 2))
            spawn_joiner(scene, &other, r);
        else if (waits_for_cancel || random_once_in(r, 4))
            give_up(&other);
        else
            exchange_handle(scene, &other, random_below(r, MAILBOXES), r);
        pawl_noise_point(__func__);
    }
    if (waits_for_cancel)
        cancel(&handle);
    use_handle(&handle, r);
}

struct sharer {
    struct scene *scene;
    uint64_t index;
    pthread_t thread;
};

static void *share_targets(void *arg)
{
    const struct sharer *sharer = arg;
    struct random r = random_seeded(sharer->scene->round->seed, sharer->index);
    while (!round_is_over(sharer->scene->round)) {
        share_target(sharer->scene, &r);
        if (random_once_in(&r, 50))
            stress_sleep(PAWL_US(random_below(&r, 1000)));
    }
    return NULL;
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1000);
    struct scene scene = {.round = round};
    struct sharer sharers[THREADS];
    struct pawl_options o;
    stress_options(&o, round);
    scene.rt = stress_runtime_create(&o);
    for (uint64_t i = 0; i < THREADS; i++) {
        sharers[i].scene = &scene;
        sharers[i].index = i;
        stress_thread_start(&sharers[i].thread, share_targets, &sharers[i]);
    }
    for (uint64_t i = 0; i < THREADS; i++)
        stress_thread_join(sharers[i].thread);
    for (uint64_t i = 0; i < MAILBOXES; i++)
        exchange_handle(&scene, NULL, i, &r);
    stress_phase("draining");
    stress_runtime_shutdown(scene.rt, PAWL_SEC(3600));
    CHECK(counted(RAN) == counted(TARGETS), "%" PRIu64 " tasks spawned, %" PRIu64 " ran", counted(TARGETS),
          counted(RAN));
    stress_runtime_destroy(scene.rt);
}

const struct scenario stress_join_cancel = {
    .name = "join_cancel",
    .about = "many handles on the same tasks: joins with deadlines, cancels, refs, detaches",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
