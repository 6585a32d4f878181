/* Cancel tokens: trees, references, and who is told. */
#include <signal.h>

#include "kinds.h"

static struct pawl_token *token_below(struct pawl_token *parent)
{
    struct pawl_token *token = NULL;
    cr_assert_eq(pawl_token_create(&token, parent), 0);
    return token;
}

Test(token, is_cancelled_once_and_for_good)
{
    struct pawl_token *token = token_below(NULL);
    cr_assert_not(pawl_token_cancelled(token));
    cr_assert_eq(pawl_token_wait_until(token, 0), -ETIMEDOUT);
    cr_assert_eq(pawl_token_wait_until(token, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    for (int i = 0; i < 2; i++) {
        pawl_token_cancel(token);
        cr_assert(pawl_token_cancelled(token));
        cr_assert_eq(pawl_token_wait(token), 0);
        cr_assert_eq(pawl_token_wait_until(token, 0), 0);
    }
    pawl_token_drop(token);
}

Test(token, may_be_null_where_nothing_is_to_be_done)
{
    struct pawl_wait wait = PAWL_WAIT_INITIALIZER;
    int status = 1;
    cr_assert_eq(pawl_token_create(NULL, NULL), -EINVAL);
    cr_assert_null(pawl_token_ref(NULL));
    cr_assert_not(pawl_token_cancelled(NULL));
    cr_assert_eq(pawl_token_wait(NULL), -EINVAL);
    cr_assert_eq(pawl_token_wait_until(NULL, 0), -EINVAL);
    cr_assert_eq(pawl_token_wait_poll(NULL, &wait, NULL, &status), PAWL_READY);
    cr_assert_eq(status, -EINVAL);
    pawl_token_cancel(NULL);
    pawl_token_drop(NULL);
}

/* ---- trees ---- */

Test(token, cancels_all_below_it_and_none_beside_or_above)
{
    struct pawl_token *root = token_below(NULL), *left = token_below(root), *right = token_below(root);
    struct pawl_token *below[3] = {token_below(left), token_below(left), token_below(right)};
    struct pawl_token *deep = token_below(below[0]);
    pawl_token_cancel(left);
    cr_assert(pawl_token_cancelled(left));
    cr_assert(pawl_token_cancelled(below[0]));
    cr_assert(pawl_token_cancelled(below[1]));
    cr_assert(pawl_token_cancelled(deep));
    cr_assert_not(pawl_token_cancelled(root));
    cr_assert_not(pawl_token_cancelled(right));
    cr_assert_not(pawl_token_cancelled(below[2]));
    pawl_token_cancel(root);
    cr_assert(pawl_token_cancelled(right));
    cr_assert(pawl_token_cancelled(below[2]));
    pawl_token_drop(root);
    pawl_token_drop(left);
    pawl_token_drop(right);
    for (int i = 0; i < 3; i++)
        pawl_token_drop(below[i]);
    pawl_token_drop(deep);
}

Test(token, below_a_cancelled_one_is_cancelled)
{
    struct pawl_token *root = token_below(NULL);
    pawl_token_cancel(root);
    struct pawl_token *child = token_below(root), *grandchild = token_below(child);
    cr_assert(pawl_token_cancelled(child));
    cr_assert(pawl_token_cancelled(grandchild));
    cr_assert_eq(pawl_token_wait(grandchild), 0);
    pawl_token_drop(root);
    pawl_token_drop(grandchild);
    pawl_token_drop(child);
}

Test(token, dropped_cancels_nothing_and_lives_on_for_its_children)
{
    struct pawl_token *root = token_below(NULL), *middle = token_below(root), *leaf = token_below(middle);
    cr_assert_eq(pawl_token_ref(middle), middle);
    pawl_token_drop(middle);
    pawl_token_drop(middle); /* the leaf keeps it, and its place in the tree */
    cr_assert_not(pawl_token_cancelled(leaf));
    pawl_token_cancel(root);
    cr_assert(pawl_token_cancelled(leaf));
    pawl_token_drop(root);
    pawl_token_drop(leaf);
}

Test(token, forgets_children_that_were_dropped)
{
    struct pawl_token *root = token_below(NULL), *kept = token_below(root);
    for (int i = 0; i < 100; i++)
        pawl_token_drop(token_below(i % 2 ? root : kept));
    pawl_token_cancel(root);
    cr_assert(pawl_token_cancelled(kept));
    pawl_token_drop(kept);
    pawl_token_drop(root);
}

Test(token, trees_may_be_deep_and_wide)
{
    enum { COUNT = 50000 };
    static struct pawl_token *tokens[COUNT];
    for (int wide = 0; wide < 2; wide++) {
        for (int i = 0; i < COUNT; i++)
            tokens[i] = token_below(i == 0 ? NULL : tokens[wide ? 0 : i - 1]);
        pawl_token_cancel(tokens[0]);
        for (int i = 0; i < COUNT; i++)
            cr_assert(pawl_token_cancelled(tokens[i]));
        for (int i = 0; i < COUNT; i++)
            pawl_token_drop(tokens[i]); /* deep: the last one drops them all */
    }
}

/* ---- those who wait ---- */

struct waiting {
    struct pawl_token *token;
    struct pawl_wait wait;
    int status;
    struct pawl_task *task;
};

static void *wait_token(void *arg)
{
    struct waiting *w = arg;
    w->status = pawl_token_wait(w->token);
    CHECK(w->status != 0 || pawl_token_cancelled(w->token));
    pawl_token_drop(w->token);
    return NULL;
}

static enum pawl_poll wait_token_in_polls(struct pawl_context *cx, void *arg)
{
    struct waiting *w = arg;
    if (pawl_token_wait_poll(w->token, &w->wait, cx, &w->status) == PAWL_PENDING)
        return PAWL_PENDING;
    pawl_token_drop(w->token);
    return PAWL_READY;
}

Test(token, tells_all_who_wait_for_it_or_for_one_below)
{
    enum { COUNT = 12 };
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        struct pawl_token *root = token_below(NULL);
        struct waiting w[COUNT];
        pthread_t threads[COUNT];
        for (int i = 0; i < COUNT; i++) {
            w[i] = (struct waiting){.token = i < 3 ? pawl_token_ref(root) : token_below(w[i - 3].token), .status = 1};
            if (i % 3 == 0)
                threads[i] = thread_start(wait_token, &w[i]);
            else if (i % 3 == 1)
                w[i].task = spawn(rt, wait_token, &w[i]);
            else
                cr_assert_eq(pawl_spawn_poll(rt, wait_token_in_polls, &w[i], &w[i].task), 0);
        }
        settle(rt);
        pawl_token_cancel(root);
        pawl_token_drop(root);
        for (int i = 0; i < COUNT; i++) {
            if (i % 3 == 0)
                thread_join(threads[i]);
            else
                join(w[i].task);
            cr_assert_eq(w[i].status, 0);
        }
        finish(rt);
    }
}

static void cancel_in_callback(struct pawl_timer *timer, void *token, int status)
{
    (void)timer, (void)status;
    CHECK_EQ(pawl_token_wait(token), -EDEADLK);
    pawl_token_cancel(token);
    CHECK(pawl_token_cancelled(token));
}

Test(token, is_cancelled_from_a_timer_callback)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_token *token = token_below(NULL);
    struct pawl_timer timer;
    pawl_timer_init(&timer, cancel_in_callback, token);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_token_wait(token), 0);
    pawl_timer_cancel_sync(&timer);
    pawl_token_drop(token);
    finish(rt);
}

