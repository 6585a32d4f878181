/* Items: a first-in-first-out store of items of one size, in a ring of fixed capacity or, unbounded, in blocks.
 *
 * Blocks are allocated by the caller, who holds no lock then, and given as a spare; one block that became empty is kept
 * as the next spare.
 *
 * Threads: whoever guards it. Blocks: no. Errors: -ENOMEM. */
#ifndef PAWL_SYNC_ITEMS_H
#define PAWL_SYNC_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct items_block;

/* Access: C constant, L whoever guards it. What a ring needs comes first, for one cache line. */
struct items {
    size_t count;              /* L */
    size_t head;               /* L index of the oldest, in the ring or in the block `first` */
    size_t tail;               /* L where the next goes, in the ring or in the block `last` */
    char *ring;                /* C of capacity items; NULL if unbounded, or for none */
    size_t capacity;           /* C SIZE_MAX: unbounded */
    size_t item_size;          /* C */
    struct items_block *first; /* L unbounded: the oldest items */
    struct items_block *last;  /* L the newest, NULL: no block */
    struct items_block *spare; /* L or NULL */
};

/* -EINVAL: an item of no size, or more than memory can hold; -ENOMEM. */
int pawl__items_init(struct items *items, size_t capacity, size_t item_size);
void pawl__items_fini(struct items *items);

/* Unbounded: is a spare block needed before the next can be put? */
bool pawl__items_need_block(const struct items *items);
struct items_block *pawl__items_block_create(const struct items *items);
/* Returns the block if there is a spare already; else NULL. */
struct items_block *pawl__items_add_block(struct items *items, struct items_block *block);
void pawl__items_block_destroy(struct items_block *block);

void pawl__items_put_unbounded(struct items *items, const void *item);
void pawl__items_take_unbounded(struct items *items, void *item);

/* Most items are a pointer or a number. */
static inline void item_copy(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

static inline bool items_full(const struct items *items)
{
    return items->count == items->capacity;
}

static inline size_t items_after(const struct items *items, size_t index)
{
    return index + 1 == items->capacity ? 0 : index + 1;
}

/* It is not full and needs no block. */
static inline void items_put(struct items *items, const void *item)
{
    items->count++;
    if (items->ring == NULL) {
        pawl__items_put_unbounded(items, item);
        return;
    }
    item_copy(items->ring + items->tail * items->item_size, item, items->item_size);
    items->tail = items_after(items, items->tail);
}

/* It is not empty. */
static inline void items_take(struct items *items, void *item)
{
    items->count--;
    if (items->ring == NULL) {
        pawl__items_take_unbounded(items, item);
        return;
    }
    item_copy(item, items->ring + items->head * items->item_size, items->item_size);
    items->head = items_after(items, items->head);
}

#endif
