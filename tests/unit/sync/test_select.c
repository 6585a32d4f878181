/* Select: exactly one happens, of any mix, and the others have not. */
#include "world.h"

/* ---- each alone ---- */

static void expect_alone(struct pawl_runtime *rt, int what, bool polls, bool at_once)
{
    struct world w;
    struct selector s = {.count = 1, .deadline_ns = PAWL_NEVER, .index = -1};
    world_open(&w, rt);
    case_of(&w, &s.cases[0], what);
    if (at_once)
        let(&w, what);
    start_selector(rt, &s, polls);
    if (!at_once) {
        pawl_sleep(PAWL_US(200)); /* it waits, most times */
        cr_assert_not(event_is_set(&s.done));
        let(&w, what);
    }
    join(s.task);
    cr_assert_eq(s.index, 0, "case %d: %d", what, s.index);
    cr_assert_eq(s.cases[0].status, 0);
    expect_happened(&w, what, true);
    world_close(&w);
}

Test(select, waits_for_each_sort_of_thing)
{
    struct pawl_runtime *rt = start(2);
    for (int what = 0; what < CASES; what++)
        for (int how = 0; how < 4; how++)
            expect_alone(rt, what, how % 2 == 1, how < 2);
    finish(rt);
}

Test(select, in_a_plain_thread_waits_as_in_a_task)
{
    struct pawl_runtime *rt = start(2);
    for (int what = 0; what < CASES; what++) {
        struct world w;
        struct selector s = {.count = CASES, .deadline_ns = PAWL_NEVER, .index = -1};
        world_open(&w, rt);
        cases_of(&w, s.cases);
        pthread_t thread = thread_start(select_cases, &s);
        pawl_sleep(PAWL_US(200));
        let(&w, what);
        thread_join(thread);
        cr_assert_eq(s.index, what);
        expect_happened(&w, what, true);
        world_close(&w);
    }
    finish(rt);
}

/* ---- exactly one ---- */

static void expect_one_of_all(struct pawl_runtime *rt, int first, bool polls, bool all_first)
{
    struct world w;
    struct selector s = {.count = CASES, .deadline_ns = PAWL_NEVER, .index = -1};
    world_open(&w, rt);
    cases_of(&w, s.cases);
    if (!all_first)
        start_selector(rt, &s, polls);
    for (int i = 0; i < CASES; i++)
        let(&w, (first + i) % CASES);
    if (all_first)
        start_selector(rt, &s, polls);
    join(s.task);
    cr_assert(s.index >= 0 && s.index < CASES);
    cr_assert_eq(s.cases[s.index].status, 0);
    for (int i = 0; i < CASES; i++)
        expect_happened(&w, i, i == s.index);
    world_close(&w);
}

Test(select, does_exactly_one_of_many_that_can_be_done)
{
    struct pawl_runtime *rt = start(2);
    for (int i = 0; i < 8 * CASES; i++)
        expect_one_of_all(rt, i % CASES, i / CASES % 2 == 1, i / CASES / 2 % 2 == 1);
    finish(rt);
}

Test(select, takes_any_of_those_that_are_ready)
{
    enum { TURNS = 400 };
    struct pawl_semaphore s[3] = {PAWL_SEMAPHORE_INITIALIZER(PAWL_SEMAPHORE_MAX),
                                  PAWL_SEMAPHORE_INITIALIZER(PAWL_SEMAPHORE_MAX), PAWL_SEMAPHORE_INITIALIZER(0)};
    struct pawl_case cases[3];
    int taken[3] = {0};
    for (int i = 0; i < 3; i++)
        pawl_case_semaphore(&cases[i], &s[i], 1);
    for (int i = 0; i < TURNS; i++) {
        int index = i % 2 ? pawl_select(cases, 3) : pawl_select_try(cases, 3);
        cr_assert(index == 0 || index == 1);
        taken[index]++;
    }
    cr_assert_gt(taken[0], TURNS / 20);
    cr_assert_gt(taken[1], TURNS / 20);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pawl_semaphore_available(&s[i]), PAWL_SEMAPHORE_MAX - (uint32_t)taken[i]);
}

