/* Functions called after a delay or every so often, and cancelled by id from many threads and tasks, with ids that are
 * long stale.
 *
 * Each request has an entry in a ledger. Conserved: it is called once, or one cancellation of it returned 0, and not
 * both; an id that has ended is never another's. What is called every so often is never called twice at once, nor when
 * it has been cancelled, but for the call that was going on; the shutdown calls it a last time, unless it was. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define THREADS 4
#define TASKS 4
#define REQUESTS_MAX 400000
#define FAR_MAX 1000
#define TICKETS 256
#define EVERIES 64

enum { ASKED, CALLED, SHUT, CANCELLED, IN_PROGRESS, UNKNOWN, NEAR, NEAR_ENDED, EVERY_CALLS, WAITS, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [ASKED] = "asked",         [CALLED] = "called",           [SHUT] = "shut",
    [CANCELLED] = "cancelled", [IN_PROGRESS] = "in_progress", [UNKNOWN] = "unknown",
    [NEAR] = "near",           [NEAR_ENDED] = "near_ended",   [EVERY_CALLS] = "every_calls",
    [WAITS] = "waits",
};

enum fate { FATE_NONE, FATE_CALLED, FATE_RETURNED, FATE_CANCELLED };

/* What several may hold of one request: its memory belongs to whoever gets the 0. */
struct ticket {
    uint64_t id;
    struct request *request;
    uint64_t index;
};

/* What is called every so often; in place for the round. */
struct every {
    struct scene *scene;
    struct random random; /* the calls': they do not overlap */
    uint64_t id;
    uint64_t not_before_ns;
    uint64_t written; /* plain, by the calls */
    _Atomic bool running;
    _Atomic bool stopped; /* a cancellation has said: no call but the present one */
    _Atomic bool over;    /* it has said: no call any more */
    _Atomic uint32_t calls_after_stop, last_calls;
};

struct scene {
    const struct round *round;
    struct pawl_runtime *rt;
    _Atomic bool closing;
    _Atomic uint64_t request_count;
    _Atomic uint64_t far_count; /* requests that only a cancellation or the shutdown ends */
    uint64_t foreign_id;        /* of another runtime */
    pthread_mutex_t lock;
    struct ticket tickets[TICKETS]; /* L(lock) */
    _Atomic uint8_t fates[REQUESTS_MAX];
    struct every everies[EVERIES];
    uint64_t ids[REQUESTS_MAX]; /* plain: pawl_after stores them before the function can be called */
};

struct request {
    struct scene *scene;
    struct random random;
    uint64_t index;
    uint64_t not_before_ns;
    bool far;
    bool anonymous; /* asked for without an id */
};

struct actor {
    struct scene *scene;
    struct pawl_runtime *rt; /* NULL in a task */
    struct random random;
    pthread_t thread;
    struct pawl_task *task;
};

static void set_fate(struct scene *scene, uint64_t index, enum fate from, enum fate to)
{
    uint8_t before = atomic_exchange(&scene->fates[index], (uint8_t)to);
    CHECK(before == from, "request %" PRIu64 " went from fate %d to %d, expected %d", index, before, (int)to,
          (int)from);
}

/* ---- the function that is called ---- */

static void linger(struct request *request, int status)
{
    if (!random_once_in(&request->random, 4))
        return;
    int result = pawl_sleep(PAWL_US(random_below(&request->random, 1000)));
    CHECK(result == 0 || (result == -ESHUTDOWN && atomic_load(&request->scene->closing)),
          "a sleep returned %d in a function called with %d", result, status);
}

static void call_request(void *arg, int status)
{
    struct request *request = arg;
    struct scene *scene = request->scene;
    uint64_t index = request->index;
    set_fate(scene, index, FATE_NONE, FATE_CALLED);
    if (status == 0) {
        uint64_t now_ns = pawl_now(NULL);
        CHECK(now_ns >= request->not_before_ns, "called %" PRIu64 " ns early", request->not_before_ns - now_ns);
        CHECK(!request->far, "a request for the far future was called");
        count(CALLED);
    } else {
        CHECK(status == -ESHUTDOWN, "a function of pawl_after got status %d", status);
        CHECK(atomic_load(&scene->closing), "a function of pawl_after got -ESHUTDOWN before the shutdown");
        count(SHUT);
    }
    CHECK(pawl_self() != NULL, "a function of pawl_after runs outside a task");
    if (!request->anonymous) {
        int result = pawl_cancel(NULL, scene->ids[index]);
        CHECK(result == -EINPROGRESS, "cancelling the request that is being called returned %d", result);
    }
    linger(request, status);
    if (!request->far)
        count(NEAR_ENDED);
    free(request);
    set_fate(scene, index, FATE_CALLED, FATE_RETURNED);
}

