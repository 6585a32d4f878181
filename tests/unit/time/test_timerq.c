/* Every sentence of pawl/timerq.h. This program's calloc and realloc fail on demand. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pawl/pawl.h>

#include "tests/support/valgrind.h"

#define READY_MAX 64

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static int succeed = -1; /* so many more calls; negative: all */
static size_t largest;   /* of the sizes asked of realloc */

static bool fails(void)
{
    if (succeed == 0)
        return true;
    succeed -= succeed > 0;
    return false;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    largest = size > largest ? size : largest;
    return fails() ? NULL : __real_realloc(memory, size);
}

static struct pawl_timerq *q; /* each test has a process of its own */
static uint64_t ready[READY_MAX];

static void set_up(void)
{
    cr_assert_eq(pawl_timerq_create(&q), 0);
}

static void tear_down(void)
{
    pawl_timerq_destroy(q);
}

TestSuite(timerq, .init = set_up, .fini = tear_down);

static uint64_t set(uint64_t now_ns, uint64_t delay_ns, uint64_t task)
{
    uint64_t id = 0;
    cr_assert_eq(pawl_timerq_set(q, now_ns, delay_ns, task, &id), 0);
    cr_assert_neq(id, 0);
    return id;
}

static uint64_t set_interval(uint64_t now_ns, uint64_t period_ns, uint64_t task)
{
    uint64_t id = 0;
    cr_assert_eq(pawl_timerq_interval(q, now_ns, period_ns, task, &id), 0);
    cr_assert_neq(id, 0);
    return id;
}

static size_t tick(uint64_t now_ns)
{
    return pawl_timerq_tick(q, now_ns, ready, READY_MAX);
}

/* The state, or the errno. */
static int state_of(uint64_t id)
{
    enum pawl_timer_state state = PAWL_TIMER_IDLE;
    int result = pawl_timerq_state(q, id, &state);
    return result != 0 ? result : (int)state;
}

/* ---- time ---- */

Test(timerq, fires_at_its_deadline_and_not_before)
{
    uint64_t id = set(1000, 50, 7);
    cr_assert_eq(tick(1049), 0);
    cr_assert_eq(state_of(id), PAWL_TIMER_PENDING);
    cr_assert_eq(tick(1050), 1);
    cr_assert_eq(ready[0], 7);
    cr_assert_eq(state_of(id), PAWL_TIMER_FIRED);
    cr_assert_eq(tick(1051), 0);
}

Test(timerq, lists_by_deadline_and_equal_ones_in_the_order_of_setting)
{
    static const uint64_t delays_ns[] = {30, 10, 20, 10, 0, 30, 20, 10, 0, 20, 30, 0};
    static const uint64_t expected[] = {4, 8, 11, 1, 3, 7, 2, 6, 9, 0, 5, 10};
    for (uint64_t i = 0; i < 12; i++)
        set(i, delays_ns[i] + 12 - i, i);
    cr_assert_eq(tick(100), 12);
    cr_assert_arr_eq(ready, expected, sizeof expected);
}

Test(timerq, with_a_delay_of_0_is_due_with_the_next_tick)
{
    set(5, 0, 1);
    cr_assert_eq(pawl_timerq_until_next(q, 5), 0);
    cr_assert_eq(tick(5), 1);
}

Test(timerq, takes_a_now_that_goes_backward_for_the_latest_it_was_told)
{
    set(1000, 100, 1);
    cr_assert_eq(pawl_timerq_until_next(q, 900), 100);
    set(10, 100, 2); /* at 1000 */
    cr_assert_eq(tick(1099), 0);
    cr_assert_eq(pawl_timerq_until_next(q, 0), 1);
    set(1050, 1, 3); /* at 1099 */
    cr_assert_eq(tick(1100), 3);
    cr_assert_eq(ready[2], 3);
    set_interval(0, 10, 4); /* at 1100 */
    cr_assert_eq(tick(1109), 0);
    cr_assert_eq(tick(1110), 1);
    set(1110, 0, 5);
    cr_assert_eq(tick(0), 1);
}

Test(timerq, is_not_told_the_time_by_until_next)
{
    set(0, 100, 1);
    cr_assert_eq(pawl_timerq_until_next(q, 1000), 0);
    cr_assert_eq(tick(99), 0);
}

Test(timerq, that_would_overflow_pends_for_ever)
{
    uint64_t never = set(1000, PAWL_NEVER, 1), interval = set_interval(1000, UINT64_MAX - 5, 2);
    cr_assert_eq(pawl_timerq_until_next(q, 1000), PAWL_NEVER);
    cr_assert_eq(tick(UINT64_MAX), 0);
    cr_assert_eq(state_of(never), PAWL_TIMER_PENDING);
    cr_assert_eq(pawl_timerq_pending(q), 2);
    cr_assert_eq(pawl_timerq_cancel(q, never), 0);
    cr_assert_eq(pawl_timerq_cancel(q, interval), 0);
}

