/* Cancel tokens: trees of counted nodes. A node that is touched after its last reference is a use after free, one
 * whose last reference frees nothing a leak. Edges token.cancelled and token.refs.
 *
 * Final states:
 *     cancel against a wait            it is cancelled, and sees what was written before
 *     against a child that is made     the child is cancelled in the end
 *     against drops                    all are freed, once
 *     against giving up                cancelled, or -ETIMEDOUT */
#define _GNU_SOURCE
#include "tests/model/sync.h"

#include "sync/token.h"

static struct pawl_token *root, *child, *grandchild;

static struct pawl_token *create(struct pawl_token *parent)
{
    struct pawl_token *token;
    MODEL_ASSERT(pawl_token_create(&token, parent) == 0);
    return token;
}

static void set_up(unsigned depth)
{
    root = create(NULL);
    child = depth > 1 ? create(root) : NULL;
    grandchild = depth > 2 ? create(child) : NULL;
}

static void tear_down(void)
{
    pawl_token_drop(grandchild);
    pawl_token_drop(child);
    pawl_token_drop(root);
}

/* ---- threads ---- */

static void cancel_root(void *unused)
{
    (void)unused;
    written[0] = 1;
    pawl_token_cancel(root);
}

static void cancel_root_and_drop(void *unused)
{
    cancel_root(unused);
    pawl_token_drop(root);
}

static void cancel_child(void *unused)
{
    (void)unused;
    pawl_token_cancel(child);
}

static void cancel_child_and_drop(void *unused)
{
    cancel_child(unused);
    pawl_token_drop(child);
}

static void drop_root(void *unused)
{
    (void)unused;
    pawl_token_drop(root);
}

static void drop_child(void *unused)
{
    (void)unused;
    pawl_token_drop(child);
}

static void drop_grandchild(void *unused)
{
    (void)unused;
    pawl_token_drop(grandchild);
}

static void wait_for_root_and_drop(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_token_wait(root) == 0 && pawl_token_cancelled(root) && written[0] == 1);
    pawl_token_drop(root);
}

static void wait_for_child(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_token_wait(child) == 0 && pawl_token_cancelled(child) && written[0] == 1);
}

static void wait_for_grandchild_and_drop(void *unused)
{
    (void)unused;
    MODEL_ASSERT(pawl_token_wait(grandchild) == 0 && pawl_token_cancelled(grandchild));
    pawl_token_drop(grandchild);
}

static void wait_soon(void *unused)
{
    (void)unused;
    answer[0] = pawl_token_wait_until(root, soon());
    MODEL_ASSERT(answer[0] != 0 || pawl_token_cancelled(root));
}

static void ask(void *unused)
{
    (void)unused;
    answer[0] = pawl_token_cancelled(root);
    MODEL_ASSERT(answer[0] == 0 || written[0] == 1);
}

static void create_child(void *unused)
{
    (void)unused;
    child = create(root);
    answer[0] = pawl_token_cancelled(child);
}

static void create_grandchild(void *unused)
{
    (void)unused;
    grandchild = create(child);
}

static void create_and_drop_child(void *unused)
{
    (void)unused;
    pawl_token_drop(create(root));
}

/* ---- cancelling ---- */

static void cancel_meets_wait(void)
{
    set_up(1);
    pawl_token_ref(root);
    run_two(wait_for_root_and_drop, cancel_root_and_drop);
}