static void *count_turns(void *arg)
{
    int *taken = arg;
    struct pawl_channel *c[2];
    struct pawl_case cases[2];
    uint64_t item = 1;
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pawl_channel_create(&c[i], 1, sizeof item), 0);
        CHECK_EQ(pawl_channel_send(c[i], &item), 0);
        pawl_case_receive(&cases[i], c[i], &item);
    }
    for (int i = 0; i < 400; i++) {
        int index = pawl_select(cases, 2);
        CHECK(index == 0 || index == 1);
        taken[index]++;
        CHECK_EQ(pawl_channel_try_send(c[index], &item), 0);
    }
    for (int i = 0; i < 2; i++)
        pawl_channel_destroy(c[i]);
    return NULL;
}

Test(select, starves_none_of_two_that_are_always_ready)
{
    struct pawl_runtime *rt = start(1);
    int taken[2] = {0};
    run(rt, count_turns, taken);
    cr_assert_gt(taken[0], 20);
    cr_assert_gt(taken[1], 20);
    finish(rt);
}

/* ---- fairly: any two of many, wherever they are ---- */

enum { PAIR_TURNS = 1000 };

struct pair {
    int cases, first, second;
    bool off; /* the others; else never ready */
    int (*select)(struct pair *p, struct pawl_case *cases);
    int turn, taken[2];
    struct pawl_context *cx;
};

static int select_now(struct pair *p, struct pawl_case *cases)
{
    return pawl_select_until(cases, (size_t)p->cases, 0);
}

static int select_tried(struct pair *p, struct pawl_case *cases)
{
    return pawl_select_try(cases, (size_t)p->cases);
}

static int select_polled(struct pair *p, struct pawl_case *cases)
{
    int index;
    return pawl_select_poll(cases, (size_t)p->cases, p->cx, &index) == PAWL_READY ? index : -EAGAIN;
}

/* Until all turns have been taken, or the poll has had its share. */
static void *take_pair(void *arg)
{
    struct pair *p = arg;
    struct pawl_notify ready[2] = {PAWL_NOTIFY_INITIALIZER, PAWL_NOTIFY_INITIALIZER}, never = PAWL_NOTIFY_INITIALIZER;
    struct pawl_case cases[PAWL_CASES_MAX];
    for (; p->turn < PAIR_TURNS; p->turn++) {
        for (int i = 0; i < p->cases; i++)
            pawl_case_init(&cases[i], p->off ? PAWL_CASE_NONE : PAWL_CASE_NOTIFY, &never, NULL, 0);
        pawl_case_notify(&cases[p->first], &ready[0]);
        pawl_case_notify(&cases[p->second], &ready[1]);
        pawl_notify_one(&ready[0]);
        pawl_notify_one(&ready[1]);
        int index = p->select(p, cases);
        if (index == -EAGAIN && p->cx != NULL)
            break;
        CHECK(index == p->first || index == p->second);
        p->taken[index == p->second]++;
    }
    return NULL;
}

static enum pawl_poll take_pair_in_polls(struct pawl_context *cx, void *arg)
{
    struct pair *p = arg;
    p->cx = cx;
    take_pair(p);
    return p->turn == PAIR_TURNS ? PAWL_READY : PAWL_PENDING;
}

static void expect_fair(const struct pair *p)
{
    int some = PAIR_TURNS / 2 - PAIR_TURNS / 10; /* six standard deviations */
    cr_assert(p->taken[0] >= some && p->taken[1] >= some, "%d and %d of %d: %d and %d", p->first, p->second, p->cases,
              p->taken[0], p->taken[1]);
}

Test(select, chooses_either_of_two_that_are_ready_as_often_as_the_other)
{
    static const int pairs[][3] = {{2, 0, 1}, {3, 0, 1}, {3, 0, 2}, {64, 0, 1}, {64, 0, 63}, {64, 31, 33}};
    struct pawl_runtime *rt = start(1);
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        for (int off = 0; off < 2; off++) {
            struct pair p = {.cases = pairs[i][0], .first = pairs[i][1], .second = pairs[i][2], .off = off};
            struct pair thread = p, tried = p, polled = p;
            struct pawl_task *task;
            p.select = thread.select = select_now;
            tried.select = select_tried;
            polled.select = select_polled;
            run(rt, take_pair, &p);
            expect_fair(&p);
            thread_join(thread_start(take_pair, &thread));
            expect_fair(&thread);
            take_pair(&tried);
            expect_fair(&tried);
            cr_assert_eq(pawl_spawn_poll(rt, take_pair_in_polls, &polled, &task), 0);
            join(task);
            expect_fair(&polled);
        }
    finish(rt);
}