/* ---- growing, cancelling and dropping at once ---- */

static void *grow(void *root)
{
    for (int i = 0; i < 200; i++) {
        struct pawl_token *child, *grandchild;
        CHECK_EQ(pawl_token_create(&child, root), 0);
        CHECK_EQ(pawl_token_create(&grandchild, child), 0);
        if (i % 2 == 0)
            pawl_token_drop(child);
        if (i % 4 == 3)
            pawl_token_cancel(child);
        CHECK(pawl_token_cancelled(grandchild) || (i % 4 != 3));
        if (i % 2 != 0)
            pawl_token_drop(child);
        if (pawl_token_cancelled(root)) /* what is seen above is seen below, from some time on */
            CHECK_EQ(pawl_token_wait(grandchild), 0);
        pawl_token_drop(grandchild);
    }
    pawl_token_drop(root);
    return NULL;
}

Test(token, trees_grow_and_end_while_they_are_cancelled)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 30; i++) {
        struct pawl_token *root = token_below(NULL);
        struct pawl_task *tasks[3];
        for (int j = 0; j < 3; j++)
            tasks[j] = spawn(rt, grow, pawl_token_ref(root));
        pthread_t thread = thread_start(grow, pawl_token_ref(root));
        spin_until(in_ns(PAWL_US(10) * (uint64_t)i));
        pawl_token_cancel(root);
        pawl_token_drop(root);
        for (int j = 0; j < 3; j++)
            join(tasks[j]);
        thread_join(thread);
    }
    finish(rt);
}

#ifdef PAWL_DEBUG
static void *wait_borrowed(void *token)
{
    return pointer_of(pawl_token_wait(token));
}

Test(token, dropped_while_somebody_waits_ends_the_process, .signal = SIGABRT)
{
    abort_under_valgrind();
    struct pawl_runtime *rt = start(1);
    struct pawl_token *token = token_below(NULL);
    spawn(rt, wait_borrowed, token);
    settle(rt);
    pawl_token_drop(token);
}
#endif
