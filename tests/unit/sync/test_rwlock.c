/* Readers-writer lock: together, alone, and in which order. */
#include <signal.h>

#include "kinds.h"

Test(rwlock, is_unlocked_at_first_however_it_was_made)
{
    struct pawl_rwlock l[2] = {PAWL_RWLOCK_INITIALIZER};
    cr_assert_eq(pawl_rwlock_init(&l[1]), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pawl_rwlock_fini(&l[i]), 0);
        cr_assert(pawl_rwlock_try_write(&l[i]));
        cr_assert_eq(pawl_rwlock_fini(&l[i]), -EBUSY);
        cr_assert_not(pawl_rwlock_try_read(&l[i]));
        pawl_rwlock_unlock(&l[i]);
        cr_assert(pawl_rwlock_try_read(&l[i]));
        cr_assert_eq(pawl_rwlock_fini(&l[i]), -EBUSY);
        cr_assert_not(pawl_rwlock_try_write(&l[i]));
        pawl_rwlock_unlock(&l[i]);
        cr_assert_eq(pawl_rwlock_read_until(&l[i], 0), 0);
        pawl_rwlock_unlock(&l[i]);
        cr_assert_eq(pawl_rwlock_write_until(&l[i], 0), 0);
        pawl_rwlock_unlock(&l[i]);
        cr_assert_eq(pawl_rwlock_fini(&l[i]), 0);
    }
}

