/* Broadcast. What is written before a send is plain. A receiver is memory of its own.
 *
 * Final states:
 *     each receiver      has had each item, or missed it and was told, in the order of the sends
 *     giving up          nothing is lost: the next call gets it
 *     closing            what was sent is received, then -EPIPE */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/broadcast.c" /* NOLINT: for its static functions */

static struct pawl_broadcast *broadcast;
static struct pawl_broadcast_receiver *receivers[2];
static unsigned long first_item; /* what the wait that has begun receives */
static uint64_t first_missed;

static void set_up(size_t capacity, unsigned receiver_count)
{
    MODEL_ASSERT(pawl_broadcast_create(&broadcast, capacity, sizeof(unsigned long)) == 0);
    for (unsigned i = 0; i < receiver_count; i++) {
        receivers[i] = malloc(sizeof *receivers[i]);
        MODEL_ASSERT(pawl_broadcast_subscribe(broadcast, receivers[i]) == 0);
    }
}

static void tear_down(void)
{
    pawl_broadcast_destroy(broadcast);
}

/* Of the first receiver. */
static void begin_receive(void)
{
    first_missed = 99;
    begin(0, wait_for_item(private_of(receivers[0]), &first_item, &first_missed));
}

static int receive_left(unsigned i)
{
    unsigned long value = 0;
    int error = pawl_broadcast_try_receive(receivers[i], &value, NULL);
    return error == 0 ? (int)value : error;
}

/* ---- threads ---- */

static int send(unsigned long value)
{
    return pawl_broadcast_send(broadcast, &value);
}

static void send_one(void *unused)
{
    (void)unused;
    written[0] = 1;
    answer[2] = send(1);
}

static void send_three(void *unused)
{
    (void)unused;
    for (unsigned long value = 1; value <= 3; value++) {
        written[0] = (unsigned)value;
        MODEL_ASSERT(send(value) == 0);
    }
}

static void send_two_and_close(void *unused)
{
    (void)unused;
    MODEL_ASSERT(send(1) == 0 && send(2) == 0);
    pawl_broadcast_close(broadcast);
    MODEL_ASSERT(send(3) == -EPIPE);
}

static void send_low(void *unused)
{
    (void)unused;
    MODEL_ASSERT(send(1) == 0 && send(2) == 0);
}

static void send_high(void *unused)
{
    (void)unused;
    MODEL_ASSERT(send(3) == 0);
}

/* `count` items, received or missed, and none after the last; then the receiver goes. */
static void receive_all(unsigned i, unsigned count)
{
    unsigned long last = 0;
    uint64_t missed, all = 0;
    for (uint64_t received = 0; received < count; received += missed + 1) {
        unsigned long value = 0;
        MODEL_ASSERT(pawl_broadcast_receive(receivers[i], &value, &missed) == 0 && value == received + missed + 1);
        MODEL_ASSERT(value > last);
        last = value;
        all += missed;
    }
    answer[i] = (int)all;
    MODEL_ASSERT(last == count);
    free(receivers[i]);
}

static void receive_one(void *unused)
{
    (void)unused;
    receive_all(0, 1);
    MODEL_ASSERT(written[0] == 1);
}

static void receive_one_too(void *unused)
{
    (void)unused;
    receive_all(1, 1);
    MODEL_ASSERT(written[0] == 1);
}

static void receive_three(void *unused)
{
    (void)unused;
    receive_all(0, 3);
}

static void receive_until_closed(void *unused)
{
    (void)unused;
    unsigned long value, sum = 0;
    uint64_t missed;
    int error;
    while ((error = pawl_broadcast_receive(receivers[0], &value, &missed)) == 0)
        sum += value + (missed == 1 ? 1 : 0);
    MODEL_ASSERT(error == -EPIPE && sum == 3);
    free(receivers[0]);
}

