/* Atomics: the only way in which threads of the library share mutable state without a lock.
 *
 * A thin veneer over C11: the order is in the function's name, so a call site can be read, and a model checker can
 * replace this one header. Objects are declared with PAWL_ATOMIC(type) and touched by these functions alone.
 *
 * Every access that is not relaxed is one end of a named edge; the comment at the call names the edge and its other
 * end. ThreadSanitizer does not understand stand-alone fences, so data is always carried by an access; fences
 * (base/fence.h) only order the two halves of a store-load pair.
 *
 * Functions come in four widths: _u8, _u32, _u64 and _ptr. */
#ifndef PAWL_BASE_ATOMIC_H
#define PAWL_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define PAWL_ATOMIC(type) _Atomic(type)

/* The widest span that two cores' prefetchers treat as one line: what keeps writers apart is aligned to it. */
#define PAWL_CACHE_LINE 128

#ifdef PAWL_MODEL
#include "tools/model/veneer.h" /* the model checker's */
#else
#include <stdatomic.h>

#define PAWL__DEFINE_ACCESS(suffix, T)                                                                                 \
    static inline T load_relaxed_##suffix(const PAWL_ATOMIC(T) *p)                                                     \
    {                                                                                                                  \
        return atomic_load_explicit(p, memory_order_relaxed);                                                          \
    }                                                                                                                  \
    static inline T load_acquire_##suffix(const PAWL_ATOMIC(T) *p)                                                     \
    {                                                                                                                  \
        return atomic_load_explicit(p, memory_order_acquire);                                                          \
    }                                                                                                                  \
    static inline T load_seq_cst_##suffix(const PAWL_ATOMIC(T) *p)                                                     \
    {                                                                                                                  \
        return atomic_load_explicit(p, memory_order_seq_cst);                                                          \
    }                                                                                                                  \
    static inline void store_relaxed_##suffix(PAWL_ATOMIC(T) *p, T v)                                                  \
    {                                                                                                                  \
        atomic_store_explicit(p, v, memory_order_relaxed);                                                             \
    }                                                                                                                  \
    static inline void store_release_##suffix(PAWL_ATOMIC(T) *p, T v)                                                  \
    {                                                                                                                  \
        atomic_store_explicit(p, v, memory_order_release);                                                             \
    }                                                                                                                  \
    static inline void store_seq_cst_##suffix(PAWL_ATOMIC(T) *p, T v)                                                  \
    {                                                                                                                  \
        atomic_store_explicit(p, v, memory_order_seq_cst);                                                             \
    }                                                                                                                  \
    static inline T exchange_acq_rel_##suffix(PAWL_ATOMIC(T) *p, T v)                                                  \
    {                                                                                                                  \
        return atomic_exchange_explicit(p, v, memory_order_acq_rel);                                                   \
    }                                                                                                                  \
    static inline T exchange_seq_cst_##suffix(PAWL_ATOMIC(T) *p, T v)                                                  \
    {                                                                                                                  \
        return atomic_exchange_explicit(p, v, memory_order_seq_cst);                                                   \
    }                                                                                                                  \
    /* Compare-exchanges store the value seen in *expected on failure, read with the order named last. */              \
    static inline bool cas_acq_rel_acquire_##suffix(PAWL_ATOMIC(T) *p, T *expected, T v)                               \
    {                                                                                                                  \
        return atomic_compare_exchange_strong_explicit(p, expected, v, memory_order_acq_rel, memory_order_acquire);    \
    }                                                                                                                  \
    static inline bool cas_acq_rel_relaxed_##suffix(PAWL_ATOMIC(T) *p, T *expected, T v)                               \
    {                                                                                                                  \
        return atomic_compare_exchange_strong_explicit(p, expected, v, memory_order_acq_rel, memory_order_relaxed);    \
    }                                                                                                                  \
    static inline bool cas_acquire_relaxed_##suffix(PAWL_ATOMIC(T) *p, T *expected, T v)                               \
    {                                                                                                                  \
        return atomic_compare_exchange_strong_explicit(p, expected, v, memory_order_acquire, memory_order_relaxed);    \
    }                                                                                                                  \
    static inline bool cas_seq_cst_##suffix(PAWL_ATOMIC(T) *p, T *expected, T v)                                       \
    {                                                                                                                  \
        return atomic_compare_exchange_strong_explicit(p, expected, v, memory_order_seq_cst, memory_order_seq_cst);    \
    }

#define PAWL__DEFINE_ARITHMETIC(suffix, T)                                                                             \
    static inline T fetch_add_relaxed_##suffix(PAWL_ATOMIC(T) *p, T v)                                                 \
    {                                                                                                                  \
        return atomic_fetch_add_explicit(p, v, memory_order_relaxed);                                                  \
    }                                                                                                                  \
    static inline T fetch_add_acq_rel_##suffix(PAWL_ATOMIC(T) *p, T v)                                                 \
    {                                                                                                                  \
        return atomic_fetch_add_explicit(p, v, memory_order_acq_rel);                                                  \
    }                                                                                                                  \
    static inline T fetch_add_seq_cst_##suffix(PAWL_ATOMIC(T) *p, T v)                                                 \
    {                                                                                                                  \
        return atomic_fetch_add_explicit(p, v, memory_order_seq_cst);                                                  \
    }                                                                                                                  \
    static inline T fetch_or_acq_rel_##suffix(PAWL_ATOMIC(T) *p, T v)                                                  \
    {                                                                                                                  \
        return atomic_fetch_or_explicit(p, v, memory_order_acq_rel);                                                   \
    }                                                                                                                  \
    static inline T fetch_or_seq_cst_##suffix(PAWL_ATOMIC(T) *p, T v)                                                  \
    {                                                                                                                  \
        return atomic_fetch_or_explicit(p, v, memory_order_seq_cst);                                                   \
    }                                                                                                                  \
    static inline T fetch_and_acq_rel_##suffix(PAWL_ATOMIC(T) *p, T v)                                                 \
    {                                                                                                                  \
        return atomic_fetch_and_explicit(p, v, memory_order_acq_rel);                                                  \
    }                                                                                                                  \
    static inline T fetch_and_seq_cst_##suffix(PAWL_ATOMIC(T) *p, T v)                                                 \
    {                                                                                                                  \
        return atomic_fetch_and_explicit(p, v, memory_order_seq_cst);                                                  \
    }

PAWL__DEFINE_ACCESS(u8, uint8_t)
PAWL__DEFINE_ACCESS(u32, uint32_t)
PAWL__DEFINE_ACCESS(u64, uint64_t)
PAWL__DEFINE_ACCESS(ptr, void *)
PAWL__DEFINE_ARITHMETIC(u32, uint32_t)
PAWL__DEFINE_ARITHMETIC(u64, uint64_t)
#endif

/* A counter that one thread writes and any reads: cheaper than an RMW. */
static inline void counter_add(PAWL_ATOMIC(uint64_t) *counter, uint64_t n)
{
    /* relaxed: the only writer reads its own value; readers want a number, not an edge */
    store_relaxed_u64(counter, load_relaxed_u64(counter) + n);
}

#endif
