/* The store of items, against a count of what went in and came out. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "sync/items.h"

static void put(struct items *items, uint64_t number)
{
    unsigned char item[64];
    memset(item, (int)(number & 0xff), sizeof item);
    memcpy(item, &number, items->item_size < sizeof number ? items->item_size : sizeof number);
    if (pawl__items_need_block(items)) {
        struct items_block *block = pawl__items_block_create(items);
        cr_assert_not_null(block);
        cr_assert_null(pawl__items_add_block(items, block));
        cr_assert_not(pawl__items_need_block(items));
    }
    items_put(items, item);
}

static void expect_taken(struct items *items, uint64_t number)
{
    unsigned char item[64] = {0};
    items_take(items, item);
    cr_assert_eq(memcmp(item, &number, items->item_size < sizeof number ? items->item_size : sizeof number), 0);
    for (size_t i = sizeof number; i < items->item_size; i++)
        cr_assert_eq(item[i], number & 0xff);
}

static void walk(size_t capacity, size_t item_size, uint64_t seed)
{
    struct items items;
    struct random random;
    uint64_t in = 0, out = 0;
    random_init(&random, seed, 0);
    cr_assert_eq(pawl__items_init(&items, capacity, item_size), 0);
    for (int i = 0; i < 5000; i++) {
        bool full = in - out == capacity || (capacity == SIZE_MAX && in - out > 300);
        bool fills = random_below(&random, 100) < (i / 500 % 2 ? 30U : 70U); /* it is full for a while, then empty */
        cr_assert_eq(items.count, in - out);
        if (in == out || (fills && !full))
            put(&items, in++);
        else
            expect_taken(&items, out++);
        cr_assert_eq(items_full(&items), in - out == capacity);
    }
    pawl__items_fini(&items);
}

Test(items, come_out_as_they_went_in)
{
    static const size_t capacities[] = {1, 2, 3, 63, 64, 65, SIZE_MAX}, sizes[] = {1, 7, 8, 9, 40};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
            walk(capacities[i], sizes[j], i * 10 + j + 1);
}

Test(items, of_none_are_full_and_empty)
{
    struct items items;
    cr_assert_eq(pawl__items_init(&items, 0, 8), 0);
    cr_assert(items_full(&items));
    cr_assert_eq(items.count, 0);
    pawl__items_fini(&items);
}

Test(items, keep_one_spare_block_and_no_more)
{
    struct items items;
    cr_assert_eq(pawl__items_init(&items, SIZE_MAX, 8), 0);
    cr_assert(pawl__items_need_block(&items));
    struct items_block *first = pawl__items_block_create(&items), *second = pawl__items_block_create(&items);
    cr_assert_null(pawl__items_add_block(&items, first));
    cr_assert_eq(pawl__items_add_block(&items, second), second);
    pawl__items_block_destroy(second);
    pawl__items_block_destroy(NULL);
    pawl__items_fini(&items);
}
