/* Semaphores: numbers of permits and their limits, batches, and closing. */
#include <signal.h>

#include "kinds.h"

Test(semaphore, has_its_permits_however_it_was_made)
{
    static const uint32_t counts[] = {0, 1, 2, PAWL_SEMAPHORE_MAX - 1, PAWL_SEMAPHORE_MAX};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct pawl_semaphore s[2] = {PAWL_SEMAPHORE_INITIALIZER(counts[i])};
        cr_assert_eq(pawl_semaphore_init(&s[1], counts[i]), 0);
        for (int j = 0; j < 2; j++) {
            cr_assert_eq(pawl_semaphore_available(&s[j]), counts[i]);
            cr_assert_eq(pawl_semaphore_try_acquire(&s[j], counts[i]), counts[i] > 0);
            cr_assert_not(pawl_semaphore_try_acquire(&s[j], 1));
            cr_assert_eq(pawl_semaphore_available(&s[j]), 0);
            pawl_semaphore_release(&s[j], counts[i]);
            cr_assert_eq(pawl_semaphore_available(&s[j]), counts[i]);
            cr_assert_eq(pawl_semaphore_fini(&s[j]), 0);
        }
    }
}

Test(semaphore, refuses_what_makes_no_sense)
{
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(PAWL_SEMAPHORE_MAX);
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    static const uint32_t wrong[] = {0, (uint32_t)PAWL_SEMAPHORE_MAX + 1, UINT32_MAX};
    int status = 1;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        cr_assert_eq(pawl_semaphore_acquire(&s, wrong[i]), -EINVAL);
        cr_assert_eq(pawl_semaphore_acquire_until(&s, wrong[i], 0), -EINVAL);
        cr_assert_not(pawl_semaphore_try_acquire(&s, wrong[i]));
        cr_assert_eq(pawl_semaphore_acquire_poll(&s, wrong[i], &wait, NULL, &status), PAWL_READY);
        cr_assert_eq(status, -EINVAL);
    }
    cr_assert_eq(pawl_semaphore_init(&s, (uint32_t)PAWL_SEMAPHORE_MAX + 1), -EINVAL);
    cr_assert_eq(pawl_semaphore_init(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_semaphore_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_semaphore_acquire(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_semaphore_acquire_until(NULL, 1, 0), -EINVAL);
    cr_assert_eq(pawl_semaphore_acquire_poll(NULL, 1, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    cr_assert_not(pawl_semaphore_try_acquire(NULL, 1));
    cr_assert_eq(pawl_semaphore_available(NULL), 0);
    pawl_semaphore_release(NULL, 1);
    pawl_semaphore_close(NULL);
    cr_assert_eq(pawl_semaphore_available(&s), PAWL_SEMAPHORE_MAX);
}

Test(semaphore, gives_all_or_none)
{
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(3);
    cr_assert_not(pawl_semaphore_try_acquire(&s, 4));
    cr_assert_eq(pawl_semaphore_acquire_until(&s, 4, 0), -ETIMEDOUT);
    cr_assert_eq(pawl_semaphore_acquire_until(&s, 4, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    cr_assert_eq(pawl_semaphore_available(&s), 3);
    cr_assert_eq(pawl_semaphore_acquire_until(&s, 3, 0), 0);
    pawl_semaphore_release(&s, 0);
    cr_assert_eq(pawl_semaphore_available(&s), 0);
}

/* ---- order ---- */

struct taker {
    struct pawl_semaphore *semaphore;
    uint32_t n;
    int status;
    struct event done;
    struct pawl_task *task;
};

static void *take(void *arg)
{
    struct taker *t = arg;
    t->status = pawl_semaphore_acquire(t->semaphore, t->n);
    event_set(&t->done);
    return NULL;
}

static void take_in_turn(struct pawl_runtime *rt, struct pawl_semaphore *s, struct taker *takers, const uint32_t *n,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        takers[i] = (struct taker){.semaphore = s, .n = n[i], .status = 1};
        takers[i].task = spawn(rt, take, &takers[i]);
        permits_await(s, i + 1);
    }
}

static void expect_done(struct pawl_runtime *rt, struct taker *takers, const char *marks)
{
    settle(rt);
    for (size_t i = 0; marks[i] != '\0'; i++)
        cr_assert_eq(event_is_set(&takers[i].done), marks[i] == '+', "taker %zu of %s", i, marks);
}

Test(semaphore, batch_is_not_overtaken_by_small_ones)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(2);
    struct taker takers[4];
    take_in_turn(rt, &s, takers, (const uint32_t[]){5, 1, 3, 1}, 4);
    cr_assert_not(pawl_semaphore_try_acquire(&s, 1));
    cr_assert_eq(pawl_semaphore_acquire_until(&s, 1, 0), -ETIMEDOUT);
    cr_assert_eq(pawl_semaphore_fini(&s), -EBUSY);
    expect_done(rt, takers, "----");
    pawl_semaphore_release(&s, 2);
    expect_done(rt, takers, "----");
    cr_assert_eq(pawl_semaphore_available(&s), 4);
    pawl_semaphore_release(&s, 2);
    expect_done(rt, takers, "++--");
    pawl_semaphore_release(&s, 5);
    expect_done(rt, takers, "++++");
    cr_assert_eq(pawl_semaphore_available(&s), 1);
    for (int i = 0; i < 4; i++)
        join(takers[i].task);
    cr_assert_eq(pawl_semaphore_fini(&s), 0);
    finish(rt);
}

Test(semaphore, batch_that_gives_up_lets_the_small_ones_go)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(3);
    struct taker takers[3];
    take_in_turn(rt, &s, takers, (const uint32_t[]){4, 2, 2}, 3);
    cr_assert_eq(pawl_task_cancel(takers[0].task), 0);
    join(takers[0].task);
    cr_assert_eq(takers[0].status, -ECANCELED);
    expect_done(rt, takers, "++-");
    cr_assert_eq(pawl_semaphore_available(&s), 1);
    pawl_semaphore_release(&s, 1);
    join(takers[1].task);
    join(takers[2].task);
    cr_assert_eq(takers[2].status, 0);
    cr_assert_eq(pawl_semaphore_available(&s), 0);
    finish(rt);
}

Test(semaphore, of_the_maximum_is_taken_as_one)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(PAWL_SEMAPHORE_MAX - 1);
    struct taker taker;
    take_in_turn(rt, &s, &taker, (const uint32_t[]){PAWL_SEMAPHORE_MAX}, 1);
    pawl_semaphore_release(&s, 1);
    join(taker.task);
    cr_assert_eq(taker.status, 0);
    cr_assert_eq(pawl_semaphore_available(&s), 0);
    pawl_semaphore_release(&s, PAWL_SEMAPHORE_MAX);
    cr_assert_eq(pawl_semaphore_available(&s), PAWL_SEMAPHORE_MAX);
    finish(rt);
}

/* ---- closing ---- */

static enum pawl_poll take_closed_in_poll(struct pawl_context *cx, void *s)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    CHECK_EQ(pawl_semaphore_acquire_poll(s, 1, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, -EPIPE);
    return PAWL_READY;
}

Test(semaphore, closed_gives_no_permits_and_takes_them_back)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(2);
    struct taker takers[3];
    struct pawl_task *task;
    take_in_turn(rt, &s, takers, (const uint32_t[]){3, 1, 1}, 3);
    pthread_t thread = thread_start(take, &(struct taker){.semaphore = &s, .n = 1});
    permits_await(&s, 4);
    pawl_semaphore_close(&s);
    pawl_semaphore_close(&s);
    for (int i = 0; i < 3; i++) {
        join(takers[i].task);
        cr_assert_eq(takers[i].status, -EPIPE);
    }
    thread_join(thread);
    cr_assert_eq(pawl_semaphore_acquire(&s, 1), -EPIPE);
    cr_assert_eq(pawl_semaphore_acquire_until(&s, 1, 0), -EPIPE);
    cr_assert_not(pawl_semaphore_try_acquire(&s, 1));
    cr_assert_eq(pawl_spawn_poll(rt, take_closed_in_poll, &s, &task), 0);
    join(task);
    pawl_semaphore_release(&s, 5);
    cr_assert_eq(pawl_semaphore_available(&s), 7);
    cr_assert_eq(pawl_semaphore_acquire(&s, 1), -EPIPE);
    cr_assert_eq(pawl_semaphore_fini(&s), 0);
    finish(rt);
}

