/* libuv: one loop on one thread, so --workers has no meaning here, and whole milliseconds, rounded up. What are 64
 * tasks elsewhere are turns of an idle handle. Its timers count from the loop's time, which the workloads of lateness
 * bring up to date before each. */
#include <uv.h>

#include "../timers.h"

static uv_loop_t *loop;
static uint64_t seed;

static uint64_t milliseconds(int64_t ns)
{
    return ns > 0 ? (uint64_t)((ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

static void must_not_fire(uv_timer_t *timer)
{
    (void)timer;
    peer_fail("a timer fired that was seconds away");
}

static void arm(uv_timer_t *timer, int64_t low, int64_t high)
{
    uv_timer_start(timer, must_not_fire, milliseconds(random_between(&seed, low, high)), 0);
}

/* ---- operations, 128 a turn of the loop ---- */

struct turns {
    uv_idle_t idle;
    void (*operate)(long i);
    long done, count;
};

static void take_turn(uv_idle_t *idle)
{
    struct turns *turns = (struct turns *)idle;
    for (int i = 0; i < OPERATIONS_PER_TURN && turns->done < turns->count; i++) {
        turns->operate(turns->done++);
        peer_tick();
    }
    if (turns->done == turns->count)
        uv_stop(loop);
}

/* Until the handle is out of the loop's lists. */
static void close_now(uv_handle_t *handle)
{
    uv_close(handle, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void operate_often(void (*operate)(long i), long count)
{
    struct turns turns = {.operate = operate, .count = count};
    uv_idle_init(loop, &turns.idle);
    uv_idle_start(&turns.idle, take_turn);
    uv_run(loop, UV_RUN_DEFAULT);
    close_now((uv_handle_t *)&turns.idle);
}

/* ---- timer_churn, timer_reset, timer_scale: a handle is started and stopped, not closed ---- */

static uv_timer_t *pending;
static uv_timer_t churned, pushed[TIMER_TASKS];
static long pending_count;

static void arm_pending(long count)
{
    seed = random_seeded(77);
    pending_count = count;
    pending = peer_allocate(count, sizeof *pending);
    for (long i = 0; i < count; i++) {
        uv_timer_init(loop, &pending[i]);
        arm(&pending[i], PENDING_MIN_NS, PENDING_MAX_NS);
    }
}

static void cancel_pending(void)
{
    for (long i = 0; i < pending_count; i++)
        uv_close((uv_handle_t *)&pending[i], NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    free(pending);
}

static void churn_near(long i)
{
    (void)i;
    arm(&churned, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
    uv_timer_stop(&churned);
}

static void churn(long n)
{
    operate_often(churn_near, n);
}

static void churn_far(long i)
{
    (void)i;
    arm(&churned, PENDING_MIN_NS, PENDING_MAX_NS);
    uv_timer_stop(&churned);
}

static void churn_beside(long n)
{
    operate_often(churn_far, n);
}

static void replace_random(long i)
{
    uv_timer_t *timer = &pending[random_next(&seed) % (uint64_t)pending_count];
    (void)i;
    uv_timer_stop(timer);
    arm(timer, PENDING_MIN_NS, PENDING_MAX_NS);
}

static void replace(long n)
{
    operate_often(replace_random, n);
}

static void push_away(long i)
{
    arm(&pushed[i / OPERATIONS_PER_TURN % TIMER_TASKS], TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
}

static void reset(long n)
{
    operate_often(push_away, n);
}

/* ---- timer_fire, sleep_idle, sleep_busy ---- */

struct sleeper {
    uv_timer_t timer;
    int64_t due;
    int64_t *late_ns;
    uint64_t random;
    long left;
};

static long awake; /* who still has to fire */

static void slept(uv_timer_t *timer);

static void sleep_until(struct sleeper *sleeper, int64_t due)
{
    sleeper->due = due;
    uv_update_time(loop);
    uv_timer_start(&sleeper->timer, slept, milliseconds(due - peer_now()), 0);
}

static void sleep_next(struct sleeper *sleeper)
{
    if (sleeper->left-- > 0)
        sleep_until(sleeper, peer_now() + random_between(&sleeper->random, NS_PER_MS, 20 * NS_PER_MS));
    else if (--awake == 0)
        uv_stop(loop);
}

static void slept(uv_timer_t *timer)
{
    struct sleeper *sleeper = (struct sleeper *)timer;
    *sleeper->late_ns++ = peer_now() - sleeper->due;
    peer_tick();
    sleep_next(sleeper);
}

static void run_and_close(struct sleeper *sleepers, long count)
{
    uv_run(loop, UV_RUN_DEFAULT);
    for (long i = 0; i < count; i++)
        uv_close((uv_handle_t *)&sleepers[i].timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void fire(long n, int64_t *late_ns)
{
    struct sleeper *sleepers = peer_allocate(n, sizeof *sleepers);
    int64_t start = peer_now();
    seed = random_seeded(0);
    awake = n;
    for (long i = 0; i < n; i++) {
        sleepers[i].late_ns = &late_ns[i];
        uv_timer_init(loop, &sleepers[i].timer);
        sleep_until(&sleepers[i], start + random_between(&seed, 0, NS_PER_S));
    }
    run_and_close(sleepers, n);
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
        uv_timer_init(loop, &sleeper->timer);
        sleep_next(sleeper);
    }
    run_and_close(sleepers, SLEEPERS);
}

static void burn(uv_idle_t *idle)
{
    (void)idle;
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
        seed = random_seeded(0);
        peer_throughput(peer_n(5000000, TIMER_TASKS), reset);
    } else if (asked_for("timer_scale")) {
        peer_scale_run(&(struct peer_scale){arm_pending, churn_beside, replace, cancel_pending});
    } else if (asked_for("timer_fire")) {
        peer_lateness(peer_n(1000000, TIMER_TASKS), fire, true);
    } else if (asked_for("sleep_idle")) {
        peer_lateness(peer_n(10000, SLEEPERS), sleeps, false);
    } else if (asked_for("sleep_busy")) {
        uv_idle_t idle;
        uv_idle_init(loop, &idle);
        uv_idle_start(&idle, burn);
        peer_lateness(peer_n(10000, SLEEPERS), sleeps, false);
    } else {
        peer_skip();
    }
}

int main(int argc, char **argv)
{
    peer_parse(argc, argv, "libuv");
    peer.workers = 1;
    loop = uv_default_loop();
    uv_timer_init(loop, &churned);
    for (int i = 0; i < TIMER_TASKS; i++)
        uv_timer_init(loop, &pushed[i]);
    measure();
    return 0;
}
