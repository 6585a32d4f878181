/* Mutual exclusion: by whom, in which order, and what a debug build does not forgive. */
#include <signal.h>
#include <string.h>

#include "kinds.h"

#define EACH_MUTEX(m)                                                                                                  \
    struct pawl_mutex m[3] = {PAWL_MUTEX_INITIALIZER};                                                                 \
    cr_assert_eq(pawl_mutex_init(&m[1]), 0);                                                                           \
    memset(&m[2], 0, sizeof m[2])

Test(mutex, is_unlocked_at_first_however_it_was_made)
{
    EACH_MUTEX(m);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(pawl_mutex_fini(&m[i]), 0);
        cr_assert(pawl_mutex_try_lock(&m[i]));
        cr_assert_not(pawl_mutex_try_lock(&m[i]));
        cr_assert_eq(pawl_mutex_fini(&m[i]), -EBUSY);
        pawl_mutex_unlock(&m[i]);
        cr_assert_eq(pawl_mutex_lock(&m[i]), 0);
        pawl_mutex_unlock(&m[i]);
        cr_assert_eq(pawl_mutex_lock_until(&m[i], 0), 0);
        pawl_mutex_unlock(&m[i]);
        cr_assert_eq(pawl_mutex_fini(&m[i]), 0);
    }
}

