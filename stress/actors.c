#include "actors.h"

#include <errno.h>
#include <sched.h>

/* ---- hurry ---- */

void actor_hurry(struct actor *a, uint64_t n)
{
    a->deadline_ns = PAWL_NEVER;
    a->patience = 0;
    if (n == 0 || cast_is_over(a->cast) || (!a->shielded && !random_once_in(&a->random, n)))
        return;
    a->patience = (unsigned)random_below(&a->random, 4);
    if (a->kind == ACTOR_STACKLESS)
        a->deadline_ns = 0;
    else
        a->deadline_ns = random_once_in(&a->random, 8) ? 0 : pawl_now(NULL) + random_below(&a->random, PAWL_US(60));
}

void actor_pause(struct actor *a)
{
    if (a->kind == ACTOR_COROUTINE)
        pawl_yield(); /* cancelled or not */
    else if (a->kind == ACTOR_THREAD)
        sched_yield();
    pawl_noise_point(__func__);
}

/* ---- one outcome ---- */

static void check_status(struct actor *a, int status)
{
    bool hurried = a->deadline_ns != PAWL_NEVER;
    CHECK(status != -ETIMEDOUT || hurried, "a wait without a deadline timed out");
    CHECK(status != -ETIMEDOUT || a->kind == ACTOR_STACKLESS || pawl_now(NULL) >= a->deadline_ns,
          "a wait timed out early");
    CHECK(status != -ECANCELED || atomic_load(&a->cancel_asked), "a wait was cancelled by nobody");
    CHECK(status != -EDEADLK && status != -EINVAL && status != -ESHUTDOWN && status != -ENOMEM, "a wait returned %d",
          status);
    if (status == -ETIMEDOUT)
        count(a->cast->play->hurried);
    else if (status == -ECANCELED)
        count(a->cast->play->cancelled);
    else if (status >= 0)
        actor_count(a);
}

static void come_to(struct actor *a, int status)
{
    check_status(a, status);
    a->cast->play->came(a, status);
    a->gave_up = false;
}

static void end_part(struct actor *a)
{
    count_more(0, a->operations);
    a->operations = 0;
}

/* ---- coroutine tasks and threads ---- */

static void *wait_in_timeout(void *arg)
{
    struct actor *a = arg;
    return (void *)(intptr_t)a->cast->play->wait(a, PAWL_NEVER);
}

/* The deadline is that of a pawl_timeout around the wait. */
static int wait_with_timeout(struct actor *a)
{
    uint64_t now_ns = pawl_now(NULL), duration_ns = a->deadline_ns > now_ns ? a->deadline_ns - now_ns : 0;
    void *result = NULL;
    if (a->deadline_ns < now_ns)
        a->deadline_ns = now_ns;
    int timed_out = pawl_timeout(duration_ns, wait_in_timeout, a, &result);
    int status = (int)(intptr_t)result;
    /* the other way round it may have been something inside that was cut short */
    CHECK(status != -ETIMEDOUT || timed_out == -ETIMEDOUT, "pawl_timeout returned %d, and the wait in it %d", timed_out,
          status);
    return status;
}

static int wait_somehow(struct actor *a)
{
    bool in_task = a->kind == ACTOR_COROUTINE;
    if (in_task && a->deadline_ns != PAWL_NEVER && random_once_in(&a->random, 4))
        return wait_with_timeout(a);
    return a->cast->play->wait(a, a->deadline_ns);
}

/* One more wait, as clean-up code has them. */
static bool act_shielded(struct actor *a)
{
    const struct play *play = a->cast->play;
    pawl_shield_begin();
    a->shielded = true; /* the director waits for us, and can do nothing for others */
    bool more = play->next(a);
    if (more) {
        int status = play->wait(a, a->deadline_ns);
        CHECK(status != -ECANCELED, "a shielded wait was cancelled");
        come_to(a, status);
    }
    a->shielded = false;
    pawl_shield_end();
    return more;
}

static void *act(void *arg)
{
    struct actor *a = arg;
    const struct play *play = a->cast->play;
    while (play->next(a)) {
        int status = wait_somehow(a);
        come_to(a, status);
        if (status != -ECANCELED)
            continue;
        CHECK(pawl_cancelled() && pawl_yield() == -ECANCELED, "cancellation does not stay");
        if (random_once_in(&a->random, 4) && !act_shielded(a))
            break;
        a->quit = true;
    }
    end_part(a);
    return a;
}

/* ---- stackless tasks ---- */

static void poll_again(struct pawl_context *cx)
{
    struct pawl_waker waker;
    pawl_waker_from(&waker, cx);
    pawl_waker_wake(&waker);
    pawl_waker_drop(&waker);
}

int actor_cancel_wait(struct actor *a)
{
    int result = pawl_wait_cancel(&a->wait);
    CHECK(result == 0 || result == -EALREADY, "pawl_wait_cancel returned %d", result);
    return result == 0 ? -ETIMEDOUT : 0;
}

