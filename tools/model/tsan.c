/* What the compiler calls in sources compiled with -fsanitize=thread: plain accesses and C11 atomics. ThreadSanitizer's
 * run-time is not linked; this stands in its place. */
#include "tools/model/checker.h"

#define PC __builtin_return_address(0)

static bool observed(const void *address)
{
    return checker != NULL && checker->running != NULL && !checker->inside && !checker->direct &&
           !run_is_thread_local((uintptr_t)address);
}

static void plain(const void *address, size_t size, bool write, const void *pc)
{
    if (!observed(address) || size == 0)
        return;
    checker->inside = true;
    memory_plain((uintptr_t)address, size, write, pc);
    checker->inside = false;
}

void model__plain(const void *address, size_t size, bool write, const void *pc);
void model__plain(const void *address, size_t size, bool write, const void *pc)
{
    plain(address, size, write, pc);
}

#define PLAIN(name, type, size, write)                                                                                 \
    void name(type *address);                                                                                          \
    void name(type *address)                                                                                           \
    {                                                                                                                  \
        plain(address, size, write, PC);                                                                               \
    }

#define PLAIN_ALL(size)                                                                                                \
    PLAIN(__tsan_read##size, void, size, false)                                                                        \
    PLAIN(__tsan_write##size, void, size, true)                                                                        \
    PLAIN(__tsan_read_write##size, void, size, true)                                                                   \
    PLAIN(__tsan_unaligned_read##size, void, size, false)                                                              \
    PLAIN(__tsan_unaligned_write##size, void, size, true)                                                              \
    PLAIN(__tsan_unaligned_read_write##size, void, size, true)                                                         \
    PLAIN(__tsan_volatile_read##size, void, size, false)                                                               \
    PLAIN(__tsan_volatile_write##size, void, size, true)                                                               \
    PLAIN(__tsan_unaligned_volatile_read##size, void, size, false)                                                     \
    PLAIN(__tsan_unaligned_volatile_write##size, void, size, true)

PLAIN_ALL(1)
PLAIN_ALL(2)
PLAIN_ALL(4)
PLAIN_ALL(8)
PLAIN_ALL(16)

void __tsan_read_range(void *address, unsigned long size);
void __tsan_read_range(void *address, unsigned long size)
{
    plain(address, size, false, PC);
}

void __tsan_write_range(void *address, unsigned long size);
void __tsan_write_range(void *address, unsigned long size)
{
    plain(address, size, true, PC);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

void __tsan_vptr_update(void **address, void *value);
void __tsan_vptr_update(void **address, void *value)
{
    (void)value;
    plain(address, sizeof *address, true, PC);
}

void __tsan_vptr_read(void **address);
void __tsan_vptr_read(void **address)
{
    plain(address, sizeof *address, false, PC);
}

/* Edges and stacks that sources name by hand: what stands in for the libraries has edges of its own. */
void __tsan_acquire(void *address);
void __tsan_acquire(void *address)
{
    (void)address;
}

void __tsan_release(void *address);
void __tsan_release(void *address)
{
    (void)address;
}

void *__tsan_get_current_fiber(void);
void *__tsan_get_current_fiber(void)
{
    return NULL;
}

void *__tsan_create_fiber(unsigned flags);
void *__tsan_create_fiber(unsigned flags)
{
    (void)flags;
    return NULL;
}

void __tsan_destroy_fiber(void *fiber);
void __tsan_destroy_fiber(void *fiber)
{
    (void)fiber;
}

void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_switch_to_fiber(void *fiber, unsigned flags)
{
    (void)fiber;
    (void)flags;
}

/* ---- C11 atomics ---- */

static enum model_order order_of(int memory_order)
{
    static const enum model_order orders[] = {MODEL_RELAXED, MODEL_ACQUIRE, MODEL_ACQUIRE,
                                              MODEL_RELEASE, MODEL_ACQ_REL, MODEL_SEQ_CST};
    return orders[memory_order & 7];
}

#define SITE(text) ((struct model_site){.what = text, .pc = PC})

#define ATOMIC_UPDATE(bits, T, name, update)                                                                           \
    T __tsan_atomic##bits##_##name(volatile T *object, T operand, int order);                                          \
    T __tsan_atomic##bits##_##name(volatile T *object, T operand, int order)                                           \
    {                                                                                                                  \
        return (T)model__update(object, sizeof(T), update, operand, order_of(order), SITE(#name));                     \
    }

#define ATOMIC_CAS(bits, T, name, weak)                                                                                \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile T *object, T *expected, T value, int success,           \
                                                      int failure);                                                    \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile T *object, T *expected, T value, int success,           \
                                                      int failure)                                                     \
    {                                                                                                                  \
        return model__cas(object, sizeof(T), expected, value, order_of(success), order_of(failure), weak,              \
                          SITE("compare_exchange_" #name));                                                            \
    }

#define ATOMICS(bits, T)                                                                                               \
    T __tsan_atomic##bits##_load(const volatile T *object, int order);                                                 \
    T __tsan_atomic##bits##_load(const volatile T *object, int order)                                                  \
    {                                                                                                                  \
        return (T)model__load(object, sizeof(T), order_of(order), SITE("load"));                                       \
    }                                                                                                                  \
    void __tsan_atomic##bits##_store(volatile T *object, T value, int order);                                          \
    void __tsan_atomic##bits##_store(volatile T *object, T value, int order)                                           \
    {                                                                                                                  \
        model__store(object, sizeof(T), value, order_of(order), SITE("store"));                                        \
    }                                                                                                                  \
    ATOMIC_UPDATE(bits, T, exchange, MODEL_EXCHANGE)                                                                   \
    ATOMIC_UPDATE(bits, T, fetch_add, MODEL_ADD)                                                                       \
    ATOMIC_UPDATE(bits, T, fetch_sub, MODEL_SUB)                                                                       \
    ATOMIC_UPDATE(bits, T, fetch_and, MODEL_AND)                                                                       \
    ATOMIC_UPDATE(bits, T, fetch_or, MODEL_OR)                                                                         \
    ATOMIC_UPDATE(bits, T, fetch_xor, MODEL_XOR)                                                                       \
    ATOMIC_UPDATE(bits, T, fetch_nand, MODEL_NAND)                                                                     \
    ATOMIC_CAS(bits, T, strong, false)                                                                                 \
    ATOMIC_CAS(bits, T, weak, true)                                                                                    \
    T __tsan_atomic##bits##_compare_exchange_val(volatile T *object, T expected, T value, int success, int failure);   \
    T __tsan_atomic##bits##_compare_exchange_val(volatile T *object, T expected, T value, int success, int failure)    \
    {                                                                                                                  \
        model__cas(object, sizeof(T), &expected, value, order_of(success), order_of(failure), false,                   \
                   SITE("compare_exchange"));                                                                          \
        return expected;                                                                                               \
    }

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    if (order_of(order) != MODEL_RELAXED)
        model__fence(order_of(order), SITE("fence"));
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order; /* one thread's: nothing to anybody else */
}
