/* Notify: one permit, given to whoever has waited longest or kept; or told to all that wait. Edge permits.word.
 *
 * Final states:
 *     one against a wait     told, with all that was written before; at once freed
 *     one, and one           both are seen by who waits until it has seen both
 *     one against giving up  told, the next is told, or the permit is kept
 *     all                    each that waits is told once, none that comes later; no permit
 *     all, beside a flag     who queues and then looks at the flag is told, or sees it set */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/notify.h"

static struct pawl_notify *notify, *next_notify;
static atomic_uint told; /* relaxed: orders nothing */

static struct pawl_notify *create(void)
{
    struct pawl_notify *n = malloc(sizeof *n);
    MODEL_ASSERT(pawl_notify_init(n) == 0);
    return n;
}

static void destroy(struct pawl_notify *n)
{
    MODEL_ASSERT(pawl_notify_fini(n) == 0);
    free(n);
}

static void begin_waits(unsigned count)
{
    notify = create();
    for (unsigned i = 0; i < count; i++)
        begin(i, pawl__notify_wait(notify));
}

/* ---- threads ---- */

static void tell_one(void *unused)
{
    (void)unused;
    written[0] = 1;
    atomic_fetch_add_explicit(&told, 1, memory_order_relaxed);
    pawl_notify_one(notify);
}

static void tell_another(void *unused)
{
    (void)unused;
    written[1] = 1;
    atomic_fetch_add_explicit(&told, 1, memory_order_relaxed);
    pawl_notify_one(notify);
}

static void tell_all(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_notify_all(notify);
}

static void wait_and_free(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_notify_wait(notify) == 0 && written[0] == 1);
    destroy(notify);
}

static void wait_soon(void *unused)
{
    (void)unused;
    answer[0] = pawl_notify_wait_until(notify, soon());
    MODEL_ASSERT(answer[0] == -ETIMEDOUT || (answer[0] == 0 && written[0] == 1));
}

/* A permit that is there already says what is new all the same. */
static void wait_until_told_twice(void *unused)
{
    (void)unused;
    do
        MODEL_ASSERT(pawl_notify_wait(notify) == 0);
    while (atomic_load_explicit(&told, memory_order_relaxed) < 2);
}

/* ---- one ---- */

static void one_meets_wait(void)
{
    notify = create();
    run_two(wait_and_free, tell_one);
}

static void two_tell_one(void)
{
    notify = create();
    run_three(wait_until_told_twice, tell_one, tell_another);
    destroy(notify);
}

static void wait_and_tell_next(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_notify_wait(notify) == 0);
    pawl_notify_one(next_notify);
}

static void wait_for_next_and_free(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_notify_wait(next_notify) == 0 && written[0] == 1);
    destroy(notify);
    destroy(next_notify);
}

static void chain(void)
{
    notify = create();
    next_notify = create();
    run_three(wait_for_next_and_free, wait_and_tell_next, tell_one);
}

static void try_to_wait(void *unused)
{
    (void)unused;
    answer[0] = pawl_notify_try_wait(notify) ? 0 : -EAGAIN;
    MODEL_ASSERT(answer[0] != 0 || written[0] == 1);
}

static void one_meets_try(void)
{
    notify = create();
    run_two(try_to_wait, tell_one);
    MODEL_ASSERT(pawl_notify_try_wait(notify) == (answer[0] != 0));
    model_outcome("%s", name_of(answer[0]));
    destroy(notify);
}

/* ---- giving up ---- */

static void one_meets_time_out(void)
{
    notify = create();
    run_two(wait_soon, tell_one);
    MODEL_ASSERT(pawl_notify_try_wait(notify) == (answer[0] != 0));
    model_outcome("%s", name_of(answer[0]));
    destroy(notify);
}

static void two_give_up(void)
{
    begin_waits(2);
    run_three(end_first_soon, end_second_soon, tell_one);
    unsigned kept = pawl_notify_try_wait(notify);
    MODEL_ASSERT((unsigned)(answer[0] == 0) + (answer[1] == 0) + kept == 1);
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    destroy(notify);
}

static void one_meets_cancel(void)
{
    begin_waits(1);
    run_two(cancel_first, tell_one);
    MODEL_ASSERT(answer[0] == 0 && pawl_notify_try_wait(notify) && !pawl_notify_try_wait(notify));
    destroy(notify);
}

static void second_is_told_if_first_is_cancelled(void)
{
    begin_waits(2);
    run_two(cancel_first, tell_one);
    MODEL_ASSERT(answer[0] == 0 && end(1, PAWL_NEVER) == 0 && !pawl_notify_try_wait(notify));
    destroy(notify);
}

