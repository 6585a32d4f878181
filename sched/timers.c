#include "sched/timers.h"

#include <errno.h>

#include "base/noise.h"
#include "base/rcu.h"
#include "sched/join.h"
#include "sched/poll.h"
#include "sched/registry.h"
#include "sched/spawn.h"

/* What lies inside a struct pawl_timer. */
struct timer {
    struct timer_entry entry;
    PAWL_ATOMIC(uint64_t) slack_ns; /* A */
};

_Static_assert(sizeof(struct timer) <= sizeof(struct pawl_timer), "it fits into the public one");
_Static_assert(_Alignof(struct timer) <= _Alignof(struct pawl_timer), "and is aligned in it");

static struct timer *timer_of(const struct pawl_timer *timer)
{
    return (struct timer *)(uintptr_t)timer;
}

static struct timer_entry *entry_of(const struct pawl_timer *timer)
{
    return &timer_of(timer)->entry;
}

static uint64_t tick_of(const struct clock *clock, const struct timer_entry *entry, uint64_t deadline_ns)
{
    const struct timer *timer = PAWL_CONTAINER_OF(entry, struct timer, entry);
    return clock_tick_within(clock, deadline_ns, load_relaxed_u64(&timer->slack_ns)); /* relaxed: a number */
}

/* The shard that the calling thread arms into. */
static struct shard *shard_of_caller(struct pawl_runtime *rt)
{
    struct worker *worker = current_worker_of(rt);
    return worker != NULL ? worker->shard : pawl__port(rt)->shard;
}

static struct shard *shard_by_id(struct pawl_runtime *rt, uint64_t id)
{
    return &rt->shards[id & ((1 << SHARD_INDEX_BITS) - 1)];
}

static void tell_driver(struct pawl_runtime *rt, const struct shard *shard)
{
    const struct worker *worker = current_worker_of(rt);
    /* relaxed: ours is in it, or an earlier one */
    if (pawl__driver_deadline_moved(&rt->driver, load_relaxed_u64(&shard->next_deadline), worker != NULL))
        runtime_count(rt, current_worker_of(rt), driver_wakes, 1);
}

/* ---- the library's own entries ---- */

void pawl__entry_arm(struct pawl_runtime *rt, struct timer_entry *entry, uint64_t deadline_ns)
{
    struct shard *shard = shard_of_caller(rt);
    enum shard_answer answer = pawl__shard_arm(shard, entry, clock_tick_of_deadline(&rt->clock, deadline_ns), true);
    if (answer == SHARD_DONE_EARLIER)
        tell_driver(rt, shard);
    else
        PAWL_ASSERT(answer == SHARD_DONE);
}

bool pawl__entry_arm_tick(struct pawl_runtime *rt, struct timer_entry *entry, uint64_t tick)
{
    struct shard *shard = shard_of_caller(rt);
    enum shard_answer answer = pawl__shard_arm(shard, entry, tick, false);
    if (answer == SHARD_DONE_EARLIER)
        tell_driver(rt, shard);
    return answer != SHARD_CLOSED;
}

bool pawl__entry_cancel(struct pawl_runtime *rt, struct timer_entry *entry)
{
    if (!cell_pending(entry_cell(entry)))
        return false;
    return pawl__shard_cancel(shard_by_id(rt, load_acquire_u64(&entry->home)), entry) == SHARD_DONE;
}

/* ---- visiting an entry's home ---- */

/* A timer that has fired may be asked about long after its runtime is gone, so its home is an id, not a pointer. From
 * a thread of that runtime it can be followed at once; from others the runtime is looked up among the live ones, in
 * a read section that its destruction waits for. */
struct visit {
    struct pawl_runtime *rt;
    bool in_section;
};

static struct shard *visit_begin(struct visit *visit, uint64_t home)
{
    struct current *current = pawl__current();
    uint64_t id = home >> SHARD_INDEX_BITS;
    visit->in_section = current == NULL || current->runtime->id != id;
    if (visit->in_section)
        pawl__rcu_enter();
    visit->rt = visit->in_section ? pawl__registry_find(id) : current->runtime;
    return visit->rt == NULL ? NULL : shard_by_id(visit->rt, home);
}

static void visit_end(const struct visit *visit)
{
    if (visit->in_section)
        pawl__rcu_exit();
}

typedef enum shard_answer visit_fn(struct shard *shard, struct timer_entry *entry, uint64_t value);

