#include "sync/items.h"

#include <errno.h>
#include <stdlib.h>

#ifndef ITEMS_BLOCK
#define ITEMS_BLOCK 64 /* items a block; the model checker shrinks it */
#endif

struct items_block {
    struct items_block *next;
    _Alignas(max_align_t) char items[];
};

int pawl__items_init(struct items *items, size_t capacity, size_t item_size)
{
    size_t room = capacity == SIZE_MAX ? ITEMS_BLOCK : capacity, size;
    *items = (struct items){.item_size = item_size, .capacity = capacity};
    if (item_size == 0 || __builtin_mul_overflow(room, item_size, &size) ||
        size > PTRDIFF_MAX - sizeof(struct items_block))
        return -EINVAL;
    if (capacity == 0 || capacity == SIZE_MAX)
        return 0;
    items->ring = malloc(size);
    return items->ring == NULL ? -ENOMEM : 0;
}

void pawl__items_fini(struct items *items)
{
    struct items_block *block = items->first;
    while (block != NULL) {
        struct items_block *next = block->next;
        free(block);
        block = next;
    }
    free(items->spare);
    free(items->ring);
}

bool pawl__items_need_block(const struct items *items)
{
    return items->capacity == SIZE_MAX && items->spare == NULL && (items->last == NULL || items->tail == ITEMS_BLOCK);
}

struct items_block *pawl__items_block_create(const struct items *items)
{
    struct items_block *block = malloc(sizeof *block + ITEMS_BLOCK * items->item_size);
    if (block != NULL)
        block->next = NULL;
    return block;
}

struct items_block *pawl__items_add_block(struct items *items, struct items_block *block)
{
    if (items->spare != NULL)
        return block;
    items->spare = block;
    return NULL;
}

void pawl__items_block_destroy(struct items_block *block)
{
    free(block);
}

static void append_spare(struct items *items)
{
    struct items_block *block = items->spare;
    items->spare = NULL;
    block->next = NULL;
    if (items->last == NULL) {
        items->first = block;
        items->head = 0;
    } else {
        items->last->next = block;
    }
    items->last = block;
    items->tail = 0;
}

void pawl__items_put_unbounded(struct items *items, const void *item)
{
    if (items->last == NULL || items->tail == ITEMS_BLOCK)
        append_spare(items);
    item_copy(items->last->items + items->tail * items->item_size, item, items->item_size);
    items->tail++;
}

/* The first block has been emptied: it is the next spare, or goes. */
static void drop_first(struct items *items)
{
    struct items_block *block = items->first;
    items->first = block->next;
    if (items->first == NULL)
        items->last = NULL;
    items->head = 0;
    if (items->spare == NULL)
        items->spare = block;
    else
        free(block);
}

void pawl__items_take_unbounded(struct items *items, void *item)
{
    item_copy(item, items->first->items + items->head * items->item_size, items->item_size);
    items->head++;
    if (items->head == ITEMS_BLOCK)
        drop_first(items);
}
