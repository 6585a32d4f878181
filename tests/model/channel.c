/* Channel: of capacity 0, 1, and unbounded, in blocks of two items. What is written before a send is plain.
 *
 * Final states: an item whose send returned 0 is received once, or is in the channel; any other is never seen.
 *     order              of one sender's items, kept
 *     served last        destroys it, as soon as its call returned
 *     giving up          the item was not sent, or not received
 *     closing            what was sent is received, then -EPIPE */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/channel.h"

enum { ITEMS = 4 };

static struct pawl_channel *channel;
static unsigned got[ITEMS + 1]; /* plain: how often each item was received */
static unsigned long item[ANSWERS];

static void set_up(size_t capacity)
{
    MODEL_ASSERT(pawl_channel_create(&channel, capacity, sizeof(unsigned long)) == 0);
}

static void begin_send(unsigned i, unsigned long value)
{
    item[i] = value;
    begin(i, pawl__channel_send_wait(channel, &item[i]));
}

static void begin_receive(unsigned i)
{
    begin(i, pawl__channel_receive_wait(channel, &item[i]));
}

static int send(unsigned long value)
{
    return pawl_channel_send(channel, &value);
}

static int receive(void)
{
    unsigned long value = 0;
    int error = pawl_channel_receive(channel, &value);
    MODEL_ASSERT(error == 0 ? value > 0 && value <= ITEMS : error == -EPIPE && value == 0);
    got[value]++;
    return error == 0 ? (int)value : error;
}

static int receive_left(void)
{
    unsigned long value = 0;
    int error = pawl_channel_try_receive(channel, &value);
    return error == 0 ? (int)value : error;
}

static void tear_down(void)
{
    pawl_channel_destroy(channel);
}

/* ---- threads ---- */

static void send_one(void *unused)
{
    (void)unused;
    written[0] = 1;
    answer[0] = send(1);
}

static void send_another(void *unused)
{
    (void)unused;
    answer[1] = send(2);
}

static void send_two(void *unused)
{
    (void)unused;
    for (unsigned long value = 1; value <= 2 && answer[2] == 0; value++)
        answer[2] = send(value);
}

static void send_three(void *unused)
{
    (void)unused;
    for (unsigned long value = 1; value <= 3; value++) {
        written[0] = (unsigned)value;
        MODEL_ASSERT(send(value) == 0);
        written[1] = (unsigned)value;
    }
}

static void send_soon(void *unused)
{
    (void)unused;
    unsigned long value = 1;
    answer[0] = pawl_channel_send_until(channel, &value, soon());
}

static void receive_soon(void *unused)
{
    (void)unused;
    unsigned long value = 0;
    answer[1] = pawl_channel_receive_until(channel, &value, soon());
    MODEL_ASSERT(value == (answer[1] == 0 ? 1 : 0));
}

static void try_to_send(void *unused)
{
    (void)unused;
    unsigned long value = 1;
    answer[2] = pawl_channel_try_send(channel, &value);
}

static void try_to_receive(void *unused)
{
    (void)unused;
    answer[1] = receive_left();
}

static void receive_one(void *unused)
{
    (void)unused;
    MODEL_ASSERT(receive() == 1 && written[0] == 1);
}

static void receive_one_and_destroy(void *unused)
{
    receive_one(unused);
    tear_down();
}

static void send_one_and_destroy(void *unused)
{
    send_one(unused);
    MODEL_ASSERT(answer[0] == 0);
    tear_down();
}

static void receive_two(void *unused)
{
    (void)unused;
    MODEL_ASSERT(receive() > 0 && receive() > 0);
}

static void receive_three(void *unused)
{
    (void)unused;
    for (int value = 1; value <= 3; value++)
        MODEL_ASSERT(receive() == value);
}

static void receive_until_closed(void *unused)
{
    (void)unused;
    while (receive() != -EPIPE)
        ;
}

static void close_it(void *unused)
{
    (void)unused;
    pawl_channel_close(channel);
}

/* ---- sending and receiving ---- */

static void receiver_destroys(void)
{
    set_up(model_choose(2));
    run_two(receive_one_and_destroy, send_one);
    MODEL_ASSERT(answer[0] == 0);
}

static void receiver_of_unbounded_destroys(void)
{
    set_up(PAWL_UNBOUNDED);
    run_two(receive_one_and_destroy, send_one);
    MODEL_ASSERT(answer[0] == 0);
}