static void use_in_callback(struct pawl_timer *timer, void *s, int status)
{
    (void)timer, (void)status;
    CHECK(!pawl_semaphore_try_acquire(s, 1));
    pawl_semaphore_release(s, 3);
}

Test(semaphore, is_released_from_a_timer_callback)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(0);
    struct pawl_timer timer;
    pawl_timer_init(&timer, use_in_callback, &s);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_semaphore_acquire(&s, 3), 0);
    pawl_timer_cancel_sync(&timer);
    finish(rt);
}

/* ---- under load ---- */

struct pool {
    struct pawl_semaphore semaphore;
    PAWL_ATOMIC(uint32_t) used;
};

enum { POOL = 5 };

static void *use_pool(void *arg)
{
    struct pool *pool = arg;
    for (uint32_t i = 0; i < 400; i++) {
        uint32_t n = i % POOL + 1;
        int error = i % 3 == 0 ? pawl_semaphore_acquire_until(&pool->semaphore, n, in_ns(PAWL_US(30)))
                               : pawl_semaphore_acquire(&pool->semaphore, n);
        CHECK(error == 0 || (i % 3 == 0 && error == -ETIMEDOUT));
        if (error != 0)
            continue;
        CHECK(fetch_add_acq_rel_u32(&pool->used, n) + n <= POOL);
        if (i % 16 == 0)
            CHECK_EQ(pawl_yield(), 0);
        fetch_add_acq_rel_u32(&pool->used, -n);
        pawl_semaphore_release(&pool->semaphore, n);
    }
    return NULL;
}

