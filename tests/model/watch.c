/* Watch. What is written before a send is plain.
 *
 * Final states:
 *     wait against sends    the latest value, and never the version it has
 *     against giving up     the version is not the caller's: the next wait gets it
 *     against close         what was sent is seen, then -EPIPE */
#define _GNU_SOURCE
#include "tests/model/sync.h"

static struct pawl_watch *watch;

/* The value is the version. */
static void set_up(void)
{
    unsigned long initial = 1;
    MODEL_ASSERT(pawl_watch_create(&watch, &initial, sizeof initial) == 0);
}

static void send(unsigned long value)
{
    written[value - 1] = 1;
    answer[value - 1] = pawl_watch_send(watch, &value);
}

static void tear_down(void)
{
    pawl_watch_destroy(watch);
}

/* ---- threads ---- */

static void send_one(void *unused)
{
    (void)unused;
    send(2);
}

static void send_two(void *unused)
{
    (void)unused;
    send(2);
    send(3);
}

static void close_it(void *unused)
{
    (void)unused;
    pawl_watch_close(watch);
}

static void send_one_and_close(void *unused)
{
    send_one(unused);
    close_it(unused);
}

/* From the first version until the one that is `last`. */
static void wait_until(uint64_t last)
{
    uint64_t version = 1;
    while (version != last) {
        uint64_t before = version;
        unsigned long value = 0;
        MODEL_ASSERT(pawl_watch_wait(watch, &value, &version) == 0 && value == version && version > before);
        for (unsigned long i = 2; i <= value; i++)
            MODEL_ASSERT(written[i - 1] == 1);
        answer[0]++;
    }
}

static void wait_for_second(void *unused)
{
    (void)unused;
    wait_until(2);
}

static void wait_for_third(void *unused)
{
    (void)unused;
    wait_until(3);
}

static void wait_for_second_and_destroy(void *unused)
{
    wait_for_second(unused);
    tear_down();
}

static void wait_until_closed(void *unused)
{
    (void)unused;
    uint64_t version = 1;
    unsigned long value = 0;
    int error;
    while ((error = pawl_watch_wait(watch, &value, &version)) == 0)
        answer[0]++;
    MODEL_ASSERT(error == -EPIPE);
}

static void wait_soon(void *unused)
{
    (void)unused;
    uint64_t version = 1;
    answer[0] = pawl_watch_wait_until(watch, NULL, &version, soon());
    MODEL_ASSERT(version == (answer[0] == 0 ? 2 : 1));
}

static void read_it(void *unused)
{
    (void)unused;
    uint64_t version = 0;
    unsigned long value = 0;
    MODEL_ASSERT(pawl_watch_read(watch, &value, &version) == 0 && value == version);
    MODEL_ASSERT(version == 1 || written[1] == 1);
    answer[0] = (int)version;
}

/* ---- scenarios ---- */

static void send_meets_wait(void)
{
    set_up();
    run_two(wait_for_second_and_destroy, send_one);
}

static void two_wait(void)
{
    set_up();
    unsigned t = model_spawn(wait_for_second, NULL);
    unsigned long value = 0;
    uint64_t version = 1;
    unsigned u = model_spawn(send_one, NULL);
    MODEL_ASSERT(pawl_watch_wait(watch, &value, &version) == 0 && value == 2 && version == 2 && written[1] == 1);
    model_join(t);
    model_join(u);
    tear_down();
}

static void sends_meet_waits(void)
{
    set_up();
    run_two(wait_for_third, send_two);
    model_outcome("%d waits", answer[0]);
    tear_down();
}

static void send_meets_read(void)
{
    set_up();
    run_two(read_it, send_one);
    model_outcome("%d", answer[0]);
    tear_down();
}

static void close_meets_waits(void)
{
    set_up();
    run_two(wait_until_closed, send_one_and_close);
    MODEL_ASSERT(answer[0] == 1 && answer[1] == 0);
    tear_down();
}

static void close_meets_send(void)
{
    set_up();
    run_three(wait_until_closed, send_one, close_it);
    MODEL_ASSERT(answer[0] == (answer[1] == 0));
    model_outcome("%s", name_of(answer[1]));
    tear_down();
}

static void waiter_gives_up(void)
{
    set_up();
    run_two(wait_soon, send_one);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

SCENARIO(send_meets_wait, "a value, and who waited destroys", .outcomes = NULL)
SCENARIO(two_wait, "a value, and two wait", .outcomes = NULL)
SCENARIO(sends_meet_waits, "two values", ONLY("1 waits", "2 waits"))
SCENARIO(send_meets_read, "a value is read", ONLY("1", "2"))
SCENARIO(close_meets_waits, "a value, and the end", .outcomes = NULL)
SCENARIO(close_meets_send, "it is closed as one sends", ONLY("0", "EPIPE"))
SCENARIO(waiter_gives_up, "a value as its waiter gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {
        &send_meets_wait_,   &two_wait_,         &sends_meet_waits_, &send_meets_read_,
        &close_meets_waits_, &close_meets_send_, &waiter_gives_up_,  NULL};
    return model_main(argc, argv, scenarios);
}