/* ---- what is called every so often ---- */

static void try_to_stop(struct every *every)
{
    if (random_once_in(&every->random, 16))
        CHECK(pawl_cancel_wait(NULL, every->id) == -EDEADLK, "a function could wait for its own end");
    if (!random_once_in(&every->random, 200))
        return;
    CHECK(pawl_cancel(NULL, every->id) == -EINPROGRESS, "cancelling what is being called did not say so");
    atomic_store(&every->stopped, true);
}

static void call_every(void *arg, int status)
{
    struct every *every = arg;
    struct scene *scene = every->scene;
    CHECK(!atomic_exchange(&every->running, true), "a function is called twice at once");
    CHECK(!atomic_load(&every->over), "a function was called after its cancellation");
    CHECK(atomic_load(&every->last_calls) == 0, "a function was called after its last call");
    if (atomic_load(&every->stopped))
        CHECK(atomic_fetch_add(&every->calls_after_stop, 1) == 0, "a function was called again after a cancellation");
    CHECK(status == 0 || (status == -ESHUTDOWN && atomic_load(&scene->closing)), "a function got status %d", status);
    CHECK(status != 0 || pawl_now(NULL) >= every->not_before_ns, "a function was called early");
    atomic_fetch_add(&every->last_calls, status != 0);
    every->written++;
    if (every->written > 1) /* by then its id has been stored for whoever looks */
        try_to_stop(every);
    if (random_once_in(&every->random, 4))
        pawl_sleep(PAWL_US(random_below(&every->random, 500)));
    pawl_noise_point(__func__);
    every->written++;
    count(EVERY_CALLS);
    atomic_store(&every->running, false);
}

static void start_everies(struct scene *scene, struct random *r)
{
    for (int i = 0; i < EVERIES; i++) {
        struct every *every = &scene->everies[i];
        uint64_t period_ns = random_once_in(r, 32) ? 1 + random_below(r, 1000) : PAWL_US(100 + random_below(r, 20000));
        every->scene = scene;
        every->random = random_seeded(scene->round->seed, 2000 + (uint64_t)i);
        every->not_before_ns = pawl_now(scene->rt) + period_ns;
        CHECK(pawl_every(scene->rt, period_ns, call_every, every, &every->id) == 0, "pawl_every did not return 0");
    }
}

static void wait_for_every(struct pawl_runtime *rt, struct every *every, struct random *r)
{
    uint64_t deadline_ns = random_once_in(r, 2) ? PAWL_NEVER : pawl_now(NULL) + PAWL_US(random_below(r, 300));
    int result = pawl_cancel_wait_until(rt, every->id, deadline_ns);
    count(WAITS);
    if (result == -ETIMEDOUT) {
        atomic_store(&every->stopped, true);
        return;
    }
    CHECK(result == 0 || result == -ENOENT, "pawl_cancel_wait_until returned %d", result);
    if (result != 0)
        return;
    CHECK(!atomic_load(&every->running), "a function runs whose end was awaited");
    CHECK(every->written % 2 == 0, "the end that was awaited is not visible");
    atomic_store(&every->over, true);
}

static void stop_some(struct scene *scene, struct pawl_runtime *rt, struct random *r)
{
    struct every *every = &scene->everies[random_below(r, EVERIES)];
    if (random_once_in(r, 2)) {
        wait_for_every(rt, every, r);
        return;
    }
    int result = pawl_cancel(rt, every->id);
    CHECK(result == 0 || result == -EINPROGRESS || result == -ENOENT, "pawl_cancel returned %d", result);
    if (result == 0)
        atomic_store(&every->over, true);
    else if (result == -EINPROGRESS)
        atomic_store(&every->stopped, true);
}