/* A rendezvous: its send returns when the item was received. */
static void sender_destroys(void)
{
    set_up(0);
    run_two(receive_one, send_one_and_destroy);
}

static void one_by_one(void)
{
    set_up(1);
    run_two(receive_three, send_three);
    tear_down();
}

static void one_by_one_in_rendezvous(void)
{
    set_up(0);
    run_two(receive_three, send_three);
    tear_down();
}

/* Three items are two blocks; the first is used again. */
static void across_blocks(void)
{
    set_up(PAWL_UNBOUNDED);
    run_two(receive_three, send_three);
    MODEL_ASSERT(pawl_channel_length(channel) == 0 && send(1) == 0 && send(2) == 0 && send(3) == 0);
    MODEL_ASSERT(pawl_channel_length(channel) == 3);
    tear_down();
}

static void two_senders(void)
{
    set_up(model_choose(2));
    run_three(receive_two, send_one, send_another);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 0 && got[1] == 1 && got[2] == 1);
    tear_down();
}

/* Each may bring a block; the one that comes last finds that it is not needed. */
static void two_bring_blocks(void)
{
    set_up(PAWL_UNBOUNDED);
    run_two(send_one, send_another);
    receive_two(NULL);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 0 && got[1] == 1 && got[2] == 1);
    tear_down();
}

static void two_receivers(void)
{
    set_up(model_choose(2));
    begin_receive(0);
    begin_receive(1);
    run_three(end_first, end_second, send_two);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 0 && item[0] == 1 && item[1] == 2 && answer[2] == 0);
    tear_down();
}

/* The channel is full, and a sender waits. */
static void sender_moves_up(void)
{
    set_up(1);
    MODEL_ASSERT(send(1) == 0);
    begin_send(1, 2);
    run_two(receive_two, end_second);
    MODEL_ASSERT(answer[1] == 0 && got[1] == 1 && got[2] == 1);
    tear_down();
}

static void sender_that_waits_has_room(void)
{
    set_up(1);
    MODEL_ASSERT(send(2) == 0);
    begin_send(0, 1);
    run_two(end_first, try_to_receive);
    MODEL_ASSERT(answer[0] == 0 && answer[1] == 2 && receive_left() == 1);
    tear_down();
}

static void tries_meet(void)
{
    set_up(0);
    run_two(try_to_send, try_to_receive);
    MODEL_ASSERT(answer[2] == -EAGAIN && answer[1] == -EAGAIN);
    tear_down();
}

static void try_meets_receive(void)
{
    set_up(0);
    run_two(try_to_send, receive_soon);
    MODEL_ASSERT((answer[2] == 0) == (answer[1] == 0));
    model_outcome("%s", name_of(answer[2]));
    tear_down();
}

/* ---- giving up ---- */