static int errno_of(enum shard_answer answer)
{
    switch (answer) {
    case SHARD_DONE:
    case SHARD_DONE_EARLIER:
        return 0;
    case SHARD_BUSY:
        return -EBUSY;
    case SHARD_CANCELED:
        return -ECANCELED;
    case SHARD_CLOSED:
        return -ESHUTDOWN;
    case SHARD_DEADLOCK:
        return -EDEADLK;
    default:
        return -EALREADY;
    }
}

/* One try; SHARD_NOT_HOME: the entry moved meanwhile. */
static enum shard_answer visit_once(struct timer_entry *entry, visit_fn *fn, uint64_t value, int *error)
{
    struct visit visit;
    uint64_t home = load_acquire_u64(&entry->home); /* edge timer.home */
    if (home == 0)
        return SHARD_ALREADY;
    enum shard_answer answer = SHARD_ALREADY; /* if the runtime is gone: all its timers are completed */
    struct shard *shard = visit_begin(&visit, home);
    noise_point("timer.home.read");
    if (shard != NULL && (*error = runtime_usable(visit.rt)) == 0)
        answer = fn(shard, entry, value);
    if (answer == SHARD_DONE_EARLIER)
        tell_driver(visit.rt, shard);
    visit_end(&visit);
    return answer;
}

static __attribute__((noinline)) int visit_home(struct timer_entry *entry, visit_fn *fn, uint64_t value)
{
    enum shard_answer answer;
    int error = 0;
    do
        answer = visit_once(entry, fn, value, &error);
    while (answer == SHARD_NOT_HOME);
    return error != 0 ? error : errno_of(answer);
}

/* The home of most entries that are to be changed: a shard of the caller's runtime. NULL: visit it. */
static inline struct shard *near_home(const struct timer_entry *entry)
{
    struct current *current = pawl__current();
    uint64_t home = load_acquire_u64(&entry->home); /* edge timer.home */
    if (current == NULL || home >> SHARD_INDEX_BITS != current->runtime->id || runtime_usable(current->runtime) != 0)
        return NULL;
    noise_point("timer.home.read");
    struct shard *shard = shard_by_id(current->runtime, home);
    if (current->worker != NULL && current->worker->shard != shard)
        counter_add(&current->worker->counters.timers_remote, 1);
    return shard;
}

/* ---- the public calls ---- */

void pawl_timer_init(struct pawl_timer *timer, pawl_timer_fn *fn, void *arg)
{
    if (timer == NULL)
        return;
    entry_init_callback(entry_of(timer), fn, arg);
    store_relaxed_u64(&timer_of(timer)->slack_ns, 0); /* relaxed: not shared yet */
}

/* Takes the entry away from its home, if that is not `to`, which then adopts it. SHARD_ALREADY: its callback runs at
 * home, so it is to be armed there. */
static enum shard_answer leave_home(struct timer_entry *entry, const struct shard *to)
{
    struct visit visit;
    uint64_t home = load_acquire_u64(&entry->home); /* edge timer.home */
    if (home == 0 || home == to->id)
        return SHARD_DONE;
    struct shard *from = visit_begin(&visit, home);
    enum shard_answer answer;
    if (from == NULL) /* a runtime that is gone */
        answer = cas_acq_rel_relaxed_u64(&entry->home, &home, 0) ? SHARD_DONE : SHARD_NOT_HOME;
    else
        answer = pawl__shard_leave(from, entry);
    visit_end(&visit);
    return answer;
}

/* One try to arm in the caller's shard, or where its callback runs. */
static enum shard_answer arm_once(struct pawl_runtime *rt, struct timer_entry *entry, uint64_t tick)
{
    struct shard *shard = shard_of_caller(rt);
    enum shard_answer answer = leave_home(entry, shard);
    if (answer == SHARD_ALREADY) {
        uint64_t home = load_acquire_u64(&entry->home); /* edge timer.home */
        if (home >> SHARD_INDEX_BITS != rt->id)
            return SHARD_BUSY; /* in a callback of another runtime's */
        shard = shard_by_id(rt, home);
    } else if (answer != SHARD_DONE) {
        return answer;
    }
    noise_point("timer.home.left");
    answer = pawl__shard_arm(shard, entry, tick, false);
    if (answer == SHARD_DONE_EARLIER)
        tell_driver(rt, shard);
    return answer;
}

