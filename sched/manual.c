#include "sched/manual.h"

#include <errno.h>
#include <pawl/time.h>

#include "base/noise.h"
#include "sched/runtime.h"
#include "sched/sleep.h"

/* On the stack of who advances. Access: C constant, L(lock of the clock) */
struct advance {
    struct waiter waiter; /* L on the clock's list */
    uint64_t duration_ns; /* C */
    uint64_t target_ns;   /* L where the clock is to be; 0: it has not begun */
};

static struct advance *first_locked(const struct manual_clock *manual)
{
    struct waiter *waiter = waiters_first(&manual->advances);
    return waiter == NULL ? NULL : PAWL_CONTAINER_OF(waiter, struct advance, waiter);
}

static uint64_t read_clock(void *context)
{
    const struct pawl_runtime *rt = context;
    return load_relaxed_u64(&rt->manual.now_ns); /* relaxed: who was woken by a timer is ordered by that */
}

/* The next one is to be waited for as patiently as the one before. */
static void begin_to_wait_locked(struct manual_clock *manual)
{
    manual->impatient = false;
    manual->waited_since = monotonic_now_ns();
}

static uint64_t patience_left_locked(struct manual_clock *manual)
{
    uint64_t waited_ns = monotonic_now_ns() - manual->waited_since;
    manual->impatient = manual->impatient || waited_ns >= SETTLE_NS;
    return manual->impatient ? 0 : SETTLE_NS - waited_ns;
}

/* ---- by the driver's holder ---- */

static bool moves_by_itself_locked(const struct manual_clock *manual)
{
    return manual->auto_advance || manual->closed;
}

