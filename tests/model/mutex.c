/* Mutex and condition variable. What they guard is plain, so that a hand-over that orders too little is a data race.
 * Edge permits.word.
 *
 * Final states:
 *     locking          one at a time; whoever has it last frees it, at once after the unlock
 *     giving up        -ETIMEDOUT, and the others have had it; unlocked in the end
 *     a signal         reaches one that waits: if that one gives up, the next
 *     a broadcast      reaches all that wait, and none that comes later */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/mutex.c" /* NOLINT: for its static functions */

static struct pawl_mutex *mutex;
static struct pawl_condition *condition;
static unsigned users; /* plain, under the mutex */
static bool done;      /* plain, under the mutex */

static void set_up(unsigned user_count)
{
    mutex = malloc(sizeof *mutex);
    condition = malloc(sizeof *condition);
    MODEL_ASSERT(pawl_mutex_init(mutex) == 0 && pawl_condition_init(condition) == 0);
    users = user_count;
}

static void tear_down(void)
{
    MODEL_ASSERT(pawl_mutex_fini(mutex) == 0 && pawl_condition_fini(condition) == 0);
    free(mutex);
    free(condition);
}

/* With the mutex. */
static void leave(void)
{
    bool last = --users == 0;
    pawl_mutex_unlock(mutex);
    if (last)
        tear_down();
}

/* ---- locking ---- */

static void lock_and_leave(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    leave();
}

static void two_lock(void)
{
    set_up(2);
    run_two(lock_and_leave, lock_and_leave);
    MODEL_ASSERT(users == 0);
}

/* Thread 0 has it, one waits, one will come. */
static void hold_and_begin(void)
{
    set_up(3);
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    begin(0, permits_wait(&private_of(mutex)->permits, 1));
}

static void end_first_and_leave(void *unused)
{
    end_first(unused);
    if (answer[0] != 0)
        return;
    own(private_of(mutex));
    leave();
}

static void three_lock(void)
{
    hold_and_begin();
    unsigned t = model_spawn(end_first_and_leave, NULL), u = model_spawn(lock_and_leave, NULL);
    leave();
    model_join(t);
    model_join(u);
    MODEL_ASSERT(users == 0);
}

static void end_first_soon_and_unlock(void *unused)
{
    end_first_soon(unused);
    if (answer[0] != 0)
        return;
    own(private_of(mutex));
    users--;
    pawl_mutex_unlock(mutex);
}

static void lock_and_unlock(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    users--;
    pawl_mutex_unlock(mutex);
}