static __attribute__((noinline)) int arm_anywhere(struct pawl_runtime *rt, struct timer_entry *entry,
                                                  uint64_t deadline_ns)
{
    int error = 0;
    if ((rt = pawl__runtime_of(rt, &error)) == NULL)
        return error;
    if (!runtime_accepts(rt, pawl_current() == rt))
        return -ESHUTDOWN;
    uint64_t tick = tick_of(&rt->clock, entry, deadline_ns);
    enum shard_answer answer;
    do
        answer = arm_once(rt, entry, tick);
    while (answer == SHARD_NOT_HOME);
    return errno_of(answer);
}

/* The usual case: a worker arms in its own shard an entry that is at home nowhere else. NULL: it is another one. */
static inline struct shard *own_shard_for(struct pawl_runtime *rt, const struct timer_entry *entry)
{
    struct current *current = pawl__current();
    if (current == NULL || current->worker == NULL || (rt != NULL && rt != current->runtime))
        return NULL;
    struct shard *shard = current->worker->shard;
    uint64_t home = load_acquire_u64(&entry->home); /* edge timer.home */
    bool usual = (home == 0 || home == shard->id) && runtime_usable(current->runtime) == 0 &&
                 runtime_accepts(current->runtime, true);
    return PAWL_LIKELY(usual) ? shard : NULL;
}

int pawl_timer_arm(struct pawl_runtime *rt, struct pawl_timer *timer, uint64_t deadline_ns)
{
    if (timer == NULL)
        return -EINVAL;
    struct timer_entry *entry = entry_of(timer);
    struct shard *shard = own_shard_for(rt, entry);
    if (PAWL_UNLIKELY(shard == NULL))
        return arm_anywhere(rt, entry, deadline_ns);
    enum shard_answer answer =
        pawl__shard_arm(shard, entry, tick_of(shard->clock, entry, deadline_ns), false);
    if (PAWL_LIKELY(answer == SHARD_DONE))
        return 0;
    if (answer == SHARD_DONE_EARLIER)
        tell_driver(pawl_current(), shard);
    return answer == SHARD_NOT_HOME ? arm_anywhere(rt, entry, deadline_ns) : errno_of(answer);
}

/* A read-modify-write of a line that others write would cost as much as all the rest. */
static void count_extended(struct shard *shard)
{
    struct current *current = pawl__current();
    if (current != NULL && current->worker != NULL && shard->id >> SHARD_INDEX_BITS == current->runtime->id)
        counter_add(&current->worker->counters.timers_extended, 1);
    else
        fetch_add_relaxed_u64(&shard->moved, 1); /* relaxed: a counter */
}

static enum shard_answer reset_at(struct shard *shard, struct timer_entry *entry, uint64_t deadline_ns)
{
    uint64_t tick = tick_of(shard->clock, entry, deadline_ns);
    /* With a manual clock it is filed at once, so that those of one deadline fire in the order of arming. */
    switch (shard->clock->kind == PAWL_CLOCK_MANUAL ? ENTRY_NOT_LATER : entry_extend(entry, tick)) {
    case ENTRY_EXTENDED:
        count_extended(shard);
        return SHARD_DONE;
    case ENTRY_NOT_PENDING:
        return SHARD_ALREADY;
    default:
        return pawl__shard_reset(shard, entry, tick);
    }
}

int pawl_timer_reset(struct pawl_timer *timer, uint64_t deadline_ns)
{
    if (timer == NULL)
        return -EINVAL;
    struct timer_entry *entry = entry_of(timer);
    struct shard *shard = near_home(entry);
    enum shard_answer answer = PAWL_LIKELY(shard != NULL) ? reset_at(shard, entry, deadline_ns) : SHARD_NOT_HOME;
    if (PAWL_LIKELY(answer == SHARD_DONE))
        return 0;
    if (answer == SHARD_DONE_EARLIER)
        tell_driver(pawl_current(), shard);
    return answer == SHARD_NOT_HOME ? visit_home(entry, reset_at, deadline_ns) : errno_of(answer);
}

static enum shard_answer cancel_at(struct shard *shard, struct timer_entry *entry, uint64_t value)
{
    (void)value;
    return pawl__shard_cancel(shard, entry);
}

int pawl_timer_cancel(struct pawl_timer *timer)
{
    if (timer == NULL)
        return -EINVAL;
    struct timer_entry *entry = entry_of(timer);
    if (!cell_pending(entry_cell(entry)))
        return -EALREADY;
    struct shard *shard = near_home(entry);
    enum shard_answer answer = PAWL_LIKELY(shard != NULL) ? pawl__shard_cancel(shard, entry) : SHARD_NOT_HOME;
    if (PAWL_LIKELY(answer == SHARD_DONE))
        return 0;
    return answer == SHARD_NOT_HOME ? visit_home(entry, cancel_at, 0) : errno_of(answer);
}

