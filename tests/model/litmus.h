/* How litmus tests are written: small programs without loops, with all that they may come to.
 *
 *     LITMUS2(sb_relaxed, "both may miss the other's store",
 *             (store(x, 1, relaxed), r0 = load(y, relaxed)),
 *             (store(y, 1, relaxed), r1 = load(x, relaxed)),
 *             model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
 *
 * Two to four threads, each one expression in brackets; what thread 0 does after joining them; what is expected. The
 * block defines `static const struct model_scenario sb_relaxed`. oracle/check_litmus.py reads the same text and finds
 * by other means what EXACTLY is to list.
 *
 * x, y, z and w are atomic, d and e are not; m and n are mutexes. A register is one thread's; all are 0 to begin with.
 */
#ifndef PAWL_TESTS_MODEL_LITMUS_H
#define PAWL_TESTS_MODEL_LITMUS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "tools/model/model.h"

#define LITMUS__UNUSED __attribute__((unused))

LITMUS__UNUSED static _Atomic int x, y, z, w;
LITMUS__UNUSED static int d, e;
LITMUS__UNUSED static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER, n = PTHREAD_MUTEX_INITIALIZER;
LITMUS__UNUSED static int r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11;

#define store(object, value, order) atomic_store_explicit(&object, value, memory_order_##order)
#define load(object, order) atomic_load_explicit(&object, memory_order_##order)
#define add(object, value, order) atomic_fetch_add_explicit(&object, value, memory_order_##order)
#define swap(object, value, order) atomic_exchange_explicit(&object, value, memory_order_##order)
#define lock(mutex) pthread_mutex_lock(&mutex)
#define unlock(mutex) pthread_mutex_unlock(&mutex)
#define fence(order) atomic_thread_fence(memory_order_##order)

/* What it saw. */
#define cas(object, expected, value, success, failure)                                                                 \
    __extension__({                                                                                                    \
        int seen_ = (expected);                                                                                        \
        atomic_compare_exchange_strong_explicit(&object, &seen_, value, memory_order_##success,                        \
                                                memory_order_##failure);                                               \
        seen_;                                                                                                         \
    })
/* What it saw, or ~ of that if it failed. */
#define cas_weak(object, expected, value, success, failure)                                                            \
    __extension__({                                                                                                    \
        int seen_ = (expected);                                                                                        \
        atomic_compare_exchange_weak_explicit(&object, &seen_, value, memory_order_##success, memory_order_##failure)  \
            ? seen_                                                                                                    \
            : ~seen_;                                                                                                  \
    })

/* Goes on only when it has seen the value. */
#define await(object, value, order)                                                                                    \
    __extension__({                                                                                                    \
        while (load(object, order) != (value))                                                                         \
            model_yield();                                                                                             \
    })

/* The rest is done only if the condition holds. */
#define when(condition, ...) ((condition) ? (void)(__VA_ARGS__) : (void)0)

/* A location's value at the end. */
#define last(object) load(object, relaxed)

#define EXACTLY(...)                                                                                                   \
    .outcomes = (const char *const[])                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }
#define RACES .expect = MODEL_RACE
#define SPINS .expect = MODEL_LIVELOCK
#define DEADLOCKS .expect = MODEL_DEADLOCK

static inline void litmus_run(unsigned count, void (*const *threads)(void *))
{
    unsigned spawned[4];
    for (unsigned i = 0; i < count; i++)
        spawned[i] = model_spawn(threads[i], NULL);
    for (unsigned i = 0; i < count; i++)
        model_join(spawned[i]);
}

#define LITMUS__THREAD(name, actions)                                                                                  \
    static void name(void *unused)                                                                                     \
    {                                                                                                                  \
        (void)unused;                                                                                                  \
        (void)(actions);                                                                                               \
    }
#define LITMUS__SCENARIO(id, text, record, ...)                                                                        \
    static void id##_run(void)                                                                                         \
    {                                                                                                                  \
        litmus_run(sizeof id##_threads / sizeof *id##_threads, id##_threads);                                          \
        record;                                                                                                        \
    }                                                                                                                  \
    static const struct model_scenario id = {.name = #id, .about = text, .run = id##_run, __VA_ARGS__};

#define LITMUS2(id, text, first, second, record, ...)                                                                  \
    LITMUS__THREAD(id##_1, first)                                                                                      \
    LITMUS__THREAD(id##_2, second)                                                                                     \
    static void (*const id##_threads[])(void *) = {id##_1, id##_2};                                                    \
    LITMUS__SCENARIO(id, text, record, __VA_ARGS__)
#define LITMUS3(id, text, first, second, third, record, ...)                                                           \
    LITMUS__THREAD(id##_1, first)                                                                                      \
    LITMUS__THREAD(id##_2, second)                                                                                     \
    LITMUS__THREAD(id##_3, third)                                                                                      \
    static void (*const id##_threads[])(void *) = {id##_1, id##_2, id##_3};                                            \
    LITMUS__SCENARIO(id, text, record, __VA_ARGS__)
#define LITMUS4(id, text, first, second, third, fourth, record, ...)                                                   \
    LITMUS__THREAD(id##_1, first)                                                                                      \
    LITMUS__THREAD(id##_2, second)                                                                                     \
    LITMUS__THREAD(id##_3, third)                                                                                      \
    LITMUS__THREAD(id##_4, fourth)                                                                                     \
    static void (*const id##_threads[])(void *) = {id##_1, id##_2, id##_3, id##_4};                                    \
    LITMUS__SCENARIO(id, text, record, __VA_ARGS__)

#endif
