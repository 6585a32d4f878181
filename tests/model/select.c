/* Select: exactly one of its cases happens; of the others nothing is left. Edges waiter.chosen and waiter.granted.
 *
 * Final states:
 *     two selects that could serve each other    do, in one of the ways, and agree on it
 *     two granters                               one is chosen; the other's item or permit stays, or goes to the next
 *     giving up                                  one case has happened, or none
 *     closing                                    -EPIPE, or the item */
#define _GNU_SOURCE
#include "tests/model/sync.h"

enum { LEFT, RIGHT };

static struct pawl_channel *channel[2];
static struct pawl_notify *notify;
static struct pawl_semaphore *semaphore;
static struct pawl_token *token;
static int chosen[2];         /* index of the case that happened, by select */
static unsigned long item[2]; /* received, by select */

static void create_channels(size_t capacity)
{
    for (unsigned i = 0; i < 2; i++)
        MODEL_ASSERT(pawl_channel_create(&channel[i], capacity, sizeof(unsigned long)) == 0);
}

static void create_others(uint32_t permits)
{
    notify = malloc(sizeof *notify);
    semaphore = malloc(sizeof *semaphore);
    MODEL_ASSERT(pawl_notify_init(notify) == 0 && pawl_semaphore_init(semaphore, permits) == 0);
    MODEL_ASSERT(pawl_token_create(&token, NULL) == 0);
}

static void tear_down(void)
{
    pawl_channel_destroy(channel[0]);
    pawl_channel_destroy(channel[1]);
    MODEL_ASSERT(notify == NULL || (pawl_notify_fini(notify) == 0 && pawl_semaphore_fini(semaphore) == 0));
    free(notify);
    free(semaphore);
    pawl_token_drop(token);
}

/* What is in a channel, or an errno. */
static int left_in(unsigned i)
{
    unsigned long value = 0;
    int error = pawl_channel_try_receive(channel[i], &value);
    return error == 0 ? (int)value : error;
}

static bool permit_left(void)
{
    return pawl_notify_try_wait(notify);
}

/* ---- selects; their cases are gone as soon as they return ---- */

static int select_of(const struct pawl_case *cases, size_t count, uint64_t deadline_ns, int *status)
{
    struct pawl_case *mine = malloc(count * sizeof *mine);
    memcpy(mine, cases, count * sizeof *mine);
    int index = pawl_select_until(mine, count, deadline_ns);
    *status = index >= 0 ? mine[index].status : 0;
    free(mine);
    return index;
}

/* Sends 1 + i to its own channel or receives from the other one. */
static void send_or_receive(unsigned i)
{
    struct pawl_case cases[2];
    unsigned long mine = 1 + i;
    pawl_case_send(&cases[0], channel[i], &mine);
    pawl_case_receive(&cases[1], channel[1 - i], &item[i]);
    int status;
    chosen[i] = select_of(cases, 2, PAWL_NEVER, &status);
    MODEL_ASSERT(status == 0);
    MODEL_ASSERT(chosen[i] == 0 ? item[i] == 0 : chosen[i] == 1 && item[i] == 2 - i);
}

static void send_or_receive_left(void *unused)
{
    (void)unused;
    send_or_receive(LEFT);
}

static void send_or_receive_right(void *unused)
{
    (void)unused;
    send_or_receive(RIGHT);
}

/* Receives from either, in the order of the select's number. */
static void receive_either(unsigned i, uint64_t deadline_ns)
{
    struct pawl_case cases[2];
    pawl_case_receive(&cases[0], channel[i], &item[i]);
    pawl_case_receive(&cases[1], channel[1 - i], &item[i]);
    chosen[i] = select_of(cases, 2, deadline_ns, &answer[i]);
}

static void receive_either_left(void *unused)
{
    (void)unused;
    receive_either(LEFT, PAWL_NEVER);
}

static void receive_either_left_soon(void *unused)
{
    (void)unused;
    receive_either(LEFT, soon());
}

static void receive_either_right_soon(void *unused)
{
    (void)unused;
    receive_either(RIGHT, soon());
}

/* Waits for an item of the left channel, to be told, for a permit, or for the token. */
static void wait_for_any(uint64_t deadline_ns)
{
    struct pawl_case cases[4];
    pawl_case_receive(&cases[0], channel[LEFT], &item[0]);
    pawl_case_notify(&cases[1], notify);
    pawl_case_semaphore(&cases[2], semaphore, 1);
    pawl_case_token(&cases[3], token);
    chosen[0] = select_of(cases, 4, deadline_ns, &answer[0]);
    MODEL_ASSERT(item[0] == (chosen[0] == 0 && answer[0] == 0));
    MODEL_ASSERT((chosen[0] != 1 && chosen[0] != 2) || written[chosen[0]] == 1);
}