/* Of two senders' three. */
static void receive_from_two(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < 3; i++) {
        unsigned long value;
        MODEL_ASSERT(pawl_broadcast_receive(receivers[0], &value, NULL) == 0);
        answer[0] = answer[0] * 10 + (int)value;
    }
    free(receivers[0]);
}

static void receive_soon(void *unused)
{
    (void)unused;
    unsigned long value = 0;
    answer[0] = pawl_broadcast_receive_until(receivers[0], &value, NULL, soon());
    MODEL_ASSERT(value == (answer[0] == 0 ? 1 : 0));
}

static void close_it(void *unused)
{
    (void)unused;
    pawl_broadcast_close(broadcast);
}

static void subscribe(void *unused)
{
    (void)unused;
    receivers[1] = malloc(sizeof *receivers[1]);
    MODEL_ASSERT(pawl_broadcast_subscribe(broadcast, receivers[1]) == 0);
}

/* ---- broadcast ---- */

static void two_receive(void)
{
    set_up(1, 2);
    run_three(receive_one, receive_one_too, send_one);
    tear_down();
}

static void slow_receiver_is_told(void)
{
    set_up(1, 1);
    run_two(receive_three, send_three);
    model_outcome("%d missed", answer[0]);
    tear_down();
}

static void two_send(void)
{
    set_up(4, 1);
    run_three(receive_from_two, send_low, send_high);
    model_outcome("%d", answer[0]);
    tear_down();
}

static void close_meets_receive(void)
{
    set_up(1, 1);
    run_two(receive_until_closed, send_two_and_close);
    tear_down();
}

static void close_meets_send(void)
{
    set_up(1, 1);
    begin_receive();
    run_three(end_first, send_one, close_it);
    MODEL_ASSERT(answer[0] == answer[2] && first_item == (answer[0] == 0) && first_missed == (answer[0] == 0 ? 0 : 99));
    model_outcome("%s", name_of(answer[0]));
    free(receivers[0]);
    tear_down();
}

static void receiver_gives_up(void)
{
    set_up(1, 1);
    run_two(receive_soon, send_one);
    MODEL_ASSERT(receive_left(0) == (answer[0] == 0 ? -EAGAIN : 1));
    model_outcome("%s", name_of(answer[0]));
    free(receivers[0]);
    tear_down();
}

static void receiver_is_cancelled(void)
{
    set_up(1, 1);
    begin_receive();
    run_two(cancel_first, send_one);
    MODEL_ASSERT(receive_left(0) == (answer[0] == -EALREADY ? -EAGAIN : 1));
    model_outcome("%s", name_of(answer[0]));
    free(receivers[0]);
    tear_down();
}

static void subscribe_meets_send(void)
{
    set_up(1, 0);
    run_two(subscribe, send_one);
    model_outcome("%s", name_of(receive_left(1)));
    free(receivers[1]);
    tear_down();
}

SCENARIO(two_receive, "two receive an item", .outcomes = NULL)
SCENARIO(slow_receiver_is_told, "three items, of which one is kept", ONLY("0 missed", "1 missed", "2 missed"))
SCENARIO(two_send, "two send", ONLY("123", "132", "312"))
SCENARIO(close_meets_receive, "two items, of which one is kept, and the end", .outcomes = NULL)
SCENARIO(close_meets_send, "it is closed as one sends to one that waits", ONLY("0", "EPIPE"))
SCENARIO(receiver_gives_up, "an item as its receiver gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(receiver_is_cancelled, "an item as its receiver is cancelled", ONLY("0", "EALREADY"))
SCENARIO(subscribe_meets_send, "an item as one subscribes", ONLY("1", "EAGAIN"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &two_receive_,           &slow_receiver_is_told_, &two_send_,
        &close_meets_receive_,   &close_meets_send_,      &receiver_gives_up_,
        &receiver_is_cancelled_, &subscribe_meets_send_,  NULL};
    return model_main(argc, argv, scenarios);
}
