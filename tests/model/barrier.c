/* Barrier and once. Edge once.done.
 *
 * Final states:
 *     arriving        one comes last; each sees what the others wrote; who was let go frees at once
 *     giving up       both pass, or neither
 *     once            the function runs until it succeeds, once; all see what it wrote */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/barrier.c" /* NOLINT: for its static functions */

static struct pawl_barrier *barrier;
static struct pawl_once once = PAWL_ONCE_INITIALIZER;
static unsigned runs; /* plain */

static void set_up(uint32_t parties)
{
    barrier = malloc(sizeof *barrier);
    MODEL_ASSERT(pawl_barrier_init(barrier, parties) == 0);
}

static void tear_down(void)
{
    MODEL_ASSERT(pawl_barrier_fini(barrier) == 0);
    free(barrier);
}

/* ---- barriers ---- */

static void arrive_and_free(unsigned i)
{
    written[i] = 1;
    answer[i] = pawl_barrier_wait(barrier);
    MODEL_ASSERT(written[1 - i] == 1);
    if (answer[i] == 0)
        tear_down();
}

static void arrive_first(void *unused)
{
    (void)unused;
    arrive_and_free(0);
}

static void arrive_second(void *unused)
{
    (void)unused;
    arrive_and_free(1);
}

static void two_arrive(void)
{
    set_up(2);
    run_two(arrive_first, arrive_second);
    MODEL_ASSERT(answer[0] + answer[1] == 1);
}

/* Nobody begins the second round before the first is over for all. */
static void arrive_twice(unsigned i)
{
    written[i] = 1;
    int came = pawl_barrier_wait(barrier);
    MODEL_ASSERT((came == 0 || came == 1) && written[1 - i] == 1);
    answer[i] = came;
    came = pawl_barrier_wait(barrier);
    MODEL_ASSERT(came == 0 || came == 1);
    answer[i] += came;
    written[1 - i] = 2;
}

static void arrive_first_twice(void *unused)
{
    (void)unused;
    arrive_twice(0);
}

static void arrive_second_twice(void *unused)
{
    (void)unused;
    arrive_twice(1);
}

static void again_and_again(void)
{
    set_up(2);
    run_two(arrive_first_twice, arrive_second_twice);
    MODEL_ASSERT(answer[0] + answer[1] == 2);
    tear_down();
}

static void arrive_first_soon(void *unused)
{
    (void)unused;
    answer[0] = pawl_barrier_wait_until(barrier, soon());
}

static void arrive_second_soon(void *unused)
{
    (void)unused;
    answer[1] = pawl_barrier_wait_until(barrier, soon());
}

static void two_give_up(void)
{
    set_up(2);
    run_two(arrive_first_soon, arrive_second_soon);
    MODEL_ASSERT((answer[0] == -ETIMEDOUT) == (answer[1] == -ETIMEDOUT));
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    tear_down();
}

/* Three of three: one waits. */
static void arrive_last(void *unused)
{
    (void)unused;
    answer[2] = pawl_barrier_wait_until(barrier, soon());
}

static void one_of_three_gives_up(void)
{
    set_up(3);
    begin(0, arrival(private_of(barrier)));
    begin(1, arrival(private_of(barrier)));
    run_three(end_first_soon, end_second_soon, arrive_last);
    MODEL_ASSERT((answer[2] == 1) == (answer[0] == 0) && (answer[2] == 1) == (answer[1] == 0));
    model_outcome("%s", name_of(answer[2]));
    tear_down();
}

static void arrival_meets_cancel(void)
{
    set_up(2);
    begin(0, arrival(private_of(barrier)));
    run_two(cancel_first, arrive_second_soon);
    MODEL_ASSERT((answer[0] == -EALREADY) == (answer[1] == 1));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* ---- once ---- */

static int run_once(void *unused)
{
    (void)unused;
    runs++;
    return 0;
}

static int fail_first(void *unused)
{
    (void)unused;
    return ++runs == 1 ? -EIO : 0;
}

static void call(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_once_call(&once, run_once, NULL) == 0 && runs == 1);
}

static void two_call(void)
{
    run_two(call, call);
    MODEL_ASSERT(pawl_once_fini(&once) == 0);
}

static void look_if_done(void *unused)
{
    (void)unused;
    answer[0] = pawl_once_done(&once);
    MODEL_ASSERT(answer[0] == 0 || runs == 1);
}

static void look_meets_call(void)
{
    run_two(look_if_done, call);
    model_outcome("%s", name_of(answer[0]));
    MODEL_ASSERT(pawl_once_fini(&once) == 0);
}

static void call_first(void *unused)
{
    (void)unused;
    answer[0] = pawl_once_call(&once, fail_first, NULL);
}

static void call_second(void *unused)
{
    (void)unused;
    answer[1] = pawl_once_call(&once, fail_first, NULL);
}

static void first_call_fails(void)
{
    run_two(call_first, call_second);
    MODEL_ASSERT(runs == 2 && pawl_once_done(&once));
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    MODEL_ASSERT(pawl_once_fini(&once) == 0);
}

static void call_soon(void *unused)
{
    (void)unused;
    answer[0] = pawl_once_call_until(&once, run_once, NULL, soon());
    MODEL_ASSERT(answer[0] != 0 || runs == 1);
}

static void call_meets_time_out(void)
{
    run_two(call_soon, call);
    MODEL_ASSERT(runs == 1);
    model_outcome("%s", name_of(answer[0]));
    MODEL_ASSERT(pawl_once_fini(&once) == 0);
}

SCENARIO(two_arrive, "two arrive, and who was let go frees", .outcomes = NULL)
SCENARIO(again_and_again, "two arrive twice", .outcomes = NULL)
SCENARIO(two_give_up, "two arrive and give up", ONLY("0 1", "1 0", "ETIMEDOUT ETIMEDOUT"), .expirations = 1)
SCENARIO(one_of_three_gives_up, "two that wait give up as the third arrives", ONLY("1", "ETIMEDOUT"), .expirations = 1)
SCENARIO(arrival_meets_cancel, "one is cancelled as the last one arrives", ONLY("0", "EALREADY"), .expirations = 1)
SCENARIO(two_call, "two call it once", .outcomes = NULL)
SCENARIO(look_meets_call, "one looks whether it is done", ONLY("0", "1"))
SCENARIO(first_call_fails, "the first call fails", ONLY("0 EIO", "EIO 0"))
SCENARIO(call_meets_time_out, "one gives up as another one runs it", ONLY("0", "ETIMEDOUT"), .expirations = 1)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &two_arrive_, &again_and_again_, &two_give_up_,      &one_of_three_gives_up_, &arrival_meets_cancel_,
        &two_call_,   &look_meets_call_, &first_call_fails_, &call_meets_time_out_,   NULL};
    return model_main(argc, argv, scenarios);
}