static enum shard_answer cancel_sync_at(struct shard *shard, struct timer_entry *entry, uint64_t in_callback)
{
    return pawl__shard_cancel_sync(shard, entry, in_callback != 0);
}

int pawl_timer_cancel_sync(struct pawl_timer *timer)
{
    struct current *current = pawl__current();
    if (timer == NULL)
        return -EINVAL;
    return visit_home(entry_of(timer), cancel_sync_at, current != NULL && current->in_callback);
}

static enum shard_answer fires_at(struct shard *shard, struct timer_entry *entry, uint64_t value)
{
    (void)value;
    return pawl__shard_fires(shard, entry) ? SHARD_DONE : SHARD_ALREADY;
}

enum pawl_timer_state pawl_timer_state(const struct pawl_timer *timer)
{
    if (timer == NULL)
        return PAWL_TIMER_IDLE;
    struct timer_entry *entry = entry_of(timer);
    uint64_t cell = entry_cell(entry);
    if (cell_pending(cell))
        return PAWL_TIMER_PENDING;
    if (cell == CELL_IDLE)
        return PAWL_TIMER_IDLE;
    if (cell == CELL_CANCELLED)
        return PAWL_TIMER_CANCELLED;
    if (visit_home(entry, fires_at, 0) == 0)
        return PAWL_TIMER_FIRING;
    return cell == CELL_SHUTDOWN ? PAWL_TIMER_SHUTDOWN : PAWL_TIMER_FIRED;
}

int pawl_timer_set_slack(struct pawl_timer *timer, uint64_t slack_ns)
{
    if (timer == NULL)
        return -EINVAL;
    if (cell_pending(entry_cell(entry_of(timer))))
        return -EBUSY;
    store_relaxed_u64(&timer_of(timer)->slack_ns, slack_ns); /* relaxed: a number */
    return 0;
}

static int status_of_cell(uint64_t cell)
{
    return cell == CELL_FIRED ? 0 : cell == CELL_CANCELLED ? -ECANCELED : cell == CELL_SHUTDOWN ? -ESHUTDOWN : -EINVAL;
}

static enum shard_answer poll_at(struct shard *shard, struct timer_entry *entry, uint64_t waker)
{
    return pawl__shard_poll(shard, entry, (struct waker *)(uintptr_t)waker);
}

/* 0: the task will be woken when it no longer pends. */
static int leave_waker(struct timer_entry *entry, struct pawl_task *task)
{
    struct waker waker = {.wake = pawl__task_wake_last, .target = task};
    task_ref(task);
    int error = visit_home(entry, poll_at, (uintptr_t)&waker);
    if (waker.target != NULL)
        pawl__task_unref(waker.target); /* of who polled it before; or, as it does not pend, our own */
    return error;
}

enum pawl_poll pawl_timer_poll(struct pawl_timer *timer, struct pawl_context *cx, int *status)
{
    if (status == NULL)
        return PAWL_READY;
    *status = -EINVAL;
    if (timer == NULL || cx == NULL || cx->task != current_task())
        return PAWL_READY;
    for (;;) {
        uint64_t cell = entry_cell(entry_of(timer));
        noise_point("timer.cell.looked");
        *status = cell_pending(cell) ? leave_waker(entry_of(timer), cx->task) : status_of_cell(cell);
        if (!cell_pending(cell))
            return PAWL_READY;
        if (*status != -EALREADY) /* else it has just ended: look again */
            return *status == 0 ? PAWL_PENDING : PAWL_READY;
    }
}

uint64_t pawl_now_cached(const struct pawl_runtime *rt)
{
    struct current *current = pawl__current();
    struct worker *worker = current == NULL ? NULL : current->worker;
    if (worker == NULL || (rt != NULL && rt != current->runtime) || current->runtime->clock.now_ns != NULL)
        return pawl_now(rt);
    return worker->clock_read_ns;
}

uint64_t pawl_now(const struct pawl_runtime *rt)
{
    struct current *current = pawl__current();
    if (rt == NULL && current != NULL)
        rt = current->runtime;
    return rt == NULL ? monotonic_now_ns() : clock_now_ns(&rt->clock);
}
