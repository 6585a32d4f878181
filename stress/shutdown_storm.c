/* Runtimes created and shut down under load: plain threads spawn, arm, wake, run and wait while the shutdown goes on,
 * and tasks inside spawn, sleep, suspend, block and arm.
 *
 * Conserved: whatever a call accepted is called exactly once, and nothing after the shutdown has returned; what was
 * refused is never called. Statuses agree with one another: -ESHUTDOWN is not seen before the shutdown began, and a
 * thread that has seen it sees nothing else. Wakers and handles outlive the runtime.
 *
 * All tasks end at once when they are told to. So, in plain builds, a shutdown that takes anything near the second for
 * which it would wait has missed something, even if it found out in the end. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define CONDUCTORS 2
#define USERS_MAX 4
#define WAKERS_MAX 8
#define HANDLES_MAX 16
#define SHUTDOWN_BOUND_MS 900

enum {
    RUNTIMES,
    TASKS,
    TASKS_RUN,
    TIMERS,
    TIMERS_DONE,
    AFTERS,
    AFTERS_DONE,
    RUNS,
    BLOCKS,
    REFUSED,
    SHUTDOWN_MAX_MS,
    COUNTERS
};
static const char *const counters[COUNTERS + 1] = {
    [RUNTIMES] = "runtimes",
    [TASKS] = "tasks",
    [TASKS_RUN] = "tasks_run",
    [TIMERS] = "timers",
    [TIMERS_DONE] = "timers_done",
    [AFTERS] = "afters",
    [AFTERS_DONE] = "afters_done",
    [RUNS] = "runs",
    [BLOCKS] = "blocks",
    [REFUSED] = "refused",
    [SHUTDOWN_MAX_MS] = "shutdown_max_ms",
};

/* One runtime's life. What is accepted and called is counted for each kind. */
struct tally {
    _Atomic uint64_t accepted, called;
};

struct life {
    const struct round *round;
    struct pawl_runtime *rt;
    uint64_t seed;
    _Atomic uint64_t streams; /* random sequences given out */
    _Atomic bool closing;     /* before the shutdown is called */
    _Atomic bool closed;      /* after it returned */
    struct tally tasks, timers, afters;
    pthread_mutex_t lock;
    struct pawl_waker wakers[WAKERS_MAX]; /* L(lock), the first waker_count */
    int waker_count;                      /* L(lock) */
};

static struct random draw_stream(struct life *life)
{
    return random_seeded(life->seed, atomic_fetch_add(&life->streams, 1));
}

static void accept_one(struct tally *tally, int counter)
{
    atomic_fetch_add(&tally->accepted, 1);
    count(counter);
}

static void call_one(struct life *life, struct tally *tally, int counter)
{
    CHECK(!atomic_load(&life->closed), "a function was called after the shutdown had returned");
    atomic_fetch_add(&tally->called, 1);
    count(counter);
}

/* What was not accepted was refused for the only reason that there is. True if it was accepted. */
static bool accepted(struct life *life, int result, const char *call)
{
    if (result == 0)
        return true;
    CHECK(result == -ESHUTDOWN, "%s returned %d", call, result);
    CHECK(atomic_load(&life->closing), "%s returned -ESHUTDOWN before the shutdown", call);
    count(REFUSED);
    return false;
}

static void check_status(struct life *life, int status)
{
    CHECK(status == 0 || status == -ESHUTDOWN, "a callback got status %d", status);
    CHECK(status == 0 || atomic_load(&life->closing), "a callback got -ESHUTDOWN before the shutdown");
}

/* ---- timers and callbacks: arguments that their callback frees ---- */

struct alarm {
    struct pawl_timer timer;
    struct life *life;
};

static void ring(struct pawl_timer *timer, void *arg, int status)
{
    struct alarm *alarm = arg;
    (void)timer;
    check_status(alarm->life, status);
    call_one(alarm->life, &alarm->life->timers, TIMERS_DONE);
    free(alarm);
}