/* Before it sleeps, after the heavy fence: edge manual.rest, step 3. */
static uint64_t rest_ns(void *context, uint64_t wake_at)
{
    struct pawl_runtime *rt = context;
    struct manual_clock *manual = &rt->manual;
    lock_acquire(&manual->lock);
    bool advancing = first_locked(manual) != NULL;
    uint64_t patience_ns = advancing ? patience_left_locked(manual) : PAWL_NEVER;
    bool by_itself = wake_at != PAWL_NEVER && moves_by_itself_locked(manual);
    lock_release(&manual->lock);
    if (advancing)
        return pawl__runtime_at_rest(rt) ? 0 : patience_ns;
    return by_itself && pawl__runtime_is_idle(rt) ? 0 : PAWL_NEVER;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* One step. Gives the first of those who advance back if that is where it wanted to be. */
static struct waiter *step_locked(struct pawl_runtime *rt)
{
    struct manual_clock *manual = &rt->manual;
    struct advance *advance = first_locked(manual);
    uint64_t now_ns = read_clock(rt);
    uint64_t deadline_ns = load_relaxed_u64(&rt->shards->next_deadline); /* relaxed: fired in by us only */
    if (advance == NULL && !moves_by_itself_locked(manual))
        return NULL; /* it was cut short meanwhile */
    if (advance != NULL && advance->target_ns == 0)
        advance->target_ns = pawl_saturating_add(now_ns, advance->duration_ns);
    manual->waited_since = monotonic_now_ns();
    if (deadline_ns != PAWL_NEVER && (advance == NULL || deadline_ns <= advance->target_ns)) {
        store_relaxed_u64(&manual->now_ns, later(now_ns, deadline_ns)); /* relaxed: see read_clock */
        return NULL;
    }
    if (advance == NULL)
        return NULL;
    store_relaxed_u64(&manual->now_ns, later(now_ns, advance->target_ns)); /* relaxed: see read_clock */
    list_remove(&advance->waiter.link);
    begin_to_wait_locked(manual);
    return &advance->waiter;
}

uint64_t pawl__manual_move(struct pawl_runtime *rt)
{
    struct manual_clock *manual = &rt->manual;
    struct waiter *arrived = NULL;
    lock_acquire(&manual->lock);
    bool to_move = rt->driver.clock_to_move;
    rt->driver.clock_to_move = false;
    if (to_move || (first_locked(manual) != NULL && patience_left_locked(manual) == 0))
        arrived = step_locked(rt);
    lock_release(&manual->lock);
    noise_point("manual.rest.moved");
    if (arrived != NULL)
        pawl__waiter_grant(arrived, OUTCOME_GRANTED);
    return read_clock(rt);
}

/* ---- by others ---- */

/* Wakes the holder, to look again: steps 2 and 3. */
static void tell_holder(struct pawl_runtime *rt)
{
    pawl__driver_deadline_moved(&rt->driver, 0, false);
}

void pawl__manual_rest(struct pawl_runtime *rt)
{
    noise_point("manual.rest.announced");
    if (idle_sleeping(&rt->idle) == rt->worker_count)
        tell_holder(rt);
}

void pawl__manual_init(struct pawl_runtime *rt)
{
    rt->clock = (struct clock){
        .kind = PAWL_CLOCK_MANUAL, .now_ns = read_clock, .context = rt, .tick_ns = 1, .rest_ns = rest_ns};
}

void pawl__manual_close(struct pawl_runtime *rt)
{
    struct claimed claimed = {NULL, NULL};
    lock_acquire(&rt->manual.lock);
    rt->manual.closed = true;
    waiters_take_all(&rt->manual.advances, &claimed);
    lock_release(&rt->manual.lock);
    waiters_grant(&claimed, -ESHUTDOWN);
}

/* ---- the public calls ---- */

/* The runtime that it is about, if it has a manual clock. */
static int find_clock(struct pawl_runtime **rt)
{
    int error = 0;
    *rt = pawl__runtime_of(*rt, &error);
    if (*rt == NULL)
        return error;
    return (*rt)->clock.kind == PAWL_CLOCK_MANUAL ? 0 : -EPERM;
}

static int join_in(struct manual_clock *manual, struct advance *advance)
{
    lock_acquire(&manual->lock);
    bool closed = manual->closed;
    if (!closed && first_locked(manual) == NULL)
        begin_to_wait_locked(manual);
    if (!closed)
        waiters_push(&manual->advances, &advance->waiter);
    lock_release(&manual->lock);
    return closed ? -ESHUTDOWN : 0;
}

/* false: its grant is on the way. */
static bool leave(struct manual_clock *manual, struct advance *advance)
{
    lock_acquire(&manual->lock);
    bool linked = list_linked(&advance->waiter.link);
    if (linked && first_locked(manual) == advance)
        begin_to_wait_locked(manual);
    if (linked)
        list_remove(&advance->waiter.link);
    lock_release(&manual->lock);
    return linked;
}

int pawl_clock_advance(struct pawl_runtime *rt, uint64_t duration_ns)
{
    int error = find_clock(&rt);
    if (error != 0 || (error = await_enter()) != 0)
        return error;
    struct advance advance = {.duration_ns = duration_ns};
    waiter_init(&advance.waiter);
    if ((error = join_in(&rt->manual, &advance)) != 0)
        return error;
    noise_point("manual.rest.asked");
    tell_holder(rt);
    error = pawl__waiter_wait(&advance.waiter, PAWL_NEVER, true);
    if (error != 0 && leave(&rt->manual, &advance))
        return pawl__cut_short(advance.waiter.task, error);
    if (error != 0)
        pawl__waiter_wait(&advance.waiter, PAWL_NEVER, false);
    int outcome = waiter_outcome(&advance.waiter);
    return outcome < 0 ? outcome : 0;
}

int pawl_clock_auto_advance(struct pawl_runtime *rt, bool on)
{
    int error = find_clock(&rt);
    if (error != 0)
        return error;
    lock_acquire(&rt->manual.lock);
    bool closed = rt->manual.closed;
    if (!closed)
        rt->manual.auto_advance = on;
    lock_release(&rt->manual.lock);
    noise_point("manual.rest.asked");
    tell_holder(rt);
    return closed ? -ESHUTDOWN : 0;
}