static void one_gives_up(void)
{
    hold_and_begin();
    unsigned t = model_spawn(end_first_soon_and_unlock, NULL), u = model_spawn(lock_and_unlock, NULL);
    users--;
    pawl_mutex_unlock(mutex);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(users == (answer[0] == 0 ? 0 : 1));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* A wait for the mutex that is cancelled, maybe when it has just been granted. */
static void unlock_meets_cancel(void)
{
    hold_and_begin();
    unsigned t = model_spawn(cancel_first, NULL), u = model_spawn(lock_and_unlock, NULL);
    users--;
    pawl_mutex_unlock(mutex);
    model_join(t);
    model_join(u);
    MODEL_ASSERT(users == 1 && answer[0] == 0);
    tear_down();
}

static void try_to_lock(void *unused)
{
    (void)unused;
    answer[0] = pawl_mutex_try_lock(mutex) ? 0 : -EAGAIN;
    if (answer[0] != 0)
        return;
    users--;
    pawl_mutex_unlock(mutex);
}

static void try_meets_lock(void)
{
    set_up(2);
    run_two(try_to_lock, lock_and_unlock);
    MODEL_ASSERT(users == (answer[0] == 0 ? 0 : 1));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* Whoever locks twice is told, and nobody else. */
static void lock_twice(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0 && pawl_mutex_lock(mutex) == -EDEADLK);
    leave();
}

static void two_lock_twice(void)
{
    set_up(2);
    run_two(lock_twice, lock_twice);
}

/* ---- condition variables ---- */

static void wait_until_done(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    while (!done)
        MODEL_ASSERT(pawl_condition_wait(condition, mutex) == 0);
    leave();
}

static void do_and_signal(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    done = true;
    pawl_condition_signal(condition);
    leave();
}

static void signal_meets_wait(void)
{
    set_up(2);
    run_two(wait_until_done, do_and_signal);
}

/* Signalled without the mutex. */
static void do_then_signal(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    done = true;
    pawl_mutex_unlock(mutex);
    pawl_condition_signal(condition);
}

static void wait_soon(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    while (!done && answer[0] == 0)
        answer[0] = pawl_condition_wait_until(condition, mutex, soon());
    MODEL_ASSERT(done || answer[0] == -ETIMEDOUT);
    pawl_mutex_unlock(mutex);
}

static void signal_meets_time_out(void)
{
    set_up(0);
    run_two(wait_soon, do_then_signal);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* ---- signals against waits that have begun ---- */

static void begin_waits(unsigned count)
{
    set_up(0);
    for (unsigned i = 0; i < count; i++)
        begin(i, wait_for_signal(waiters_of(condition)));
}

static void signal(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_condition_signal(condition);
}

static void do_and_broadcast(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_mutex_lock(mutex) == 0);
    done = true;
    pawl_condition_broadcast(condition);
    pawl_mutex_unlock(mutex);
}

/* One that waits already, and one that comes. */
static void broadcast_meets_waits(void)
{
    begin_waits(1);
    users = 2;
    run_two(wait_until_done, do_and_broadcast);
    MODEL_ASSERT(end(0, PAWL_NEVER) == 0 && users == 1);
    tear_down();
}

static void second_is_signalled_if_first_gives_up(void)
{
    begin_waits(2);
    run_two(end_first_soon, signal);
    MODEL_ASSERT((answer[0] == 0) != is_granted(1));
    model_outcome("%s", name_of(answer[0]));
    MODEL_ASSERT(cancel(1) == 0);
    tear_down();
}

static void second_is_signalled_if_first_is_cancelled(void)
{
    begin_waits(2);
    run_two(cancel_first, signal);
    MODEL_ASSERT(answer[0] == 0 && end(1, PAWL_NEVER) == 0);
    tear_down();
}

static void broadcast_then_begin(void *unused)
{
    (void)unused;
    pawl_condition_broadcast(condition);
    begin(1, wait_for_signal(waiters_of(condition)));
}

static void broadcast_is_not_passed_on(void)
{
    begin_waits(1);
    run_two(cancel_first, broadcast_then_begin);
    MODEL_ASSERT(answer[0] == 0 && !is_granted(1) && cancel(1) == 0);
    tear_down();
}

SCENARIO(two_lock, "two threads lock; the last one frees", .outcomes = NULL)
SCENARIO(three_lock, "three threads lock; the last one frees", .outcomes = NULL)
SCENARIO(one_gives_up, "three threads lock, one of which gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(unlock_meets_cancel, "it is unlocked as a wait for it is cancelled", .outcomes = NULL)
SCENARIO(try_meets_lock, "one tries, one locks", ONLY("0", "EAGAIN"))
SCENARIO(two_lock_twice, "whoever locks twice is told", .outcomes = NULL)
SCENARIO(signal_meets_wait, "a signal, and all is freed", .outcomes = NULL)
SCENARIO(broadcast_meets_waits, "a broadcast to two", .outcomes = NULL)
SCENARIO(signal_meets_time_out, "a signal without the mutex to one that gives up", ONLY("0", "ETIMEDOUT"),
         .expirations = 1)
SCENARIO(second_is_signalled_if_first_gives_up, "a signal to two, one of which gives up", ONLY("0", "ETIMEDOUT"),
         .expirations = 1)
SCENARIO(second_is_signalled_if_first_is_cancelled, "a signal to two, one of which is cancelled", .outcomes = NULL)
SCENARIO(broadcast_is_not_passed_on, "a broadcast to one that is cancelled", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&two_lock_,
                                                             &three_lock_,
                                                             &one_gives_up_,
                                                             &unlock_meets_cancel_,
                                                             &try_meets_lock_,
                                                             &two_lock_twice_,
                                                             &signal_meets_wait_,

                                                             &broadcast_meets_waits_,
                                                             &signal_meets_time_out_,
                                                             &second_is_signalled_if_first_gives_up_,
                                                             &second_is_signalled_if_first_is_cancelled_,
                                                             &broadcast_is_not_passed_on_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
