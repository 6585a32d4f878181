/* What the machine allows, each under the name of the workload that it bounds. One thread, so no lock is contended.
 *
 *   timer_churn, timer_scale   a list's insertion and removal under a spin lock, beside others on 4096 random lists
 *   sleep_idle                 a loop of epoll_pwait2 with a timer slack of 1 ns
 *   clock                      a reading of the clock */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../timers.h"

/* ---- lists ---- */

#define LISTS 4096
#define NODE_SIZE 128 /* a struct pawl_timer's */

struct node {
    _Alignas(NODE_SIZE) struct node *next;
    struct node **at; /* what points to it */
};

static struct node *lists[LISTS];
static atomic_flag lock = ATOMIC_FLAG_INIT;

static void lock_lists(void)
{
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
        continue;
}

static void unlock_lists(void)
{
    atomic_flag_clear_explicit(&lock, memory_order_release);
}

static void insert(struct node *node, uint64_t random)
{
    struct node **list = &lists[random % LISTS];
    lock_lists();
    node->next = *list;
    node->at = list;
    if (*list != NULL)
        (*list)->at = &node->next;
    *list = node;
    unlock_lists();
}

static void withdraw(struct node *node)
{
    lock_lists();
    if (node->next != NULL)
        node->next->at = node->at;
    *node->at = node->next;
    unlock_lists();
}

static struct node *pending;
static long pending_count;
static uint64_t seed;

static void insert_pending(long count)
{
    seed = random_seeded(0);
    pending_count = count;
    pending = aligned_alloc(NODE_SIZE, (size_t)count * sizeof *pending);
    if (pending == NULL)
        peer_fail("no memory");
    for (long i = 0; i < count; i++)
        insert(&pending[i], random_next(&seed) >> 20);
}

static void withdraw_pending(void)
{
    for (long i = 0; i < pending_count; i++)
        withdraw(&pending[i]);
    free(pending);
}

static void churn(long n)
{
    struct node node;
    for (long i = 0; i < n; i++) {
        insert(&node, random_next(&seed) >> 20);
        withdraw(&node);
        peer_tick();
    }
}

static void replace(long n)
{
    for (long i = 0; i < n; i++) {
        struct node *node = &pending[random_next(&seed) % (uint64_t)pending_count];
        withdraw(node);
        insert(node, random_next(&seed) >> 20);
        peer_tick();
    }
}

/* ---- sleeping ---- */

static int epoll_fd;

static void sleep_until(int64_t instant)
{
    for (int64_t ns; (ns = instant - peer_now()) > 0;) {
        struct timespec timeout = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
        struct epoll_event event;
        syscall(SYS_epoll_pwait2, epoll_fd, &event, 1, &timeout, NULL, 0);
    }
}

struct sleeper {
    int64_t due;
    uint64_t random;
    long left;
};

static void sleep_next(struct sleeper *sleeper)
{
    sleeper->due =
        sleeper->left-- > 0 ? peer_now() + random_between(&sleeper->random, NS_PER_MS, 20 * NS_PER_MS) : INT64_MAX;
}

static void sleeps(long n, int64_t *late_ns)
{
    struct sleeper sleepers[SLEEPERS];
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){0, random_seeded((uint64_t)i), n / SLEEPERS};
        sleep_next(&sleepers[i]);
    }
    for (long slept = 0; slept < n; slept++) {
        struct sleeper *first = sleepers;
        for (int i = 1; i < SLEEPERS; i++)
            first = sleepers[i].due < first->due ? &sleepers[i] : first;
        sleep_until(first->due);
        late_ns[slept] = peer_now() - first->due;
        peer_tick();
        sleep_next(first);
    }
}

/* ---- the clock ---- */

static void read_clock(long n)
{
    int64_t last = 0;
    for (long i = 0; i < n; i++) {
        int64_t now = peer_now();
        if (now < last)
            peer_fail("the clock goes backward");
        last = now;
        peer_tick();
    }
}

int main(int argc, char **argv)
{
    peer_parse(argc, argv, "floor");
    peer.workers = 1;
    if (strcmp(peer.workload, "timer_churn") == 0) {
        insert_pending(OTHER_TIMERS);
        peer_throughput(peer_n(5000000, 1), churn);
    } else if (strcmp(peer.workload, "timer_scale") == 0) {
        peer_scale_run(&(struct peer_scale){insert_pending, churn, replace, withdraw_pending});
    } else if (strcmp(peer.workload, "sleep_idle") == 0) {
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_fd < 0 || prctl(PR_SET_TIMERSLACK, 1UL) != 0)
            peer_fail("no epoll or no timer slack");
        peer_lateness(peer_n(10000, SLEEPERS), sleeps, false);
    } else if (strcmp(peer.workload, "clock") == 0) {
        peer_throughput(peer_n(10000000, 1), read_clock);
    } else {
        peer_skip();
    }
    return 0;
}