/* ---- trying ---- */

Test(select, tried_does_what_can_be_done_and_never_waits)
{
    struct pawl_runtime *rt = start(2);
    for (int what = 0; what < CASES; what++) {
        struct world w;
        struct pawl_case cases[CASES];
        world_open(&w, rt);
        cases_of(&w, cases);
        for (int i = 0; i < 2; i++)
            cr_assert_eq(pawl_select_try(cases, CASES), -EAGAIN);
        let(&w, what);
        cr_assert_eq(pawl_select_try(cases, CASES), what);
        expect_happened(&w, what, true);
        world_close(&w);
    }
    finish(rt);
}

static void try_in_callback(struct pawl_timer *timer, void *arg, int status)
{
    struct pawl_case c;
    (void)timer, (void)status;
    pawl_case_notify(&c, arg);
    CHECK_EQ(pawl_select_try(&c, 1), -EAGAIN);
    CHECK_EQ(pawl_select(&c, 1), -EDEADLK);
    pawl_notify_one(arg);
}

Test(select, is_tried_from_a_timer_callback)
{
    struct pawl_runtime *rt = start(1);
    struct pawl_notify n = PAWL_NOTIFY_INITIALIZER;
    struct pawl_timer timer;
    pawl_timer_init(&timer, try_in_callback, &n);
    cr_assert_eq(pawl_timer_arm(rt, &timer, 0), 0);
    cr_assert_eq(pawl_notify_wait(&n), 0);
    pawl_timer_cancel_sync(&timer);
    finish(rt);
}

/* ---- closed objects ---- */

static void close_at(struct world *w, int what)
{
    if (what == SEND)
        pawl_channel_close(w->full);
    else if (what == RECEIVE)
        pawl_channel_close(w->empty);
    else if (what == ONESHOT)
        pawl_oneshot_close(&w->oneshot);
    else
        pawl_semaphore_close(&w->semaphore);
}

Test(select, has_done_a_case_whose_object_is_closed)
{
    static const int closable[] = {SEND, RECEIVE, ONESHOT, SEMAPHORE};
    struct pawl_runtime *rt = start(2);
    for (size_t i = 0; i < 4 * COUNT_OF(closable); i++) {
        int what = closable[i / 4];
        bool before = i % 4 < 2;
        struct world w;
        struct selector s = {.count = CASES, .deadline_ns = PAWL_NEVER, .index = -1};
        world_open(&w, rt);
        cases_of(&w, s.cases);
        if (before)
            close_at(&w, what);
        start_selector(rt, &s, i % 2 == 1);
        if (!before)
            close_at(&w, what);
        join(s.task);
        cr_assert_eq(s.index, what);
        cr_assert_eq(s.cases[what].status, -EPIPE);
        world_close(&w);
    }
    finish(rt);
}

/* ---- the same thing twice, both ends of a channel ---- */

Test(select, with_a_case_twice_does_it_once)
{
    struct pawl_runtime *rt = start(2);
    for (int what = 0; what < CASES; what++)
        for (int polls = 0; polls < 2; polls++) {
            struct world w;
            struct selector s = {.count = 3, .deadline_ns = PAWL_NEVER, .index = -1};
            world_open(&w, rt);
            for (int i = 0; i < 3; i++)
                case_of(&w, &s.cases[i], what);
            start_selector(rt, &s, polls);
            pawl_sleep(PAWL_US(200));
            let(&w, what);
            join(s.task);
            cr_assert(s.index >= 0 && s.index < 3);
            expect_happened(&w, what, true);
            world_close(&w);
        }
    finish(rt);
}

struct both_ends {
    struct pawl_channel *channel;
    uint64_t name;
    int sends, receives, rounds;
    uint64_t sum_sent, sum_received;
};

