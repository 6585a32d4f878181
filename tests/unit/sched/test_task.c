/* The table of a task's life: every event in every state. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slab.h"
#include "sched/join.h"
#include "sched/task.h"
#include "sched/waiter.h"
#include "tests/support/valgrind.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static struct slab *slab;

static struct pawl_task *task_in(uint64_t state)
{
    const struct pawl_allocator libc = {0};
    if (slab == NULL)
        slab = pawl__slab_create(&libc, TASK_SIZE);
    struct pawl_task *task = pawl__slab_alloc_shared(slab);
    store_release_u64(&task->state, state);
    task->running = false;
    return task;
}

static uint64_t state_of(const struct pawl_task *task)
{
    return load_acquire_u64(&task->state);
}

/* Flags and references that no event of the table is to touch. */
#define KEPT (TASK_CANCELLED | TASK_PERMIT | 5 * TASK_REF)

enum event { BEGIN, TAKE_NOTICE, SUSPEND, YIELD, FINISH, WAKE, WAKE_WITH_PERMIT };

struct row {
    uint64_t from;
    enum event event;
    uint64_t to;
    bool answer; /* queue it; or, it was woken */
};

static const struct row table[] = {
    {TASK_AWAKE, BEGIN, TASK_AWAKE, false},
    {TASK_AWAKE | TASK_NOTIFIED, BEGIN, TASK_AWAKE | TASK_NOTIFIED, false},
    {TASK_AWAKE, TAKE_NOTICE, TASK_AWAKE, false},
    {TASK_AWAKE | TASK_NOTIFIED, TAKE_NOTICE, TASK_AWAKE, true},
    {TASK_AWAKE, SUSPEND, TASK_SUSPENDED, false},
    {TASK_AWAKE | TASK_NOTIFIED, SUSPEND, TASK_AWAKE, true},
    {TASK_AWAKE, YIELD, TASK_AWAKE, false},
    {TASK_AWAKE | TASK_NOTIFIED, YIELD, TASK_AWAKE | TASK_NOTIFIED, false},
    {TASK_AWAKE, FINISH, TASK_FINISHED, false},
    {TASK_AWAKE | TASK_NOTIFIED, FINISH, TASK_FINISHED, false},
    {TASK_FREE, WAKE, TASK_FREE, false},
    {TASK_AWAKE, WAKE, TASK_AWAKE | TASK_NOTIFIED, false},
    {TASK_AWAKE | TASK_NOTIFIED, WAKE, TASK_AWAKE | TASK_NOTIFIED, false},
    {TASK_SUSPENDED, WAKE, TASK_AWAKE, true},
    {TASK_FINISHED, WAKE, TASK_FINISHED, false},
};

static bool apply(struct pawl_task *task, enum event event)
{
    switch (event) {
    case BEGIN:
        task_begin(task);
        return false;
    case TAKE_NOTICE:
        return task_take_notice(task);
    case SUSPEND:
        task->running = true;
        return task_suspend(task);
    case YIELD:
        task->running = true;
        task_yield(task);
        return false;
    case FINISH:
        task_ref(task); /* the runtime's reference, which finishing gives up */
        cr_assert_not(pawl__task_finish(task), "nobody waited");
        return false;
    case WAKE:
        return task_mark_woken(task, 0);
    default:
        return task_mark_woken(task, TASK_PERMIT);
    }
}

Test(task, lives_by_the_table)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct row *row = &table[i];
        struct pawl_task *task = task_in(row->from | KEPT);
        cr_assert_eq(apply(task, row->event), row->answer, "row %zu", i);
        cr_assert_eq(state_of(task), row->to | KEPT, "row %zu", i);
    }
}

Test(task, takes_flags_with_a_wake_unless_it_is_over)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct row *row = &table[i];
        if (row->event != WAKE)
            continue;
        struct pawl_task *task = task_in(row->from | TASK_REF);
        bool alive = row->from != TASK_FREE && row->from != TASK_FINISHED;
        cr_assert_eq(apply(task, WAKE_WITH_PERMIT), row->answer, "row %zu", i);
        cr_assert_eq(state_of(task), row->to | TASK_REF | (alive ? TASK_PERMIT : 0), "row %zu", i);
    }
}