int actor_cancel_select(struct pawl_case *cases, size_t case_count)
{
    int index = -ETIMEDOUT, result = pawl_select_cancel(cases, case_count, &index);
    CHECK(result == 0 || (result == -EALREADY && index >= 0), "pawl_select_cancel returned %d", result);
    return index;
}

static int give_up(struct actor *a)
{
    const struct play *play = a->cast->play;
    a->gave_up = true;
    return play->give_up != NULL ? play->give_up(a) : actor_cancel_wait(a);
}

/* What a pending one does: it waits, goes on for some polls, or gives up. */
static void be_patient(struct actor *a, struct pawl_context *cx)
{
    if (a->deadline_ns == PAWL_NEVER)
        return;
    poll_again(cx); /* also after giving up: it may have had its share of this poll */
    if (a->patience > 0) {
        a->patience--;
        return;
    }
    a->waiting = false;
    come_to(a, give_up(a));
}

/* false: the poll ends here. */
static bool poll_wait(struct actor *a, struct pawl_context *cx)
{
    int status = 0;
    if (a->cast->play->poll(a, cx, &status) == PAWL_PENDING) {
        CHECK(!pawl_context_cancelled(cx), "a poll form is pending in the last poll");
        be_patient(a, cx);
        return false;
    }
    a->waiting = false;
    come_to(a, status);
    a->quit = a->quit || status == -ECANCELED;
    return true;
}

static enum pawl_poll act_in_polls(struct pawl_context *cx, void *arg)
{
    struct actor *a = arg;
    do {
        if (!a->waiting && !a->cast->play->next(a)) {
            end_part(a);
            return PAWL_READY;
        }
        a->waiting = true;
    } while (poll_wait(a, cx));
    return PAWL_PENDING;
}

/* ---- the director ---- */

static void *act_as_thread(void *arg)
{
    return act(arg);
}

static void start_actor(struct actor *a)
{
    struct cast *cast = a->cast;
    int result = 0;
    a->random = random_seeded(cast->round->seed, UINT64_C(1) << 62 | cast->successors++ << 8 | a->index);
    a->quit = a->gave_up = a->waiting = false;
    atomic_store(&a->cancel_asked, false);
    pawl_wait_init(&a->wait);
    switch (a->kind) {
    case ACTOR_COROUTINE:
        result = pawl_spawn(cast->rt, act, a, &a->task);
        break;
    case ACTOR_STACKLESS:
        result = pawl_spawn_poll(cast->rt, act_in_polls, a, &a->task);
        break;
    case ACTOR_THREAD:
        stress_thread_start(&a->thread, act_as_thread, a);
    }
    CHECK(result == 0, "an actor could not be started: %d", result);
}

static void join_actor(struct actor *a)
{
    void *result = NULL;
    if (a->kind == ACTOR_THREAD)
        stress_thread_join(a->thread);
    else
        CHECK(pawl_join(a->task, &result) == 0 && result == a, "an actor could not be joined");
}

static void cancel_somebody(struct cast *cast)
{
    struct actor *a = cast->actors[random_below(&cast->random, cast->count)];
    if (a->kind == ACTOR_THREAD)
        return;
    atomic_store(&a->cancel_asked, true);
    CHECK(pawl_task_cancel(a->task) == 0, "an actor has ended before its time");
    join_actor(a);
    start_actor(a);
}

void cast_add(struct cast *cast, struct actor *a)
{
    enum { THREADS = 3 };
    CHECK(cast->count < ACTORS_MAX, "too many actors");
    a->cast = cast;
    a->index = cast->count;
    a->kind = random_once_in(&cast->random, 2) ? ACTOR_COROUTINE : ACTOR_STACKLESS;
    if (random_once_in(&cast->random, 8) && cast->threads < THREADS) {
        cast->threads++;
        a->kind = ACTOR_THREAD;
    }
    cast->actors[cast->count++] = a;
}

void cast_play(struct cast *cast, const struct round *round, const struct play *play)
{
    struct pawl_options o;
    stress_options(&o, round);
    cast->round = round;
    cast->play = play;
    cast->rt = stress_runtime_create(&o);
    for (unsigned i = 0; i < cast->count; i++)
        start_actor(cast->actors[i]);
    while (!round_is_over(round)) {
        stress_sleep(random_once_in(&cast->random, 4) ? PAWL_US(random_below(&cast->random, 1000)) : 0);
        cancel_somebody(cast);
        if (play->disturb != NULL)
            play->disturb(cast);
    }
    stress_phase("the actors are to end");
    atomic_store(&cast->over, true);
    if (play->finish != NULL)
        play->finish(cast);
    for (unsigned i = 0; i < cast->count; i++)
        join_actor(cast->actors[i]);
    stress_runtime_shutdown(cast->rt, PAWL_SEC(60));
    stress_runtime_destroy(cast->rt);
}