Test(rwlock, is_not_null)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    cr_assert_eq(pawl_rwlock_init(NULL), -EINVAL);
    cr_assert_eq(pawl_rwlock_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_rwlock_read(NULL), -EINVAL);
    cr_assert_eq(pawl_rwlock_read_until(NULL, 0), -EINVAL);
    cr_assert_eq(pawl_rwlock_write(NULL), -EINVAL);
    cr_assert_eq(pawl_rwlock_write_until(NULL, 0), -EINVAL);
    cr_assert_not(pawl_rwlock_try_read(NULL));
    cr_assert_not(pawl_rwlock_try_write(NULL));
    cr_assert_eq(pawl_rwlock_read_poll(NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    cr_assert_eq(pawl_rwlock_write_poll(NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_rwlock_downgrade(NULL);
    pawl_rwlock_unlock(NULL);
}

/* ---- who may hold it together ---- */

static void *expect_readable_only(void *l)
{
    CHECK_EQ(pawl_rwlock_read(l), 0);
    CHECK_EQ(pawl_rwlock_write_until(l, 0), -ETIMEDOUT);
    CHECK(!pawl_rwlock_try_write(l));
    pawl_rwlock_unlock(l);
    return NULL;
}

static void *expect_neither(void *l)
{
    CHECK_EQ(pawl_rwlock_read_until(l, 0), -ETIMEDOUT);
    CHECK_EQ(pawl_rwlock_write_until(l, 0), -ETIMEDOUT);
    CHECK(!pawl_rwlock_try_read(l));
    CHECK(!pawl_rwlock_try_write(l));
    return NULL;
}

Test(rwlock, is_read_by_many_or_written_by_one)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    cr_assert_eq(pawl_rwlock_read(&l), 0);
    run(rt, expect_readable_only, &l);
    thread_join(thread_start(expect_readable_only, &l));
    pawl_rwlock_unlock(&l);
    cr_assert_eq(pawl_rwlock_write(&l), 0);
    run(rt, expect_neither, &l);
    thread_join(thread_start(expect_neither, &l));
    pawl_rwlock_unlock(&l);
    cr_assert_eq(pawl_rwlock_fini(&l), 0);
    finish(rt);
}

static enum pawl_poll expect_writer_refused_in_poll(struct pawl_context *cx, void *l)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    CHECK_EQ(pawl_rwlock_write_poll(l, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, 0);
    CHECK_EQ(pawl_rwlock_write_poll(l, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, -EDEADLK);
    CHECK_EQ(pawl_rwlock_read_poll(l, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, -EDEADLK);
    pawl_rwlock_unlock(l);
    return PAWL_READY;
}

static void *expect_writer_refused(void *l)
{
    CHECK_EQ(pawl_rwlock_write(l), 0);
    CHECK_EQ(pawl_rwlock_write(l), -EDEADLK);
    CHECK_EQ(pawl_rwlock_write_until(l, 0), -EDEADLK);
    CHECK_EQ(pawl_rwlock_read(l), -EDEADLK);
    CHECK_EQ(pawl_rwlock_read_until(l, 0), -EDEADLK);
    pawl_rwlock_unlock(l);
    return NULL;
}

Test(rwlock, is_not_locked_twice_by_its_writer)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    struct pawl_task *task;
    expect_writer_refused(&l);
    run(rt, expect_writer_refused, &l);
    cr_assert_eq(pawl_spawn_poll(rt, expect_writer_refused_in_poll, &l, &task), 0);
    join(task);
    cr_assert_eq(pawl_rwlock_fini(&l), 0);
    finish(rt);
}

Test(rwlock, downgraded_lets_readers_in_and_no_writer)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    cr_assert_eq(pawl_rwlock_write(&l), 0);
    pawl_rwlock_downgrade(&l);
    run(rt, expect_readable_only, &l);
    cr_assert_eq(pawl_rwlock_write_until(&l, 0), -ETIMEDOUT);
    pawl_rwlock_unlock(&l);
    cr_assert_eq(pawl_rwlock_fini(&l), 0);
    finish(rt);
}

/* ---- order: what each letter asks for, while the lock is written ---- */

struct asker {
    struct pawl_rwlock *lock;
    bool writes;
    struct event held, leave;
    int status;
    struct pawl_task *task;
};

static void *hold_until_told(void *arg)
{
    struct asker *asker = arg;
    asker->status = asker->writes ? pawl_rwlock_write(asker->lock) : pawl_rwlock_read(asker->lock);
    if (asker->status != 0)
        return NULL;
    event_set(&asker->held);
    while (!event_is_set(&asker->leave))
        CHECK_EQ(pawl_sleep(PAWL_US(200)), 0);
    pawl_rwlock_unlock(asker->lock);
    return NULL;
}

static void ask_in_turn(struct pawl_runtime *rt, struct pawl_rwlock *l, struct asker *askers, const char *letters)
{
    for (size_t i = 0; letters[i] != '\0'; i++) {
        askers[i] = (struct asker){.lock = l, .writes = letters[i] == 'w'};
        askers[i].task = spawn(rt, hold_until_told, &askers[i]);
        permits_await(l, i + 1);
    }
}

static void expect_held(struct asker *askers, const char *marks)
{
    for (size_t i = 0; marks[i] != '\0'; i++) {
        if (marks[i] == '+')
            event_wait(&askers[i].held);
        cr_assert_eq(event_is_set(&askers[i].held), marks[i] != '-', "asker %zu of %s", i, marks);
    }
}

static void leave(struct asker *asker)
{
    event_set(&asker->leave);
    join(asker->task);
}

Test(rwlock, is_granted_in_the_order_of_asking_neighbouring_readers_together)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    struct asker askers[6];
    cr_assert_eq(pawl_rwlock_write(&l), 0);
    ask_in_turn(rt, &l, askers, "rrwwrr");
    pawl_rwlock_unlock(&l);
    expect_held(askers, "++----");
    leave(&askers[0]);
    expect_held(askers, "++----");
    cr_assert_not(pawl_rwlock_try_read(&l)); /* a reader that comes after a waiting writer */
    cr_assert_eq(pawl_rwlock_read_until(&l, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    leave(&askers[1]);
    expect_held(askers, "+++---");
    leave(&askers[2]);
    expect_held(askers, "++++--");
    leave(&askers[3]);
    expect_held(askers, "++++++");
    leave(&askers[4]);
    leave(&askers[5]);
    cr_assert_eq(pawl_rwlock_fini(&l), 0);
    finish(rt);
}

Test(rwlock, downgraded_grants_the_readers_at_the_head_of_the_queue)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    struct asker askers[4];
    cr_assert_eq(pawl_rwlock_write(&l), 0);
    ask_in_turn(rt, &l, askers, "rrwr");
    pawl_rwlock_downgrade(&l);
    expect_held(askers, "++--");
    leave(&askers[0]);
    leave(&askers[1]);
    expect_held(askers, "++--");
    pawl_rwlock_unlock(&l);
    expect_held(askers, "+++-");
    leave(&askers[2]);
    expect_held(askers, "++++");
    leave(&askers[3]);
    cr_assert_eq(pawl_rwlock_fini(&l), 0);
    finish(rt);
}

Test(rwlock, grants_the_readers_behind_a_writer_that_gives_up)
{
    struct pawl_runtime *rt = start(2);
    struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    struct asker askers[2];
    cr_assert_eq(pawl_rwlock_read(&l), 0);
    ask_in_turn(rt, &l, askers, "wr");
    cr_assert_eq(pawl_task_cancel(askers[0].task), 0);
    event_wait(&askers[1].held);
    leave(&askers[1]);
    pawl_rwlock_unlock(&l);
    join(askers[0].task);
    cr_assert_eq(askers[0].status, -ECANCELED);
    cr_assert_eq(pawl_rwlock_fini(&l), 0);
    finish(rt);
}

/* ---- under load ---- */

struct shared {
    struct pawl_rwlock lock;
    uint64_t a, b; /* equal but for a writer */
};

static void *read_often(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(pawl_rwlock_read(&s->lock), 0);
        CHECK_EQ(s->a, s->b);
        if (i % 16 == 0)
            CHECK_EQ(pawl_yield(), 0);
        pawl_rwlock_unlock(&s->lock);
    }
    return NULL;
}

static void *write_often(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(pawl_rwlock_write(&s->lock), 0);
        s->a++;
        if (i % 16 == 0)
            CHECK_EQ(pawl_yield(), 0);
        s->b++;
        if (i % 2 == 0) {
            pawl_rwlock_downgrade(&s->lock);
            CHECK_EQ(s->a, s->b);
        }
        pawl_rwlock_unlock(&s->lock);
    }
    return NULL;
}

