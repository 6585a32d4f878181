/* Known mistakes in locks, waiting and the lives of objects, each with its mended twin. Those in lock-free structures
 * are in broken_structures.c.
 *
 *     name             what is broken                                                     reference
 *     dekker           two flags without seq_cst: both are inside                         Dijkstra 1965
 *     peterson         the same with a turn                                               Peterson 1981
 *     idle_announce    a sleeper and a waker, neither with a fence: lost wake-up          P1202; base/fence.h
 *     idle_one_fence   only one of them has one
 *     idle_two_light   both have the light one
 *     test_and_set     a load, then a store: two get the lock
 *     ticket           the ticket lock's relaxed unlock                                   Mellor-Crummey, Scott 1991
 *     double_checked   initialisation behind a relaxed flag                               Meyers, Alexandrescu 2004
 *     seqlock          without fences: a torn read                                        Boehm 2012
 *     parker_cond      the flag is looked at before the lock, then waited
 *     parker_futex     the state is overwritten by the one that goes to sleep             Drepper 2011
 *     missed_signal    a signal before the wait, and no predicate
 *     signal_one       one signal for two waiters
 *     spurious_wake    if in place of while
 *     lock_order       two locks, in both orders
 *     spin             waits for what nobody stores; spins without model_yield
 *     timer_shards     minimum of the shards' deadlines, locks dropped, then published    Tokio #6683
 *     lost_update      a load and a store in place of an update
 *     refcount         a relaxed decrement before the free                                Boost.Atomic, examples
 *     hazard           a hazard pointer without the fence between its store and the load  Michael 2004
 *     free_early       a pointer freed while it is published; free_twice, leak: what they say
 *
 * Dijkstra: Cooperating Sequential Processes. Boehm: Can Seqlocks Get Along with Programming Language Memory Models?
 * Drepper: Futexes Are Tricky. Michael: Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/model/twins.h"

static _Atomic int x, y, z;
static int data;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, other_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void futex_wait(_Atomic int *word, int value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake_one(_Atomic int *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- two flags ---- */

static void try_dekker(_Atomic int *mine, const _Atomic int *theirs)
{
    atomic_store_explicit(mine, 1, either(memory_order_seq_cst, memory_order_release));
    if (atomic_load_explicit(theirs, either(memory_order_seq_cst, memory_order_acquire)) == 0)
        data++;
    atomic_store_explicit(mine, 0, memory_order_release);
}

static void dekker_left(void *unused)
{
    (void)unused;
    try_dekker(&x, &y);
}

static void dekker_right(void *unused)
{
    (void)unused;
    try_dekker(&y, &x);
}

static void dekker(void)
{
    run_two(dekker_left, dekker_right);
}
TWINS(dekker, MODEL_RACE, "two flags, release and acquire: both enter", "two flags, seq_cst")

static void lock_peterson(_Atomic int *mine, const _Atomic int *theirs, int their_turn)
{
    memory_order storing = either(memory_order_seq_cst, memory_order_release);
    memory_order loading = either(memory_order_seq_cst, memory_order_acquire);
    atomic_store_explicit(mine, 1, storing);
    atomic_store_explicit(&z, their_turn, storing);
    while (atomic_load_explicit(theirs, loading) == 1 && atomic_load_explicit(&z, loading) == their_turn)
        model_yield();
    data++;
    atomic_store_explicit(mine, 0, memory_order_release);
}

static void peterson_left(void *unused)
{
    (void)unused;
    lock_peterson(&x, &y, 1);
}

static void peterson_right(void *unused)
{
    (void)unused;
    lock_peterson(&y, &x, 2);
}

static void peterson(void)
{
    run_two(peterson_left, peterson_right);
}
TWINS(peterson, MODEL_RACE, "Peterson's lock with release and acquire", "Peterson's lock with seq_cst")

/* ---- announcing idleness: x there is work, y somebody is idle, z he has been woken ---- */

static void (*worker_fence)(void), (*sleeper_fence)(void);

static void no_fence(void)
{
}

static void queue_work(void *unused)
{
    (void)unused;
    /* 1. publish the work  2. fence  3. ask whether somebody is idle */
    atomic_store_explicit(&x, 1, memory_order_release);
    worker_fence();
    if (atomic_load_explicit(&y, memory_order_relaxed) == 1) {
        atomic_store_explicit(&z, 1, memory_order_release);
        futex_wake_one(&z);
    }
}