static void *trade(void *arg)
{
    struct both_ends *b = arg;
    struct pawl_case cases[2];
    for (int i = 0; i < b->rounds; i++) {
        uint64_t out = b->name + (uint64_t)i, in = 0;
        pawl_case_send(&cases[0], b->channel, &out);
        pawl_case_receive(&cases[1], b->channel, &in);
        int index = pawl_select(cases, 2);
        CHECK(index == 0 || index == 1);
        CHECK_EQ(cases[index].status, 0);
        if (index == 0) {
            b->sends++;
            b->sum_sent += out;
        } else {
            b->receives++;
            b->sum_received += in;
            CHECK(in / 1000000 != b->name / 1000000); /* not with itself */
        }
    }
    return NULL;
}

Test(select, meets_another_select_on_a_rendezvous_and_never_itself)
{
    for (int workers = 1; workers <= 2; workers++) {
        struct pawl_runtime *rt = start(workers);
        struct pawl_channel *c;
        cr_assert_eq(pawl_channel_create(&c, 0, sizeof(uint64_t)), 0);
        struct both_ends ends[2];
        for (int i = 0; i < 2; i++)
            ends[i] = (struct both_ends){.channel = c, .name = (uint64_t)(i + 1) * 1000000, .rounds = 1000};
        struct pawl_task *task = spawn(rt, trade, &ends[0]);
        if (workers == 1)
            thread_join(thread_start(trade, &ends[1]));
        else
            run(rt, trade, &ends[1]);
        join(task);
        cr_assert_eq(ends[0].sends, ends[1].receives);
        cr_assert_eq(ends[1].sends, ends[0].receives);
        cr_assert_eq(ends[0].sum_sent, ends[1].sum_received);
        cr_assert_eq(ends[1].sum_sent, ends[0].sum_received);
        pawl_channel_destroy(c);
        finish(rt);
    }
}

Test(select, alone_with_both_ends_of_a_rendezvous_waits)
{
    struct pawl_channel *c;
    struct pawl_case cases[2];
    uint64_t in = 0, out = 1;
    cr_assert_eq(pawl_channel_create(&c, 0, sizeof in), 0);
    pawl_case_send(&cases[0], c, &out);
    pawl_case_receive(&cases[1], c, &in);
    cr_assert_eq(pawl_select_try(cases, 2), -EAGAIN);
    cr_assert_eq(pawl_select_until(cases, 2, in_ns(PAWL_MS(1))), -ETIMEDOUT);
    cr_assert_eq(pawl_channel_try_receive(c, &in), -EAGAIN);
    cr_assert_eq(pawl_channel_try_send(c, &out), -EAGAIN);
    pawl_channel_destroy(c);
}

/* ---- joins ---- */

Test(select, consumes_the_handle_only_if_the_join_happens)
{
    struct pawl_runtime *rt = start(2);
    for (int polls = 0; polls < 2; polls++) {
        struct world w;
        struct selector s = {.count = 2, .deadline_ns = PAWL_NEVER, .index = -1};
        world_open(&w, rt);
        case_of(&w, &s.cases[0], JOIN);
        case_of(&w, &s.cases[1], NOTIFY);
        start_selector(rt, &s, polls);
        let(&w, NOTIFY);
        join(s.task);
        cr_assert_eq(s.index, 1);
        world_close(&w); /* joins it */
    }
    finish(rt);
}

/* ---- polls given up ---- */

struct giver_up {
    struct selector selector;
    struct pawl_waker waker;
    struct event pending, polled_again, go;
    int cancelled, chosen;
};

static enum pawl_poll poll_then_give_up(struct pawl_context *cx, void *arg)
{
    struct giver_up *g = arg;
    struct selector *s = &g->selector;
    if (fetch_add_acq_rel_u32(&s->polls, 1) == 0) {
        CHECK_EQ(pawl_select_cancel(s->cases, s->count, NULL), 0);
        pawl_waker_from(&g->waker, cx);
        CHECK_EQ(pawl_select_poll(s->cases, s->count, cx, &s->index), PAWL_PENDING);
        event_set(&g->pending);
        return PAWL_PENDING;
    }
    event_set(&g->polled_again);
    event_wait(&g->go);
    g->cancelled = pawl_select_cancel(s->cases, s->count, &g->chosen);
    CHECK_EQ(pawl_select_cancel(s->cases, s->count, NULL), 0);
    return PAWL_READY;
}

