// Boost.Fiber: W threads that steal work from each other; the main thread is none of them.
#include <future>
#include <thread>
#include <unistd.h>
#include <vector>

#include <boost/fiber/all.hpp>

#include "../peer.h"

namespace fibers = boost::fibers;

static const int PAIRS = 64;
static const size_t STACK_SIZE = 16 * 1024;

using Channel = fibers::buffered_channel<int64_t>;

template <class Function> static fibers::fiber spawn(Function function)
{
    return fibers::fiber(fibers::launch::post, std::allocator_arg, fibers::fixedsize_stack(STACK_SIZE),
                         std::move(function));
}

// A buffered_channel keeps a slot free, and its size is a power of two: 2 is capacity 1.
struct Pair {
    Channel there{2}, back{2};
};

static void ping(Pair &pair, long round_trips)
{
    for (int64_t i = 0; i < round_trips; i++) {
        pair.there.push(i);
        if (pair.back.value_pop() != i)
            peer_fail("a wrong answer");
        peer_tick();
    }
    pair.there.close();
}

static void pong(Pair &pair)
{
    for (int64_t item; pair.there.pop(item) == fibers::channel_op_status::success;)
        pair.back.push(item);
}

static void pingpong(long n)
{
    std::vector<Pair> pairs(PAIRS);
    std::vector<fibers::fiber> players;
    for (Pair &pair : pairs) {
        players.push_back(spawn([&pair, n] { ping(pair, n / PAIRS); }));
        players.push_back(spawn([&pair] { pong(pair); }));
    }
    for (fibers::fiber &player : players)
        player.join();
}

// What the main thread hands to the first worker.
static fibers::buffered_channel<std::function<void()>> inbox(2);

static void on_worker(void (*rep)(long), long n)
{
    std::promise<void> done;
    inbox.push([&] {
        rep(n);
        done.set_value();
    });
    done.get_future().wait();
}

static void work(int index)
{
    fibers::use_scheduling_algorithm<fibers::algo::work_stealing>((uint32_t)peer.workers, true);
    std::function<void()> function;
    if (index == 0)
        while (inbox.pop(function) == fibers::channel_op_status::success)
            spawn(function).detach();
    fibers::mutex mutex;
    fibers::condition_variable never;
    std::unique_lock<fibers::mutex> lock(mutex);
    never.wait(lock, [] { return false; }); // the thread goes on to run what it steals
}

int main(int argc, char **argv)
{
    peer_parse(argc, argv, "boost-fiber");
    if (strcmp(peer.workload, "pingpong") != 0) {
        peer_skip();
        return 0;
    }
    for (int i = 0; i < peer.workers; i++)
        std::thread(work, i).detach();
    peer_throughput(peer_n(640000, PAIRS), [](long n) { on_worker(pingpong, n); });
    fflush(stdout);
    _exit(0); // the workers never end
}
