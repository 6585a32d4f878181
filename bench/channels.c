/* Items from task to task: channels, select, broadcast. The receivers check every item, in each program alike. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bench.h"

#define PAIRS 64
#define CAPACITY 128
#define MPMC_SIDE 4
#define SELECT_CHANNELS 8
#define FAN_RECEIVERS 16

/* What one task of a workload does: sends the items first, first + 1, ... or receives some. */
struct part {
    pawl_task_fn *run;
    struct pawl_channel *in, *out;
    _Atomic int *senders; /* of `out`: the last one closes it */
    int64_t first, count;
    int64_t sum; /* of what was received */
};

static void *run_part(void *part)
{
    return ((struct part *)part)->run(part);
}

static void run_parts(struct part *parts, long count)
{
    bench_run_all(run_part, parts, count, sizeof *parts);
}

static struct pawl_channel *make_channel(size_t capacity)
{
    struct pawl_channel *channel;
    MUST(pawl_channel_create(&channel, capacity, sizeof(int64_t)));
    return channel;
}

/* false: it is closed and empty. */
static bool receive(struct pawl_channel *channel, int64_t *item)
{
    int result = pawl_channel_receive(channel, item);
    if (result != -EPIPE)
        MUST(result);
    return result == 0;
}

static void expect_item(int64_t item, int64_t expected)
{
    if (item != expected)
        bench_fail("received %lld instead of %lld", (long long)item, (long long)expected);
}

static void *send_items(void *arg)
{
    struct part *part = arg;
    for (int64_t item = part->first; item < part->first + part->count; item++)
        MUST(pawl_channel_send(part->out, &item));
    if (part->senders != NULL && atomic_fetch_sub(part->senders, 1) == 1)
        pawl_channel_close(part->out);
    return NULL;
}

/* ---- pingpong ---- */

static void *ping(void *arg)
{
    struct part *part = arg;
    for (int64_t i = 0; i < part->count; i++) {
        int64_t answer = -1;
        MUST(pawl_channel_send(part->out, &i));
        MUST(pawl_channel_receive(part->in, &answer));
        expect_item(answer, i);
        bench_tick();
    }
    pawl_channel_close(part->out);
    return NULL;
}

static void *pong(void *arg)
{
    struct part *part = arg;
    for (int64_t item; receive(part->in, &item);)
        MUST(pawl_channel_send(part->out, &item));
    return NULL;
}

static void *play(void *round_trips)
{
    struct part *parts = bench_allocate(2 * PAIRS, sizeof *parts);
    for (int i = 0; i < PAIRS; i++) {
        struct pawl_channel *there = make_channel(1), *back = make_channel(1);
        parts[2 * i] = (struct part){.run = ping, .out = there, .in = back, .count = *(long *)round_trips};
        parts[2 * i + 1] = (struct part){.run = pong, .in = there, .out = back};
    }
    run_parts(parts, 2 * PAIRS);
    for (int i = 0; i < 2 * PAIRS; i++)
        pawl_channel_destroy(parts[i].in);
    free(parts);
    return NULL;
}

static void pingpong_rep(const struct bench *b)
{
    long round_trips = b->n / PAIRS;
    bench_on_worker(b, play, &round_trips);
}

void bench_pingpong(const struct bench *b)
{
    bench_throughput(b, bench_n(b, PAIRS), pingpong_rep);
}

/* ---- channel_spsc, channel_mpmc ---- */

static void *receive_in_order(void *arg)
{
    struct part *part = arg;
    int64_t next = 0;
    for (int64_t item; receive(part->in, &item); next++) {
        expect_item(item, next);
        bench_tick();
    }
    expect_item(next, part->count);
    return NULL;
}

static void *spsc(void *n)
{
    struct pawl_channel *channel = make_channel(CAPACITY);
    _Atomic int senders = 1;
    struct part parts[] = {
        {.run = send_items, .out = channel, .senders = &senders, .count = *(long *)n},
        {.run = receive_in_order, .in = channel, .count = *(long *)n},
    };
    run_parts(parts, 2);
    pawl_channel_destroy(channel);
    return NULL;
}

static void spsc_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, spsc, &n);
}

void bench_channel_spsc(const struct bench *b)
{
    bench_throughput(b, b->n, spsc_rep);
}

static void *receive_any(void *arg)
{
    struct part *part = arg;
    int64_t sum = 0;
    for (int64_t item; receive(part->in, &item); sum += item)
        bench_tick();
    part->sum = sum;
    return NULL;
}

