/* Stackless tasks that nap: each polls a timer of its own, which others cancel, reset and arm again, or which it frees
 * as soon as it is ready; some are cancelled while they do.
 *
 * Nobody else wakes a napper: so each nap is to end by its timer. Conserved: every napper of the ledger ends; no nap
 * that ends by firing ends early. Memory is freed as soon as the contract allows it, for AddressSanitizer to see. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "stress.h"

#define NAPPERS 400
#define NAPS_MAX 200
#define MEDDLERS 3

enum { NAPS, FIRED, CANCELLED, SHUT, PENDINGS, LAST_POLLS, ENDED, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [NAPS] = "naps",         [FIRED] = "fired",           [CANCELLED] = "cancelled", [SHUT] = "shut",
    [PENDINGS] = "pendings", [LAST_POLLS] = "last_polls", [ENDED] = "ended",
};

struct napper {
    struct wave *wave;
    struct random random;
    struct pawl_task *task;
    uint64_t id;            /* the ledger's */
    struct pawl_timer *nap; /* its own, not known to others; NULL: none */
    uint64_t until_ns;
    unsigned naps_left;
    struct pawl_timer *shared; /* anybody's, in place for the wave */
    bool on_shared;
};

struct wave {
    const struct round *round;
    struct pawl_runtime *rt;
    struct pawl_ledger *ledger;
    _Atomic bool closing;
    struct pawl_timer shared[NAPPERS];
    struct napper nappers[NAPPERS];
};

/* ---- naps ---- */

static enum pawl_poll end(struct napper *napper)
{
    CHECK(pawl_ledger_settle(napper->wave->ledger, napper->id) == 0, "napper %" PRIu64 " has ended twice", napper->id);
    count(ENDED);
    return PAWL_READY;
}

static void note_status(const struct napper *napper, int status, bool may_be_cancelled)
{
    if (status == 0) {
        CHECK(may_be_cancelled || pawl_now(NULL) >= napper->until_ns, "a nap ended early");
        count(FIRED);
    } else if (status == -ECANCELED) {
        CHECK(may_be_cancelled, "a timer that nobody else knows was cancelled");
        count(CANCELLED);
    } else {
        CHECK(status == -ESHUTDOWN && atomic_load(&napper->wave->closing), "a nap ended with %d", status);
        count(SHUT);
    }
}

static void free_nap(struct napper *napper)
{
    free(napper->nap);
    napper->nap = NULL;
}

/* false: the runtime takes no more. */
static bool begin_nap(struct napper *napper)
{
    struct random *r = &napper->random;
    count(NAPS);
    napper->naps_left--;
    napper->on_shared = random_once_in(r, 2);
    napper->until_ns = random_once_in(r, 8) ? 0 : pawl_now(NULL) + PAWL_US(random_below(r, 600));
    if (napper->on_shared) {
        int result = pawl_timer_arm(NULL, napper->shared, napper->until_ns);
        CHECK(result == 0 || result == -EBUSY || (result == -ESHUTDOWN && atomic_load(&napper->wave->closing)),
              "arming a shared timer returned %d", result);
        return result != -ESHUTDOWN;
    }
    napper->nap = stress_allocate(sizeof *napper->nap);
    pawl_timer_init(napper->nap, NULL, NULL);
    if (random_once_in(r, 2))
        CHECK(pawl_timer_set_slack(napper->nap, PAWL_US(random_below(r, 500))) == 0, "slack was refused");
    int result = pawl_timer_arm(NULL, napper->nap, napper->until_ns);
    if (result == 0)
        return true;
    CHECK(result == -ESHUTDOWN && atomic_load(&napper->wave->closing), "arming a timer returned %d", result);
    free_nap(napper);
    return false;
}

/* false: the timer pends, and is to wake us. */
static bool has_napped(struct napper *napper, struct pawl_context *cx)
{
    int status;
    struct pawl_timer *timer = napper->on_shared ? napper->shared : napper->nap;
    if (!napper->on_shared && napper->nap == NULL)
        return true;
    if (!napper->on_shared && random_once_in(&napper->random, 16)) { /* enough */
        if (pawl_timer_cancel(timer) == 0) {
            free_nap(napper);
            return true;
        }
    }
    pawl_noise_point(__func__);
    if (pawl_timer_poll(timer, cx, &status) == PAWL_PENDING) {
        count(PENDINGS);
        return false;
    }
    note_status(napper, status, napper->on_shared);
    if (!napper->on_shared)
        free_nap(napper);
    napper->on_shared = false;
    return true;
}

static void give_up(struct napper *napper)
{
    count(LAST_POLLS);
    if (napper->nap == NULL)
        return;
    int result = pawl_timer_cancel(napper->nap);
    CHECK(result == 0 || result == -EALREADY, "pawl_timer_cancel returned %d", result);
    free_nap(napper); /* it has no callback: what has fired is not touched any more */
}

