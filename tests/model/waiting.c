/* What has loops, locks or waits: with all that it may come to. The litmus tests proper are in litmus.c.
 *
 *     name               what                                                             reference
 *     counter_           mutual exclusion: mutex, try-lock, compare-exchange loop
 *     cond_              condition variables: bounded buffer, broadcast, time-outs        POSIX pthread_cond_wait
 *     park_              one token: mutex and condition variable, futex, or neither       LockSupport (Java)
 *     futex_             a wait that ends, or does not begin                              futex(2)
 *     spin_              waiting for a store with model_yield or model_pause
 *     membarrier_        the heavy fence as a system call                                 membarrier(2)
 *     eventfd_           a descriptor is no edge                                          eventfd(2)
 *     pthreads_          pthread_create and pthread_join in place of the model's
 *     choose_, time_     model_choose, virtual time
 *
 * Lists are derived by hand, in the comment above each. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/model/litmus.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER, room = PTHREAD_COND_INITIALIZER;

static void run_all(unsigned count, void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    litmus_run(count, (void (*const[])(void *)){first, second, third});
}

#define SCENARIO(id, text, ...)                                                                                        \
    static const struct model_scenario id = {.name = #id, .about = text, .run = id##_run, __VA_ARGS__};

/* ---- counters ---- */

static void count_under_lock(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&lock);
        d++;
        pthread_mutex_unlock(&lock);
    }
}

static void counter_mutex_run(void)
{
    run_all(2, count_under_lock, count_under_lock, NULL);
    model_outcome("%d", d);
}
SCENARIO(counter_mutex, "no addition under a lock is lost", EXACTLY("4"))

static void count_if_free(void *unused)
{
    (void)unused;
    if (pthread_mutex_trylock(&lock) != 0)
        return;
    d++;
    pthread_mutex_unlock(&lock);
}

/* One of them finds the lock taken, or neither. */
static void counter_try_lock_run(void)
{
    run_all(2, count_if_free, count_if_free, NULL);
    model_outcome("%d", d);
}
SCENARIO(counter_try_lock, "a try-lock fails only while another holds the lock", EXACTLY("1", "2"))

static void count_by_cas(void *unused)
{
    (void)unused;
    int seen = load(x, relaxed);
    while (!atomic_compare_exchange_weak_explicit(&x, &seen, seen + 1, memory_order_relaxed, memory_order_relaxed))
        ;
}

static void counter_cas_run(void)
{
    run_all(3, count_by_cas, count_by_cas, count_by_cas);
    model_outcome("%d", last(x));
}
SCENARIO(counter_cas, "a loop of weak compare-exchanges, each of which may fail once for nothing", EXACTLY("3"),
         .spurious = 1)

/* ---- condition variables ---- */

static void put_two(void *unused)
{
    (void)unused;
    for (int i = 1; i <= 2; i++) {
        pthread_mutex_lock(&lock);
        while (d != 0)
            pthread_cond_wait(&room, &lock);
        d = i;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
}

static int get_one(void)
{
    pthread_mutex_lock(&lock);
    while (d == 0)
        pthread_cond_wait(&changed, &lock);
    int got = d;
    d = 0;
    pthread_cond_signal(&room);
    pthread_mutex_unlock(&lock);
    return got;
}

static void get_two(void *unused)
{
    (void)unused;
    r0 = get_one();
    r1 = get_one();
}

static void cond_buffer_run(void)
{
    run_all(2, put_two, get_two, NULL);
    model_outcome("%d %d", r0, r1);
}
SCENARIO(cond_buffer, "a buffer of one place, with spurious wake-ups: in order, and all", EXACTLY("1 2"), .spurious = 1)

static void get_first(void *unused)
{
    (void)unused;
    r0 = get_one();
}

static void get_second(void *unused)
{
    (void)unused;
    r1 = get_one();
}

static void cond_two_getters_run(void)
{
    run_all(3, put_two, get_first, get_second);
    model_outcome("%d %d", r0, r1);
}
SCENARIO(cond_two_getters, "two consumers get one each", EXACTLY("1 2", "2 1"))

static void wait_until_set(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    while (d == 0)
        pthread_cond_wait(&changed, &lock);
    e++;
    pthread_mutex_unlock(&lock);
}

static void set_and_tell_all(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    d = 1;
    pthread_mutex_unlock(&lock);
    pthread_cond_broadcast(&changed);
}

static void cond_broadcast_run(void)
{
    run_all(3, wait_until_set, wait_until_set, set_and_tell_all);
    model_outcome("%d", e);
}
SCENARIO(cond_broadcast, "a broadcast after the lock was given back reaches both", EXACTLY("2"))

static void wait_for_a_while(void *unused)
{
    (void)unused;
    struct timespec deadline = {.tv_sec = 10000};
    pthread_mutex_lock(&lock);
    while (d == 0 && r0 == 0)
        r0 = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &deadline);
    r1 = d;
    pthread_mutex_unlock(&lock);
}

