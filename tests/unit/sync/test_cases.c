/* Select: deadlines among the cases, and what makes no sense. */
#include "world.h"

/* ---- deadlines ---- */

static void *select_with_deadlines(void *arg)
{
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    struct pawl_case cases[4];
    pawl_case_deadline(&cases[0], in_ns(HOUR_NS));
    pawl_case_notify(&cases[1], &n);
    pawl_case_none(&cases[2]);
    pawl_case_deadline(&cases[3], PAWL_NEVER);
    CHECK_EQ(pawl_select_try(cases, 4), -EAGAIN);
    CHECK_EQ(pawl_select_until(cases, 4, 0), -ETIMEDOUT);
    uint64_t soon_ns = in_ns(PAWL_MS(2));
    pawl_case_deadline(&cases[2], soon_ns);
    CHECK_EQ(pawl_select_until(cases, 4, in_ns(HOUR_NS)), 2);
    CHECK_EQ(cases[2].status, 0);
    CHECK(pawl_now(NULL) >= soon_ns);
    CHECK_EQ(pawl_select(cases, 4), 2);
    CHECK_EQ(pawl_select_try(cases, 4), 2);
    pawl_notify_one(&n);
    CHECK_EQ(pawl_select(cases, 4), 1); /* the others are looked at first */
    pawl_notify_one(&n);
    CHECK_EQ(pawl_select_try(cases, 4), 1);
    CHECK_EQ(pawl_notify_fini(&n), 0);
    return arg;
}

Test(cases, knows_deadlines_as_cases)
{
    struct pawl_runtime *rt = start(1);
    select_with_deadlines(NULL);
    run(rt, select_with_deadlines, NULL);
    finish(rt);
}

Test(cases, of_deadlines_only_is_a_sleep)
{
    struct pawl_case cases[2];
    struct pawl_runtime *rt = start(1);
    for (int polls = 0; polls < 2; polls++) {
        struct selector s = {.count = 2, .deadline_ns = PAWL_NEVER, .index = -1};
        uint64_t soon_ns = in_ns(PAWL_MS(2));
        pawl_case_deadline(&s.cases[0], in_ns(HOUR_NS));
        pawl_case_deadline(&s.cases[1], soon_ns);
        start_selector(rt, &s, polls);
        join(s.task);
        cr_assert_eq(s.index, 1);
        cr_assert_geq(pawl_now(NULL), soon_ns);
    }
    pawl_case_deadline(&cases[0], 0);
    pawl_case_none(&cases[1]);
    cr_assert_eq(pawl_select(cases, 2), 0);
    finish(rt);
}

Test(cases, polled_past_a_deadline_among_others_is_ready)
{
    struct pawl_runtime *rt = start(1);
    for (int past = 0; past < 2; past++) {
        struct world w;
        struct selector s = {.count = 3, .deadline_ns = PAWL_NEVER, .index = -1};
        world_open(&w, rt);
        pawl_case_deadline(&s.cases[0], past ? 0 : in_ns(PAWL_MS(1)));
        case_of(&w, &s.cases[1], RECEIVE);
        case_of(&w, &s.cases[2], NOTIFY);
        start_selector(rt, &s, true);
        join(s.task);
        cr_assert_eq(s.index, 0);
        world_close(&w);
    }
    finish(rt);
}

static void *select_for_ever(void *arg)
{
    struct pawl_case cases[2];
    pawl_case_deadline(&cases[0], in_ns(HOUR_NS));
    pawl_case_token(&cases[1], arg);
    return pointer_of(pawl_select(cases, 2));
}

static void *select_in_timeout(void *token)
{
    void *result;
    CHECK_EQ(pawl_timeout(PAWL_MS(1), select_for_ever, token, &result), -ETIMEDOUT);
    CHECK_EQ((intptr_t)result, -ETIMEDOUT);
    CHECK_EQ(pawl_timeout(0, select_for_ever, token, &result), -ETIMEDOUT);
    CHECK_EQ((intptr_t)result, -ETIMEDOUT);
    return NULL;
}

Test(cases, cut_short_by_a_timeout_does_not_take_it_for_its_own_deadline)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_token *token;
    cr_assert_eq(pawl_token_create(&token, NULL), 0);
    run(rt, select_in_timeout, token);
    pawl_token_drop(token);
    finish(rt);
}

/* ---- one semaphore twice ---- */

Test(cases, of_one_semaphore_are_served_with_what_suffices_for_the_smallest)
{
    struct pawl_runtime *rt = start(1);
    for (int how = 0; how < 4; how++) { /* it polls; the smaller one is the second */
        struct pawl_semaphore semaphore = PAWL_SEMAPHORE_INITIALIZER(0);
        struct selector s = {.count = 2, .deadline_ns = PAWL_NEVER, .index = -1};
        pawl_case_semaphore(&s.cases[0], &semaphore, how < 2 ? 1 : 2);
        pawl_case_semaphore(&s.cases[1], &semaphore, how < 2 ? 2 : 1);
        start_selector(rt, &s, how % 2 == 1);
        settle(rt);
        pawl_semaphore_release(&semaphore, 1);
        settle(rt);
        cr_assert(event_is_set(&s.done));
        join(s.task);
        cr_assert_eq(s.index, how / 2);
        cr_assert_eq(pawl_semaphore_available(&semaphore), 0);
    }
    finish(rt);
}