Test(semaphore, conserves_its_permits)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        struct pool pool = {.semaphore = PAWL_SEMAPHORE_INITIALIZER(POOL)};
        struct pawl_task *tasks[6];
        for (int i = 0; i < 6; i++)
            tasks[i] = spawn(rt, use_pool, &pool);
        pthread_t thread = thread_start(use_pool, &pool);
        for (int i = 0; i < 6; i++)
            join(tasks[i]);
        thread_join(thread);
        cr_assert_eq(pawl_semaphore_available(&pool.semaphore), POOL);
        cr_assert_eq(pawl_semaphore_fini(&pool.semaphore), 0);
        finish(rt);
    }
}

/* ---- beyond the maximum ---- */

#ifdef PAWL_DEBUG
Test(semaphore, released_beyond_its_maximum_ends_the_process, .signal = SIGABRT)
{
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(PAWL_SEMAPHORE_MAX);
    pawl_semaphore_release(&s, 1);
}
#else
Test(semaphore, released_beyond_its_maximum_stays_there)
{
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(PAWL_SEMAPHORE_MAX - 1);
    pawl_semaphore_release(&s, 2);
    cr_assert_eq(pawl_semaphore_available(&s), PAWL_SEMAPHORE_MAX);
    pawl_semaphore_release(&s, UINT32_MAX);
    cr_assert_eq(pawl_semaphore_available(&s), PAWL_SEMAPHORE_MAX);
    cr_assert(pawl_semaphore_try_acquire(&s, PAWL_SEMAPHORE_MAX));
}
#endif
