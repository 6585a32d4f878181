/* What base/atomic.h turns to in a model-checked build: the same functions, as calls of the checker. */
#ifndef PAWL_MODEL_ATOMIC_H
#define PAWL_MODEL_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

enum model_order {
    MODEL_RELAXED,
    MODEL_ACQUIRE,
    MODEL_RELEASE,
    MODEL_ACQ_REL,
    MODEL_SEQ_CST,
    MODEL_LIGHT, /* fences only */
    MODEL_HEAVY, /* fences only */
    MODEL_PLAIN  /* stores only: not atomic at all */
};

/* Where in the source a step is. pc: if file is NULL. */
struct model_site {
    const char *file, *what; /* what: the operation and its object, as written */
    int line;
    const void *pc;
};

enum model_update { MODEL_EXCHANGE, MODEL_ADD, MODEL_SUB, MODEL_AND, MODEL_OR, MODEL_XOR, MODEL_NAND };

uint64_t model__load(const volatile void *object, unsigned size, enum model_order order, struct model_site site);
void model__store(volatile void *object, unsigned size, uint64_t value, enum model_order order, struct model_site site);
uint64_t model__update(volatile void *object, unsigned size, enum model_update update, uint64_t operand,
                       enum model_order order, struct model_site site);
/* Stores the value seen in *expected on failure. */
bool model__cas(volatile void *object, unsigned size, void *expected, uint64_t value, enum model_order success,
                enum model_order failure, bool weak, struct model_site site);
void model__fence(enum model_order order, struct model_site site);
void model__lock(volatile void *object, struct model_site site);
bool model__try_lock(volatile void *object, struct model_site site);
void model__unlock(volatile void *object, struct model_site site);

#define MODEL__SITE(text) ((struct model_site){__FILE__, text, __LINE__, 0})

#endif