Test(mutex, is_not_null)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    cr_assert_eq(pawl_mutex_init(NULL), -EINVAL);
    cr_assert_eq(pawl_mutex_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_mutex_lock(NULL), -EINVAL);
    cr_assert_eq(pawl_mutex_lock_until(NULL, 0), -EINVAL);
    cr_assert_not(pawl_mutex_try_lock(NULL));
    cr_assert_eq(pawl_mutex_lock_poll(NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_mutex_unlock(NULL);
}

static enum pawl_poll lock_twice_in_poll(struct pawl_context *cx, void *m)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    CHECK_EQ(pawl_mutex_lock_poll(m, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, 0);
    CHECK_EQ(pawl_mutex_lock_poll(m, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, -EDEADLK);
    CHECK(!pawl_mutex_try_lock(m));
    pawl_mutex_unlock(m);
    return PAWL_READY;
}

static void *lock_twice(void *m)
{
    CHECK_EQ(pawl_mutex_lock(m), 0);
    CHECK_EQ(pawl_mutex_lock(m), -EDEADLK);
    CHECK_EQ(pawl_mutex_lock_until(m, 0), -EDEADLK);
    CHECK_EQ(pawl_mutex_lock_until(m, in_ns(HOUR_NS)), -EDEADLK);
    CHECK(!pawl_mutex_try_lock(m));
    CHECK_EQ(pawl_mutex_fini(m), -EBUSY);
    pawl_mutex_unlock(m);
    return m;
}

Test(mutex, is_not_locked_twice_by_its_holder)
{
    struct pawl_mutex m = PAWL_MUTEX_INITIALIZER;
    struct pawl_runtime *rt = start(1);
    struct pawl_task *task;
    lock_twice(&m);
    run(rt, lock_twice, &m);
    cr_assert_eq(pawl_spawn_poll(rt, lock_twice_in_poll, &m, &task), 0);
    join(task);
    cr_assert_eq(pawl_mutex_fini(&m), 0);
    finish(rt);
}

/* ---- exclusion ---- */

enum { ROUNDS = 300, COUNTERS = 3 };

struct counter {
    struct pawl_mutex mutex;
    uint64_t value; /* plain: ThreadSanitizer looks on */
};

static void *count_up(void *arg)
{
    struct counter *counter = arg;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(pawl_mutex_lock(&counter->mutex), 0);
        uint64_t value = counter->value;
        if (i % 8 == 0)
            CHECK_EQ(pawl_yield(), 0); /* held across a suspension, and on another thread after it */
        counter->value = value + 1;
        pawl_mutex_unlock(&counter->mutex);
    }
    return NULL;
}

static void *count_up_in_time(void *arg)
{
    struct counter *counter = arg;
    for (int i = 0; i < ROUNDS; i++) {
        while (!pawl_mutex_try_lock(&counter->mutex)) {
            int error = pawl_mutex_lock_until(&counter->mutex, in_ns(PAWL_US(50)));
            CHECK(error == 0 || error == -ETIMEDOUT);
            if (error == 0)
                break;
        }
        counter->value++;
        pawl_mutex_unlock(&counter->mutex);
    }
    return NULL;
}

static void *count_up_in_block(void *arg)
{
    CHECK_EQ(pawl_block(count_up_in_time, arg, NULL), 0);
    return NULL;
}

struct stackless_counter {
    struct counter *counter;
    struct pawl_wait wait;
    int rounds;
};

static enum pawl_poll count_up_in_polls(struct pawl_context *cx, void *arg)
{
    struct stackless_counter *s = arg;
    int status = 1;
    while (s->rounds < ROUNDS) {
        if (pawl_mutex_lock_poll(&s->counter->mutex, &s->wait, cx, &status) == PAWL_PENDING)
            return PAWL_PENDING;
        CHECK_EQ(status, 0);
        s->rounds++;
        s->counter->value++;
        pawl_mutex_unlock(&s->counter->mutex);
    }
    return PAWL_READY;
}

static void count_with(int workers)
{
    struct counter counter = {.mutex = PAWL_MUTEX_INITIALIZER};
    struct stackless_counter stackless[COUNTERS] = {0};
    struct pawl_task *tasks[3 * COUNTERS];
    pthread_t threads[2];
    struct pawl_runtime *rt = start(workers);
    for (int i = 0; i < COUNTERS; i++) {
        stackless[i].counter = &counter;
        tasks[3 * i] = spawn(rt, count_up, &counter);
        tasks[3 * i + 1] = spawn(rt, i == 0 ? count_up_in_block : count_up_in_time, &counter);
        cr_assert_eq(pawl_spawn_poll(rt, count_up_in_polls, &stackless[i], &tasks[3 * i + 2]), 0);
    }
    threads[0] = thread_start(count_up, &counter);
    threads[1] = thread_start(count_up_in_time, &counter);
    for (int i = 0; i < 3 * COUNTERS; i++)
        join(tasks[i]);
    for (int i = 0; i < 2; i++)
        thread_join(threads[i]);
    cr_assert_eq(counter.value, (3 * COUNTERS + 2) * ROUNDS);
    cr_assert_eq(pawl_mutex_fini(&counter.mutex), 0);
    finish(rt);
}

Test(mutex, is_held_by_one_at_a_time)
{
    count_with(1);
    count_with(2);
}

/* ---- order ---- */

Test(mutex, queues_tasks_stackless_tasks_and_threads_as_they_come)
{
    struct pawl_runtime *rt = start(2);
    struct object *o = object_open(&kinds[0]);
    struct party parties[6];
    pthread_t threads[2];
    for (int i = 0; i < 6; i++) {
        parties[i] = party_of(o, i);
        if (i % 3 == 0)
            threads[i / 3] = thread_start(party_wait, &parties[i]);
        else if (i % 3 == 1)
            party_start(rt, &parties[i]);
        else
            party_start_poll(rt, &parties[i]);
        permits_await(&o->mutex, (size_t)i + 1);
    }
    object_grant(o);
    for (int i = 0; i < 6; i++) {
        if (i % 3 == 0)
            thread_join(threads[i / 3]);
        else
            party_join(&parties[i]);
        cr_assert_eq(parties[i].status, 0);
        cr_assert_eq(parties[i].rank, parties[0].rank + (uint32_t)i);
    }
    object_close(o);
    finish(rt);
}

struct keeper {
    struct pawl_mutex *mutex;
    struct event locked, end;
};

static void *keep_until_told(void *arg)
{
    struct keeper *keeper = arg;
    CHECK_EQ(pawl_mutex_lock(keeper->mutex), 0);
    event_set(&keeper->locked);
    event_wait(&keeper->end);
    pawl_mutex_unlock(keeper->mutex);
    return NULL;
}

Test(mutex, unlocked_belongs_to_who_waits_not_to_who_comes)
{
    struct pawl_mutex m = PAWL_MUTEX_INITIALIZER;
    struct keeper keeper = {.mutex = &m};
    cr_assert_eq(pawl_mutex_lock(&m), 0);
    pthread_t thread = thread_start(keep_until_told, &keeper);
    permits_await(&m, 1);
    pawl_mutex_unlock(&m);
    cr_assert_not(pawl_mutex_try_lock(&m));
    cr_assert_eq(pawl_mutex_fini(&m), -EBUSY);
    cr_assert_eq(pawl_mutex_lock_until(&m, 0), -ETIMEDOUT);
    event_set(&keeper.end);
    cr_assert_eq(pawl_mutex_lock(&m), 0);
    thread_join(thread);
    pawl_mutex_unlock(&m);
    cr_assert_eq(pawl_mutex_fini(&m), 0);
    expect_no_failure();
}

/* ---- debug builds ---- */

#ifdef PAWL_DEBUG
static void *lock_and_leave(void *m)
{
    CHECK_EQ(pawl_mutex_lock(m), 0);
    return NULL;
}

Test(mutex, unlocked_by_a_stranger_ends_the_process, .signal = SIGABRT)
{
    abort_under_valgrind();
    static struct pawl_mutex m = PAWL_MUTEX_INITIALIZER;
    thread_join(thread_start(lock_and_leave, &m));
    pawl_mutex_unlock(&m);
}

Test(mutex, of_a_task_unlocked_by_a_stranger_ends_the_process, .signal = SIGABRT)
{
    abort_under_valgrind();
    static struct pawl_mutex m = PAWL_MUTEX_INITIALIZER;
    struct pawl_runtime *rt = start(1);
    run(rt, lock_and_leave, &m);
    pawl_mutex_unlock(&m);
}

Test(mutex, unlocked_twice_ends_the_process, .signal = SIGABRT)
{
    static struct pawl_mutex m = PAWL_MUTEX_INITIALIZER;
    cr_assert_eq(pawl_mutex_lock(&m), 0);
    pawl_mutex_unlock(&m);
    pawl_mutex_unlock(&m);
}
#endif