Test(timerq, fires_at_the_last_instant_there_is)
{
    set(1, UINT64_MAX - 2, 1);
    cr_assert_eq(pawl_timerq_until_next(q, 1), UINT64_MAX - 2);
    cr_assert_eq(tick(UINT64_MAX - 2), 0);
    cr_assert_eq(tick(UINT64_MAX - 1), 1);
}

Test(timerq, says_how_long_until_the_next)
{
    cr_assert_eq(pawl_timerq_until_next(q, 0), PAWL_NEVER);
    set(0, 300, 1);
    uint64_t first = set(0, 100, 2);
    cr_assert_eq(pawl_timerq_until_next(q, 40), 60);
    cr_assert_eq(pawl_timerq_until_next(q, 100), 0);
    cr_assert_eq(pawl_timerq_until_next(q, 101), 0);
    cr_assert_eq(pawl_timerq_cancel(q, first), 0);
    cr_assert_eq(pawl_timerq_until_next(q, 101), 199);
}

/* ---- intervals ---- */

Test(timerq, interval_fires_each_period_until_it_is_cancelled)
{
    uint64_t id = set_interval(1000, 10, 3);
    cr_assert_eq(tick(1009), 0);
    for (uint64_t now_ns = 1010; now_ns < 1100; now_ns += 10) {
        cr_assert_eq(tick(now_ns - 1), 0);
        cr_assert_eq(tick(now_ns), 1);
        cr_assert_eq(ready[0], 3);
        cr_assert_eq(state_of(id), PAWL_TIMER_PENDING);
    }
    cr_assert_eq(pawl_timerq_pending(q), 1);
    cr_assert_eq(pawl_timerq_cancel(q, id), 0);
    cr_assert_eq(tick(2000), 0);
    cr_assert_eq(state_of(id), PAWL_TIMER_CANCELLED);
}

Test(timerq, interval_that_missed_many_periods_fires_once_and_goes_on_in_phase)
{
    set_interval(3, 10, 1);
    cr_assert_eq(tick(57), 1); /* 13 to 53 */
    cr_assert_eq(pawl_timerq_until_next(q, 57), 6);
    cr_assert_eq(tick(63), 1); /* exactly on time */
    cr_assert_eq(pawl_timerq_until_next(q, 63), 10);
    cr_assert_eq(tick(83), 1); /* exactly one missed */
    cr_assert_eq(pawl_timerq_until_next(q, 83), 10);
    cr_assert_eq(tick(UINT64_MAX - 2), 1); /* a point of the grid, the next one is past the end of time */
    cr_assert_eq(pawl_timerq_until_next(q, 0), PAWL_NEVER);
    cr_assert_eq(tick(UINT64_MAX), 0);
}

Test(timerq, interval_keeps_the_place_of_its_setting_among_equals)
{
    set(0, 20, 1);
    set_interval(0, 10, 2);
    set(0, 20, 3);
    cr_assert_eq(tick(10), 1);
    cr_assert_eq(tick(20), 3);
    cr_assert(ready[0] == 1 && ready[1] == 2 && ready[2] == 3);
}

Test(timerq, interval_of_0_is_refused)
{
    uint64_t id = 77;
    cr_assert_eq(pawl_timerq_interval(q, 0, 0, 1, &id), -EINVAL);
    cr_assert_eq(id, 77);
    cr_assert_eq(pawl_timerq_pending(q), 0);
}

/* ---- capacity ---- */

Test(timerq, that_finds_no_place_in_the_list_fires_with_the_next_tick)
{
    for (uint64_t i = 0; i < 10; i++)
        set(0, 10 - i, i);
    uint64_t interval = set_interval(0, 5, 55);
    cr_assert_eq(pawl_timerq_tick(q, 10, ready, 4), 4);
    cr_assert_eq(ready[3], 6);
    cr_assert_eq(pawl_timerq_pending(q), 7);
    cr_assert_eq(pawl_timerq_until_next(q, 10), 0);
    cr_assert_eq(pawl_timerq_tick(q, 10, ready, 4), 4);
    cr_assert_eq(ready[1], 55); /* at 5, after task 5, which was set before it */
    cr_assert_eq(pawl_timerq_tick(q, 10, ready, 4), 3);
    cr_assert_eq(ready[2], 0);
    cr_assert_eq(pawl_timerq_tick(q, 10, ready, 4), 0);
    cr_assert_eq(state_of(interval), PAWL_TIMER_PENDING);
}

