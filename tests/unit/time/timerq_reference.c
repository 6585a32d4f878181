#include "tests/unit/time/timerq_reference.h"

#include <errno.h>
#include <string.h>

#define WOKEN_MAX (REFERENCE_PENDING_MAX + 1)

#define STRING(x) #x
#define LINE(x) STRING(x)
#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return __FILE__ ":" LINE(__LINE__) ": " #condition;                                                        \
    } while (0)

/* ---- the reference ---- */

static void see(struct timerq_walk *walk, uint64_t now_ns)
{
    if (now_ns > walk->now_ns)
        walk->now_ns = now_ns;
}

/* The one that comes out first, NULL if none is pending. */
static struct reference_timer *find_first(struct timerq_walk *walk)
{
    struct reference_timer *first = NULL;
    for (struct reference_timer *t = walk->pending; t < walk->pending + walk->pending_count; t++)
        if (first == NULL || t->deadline_ns < first->deadline_ns ||
            (t->deadline_ns == first->deadline_ns && t->number < first->number))
            first = t;
    return first;
}

static void end(struct timerq_walk *walk, struct reference_timer *timer, enum pawl_timer_state state)
{
    timer->state = state;
    walk->ended[walk->ended_count++ % REFERENCE_ENDED_MAX] = *timer;
    *timer = walk->pending[--walk->pending_count];
}

static size_t reference_tick(struct timerq_walk *walk, uint64_t *woken, size_t capacity)
{
    size_t count = 0;
    for (struct reference_timer *t; (t = find_first(walk)) != NULL;) {
        bool listed = t->wake_task != PAWL_TIMERQ_NO_TASK;
        if (t->deadline_ns > walk->now_ns || t->deadline_ns == PAWL_NEVER || (listed && count == capacity))
            break;
        if (listed)
            woken[count++] = t->wake_task;
        if (t->period_ns == 0)
            end(walk, t, PAWL_TIMER_FIRED);
        else if (t->period_ns < 16 && walk->now_ns - t->deadline_ns < 4096) /* by the definition, where that is short */
            for (; t->deadline_ns <= walk->now_ns && t->deadline_ns != PAWL_NEVER;)
                t->deadline_ns = pawl_saturating_add(t->deadline_ns, t->period_ns);
        else
            t->deadline_ns =
                pawl_saturating_add(walk->now_ns - (walk->now_ns - t->deadline_ns) % t->period_ns, t->period_ns);
    }
    return count;
}

static uint64_t reference_until_next(struct timerq_walk *walk, uint64_t now_ns)
{
    const struct reference_timer *first = find_first(walk);
    if (first == NULL || first->deadline_ns == PAWL_NEVER)
        return PAWL_NEVER;
    if (now_ns < walk->now_ns)
        now_ns = walk->now_ns;
    return first->deadline_ns > now_ns ? first->deadline_ns - now_ns : 0;
}

/* ---- the walk ---- */

int walk_init(struct timerq_walk *walk, uint64_t now_ns, size_t pending_max)
{
    memset(walk, 0, sizeof *walk);
    walk->now_ns = now_ns;
    walk->pending_max = pending_max;
    int result = pawl_timerq_create(&walk->q);
    if (result == 0)
        pawl_timerq_tick(walk->q, now_ns, NULL, 0);
    return result;
}

void walk_fini(struct timerq_walk *walk)
{
    pawl_timerq_destroy(walk->q);
}

static const char *set(struct timerq_walk *walk, uint64_t now_ns, uint64_t ns, bool interval, unsigned which)
{
    struct reference_timer t = {.period_ns = interval ? ns : 0, .number = ++walk->set_count};
    t.wake_task = which % 8 == 0 ? PAWL_TIMERQ_NO_TASK : t.number;
    int result = (interval ? pawl_timerq_interval : pawl_timerq_set)(walk->q, now_ns, ns, t.wake_task, &t.id);
    REQUIRE(result == (interval && ns == 0 ? -EINVAL : 0));
    if (result != 0)
        return NULL;
    REQUIRE(t.id != 0);
    for (size_t i = 0; i < walk->pending_count; i++)
        REQUIRE(walk->pending[i].id != t.id);
    see(walk, now_ns);
    t.deadline_ns = pawl_saturating_add(walk->now_ns, ns);
    t.state = PAWL_TIMER_PENDING;
    walk->pending[walk->pending_count++] = t;
    return NULL;
}

