/* Semaphore: permits, some at a time, and the end of granting. Edge permits.word.
 *
 * Final states, in all: permits taken and available are as many as there were.
 *     release against acquire     granted, with all that was written before the releases; at once freed
 *     release against giving up   it is granted, or the permits are available
 *     giving up, but granted      the other may free at once
 *     giving up, first in line    the next is granted what was kept for the first
 *     closing                     each is granted, or gets -EPIPE; releases still count */
#define _GNU_SOURCE
#include "tests/model/sync.h"

static struct pawl_semaphore *semaphore;

static void set_up(uint32_t permits)
{
    semaphore = malloc(sizeof *semaphore);
    MODEL_ASSERT(pawl_semaphore_init(semaphore, permits) == 0);
}

static void begin_acquire(unsigned i, uint32_t n)
{
    begin(i, permits_wait((struct permits *)(void *)semaphore, n));
}

static void tear_down(void)
{
    MODEL_ASSERT(pawl_semaphore_fini(semaphore) == 0);
    free(semaphore);
}

static uint32_t available(void)
{
    return pawl_semaphore_available(semaphore);
}

/* ---- threads ---- */

static void release_one(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_semaphore_release(semaphore, 1);
}

static void release_another(void *unused)
{
    (void)unused;
    written[1] = 1;
    pawl_semaphore_release(semaphore, 1);
}

static void release_three(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_semaphore_release(semaphore, 3);
}

static void acquire_one(void *unused)
{
    (void)unused;
    answer[0] = pawl_semaphore_acquire(semaphore, 1);
    MODEL_ASSERT(answer[0] == 0 || answer[0] == -EPIPE);
    MODEL_ASSERT(answer[0] != 0 || written[0] == 1);
}

static void acquire_one_soon(void *unused)
{
    (void)unused;
    answer[0] = pawl_semaphore_acquire_until(semaphore, 1, soon());
}

static void acquire_and_free(void *unused)
{
    acquire_one(unused);
    tear_down();
}

static void acquire_two_and_free(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_semaphore_acquire(semaphore, 2) == 0 && written[0] == 1 && written[1] == 1);
    tear_down();
}

static void try_one(void *unused)
{
    (void)unused;
    answer[2] = pawl_semaphore_try_acquire(semaphore, 1) ? 0 : -EAGAIN;
    MODEL_ASSERT(answer[2] != 0 || written[0] == 1);
}

static void close_it(void *unused)
{
    (void)unused;
    written[2] = 1;
    pawl_semaphore_close(semaphore);
}

static void close_too(void *unused)
{
    (void)unused;
    pawl_semaphore_close(semaphore);
}

/* ---- acquiring and releasing ---- */

static void release_meets_acquire(void)
{
    set_up(0);
    run_two(acquire_and_free, release_one);
}

static void two_releases_meet_acquire(void)
{
    set_up(0);
    run_three(acquire_two_and_free, release_one, release_another);
}

static void try_meets_release(void)
{
    set_up(0);
    run_two(try_one, release_one);
    MODEL_ASSERT(available() == (answer[2] != 0));
    model_outcome("%s", name_of(answer[2]));
    tear_down();
}

/* More than what is waited for: what is left is for those who come. */
static void release_serves_all(void)
{
    set_up(0);
    begin_acquire(0, 1);
    begin_acquire(1, 1);
    run_two(release_three, try_one);
    MODEL_ASSERT(end(0, PAWL_NEVER) == 0 && end(1, PAWL_NEVER) == 0 && available() == (answer[2] != 0));
    model_outcome("%s", name_of(answer[2]));
    tear_down();
}

static void end_first_then_second_and_free(void *unused)
{
    end_first(unused);
    end_second(unused);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 0 && written[0] == 1);
    tear_down();
}

static void release_serves_all_who_free(void)
{
    set_up(0);
    begin_acquire(0, 1);
    begin_acquire(1, 2);
    run_two(release_three, end_first_then_second_and_free);
}

/* What is kept for one that waits for more is not for others. */
static void nobody_overtakes(void)
{
    set_up(1);
    begin_acquire(0, 2);
    run_three(end_first, try_one, release_one);
    MODEL_ASSERT(answer[0] == 0 && answer[2] == -EAGAIN && available() == 0);
    tear_down();
}

