/* Oneshot: one value, received once. What is written before the send is plain; whoever received frees.
 *
 * Final states:
 *     send against receive        the value, once
 *     send against giving up      received; or it is still there
 *     send against close          received, or both get -EPIPE; who receives besides gets -EPIPE */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/oneshot.h"

static struct pawl_oneshot *oneshot;
static int sent[2];
static void *received[ANSWERS];

static void set_up(void)
{
    oneshot = malloc(sizeof *oneshot);
    MODEL_ASSERT(pawl_oneshot_init(oneshot) == 0);
}

static void tear_down(void)
{
    MODEL_ASSERT(pawl_oneshot_fini(oneshot) == 0);
    free(oneshot);
}

static void begin_receive(unsigned i)
{
    begin(i, pawl__oneshot_wait(oneshot, &received[i]));
}

/* What is there afterwards. */
static int receive_left(void)
{
    void *value = NULL;
    int error = pawl_oneshot_try_receive(oneshot, &value);
    MODEL_ASSERT((error == 0) == (value == &written[0]));
    return error;
}

/* ---- threads ---- */

static void send_first(void *unused)
{
    (void)unused;
    written[0] = 1;
    sent[0] = pawl_oneshot_send(oneshot, &written[0]);
}

static void send_second(void *unused)
{
    (void)unused;
    sent[1] = pawl_oneshot_send(oneshot, &written[0]);
}

static void check(int error, const void *value)
{
    MODEL_ASSERT(error != 0 || (value == &written[0] && written[0] == 1));
    MODEL_ASSERT(error == 0 || value == NULL);
}

static void receive(void *unused)
{
    (void)unused;
    answer[0] = pawl_oneshot_receive(oneshot, &received[0]);
    check(answer[0], received[0]);
}

static void receive_too(void *unused)
{
    (void)unused;
    answer[1] = pawl_oneshot_receive(oneshot, &received[1]);
    check(answer[1], received[1]);
}

static void receive_and_free(void *unused)
{
    receive(unused);
    MODEL_ASSERT(answer[0] == 0);
    tear_down();
}

static void receive_soon(void *unused)
{
    (void)unused;
    answer[0] = pawl_oneshot_receive_until(oneshot, &received[0], soon());
    check(answer[0], received[0]);
}

static void try_to_receive(void *unused)
{
    (void)unused;
    answer[1] = pawl_oneshot_try_receive(oneshot, &received[1]);
    check(answer[1], received[1]);
}

static void close_it(void *unused)
{
    (void)unused;
    pawl_oneshot_close(oneshot);
}

/* ---- scenarios ---- */

static void send_meets_receive(void)
{
    set_up();
    run_two(receive_and_free, send_first);
    MODEL_ASSERT(sent[0] == 0);
}

static void send_meets_try_and_close(void)
{
    set_up();
    run_three(try_to_receive, send_first, close_it);
    MODEL_ASSERT(sent[0] == 0 ? receive_left() == (answer[1] == 0 ? -EPIPE : 0) : answer[1] != 0);
    model_outcome("%s %s", name_of(sent[0]), name_of(answer[1]));
    tear_down();
}

static void close_meets_receive(void)
{
    set_up();
    run_two(receive, close_it);
    MODEL_ASSERT(answer[0] == -EPIPE && pawl_oneshot_send(oneshot, &written[0]) == -EPIPE);
    tear_down();
}

static void close_meets_send_and_receive(void)
{
    set_up();
    run_three(receive, send_first, close_it);
    MODEL_ASSERT(sent[0] == answer[0]);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void two_send(void)
{
    set_up();
    begin_receive(0);
    run_three(end_first, send_first, send_second);
    MODEL_ASSERT(answer[0] == 0 && received[0] == &written[0]);
    model_outcome("%s %s", name_of(sent[0]), name_of(sent[1]));
    tear_down();
}

/* One is enough; who waits besides gets none. */
static void two_receive(void)
{
    set_up();
    run_three(receive, send_first, receive_too);
    MODEL_ASSERT((answer[0] == 0) != (answer[1] == 0) && (received[0] == NULL) != (received[1] == NULL));
    model_outcome("%s %s", name_of(answer[0]), name_of(answer[1]));
    tear_down();
}

static void send_meets_time_out(void)
{
    set_up();
    run_two(receive_soon, send_first);
    MODEL_ASSERT(sent[0] == 0 && receive_left() == (answer[0] == 0 ? -EPIPE : 0));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void send_meets_cancel(void)
{
    set_up();
    begin_receive(0);
    run_two(cancel_first, send_first);
    MODEL_ASSERT((answer[0] == -EALREADY) == (received[0] == &written[0]));
    MODEL_ASSERT(sent[0] == 0 && receive_left() == (answer[0] == -EALREADY ? -EPIPE : 0));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

SCENARIO(send_meets_receive, "one sends, and who receives frees", .outcomes = NULL)
SCENARIO(send_meets_try_and_close, "one sends, one tries, one closes",
         ONLY("0 0", "0 EAGAIN", "EPIPE EAGAIN", "EPIPE EPIPE"))
SCENARIO(close_meets_receive, "it is closed as one receives", .outcomes = NULL)
SCENARIO(close_meets_send_and_receive, "it is closed as one sends and one receives", ONLY("0", "EPIPE"))
SCENARIO(two_send, "two send", ONLY("0 EALREADY", "EALREADY 0"))
SCENARIO(two_receive, "two receive what one sends", ONLY("0 EPIPE", "EPIPE 0"))
SCENARIO(send_meets_time_out, "one sends as the other gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(send_meets_cancel, "one sends as the other is cancelled", ONLY("0", "EALREADY"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&send_meets_receive_,
                                                             &send_meets_try_and_close_,
                                                             &close_meets_receive_,
                                                             &close_meets_send_and_receive_,
                                                             &two_send_,
                                                             &two_receive_,
                                                             &send_meets_time_out_,
                                                             &send_meets_cancel_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
