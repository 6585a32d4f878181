/* Barriers: all of them, one leader, again and again. */
#include "kinds.h"

Test(barrier, of_one_party_is_no_obstacle_however_it_was_made)
{
    struct pawl_barrier b[2] = {PAWL_BARRIER_INITIALIZER(1)};
    cr_assert_eq(pawl_barrier_init(&b[1], 1), 0);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++)
            cr_assert_eq(pawl_barrier_wait(&b[i]), 1);
        cr_assert_eq(pawl_barrier_wait_until(&b[i], 0), 1);
        cr_assert_eq(pawl_barrier_fini(&b[i]), 0);
    }
}

Test(barrier, refuses_null_and_no_parties)
{
    struct pawl_barrier b;
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    cr_assert_eq(pawl_barrier_init(&b, 0), -EINVAL);
    cr_assert_eq(pawl_barrier_init(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_barrier_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_barrier_wait(NULL), -EINVAL);
    cr_assert_eq(pawl_barrier_wait_until(NULL, 0), -EINVAL);
    cr_assert_eq(pawl_barrier_wait_poll(NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
}

enum { CROSSERS = 5, CROSSINGS = 200 };

struct crossing {
    struct pawl_barrier barrier;
    uint64_t written[CROSSERS]; /* plain: ThreadSanitizer looks on */
    PAWL_ATOMIC(uint32_t) leaders, followers;
};

struct crosser {
    struct crossing *crossing;
    int index, crossings;
    bool arrived;
    struct pawl_wait wait;
};

static void count(struct crossing *c, int result)
{
    CHECK(result == 0 || result == 1);
    fetch_add_acq_rel_u32(result == 1 ? &c->leaders : &c->followers, 1);
}

static void *cross(void *arg)
{
    struct crosser *crosser = arg;
    struct crossing *c = crosser->crossing;
    for (uint64_t i = 1; i <= CROSSINGS; i++) {
        c->written[crosser->index] = i;
        count(c, pawl_barrier_wait(&c->barrier));
        for (int j = 0; j < CROSSERS; j++)
            CHECK_EQ(c->written[j], i);
        CHECK(pawl_barrier_wait_until(&c->barrier, in_ns(HOUR_NS)) >= 0);
    }
    return NULL;
}

/* The same in polls; even crossings are counted, odd ones not. */
static enum pawl_poll cross_in_polls(struct pawl_context *cx, void *arg)
{
    struct crosser *crosser = arg;
    struct crossing *c = crosser->crossing;
    int status = 2;
    while (crosser->crossings < 2 * CROSSINGS) {
        uint64_t number = (uint64_t)crosser->crossings / 2 + 1;
        if (!crosser->arrived && crosser->crossings % 2 == 0)
            c->written[crosser->index] = number;
        crosser->arrived = true;
        if (pawl_barrier_wait_poll(&c->barrier, &crosser->wait, cx, &status) == PAWL_PENDING)
            return PAWL_PENDING;
        crosser->arrived = false;
        if (crosser->crossings++ % 2 == 0) {
            count(c, status);
            for (int j = 0; j < CROSSERS; j++)
                CHECK_EQ(c->written[j], number);
        }
    }
    return PAWL_READY;
}

Test(barrier, lets_all_go_when_all_have_come_again_and_again_with_one_leader)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        struct crossing c = {.barrier = PAWL_BARRIER_INITIALIZER(CROSSERS)};
        struct crosser crossers[CROSSERS];
        struct pawl_task *tasks[CROSSERS];
        for (int i = 0; i < CROSSERS; i++)
            crossers[i] = (struct crosser){.crossing = &c, .index = i};
        pthread_t thread = thread_start(cross, &crossers[0]);
        for (int i = 1; i < CROSSERS; i++) {
            if (i < 3)
                tasks[i] = spawn(rt, cross, &crossers[i]);
            else
                cr_assert_eq(pawl_spawn_poll(rt, cross_in_polls, &crossers[i], &tasks[i]), 0);
        }
        thread_join(thread);
        for (int i = 1; i < CROSSERS; i++)
            join(tasks[i]);
        cr_assert_eq(load_acquire_u32(&c.leaders), CROSSINGS);
        cr_assert_eq(load_acquire_u32(&c.followers), CROSSINGS * (CROSSERS - 1));
        cr_assert_eq(pawl_barrier_fini(&c.barrier), 0);
        finish(rt);
    }
}

static void *wait_once(void *b)
{
    return pointer_of(pawl_barrier_wait(b));
}

Test(barrier, takes_back_the_arrival_of_who_gives_up)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_barrier b = PAWL_BARRIER_INITIALIZER(3);
    struct pawl_task *tasks[3];
    for (int i = 0; i < 2; i++)
        tasks[i] = spawn(rt, wait_once, &b);
    settle(rt);
    cr_assert_eq(pawl_barrier_fini(&b), -EBUSY);
    cr_assert_eq(pawl_task_cancel(tasks[0]), 0);
    cr_assert_eq((intptr_t)join(tasks[0]), -ECANCELED);
    tasks[2] = spawn(rt, wait_once, &b);
    settle(rt);
    cr_assert_eq(pawl_barrier_fini(&b), -EBUSY); /* two have come, the third has not */
    cr_assert_eq(pawl_barrier_wait_until(&b, 0), 1);
    cr_assert_eq((intptr_t)join(tasks[1]), 0);
    cr_assert_eq((intptr_t)join(tasks[2]), 0);
    cr_assert_eq(pawl_barrier_wait_until(&b, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    cr_assert_eq(pawl_barrier_fini(&b), 0);
    finish(rt);
}