static uint64_t draw_delay(struct random *r)
{
    return random_once_in(r, 3) ? PAWL_SEC(1000) : PAWL_US(random_below(r, 2000));
}

static bool arm_alarm(struct life *life, struct pawl_runtime *rt, struct random *r)
{
    struct alarm *alarm = stress_allocate(sizeof *alarm);
    alarm->life = life;
    pawl_timer_init(&alarm->timer, ring, alarm);
    if (accepted(life, pawl_timer_arm(rt, &alarm->timer, pawl_now(NULL) + draw_delay(r)), "pawl_timer_arm")) {
        accept_one(&life->timers, TIMERS);
        return true;
    }
    free(alarm);
    return false;
}

static void call_after(void *arg, int status)
{
    struct life **life = arg;
    check_status(*life, status);
    int result = pawl_sleep(PAWL_US(100));
    CHECK(result == 0 || result == -ESHUTDOWN, "a sleep in pawl_after's function returned %d", result);
    call_one(*life, &(*life)->afters, AFTERS_DONE);
    free(life);
}

static bool ask_after(struct life *life, struct pawl_runtime *rt, struct random *r)
{
    struct life **arg = stress_allocate(sizeof *arg);
    *arg = life;
    if (accepted(life, pawl_after(rt, draw_delay(r), call_after, arg, NULL), "pawl_after")) {
        accept_one(&life->afters, AFTERS);
        return true;
    }
    free(arg);
    return false;
}

/* ---- tasks ---- */

struct job {
    struct life *life;
    struct random random;
    unsigned depth;
    void *token;
};

static void *work(void *arg);

/* Spawns a task that frees its argument. True if it was accepted. */
static bool start_job(struct life *life, struct pawl_runtime *rt, struct random *r, unsigned depth,
                      struct pawl_task **out, void **token)
{
    struct job *job = stress_allocate(sizeof *job);
    *job = (struct job){life, draw_stream(life), depth, (void *)(uintptr_t)(random_next(r) | 1)};
    if (token != NULL)
        *token = job->token;
    if (accepted(life, pawl_spawn(rt, work, job, out), "pawl_spawn")) {
        accept_one(&life->tasks, TASKS);
        return true;
    }
    free(job);
    return false;
}

/* After a suspending call: true if the task is to end. */
static bool ended(struct life *life, int result, const char *call)
{
    if (result == 0)
        return false;
    CHECK(result == -ESHUTDOWN, "%s returned %d", call, result);
    CHECK(atomic_load(&life->closing), "%s returned -ESHUTDOWN before the shutdown", call);
    CHECK(pawl_cancelled(), "pawl_cancelled is false after -ESHUTDOWN");
    CHECK(pawl_yield() == -ESHUTDOWN, "-ESHUTDOWN did not stay");
    return true;
}

static void publish_waker(struct life *life)
{
    struct pawl_waker waker;
    pawl_self_waker(&waker);
    pthread_mutex_lock(&life->lock);
    if (life->waker_count < WAKERS_MAX) {
        life->wakers[life->waker_count++] = waker;
        pthread_mutex_unlock(&life->lock);
    } else {
        pthread_mutex_unlock(&life->lock);
        pawl_waker_drop(&waker);
    }
}

struct errand {
    struct life *life;
    bool called;
};

static void *run_errand(void *arg)
{
    struct errand *errand = arg;
    CHECK(!errand->called, "a function was called twice");
    CHECK(!atomic_load(&errand->life->closed), "a function was called after the shutdown had returned");
    CHECK(pawl_current() == errand->life->rt, "pawl_current is another runtime");
    errand->called = true;
    return errand;
}

static bool block_once(struct life *life)
{
    struct errand errand = {.life = life};
    void *value = NULL;
    int result = pawl_block(run_errand, &errand, &value);
    CHECK(errand.called == (result == 0), "pawl_block returned %d, called is %d", result, errand.called);
    CHECK(result != 0 || value == &errand, "pawl_block delivered another result");
    count(BLOCKS);
    return ended(life, result, "pawl_block");
}

