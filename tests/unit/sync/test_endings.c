/* The end of what was waited for: whoever was served last ends an object, while another one, which was served before,
 * is about to give up. That one does not touch it any more. For AddressSanitizer to see. */
#include <pawl/testing.h>

#include "kinds.h"

enum { ROUNDS = 1500 };

struct ending {
    struct pawl_channel *channel;
    struct pawl_semaphore *semaphore;
    struct pawl_oneshot *oneshot;
    uint64_t item;
    void *value;
    int status;
    struct event done;
};

/* `open` and `close` are the object's. Whoever gives up begins to wait and leaves at once. `serve`: true if that one
 * has been served, and nobody else has to be. */
struct end {
    const char *name;
    size_t capacity;
    void (*open)(struct ending *e, size_t capacity);
    void (*close)(struct ending *e);
    int (*give_up)(struct ending *e);
    bool (*serve)(struct ending *e, int spins);
};

static void wait_some(int spins)
{
    for (volatile int i = 0; i < spins; i++) {
    }
}

/* ---- channels ---- */

static void open_channel(struct ending *e, size_t capacity)
{
    cr_assert_eq(pawl_channel_create(&e->channel, capacity, sizeof e->item), 0);
}

static void close_channel(struct ending *e)
{
    pawl_channel_destroy(e->channel);
}

static int send_at_once(struct ending *e)
{
    return pawl_channel_send_until(e->channel, &e->item, 0);
}

static int receive_at_once(struct ending *e)
{
    return pawl_channel_receive_until(e->channel, &e->item, 0);
}

static int select_at_once(struct ending *e)
{
    struct pawl_case cases[2];
    pawl_case_none(&cases[0]);
    pawl_case_receive(&cases[1], e->channel, &e->item);
    int index = pawl_select_until(cases, 2, 0);
    return index == 1 ? 0 : index;
}

/* A rendezvous with one that waits. */
static bool receive(struct ending *e, int spins)
{
    uint64_t item = 0;
    (void)spins;
    while (pawl_channel_try_receive(e->channel, &item) != 0)
        if (event_is_set(&e->done))
            return false;
    return true;
}

static bool send(struct ending *e, int spins)
{
    uint64_t item = 1;
    (void)spins;
    while (pawl_channel_try_send(e->channel, &item) != 0)
        if (event_is_set(&e->done))
            return false;
    return true;
}

/* Who can receive the second has been told that the first was received. */
static bool send_two_and_receive_second(struct ending *e, int spins)
{
    uint64_t item;
    wait_some(spins);
    for (item = 1; item <= 2; item++)
        cr_assert_eq(pawl_channel_try_send(e->channel, &item), 0);
    return pawl_channel_try_receive(e->channel, &item) == 0 && item == 2;
}

/* ---- others ---- */

static void open_semaphore(struct ending *e, size_t permits)
{
    e->semaphore = malloc(sizeof *e->semaphore);
    cr_assert_eq(pawl_semaphore_init(e->semaphore, (uint32_t)permits), 0);
}

static void close_semaphore(struct ending *e)
{
    cr_assert_eq(pawl_semaphore_fini(e->semaphore), 0);
    free(e->semaphore);
}

static int acquire_at_once(struct ending *e)
{
    return pawl_semaphore_acquire_until(e->semaphore, 1, 0);
}

/* One for each: if there is none left, both have theirs. */
static bool release_two_and_acquire(struct ending *e, int spins)
{
    wait_some(spins);
    pawl_semaphore_release(e->semaphore, 2);
    cr_assert_eq(pawl_semaphore_acquire(e->semaphore, 1), 0);
    return pawl_semaphore_available(e->semaphore) == 0;
}

static void open_oneshot(struct ending *e, size_t unused)
{
    (void)unused;
    e->oneshot = malloc(sizeof *e->oneshot);
    cr_assert_eq(pawl_oneshot_init(e->oneshot), 0);
}

static void close_oneshot(struct ending *e)
{
    cr_assert_eq(pawl_oneshot_fini(e->oneshot), 0);
    free(e->oneshot);
}

static int receive_value_at_once(struct ending *e)
{
    return pawl_oneshot_receive_until(e->oneshot, &e->value, 0);
}

static bool send_value(struct ending *e, int spins)
{
    wait_some(spins);
    cr_assert_eq(pawl_oneshot_send(e->oneshot, e), 0);
    return pawl_oneshot_try_receive(e->oneshot, NULL) == -EPIPE;
}