Test(timerq, loses_nothing_to_a_tick_without_capacity)
{
    uint64_t id = set(0, 1, 9);
    cr_assert_eq(pawl_timerq_tick(q, 5, NULL, 0), 0);
    cr_assert_eq(pawl_timerq_tick(q, 5, ready, 0), 0);
    cr_assert_eq(pawl_timerq_tick(q, 5, NULL, 8), 0);
    cr_assert_eq(state_of(id), PAWL_TIMER_PENDING);
    cr_assert_eq(tick(5), 1);
}

Test(timerq, without_a_task_fires_unlisted)
{
    uint64_t first = set(0, 1, PAWL_TIMERQ_NO_TASK), last = set(0, 3, PAWL_TIMERQ_NO_TASK);
    set(0, 2, 5);
    set_interval(0, 10, PAWL_TIMERQ_NO_TASK);
    cr_assert_eq(pawl_timerq_tick(q, 10, NULL, 0), 0);
    cr_assert_eq(state_of(first), PAWL_TIMER_FIRED);
    cr_assert_eq(state_of(last), PAWL_TIMER_PENDING); /* behind one that is listed */
    cr_assert_eq(pawl_timerq_tick(q, 10, ready, 1), 1);
    cr_assert_eq(ready[0], 5);
    cr_assert_eq(state_of(last), PAWL_TIMER_FIRED);
    cr_assert_eq(pawl_timerq_until_next(q, 10), 10);
}

/* ---- ids ---- */

Test(timerq, cancelled_does_not_fire)
{
    uint64_t id = set(0, 10, 1), other = set(0, 10, 2);
    cr_assert_eq(pawl_timerq_cancel(q, id), 0);
    cr_assert_eq(state_of(id), PAWL_TIMER_CANCELLED);
    cr_assert_eq(pawl_timerq_cancel(q, id), -EALREADY);
    cr_assert_eq(pawl_timerq_pending(q), 1);
    cr_assert_eq(tick(10), 1);
    cr_assert_eq(ready[0], 2);
    cr_assert_eq(pawl_timerq_cancel(q, other), -EALREADY);
    cr_assert_eq(state_of(other), PAWL_TIMER_FIRED);
}

Test(timerq, that_never_was_is_not_found)
{
    uint64_t id = set(0, 10, 1);
    uint64_t strangers[] = {0, id + 1, id - 1, id << 1, id + (UINT64_C(1) << 32), UINT64_MAX, (uint32_t)id, 64, 65};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        cr_assert_eq(state_of(strangers[i]), -ENOENT);
        cr_assert_eq(pawl_timerq_cancel(q, strangers[i]), -ENOENT);
    }
    cr_assert_eq(pawl_timerq_pending(q), 1);
}

Test(timerq, not_given_out_yet_is_not_found)
{
    struct pawl_timerq *ahead;
    uint64_t ids[100];
    cr_assert_eq(pawl_timerq_create(&ahead), 0); /* where the same ids come first */
    for (int i = 0; i < 100; i++)
        cr_assert_eq(pawl_timerq_set(ahead, 0, 1, 0, &ids[i]), 0);
    pawl_timerq_destroy(ahead);
    for (int i = 0; i < 100; i++) {
        for (int later = i; later < 100; later++)
            cr_assert_eq(pawl_timerq_cancel(q, ids[later]), -ENOENT);
        cr_assert_eq(set(0, 1, 0), ids[i]);
    }
}

Test(timerq, remembers_the_last_1024_that_ended_whatever_comes_and_goes)
{
    static uint64_t ids[5000];
    for (int i = 0; i < 5000; i++) {
        bool fires = i % 3 == 0;
        ids[i] = set((uint64_t)i, fires ? 0 : 9999, 1);
        if (fires)
            cr_assert_eq(tick((uint64_t)i), 1);
        else
            cr_assert_eq(pawl_timerq_cancel(q, ids[i]), 0);
    }
    for (int i = 5000 - 1024; i < 5000; i++) {
        cr_assert_eq(state_of(ids[i]), i % 3 == 0 ? PAWL_TIMER_FIRED : PAWL_TIMER_CANCELLED);
        cr_assert_eq(pawl_timerq_cancel(q, ids[i]), -EALREADY);
    }
    cr_assert_eq(state_of(ids[0]), -ENOENT);
    cr_assert_eq(pawl_timerq_cancel(q, ids[0]), -ENOENT);
}

/* All of them in one bucket, or so one might think. */
Test(timerq, remembers_ended_ones_whose_settings_are_far_apart)
{
    static uint64_t ids[1024];
    const int count = RUNNING_ON_VALGRIND ? 64 : 1024;
    for (int i = 0; i < count; i++) {
        ids[i] = set(0, PAWL_NEVER, 1);
        for (int j = 0; j < 1023; j++)
            set(0, PAWL_NEVER, 1);
    }
    for (int i = 0; i < count; i++)
        cr_assert_eq(pawl_timerq_cancel(q, ids[i]), 0);
    for (int i = 0; i < count; i++)
        cr_assert_eq(state_of(ids[i]), PAWL_TIMER_CANCELLED);
}