static void check_everies(struct scene *scene)
{
    for (int i = 0; i < EVERIES; i++) {
        struct every *every = &scene->everies[i];
        bool cancelled = atomic_load(&every->stopped) || atomic_load(&every->over);
        uint32_t last_calls = atomic_load(&every->last_calls);
        /* a cancellation may have met the last call itself */
        CHECK(cancelled ? last_calls <= 1 : last_calls == 1, "%" PRIu32 " last calls", last_calls);
        CHECK(pawl_cancel_wait(scene->rt, every->id) == -ENOENT, "after the shutdown an id is known");
    }
}

/* ---- asking and cancelling ---- */

static void publish(struct scene *scene, const struct ticket *ticket, struct random *r)
{
    uint64_t place = random_below(r, TICKETS);
    pthread_mutex_lock(&scene->lock);
    scene->tickets[place] = *ticket;
    pthread_mutex_unlock(&scene->lock);
}

static struct ticket draw_ticket(struct scene *scene, struct random *r)
{
    uint64_t place = random_below(r, TICKETS);
    pthread_mutex_lock(&scene->lock);
    struct ticket ticket = scene->tickets[place];
    pthread_mutex_unlock(&scene->lock);
    return ticket;
}

static void cancel_ticket(struct scene *scene, struct pawl_runtime *rt, const struct ticket *ticket)
{
    uint8_t before = atomic_load(&scene->fates[ticket->index]);
    int result = pawl_cancel(rt, ticket->id);
    uint8_t after = atomic_load(&scene->fates[ticket->index]);
    switch (result) {
    case 0:
        set_fate(scene, ticket->index, FATE_NONE, FATE_CANCELLED);
        if (ticket->request->far)
            atomic_fetch_sub(&scene->far_count, 1);
        else
            count(NEAR_ENDED);
        free(ticket->request);
        count(CANCELLED);
        break;
    case -EINPROGRESS:
        CHECK(after != FATE_CANCELLED, "a cancelled request is said to be in progress");
        count(IN_PROGRESS);
        break;
    case -ENOENT:
        CHECK(before != FATE_CALLED || after != FATE_CALLED, "a request in progress is said to have ended");
        count(UNKNOWN);
        break;
    default:
        stress_fail("pawl_cancel returned %d", result);
    }
}

static void cancel_some(struct actor *a)
{
    struct ticket ticket = draw_ticket(a->scene, &a->random);
    if (ticket.id != 0)
        cancel_ticket(a->scene, a->rt, &ticket);
    if (random_once_in(&a->random, 16)) {
        CHECK(pawl_cancel(a->rt, 0) == -ENOENT, "cancelling id 0 did not return -ENOENT");
        CHECK(pawl_cancel(a->rt, a->scene->foreign_id) == -ENOENT, "another runtime's id did not return -ENOENT");
    }
}

static uint64_t draw_delay(struct request *request, struct random *r)
{
    if (random_once_in(r, 4) && atomic_load(&request->scene->far_count) < FAR_MAX) {
        atomic_fetch_add(&request->scene->far_count, 1);
        request->far = true;
        return random_once_in(r, 8) ? PAWL_NEVER : PAWL_SEC(1000);
    }
    return random_once_in(r, 8) ? 0 : PAWL_US(random_below(r, 3000));
}

/* False when the ledger is full. */
static bool ask(struct actor *a)
{
    struct scene *scene = a->scene;
    uint64_t index = atomic_fetch_add(&scene->request_count, 1);
    if (index >= REQUESTS_MAX)
        return false;
    struct request *request = stress_allocate(sizeof *request);
    request->scene = scene;
    request->index = index;
    request->random = random_seeded(random_next(&a->random), 0);
    request->anonymous = random_once_in(&a->random, 16);
    uint64_t delay_ns = draw_delay(request, &a->random);
    request->not_before_ns = request->far ? 0 : pawl_now(NULL) + delay_ns;
    bool anonymous = request->anonymous;
    count(ASKED);
    if (!request->far)
        count(NEAR);

    int result = pawl_after(a->rt, delay_ns, call_request, request, anonymous ? NULL : &scene->ids[index]);
    CHECK(result == 0, "pawl_after returned %d", result);
    if (anonymous)
        return true;
    struct ticket ticket = {scene->ids[index], request, index};
    CHECK(ticket.id != 0, "pawl_after gave the id 0");
    publish(scene, &ticket, &a->random);
    if (random_once_in(&a->random, 4)) {
        pawl_noise_point(__func__);
        cancel_ticket(scene, a->rt, &ticket);
    }
    return true;
}