static void sleep_if_no_work(void *unused)
{
    (void)unused;
    /* 1. announce  2. fence  3. look for work a last time */
    atomic_store_explicit(&y, 1, memory_order_relaxed);
    sleeper_fence();
    if (atomic_load_explicit(&x, memory_order_acquire) == 0)
        while (atomic_load_explicit(&z, memory_order_acquire) == 0)
            futex_wait(&z, 0);
}

static void announce(void (*worker)(void), void (*sleeper)(void))
{
    worker_fence = worker;
    sleeper_fence = sleeper;
    run_two(queue_work, sleep_if_no_work);
}

static void idle_announce(void)
{
    announce(mended ? model_fence_light : no_fence, mended ? model_fence_heavy : no_fence);
}
TWINS(idle_announce, MODEL_DEADLOCK, "no fence: the work is queued and the sleeper sleeps", "a light and a heavy fence")

static void full_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

static void idle_one_fence(void)
{
    announce(mended ? full_fence : no_fence, full_fence);
}
TWINS(idle_one_fence, MODEL_DEADLOCK, "a fence on the sleeper's side only", "a full fence on each side")

static void idle_two_light(void)
{
    announce(model_fence_light, mended ? model_fence_heavy : model_fence_light);
}
TWINS(idle_two_light, MODEL_DEADLOCK, "a light fence on each side", "one of them heavy")

/* ---- locks ---- */

static void lock_by_test_and_set(void *unused)
{
    (void)unused;
    for (;; model_yield()) {
        if (atomic_load_explicit(&x, memory_order_relaxed) == 1)
            continue;
        if (mended && atomic_exchange_explicit(&x, 1, memory_order_acquire) == 1)
            continue;
        if (!mended)
            atomic_store_explicit(&x, 1, memory_order_seq_cst);
        break;
    }
    data++;
    atomic_store_explicit(&x, 0, memory_order_release);
}

static void test_and_set(void)
{
    run_two(lock_by_test_and_set, lock_by_test_and_set);
}
TWINS(test_and_set, MODEL_RACE, "a spin lock that tests, then sets", "test, then test and set")

static void lock_by_ticket(void *unused)
{
    (void)unused;
    int ticket = atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
    while (atomic_load_explicit(&y, memory_order_acquire) != ticket)
        model_yield();
    data++;
    atomic_store_explicit(&y, ticket + 1, either(memory_order_release, memory_order_relaxed));
}

static void ticket(void)
{
    run_three(lock_by_ticket, lock_by_ticket, lock_by_ticket);
}
TWINS(ticket, MODEL_RACE, "a ticket lock with a relaxed unlock", "a ticket lock")

static void get_instance(void *unused)
{
    (void)unused;
    if (atomic_load_explicit(&x, either(memory_order_acquire, memory_order_relaxed)) == 0) {
        pthread_mutex_lock(&lock);
        /* relaxed: written under the lock that we hold */
        if (atomic_load_explicit(&x, memory_order_relaxed) == 0) {
            data = 42;
            atomic_store_explicit(&x, 1, either(memory_order_release, memory_order_relaxed));
        }
        pthread_mutex_unlock(&lock);
    }
    MODEL_ASSERT(data == 42);
}

static void double_checked(void)
{
    run_two(get_instance, get_instance);
    MODEL_ASSERT(data == 42);
}
TWINS(double_checked, MODEL_RACE, "initialised behind a relaxed flag", "initialised behind release and acquire")

/* x: the sequence, odd while y and z are being written. */
static void write_under_seqlock(void *unused)
{
    (void)unused;
    for (int value = 1; value <= 2; value++) {
        atomic_store_explicit(&x, 2 * value - 1, memory_order_relaxed);
        if (mended)
            atomic_thread_fence(memory_order_release);
        atomic_store_explicit(&y, value, memory_order_relaxed);
        atomic_store_explicit(&z, value, memory_order_relaxed);
        atomic_store_explicit(&x, 2 * value, memory_order_release);
    }
}