static void *mpmc(void *n)
{
    struct pawl_channel *channel = make_channel(CAPACITY);
    _Atomic int senders = MPMC_SIDE;
    int64_t share = *(long *)n / MPMC_SIDE, total = share * MPMC_SIDE, sum = 0;
    struct part parts[2 * MPMC_SIDE];
    for (int i = 0; i < MPMC_SIDE; i++) {
        parts[i] = (struct part){.run = send_items, .out = channel, .senders = &senders, .count = share};
        parts[i].first = i * share;
        parts[MPMC_SIDE + i] = (struct part){.run = receive_any, .in = channel};
    }
    run_parts(parts, 2 * MPMC_SIDE);
    for (int i = MPMC_SIDE; i < 2 * MPMC_SIDE; i++)
        sum += parts[i].sum;
    expect_item(sum, total * (total - 1) / 2);
    pawl_channel_destroy(channel);
    return NULL;
}

static void mpmc_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, mpmc, &n);
}

void bench_channel_mpmc(const struct bench *b)
{
    bench_throughput(b, bench_n(b, MPMC_SIDE), mpmc_rep);
}

/* ---- select_many ---- */

static void *select_items(void *arg)
{
    struct part *part = arg; /* with those of the senders behind it */
    struct pawl_case cases[SELECT_CHANNELS];
    int64_t items[SELECT_CHANNELS], next[SELECT_CHANNELS] = {0};
    for (int i = 0; i < SELECT_CHANNELS; i++)
        pawl_case_receive(&cases[i], part[1 + i].out, &items[i]);
    for (int64_t i = 0; i < part->count; i++) {
        int which = MUST(pawl_select(cases, SELECT_CHANNELS));
        MUST(cases[which].status);
        expect_item(items[which], next[which]++);
        bench_tick();
    }
    return NULL;
}

static void *select_many(void *n)
{
    struct part parts[1 + SELECT_CHANNELS];
    int64_t share = *(long *)n / SELECT_CHANNELS;
    parts[0] = (struct part){.run = select_items, .count = share * SELECT_CHANNELS};
    for (int i = 1; i <= SELECT_CHANNELS; i++)
        parts[i] = (struct part){.run = send_items, .out = make_channel(CAPACITY), .count = share};
    run_parts(parts, 1 + SELECT_CHANNELS);
    for (int i = 1; i <= SELECT_CHANNELS; i++)
        pawl_channel_destroy(parts[i].out);
    return NULL;
}

static void select_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, select_many, &n);
}

void bench_select_many(const struct bench *b)
{
    bench_throughput(b, bench_n(b, SELECT_CHANNELS), select_rep);
}

/* ---- broadcast_fan ---- */

/* The sender waits after every CAPACITY items until all have them, so that nobody lags. */
struct fan {
    struct pawl_broadcast *broadcast;
    struct pawl_semaphore caught_up;
    int64_t count;
};

struct fan_receiver {
    _Alignas(64) struct pawl_broadcast_receiver receiver;
    struct fan *fan;
};

static void *fan_receive(void *arg)
{
    struct fan_receiver *r = arg;
    for (int64_t i = 0; i < r->fan->count; i++) {
        int64_t item = -1;
        uint64_t missed = 0;
        MUST(pawl_broadcast_receive(&r->receiver, &item, &missed));
        if (missed != 0)
            bench_fail("a receiver lags by %llu items", (unsigned long long)missed);
        expect_item(item, i);
        bench_tick();
        if (i % CAPACITY == CAPACITY - 1)
            pawl_semaphore_release(&r->fan->caught_up, 1);
    }
    return NULL;
}

static void *fan_send(void *arg)
{
    struct fan *fan = arg;
    for (int64_t i = 0; i < fan->count; i++) {
        MUST(pawl_broadcast_send(fan->broadcast, &i));
        if (i % CAPACITY == CAPACITY - 1)
            MUST(pawl_semaphore_acquire(&fan->caught_up, FAN_RECEIVERS));
    }
    return NULL;
}

static void *fan_out(void *n)
{
    struct fan fan = {.count = *(long *)n / FAN_RECEIVERS};
    struct fan_receiver receivers[FAN_RECEIVERS];
    struct pawl_task *sender;
    MUST(pawl_broadcast_create(&fan.broadcast, CAPACITY, sizeof(int64_t)));
    MUST(pawl_semaphore_init(&fan.caught_up, 0));
    for (int i = 0; i < FAN_RECEIVERS; i++) {
        receivers[i].fan = &fan;
        MUST(pawl_broadcast_subscribe(fan.broadcast, &receivers[i].receiver));
    }
    MUST(pawl_spawn(NULL, fan_send, &fan, &sender));
    bench_run_all(fan_receive, receivers, FAN_RECEIVERS, sizeof *receivers);
    MUST(pawl_join(sender, NULL));
    MUST(pawl_semaphore_fini(&fan.caught_up));
    pawl_broadcast_destroy(fan.broadcast);
    return NULL;
}

static void broadcast_rep(const struct bench *b)
{
    long n = b->n;
    bench_on_worker(b, fan_out, &n);
}

void bench_broadcast_fan(const struct bench *b)
{
    bench_throughput(b, bench_n(b, FAN_RECEIVERS), broadcast_rep);
}
