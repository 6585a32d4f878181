/* Once: exactly once, or again if it failed. */
#include <string.h>

#include "kinds.h"

struct job {
    struct pawl_once once;
    int runs;     /* plain: ThreadSanitizer looks on */
    int failures; /* so many runs fail */
};

static int do_job(void *arg)
{
    struct job *job = arg;
    job->runs++;
    return job->runs <= job->failures ? -EIO : 0;
}

Test(once, runs_its_function_once_however_it_was_made)
{
    struct job jobs[3] = {{.once = PAWL_ONCE_INITIALIZER}};
    cr_assert_eq(pawl_once_init(&jobs[1].once), 0);
    memset(&jobs[2], 0, sizeof jobs[2]);
    for (int i = 0; i < 3; i++) {
        cr_assert_not(pawl_once_done(&jobs[i].once));
        cr_assert_eq(pawl_once_call_until(&jobs[i].once, do_job, &jobs[i], 0), 0);
        cr_assert(pawl_once_done(&jobs[i].once));
        cr_assert_eq(pawl_once_call(&jobs[i].once, do_job, &jobs[i]), 0);
        cr_assert_eq(pawl_once_call_until(&jobs[i].once, do_job, &jobs[i], 0), 0);
        cr_assert_eq(jobs[i].runs, 1);
        cr_assert_eq(pawl_once_fini(&jobs[i].once), 0);
    }
}

Test(once, is_not_null_nor_is_its_function)
{
    struct job job = {.once = PAWL_ONCE_INITIALIZER};
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    cr_assert_eq(pawl_once_init(NULL), -EINVAL);
    cr_assert_eq(pawl_once_fini(NULL), -EINVAL);
    cr_assert_eq(pawl_once_call(NULL, do_job, &job), -EINVAL);
    cr_assert_eq(pawl_once_call(&job.once, NULL, &job), -EINVAL);
    cr_assert_eq(pawl_once_call_until(NULL, do_job, &job, 0), -EINVAL);
    cr_assert_eq(pawl_once_call_until(&job.once, NULL, &job, 0), -EINVAL);
    cr_assert_eq(pawl_once_call_poll(NULL, do_job, &job, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    cr_assert_eq(pawl_once_call_poll(&job.once, NULL, &job, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    cr_assert_not(pawl_once_done(NULL));
    cr_assert_eq(job.runs, 0);
}

Test(once, that_failed_is_run_again_by_the_next)
{
    struct job job = {.once = PAWL_ONCE_INITIALIZER, .failures = 2};
    cr_assert_eq(pawl_once_call(&job.once, do_job, &job), -EIO);
    cr_assert_not(pawl_once_done(&job.once));
    cr_assert_eq(pawl_once_call_until(&job.once, do_job, &job, 0), -EIO);
    cr_assert_eq(pawl_once_call(&job.once, do_job, &job), 0);
    cr_assert_eq(pawl_once_call(&job.once, do_job, &job), 0);
    cr_assert_eq(job.runs, 3);
}

struct caller {
    struct job *job;
    struct pawl_wait wait;
    int status;
};

static int do_slowly(void *arg)
{
    CHECK_EQ(pawl_sleep(PAWL_MS(1)), 0);
    return do_job(arg);
}

static void *call(void *arg)
{
    struct caller *c = arg;
    c->status = pawl_once_call(&c->job->once, do_slowly, c->job);
    CHECK(c->status == -EIO || c->job->runs == c->job->failures + 1);
    return NULL;
}

static enum pawl_poll call_in_polls(struct pawl_context *cx, void *arg)
{
    struct caller *c = arg;
    return pawl_once_call_poll(&c->job->once, do_job, c->job, &c->wait, cx, &c->status);
}

Test(once, called_by_many_runs_until_it_succeeds_and_each_failure_is_told_to_one)
{
    enum { CALLERS = 9 };
    for (int failures = 0; failures < 3; failures++) {
        struct pawl_runtime *rt = start(2);
        struct job job = {.once = PAWL_ONCE_INITIALIZER, .failures = failures};
        struct caller callers[CALLERS];
        struct pawl_task *tasks[CALLERS];
        pthread_t thread;
        int failed = 0;
        for (int i = 0; i < CALLERS; i++) {
            callers[i] = (struct caller){.job = &job, .status = 1};
            if (i == 0)
                thread = thread_start(call, &callers[0]);
            else if (i % 3 == 0)
                cr_assert_eq(pawl_spawn_poll(rt, call_in_polls, &callers[i], &tasks[i]), 0);
            else
                tasks[i] = spawn(rt, call, &callers[i]);
        }
        thread_join(thread);
        for (int i = 1; i < CALLERS; i++)
            join(tasks[i]);
        for (int i = 0; i < CALLERS; i++) {
            cr_assert(callers[i].status == 0 || callers[i].status == -EIO);
            failed += callers[i].status != 0;
        }
        cr_assert_eq(failed, failures);
        cr_assert_eq(job.runs, failures + 1);
        finish(rt);
    }
}

/* ---- inside ---- */

struct own {
    struct pawl_once once;
    struct pawl_wait wait;
    struct pawl_context *cx;
};

static int call_own(void *arg)
{
    struct own *own = arg;
    int status = 1;
    CHECK(!pawl_once_done(&own->once));
    CHECK_EQ(pawl_once_fini(&own->once), -EBUSY);
    CHECK_EQ(pawl_once_call(&own->once, call_own, own), -EDEADLK);
    CHECK_EQ(pawl_once_call_until(&own->once, call_own, own, 0), -EDEADLK);
    CHECK_EQ(pawl_once_call_poll(&own->once, call_own, own, &own->wait, own->cx, &status), PAWL_READY);
    CHECK_EQ(status, -EDEADLK);
    return 0;
}

static void *call_in_task(void *arg)
{
    struct own *own = arg;
    CHECK_EQ(pawl_once_call(&own->once, call_own, own), 0);
    return NULL;
}

static int suspend_in_vain(void *arg)
{
    CHECK_EQ(pawl_sleep(0), -EDEADLK);
    return call_own(arg);
}

static enum pawl_poll call_own_in_poll(struct pawl_context *cx, void *arg)
{
    struct own *own = arg;
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    own->cx = cx;
    CHECK_EQ(pawl_once_call_poll(&own->once, suspend_in_vain, own, &wait, cx, &status), PAWL_READY);
    CHECK_EQ(status, 0);
    return PAWL_READY;
}

Test(once, may_not_be_called_by_its_own_function)
{
    struct pawl_runtime *rt = start(1);
    struct own in_thread = {.once = PAWL_ONCE_INITIALIZER}, in_task = in_thread, in_poll = in_thread;
    struct pawl_task *task;
    call_in_task(&in_thread);
    run(rt, call_in_task, &in_task);
    cr_assert_eq(pawl_spawn_poll(rt, call_own_in_poll, &in_poll, &task), 0);
    join(task);
    cr_assert(pawl_once_done(&in_poll.once));
    cr_assert_eq(pawl_once_fini(&in_poll.once), 0);
    finish(rt);
}