#ifdef PAWL_DEBUG
static bool aborts(enum task_life life, enum event event, bool running)
{
    struct pawl_task *task = task_in((uint64_t)life | KEPT);
    task->running = running;
    int status;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        apply(task, event);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

Test(task, does_not_begin_or_leave_out_of_turn)
{
    for (enum task_life life = TASK_FREE; life <= TASK_FINISHED; life++) {
        cr_assert_eq(aborts(life, BEGIN, false), life != TASK_AWAKE, "life %d", (int)life);
        cr_assert_eq(aborts(life, SUSPEND, false), life != TASK_AWAKE, "life %d", (int)life);
        cr_assert_eq(aborts(life, YIELD, false), life != TASK_AWAKE, "life %d", (int)life);
    }
}

Test(task, does_not_begin_twice)
{
    cr_assert(aborts(TASK_AWAKE, BEGIN, true));
}
#endif

Test(task, shows_its_life)
{
    for (enum task_life life = TASK_FREE; life <= TASK_FINISHED; life++)
        cr_assert_eq(task_life(task_in((uint64_t)life | TASK_NOTIFIED | TASK_HAS_WAITERS | KEPT)), life);
}

Test(task, shows_that_it_is_cancelled)
{
    cr_assert(task_is_cancelled(task_in(TASK_AWAKE | TASK_CANCELLED)));
    cr_assert_not(task_is_cancelled(task_in(TASK_AWAKE | TASK_PERMIT | TASK_NOTIFIED | TASK_REF)));
}

/* ---- references ---- */

Test(task, is_free_when_the_last_reference_is_given_up)
{
    struct pawl_task *task = task_in(TASK_FINISHED | 3 * TASK_REF);
    task_ref(task);
    for (uint64_t refs = 3; refs > 0; refs--) {
        pawl__task_unref(task);
        cr_assert_eq(state_of(task), TASK_FINISHED | refs * TASK_REF);
    }
    pawl__task_unref(task);
    cr_assert_eq(state_of(task), TASK_FREE);
    cr_assert_eq(pawl__slab_alloc_shared(slab), task, "its header is to be had again");
}

Test(task, that_finishes_without_handles_is_free)
{
    struct pawl_task *task = task_in(TASK_AWAKE | TASK_NOTIFIED | TASK_CANCELLED | TASK_REF);
    cr_assert_not(pawl__task_finish(task));
    cr_assert_eq(state_of(task), TASK_FREE);
}

Test(task, grants_its_waiters_in_the_order_of_their_coming_when_it_finishes)
{
    struct waiter waiters[3];
    struct pawl_task *task = task_in(TASK_AWAKE | TASK_HAS_WAITERS | 2 * TASK_REF);
    list_init(&task->waiters);
    for (size_t i = 0; i < COUNT_OF(waiters); i++) {
        waiter_init(&waiters[i]);
        cr_assert_null(waiters[i].task);
        list_push_back(&task->waiters, &waiters[i].link);
    }
    cr_assert(pawl__task_finish(task));
    cr_assert_eq(task_life(task), TASK_FINISHED);
    cr_assert_eq(state_of(task) / TASK_REF, 1);
    for (size_t i = 0; i < COUNT_OF(waiters); i++) {
        cr_assert_not(list_linked(&waiters[i].link));
        cr_assert_eq(pawl__waiter_wait(&waiters[i], 0, true), 0);
    }
}

/* ---- two at once ---- */

#define ROUNDS ((uint32_t)SPINNING_ROUNDS(20000))

static struct pawl_task *shared;
static PAWL_ATOMIC(uint32_t) round_number, queued;

static void *wake_each_round(void *arg)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        while (load_acquire_u32(&round_number) < round) {
        }
        if (task_mark_woken(shared, 0))
            fetch_add_acq_rel_u32(&queued, 1);
    }
    return arg;
}

Test(task, that_suspends_while_it_is_woken_is_queued_once)
{
    pthread_t waker;
    shared = task_in(TASK_AWAKE | TASK_REF);
    cr_assert_eq(pthread_create(&waker, NULL, wake_each_round, NULL), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        task_begin(shared);
        store_release_u32(&queued, 0);
        store_release_u32(&round_number, round);
        if (task_suspend(shared))
            fetch_add_acq_rel_u32(&queued, 1);
        while (load_acquire_u32(&queued) == 0) {
        }
        cr_assert_eq(load_acquire_u32(&queued), 1);
        cr_assert_eq(task_life(shared), TASK_AWAKE);
    }
    cr_assert_eq(pthread_join(waker, NULL), 0);
}