static void read_under_seqlock(void *unused)
{
    (void)unused;
    int before = atomic_load_explicit(&x, memory_order_acquire);
    int left = atomic_load_explicit(&y, memory_order_relaxed), right = atomic_load_explicit(&z, memory_order_relaxed);
    if (mended)
        atomic_thread_fence(memory_order_acquire);
    if (before % 2 == 0 && atomic_load_explicit(&x, memory_order_relaxed) == before)
        MODEL_ASSERT(left == right && 2 * left == before);
}

static void seqlock(void)
{
    run_two(write_under_seqlock, read_under_seqlock);
}
TWINS(seqlock, MODEL_ASSERT, "a sequence lock without fences: a torn read", "a sequence lock")

static void lock_in_order(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&other_lock);
    data++;
    pthread_mutex_unlock(&other_lock);
    pthread_mutex_unlock(&lock);
}

static void lock_in_other_order(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&other_lock);
    pthread_mutex_lock(&lock);
    data++;
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&other_lock);
}

static void lock_order(void)
{
    run_two(lock_in_order, mended ? lock_in_order : lock_in_other_order);
    MODEL_ASSERT(data == 2);
}
TWINS(lock_order, MODEL_DEADLOCK, "two locks, taken in both orders", "two locks, taken in one order")

/* ---- waiting ---- */