static void wait_for_any_for_ever(void *unused)
{
    (void)unused;
    wait_for_any(PAWL_NEVER);
}

static void wait_for_any_soon(void *unused)
{
    (void)unused;
    wait_for_any(soon());
}

static void wait_to_be_told_or_have_two(void *unused)
{
    (void)unused;
    struct pawl_case cases[2];
    pawl_case_notify(&cases[0], notify);
    pawl_case_semaphore(&cases[1], semaphore, 2);
    chosen[0] = select_of(cases, 2, PAWL_NEVER, &answer[0]);
}

/* ---- those who serve them ---- */

static void send_to_left(void *unused)
{
    (void)unused;
    unsigned long value = 1;
    answer[2] = pawl_channel_send(channel[LEFT], &value);
}

static void send_to_right(void *unused)
{
    (void)unused;
    unsigned long value = 2;
    MODEL_ASSERT(pawl_channel_send(channel[RIGHT], &value) == 0);
}

static void receive_from_left(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_channel_receive(channel[LEFT], &item[1]) == 0 && item[1] == 1);
}

static void tell_one(void *unused)
{
    (void)unused;
    written[1] = 1;
    pawl_notify_one(notify);
}

static void release_one(void *unused)
{
    (void)unused;
    written[2] = 1;
    pawl_semaphore_release(semaphore, 1);
}

static void cancel_token(void *unused)
{
    (void)unused;
    pawl_token_cancel(token);
}

static void close_left(void *unused)
{
    (void)unused;
    pawl_channel_close(channel[LEFT]);
}

static void acquire_one(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_semaphore_acquire(semaphore, 1) == 0);
}

/* ---- selects that meet ---- */

static void select_meets_select(void)
{
    create_channels(0);
    model_time_advance(model_choose(2)); /* both orders of trying */
    run_two(send_or_receive_left, send_or_receive_right);
    MODEL_ASSERT(chosen[0] + chosen[1] == 1);
    model_outcome("%d", chosen[0]);
    tear_down();
}

static void select_meets_receiver(void)
{
    create_channels(0);
    run_two(send_or_receive_left, receive_from_left);
    MODEL_ASSERT(chosen[0] == 0 && item[0] == 0);
    tear_down();
}

/* Both sides of one channel are no partners of themselves. */
static void both_sides_of_one(unsigned i)
{
    struct pawl_case cases[2];
    unsigned long mine = 1 + i;
    pawl_case_send(&cases[0], channel[0], &mine);
    pawl_case_receive(&cases[1], channel[0], &item[i]);
    chosen[i] = select_of(cases, 2, PAWL_NEVER, &answer[i]);
    MODEL_ASSERT(chosen[i] == 0 ? item[i] == 0 : chosen[i] == 1 && item[i] == 2 - i);
}

static void both_sides_left(void *unused)
{
    (void)unused;
    both_sides_of_one(LEFT);
}

static void both_sides_right(void *unused)
{
    (void)unused;
    both_sides_of_one(RIGHT);
}

static void both_sides_meet(void)
{
    create_channels(0);
    run_two(both_sides_left, both_sides_right);
    MODEL_ASSERT(chosen[0] + chosen[1] == 1);
    model_outcome("%d", chosen[0]);
    tear_down();
}

/* One item, two selects of both channels in different orders. */
static void two_selects_meet_sender(void)
{
    create_channels(1);
    run_three(receive_either_left_soon, receive_either_right_soon, send_to_left);
    int left = left_in(LEFT);
    MODEL_ASSERT((chosen[0] == 0) + (chosen[1] == 1) + (left == 1) == 1 && answer[2] == 0);
    MODEL_ASSERT(chosen[0] == 0 || (chosen[0] == -ETIMEDOUT && item[0] == 0));
    MODEL_ASSERT(chosen[1] == 1 || (chosen[1] == -ETIMEDOUT && item[1] == 0));
    model_outcome("%s", left == 1 ? "left" : "received");
    tear_down();
}

/* ---- granters that meet ---- */

static void two_senders_meet_select(void)
{
    create_channels(1);
    run_three(receive_either_left, send_to_left, send_to_right);
    MODEL_ASSERT(item[0] == (chosen[0] == 0 ? 1 : 2));
    MODEL_ASSERT(left_in(LEFT) == (chosen[0] == 0 ? -EAGAIN : 1) && left_in(RIGHT) == (chosen[0] == 0 ? 2 : -EAGAIN));
    model_outcome("%d", chosen[0]);
    tear_down();
}

static void sender_and_notify_meet_select(void)
{
    create_channels(1);
    create_others(0);
    run_three(wait_for_any_for_ever, send_to_left, tell_one);
    MODEL_ASSERT(permit_left() == (chosen[0] != 1) && left_in(LEFT) == (chosen[0] == 0 ? -EAGAIN : 1));
    model_outcome("%d", chosen[0]);
    tear_down();
}