static enum pawl_poll nap(struct pawl_context *cx, void *state)
{
    struct napper *napper = state;
    if (pawl_context_cancelled(cx)) {
        give_up(napper);
        return end(napper);
    }
    while (has_napped(napper, cx))
        if (napper->naps_left == 0 || !begin_nap(napper))
            return end(napper);
    return PAWL_PENDING;
}

/* ---- meddlers ---- */

static void meddle_once(struct wave *wave, struct random *r)
{
    struct pawl_timer *timer = &wave->shared[random_below(r, NAPPERS)];
    uint64_t soon_ns = pawl_now(NULL) + PAWL_US(random_below(r, 400));
    int result;
    switch (random_below(r, 4)) {
    case 0:
        result = pawl_timer_cancel(timer);
        break;
    case 1:
        result = pawl_timer_cancel_sync(timer);
        break;
    case 2:
        result = pawl_timer_reset(timer, soon_ns);
        break;
    default:
        result = pawl_timer_arm(wave->rt, timer, soon_ns);
        CHECK(result == 0 || result == -EBUSY, "pawl_timer_arm returned %d", result);
        return;
    }
    CHECK(result == 0 || result == -EALREADY, "a call about a shared timer returned %d", result);
}

static void *meddle(void *arg)
{
    struct wave *wave = arg;
    static _Atomic uint64_t stream;
    struct random r = random_seeded(wave->round->seed, (UINT64_C(1) << 60) + atomic_fetch_add(&stream, 1));
    uint64_t times = random_below(&r, 20000);
    for (uint64_t i = 0; i < times && !round_is_over(wave->round); i++) {
        meddle_once(wave, &r);
        if (random_once_in(&r, 300)) {
            int result = pawl_task_cancel(wave->nappers[random_below(&r, NAPPERS)].task);
            CHECK(result == 0 || result == -EALREADY, "pawl_task_cancel returned %d", result);
        }
        if (random_once_in(&r, 64))
            stress_sleep(PAWL_US(random_below(&r, 300)));
        pawl_noise_point(__func__);
    }
    return NULL;
}

/* ---- the round ---- */

static void spawn_napper(struct wave *wave, int i, bool by_shutdown, struct random *r)
{
    struct napper *napper = &wave->nappers[i];
    *napper = (struct napper){.wave = wave, .shared = &wave->shared[i]};
    napper->naps_left = by_shutdown ? UINT_MAX : (unsigned)random_below(r, NAPS_MAX);
    napper->random = random_seeded(random_next(r), 0);
    pawl_timer_init(napper->shared, NULL, NULL);
    CHECK(pawl_ledger_issue(wave->ledger, &napper->id) == 0, "the ledger is full");
    CHECK(pawl_spawn_poll(wave->rt, nap, napper, &napper->task) == 0, "pawl_spawn_poll did not return 0");
}

static void end_wave(struct wave *wave, bool by_shutdown, uint64_t ended)
{
    if (!by_shutdown) {
        stress_phase("waiting for naps to end");
        while (counted(ENDED) < ended) /* the watchdog ends it, if nothing moves */
            stress_sleep(PAWL_US(200));
    }
    atomic_store(&wave->closing, true);
    stress_phase("shutting down");
    stress_runtime_shutdown(wave->rt, 0);
    CHECK(counted(ENDED) == ended, "a napper has not ended");
    for (int i = 0; i < NAPPERS; i++)
        CHECK(pawl_join(wave->nappers[i].task, NULL) == 0, "a napper could not be joined");
    stress_runtime_destroy(wave->rt);
}

static void run_wave(const struct round *round, struct random *r)
{
    struct wave *wave = stress_allocate(sizeof *wave);
    uint64_t ended = counted(ENDED) + NAPPERS;
    bool by_shutdown = random_once_in(r, 2); /* else by themselves */
    pthread_t threads[MEDDLERS];
    struct pawl_options o;
    stress_options(&o, round);
    wave->round = round;
    wave->ledger = stress_ledger_create(NAPPERS);
    wave->rt = stress_runtime_create(&o);
    for (int i = 0; i < NAPPERS; i++)
        spawn_napper(wave, i, by_shutdown, r);
    for (int i = 0; i < MEDDLERS; i++)
        stress_thread_start(&threads[i], meddle, wave);
    for (int i = 0; i < MEDDLERS; i++)
        stress_thread_join(threads[i]);
    end_wave(wave, by_shutdown, ended);
    stress_ledger_check(wave->ledger, "nappers");
    free(wave);
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, UINT64_C(1) << 61);
    do
        run_wave(round, &r);
    while (!round_is_over(round));
}

const struct scenario stress_timer_poll = {
    .name = "timer_poll",
    .about = "stackless tasks poll timers that others cancel, reset and arm again; each nap ends",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