/* True if the task is to end. */
static bool work_once(struct job *job)
{
    struct life *life = job->life;
    struct random *r = &job->random;
    int result;
    switch (random_below(r, 12)) {
    case 0:
        return ended(life, pawl_sleep(PAWL_US(random_below(r, 1000))), "pawl_sleep");
    case 1:
        return ended(life, pawl_sleep(PAWL_SEC(1000)), "pawl_sleep");
    case 2:
    case 3:
        return ended(life, pawl_yield(), "pawl_yield");
    case 4:
        publish_waker(life);
        return ended(life, pawl_suspend_until(PAWL_NEVER), "pawl_suspend_until");
    case 5:
        result = pawl_suspend_until(pawl_now(NULL) + PAWL_US(random_below(r, 1000)));
        return result != -ETIMEDOUT && ended(life, result, "pawl_suspend_until");
    case 6:
        return random_once_in(r, 8) && block_once(life);
    case 7:
        return !arm_alarm(life, NULL, r);
    case 8:
        return !ask_after(life, NULL, r);
    case 9:
        return job->depth > 0 && !start_job(life, NULL, r, job->depth - 1, NULL, NULL);
    default:
        pawl_noise_point(__func__);
        return false;
    }
}

static void *work(void *arg)
{
    struct job *job = arg;
    call_one(job->life, &job->life->tasks, TASKS_RUN);
    for (uint64_t steps = random_below(&job->random, 16); steps > 0; steps--)
        if (work_once(job))
            break;
    void *token = job->token;
    CHECK(!atomic_load(&job->life->closed), "a task ran on after the shutdown had returned");
    free(job);
    return token;
}

/* ---- users: plain threads ---- */

struct handle {
    struct pawl_task *task;
    void *token;
};

struct user {
    struct life *life;
    struct random random;
    pthread_t thread;
    bool refused; /* has seen -ESHUTDOWN */
    struct handle handles[HANDLES_MAX];
    int handle_count;
};

static void join_handle(const struct handle *handle)
{
    void *value = NULL;
    int result = pawl_join(handle->task, &value);
    CHECK(result == 0 && value == handle->token, "pawl_join from a thread returned %d", result);
}

/* What a thread saw of one of its calls: nothing is accepted after a refusal. */
static void note_answer(struct user *user, bool was_accepted)
{
    CHECK(!(was_accepted && user->refused), "a call was accepted after one had returned -ESHUTDOWN");
    user->refused |= !was_accepted;
}

static void spawn_job(struct user *user)
{
    struct handle *handle = &user->handles[user->handle_count];
    bool keep = user->handle_count < HANDLES_MAX && random_once_in(&user->random, 4);
    bool was_accepted = start_job(user->life, user->life->rt, &user->random, 3, keep ? &handle->task : NULL,
                                  keep ? &handle->token : NULL);
    user->handle_count += keep && was_accepted;
    note_answer(user, was_accepted);
}

static void join_one(struct user *user)
{
    if (user->handle_count > 0)
        join_handle(&user->handles[--user->handle_count]);
}

static void run_one(struct user *user)
{
    struct errand errand = {.life = user->life};
    void *value = NULL;
    int result = pawl_runtime_run(user->life->rt, run_errand, &errand, &value);
    CHECK(errand.called == (result == 0), "pawl_runtime_run returned %d, called is %d", result, errand.called);
    CHECK(result != 0 || value == &errand, "pawl_runtime_run delivered another result");
    count(RUNS);
    note_answer(user, accepted(user->life, result, "pawl_runtime_run"));
}

/* Takes a published waker, wakes, and drops it. */
static void wake_one(struct life *life)
{
    struct pawl_waker waker;
    bool found = false;
    pthread_mutex_lock(&life->lock);
    if (life->waker_count > 0) {
        waker = life->wakers[--life->waker_count];
        found = true;
    }
    pthread_mutex_unlock(&life->lock);
    if (!found)
        return;
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
}