/* ---- all ---- */

static void all_and_one(void)
{
    begin_waits(2);
    run_two(tell_all, tell_another);
    MODEL_ASSERT(end(0, PAWL_NEVER) == 0 && end(1, PAWL_NEVER) == 0);
    model_outcome("%s", pawl_notify_try_wait(notify) ? "kept" : "not kept");
    destroy(notify);
}

/* The first, told, tells another: that is not for the second, which was told with it. */
static void end_first_then_tell_one(void *unused)
{
    end_first(unused);
    pawl_notify_one(notify);
    MODEL_ASSERT(pawl_notify_try_wait(notify));
    begin(2, pawl__notify_wait(notify));
}

static void all_are_told_at_once(void)
{
    begin_waits(2);
    run_three(end_first_then_tell_one, end_second, tell_all);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 0 && !is_granted(2) && cancel(2) == 0);
    destroy(notify);
}

static void tell_all_and_begin(void *unused)
{
    tell_all(unused);
    begin(1, pawl__notify_wait(notify));
}

static void all_is_not_passed_on(void)
{
    begin_waits(1);
    run_two(cancel_first, tell_all_and_begin);
    MODEL_ASSERT(answer[0] == 0 && !is_granted(1) && cancel(1) == 0 && !pawl_notify_try_wait(notify));
    destroy(notify);
}

static void all_meets_time_outs(void)
{
    begin_waits(2);
    run_three(end_first_soon, end_second_soon, tell_all);
    MODEL_ASSERT(!pawl_notify_try_wait(notify));
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    destroy(notify);
}

/* ---- beside a flag: who waits queues, then looks; who tells sets it, then tells all ---- */

static atomic_uint flag; /* relaxed: it is the notify that orders */

static void queue_then_look(void *unused)
{
    (void)unused;
    begin(0, pawl__notify_wait(notify));
    answer[0] = (int)atomic_load_explicit(&flag, memory_order_relaxed);
}

static void set_then_tell_all(void *unused)
{
    (void)unused;
    atomic_store_explicit(&flag, 1, memory_order_relaxed);
    pawl_notify_all(notify);
}

static void all_meets_who_looks_at_a_flag(void)
{
    notify = create();
    run_two(queue_then_look, set_then_tell_all);
    bool was_told = waiter_outcome(&wait_private(waits[0])->waiter) != OUTCOME_NONE;
    MODEL_ASSERT(was_told || answer[0] == 1);
    cancel(0);
    model_outcome("%s", was_told ? "told" : "seen");
    destroy(notify);
}

SCENARIO(one_meets_wait, "one is told, and frees", .outcomes = NULL)
SCENARIO(two_tell_one, "one is told by two", .outcomes = NULL)
SCENARIO(chain, "one is told, and tells the next, who frees", .outcomes = NULL)
SCENARIO(one_meets_try, "one is told without waiting", ONLY("0", "EAGAIN"))
SCENARIO(one_meets_time_out, "one is told as it gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(two_give_up, "one of two is told as both give up", ONLY("0 ETIMEDOUT", "ETIMEDOUT 0", "ETIMEDOUT ETIMEDOUT"),
         .expirations = 1)
SCENARIO(one_meets_cancel, "one is told as it is cancelled", .outcomes = NULL)
SCENARIO(second_is_told_if_first_is_cancelled, "one of two is told, the first is cancelled", .outcomes = NULL)
SCENARIO(all_and_one, "two wait; all are told, and one", ONLY("kept", "not kept"))
SCENARIO(all_are_told_at_once, "one of all that are told tells another", .outcomes = NULL)
SCENARIO(all_is_not_passed_on, "all are told as one is cancelled, and one comes", .outcomes = NULL)
SCENARIO(all_meets_time_outs, "all are told as two give up",
         ONLY("0 0", "0 ETIMEDOUT", "ETIMEDOUT 0", "ETIMEDOUT ETIMEDOUT"), .expirations = 1)
SCENARIO(all_meets_who_looks_at_a_flag, "all are told as one queues, and looks at a flag", ONLY("told", "seen"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&one_meets_wait_,
                                                             &two_tell_one_,
                                                             &chain_,
                                                             &one_meets_try_,
                                                             &one_meets_time_out_,
                                                             &two_give_up_,
                                                             &one_meets_cancel_,
                                                             &second_is_told_if_first_is_cancelled_,
                                                             &all_and_one_,
                                                             &all_are_told_at_once_,
                                                             &all_is_not_passed_on_,
                                                             &all_meets_time_outs_,
                                                             &all_meets_who_looks_at_a_flag_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