static void notify_and_release_meet_select(void)
{
    create_channels(1);
    create_others(0);
    run_three(wait_for_any_for_ever, release_one, tell_one);
    MODEL_ASSERT(permit_left() == (chosen[0] != 1) && pawl_semaphore_available(semaphore) == (chosen[0] != 2));
    model_outcome("%d", chosen[0]);
    tear_down();
}

static void cancel_and_close_meet_select(void)
{
    create_channels(1);
    create_others(0);
    run_three(wait_for_any_for_ever, cancel_token, close_left);
    MODEL_ASSERT(answer[0] == (chosen[0] == 0 ? -EPIPE : 0));
    model_outcome("%d", chosen[0]);
    tear_down();
}

/* It waits for two, of which there is one: when it was told, that one is the next one's. */
static void next_is_granted_if_select_is_told(void)
{
    create_channels(1);
    create_others(1);
    run_three(wait_to_be_told_or_have_two, acquire_one, tell_one);
    MODEL_ASSERT(chosen[0] == 0 && pawl_semaphore_available(semaphore) == 0);
    tear_down();
}

/* Two cases of one semaphore: what does not suffice for the one is for the other. */
static void wait_for_two_or_one(void *unused)
{
    (void)unused;
    struct pawl_case cases[2];
    pawl_case_semaphore(&cases[0], semaphore, 2);
    pawl_case_semaphore(&cases[1], semaphore, 1);
    chosen[0] = select_of(cases, 2, PAWL_NEVER, &answer[0]);
}

static void release_meets_select_of_more_or_less(void)
{
    create_channels(1);
    create_others(0);
    run_two(wait_for_two_or_one, release_one);
    MODEL_ASSERT(chosen[0] == 1 && answer[0] == 0 && pawl_semaphore_available(semaphore) == 0);
    tear_down();
}

/* A permit for a select that has been told already goes to the next, too. */
static void release_meets_select_that_is_told(void)
{
    create_channels(1);
    create_others(1);
    run_three(wait_to_be_told_or_have_two, release_one, tell_one);
    MODEL_ASSERT(pawl_semaphore_available(semaphore) == (chosen[0] == 1 ? 0 : 2) && permit_left() == (chosen[0] == 1));
    model_outcome("%d", chosen[0]);
    tear_down();
}

/* A select that has its item is no longer told, nor granted a permit: the next one in the queue is. */
static void wait_for_item_or_notice(void *unused)
{
    (void)unused;
    struct pawl_case cases[2];
    pawl_case_receive(&cases[0], channel[LEFT], &item[0]);
    pawl_case_notify(&cases[1], notify);
    chosen[0] = select_of(cases, 2, PAWL_NEVER, &answer[0]);
}

static void wait_for_item_or_permit(void *unused)
{
    (void)unused;
    struct pawl_case cases[2];
    pawl_case_receive(&cases[0], channel[LEFT], &item[0]);
    pawl_case_semaphore(&cases[1], semaphore, 1);
    chosen[0] = select_of(cases, 2, PAWL_NEVER, &answer[0]);
}

static void send_and_tell_one(void *unused)
{
    send_to_left(unused);
    tell_one(unused);
}

static void send_and_release_one(void *unused)
{
    send_to_left(unused);
    release_one(unused);
}

static void wait_for_notice_soon(void *unused)
{
    (void)unused;
    answer[1] = pawl_notify_wait_until(notify, soon());
}

static void acquire_one_soon(void *unused)
{
    (void)unused;
    answer[1] = pawl_semaphore_acquire_until(semaphore, 1, soon());
}

/* It may look for the item before it is there, and then find the other one. */
static void check_item_of_select(void)
{
    MODEL_ASSERT(left_in(LEFT) == (chosen[0] == 1 ? 1 : -EAGAIN) && item[0] == (chosen[0] == 0));
    model_outcome("%d %s", chosen[0], name_of(answer[1]));
}

static void notify_passes_select_by(void)
{
    create_channels(1);
    create_others(0);
    run_three(wait_for_item_or_notice, wait_for_notice_soon, send_and_tell_one);
    MODEL_ASSERT((chosen[0] == 1) + (answer[1] == 0) + permit_left() == 1);
    check_item_of_select();
    tear_down();
}

static void release_passes_select_by(void)
{
    create_channels(1);
    create_others(0);
    run_three(wait_for_item_or_permit, acquire_one_soon, send_and_release_one);
    MODEL_ASSERT((unsigned)(chosen[0] == 1) + (answer[1] == 0) + pawl_semaphore_available(semaphore) == 1);
    check_item_of_select();
    tear_down();
}