Test(rwlock, shows_no_reader_half_of_what_a_writer_writes)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        struct shared s = {.lock = PAWL_RWLOCK_INITIALIZER};
        struct pawl_task *tasks[6];
        for (int i = 0; i < 6; i++)
            tasks[i] = spawn(rt, i < 4 ? read_often : write_often, &s);
        pthread_t reader = thread_start(read_often, &s), writer = thread_start(write_often, &s);
        for (int i = 0; i < 6; i++)
            join(tasks[i]);
        thread_join(reader);
        thread_join(writer);
        cr_assert_eq(s.a, 600);
        cr_assert_eq(s.b, 600);
        cr_assert_eq(pawl_rwlock_fini(&s.lock), 0);
        finish(rt);
    }
}

/* ---- debug builds ---- */

#ifdef PAWL_DEBUG
static void *write_and_leave(void *l)
{
    CHECK_EQ(pawl_rwlock_write(l), 0);
    return NULL;
}

Test(rwlock, written_by_another_and_unlocked_ends_the_process, .signal = SIGABRT)
{
    abort_under_valgrind();
    static struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    thread_join(thread_start(write_and_leave, &l));
    pawl_rwlock_unlock(&l);
}

Test(rwlock, unlocked_when_nobody_holds_it_ends_the_process, .signal = SIGABRT)
{
    static struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    pawl_rwlock_unlock(&l);
}

Test(rwlock, downgraded_by_a_reader_ends_the_process, .signal = SIGABRT)
{
    static struct pawl_rwlock l = PAWL_RWLOCK_INITIALIZER;
    cr_assert_eq(pawl_rwlock_read(&l), 0);
    pawl_rwlock_downgrade(&l);
}
#endif