static void both_give_up(void)
{
    set_up(0);
    run_two(send_soon, receive_soon);
    MODEL_ASSERT(answer[0] == answer[1]);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void receiver_gives_up(void)
{
    set_up(1);
    run_two(send_one, receive_soon);
    MODEL_ASSERT(receive_left() == (answer[1] == 0 ? -EAGAIN : 1));
    model_outcome("%s", name_of(answer[1]));
    tear_down();
}

static void sender_gives_up(void)
{
    set_up(1);
    MODEL_ASSERT(send(2) == 0);
    begin_send(0, 1);
    run_two(end_first_soon, try_to_receive);
    MODEL_ASSERT(answer[1] == 2 && receive_left() == (answer[0] == 0 ? 1 : -EAGAIN));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* The first of two that wait gives up: the item is the second one's. */
static void first_receiver_gives_up(void)
{
    set_up(0);
    begin_receive(0);
    begin_receive(1);
    run_two(end_first_soon, try_to_send);
    MODEL_ASSERT(answer[0] == 0 ? item[0] == 1 && !is_granted(1) : item[0] == 0 && is_granted(1) && item[1] == 1);
    model_outcome("%s", name_of(answer[0]));
    cancel(1);
    tear_down();
}

static void receiver_is_cancelled(void)
{
    set_up(1);
    begin_receive(0);
    run_two(cancel_first, try_to_send);
    MODEL_ASSERT(receive_left() == (answer[0] == -EALREADY ? -EAGAIN : 1) && item[0] == (answer[0] == -EALREADY));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void sender_is_cancelled(void)
{
    set_up(0);
    begin_send(0, 1);
    run_two(cancel_first, try_to_receive);
    MODEL_ASSERT(answer[1] == (answer[0] == -EALREADY ? 1 : -EAGAIN));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* ---- who was served last destroys, as one who was served before was about to give up ---- */

static bool destroyed;

static void try_to_receive_and_destroy(void *unused)
{
    try_to_receive(unused);
    destroyed = answer[1] == 1;
    if (destroyed)
        tear_down();
}

static void check_sender_that_gave_up(int error)
{
    MODEL_ASSERT(destroyed ? answer[0] == error : answer[1] == -EAGAIN && answer[0] != error);
    model_outcome("%s", name_of(answer[0]));
    if (!destroyed)
        tear_down();
}

static void receiver_destroys_as_sender_gives_up(void)
{
    set_up(0);
    begin_send(0, 1);
    run_two(end_first_soon, try_to_receive_and_destroy);
    check_sender_that_gave_up(0);
}

static void receiver_destroys_as_sender_is_cancelled(void)
{
    set_up(0);
    begin_send(0, 1);
    run_two(cancel_first, try_to_receive_and_destroy);
    check_sender_that_gave_up(-EALREADY);
}

/* If the second item can be received, the first one was. */
static void send_two_and_receive_one_and_destroy(void *unused)
{
    try_to_send(unused);
    MODEL_ASSERT(answer[2] == 0);
    unsigned long value = 2;
    answer[2] = pawl_channel_try_send(channel, &value);
    answer[1] = receive_left();
    destroyed = answer[1] == 2;
    if (destroyed)
        tear_down();
}

static void check_receiver_that_gave_up(int error)
{
    MODEL_ASSERT(destroyed ? answer[0] == error && item[0] == 1 : answer[1] == 1 && answer[0] != error && item[0] == 0);
    model_outcome("%s", name_of(answer[0]));
    if (!destroyed)
        tear_down();
}

static void who_was_served_last_destroys_as_receiver_gives_up(void)
{
    set_up(1);
    begin_receive(0);
    run_two(end_first_soon, send_two_and_receive_one_and_destroy);
    check_receiver_that_gave_up(0);
}

static void who_was_served_last_destroys_as_receiver_is_cancelled(void)
{
    set_up(1);
    begin_receive(0);
    run_two(cancel_first, send_two_and_receive_one_and_destroy);
    check_receiver_that_gave_up(-EALREADY);
}

/* ---- closing ---- */

/* Of two. */
static void check_what_was_sent(void)
{
    MODEL_ASSERT((answer[2] == 0) == (got[2] == 1) && got[1] >= got[2] && got[1] < 2);
    model_outcome("%u %s", got[1] + got[2], name_of(answer[2]));
}

static void close_meets_sends(void)
{
    set_up(model_choose(2));
    run_three(send_two, receive_until_closed, close_it);
    check_what_was_sent();
    tear_down();
}

static void close_meets_unbounded_sends(void)
{
    set_up(PAWL_UNBOUNDED);
    run_three(send_two, receive_until_closed, close_it);
    check_what_was_sent();
    tear_down();
}

static void close_meets_sender(void)
{
    set_up(0);
    begin_send(0, 1);
    run_two(end_first, close_it);
    MODEL_ASSERT(answer[0] == -EPIPE);
    tear_down();
}

static void close_meets_sender_and_try(void)
{
    set_up(0);
    begin_send(0, 1);
    run_three(end_first, try_to_receive, close_it);
    MODEL_ASSERT(answer[0] == 0 ? answer[1] == 1 : answer[0] == -EPIPE && answer[1] < 0);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* Up to three items, in none to two blocks. */
static void length_meets_close(void)
{
    set_up(PAWL_UNBOUNDED);
    unsigned long count = model_choose(4);
    for (unsigned long value = 1; value <= count; value++)
        MODEL_ASSERT(send(value) == 0);
    unsigned t = model_spawn(close_it, NULL);
    MODEL_ASSERT(pawl_channel_length(channel) == count);
    receive_until_closed(NULL);
    model_join(t);
    MODEL_ASSERT(got[1] + got[2] + got[3] == count && pawl_channel_length(channel) == 0);
    tear_down();
}

static void close_meets_time_outs(void)
{
    set_up(0);
    begin_receive(0);
    run_two(end_first_soon, close_it);
    MODEL_ASSERT(send(1) == -EPIPE);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

SCENARIO(receiver_destroys, "an item, and who receives it destroys", .outcomes = NULL)
SCENARIO(receiver_of_unbounded_destroys, "the same, unbounded", .outcomes = NULL)
SCENARIO(sender_destroys, "an item in a rendezvous, and who sends it destroys", .outcomes = NULL)
SCENARIO(one_by_one, "three items through a place of one", .outcomes = NULL)
SCENARIO(one_by_one_in_rendezvous, "three items through none", .outcomes = NULL)
SCENARIO(across_blocks, "three items, unbounded", .outcomes = NULL)
SCENARIO(two_senders, "two send, one receives", .outcomes = NULL)
SCENARIO(two_bring_blocks, "two send, unbounded", .outcomes = NULL)
SCENARIO(two_receivers, "one sends, two receive", .outcomes = NULL)
SCENARIO(sender_moves_up, "it is full, and a sender waits", .outcomes = NULL)
SCENARIO(sender_that_waits_has_room, "it is full, a sender waits, and one is received", .outcomes = NULL)
SCENARIO(tries_meet, "one tries to send, one to receive, and none waits", .outcomes = NULL)
SCENARIO(try_meets_receive, "one tries to send as another receives", ONLY("0", "EAGAIN"), .expirations = 1)
SCENARIO(both_give_up, "both sides of a rendezvous give up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(receiver_gives_up, "an item as its receiver gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(sender_gives_up, "room as its sender gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(first_receiver_gives_up, "an item as the first of two gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(receiver_is_cancelled, "an item as its receiver is cancelled", ONLY("0", "EALREADY"))
SCENARIO(sender_is_cancelled, "a receiver as the sender is cancelled", ONLY("0", "EALREADY"))
SCENARIO(receiver_destroys_as_sender_gives_up, "an item of a sender that gives up, and who receives it destroys",
         ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(receiver_destroys_as_sender_is_cancelled, "the same, cancelled", ONLY("0", "EALREADY"))
SCENARIO(who_was_served_last_destroys_as_receiver_gives_up,
         "an item as its receiver gives up, and who receives the next destroys", ONLY("0", "ETIMEDOUT"),
         .expirations = 1)
SCENARIO(who_was_served_last_destroys_as_receiver_is_cancelled, "the same, cancelled", ONLY("0", "EALREADY"))
SCENARIO(close_meets_sends, "it is closed as one sends two", ONLY("0 EPIPE", "1 EPIPE", "2 0"))
SCENARIO(close_meets_unbounded_sends, "the same, unbounded", ONLY("0 EPIPE", "1 EPIPE", "2 0"))
SCENARIO(close_meets_sender, "it is closed as a sender waits", .outcomes = NULL)
SCENARIO(close_meets_sender_and_try, "it is closed as a sender waits and one receives", ONLY("0", "EPIPE"))
SCENARIO(length_meets_close, "its length as it is closed", .outcomes = NULL)
SCENARIO(close_meets_time_outs, "it is closed as a receiver gives up", ONLY("EPIPE", "ETIMEDOUT"), .expirations = 1)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&receiver_destroys_,
                                                             &receiver_of_unbounded_destroys_,
                                                             &sender_destroys_,
                                                             &one_by_one_,
                                                             &one_by_one_in_rendezvous_,
                                                             &across_blocks_,
                                                             &two_senders_,
                                                             &two_bring_blocks_,
                                                             &two_receivers_,
                                                             &sender_moves_up_,
                                                             &sender_that_waits_has_room_,
                                                             &tries_meet_,
                                                             &try_meets_receive_,
                                                             &both_give_up_,
                                                             &receiver_gives_up_,
                                                             &sender_gives_up_,
                                                             &first_receiver_gives_up_,
                                                             &receiver_is_cancelled_,
                                                             &sender_is_cancelled_,
                                                             &receiver_destroys_as_sender_gives_up_,
                                                             &receiver_destroys_as_sender_is_cancelled_,
                                                             &who_was_served_last_destroys_as_receiver_gives_up_,
                                                             &who_was_served_last_destroys_as_receiver_is_cancelled_,
                                                             &close_meets_sends_,
                                                             &close_meets_unbounded_sends_,
                                                             &close_meets_sender_,
                                                             &close_meets_sender_and_try_,
                                                             &length_meets_close_,
                                                             &close_meets_time_outs_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