static void cancel_meets_question(void)
{
    set_up(1);
    run_two(ask, cancel_root);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void cancel_meets_wait_for_child(void)
{
    set_up(2);
    run_two(wait_for_child, cancel_root);
    tear_down();
}

static void cancel_meets_time_out(void)
{
    set_up(1);
    run_two(wait_soon, cancel_root);
    MODEL_ASSERT(pawl_token_cancelled(root));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

/* It goes with the parent's waiter, and the child's, of whom one gives up. */
static void cancel_meets_waits_that_have_begun(void)
{
    set_up(2);
    begin(0, pawl__token_wait(root));
    begin(1, pawl__token_wait(child));
    run_three(end_first_soon, end_second, cancel_root);
    MODEL_ASSERT(answer[1] == 0);
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void two_cancel(void)
{
    set_up(3);
    run_three(wait_for_grandchild_and_drop, cancel_root, cancel_child);
    grandchild = NULL;
    MODEL_ASSERT(pawl_token_cancelled(root) && pawl_token_cancelled(child));
    tear_down();
}

/* ---- children ---- */

static void cancel_meets_birth(void)
{
    set_up(1);
    run_two(create_child, cancel_root);
    MODEL_ASSERT(pawl_token_cancelled(child));
    model_outcome("%s", name_of(answer[0]));
    tear_down();
}

static void cancel_meets_birth_of_grandchild(void)
{
    set_up(2);
    run_two(create_grandchild, cancel_root);
    MODEL_ASSERT(pawl_token_cancelled(grandchild));
    tear_down();
}

static void cancel_meets_short_life(void)
{
    set_up(1);
    run_two(create_and_drop_child, cancel_root);
    tear_down();
}

/* ---- drops ---- */

static void cancel_meets_drop(void)
{
    set_up(2);
    run_two(cancel_root, drop_child);
    child = NULL;
    tear_down();
}

static void cancel_meets_drops(void)
{
    set_up(3);
    run_three(cancel_root_and_drop, drop_child, drop_grandchild);
}

static void drops_meet(void)
{
    set_up(3);
    run_three(drop_root, drop_child, drop_grandchild);
}

static void two_cancel_and_drop(void)
{
    set_up(3);
    run_three(cancel_root_and_drop, cancel_child_and_drop, drop_grandchild);
}

SCENARIO(cancel_meets_wait, "it is cancelled, and its last two references go", .outcomes = NULL)
SCENARIO(cancel_meets_question, "it is cancelled as one asks", ONLY("0", "1"))
SCENARIO(cancel_meets_wait_for_child, "its parent is cancelled", .outcomes = NULL)
SCENARIO(cancel_meets_time_out, "it is cancelled as one gives up", ONLY("0", "ETIMEDOUT"), .expirations = 1)
SCENARIO(cancel_meets_waits_that_have_begun, "it is cancelled with its child, and one gives up", ONLY("0", "ETIMEDOUT"),
         .expirations = 1)
SCENARIO(two_cancel, "parent and grandparent are cancelled", .outcomes = NULL)
SCENARIO(cancel_meets_birth, "it is cancelled as a child is made", ONLY("0", "1"))
SCENARIO(cancel_meets_birth_of_grandchild, "the same, of a grandchild", .outcomes = NULL)
SCENARIO(cancel_meets_short_life, "it is cancelled as a child is made and dropped", .outcomes = NULL)
SCENARIO(cancel_meets_drop, "it is cancelled as its child is dropped", .outcomes = NULL)
SCENARIO(cancel_meets_drops, "it is cancelled as all are dropped", .outcomes = NULL)
SCENARIO(drops_meet, "all are dropped", .outcomes = NULL)
SCENARIO(two_cancel_and_drop, "two are cancelled as all are dropped", .outcomes = NULL)

int main(int argc, char **argv)
{
    static const struct model_scenario *const scenarios[] = {&cancel_meets_wait_,
                                                             &cancel_meets_question_,
                                                             &cancel_meets_wait_for_child_,
                                                             &cancel_meets_time_out_,
                                                             &cancel_meets_waits_that_have_begun_,
                                                             &two_cancel_,
                                                             &cancel_meets_birth_,
                                                             &cancel_meets_birth_of_grandchild_,
                                                             &cancel_meets_short_life_,
                                                             &cancel_meets_drop_,
                                                             &cancel_meets_drops_,
                                                             &drops_meet_,
                                                             &two_cancel_and_drop_,
                                                             NULL};
    return model_main(argc, argv, scenarios);
}