Test(timerq, ids_are_not_those_of_timers_that_ended)
{
    static uint64_t ids[2000];
    for (int i = 0; i < 2000; i++) {
        ids[i] = set(0, 1, 1);
        int before = 0;
        while (ids[before] != ids[i])
            before++;
        cr_assert_eq(before, i);
        cr_assert_eq(pawl_timerq_cancel(q, ids[i]), 0);
    }
}

Test(timerq, need_not_be_known_by_its_id)
{
    cr_assert_eq(pawl_timerq_set(q, 0, 1, 4, NULL), 0);
    cr_assert_eq(pawl_timerq_interval(q, 0, 1, 5, NULL), 0);
    cr_assert_eq(tick(1), 2);
}

/* ---- mistakes ---- */

Test(timerq, that_is_not_there_is_refused)
{
    enum pawl_timer_state state = PAWL_TIMER_IDLE;
    uint64_t id = 77;
    cr_assert_eq(pawl_timerq_create(NULL), -EINVAL);
    cr_assert_eq(pawl_timerq_set(NULL, 0, 0, 0, &id), -EINVAL);
    cr_assert_eq(pawl_timerq_interval(NULL, 0, 1, 0, &id), -EINVAL);
    cr_assert_eq(pawl_timerq_cancel(NULL, 1), -EINVAL);
    cr_assert_eq(pawl_timerq_state(NULL, 1, &state), -EINVAL);
    cr_assert_eq(pawl_timerq_state(q, set(0, 0, 1), NULL), -EINVAL);
    cr_assert_eq(pawl_timerq_tick(NULL, 0, ready, READY_MAX), 0);
    cr_assert_eq(pawl_timerq_until_next(NULL, 0), PAWL_NEVER);
    cr_assert_eq(pawl_timerq_pending(NULL), 0);
    pawl_timerq_destroy(NULL);
    cr_assert(id == 77 && state == PAWL_TIMER_IDLE);
}

/* ---- memory ---- */

Test(timerq, without_memory_makes_no_queue)
{
    struct pawl_timerq *none = NULL;
    succeed = 0;
    int result = pawl_timerq_create(&none);
    succeed = -1;
    cr_assert_eq(result, -ENOMEM);
    cr_assert_null(none);
}

Test(timerq, without_memory_to_grow_loses_nothing)
{
    static uint64_t ids[3000];
    int refusals = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t id = 77;
        for (int allocations = 0; allocations < 2; allocations++) {
            succeed = allocations;
            int result = pawl_timerq_set(q, 0, PAWL_SEC(9), 99, &id);
            succeed = -1;
            if (result == 0) { /* there was room */
                cr_assert_eq(pawl_timerq_cancel(q, id), 0);
                continue;
            }
            refusals++;
            cr_assert_eq(result, -ENOMEM);
            cr_assert_eq(id, 77);
            cr_assert_eq(pawl_timerq_pending(q), i);
        }
        ids[i] = set(0, i, i);
    }
    cr_assert_gt(refusals, 0);
    for (uint64_t i = 0; i < 3000; i++) {
        cr_assert_eq(state_of(ids[i]), PAWL_TIMER_PENDING);
        cr_assert_eq(pawl_timerq_tick(q, i, ready, READY_MAX), 1);
        cr_assert_eq(ready[0], i);
    }
}

Test(timerq, gives_its_memory_back_when_nothing_is_pending)
{
    static uint64_t ids[1000000];
    const uint64_t many = RUNNING_ON_VALGRIND ? 100000 : 1000000;
    for (uint64_t round = 0; round < 2; round++) {
        uint64_t now_ns = round * PAWL_MS(1), fired = 0;
        for (uint64_t i = 0; i < many; i++)
            ids[i] = set(now_ns, i % 1000, i);
        largest = 0;
        for (uint64_t i = 0; i < many && round == 0; i++) /* here and there */
            cr_assert_eq(pawl_timerq_cancel(q, ids[i * 7919 % many]), 0);
        while (round == 1 && fired < many)
            fired += tick(now_ns + 1000);
        cr_assert_eq(pawl_timerq_pending(q), 0);
        cr_assert_eq(state_of(ids[many - 7919]), round == 0 ? (int)PAWL_TIMER_CANCELLED : -ENOENT);
        cr_assert_eq(largest, 0);
        set(now_ns, 1, 1);
        cr_assert(largest > 0 && largest < 65536, "the next one starts small again: %zu", largest);
        cr_assert_eq(tick(now_ns + 2000), 1);
    }
}
