/* The queue for hosts with a loop of their own: one thread, no runtime. The clock is the program's, and does not cost.
 */
#include <pawl/timerq.h>
#include <stdlib.h>

#include "bench.h"

#define PENDING_FEW 1000
#define PENDING_MANY 100000
#define READY_MAX 256

struct queue {
    struct pawl_timerq *q;
    struct random random;
    uint64_t now_ns;
    uint64_t *ids; /* of the timers that pend; each is renewed now and again */
    long count;
};

static struct queue queue; /* one workload a run */

static uint64_t draw_delay(void)
{
    return (uint64_t)random_between(&queue.random, 5 * NS_PER_S, 60 * NS_PER_S);
}

static void fill(long count)
{
    queue.random = random_seeded(77);
    queue.count = count;
    queue.ids = bench_allocate(count, sizeof *queue.ids);
    MUST(pawl_timerq_create(&queue.q));
    for (long i = 0; i < count; i++)
        MUST(pawl_timerq_set(queue.q, queue.now_ns, draw_delay(), (uint64_t)i, &queue.ids[i]));
}

static void empty(void)
{
    pawl_timerq_destroy(queue.q);
    free(queue.ids);
}

/* An operation has ended in time, and another begins: anyone's timeout goes, another comes. */
static void churn_rep(const struct bench *b)
{
    for (long i = 0; i < b->n; i++) {
        long k = random_between(&queue.random, 0, queue.count);
        MUST(pawl_timerq_cancel(queue.q, queue.ids[k]));
        MUST(pawl_timerq_set(queue.q, queue.now_ns, draw_delay(), (uint64_t)k, &queue.ids[k]));
        queue.now_ns += 100;
        bench_tick();
    }
}

static void churn(const struct bench *b, long pending)
{
    fill(pending);
    bench_throughput(b, bench_n(b, 1), churn_rep);
    empty();
}

void bench_timerq_churn(const struct bench *b)
{
    churn(b, PENDING_MANY);
}

void bench_timerq_churn_few(const struct bench *b)
{
    churn(b, PENDING_FEW);
}

/* Who was woken sleeps again, so as many pend as before. */
static void tick_rep(const struct bench *b)
{
    uint64_t ready[READY_MAX];
    for (long left = b->n; left > 0;) {
        size_t capacity = left < READY_MAX ? (size_t)left : READY_MAX;
        size_t count = pawl_timerq_tick(queue.q, queue.now_ns, ready, capacity);
        for (size_t i = 0; i < count; i++) {
            MUST(pawl_timerq_set(queue.q, queue.now_ns, draw_delay(), ready[i], NULL));
            bench_tick();
        }
        left -= (long)count;
        if (count < capacity)
            queue.now_ns += PAWL_MS(1);
    }
}

void bench_timerq_tick(const struct bench *b)
{
    fill(PENDING_MANY);
    bench_throughput(b, bench_n(b, 1), tick_rep);
    empty();
}