static const char *check_ended(struct timerq_walk *walk, unsigned which)
{
    uint64_t kept = walk->ended_count < REFERENCE_ENDED_MAX ? walk->ended_count : REFERENCE_ENDED_MAX;
    enum pawl_timer_state state = PAWL_TIMER_IDLE;
    if (kept == 0)
        return NULL;
    uint64_t age = which % kept; /* 0: the last */
    const struct reference_timer *t = &walk->ended[(walk->ended_count - 1 - age) % REFERENCE_ENDED_MAX];
    int result = pawl_timerq_state(walk->q, t->id, &state);
    if (result == -ENOENT) {
        REQUIRE(age >= REFERENCE_REMEMBERED && state == PAWL_TIMER_IDLE);
        REQUIRE(pawl_timerq_cancel(walk->q, t->id) == -ENOENT);
        return NULL;
    }
    REQUIRE(result == 0 && state == t->state);
    REQUIRE(pawl_timerq_cancel(walk->q, t->id) == -EALREADY);
    return NULL;
}

/* Of one that pends: its state, and that ids like it are not known. */
static const char *check_pending(struct timerq_walk *walk, unsigned which)
{
    enum pawl_timer_state state = PAWL_TIMER_IDLE;
    if (walk->pending_count == 0)
        return NULL;
    uint64_t id = walk->pending[which % walk->pending_count].id;
    REQUIRE(pawl_timerq_state(walk->q, id, &state) == 0 && state == PAWL_TIMER_PENDING);
    REQUIRE(pawl_timerq_cancel(walk->q, id + (UINT64_C(1) << 48)) == -ENOENT);
    REQUIRE(pawl_timerq_cancel(walk->q, id ^ UINT64_C(1) << 31) == -ENOENT);
    REQUIRE(pawl_timerq_cancel(walk->q, 0) == -ENOENT);
    return NULL;
}

static const char *cancel(struct timerq_walk *walk, unsigned which)
{
    if (walk->pending_count == 0)
        return NULL;
    struct reference_timer *t = &walk->pending[which % walk->pending_count];
    REQUIRE(pawl_timerq_cancel(walk->q, t->id) == 0);
    end(walk, t, PAWL_TIMER_CANCELLED);
    return check_ended(walk, 0);
}

static const char *tick(struct timerq_walk *walk, uint64_t now_ns, size_t capacity)
{
    static _Thread_local uint64_t woken[WOKEN_MAX], expected[WOKEN_MAX];
    see(walk, now_ns);
    woken[capacity] = ~UINT64_C(7);
    size_t count = pawl_timerq_tick(walk->q, now_ns, capacity == 0 ? NULL : woken, capacity);
    REQUIRE(count == reference_tick(walk, expected, capacity));
    REQUIRE(memcmp(woken, expected, count * sizeof *woken) == 0);
    REQUIRE(woken[capacity] == ~UINT64_C(7));
    return NULL;
}

/* To the next deadline, or a nanosecond before or after it. */
static uint64_t near_next(struct timerq_walk *walk, unsigned which)
{
    uint64_t until_ns = reference_until_next(walk, walk->now_ns);
    return pawl_saturating_add(walk->now_ns, until_ns == PAWL_NEVER ? 0 : until_ns) + which % 3 - 1;
}

static const char *take(struct timerq_walk *walk, unsigned what, unsigned which, uint64_t ns)
{
    uint64_t later_ns = pawl_saturating_add(walk->now_ns, ns);
    uint64_t earlier_ns = walk->now_ns - (walk->now_ns < ns ? walk->now_ns : ns);
    if (what % 16 < 7 && walk->pending_count >= walk->pending_max)
        return cancel(walk, which);
    switch (what % 16) {
    case 0:
    case 1:
    case 2:
        return set(walk, walk->now_ns, ns, false, which);
    case 3:
        return set(walk, earlier_ns, ns, false, which);
    case 4:
        return set(walk, pawl_saturating_add(walk->now_ns, which % 4), which % 16, false, which);
    case 5:
        return set(walk, walk->now_ns, which % 16, true, which);
    case 6:
        return set(walk, earlier_ns, ns, true, which);
    case 7:
    case 8:
        return cancel(walk, which);
    case 9:
        return check_pending(walk, which);
    case 10:
        return check_ended(walk, which);
    case 11:
        return tick(walk, later_ns, REFERENCE_PENDING_MAX);
    case 12:
        return tick(walk, later_ns, which % 5);
    case 13:
        return tick(walk, earlier_ns, which % 5);
    case 14:
        return tick(walk, near_next(walk, which), which % 7);
    default:
        return tick(walk, pawl_saturating_add(walk->now_ns, which % 4), REFERENCE_PENDING_MAX);
    }
}

const char *walk_step(struct timerq_walk *walk, unsigned what, unsigned which, uint64_t ns)
{
    const char *broken = take(walk, what, which, ns);
    if (broken != NULL)
        return broken;
    REQUIRE(pawl_timerq_pending(walk->q) == walk->pending_count);
    uint64_t now_ns = walk->now_ns + which % 3 - 1;
    REQUIRE(pawl_timerq_until_next(walk->q, now_ns) == reference_until_next(walk, now_ns));
    return NULL;
}
