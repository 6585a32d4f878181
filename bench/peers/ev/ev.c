/* libev: one loop on one thread, so --workers has no meaning here. What are 64 tasks elsewhere are turns of an idle
 * watcher. Its timers count from the loop's time, which the workloads of lateness bring up to date before each. */
#include <ev.h>

#include "../timers.h"

static struct ev_loop *loop;
static uint64_t seed;

static double seconds(int64_t ns)
{
    return (double)ns / NS_PER_S;
}

static void must_not_fire(struct ev_loop *l, ev_timer *timer, int events)
{
    (void)l;
    (void)timer;
    (void)events;
    peer_fail("a timer fired that was seconds away");
}

static void arm(ev_timer *timer, int64_t low, int64_t high)
{
    ev_timer_init(timer, must_not_fire, seconds(random_between(&seed, low, high)), 0.);
    ev_timer_start(loop, timer);
}

/* ---- operations, 128 a turn of the loop ---- */

struct turns {
    ev_idle idle;
    void (*operate)(long i);
    long done, count;
};

static void take_turn(struct ev_loop *l, ev_idle *idle, int events)
{
    struct turns *turns = (struct turns *)idle;
    (void)events;
    for (int i = 0; i < OPERATIONS_PER_TURN && turns->done < turns->count; i++) {
        turns->operate(turns->done++);
        peer_tick();
    }
    if (turns->done == turns->count) {
        ev_idle_stop(l, idle);
        ev_break(l, EVBREAK_ALL);
    }
}

static void operate_often(void (*operate)(long i), long count)
{
    struct turns turns = {.operate = operate, .count = count};
    ev_idle_init(&turns.idle, take_turn);
    ev_idle_start(loop, &turns.idle);
    ev_run(loop, 0);
}

/* ---- timer_churn, timer_reset, timer_scale ---- */

static ev_timer *pending;
static long pending_count;

static void arm_pending(long count)
{
    seed = random_seeded(77);
    pending_count = count;
    pending = peer_allocate(count, sizeof *pending);
    for (long i = 0; i < count; i++)
        arm(&pending[i], PENDING_MIN_NS, PENDING_MAX_NS);
}

static void cancel_pending(void)
{
    for (long i = 0; i < pending_count; i++)
        ev_timer_stop(loop, &pending[i]);
    free(pending);
}

static void churn_near(long i)
{
    ev_timer timer;
    (void)i;
    arm(&timer, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
    ev_timer_stop(loop, &timer);
}

static void churn(long n)
{
    operate_often(churn_near, n);
}

static void churn_far(long i)
{
    ev_timer timer;
    (void)i;
    arm(&timer, PENDING_MIN_NS, PENDING_MAX_NS);
    ev_timer_stop(loop, &timer);
}

static void churn_beside(long n)
{
    operate_often(churn_far, n);
}

static void replace_random(long i)
{
    ev_timer *timer = &pending[random_next(&seed) % (uint64_t)pending_count];
    (void)i;
    ev_timer_stop(loop, timer);
    arm(timer, PENDING_MIN_NS, PENDING_MAX_NS);
}

static void replace(long n)
{
    operate_often(replace_random, n);
}

static ev_timer pushed[TIMER_TASKS];

static void push_away(long i)
{
    ev_timer *timer = &pushed[i / OPERATIONS_PER_TURN % TIMER_TASKS];
    timer->repeat = seconds(random_between(&seed, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS));
    ev_timer_again(loop, timer);
}

static void reset(long n)
{
    operate_often(push_away, n);
}

/* ---- timer_fire, sleep_idle, sleep_busy ---- */

struct sleeper {
    ev_timer timer;
    int64_t due;
    int64_t *late_ns;
    uint64_t random;
    long left;
};

static long awake; /* who still has to fire */

static void sleep_until(struct sleeper *sleeper, int64_t due)
{
    sleeper->due = due;
    ev_now_update(loop);
    ev_timer_set(&sleeper->timer, seconds(due - peer_now()), 0.);
    ev_timer_start(loop, &sleeper->timer);
}

static void sleep_next(struct sleeper *sleeper)
{
    if (sleeper->left-- > 0)
        sleep_until(sleeper, peer_now() + random_between(&sleeper->random, NS_PER_MS, 20 * NS_PER_MS));
    else if (--awake == 0)
        ev_break(loop, EVBREAK_ALL);
}

static void slept(struct ev_loop *l, ev_timer *timer, int events)
{
    struct sleeper *sleeper = (struct sleeper *)timer;
    (void)l;
    (void)events;
    *sleeper->late_ns++ = peer_now() - sleeper->due;
    peer_tick();
    sleep_next(sleeper);
}

static void fire(long n, int64_t *late_ns)
{
    struct sleeper *sleepers = peer_allocate(n, sizeof *sleepers);
    int64_t start = peer_now();
    seed = random_seeded(0);
    awake = n;
    for (long i = 0; i < n; i++) {
        sleepers[i].late_ns = &late_ns[i];
        ev_init(&sleepers[i].timer, slept);
        sleep_until(&sleepers[i], start + random_between(&seed, 0, NS_PER_S));
    }
    ev_run(loop, 0);
    free(sleepers);
}

static void sleeps(long n, int64_t *late_ns)
{
    struct sleeper sleepers[SLEEPERS];
    awake = SLEEPERS;
    for (int i = 0; i < SLEEPERS; i++) {
        struct sleeper *sleeper = &sleepers[i];
        *sleeper = (struct sleeper){
            .late_ns = late_ns + i * (n / SLEEPERS), .random = random_seeded((uint64_t)i), .left = n / SLEEPERS};
        ev_init(&sleeper->timer, slept);
        sleep_next(sleeper);
    }
    ev_run(loop, 0);
}

static void burn(struct ev_loop *l, ev_idle *idle, int events)
{
    (void)l;
    (void)idle;
    (void)events;
    peer_spin(PIECE_NS);
}

static bool asked_for(const char *workload)
{
    return strcmp(peer.workload, workload) == 0;
}

static void measure(void)
{
    if (asked_for("timer_churn")) {
        arm_pending(OTHER_TIMERS);
        peer_throughput(peer_n(5000000, TIMER_TASKS), churn);
    } else if (asked_for("timer_reset")) {
        for (int i = 0; i < TIMER_TASKS; i++)
            ev_init(&pushed[i], must_not_fire);
        seed = random_seeded(0);
        peer_throughput(peer_n(5000000, TIMER_TASKS), reset);
    } else if (asked_for("timer_scale")) {
        peer_scale_run(&(struct peer_scale){arm_pending, churn_beside, replace, cancel_pending});
    } else if (asked_for("timer_fire")) {
        peer_lateness(peer_n(1000000, TIMER_TASKS), fire, true);
    } else if (asked_for("sleep_idle")) {
        peer_lateness(peer_n(10000, SLEEPERS), sleeps, false);
    } else if (asked_for("sleep_busy")) {
        ev_idle idle;
        ev_idle_init(&idle, burn);
        ev_idle_start(loop, &idle);
        peer_lateness(peer_n(10000, SLEEPERS), sleeps, false);
    } else {
        peer_skip();
    }
}

int main(int argc, char **argv)
{
    peer_parse(argc, argv, "libev");
    peer.workers = 1;
    loop = ev_default_loop(0);
    measure();
    return 0;
}
