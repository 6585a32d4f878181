/* Shares: a task whose calls never have to wait leaves the worker to others all the same, wherever it calls them, and
 * those that need not wait at all return at once. */
#include "kinds.h"

#define CLAIM(condition) cr_assert((condition), "%s", kind->name)

/* What a task does over and over; its errno. None of it ever waits. */
struct busy {
    int (*use)(struct busy *b);
    struct pawl_mutex mutex;
    struct pawl_semaphore semaphore;
    struct pawl_channel *channel;
    uint64_t until_ns; /* that it comes to this is a failure */
    struct event other_ran;
    int error;
};

static int use_mutex(struct busy *b)
{
    int error = pawl_mutex_lock(&b->mutex);
    if (error == 0)
        pawl_mutex_unlock(&b->mutex);
    return error;
}

static int use_semaphore(struct busy *b)
{
    int error = pawl_semaphore_acquire(&b->semaphore, 1);
    if (error == 0)
        pawl_semaphore_release(&b->semaphore, 1);
    return error;
}

static int use_channel(struct busy *b)
{
    uint64_t item = 1;
    int error = pawl_channel_send(b->channel, &item);
    return error != 0 ? error : pawl_channel_receive(b->channel, &item);
}

static int use_select(struct busy *b)
{
    struct pawl_case c;
    pawl_case_semaphore(&c, &b->semaphore, 1);
    int index = pawl_select(&c, 1);
    if (index == 0)
        pawl_semaphore_release(&b->semaphore, 1);
    return index;
}

static int (*const uses[])(struct busy *b) = {use_mutex, use_semaphore, use_channel, use_select};

static void *be_busy(void *arg)
{
    struct busy *b = arg;
    while (!event_is_set(&b->other_ran) && (b->error = b->use(b)) == 0)
        CHECK(pawl_now(NULL) < b->until_ns || (event_set(&b->other_ran), false));
    return NULL;
}

static void *set_event(void *event)
{
    event_set(event);
    return NULL;
}

static void *be_busy_beside_another(void *arg)
{
    struct busy *b = arg;
    struct pawl_task *other;
    CHECK_EQ(pawl_spawn(NULL, set_event, &b->other_ran, &other), 0);
    be_busy(b);
    CHECK_EQ(b->error, 0);
    pawl_detach(other);
    return NULL;
}

static void *be_busy_in_timeout(void *arg)
{
    CHECK_EQ(pawl_timeout(HOUR_NS, be_busy_beside_another, arg, NULL), 0);
    return NULL;
}

static void *be_busy_in_shield(void *arg)
{
    CHECK_EQ(pawl_task_cancel(pawl_self()), 0);
    pawl_shield_begin();
    be_busy_beside_another(arg);
    pawl_shield_end();
    return NULL;
}

static void *be_busy_until_timeout(void *arg)
{
    struct busy *b = arg;
    CHECK_EQ(pawl_timeout(PAWL_MS(2), be_busy, b, NULL), -ETIMEDOUT);
    CHECK_EQ(b->error, -ETIMEDOUT);
    return NULL;
}

static void run_busy(pawl_task_fn *fn)
{
    struct pawl_runtime *rt = start(1);
    for (size_t i = 0; i < COUNT_OF(uses); i++) {
        struct busy b = {.use = uses[i], .until_ns = in_ns(PATIENCE_NS / 10)};
        pawl_mutex_init(&b.mutex);
        pawl_semaphore_init(&b.semaphore, 1);
        cr_assert_eq(pawl_channel_create(&b.channel, 1, sizeof(uint64_t)), 0);
        run(rt, fn, &b);
        settle(rt);
        pawl_channel_destroy(b.channel);
    }
    finish(rt);
}

Test(shares, spent_by_a_task_that_never_waits_let_others_run)
{
    run_busy(be_busy_beside_another);
}

Test(shares, spent_in_a_timeout_let_others_run)
{
    run_busy(be_busy_in_timeout);
}

Test(shares, spent_in_a_shield_after_cancellation_let_others_run)
{
    run_busy(be_busy_in_shield);
}

Test(shares, spent_in_a_timeout_do_not_keep_it_from_passing)
{
    run_busy(be_busy_until_timeout);
}

/* ---- no wait at all ---- */

struct glance {
    struct party party;
    struct event other_ran;
};

static void *wait_for_no_time(void *arg)
{
    struct glance *g = arg;
    struct pawl_task *other;
    CHECK_EQ(pawl_spawn(NULL, set_event, &g->other_ran, &other), 0);
    party_wait(&g->party);
    CHECK(!event_is_set(&g->other_ran)); /* it has not been suspended */
    CHECK_EQ(pawl_join(other, NULL), 0);
    return NULL;
}

Test(shares, are_not_given_away_by_waiting_calls_past_their_deadline)
{
    struct pawl_runtime *rt = start(1);
    FOR_EACH_KIND(kind)
    {
        struct object *o = object_open(kind);
        struct glance g = {.party = party_of(o, 0)};
        g.party.deadline_ns = 0;
        run(rt, wait_for_no_time, &g);
        CLAIM(g.party.status == -ETIMEDOUT);
        object_close(o);
    }
    finish(rt);
}

/* ---- two deadlines that have passed: the earlier one is what cut the call short ---- */

struct overdue {
    bool selects;
    int answer;
};

/* It keeps its worker until both have passed, so that no alarm has rung by then. */
static void *wait_past_both(void *arg)
{
    struct overdue *o = arg;
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    struct pawl_case c;
    uint64_t own_ns = in_ns(PAWL_MS(4));
    while (pawl_now(NULL) <= own_ns)
        continue;
    pawl_case_notify(&c, &n);
    o->answer = o->selects ? pawl_select_until(&c, 1, own_ns) : pawl_notify_wait_until(&n, own_ns);
    return NULL;
}

static void *wait_in_timeout(void *arg)
{
    struct overdue *o = arg;
    CHECK_EQ(pawl_timeout(PAWL_MS(2), wait_past_both, o, NULL), -ETIMEDOUT);
    CHECK_EQ(o->answer, -ETIMEDOUT);
    return NULL;
}

Test(shares, that_outlast_two_deadlines_are_cut_by_the_earlier_one)
{
    struct pawl_runtime *rt = start(1);
    run(rt, wait_in_timeout, &(struct overdue){.selects = false});
    run(rt, wait_in_timeout, &(struct overdue){.selects = true});
    finish(rt);
}