/* ---- giving up, closing ---- */

static void sender_meets_time_out(void)
{
    create_channels(1);
    run_two(receive_either_left_soon, send_to_left);
    MODEL_ASSERT(chosen[0] == 0 || chosen[0] == -ETIMEDOUT);
    MODEL_ASSERT(item[0] == (chosen[0] == 0) && left_in(LEFT) == (chosen[0] == 0 ? -EAGAIN : 1));
    model_outcome("%s", name_of(chosen[0]));
    tear_down();
}

static void notify_meets_time_out(void)
{
    create_channels(1);
    create_others(0);
    run_two(wait_for_any_soon, tell_one);
    MODEL_ASSERT(chosen[0] == 1 || chosen[0] == -ETIMEDOUT);
    MODEL_ASSERT(permit_left() == (chosen[0] != 1));
    model_outcome("%s", name_of(chosen[0]));
    tear_down();
}

/* Who was served last: the select does not touch what it was granted any more, nor what it tried to leave. */
static void try_to_send_and_destroy(void *unused)
{
    (void)unused;
    unsigned long value = 1;
    answer[2] = pawl_channel_try_send(channel[LEFT], &value);
    if (answer[2] != 0)
        return;
    pawl_channel_destroy(channel[LEFT]);
    channel[LEFT] = NULL;
}

static void sender_destroys(void)
{
    create_channels(0);
    run_two(receive_either_left_soon, try_to_send_and_destroy);
    MODEL_ASSERT(chosen[0] == (answer[2] == 0 ? 0 : -ETIMEDOUT) && item[0] == (answer[2] == 0));
    model_outcome("%s", name_of(chosen[0]));
    tear_down();
}

static void close_meets_sender_and_select(void)
{
    create_channels(0);
    run_three(receive_either_left, send_to_left, close_left);
    MODEL_ASSERT(chosen[0] == 0 && answer[0] == answer[2] && item[0] == (answer[0] == 0));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

SCENARIO(select_meets_select, "two selects that could serve each other", ONLY("0", "1"))
SCENARIO(select_meets_receiver, "a select and a receiver", .outcomes = NULL)
SCENARIO(both_sides_meet, "two selects of both sides of one channel", ONLY("0", "1"))
SCENARIO(two_selects_meet_sender, "one item for two selects that give up", ONLY("left", "received"), .expirations = 1)
SCENARIO(two_senders_meet_select, "two items for a select", ONLY("0", "1"))
SCENARIO(sender_and_notify_meet_select, "an item and a permit for a select", ONLY("0", "1"))
SCENARIO(notify_and_release_meet_select, "two permits for a select", ONLY("1", "2"))
SCENARIO(cancel_and_close_meet_select, "two ends for a select", ONLY("0", "3"))
SCENARIO(next_is_granted_if_select_is_told, "a select that waits for more than there is is told", .outcomes = NULL)
SCENARIO(release_meets_select_of_more_or_less, "a permit for a select of two or one", .outcomes = NULL)
SCENARIO(release_meets_select_that_is_told, "it is told, or has what it waits for", ONLY("0", "1"))
SCENARIO(notify_passes_select_by, "an item for a select, then a notice, and another one waits",
         ONLY("0 0", "0 ETIMEDOUT", "1 ETIMEDOUT"), .expirations = 1)
SCENARIO(release_passes_select_by, "an item for a select, then a permit, and another one waits",
         ONLY("0 0", "0 ETIMEDOUT", "1 ETIMEDOUT"), .expirations = 1)
SCENARIO(sender_meets_time_out, "an item as the select gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(notify_meets_time_out, "a permit as the select gives up", ONLY("1", "ETIMEDOUT"), .expirations = 1)
SCENARIO(sender_destroys, "an item as the select gives up, and who sent it destroys", ONLY("0", "ETIMEDOUT"),
         .expirations = 1)
SCENARIO(close_meets_sender_and_select, "an item, or the end", ONLY("0", "EPIPE"))

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&select_meets_select_,
                                                             &select_meets_receiver_,
                                                             &both_sides_meet_,
                                                             &two_selects_meet_sender_,
                                                             &two_senders_meet_select_,
                                                             &sender_and_notify_meet_select_,
                                                             &notify_and_release_meet_select_,
                                                             &cancel_and_close_meet_select_,
                                                             &next_is_granted_if_select_is_told_,
                                                             &release_meets_select_of_more_or_less_,
                                                             &release_meets_select_that_is_told_,
                                                             &notify_passes_select_by_,
                                                             &release_passes_select_by_,
                                                             &sender_meets_time_out_,
                                                             &notify_meets_time_out_,
                                                             &sender_destroys_,
                                                             &close_meets_sender_and_select_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