static const struct end ends[] = {
    {"rendezvous, sender", 0, open_channel, close_channel, send_at_once, receive},
    {"rendezvous, receiver", 0, open_channel, close_channel, receive_at_once, send},
    {"rendezvous, select", 0, open_channel, close_channel, select_at_once, send},
    {"channel", 4, open_channel, close_channel, receive_at_once, send_two_and_receive_second},
    {"semaphore", 0, open_semaphore, close_semaphore, acquire_at_once, release_two_and_acquire},
    {"oneshot", 0, open_oneshot, close_oneshot, receive_value_at_once, send_value},
};

struct giving_up {
    const struct end *end;
    struct ending ending;
};

static void *give_up(void *arg)
{
    struct giving_up *g = arg;
    g->ending.status = g->end->give_up(&g->ending);
    event_set(&g->ending.done);
    return NULL;
}

/* true: it was served as it was about to give up, or before. */
static bool end_as_another_gives_up(struct pawl_runtime *rt, const struct end *end, int spins)
{
    struct giving_up g = {.end = end};
    end->open(&g.ending, end->capacity);
    struct pawl_task *task = spawn(rt, give_up, &g);
    bool served = end->serve(&g.ending, spins);
    if (served)
        end->close(&g.ending);
    join(task);
    cr_assert(!served || g.ending.status == 0, "%s: %d", end->name, g.ending.status);
    if (!served)
        end->close(&g.ending);
    return served;
}

Test(endings, by_whoever_was_served_last_spare_those_who_were_about_to_give_up)
{
    struct pawl_runtime *rt = start(1);
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        int served = 0;
        for (int round = 0; round < ROUNDS; round++) {
            if (round % (ROUNDS / 4) == 0)
                pawl_noise_start((uint64_t)round + 1, 200); /* disturbs elsewhere */
            served += end_as_another_gives_up(rt, &ends[i], round * 37 % 3000);
        }
        /* without marks inside the window is a few instructions wide: then nobody may have come through */
        cr_assert(served > 0 || !pawl_noise_inside(), "%s", ends[i].name);
    }
    pawl_noise_stop();
    finish(rt);
}

/* ---- the task has ended, and left its wait behind ---- */

struct left_behind {
    struct pawl_mutex mutex;
    struct pawl_wait wait;
    struct event pending;
};

static enum pawl_poll wait_and_forget(struct pawl_context *cx, void *arg)
{
    struct left_behind *l = arg;
    int status;
    if (pawl_context_cancelled(cx))
        return PAWL_READY;
    CHECK_EQ(pawl_mutex_lock_poll(&l->mutex, &l->wait, cx, &status), PAWL_PENDING);
    event_set(&l->pending);
    return PAWL_PENDING;
}

enum { TASKS = 16 };

static void *wait_for_notice(void *notify)
{
    return pointer_of(pawl_notify_wait(notify));
}

struct brood {
    struct pawl_notify notify;
    struct pawl_task *tasks[TASKS];
};

static void *spawn_brood(void *arg)
{
    struct brood *b = arg;
    for (int i = 0; i < TASKS / 2; i++)
        CHECK_EQ(pawl_spawn(NULL, wait_for_notice, &b->notify, &b->tasks[i]), 0);
    return NULL;
}

/* Each has a header of its own, whoever spawns it. */
static void expect_headers_of_their_own(struct pawl_runtime *rt)
{
    struct brood b = {.notify = PAWL_NOTIFY_INITIALIZER};
    run(rt, spawn_brood, &b);
    for (int i = TASKS / 2; i < TASKS; i++)
        b.tasks[i] = spawn(rt, wait_for_notice, &b.notify);
    for (int i = 0; i < TASKS; i++)
        for (int j = 0; j < i; j++)
            cr_assert_neq(b.tasks[i], b.tasks[j], "tasks %d and %d", j, i);
    settle(rt);
    pawl_notify_all(&b.notify);
    for (int i = 0; i < TASKS; i++)
        cr_assert_null(join(b.tasks[i]));
}

Test(endings, of_a_task_leave_a_wait_that_can_be_granted_and_is_given_up_later)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    struct left_behind l = {.mutex = PAWL_MUTEX_INITIALIZER};
    pawl_wait_init(&l.wait);
    cr_assert_eq(pawl_mutex_lock(&l.mutex), 0);
    cr_assert_eq(pawl_spawn_poll(rt, wait_and_forget, &l, &task), 0);
    event_wait(&l.pending);
    cr_assert_eq(pawl_task_cancel(task), 0);
    join(task);
    pawl_mutex_unlock(&l.mutex);
    cr_assert_eq(pawl_wait_cancel(&l.wait), 0);
    cr_assert(pawl_mutex_try_lock(&l.mutex));
    expect_headers_of_their_own(rt);
    pawl_mutex_unlock(&l.mutex);
    finish(rt);
}