static void wait_idle(struct user *user)
{
    int result = pawl_runtime_wait_idle(user->life->rt, pawl_now(NULL) + PAWL_US(random_below(&user->random, 1000)));
    CHECK(result == 0 || result == -ETIMEDOUT || result == -ESHUTDOWN, "pawl_runtime_wait_idle returned %d", result);
}

static void use_once(struct user *user)
{
    struct life *life = user->life;
    switch (random_below(&user->random, 12)) {
    case 0:
    case 1:
        note_answer(user, arm_alarm(life, life->rt, &user->random));
        break;
    case 2:
    case 3:
        note_answer(user, ask_after(life, life->rt, &user->random));
        break;
    case 4:
    case 5:
        wake_one(life);
        break;
    case 6:
        run_one(user);
        break;
    case 7:
        if (atomic_load(&life->closing)) /* before that, a joined task may sleep for long */
            join_one(user);
        break;
    case 8:
        wait_idle(user);
        break;
    default:
        spawn_job(user);
        break;
    }
    pawl_noise_point(__func__);
}

/* Goes on for a while after the first refusal, to see that they stay. */
static void *use_until_refused(void *arg)
{
    struct user *user = arg;
    while (!user->refused)
        use_once(user);
    for (uint64_t i = random_below(&user->random, 50); i > 0; i--)
        use_once(user);
    return NULL;
}

/* ---- lives ---- */

static void check_tally(const struct tally *tally, const char *what)
{
    uint64_t accepted_count = atomic_load(&tally->accepted), called_count = atomic_load(&tally->called);
    CHECK(accepted_count == called_count, "%s: %" PRIu64 " accepted, %" PRIu64 " called", what, accepted_count,
          called_count);
}

static void check_life(const struct life *life)
{
    check_tally(&life->tasks, "tasks");
    check_tally(&life->timers, "timers");
    check_tally(&life->afters, "functions of pawl_after");
}

static void note_shutdown(uint64_t start_ns)
{
    uint64_t took_ms = (pawl_now(NULL) - start_ns) / PAWL_MS(1);
    stress_count_max(SHUTDOWN_MAX_MS, took_ms);
    CHECK(STRESS_SANITIZED || took_ms < SHUTDOWN_BOUND_MS, "a shutdown took %" PRIu64 " ms", took_ms);
}

static void drop_handles(struct user *user)
{
    while (user->handle_count > 0) {
        if (random_once_in(&user->random, 3))
            pawl_detach(user->handles[--user->handle_count].task);
        else
            join_one(user);
    }
}

static void drop_wakers(struct life *life)
{
    while (life->waker_count > 0)
        wake_one(life);
}

static void life_options(struct life *life, struct pawl_options *o, struct random *r)
{
    stress_options(o, life->round);
    o->seed = life->seed;
    o->workers = 1 + (int)random_below(r, (uint64_t)life->round->workers);
    o->blocking_threads_max = 4;
}

/* Shut down while plain threads use it. */
static void live_with_users(struct life *life, struct random *r)
{
    struct user users[USERS_MAX];
    struct pawl_options o;
    uint64_t user_count = 1 + random_below(r, USERS_MAX);
    life_options(life, &o, r);
    life->rt = stress_runtime_create(&o);
    for (uint64_t i = 0; i < user_count; i++) {
        users[i] = (struct user){.life = life, .random = draw_stream(life)};
        stress_thread_start(&users[i].thread, use_until_refused, &users[i]);
    }
    stress_sleep(PAWL_US(random_below(r, 5000)));
    atomic_store(&life->closing, true);
    uint64_t start_ns = pawl_now(NULL);
    stress_runtime_shutdown(life->rt, random_once_in(r, 2) ? 0 : PAWL_US(random_below(r, 3000)));
    atomic_store(&life->closed, true);
    note_shutdown(start_ns);
    for (uint64_t i = 0; i < user_count; i++)
        stress_thread_join(users[i].thread);
    check_life(life);

    bool outlive = random_once_in(r, 2);
    if (outlive)
        stress_runtime_destroy(life->rt);
    for (uint64_t i = 0; i < user_count; i++)
        drop_handles(&users[i]);
    drop_wakers(life);
    if (!outlive)
        stress_runtime_destroy(life->rt);
}

