/* Watches: the latest value, and no other. */
#include <signal.h>
#include <string.h>

#include "kinds.h"

static struct pawl_watch *watch_of(uint64_t initial)
{
    struct pawl_watch *w = NULL;
    cr_assert_eq(pawl_watch_create(&w, &initial, sizeof initial), 0);
    return w;
}

Test(watch, refuses_what_makes_no_sense)
{
    struct pawl_watch *w = NULL;
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    uint64_t value = 1, version = 0;
    int status = 1;
    cr_assert_eq(pawl_watch_create(NULL, &value, sizeof value), -EINVAL);
    cr_assert_eq(pawl_watch_create(&w, NULL, sizeof value), -EINVAL);
    cr_assert_eq(pawl_watch_create(&w, &value, 0), -EINVAL);
    cr_assert_eq(pawl_watch_create(&w, &value, SIZE_MAX), -EINVAL);
    cr_assert_null(w);
    w = watch_of(1);
    cr_assert_eq(pawl_watch_send(NULL, &value), -EINVAL);
    cr_assert_eq(pawl_watch_send(w, NULL), -EINVAL);
    cr_assert_eq(pawl_watch_read(NULL, &value, &version), -EINVAL);
    cr_assert_eq(pawl_watch_read(w, NULL, &version), -EINVAL);
    cr_assert_eq(pawl_watch_wait(NULL, &value, &version), -EINVAL);
    cr_assert_eq(pawl_watch_wait(w, &value, NULL), -EINVAL);
    cr_assert_eq(pawl_watch_wait_until(NULL, &value, &version, 0), -EINVAL);
    cr_assert_eq(pawl_watch_wait_until(w, &value, NULL, 0), -EINVAL);
    cr_assert_eq(pawl_watch_wait_poll(w, &value, NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_watch_close(NULL);
    pawl_watch_destroy(NULL);
    pawl_watch_destroy(w);
}

Test(watch, has_a_value_from_the_beginning)
{
    struct pawl_watch *w = watch_of(5);
    uint64_t value = 0, version = 0;
    cr_assert_eq(pawl_watch_read(w, &value, NULL), 0);
    cr_assert_eq(value, 5);
    value = 0;
    cr_assert_eq(pawl_watch_wait(w, &value, &version), 0);
    cr_assert_eq(value, 5);
    cr_assert_eq(version, 1);
    cr_assert_eq(pawl_watch_wait_until(w, &value, &version, 0), -ETIMEDOUT);
    cr_assert_eq(pawl_watch_wait_until(w, &value, &version, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    cr_assert_eq(version, 1);
    pawl_watch_destroy(w);
}

Test(watch, skips_values_and_counts_versions)
{
    struct pawl_watch *w = watch_of(0);
    uint64_t value = 0, version = 1;
    for (uint64_t i = 1; i <= 10; i++)
        cr_assert_eq(pawl_watch_send(w, &i), 0);
    cr_assert_eq(pawl_watch_wait_until(w, &value, &version, 0), 0);
    cr_assert_eq(value, 10);
    cr_assert_eq(version, 11);
    version = 99; /* not the latest, whatever it is */
    cr_assert_eq(pawl_watch_wait(w, NULL, &version), 0);
    cr_assert_eq(version, 11);
    cr_assert_eq(pawl_watch_read(w, &value, &version), 0);
    cr_assert_eq(version, 11);
    pawl_watch_destroy(w);
}

Test(watch, carries_values_of_any_size)
{
    static const size_t sizes[] = {1, 8, 40, 4096};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct pawl_watch *w;
        unsigned char in[4096], out[4096] = {0};
        uint64_t version = 1;
        memset(in, 0xa5, sizeof in);
        cr_assert_eq(pawl_watch_create(&w, in, sizes[i]), 0);
        memset(in, 0x5a, sizeof in);
        cr_assert_eq(pawl_watch_send(w, in), 0);
        cr_assert_eq(pawl_watch_wait(w, out, &version), 0);
        cr_assert_arr_eq(out, in, sizes[i]);
        cr_assert(sizes[i] == sizeof out || out[sizes[i]] == 0);
        pawl_watch_destroy(w);
    }
}

Test(watch, closed_ends_for_those_who_have_the_latest)
{
    struct pawl_watch *w = watch_of(1);
    uint64_t value = 0, version = 0;
    cr_assert_eq(pawl_watch_send(w, &(uint64_t){2}), 0);
    pawl_watch_close(w);
    pawl_watch_close(w);
    cr_assert_eq(pawl_watch_send(w, &value), -EPIPE);
    cr_assert_eq(pawl_watch_wait(w, &value, &version), 0);
    cr_assert_eq(value, 2);
    cr_assert_eq(pawl_watch_wait(w, &value, &version), -EPIPE);
    cr_assert_eq(pawl_watch_wait_until(w, &value, &version, 0), -EPIPE);
    cr_assert_eq(version, 2);
    value = 0;
    cr_assert_eq(pawl_watch_read(w, &value, NULL), 0);
    cr_assert_eq(value, 2);
    pawl_watch_destroy(w);
}

/* ---- those who wait ---- */

struct watcher {
    struct pawl_watch *watch;
    struct pawl_wait wait;
    uint64_t value, version, seen;
    int status;
};

static void see(struct watcher *w)
{
    CHECK_EQ(w->value, w->version * 3);
    CHECK(w->version > w->seen);
    w->seen = w->version;
}

static void *watch_all(void *arg)
{
    struct watcher *w = arg;
    while ((w->status = pawl_watch_wait(w->watch, &w->value, &w->version)) == 0)
        see(w);
    return NULL;
}

static enum pawl_poll watch_in_polls(struct pawl_context *cx, void *arg)
{
    struct watcher *w = arg;
    for (;;) {
        if (pawl_watch_wait_poll(w->watch, &w->value, &w->version, &w->wait, cx, &w->status) == PAWL_PENDING)
            return PAWL_PENDING;
        if (w->status != 0)
            return PAWL_READY;
        see(w);
    }
}

Test(watch, shows_all_who_watch_the_last_value_and_each_version_once)
{
    enum { COUNT = 6, VALUES = 2000 };
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        struct pawl_watch *w = watch_of(3);
        struct watcher watchers[COUNT] = {0};
        struct pawl_task *tasks[COUNT];
        pthread_t thread = 0;
        for (int i = 0; i < COUNT; i++) {
            watchers[i].watch = w;
            if (i == 0)
                thread = thread_start(watch_all, &watchers[i]);
            else if (i % 2)
                tasks[i] = spawn(rt, watch_all, &watchers[i]);
            else
                cr_assert_eq(pawl_spawn_poll(rt, watch_in_polls, &watchers[i], &tasks[i]), 0);
        }
        for (uint64_t i = 2; i <= VALUES; i++)
            cr_assert_eq(pawl_watch_send(w, &(uint64_t){3 * i}), 0);
        pawl_watch_close(w);
        thread_join(thread);
        for (int i = 1; i < COUNT; i++)
            join(tasks[i]);
        for (int i = 0; i < COUNT; i++) {
            cr_assert_eq(watchers[i].status, -EPIPE);
            cr_assert_eq(watchers[i].seen, VALUES);
        }
        pawl_watch_destroy(w);
        finish(rt);
    }
}

static void send_in_callback(struct pawl_timer *timer, void *w, int status)
{
    uint64_t value = 0, version = 0;
    (void)timer, (void)status;
    CHECK_EQ(pawl_watch_send(w, &(uint64_t){7}), 0);
    CHECK_EQ(pawl_watch_read(w, &value, &version), 0);
    CHECK_EQ(value, 7);
    pawl_watch_close(w);
}

Test(watch, is_sent_and_read_in_a_timer_callback)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_watch *w = watch_of(1);
    struct pawl_timer timer;
    uint64_t value = 0, version = 1;
    pawl_timer_init(&timer, send_in_callback, w);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_watch_wait(w, &value, &version), 0);
    cr_assert_eq(value, 7);
    pawl_timer_cancel_sync(&timer);
    pawl_watch_destroy(w);
    finish(rt);
}

#ifdef PAWL_DEBUG
Test(watch, destroyed_while_somebody_waits_ends_the_process, .signal = SIGABRT)
{
    abort_under_valgrind();
    static struct watcher watcher;
    struct pawl_runtime *rt = start(1);
    watcher.watch = watch_of(3);
    spawn(rt, watch_all, &watcher);
    settle(rt);
    pawl_watch_destroy(watcher.watch);
}
#endif