static void *act(void *arg)
{
    struct actor *a = arg;
    while (!round_is_over(a->scene->round)) {
        if (random_once_in(&a->random, 2)) {
            if (!ask(a))
                break;
        } else {
            cancel_some(a);
        }
        if (random_once_in(&a->random, 1000))
            stop_some(a->scene, a->rt, &a->random);
        if (a->rt == NULL && random_once_in(&a->random, 8))
            CHECK(pawl_yield() == 0, "pawl_yield did not return 0");
        else
            pawl_noise_point(__func__);
    }
    return NULL;
}

/* ---- the round ---- */

static void never_called(void *arg, int status)
{
    (void)arg;
    CHECK(status == -ESHUTDOWN, "a function a day ahead was called with %d", status);
}

static void act_all(struct scene *scene)
{
    struct actor actors[THREADS + TASKS];
    for (uint64_t i = 0; i < THREADS + TASKS; i++) {
        struct actor *a = &actors[i];
        *a = (struct actor){.scene = scene, .random = random_seeded(scene->round->seed, i)};
        if (i < THREADS) {
            a->rt = scene->rt;
            stress_thread_start(&a->thread, act, a);
        } else {
            CHECK(pawl_spawn(scene->rt, act, a, &a->task) == 0, "pawl_spawn did not return 0");
        }
    }
    for (uint64_t i = 0; i < THREADS; i++)
        stress_thread_join(actors[i].thread);
    for (uint64_t i = THREADS; i < THREADS + TASKS; i++)
        CHECK(pawl_join(actors[i].task, NULL) == 0, "pawl_join did not return 0");
}

static void check_ended(struct scene *scene)
{
    uint64_t outcomes = counted(CALLED) + counted(SHUT) + counted(CANCELLED);
    CHECK(counted(ASKED) == outcomes, "%" PRIu64 " requests, %" PRIu64 " outcomes", counted(ASKED), outcomes);
    for (int i = 0; i < TICKETS; i++) {
        if (scene->tickets[i].id == 0)
            continue;
        int result = pawl_cancel(scene->rt, scene->tickets[i].id);
        CHECK(result == -ENOENT, "after the shutdown pawl_cancel returned %d", result);
    }
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1000);
    struct scene *scene = stress_allocate(sizeof *scene);
    struct pawl_options o;
    stress_options(&o, round);
    scene->round = round;
    scene->rt = stress_runtime_create(&o);
    o.workers = 1;
    struct pawl_runtime *other = stress_runtime_create(&o);
    CHECK(pawl_after(other, PAWL_SEC(86400), never_called, NULL, &scene->foreign_id) == 0,
          "pawl_after did not return 0");
    pthread_mutex_init(&scene->lock, NULL);

    start_everies(scene, &r);
    act_all(scene);
    stress_wait_equal(NEAR, NEAR_ENDED, "waiting for functions that are due");
    atomic_store(&scene->closing, true);
    stress_phase("shutting down");
    stress_runtime_shutdown(scene->rt, PAWL_MS(random_below(&r, 3)));
    check_ended(scene);
    check_everies(scene);
    stress_runtime_destroy(scene->rt);

    if (random_once_in(&r, 2))
        CHECK(pawl_cancel(other, scene->foreign_id) == 0, "a function a day ahead could not be cancelled");
    stress_runtime_shutdown(other, 0);
    stress_runtime_destroy(other);
    pthread_mutex_destroy(&scene->lock);
    free(scene);
}

const struct scenario stress_after_cancel = {
    .name = "after_cancel",
    .about = "pawl_after, pawl_every and pawl_cancel(_wait) by id from threads and tasks; stale ids",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
