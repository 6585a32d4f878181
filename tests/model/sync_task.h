/* What the scenarios of sync_task.c and sync_poll.c have in common: objects in memory of their own, a runtime built by
 * hand, threads that grant. */
#ifndef TESTS_MODEL_SYNC_TASK_H
#define TESTS_MODEL_SYNC_TASK_H

#include "tests/model/waker.h"

#include <pawl/sync.h>

static struct pawl_task *task;
static struct pawl_mutex *mutex;
static struct pawl_condition *condition;
static struct pawl_semaphore *semaphore;
static struct pawl_channel *channel;
static unsigned long item;
static bool done; /* plain, under the mutex */

static inline void create_semaphore(void)
{
    semaphore = malloc(sizeof *semaphore);
    MODEL_ASSERT(pawl_semaphore_init(semaphore, 0) == 0);
}

static inline void destroy_semaphore(void)
{
    MODEL_ASSERT(pawl_semaphore_fini(semaphore) == 0);
    free(semaphore);
}

/* It suspends. */
static inline void spawn_task(pawl_task_fn *fn)
{
    build(1);
    MODEL_ASSERT(pawl_spawn(rt, fn, NULL, &task) == 0);
    work_as_worker(NULL);
    MODEL_ASSERT(task_life(task) == TASK_SUSPENDED);
}

/* Its first poll is over. */
static inline void spawn_poll(pawl_poll_fn *fn)
{
    build(1);
    MODEL_ASSERT(pawl_spawn_poll(rt, fn, &waker, &task) == 0);
    work_as_worker(NULL);
    MODEL_ASSERT(task_life(task) == TASK_SUSPENDED);
}

/* It has ended after what is to be run has been run. */
static inline void end_task(void)
{
    work_as_worker(NULL);
    MODEL_ASSERT(task_life(task) == TASK_FINISHED);
    pawl_detach(task);
    tear_down();
}

static inline void create_mutex(void)
{
    mutex = malloc(sizeof *mutex);
    condition = malloc(sizeof *condition);
    MODEL_ASSERT(pawl_mutex_init(mutex) == 0 && pawl_condition_init(condition) == 0);
}

static inline void destroy_mutex(void)
{
    MODEL_ASSERT(pawl_mutex_fini(mutex) == 0 && pawl_condition_fini(condition) == 0);
    free(mutex);
    free(condition);
}

/* ---- threads ---- */

static inline void release_one(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_semaphore_release(semaphore, 1);
}

static inline void send_one(void *unused)
{
    (void)unused;
    unsigned long value = 1;
    MODEL_ASSERT(pawl_channel_send(channel, &value) == 0);
}

static inline void cancel_task(void *unused)
{
    (void)unused;
    int error = pawl_task_cancel(task);
    MODEL_ASSERT(error == 0 || error == -EALREADY);
}

static inline void lock_and_signal(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    done = true;
    pawl_condition_signal(condition);
    pawl_mutex_unlock(mutex);
}

static inline void lock_and_unlock(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    done = false;
    pawl_mutex_unlock(mutex);
}

static inline void signal_only(void *unused)
{
    (void)unused;
    pawl_condition_signal(condition);
}

/* ---- selects ---- */

static struct pawl_case *cases;

static inline void create_for_select(void)
{
    create_semaphore();
    MODEL_ASSERT(pawl_channel_create(&channel, 1, sizeof item) == 0);
}

static inline void set_cases(void)
{
    cases = calloc(2, sizeof *cases);
    pawl_case_semaphore(&cases[0], semaphore, 1);
    pawl_case_receive(&cases[1], channel, &item);
}

/* What the select did not take is still there. */
static inline void check_what_is_left(void)
{
    unsigned long left = 0;
    bool received = pawl_channel_try_receive(channel, &left) != 0;
    MODEL_ASSERT(pawl_semaphore_available(semaphore) == (answer[0] != 0));
    MODEL_ASSERT(received == (answer[0] == 1) && item == (answer[0] == 1));
    model_outcome("%s", answer[0] == 1 ? "1" : name_of(answer[0]));
    pawl_channel_destroy(channel);
    destroy_semaphore();
}

#endif