/* ---- bad input ---- */

Test(cases, refuses_what_makes_no_sense)
{
    struct pawl_case cases[PAWL_CASES_MAX + 1];
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    struct pawl_semaphore s = PAWL_SEMAPHORE_INITIALIZER(1);
    struct pawl_channel *c;
    uint64_t item = 1;
    cr_assert_eq(pawl_channel_create(&c, 1, sizeof item), 0);
    for (size_t i = 0; i <= PAWL_CASES_MAX; i++)
        pawl_case_notify(&cases[i], &n);
    pawl_notify_one(&n);
    cr_assert_eq(pawl_select(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_select(cases, 0), -EINVAL);
    cr_assert_eq(pawl_select(cases, PAWL_CASES_MAX + 1), -EINVAL);
    cr_assert_eq(pawl_select_until(cases, 0, 0), -EINVAL);
    cr_assert_eq(pawl_select_try(cases, 0), -EINVAL);
    cr_assert_eq(pawl_select_cancel(cases, 0, NULL), -EINVAL);
    cr_assert_eq(pawl_select_cancel(cases, PAWL_CASES_MAX + 1, NULL), -EINVAL);
    const struct {
        int kind;
        void *object, *data;
        uint64_t number;
    } wrong[] = {{PAWL_CASE_SEND, NULL, &item, 0},
                 {PAWL_CASE_SEND, c, NULL, 0},
                 {PAWL_CASE_RECEIVE, NULL, &item, 0},
                 {PAWL_CASE_RECEIVE, c, NULL, 0},
                 {PAWL_CASE_ONESHOT, NULL, &n, 0},
                 {PAWL_CASE_NOTIFY, NULL, NULL, 0},
                 {PAWL_CASE_SEMAPHORE, NULL, NULL, 1},
                 {PAWL_CASE_SEMAPHORE, &s, NULL, 0},
                 {PAWL_CASE_TOKEN, NULL, NULL, 0},
                 {PAWL_CASE_SEMAPHORE, &s, NULL, PAWL_SEMAPHORE_MAX + UINT64_C(1)},
                 {PAWL_CASE_SEMAPHORE, &s, NULL, UINT64_C(1) << 32},
                 {PAWL_CASE_JOIN, NULL, NULL, 0},
                 {99, &n, NULL, 0},
                 {-1, &n, NULL, 0}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        pawl_case_init(&cases[1], (enum pawl_case_kind)wrong[i].kind, wrong[i].object, wrong[i].data, wrong[i].number);
        cr_assert_eq(pawl_select(cases, 2), -EINVAL, "%zu", i);
        cr_assert_eq(pawl_select_try(cases, 2), -EINVAL, "%zu", i);
    }
    cr_assert_eq(pawl_channel_length(c), 0);
    pawl_channel_destroy(c);
    cr_assert(pawl_notify_try_wait(&n)); /* nothing has happened */
}

static void *join_itself(void *arg)
{
    struct pawl_case c;
    pawl_case_join(&c, pawl_self(), NULL);
    CHECK_EQ(pawl_select(&c, 1), -EDEADLK);
    CHECK_EQ(pawl_select_try(&c, 1), -EDEADLK);
    return arg;
}

Test(cases, does_not_wait_for_the_caller_s_own_end)
{
    struct pawl_runtime *rt = start(1);
    run(rt, join_itself, NULL);
    finish(rt);
}

Test(cases, of_as_many_cases_as_there_may_be_finds_each)
{
    struct pawl_runtime *rt = start(2);
    static struct pawl_semaphore s[PAWL_CASES_MAX];
    static struct pawl_case cases[PAWL_CASES_MAX];
    for (size_t i = 0; i < PAWL_CASES_MAX; i++)
        pawl_semaphore_init(&s[i], 0);
    for (size_t i = 0; i < PAWL_CASES_MAX; i++) {
        for (size_t j = 0; j < PAWL_CASES_MAX; j++)
            pawl_case_semaphore(&cases[j], &s[PAWL_CASES_MAX - 1 - j], 1);
        pawl_semaphore_release(&s[i], 1);
        cr_assert_eq(pawl_select(cases, PAWL_CASES_MAX), (int)(PAWL_CASES_MAX - 1 - i));
    }
    finish(rt);
}

Test(cases, of_cases_that_are_off_waits_for_nothing)
{
    struct pawl_case cases[2];
    pawl_case_none(&cases[0]);
    pawl_case_none(&cases[1]);
    cr_assert_eq(pawl_select_try(cases, 2), -EAGAIN);
    cr_assert_eq(pawl_select_until(cases, 2, in_ns(PAWL_MS(1))), -ETIMEDOUT);
}