/* Not timed out: 0 1. Timed out before the store, or after it (then the wait had begun before): 1 0, 1 1. */
static void cond_time_out_run(void)
{
    run_all(2, wait_for_a_while, set_and_tell_all, NULL);
    model_outcome("%d %d", r0 == ETIMEDOUT, r1);
}
SCENARIO(cond_time_out, "a wait with a time-out may expire at any point", EXACTLY("0 1", "1 0", "1 1"),
         .expirations = 1)

static void cond_no_time_out_run(void)
{
    run_all(2, wait_for_a_while, set_and_tell_all, NULL);
    model_outcome("%d %d", r0 == ETIMEDOUT, r1);
}
SCENARIO(cond_no_time_out, "never, if the scenario says nothing of expirations", EXACTLY("0 1"))

/* ---- parking: nobody unparks in vain ---- */

static void park_under_lock(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    while (d == 0)
        pthread_cond_wait(&changed, &lock);
    d = 0;
    r0++;
    pthread_mutex_unlock(&lock);
}

static void unpark_under_lock(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    d = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* The second token is merged with the first, or is left over. */
static void park_cond_run(void)
{
    run_all(3, park_under_lock, unpark_under_lock, unpark_under_lock);
    model_outcome("%d %d", r0, d);
}
SCENARIO(park_cond, "a token of a mutex and a condition variable", EXACTLY("1 0", "1 1"), .spurious = 1)

enum { EMPTY, PARKED, TOKEN };

static void park_on_futex(void *unused)
{
    (void)unused;
    int seen = EMPTY;
    /* relaxed: on failure the exchange below acquires */
    if (atomic_compare_exchange_strong_explicit(&x, &seen, PARKED, memory_order_relaxed, memory_order_relaxed))
        while (load(x, relaxed) == PARKED)
            syscall(SYS_futex, &x, FUTEX_WAIT_PRIVATE, PARKED, NULL, NULL, 0);
    r0 = swap(x, EMPTY, acquire);
    r1 = d;
}

static void unpark_by_futex(void *unused)
{
    (void)unused;
    d = 1;
    if (swap(x, TOKEN, release) == PARKED)
        syscall(SYS_futex, &x, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void park_futex_run(void)
{
    run_all(2, park_on_futex, unpark_by_futex, NULL);
    model_outcome("%d %d", r0, r1);
}
SCENARIO(park_futex, "a token on a futex, with its data", EXACTLY("2 1"), .spurious = 1)

static void park_by_spinning(void *unused)
{
    (void)unused;
    while (load(x, relaxed) != TOKEN)
        model_yield();
    r0 = swap(x, EMPTY, acquire);
    r1 = d;
}

static void unpark_by_store(void *unused)
{
    (void)unused;
    d = 1;
    store(x, TOKEN, release);
}

static void park_spin_run(void)
{
    run_all(2, park_by_spinning, unpark_by_store, NULL);
    model_outcome("%d %d %d", r0, r1, last(x));
}
SCENARIO(park_spin, "a token without a futex", EXACTLY("2 1 0"))

/* ---- futexes ---- */

static void wait_once(void *unused)
{
    (void)unused;
    long status = syscall(SYS_futex, &x, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    r0 = status == 0 ? 1 : errno == EAGAIN ? 2 : 3;
}

static void store_and_wake(void *unused)
{
    (void)unused;
    store(x, 1, relaxed);
    syscall(SYS_futex, &x, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Woken, or too late to wait. Never neither: the kernel compares under the lock under which it wakes. */
static void futex_wait_run(void)
{
    run_all(2, wait_once, store_and_wake, NULL);
    model_outcome("%d", r0);
}
SCENARIO(futex_wait, "a relaxed store and a wake-up are not missed", EXACTLY("1", "2"))

/* Or interrupted, before or after the store. */
static void futex_spurious_run(void)
{
    run_all(2, wait_once, store_and_wake, NULL);
    model_outcome("%d", r0);
}
SCENARIO(futex_spurious, "a futex wait may be interrupted", EXACTLY("1", "2", "3"), .spurious = 1)

/* ---- spinning ---- */

static void spin_and_read(void *unused)
{
    (void)unused;
    while (load(y, acquire) != 2)
        model_yield();
    r0 = d;
}

static void store_twice(void *unused)
{
    (void)unused;
    store(y, 1, release);
    d = 1;
    store(y, 2, release);
}

static void spin_message_run(void)
{
    run_all(2, store_twice, spin_and_read, NULL);
    model_outcome("%d", r0);
}
SCENARIO(spin_message, "waits for the second of two stores", EXACTLY("1"))

static void pass_to_second(void *unused)
{
    (void)unused;
    d = 1;
    store(x, 1, release);
    while (load(x, acquire) != 2)
        model_yield();
    r0 = d;
}

static void pass_back(void *unused)
{
    (void)unused;
    while (load(x, acquire) != 1)
        model_yield();
    d++;
    store(x, 2, release);
}

static void spin_ping_pong_run(void)
{
    run_all(2, pass_to_second, pass_back, NULL);
    model_outcome("%d", r0);
}
SCENARIO(spin_ping_pong, "there and back", EXACTLY("2"))

static void take_by_exchange(void *unused)
{
    (void)unused;
    while ((r0 = swap(x, 0, acquire)) == 0)
        model_pause();
}

static void store_token(void *unused)
{
    (void)unused;
    store(x, 1, release);
}

/* Cut at one round that stores and finds nothing. */
static void spin_exchange_run(void)
{
    run_all(2, take_by_exchange, store_token, NULL);
    model_outcome("%d %d", r0, last(x));
}
SCENARIO(spin_exchange, "a loop whose rounds store", EXACTLY("1 0"), .pauses = 1)

/* ---- the kernel's heavy fence ---- */

static void store_light_load(void *unused)
{
    (void)unused;
    store(x, 1, relaxed);
    model_fence_light();
    r0 = load(y, relaxed);
}

static void store_membarrier_load(void *unused)
{
    (void)unused;
    store(y, 1, relaxed);
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    r1 = load(x, relaxed);
}

static void membarrier_pair_run(void)
{
    run_all(2, store_light_load, store_membarrier_load, NULL);
    model_outcome("%d %d", r0, r1);
}
SCENARIO(membarrier_pair, "store buffering with a light fence and membarrier", EXACTLY("0 1", "1 0", "1 1"))

/* ---- descriptors ---- */

static int event;

static void write_event(void *unused)
{
    (void)unused;
    uint64_t one = 1;
    store(x, 1, relaxed);
    if (write(event, &one, sizeof one) != sizeof one)
        MODEL_ASSERT(!"written");
}

static void read_event(void *unused)
{
    (void)unused;
    uint64_t count = 0;
    r0 = read(event, &count, sizeof count) == sizeof count ? (int)count : -1;
    r1 = load(x, relaxed);
}

/* Empty, before or after x was stored; or not empty, and then x may be missed still. */
static void eventfd_message_run(void)
{
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    run_all(2, write_event, read_event, NULL);
    close(event);
    model_outcome("%d %d", r0, r1);
}
SCENARIO(eventfd_message, "a descriptor wakes, but promises nothing about memory",
         EXACTLY("-1 0", "-1 1", "1 0", "1 1"))

/* ---- threads, choices, time ---- */

static void *store_x_load_y(void *result)
{
    store(x, 1, seq_cst);
    *(int *)result = load(y, seq_cst);
    return result;
}

static void *store_y_load_x(void *result)
{
    store(y, 1, seq_cst);
    *(int *)result = load(x, seq_cst);
    return result;
}

static void pthreads_sb_run(void)
{
    pthread_t threads[2];
    int seen[2];
    void *results[2];
    pthread_create(&threads[0], NULL, store_x_load_y, &seen[0]);
    pthread_create(&threads[1], NULL, store_y_load_x, &seen[1]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &results[i]);
    model_outcome("%d %d", *(int *)results[0], *(int *)results[1]);
}
SCENARIO(pthreads_sb, "store buffering with seq_cst, by pthreads", EXACTLY("0 1", "1 0", "1 1"))

static void choose_all_run(void)
{
    unsigned first = model_choose(3);
    unsigned second = first == 1 ? model_choose(2) : 0;
    model_outcome("%u %u", first, second);
}
SCENARIO(choose_all, "all values of all choices", EXACTLY("0 0", "1 0", "1 1", "2 0"))

static void advance(void *unused)
{
    (void)unused;
    model_time_advance(5);
}

static void look_twice(void *unused)
{
    (void)unused;
    uint64_t first = model_time(), second = model_time();
    r1 = (int)(second - first);
    r0 = second >= first;
}

static void time_forward_run(void)
{
    uint64_t start = model_time();
    run_all(2, advance, look_twice, NULL);
    model_outcome("%d %d %d", r0, r1, (int)(model_time() - start));
}
SCENARIO(time_forward, "time goes forward, between two looks at it or not", EXACTLY("1 0 5", "1 5 5"))

static const struct model_scenario *const scenarios[] = {
    &counter_mutex,  &counter_try_lock, &counter_cas,    &cond_buffer,   &cond_two_getters, &cond_broadcast,
    &cond_time_out,  &cond_no_time_out, &park_cond,      &park_futex,    &park_spin,        &futex_wait,
    &futex_spurious, &spin_message,     &spin_ping_pong, &spin_exchange, &membarrier_pair,  &eventfd_message,
    &pthreads_sb,    &choose_all,       &time_forward,   NULL,
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios);
}