/* x: the token. */
static void park_on_cond(void *unused)
{
    (void)unused;
    if (!mended && atomic_load_explicit(&x, memory_order_acquire) == 1)
        return;
    pthread_mutex_lock(&lock);
    if (!mended)
        pthread_cond_wait(&changed, &lock);
    /* relaxed: written under the lock that we hold */
    while (mended && atomic_load_explicit(&x, memory_order_relaxed) == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void unpark_by_cond(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    atomic_store_explicit(&x, 1, memory_order_release);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void parker_cond(void)
{
    run_two(park_on_cond, unpark_by_cond);
}
TWINS_SPURIOUS(parker_cond, MODEL_DEADLOCK, "the token is looked at, then waited for without another look",
               "the token is looked at under the lock", 1)

enum { EMPTY, PARKED, TOKEN };

static void park_on_futex(void *unused)
{
    (void)unused;
    int seen = EMPTY;
    if (!mended) {
        if (atomic_load_explicit(&x, memory_order_acquire) != TOKEN)
            atomic_store_explicit(&x, PARKED, memory_order_seq_cst);
    } else {
        /* relaxed: on failure the exchange below acquires */
        atomic_compare_exchange_strong_explicit(&x, &seen, PARKED, memory_order_acq_rel, memory_order_relaxed);
    }
    while (atomic_load_explicit(&x, memory_order_relaxed) == PARKED)
        futex_wait(&x, PARKED);
    MODEL_ASSERT(atomic_exchange_explicit(&x, EMPTY, memory_order_acquire) == TOKEN);
    MODEL_ASSERT(data == 1);
}

static void unpark_by_futex(void *unused)
{
    (void)unused;
    data = 1;
    if (atomic_exchange_explicit(&x, TOKEN, memory_order_release) == PARKED)
        futex_wake_one(&x);
}

static void parker_futex(void)
{
    run_two(park_on_futex, unpark_by_futex);
}
TWINS_SPURIOUS(parker_futex, MODEL_DEADLOCK, "who goes to sleep overwrites the token",
               "a compare-exchange goes to sleep", 1)

static void wait_for_signal(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    if (!mended)
        pthread_cond_wait(&changed, &lock);
    while (mended && data == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void give_signal(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    data = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void missed_signal(void)
{
    run_two(wait_for_signal, give_signal);
}
TWINS(missed_signal, MODEL_DEADLOCK, "a wait that knows of no signal before it", "a wait for a predicate")

static void wait_for_data(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    while (data == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void tell_waiters(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    data = 1;
    if (mended)
        pthread_cond_broadcast(&changed);
    else
        pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void signal_one(void)
{
    run_three(wait_for_data, wait_for_data, tell_waiters);
}
TWINS(signal_one, MODEL_DEADLOCK, "one signal for two waiters", "a broadcast")

static void wait_and_believe(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    if (data == 0)
        pthread_cond_wait(&changed, &lock);
    while (mended && data == 0)
        pthread_cond_wait(&changed, &lock);
    MODEL_ASSERT(data == 1);
    pthread_mutex_unlock(&lock);
}

static void spurious_wake(void)
{
    run_two(wait_and_believe, give_signal);
}
TWINS_SPURIOUS(spurious_wake, MODEL_ASSERT, "a wake-up for no reason is believed", "the predicate is looked at again",
               1)

static void spin_for_flag(void *unused)
{
    (void)unused;
    while (atomic_load_explicit(&x, memory_order_acquire) == 0)
        model_yield();
    MODEL_ASSERT(data == 1);
}

static void raise_flag(void *unused)
{
    (void)unused;
    data = 1;
    if (mended)
        atomic_store_explicit(&x, 1, memory_order_release);
}

static void spin(void)
{
    run_two(spin_for_flag, raise_flag);
}
TWINS(spin, MODEL_LIVELOCK, "waits for what nobody stores", "waits for what another thread stores")

static void spin_without_yield(void *unused)
{
    (void)unused;
    while (atomic_load_explicit(&x, memory_order_acquire) == 0)
        if (mended)
            model_yield();
}

static void store_flag(void *unused)
{
    (void)unused;
    atomic_store_explicit(&x, 1, memory_order_release);
}

static void spin_yield(void)
{
    run_two(spin_without_yield, store_flag);
}
TWINS(spin_yield, MODEL_LIVELOCK, "a loop whose rounds are all different executions",
      "model_yield says that they are not")

/* ---- timers in shards ---- */

static pthread_mutex_t shard_locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static int shard_deadlines[2];
static _Atomic int next_wake;

/* What the driver does before it sleeps until next_wake. */
static void publish_minimum(void *unused)
{
    (void)unused;
    int minimum = INT_MAX;
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&shard_locks[i]);
        if (shard_deadlines[i] < minimum)
            minimum = shard_deadlines[i];
        if (!mended)
            pthread_mutex_unlock(&shard_locks[i]);
    }
    atomic_store_explicit(&next_wake, minimum, memory_order_release);
    for (int i = 0; i < 2 && mended; i++)
        pthread_mutex_unlock(&shard_locks[i]);
}

static void arm_timer(void *unused)
{
    (void)unused;
    int deadline = 20;
    pthread_mutex_lock(&shard_locks[1]);
    if (deadline < shard_deadlines[1])
        shard_deadlines[1] = deadline;
    pthread_mutex_unlock(&shard_locks[1]);
    if (deadline < atomic_load_explicit(&next_wake, memory_order_acquire))
        atomic_store_explicit(&x, 1, memory_order_release); /* wakes the driver */
}

static void timer_shards(void)
{
    /* a timer at 10 has just fired: next_wake is still its */
    atomic_store(&next_wake, 10);
    shard_deadlines[0] = 100;
    shard_deadlines[1] = 200;
    run_two(publish_minimum, arm_timer);
    MODEL_ASSERT(atomic_load(&x) == 1 || atomic_load(&next_wake) <= 20);
}
TWINS(timer_shards, MODEL_ASSERT, "the minimum is published after the shards' locks are dropped", "before they are")

/* ---- lives of objects ---- */

static void count_one(void *unused)
{
    (void)unused;
    if (mended) {
        atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
    } else {
        int seen = atomic_load_explicit(&x, memory_order_seq_cst);
        atomic_store_explicit(&x, seen + 1, memory_order_seq_cst);
    }
}

static void lost_update(void)
{
    run_two(count_one, count_one);
    MODEL_ASSERT(atomic_load(&x) == 2);
}
TWINS(lost_update, MODEL_ASSERT, "a load, then a store", "an update")

struct object {
    _Atomic int references;
    int value;
};
static struct object *shared;

static void use_and_drop(void *unused)
{
    (void)unused;
    struct object *object = shared;
    MODEL_ASSERT(object->value == 7);
    if (atomic_fetch_sub_explicit(&object->references, 1, either(memory_order_acq_rel, memory_order_relaxed)) == 1)
        free(object);
}

static void refcount(void)
{
    shared = malloc(sizeof *shared);
    shared->value = 7;
    atomic_init(&shared->references, 2);
    run_two(use_and_drop, use_and_drop);
}
TWINS(refcount, MODEL_RACE, "a relaxed decrement: freed while still in use", "an acq_rel decrement")

static int *_Atomic published, *_Atomic hazard;

static void read_protected(void *unused)
{
    (void)unused;
    int *pointer = atomic_load_explicit(&published, memory_order_acquire);
    /* 1. say what we use  2. fence  3. ask whether it is still published */
    atomic_store_explicit(&hazard, pointer, memory_order_release);
    if (mended)
        model_fence_light();
    if (pointer != NULL && atomic_load_explicit(&published, memory_order_acquire) == pointer)
        MODEL_ASSERT(*pointer == 7);
    atomic_store_explicit(&hazard, NULL, memory_order_release);
}

static void retire(void *unused)
{
    (void)unused;
    int *pointer = atomic_exchange_explicit(&published, NULL, memory_order_acq_rel);
    /* 1. unpublish  2. fence  3. ask whether somebody uses it */
    if (mended)
        model_fence_heavy();
    while (atomic_load_explicit(&hazard, memory_order_acquire) == pointer)
        model_yield();
    free(pointer);
}

static void hazard_pointer(void)
{
    int *pointer = malloc(sizeof *pointer);
    *pointer = 7;
    atomic_store(&published, pointer);
    run_two(read_protected, retire);
}
TWINS(hazard_pointer, MODEL_RACE, "a hazard pointer without a fence",
      "a light fence for readers, a heavy one for retiring")

static void free_published(void *unused)
{
    (void)unused;
    int *pointer = atomic_load_explicit(&published, memory_order_relaxed);
    if (mended)
        atomic_store_explicit(&published, NULL, memory_order_relaxed);
    free(pointer);
    atomic_store_explicit(&x, 1, memory_order_release);
}

static void read_after_free(void *unused)
{
    (void)unused;
    if (atomic_load_explicit(&x, memory_order_acquire) == 0)
        return;
    const int *pointer = atomic_load_explicit(&published, memory_order_relaxed);
    if (pointer != NULL)
        MODEL_ASSERT(*pointer == 7);
}

static void free_early(void)
{
    int *pointer = malloc(sizeof *pointer);
    *pointer = 7;
    atomic_store(&published, pointer);
    run_two(free_published, read_after_free);
}
TWINS(free_early, MODEL_MEMORY, "a use after free, however well ordered", "the pointer is taken back first")

static void free_if_mine(void *unused)
{
    (void)unused;
    int *pointer = NULL;
    if (mended) {
        pointer = atomic_exchange_explicit(&published, NULL, memory_order_acq_rel);
    } else {
        pointer = atomic_load_explicit(&published, memory_order_acquire);
        atomic_store_explicit(&published, NULL, memory_order_release);
    }
    free(pointer);
}

static void free_twice(void)
{
    atomic_store(&published, malloc(sizeof(int)));
    run_two(free_if_mine, free_if_mine);
}
TWINS(free_twice, MODEL_MEMORY, "a double free", "only one of them gets the pointer")

static void replace_published(void *unused)
{
    (void)unused;
    int *former = atomic_exchange_explicit(&published, malloc(sizeof(int)), memory_order_acq_rel);
    if (mended)
        free(former);
}

static void leak(void)
{
    run_two(replace_published, replace_published);
    free(atomic_load(&published));
}
TWINS(leak, MODEL_LEAK, "what was replaced is forgotten", "what was replaced is freed")

#define BOTH(id) &id##_broken, &id##_mended

static const struct model_scenario *const scenarios[] = {
    BOTH(dekker),         BOTH(peterson),     BOTH(idle_announce),  BOTH(idle_one_fence), BOTH(idle_two_light),
    BOTH(test_and_set),   BOTH(ticket),       BOTH(double_checked), BOTH(seqlock),        BOTH(lock_order),
    BOTH(parker_cond),    BOTH(parker_futex), BOTH(missed_signal),  BOTH(signal_one),     BOTH(spurious_wake),
    BOTH(spin),           BOTH(spin_yield),   BOTH(timer_shards),   BOTH(lost_update),    BOTH(refcount),
    BOTH(hazard_pointer), BOTH(free_early),   BOTH(free_twice),     BOTH(leak),           NULL,
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios);
}
