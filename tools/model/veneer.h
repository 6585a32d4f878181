/* What base/atomic.h turns to in a model-checked build: the same names, as calls of the checker that know the source
 * line and the object as it is written there. */
#ifndef PAWL_MODEL_VENEER_H
#define PAWL_MODEL_VENEER_H

#include "tools/model/atomic.h"

/* The object's address, if it is of the right type. */
#define MODEL__OBJECT(p, T) (1 ? (p) : (PAWL_ATOMIC(T) *)0)
#define MODEL__CONST_OBJECT(p, T) (1 ? (p) : (const PAWL_ATOMIC(T) *)0)

#define MODEL__LOAD(p, T, order) \
    ((T)model__load(MODEL__CONST_OBJECT(p, T), sizeof(T), MODEL_##order, MODEL__SITE(#p)))
#define MODEL__STORE(p, v, T, order) \
    model__store(MODEL__OBJECT(p, T), sizeof(T), (uint64_t)(T)(v), MODEL_##order, MODEL__SITE(#p))
#define MODEL__UPDATE(p, v, T, update, order) \
    __extension__({ /* its value may be left unused */                                                                 \
        T model__former = (T)model__update(MODEL__OBJECT(p, T), sizeof(T), MODEL_##update, (uint64_t)(T)(v),           \
                                           MODEL_##order, MODEL__SITE(#p));                                            \
        model__former;                                                                                                 \
    })
#define MODEL__CAS(p, expected, v, T, success, failure) \
    model__cas(MODEL__OBJECT(p, T), sizeof(T), 1 ? (expected) : (T *)0, (uint64_t)(T)(v), MODEL_##success, \
               MODEL_##failure, false, MODEL__SITE(#p))

#define MODEL__LOAD_PTR(p, order) \
    ((void *)(uintptr_t)model__load(MODEL__CONST_OBJECT(p, void *), sizeof(void *), MODEL_##order, MODEL__SITE(#p)))
#define MODEL__STORE_PTR(p, v, order) \
    model__store(MODEL__OBJECT(p, void *), sizeof(void *), (uintptr_t)(v), MODEL_##order, MODEL__SITE(#p))
#define MODEL__UPDATE_PTR(p, v, update, order) \
    __extension__({                                                                                                    \
        void *model__former = (void *)(uintptr_t)model__update(MODEL__OBJECT(p, void *), sizeof(void *),               \
                                                               MODEL_##update, (uintptr_t)(v), MODEL_##order,          \
                                                               MODEL__SITE(#p));                                       \
        model__former;                                                                                                 \
    })
#define MODEL__CAS_PTR(p, expected, v, success, failure) \
    model__cas(MODEL__OBJECT(p, void *), sizeof(void *), (expected), (uintptr_t)(v), MODEL_##success, \
               MODEL_##failure, false, MODEL__SITE(#p))

#define load_relaxed_u8(p) MODEL__LOAD(p, uint8_t, RELAXED)
#define load_acquire_u8(p) MODEL__LOAD(p, uint8_t, ACQUIRE)
#define load_seq_cst_u8(p) MODEL__LOAD(p, uint8_t, SEQ_CST)
#define store_relaxed_u8(p, v) MODEL__STORE(p, v, uint8_t, RELAXED)
#define store_release_u8(p, v) MODEL__STORE(p, v, uint8_t, RELEASE)
#define store_seq_cst_u8(p, v) MODEL__STORE(p, v, uint8_t, SEQ_CST)
#define exchange_acq_rel_u8(p, v) MODEL__UPDATE(p, v, uint8_t, EXCHANGE, ACQ_REL)
#define exchange_seq_cst_u8(p, v) MODEL__UPDATE(p, v, uint8_t, EXCHANGE, SEQ_CST)
#define cas_acq_rel_acquire_u8(p, e, v) MODEL__CAS(p, e, v, uint8_t, ACQ_REL, ACQUIRE)
#define cas_acq_rel_relaxed_u8(p, e, v) MODEL__CAS(p, e, v, uint8_t, ACQ_REL, RELAXED)
#define cas_acquire_relaxed_u8(p, e, v) MODEL__CAS(p, e, v, uint8_t, ACQUIRE, RELAXED)
#define cas_seq_cst_u8(p, e, v) MODEL__CAS(p, e, v, uint8_t, SEQ_CST, SEQ_CST)

#define load_relaxed_u32(p) MODEL__LOAD(p, uint32_t, RELAXED)
#define load_acquire_u32(p) MODEL__LOAD(p, uint32_t, ACQUIRE)
#define load_seq_cst_u32(p) MODEL__LOAD(p, uint32_t, SEQ_CST)
#define store_relaxed_u32(p, v) MODEL__STORE(p, v, uint32_t, RELAXED)
#define store_release_u32(p, v) MODEL__STORE(p, v, uint32_t, RELEASE)
#define store_seq_cst_u32(p, v) MODEL__STORE(p, v, uint32_t, SEQ_CST)
#define exchange_acq_rel_u32(p, v) MODEL__UPDATE(p, v, uint32_t, EXCHANGE, ACQ_REL)
#define exchange_seq_cst_u32(p, v) MODEL__UPDATE(p, v, uint32_t, EXCHANGE, SEQ_CST)
#define cas_acq_rel_acquire_u32(p, e, v) MODEL__CAS(p, e, v, uint32_t, ACQ_REL, ACQUIRE)
#define cas_acq_rel_relaxed_u32(p, e, v) MODEL__CAS(p, e, v, uint32_t, ACQ_REL, RELAXED)
#define cas_acquire_relaxed_u32(p, e, v) MODEL__CAS(p, e, v, uint32_t, ACQUIRE, RELAXED)
#define cas_seq_cst_u32(p, e, v) MODEL__CAS(p, e, v, uint32_t, SEQ_CST, SEQ_CST)

#define load_relaxed_u64(p) MODEL__LOAD(p, uint64_t, RELAXED)
#define load_acquire_u64(p) MODEL__LOAD(p, uint64_t, ACQUIRE)
#define load_seq_cst_u64(p) MODEL__LOAD(p, uint64_t, SEQ_CST)
#define store_relaxed_u64(p, v) MODEL__STORE(p, v, uint64_t, RELAXED)
#define store_release_u64(p, v) MODEL__STORE(p, v, uint64_t, RELEASE)
#define store_seq_cst_u64(p, v) MODEL__STORE(p, v, uint64_t, SEQ_CST)
#define exchange_acq_rel_u64(p, v) MODEL__UPDATE(p, v, uint64_t, EXCHANGE, ACQ_REL)
#define exchange_seq_cst_u64(p, v) MODEL__UPDATE(p, v, uint64_t, EXCHANGE, SEQ_CST)
#define cas_acq_rel_acquire_u64(p, e, v) MODEL__CAS(p, e, v, uint64_t, ACQ_REL, ACQUIRE)
#define cas_acq_rel_relaxed_u64(p, e, v) MODEL__CAS(p, e, v, uint64_t, ACQ_REL, RELAXED)
#define cas_acquire_relaxed_u64(p, e, v) MODEL__CAS(p, e, v, uint64_t, ACQUIRE, RELAXED)
#define cas_seq_cst_u64(p, e, v) MODEL__CAS(p, e, v, uint64_t, SEQ_CST, SEQ_CST)

#define load_relaxed_ptr(p) MODEL__LOAD_PTR(p, RELAXED)
#define load_acquire_ptr(p) MODEL__LOAD_PTR(p, ACQUIRE)
#define load_seq_cst_ptr(p) MODEL__LOAD_PTR(p, SEQ_CST)
#define store_relaxed_ptr(p, v) MODEL__STORE_PTR(p, v, RELAXED)
#define store_release_ptr(p, v) MODEL__STORE_PTR(p, v, RELEASE)
#define store_seq_cst_ptr(p, v) MODEL__STORE_PTR(p, v, SEQ_CST)
#define exchange_acq_rel_ptr(p, v) MODEL__UPDATE_PTR(p, v, EXCHANGE, ACQ_REL)
#define exchange_seq_cst_ptr(p, v) MODEL__UPDATE_PTR(p, v, EXCHANGE, SEQ_CST)
#define cas_acq_rel_acquire_ptr(p, e, v) MODEL__CAS_PTR(p, e, v, ACQ_REL, ACQUIRE)
#define cas_acq_rel_relaxed_ptr(p, e, v) MODEL__CAS_PTR(p, e, v, ACQ_REL, RELAXED)
#define cas_acquire_relaxed_ptr(p, e, v) MODEL__CAS_PTR(p, e, v, ACQUIRE, RELAXED)
#define cas_seq_cst_ptr(p, e, v) MODEL__CAS_PTR(p, e, v, SEQ_CST, SEQ_CST)

#define fetch_add_relaxed_u32(p, v) MODEL__UPDATE(p, v, uint32_t, ADD, RELAXED)
#define fetch_add_acq_rel_u32(p, v) MODEL__UPDATE(p, v, uint32_t, ADD, ACQ_REL)
#define fetch_add_seq_cst_u32(p, v) MODEL__UPDATE(p, v, uint32_t, ADD, SEQ_CST)
#define fetch_or_acq_rel_u32(p, v) MODEL__UPDATE(p, v, uint32_t, OR, ACQ_REL)
#define fetch_or_seq_cst_u32(p, v) MODEL__UPDATE(p, v, uint32_t, OR, SEQ_CST)
#define fetch_and_acq_rel_u32(p, v) MODEL__UPDATE(p, v, uint32_t, AND, ACQ_REL)
#define fetch_and_seq_cst_u32(p, v) MODEL__UPDATE(p, v, uint32_t, AND, SEQ_CST)

#define fetch_add_relaxed_u64(p, v) MODEL__UPDATE(p, v, uint64_t, ADD, RELAXED)
#define fetch_add_acq_rel_u64(p, v) MODEL__UPDATE(p, v, uint64_t, ADD, ACQ_REL)
#define fetch_add_seq_cst_u64(p, v) MODEL__UPDATE(p, v, uint64_t, ADD, SEQ_CST)
#define fetch_or_acq_rel_u64(p, v) MODEL__UPDATE(p, v, uint64_t, OR, ACQ_REL)
#define fetch_or_seq_cst_u64(p, v) MODEL__UPDATE(p, v, uint64_t, OR, SEQ_CST)
#define fetch_and_acq_rel_u64(p, v) MODEL__UPDATE(p, v, uint64_t, AND, ACQ_REL)
#define fetch_and_seq_cst_u64(p, v) MODEL__UPDATE(p, v, uint64_t, AND, SEQ_CST)

/* Weaker forms than the library has, for tests/model/weaken.py, which tries what happens without an edge. */
#define exchange_relaxed_u8(p, v) MODEL__UPDATE(p, v, uint8_t, EXCHANGE, RELAXED)
#define exchange_acquire_u8(p, v) MODEL__UPDATE(p, v, uint8_t, EXCHANGE, ACQUIRE)
#define exchange_release_u8(p, v) MODEL__UPDATE(p, v, uint8_t, EXCHANGE, RELEASE)
#define cas_relaxed_relaxed_u8(p, e, v) MODEL__CAS(p, e, v, uint8_t, RELAXED, RELAXED)
#define cas_release_relaxed_u8(p, e, v) MODEL__CAS(p, e, v, uint8_t, RELEASE, RELAXED)
#define exchange_relaxed_u32(p, v) MODEL__UPDATE(p, v, uint32_t, EXCHANGE, RELAXED)
#define exchange_acquire_u32(p, v) MODEL__UPDATE(p, v, uint32_t, EXCHANGE, ACQUIRE)
#define exchange_release_u32(p, v) MODEL__UPDATE(p, v, uint32_t, EXCHANGE, RELEASE)
#define cas_relaxed_relaxed_u32(p, e, v) MODEL__CAS(p, e, v, uint32_t, RELAXED, RELAXED)
#define cas_release_relaxed_u32(p, e, v) MODEL__CAS(p, e, v, uint32_t, RELEASE, RELAXED)
#define exchange_relaxed_u64(p, v) MODEL__UPDATE(p, v, uint64_t, EXCHANGE, RELAXED)
#define exchange_acquire_u64(p, v) MODEL__UPDATE(p, v, uint64_t, EXCHANGE, ACQUIRE)
#define exchange_release_u64(p, v) MODEL__UPDATE(p, v, uint64_t, EXCHANGE, RELEASE)
#define cas_relaxed_relaxed_u64(p, e, v) MODEL__CAS(p, e, v, uint64_t, RELAXED, RELAXED)
#define cas_release_relaxed_u64(p, e, v) MODEL__CAS(p, e, v, uint64_t, RELEASE, RELAXED)
#define exchange_relaxed_ptr(p, v) MODEL__UPDATE_PTR(p, v, EXCHANGE, RELAXED)
#define exchange_acquire_ptr(p, v) MODEL__UPDATE_PTR(p, v, EXCHANGE, ACQUIRE)
#define exchange_release_ptr(p, v) MODEL__UPDATE_PTR(p, v, EXCHANGE, RELEASE)
#define cas_relaxed_relaxed_ptr(p, e, v) MODEL__CAS_PTR(p, e, v, RELAXED, RELAXED)
#define cas_release_relaxed_ptr(p, e, v) MODEL__CAS_PTR(p, e, v, RELEASE, RELAXED)
#define fetch_or_relaxed_u32(p, v) MODEL__UPDATE(p, v, uint32_t, OR, RELAXED)
#define fetch_and_relaxed_u32(p, v) MODEL__UPDATE(p, v, uint32_t, AND, RELAXED)
#define fetch_add_acquire_u32(p, v) MODEL__UPDATE(p, v, uint32_t, ADD, ACQUIRE)
#define fetch_add_release_u32(p, v) MODEL__UPDATE(p, v, uint32_t, ADD, RELEASE)
#define fetch_or_relaxed_u64(p, v) MODEL__UPDATE(p, v, uint64_t, OR, RELAXED)
#define fetch_and_relaxed_u64(p, v) MODEL__UPDATE(p, v, uint64_t, AND, RELAXED)
#define fetch_add_acquire_u64(p, v) MODEL__UPDATE(p, v, uint64_t, ADD, ACQUIRE)
#define fetch_add_release_u64(p, v) MODEL__UPDATE(p, v, uint64_t, ADD, RELEASE)

#endif