static void expect_given_up(struct pawl_runtime *rt, int what, bool happened)
{
    struct world w;
    struct giver_up g = {.selector = {.count = CASES}, .cancelled = 1, .chosen = -1};
    world_open(&w, rt);
    cases_of(&w, g.selector.cases);
    cr_assert_eq(pawl_spawn_poll(rt, poll_then_give_up, &g, &g.selector.task), 0);
    event_wait(&g.pending);
    pawl_waker_wake(&g.waker);
    event_wait(&g.polled_again);
    if (happened)
        let(&w, what);
    event_set(&g.go);
    join(g.selector.task);
    pawl_waker_drop(&g.waker);
    cr_assert_eq(g.cancelled, happened ? -EALREADY : 0);
    cr_assert_eq(g.chosen, happened ? what : -1);
    if (!happened) {
        let(&w, what);
        expect_happened(&w, what, false);
    } else {
        expect_happened(&w, what, true);
    }
    world_close(&w);
}

Test(select, polled_and_given_up_has_not_happened_or_says_what_has)
{
    struct pawl_runtime *rt = start(2);
    for (int what = 0; what < CASES; what++) {
        expect_given_up(rt, what, false);
        expect_given_up(rt, what, true);
    }
    finish(rt);
}

/* ---- under load ---- */

enum { SELECTORS = 4, PER_SELECTOR = 400 };

struct mill {
    struct pawl_channel *in[2];
    PAWL_ATOMIC(uint64_t) sum;
};

static void *grind(void *arg)
{
    struct mill *mill = arg;
    for (;;) {
        struct pawl_case cases[3];
        uint64_t items[2];
        for (int i = 0; i < 2; i++)
            pawl_case_receive(&cases[i], mill->in[i], &items[i]);
        pawl_case_deadline(&cases[2], in_ns(PAWL_US(50)));
        int index = pawl_select(cases, 3);
        CHECK(index >= 0);
        if (index == 2)
            continue;
        if (cases[index].status != 0)
            break;
        fetch_add_acq_rel_u64(&mill->sum, items[index]);
    }
    return NULL;
}

static void *feed(void *arg)
{
    struct mill *mill = arg;
    for (uint64_t i = 1; i <= PER_SELECTOR; i++) {
        struct pawl_case cases[2];
        for (int j = 0; j < 2; j++)
            pawl_case_send(&cases[j], mill->in[j], &i);
        CHECK(pawl_select(cases, 2) >= 0);
    }
    return NULL;
}

Test(select, loses_and_doubles_nothing_between_many)
{
    static const size_t capacities[] = {0, 2};
    for (size_t k = 0; k < COUNT_OF(capacities); k++) {
        struct pawl_runtime *rt = start(2);
        struct mill mill = {.sum = 0};
        struct pawl_task *tasks[2 * SELECTORS];
        for (int i = 0; i < 2; i++)
            cr_assert_eq(pawl_channel_create(&mill.in[i], capacities[k], sizeof(uint64_t)), 0);
        for (int i = 0; i < SELECTORS; i++) {
            tasks[i] = spawn(rt, feed, &mill);
            tasks[SELECTORS + i] = spawn(rt, grind, &mill);
        }
        thread_join(thread_start(feed, &mill));
        for (int i = 0; i < SELECTORS; i++)
            join(tasks[i]);
        for (int i = 0; i < 2; i++) /* what is left is in one whose end is not seen first */
            while (pawl_channel_length(mill.in[i]) > 0)
                pawl_sleep(PAWL_US(100));
        for (int i = 0; i < 2; i++)
            pawl_channel_close(mill.in[i]);
        for (int i = 0; i < SELECTORS; i++)
            join(tasks[SELECTORS + i]);
        cr_assert_eq(load_acquire_u64(&mill.sum), (uint64_t)(SELECTORS + 1) * PER_SELECTOR * (PER_SELECTOR + 1) / 2);
        for (int i = 0; i < 2; i++)
            pawl_channel_destroy(mill.in[i]);
        finish(rt);
    }
}
