// Boost.Asio: a thread_pool of W threads. What is a task elsewhere is a handler that posts itself again.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio.hpp>

#include "../timers.h"

namespace asio = boost::asio;
using Timer = asio::steady_timer;
using Error = boost::system::error_code;
using Clock = std::chrono::steady_clock;

static const int REMOTE_THREADS = 8;
static const int FIRING_A_WORKER = 32;
static const long FIRINGS_MAX = 1000000;

static asio::thread_pool *pool;

// steady_clock is CLOCK_MONOTONIC.
static Clock::time_point instant(int64_t ns)
{
    return Clock::time_point(std::chrono::nanoseconds(ns));
}

// Waits until so many have arrived.
class Latch
{
  public:
    explicit Latch(long count) : left(count)
    {
    }

    void arrive()
    {
        if (left.fetch_sub(1) != 1)
            return;
        std::lock_guard<std::mutex> hold(mutex);
        open = true;
        opened.notify_one();
    }

    void wait()
    {
        std::unique_lock<std::mutex> hold(mutex);
        opened.wait(hold, [this] { return open; });
    }

  private:
    std::atomic<long> left;
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
};

static void must_be_cancelled(const Error &error)
{
    if (!error)
        peer_fail("a timer fired that was seconds away");
}

static void arm(Timer &timer, uint64_t *random, int64_t low, int64_t high)
{
    timer.expires_at(instant(peer_now() + random_between(random, low, high))); // cancels what was pending
    timer.async_wait(must_be_cancelled);
}

// ---- operations, 128 a turn of each of so many handlers ----

template <class Operate> struct Turns {
    Operate operate;
    long left;
    Latch *done;

    void run()
    {
        for (int i = 0; i < OPERATIONS_PER_TURN && left > 0; i++, left--) {
            operate();
            peer_tick();
        }
        if (left == 0)
            done->arrive();
        else
            asio::post(*pool, [this] { run(); });
    }
};

// make(i) is the operation of handler i.
template <class Make> static void operate_often(int handlers, long count, Make make)
{
    Latch done(handlers);
    std::deque<Turns<decltype(make(0))>> all;
    for (int i = 0; i < handlers; i++) {
        all.push_back({make(i), count / handlers, &done});
        asio::post(*pool, [&turns = all.back()] { turns.run(); });
    }
    done.wait();
}

// ---- timer_churn, timer_reset, timer_scale, idle ----

static std::deque<Timer> pending;

static void arm_pending(long count)
{
    uint64_t random = random_seeded(77);
    for (long i = 0; i < count; i++) {
        pending.emplace_back(*pool);
        arm(pending.back(), &random, PENDING_MIN_NS, PENDING_MAX_NS);
    }
}

static void cancel_pending()
{
    pending.clear();
}

static auto churner(int index, int64_t low, int64_t high)
{
    return [=, random = random_seeded((uint64_t)index)]() mutable {
        Timer timer(*pool);
        arm(timer, &random, low, high);
    };
}

static void churn(long n)
{
    operate_often(TIMER_TASKS, n, [](int i) { return churner(i, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS); });
}

static void churn_beside(long n)
{
    operate_often(1, n, [](int i) { return churner(i, PENDING_MIN_NS, PENDING_MAX_NS); });
}

static void replace(long n)
{
    operate_often(1, n, [](int) {
        return [random = random_seeded(0)]() mutable {
            Timer &timer = pending[random_next(&random) % pending.size()];
            arm(timer, &random, PENDING_MIN_NS, PENDING_MAX_NS);
        };
    });
}

