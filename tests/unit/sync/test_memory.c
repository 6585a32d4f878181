/* No memory: an error, and nothing lost. This program's malloc, calloc and aligned_alloc fail on
 * demand. */
#include <stdlib.h>

#include "kinds.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static _Thread_local int succeed = -1; /* so many more calls of this thread; negative: all */

static bool fails(void)
{
    if (succeed > 0)
        succeed--;
    else if (succeed == 0)
        return true;
    return false;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* The call, with so many allocations that succeed. */
#define WITH(allocations, call) (succeed = (allocations), result = (call), succeed = -1, result)

Test(memory, that_is_not_there_makes_no_object)
{
    struct pawl_channel *c = NULL;
    struct pawl_broadcast *b = NULL;
    struct pawl_watch *w = NULL;
    struct pawl_token *root = NULL, *t = NULL;
    uint64_t item = 1;
    int result;
    for (int allocations = 0; allocations < 2; allocations++) {
        cr_assert_eq(WITH(allocations, pawl_channel_create(&c, 4, sizeof item)), -ENOMEM);
        cr_assert_eq(WITH(allocations, pawl_broadcast_create(&b, 4, sizeof item)), -ENOMEM);
    }
    cr_assert_eq(WITH(0, pawl_watch_create(&w, &item, sizeof item)), -ENOMEM);
    cr_assert_eq(pawl_token_create(&root, NULL), 0);
    cr_assert_eq(WITH(0, pawl_token_create(&t, root)), -ENOMEM);
    cr_assert(c == NULL && b == NULL && w == NULL && t == NULL);
    pawl_token_cancel(root);
    pawl_token_drop(root);
}

Test(memory, that_is_not_there_refuses_a_send_to_an_unbounded_channel)
{
    struct pawl_channel *c;
    struct pawl_case cases[1];
    uint64_t received, sent = 0;
    int result;
    cr_assert_eq(pawl_channel_create(&c, PAWL_UNBOUNDED, sizeof sent), 0);
    while ((WITH(0, pawl_channel_try_send(c, &sent))) == 0 || sent == 0) { /* to the end of a block */
        if (result != 0)
            cr_assert_eq(pawl_channel_send(c, &sent), 0);
        sent++;
    }
    cr_assert_eq(result, -ENOMEM);
    cr_assert_eq(WITH(0, pawl_channel_send(c, &sent)), -ENOMEM);
    cr_assert_eq(WITH(0, pawl_channel_send_until(c, &sent, 0)), -ENOMEM);
    pawl_case_send(&cases[0], c, &sent);
    cr_assert_eq(WITH(0, pawl_select(cases, 1)), -ENOMEM);
    cr_assert_eq(WITH(0, pawl_select_try(cases, 1)), -ENOMEM);
    cr_assert_eq(pawl_channel_length(c), sent);
    cr_assert_eq(pawl_channel_send(c, &sent), 0);
    for (uint64_t i = 0; i <= sent; i++)
        cr_assert(pawl_channel_receive(c, &received) == 0 && received == i);
    cr_assert_eq(pawl_channel_try_receive(c, &received), -EAGAIN);
    pawl_channel_destroy(c);
}