/* Nor who comes while it waits, and would find enough. */
static void who_comes_waits_behind(void)
{
    set_up(1);
    begin_acquire(0, 2);
    acquire_one_soon(NULL);
    MODEL_ASSERT(answer[0] == -ETIMEDOUT && available() == 1 && cancel(0) == 0);
    tear_down();
}

static void take_and_give_back(uint32_t n)
{
    MODEL_ASSERT(pawl_semaphore_acquire(semaphore, n) == 0);
    pawl_semaphore_release(semaphore, n);
}

static void use_two(void *unused)
{
    (void)unused;
    take_and_give_back(2);
}

static void use_three(void *unused)
{
    (void)unused;
    take_and_give_back(3);
}

static void batches(void)
{
    set_up(4);
    run_two(use_two, use_three);
    MODEL_ASSERT(available() == 4);
    tear_down();
}

/* ---- giving up ---- */

static void release_meets_time_out(void)
{
    set_up(0);
    run_two(acquire_one_soon, release_one);
    MODEL_ASSERT(available() == (answer[0] != 0));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void three_give_up(void)
{
    set_up(0);
    for (unsigned i = 0; i < 3; i++)
        begin_acquire(i, 1);
    unsigned t = model_spawn(release_one, NULL);
    run_three(end_first_soon, end_second_soon, end_third_soon);
    model_join(t);
    unsigned granted = (unsigned)(answer[0] == 0) + (answer[1] == 0) + (answer[2] == 0);
    MODEL_ASSERT(granted + available() == 1);
    model_outcome("%u", granted);
    tear_down();
}

/* It was kept for the first, and suffices for the second. */
static void second_is_granted_if_first_gives_up(void)
{
    set_up(1);
    begin_acquire(0, 2);
    begin_acquire(1, 1);
    run_two(end_first_soon, end_second);
    MODEL_ASSERT(answer[0] == -ETIMEDOUT && answer[1] == 0 && available() == 0);
    tear_down();
}

static void release_meets_first_that_gives_up(void)
{
    set_up(1);
    begin_acquire(0, 2);
    begin_acquire(1, 2);
    run_two(end_first_soon, release_one);
    MODEL_ASSERT(is_granted(1) == (answer[0] != 0) && available() == 0);
    model_outcome("%s", name_of(answer[0]));
    cancel(1);
    tear_down();
}

/* What was kept for one that gives up is for all, with what was written before it was released. */
static void first_gives_up_what_was_released(void)
{
    set_up(0);
    begin_acquire(0, 2);
    run_three(end_first_soon, release_one, try_one);
    MODEL_ASSERT(answer[0] == -ETIMEDOUT && available() == (answer[2] != 0));
    model_outcome("%s", name_of(answer[2]));
    tear_down();
}

static void second_is_granted_if_first_is_cancelled(void)
{
    set_up(0);
    begin_acquire(0, 1);
    begin_acquire(1, 1);
    run_two(cancel_first, release_one);
    MODEL_ASSERT(answer[0] == 0 && end(1, PAWL_NEVER) == 0 && available() == 0);
    tear_down();
}

/* None left: the other one was granted too, though it was about to give up. */
static void end_second_and_free_if_none_left(void *unused)
{
    end_second(unused);
    MODEL_ASSERT(answer[1] == 0);
    answer[2] = available() == 0;
    if (answer[2])
        tear_down();
}

static void release_two(void *unused)
{
    (void)unused;
    pawl_semaphore_release(semaphore, 2);
}

static void second_frees_as_first_gives_up(void)
{
    set_up(0);
    begin_acquire(0, 1);
    begin_acquire(1, 1);
    run_three(end_first_soon, end_second_and_free_if_none_left, release_two);
    MODEL_ASSERT(answer[0] == (answer[2] ? 0 : -ETIMEDOUT));
    model_outcome("%s", name_of(answer[0]));
    if (!answer[2])
        tear_down();
}

/* ---- closing ---- */

static void close_meets_acquire(void)
{
    set_up(0);
    run_two(acquire_one, close_it);
    MODEL_ASSERT(answer[0] == -EPIPE);
    tear_down();
}

static void close_meets_release(void)
{
    set_up(0);
    begin_acquire(0, 1);
    run_two(close_it, release_one);
    answer[0] = end(0, PAWL_NEVER);
    MODEL_ASSERT(answer[0] == 0 ? available() == 0 : answer[0] == -EPIPE && available() == 1);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void close_meets_release_and_acquire(void)
{
    set_up(0);
    run_three(acquire_one, close_it, release_one);
    MODEL_ASSERT(available() == (answer[0] != 0));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void close_meets_close(void)
{
    set_up(1);
    begin_acquire(0, 2);
    run_two(close_it, close_too);
    MODEL_ASSERT(end(0, PAWL_NEVER) == -EPIPE && available() == 1 && !pawl_semaphore_try_acquire(semaphore, 1));
    tear_down();
}

static void close_meets_time_out(void)
{
    set_up(0);
    begin_acquire(0, 1);
    run_two(end_first_soon, close_it);
    MODEL_ASSERT(pawl_semaphore_acquire(semaphore, 1) == -EPIPE);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* Told so, one sees what was written before. */
static void ask_if_closed(void *unused)
{
    (void)unused;
    answer[0] = pawl_semaphore_acquire_until(semaphore, 1, 0);
    MODEL_ASSERT(answer[0] != -EPIPE || written[2] == 1);
}

static void close_meets_look(void)
{
    set_up(0);
    run_two(ask_if_closed, close_it);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

SCENARIO(release_meets_acquire, "a release, and who acquires frees", .outcomes = NULL)
SCENARIO(two_releases_meet_acquire, "two releases, and who acquires both frees", .outcomes = NULL)
SCENARIO(try_meets_release, "one tries as one is released", ONLY("0", "EAGAIN"))
SCENARIO(release_serves_all, "three are released to two that wait, and one tries", ONLY("0", "EAGAIN"))
SCENARIO(release_serves_all_who_free, "three are released to two that wait, and free", .outcomes = NULL)
SCENARIO(nobody_overtakes, "one tries as another waits for two", .outcomes = NULL)
SCENARIO(who_comes_waits_behind, "one acquires as another waits for two", .outcomes = NULL, .expirations = 1)
SCENARIO(batches, "two and three of four", .outcomes = NULL)
SCENARIO(release_meets_time_out, "one gives up as it is granted", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(three_give_up, "three give up as one is granted", ONLY("0", "1"), .expirations = 1)
SCENARIO(second_is_granted_if_first_gives_up, "the first gives up, and the second needs less", .outcomes = NULL,
         .expirations = 1)
SCENARIO(release_meets_first_that_gives_up, "two wait, the first gives up as one is released", ONLY("0", "ETIMEDOUT"),
         .expirations = 1)
SCENARIO(first_gives_up_what_was_released, "one that waits for two gives up as one is released and one tries",
         ONLY("0", "EAGAIN"), .expirations = 1)
SCENARIO(second_is_granted_if_first_is_cancelled, "two wait, the first is cancelled as it is granted", .outcomes = NULL)
SCENARIO(second_frees_as_first_gives_up, "two are released to two that wait, the first gives up, the second frees",
         ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(close_meets_acquire, "it is closed as one acquires", .outcomes = NULL)
SCENARIO(close_meets_release, "it is closed as one that waits is granted", ONLY("0", "EPIPE"))
SCENARIO(close_meets_release_and_acquire, "it is closed as one acquires what is released", ONLY("0", "EPIPE"))
SCENARIO(close_meets_close, "it is closed twice", .outcomes = NULL)
SCENARIO(close_meets_time_out, "it is closed as one gives up", ONLY("EPIPE", "ETIMEDOUT"), .expirations = 1)
SCENARIO(close_meets_look, "it is closed as one acquires without waiting", ONLY("EPIPE", "ETIMEDOUT"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&release_meets_acquire_,
                                                             &two_releases_meet_acquire_,
                                                             &try_meets_release_,
                                                             &release_serves_all_,
                                                             &release_serves_all_who_free_,
                                                             &nobody_overtakes_,
                                                             &who_comes_waits_behind_,
                                                             &batches_,
                                                             &release_meets_time_out_,
                                                             &three_give_up_,
                                                             &second_is_granted_if_first_gives_up_,
                                                             &release_meets_first_that_gives_up_,
                                                             &first_gives_up_what_was_released_,
                                                             &second_is_granted_if_first_is_cancelled_,
                                                             &second_frees_as_first_gives_up_,
                                                             &close_meets_acquire_,
                                                             &close_meets_release_,
                                                             &close_meets_release_and_acquire_,
                                                             &close_meets_close_,
                                                             &close_meets_time_out_,
                                                             &close_meets_look_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