static void reset(long n)
{
    std::deque<Timer> timers;
    for (int i = 0; i < TIMER_TASKS; i++)
        timers.emplace_back(*pool);
    operate_often(TIMER_TASKS, n, [&](int i) {
        return [&timer = timers[(size_t)i], random = random_seeded((uint64_t)i)]() mutable {
            arm(timer, &random, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
        };
    });
}

static void measure_idle(long n)
{
    double cpu_ms[REPS_MAX], switches[REPS_MAX], of_others[REPS_MAX];
    arm_pending(n);
    for (int r = 0; r <= peer.reps; r++) {
        int64_t cpu_ns = peer_cpu_ns();
        long all = peer_switches_of(RUSAGE_SELF), own = peer_switches_of(RUSAGE_THREAD);
        peer_sleep_until(peer_now() + peer.seconds * NS_PER_S);
        int entry = r > 0 ? r - 1 : 0;
        all = peer_switches_of(RUSAGE_SELF) - all;
        cpu_ms[entry] = (double)(peer_cpu_ns() - cpu_ns) / NS_PER_MS;
        switches[entry] = (double)all;
        of_others[entry] = (double)(all - (peer_switches_of(RUSAGE_THREAD) - own));
    }
    peer_print("cpu_ms", n, cpu_ms);
    printf(",\"ctx_switches\":%.5g,\"ctx_switches_of_others\":%.5g,\"seconds\":%d}\n", peer_median(switches),
           peer_median(of_others), peer.seconds);
}

// ---- timer_fire, sleep_idle, sleep_busy, blocked_worker, parallel_latency ----

// A timer that fires `left` times, each time so far ahead of now.
struct Sleeper {
    Timer timer;
    int64_t *late_ns;
    uint64_t random;
    int64_t high;
    long left;
    Latch *done;
    int64_t due;

    void sleep_until(int64_t when)
    {
        due = when;
        timer.expires_at(instant(when));
        timer.async_wait([this](const Error &error) { slept(error); });
    }

    void slept(const Error &error)
    {
        if (error)
            peer_fail("a sleep was cancelled");
        *late_ns++ = peer_now() - due;
        peer_tick();
        left--;
        sleep_next();
    }

    void sleep_next()
    {
        if (left == 0)
            done->arrive();
        else
            sleep_until(peer_now() + random_between(&random, NS_PER_MS, high));
    }
};

static void fire(long n, int64_t *late_ns)
{
    Latch done(n);
    std::deque<Sleeper> sleepers;
    for (long i = 0; i < n; i++)
        sleepers.push_back({Timer(*pool), late_ns + i, 0, 0, 1, &done, 0});
    int64_t start = peer_now();
    for (int task = 0; task < TIMER_TASKS; task++)
        asio::post(*pool, [=, &sleepers] {
            uint64_t random = random_seeded((uint64_t)task);
            for (long i = task * (n / TIMER_TASKS); i < (task + 1) * (n / TIMER_TASKS); i++)
                sleepers[(size_t)i].sleep_until(start + random_between(&random, 0, NS_PER_S));
        });
    done.wait();
}

static void sleep_often(int count, int64_t high, long n, int64_t *late_ns)
{
    Latch done(count);
    std::deque<Sleeper> sleepers;
    for (int i = 0; i < count; i++) {
        long each = n / count;
        sleepers.push_back({Timer(*pool), late_ns + i * each, random_seeded((uint64_t)i), high, each, &done, 0});
        asio::post(*pool, [&sleeper = sleepers.back()] { sleeper.sleep_next(); });
    }
    done.wait();
}

static void sleeps(long n, int64_t *late_ns)
{
    sleep_often(SLEEPERS, 20 * NS_PER_MS, n, late_ns);
}

static void timer_a_worker(long n, int64_t *late_ns)
{
    sleep_often(peer.workers, 2 * NS_PER_MS, n, late_ns);
}

static std::atomic<bool> stop;

static void burn(int64_t piece_ns)
{
    peer_spin(piece_ns);
    if (!stop)
        asio::post(*pool, [=] { burn(piece_ns); });
}

static void lateness_beside(int burners, int64_t piece_ns, long n, void (*rep)(long, int64_t *))
{
    for (int i = 0; i < burners; i++)
        asio::post(*pool, [=] { burn(piece_ns); });
    peer_lateness(n, rep, false);
    stop = true;
}

// ---- timer_remote ----

struct Firing {
    Timer timer;
    uint64_t random;
    int64_t due;
};

static std::vector<int64_t> fired_late;
static std::atomic<long> fired;

static void fire_again(Firing *f, Latch *done)
{
    f->due = peer_now() + random_between(&f->random, NS_PER_MS, 2 * NS_PER_MS);
    f->timer.expires_at(instant(f->due));
    f->timer.async_wait([=](const Error &) {
        long i = fired++;
        if (i < FIRINGS_MAX)
            fired_late[(size_t)i] = peer_now() - f->due;
        if (stop)
            done->arrive();
        else
            fire_again(f, done);
    });
}

static int64_t remote_rep(long n)
{
    Latch done(FIRING_A_WORKER * peer.workers);
    std::deque<Firing> firing;
    stop = false;
    fired = 0;
    for (int i = 0; i < FIRING_A_WORKER * peer.workers; i++) {
        firing.push_back({Timer(*pool), random_seeded((uint64_t)i), 0});
        asio::post(*pool, [f = &firing.back(), &done] { fire_again(f, &done); });
    }
    while (fired < FIRING_A_WORKER * peer.workers)
        peer_sleep_until(peer_now() + NS_PER_MS);
    int64_t start = peer_now();
    std::vector<std::thread> threads;
    for (int i = 0; i < REMOTE_THREADS; i++)
        threads.emplace_back([=] {
            auto operate = churner(i, TIMEOUT_MIN_NS, TIMEOUT_MAX_NS);
            for (long k = 0; k < n / REMOTE_THREADS; k++) {
                operate();
                peer_tick();
            }
        });
    for (std::thread &thread : threads)
        thread.join();
    int64_t took = peer_now() - start;
    stop = true;
    done.wait();
    return took;
}

static void measure_remote(long n)
{
    double ns[REPS_MAX];
    peer_latency latency = {};
    fired_late.resize(FIRINGS_MAX);
    for (int r = 0; r <= peer.reps; r++) {
        int64_t cpu_ns = peer_cpu_ns();
        ns[r > 0 ? r - 1 : 0] = (double)remote_rep(n) / (double)n;
        peer_latency_add(&latency, fired_late.data(), fired < FIRINGS_MAX ? fired.load() : FIRINGS_MAX,
                         peer_cpu_ns() - cpu_ns);
        peer_expect(n);
    }
    peer_print("ns_per_op", n, ns);
    printf(",\"p50\":%.5g,\"p99\":%.5g", peer_median(latency.p50), peer_median(latency.p99));
    peer_print_histogram(&latency);
}

static void measure(const std::string &workload)
{
    if (workload == "timer_churn") {
        arm_pending(OTHER_TIMERS);
        peer_throughput(peer_n(5000000, TIMER_TASKS), churn);
    } else if (workload == "timer_reset") {
        peer_throughput(peer_n(5000000, TIMER_TASKS), reset);
    } else if (workload == "timer_scale") {
        const peer_scale scale = {arm_pending, churn_beside, replace, cancel_pending};
        peer_scale_run(&scale);
    } else if (workload == "timer_remote") {
        measure_remote(peer_n(2000000, REMOTE_THREADS));
    } else if (workload == "timer_fire") {
        peer_lateness(peer_n(1000000, TIMER_TASKS), fire, true);
    } else if (workload == "sleep_idle") {
        peer_lateness(peer_n(10000, SLEEPERS), sleeps, false);
    } else if (workload == "sleep_busy") {
        lateness_beside(2 * peer.workers, PIECE_NS, peer_n(10000, SLEEPERS), sleeps);
    } else if (workload == "blocked_worker") {
        lateness_beside(1, 100 * NS_PER_MS, peer_n(10000, SLEEPERS), sleeps);
    } else if (workload == "parallel_latency") {
        lateness_beside(peer.workers, PIECE_NS, peer_n(2000, peer.workers), timer_a_worker);
    } else if (workload == "idle") {
        measure_idle(peer_n(100000, 1));
    } else {
        peer_skip();
    }
}

int main(int argc, char **argv)
{
    peer_parse(argc, argv, "asio");
    asio::thread_pool threads((size_t)peer.workers);
    pool = &threads;
    measure(peer.workload);
    fflush(stdout);
    _exit(0); // timers pend that nobody waits for
}