/* Destroyed without a shutdown before, while only its own tasks are at work. */
static void live_alone(struct life *life, struct random *r)
{
    struct pawl_options o;
    int result;
    life_options(life, &o, r);
    result = pawl_runtime_create(&life->rt, &o);
    CHECK(result == 0, "pawl_runtime_create returned %d", result);
    for (uint64_t i = random_below(r, 30); i > 0; i--) {
        start_job(life, life->rt, r, 3, NULL, NULL);
        arm_alarm(life, life->rt, r);
        ask_after(life, life->rt, r);
    }
    stress_sleep(PAWL_US(random_below(r, 2000)));
    atomic_store(&life->closing, true);
    uint64_t start_ns = pawl_now(NULL);
    while ((result = pawl_runtime_destroy(life->rt)) == -EBUSY)
        continue;
    CHECK(result == 0, "pawl_runtime_destroy returned %d", result);
    atomic_store(&life->closed, true);
    note_shutdown(start_ns);
    check_life(life);
    drop_wakers(life);
}

struct first_task {
    struct life *life;
    struct random *random;
};

static void *leave_work_behind(void *arg)
{
    const struct first_task *first = arg;
    struct life *life = first->life;
    life->rt = pawl_current();
    for (uint64_t i = random_below(first->random, 30); i > 0; i--) {
        start_job(life, NULL, first->random, 2, NULL, NULL);
        arm_alarm(life, NULL, first->random);
    }
    if (random_once_in(first->random, 2))
        CHECK(pawl_sleep(PAWL_US(random_below(first->random, 1000))) == 0, "the first task's sleep did not return 0");
    atomic_store(&life->closing, true);
    return life;
}

/* From pawl_run, whose task leaves others behind. */
static void live_in_run(struct life *life, struct random *r)
{
    struct first_task first = {life, r};
    struct pawl_options o;
    void *value = NULL;
    life_options(life, &o, r);
    int result = pawl_run(&o, leave_work_behind, &first, &value);
    CHECK((result == 0 || result == -EBUSY) && value == life, "pawl_run returned %d", result);
    if (result == -EBUSY) /* on a machine so slow that a second was not enough */
        while ((result = pawl_runtime_destroy(life->rt)) == -EBUSY)
            continue;
    CHECK(result == 0, "pawl_runtime_destroy after pawl_run returned %d", result);
    atomic_store(&life->closed, true);
    check_life(life);
    drop_wakers(life);
}

struct conductor {
    const struct round *round;
    uint64_t index;
    pthread_t thread;
};

static void *conduct(void *arg)
{
    const struct conductor *conductor = arg;
    struct random r = random_seeded(conductor->round->seed, conductor->index);
    while (!round_is_over(conductor->round)) {
        struct life *life = stress_allocate(sizeof *life);
        life->round = conductor->round;
        life->seed = random_next(&r) | 1;
        pthread_mutex_init(&life->lock, NULL);
        switch (random_below(&r, 4)) {
        case 0:
            live_alone(life, &r);
            break;
        case 1:
            live_in_run(life, &r);
            break;
        default:
            live_with_users(life, &r);
            break;
        }
        count(RUNTIMES);
        pthread_mutex_destroy(&life->lock);
        free(life);
    }
    return NULL;
}

static void run(const struct round *round)
{
    struct conductor conductors[CONDUCTORS];
    stress_phase("runtimes come and go");
    for (uint64_t i = 0; i < CONDUCTORS; i++) {
        conductors[i].round = round;
        conductors[i].index = i;
        stress_thread_start(&conductors[i].thread, conduct, &conductors[i]);
    }
    for (uint64_t i = 0; i < CONDUCTORS; i++)
        stress_thread_join(conductors[i].thread);
}

const struct scenario stress_shutdown_storm = {
    .name = "shutdown_storm",
    .about = "runtimes created, used from all sides, and shut down meanwhile",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
