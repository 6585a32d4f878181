#define _GNU_SOURCE
#include "sched/worker.h"

#include <stdio.h>
#include <sys/prctl.h>

#include "base/noise.h"
#include "sched/join.h"
#include "sched/poll.h"
#include "sched/runtime.h"

/* ---- making tasks available ---- */

/* To the tail of the own ring; a full ring gives its older half to the injection queue. */
static void push_ring(struct worker *worker, struct pawl_task *task)
{
    struct pawl_task *older[QUEUE_CAPACITY / 2];
    while (PAWL_UNLIKELY(!pawl__queue_push(&worker->queue, task))) {
        unsigned count = pawl__queue_take_half(&worker->queue, older);
        pawl__inject_push_all(&worker->runtime->inject, older, count);
        counter_add(&worker->counters.overflowed, count);
    }
}

/* Where a sleeper lies decides how gladly it is woken: the driver and its understudy are left in their seats as long
 * as there are others. A set of enum parker_state; EMPTY is about to fall asleep, or between two sleeps. */
enum {
    AT_CONDVAR = 1 << PARKER_PARKED_CONDVAR | 1 << PARKER_EMPTY,
    AT_UNDERSTUDY = 1 << PARKER_PARKED_UNDERSTUDY,
    ANYWHERE = ~0
};

/* Claims and wakes one sleeper at one of these places, but not `except`; false: there is none. */
static bool wake_one(struct pawl_runtime *rt, int places, const struct worker *except)
{
    for (int i = -1; (i = idle_next_asleep(&rt->idle, (unsigned)(i + 1))) != IDLE_NOBODY;) {
        struct worker *worker = &rt->workers[i];
        uint32_t place = load_relaxed_u32(&worker->parker->state); /* relaxed: a preference, no more */
        if (worker == except || (places & 1 << place) == 0 || !idle_claim(&rt->idle, (unsigned)i, true))
            continue;
        noise_point("idle.claim.claimed");
        pawl__unpark(worker->parker);
        runtime_count(rt, current_worker_of(rt), unparks, 1);
        return true;
    }
    return false;
}

static __attribute__((noinline)) void wake_somebody(struct pawl_runtime *rt)
{
    noise_point("idle.announce.sleeper_seen");
    /* Places change while we look; the last resort is whoever sleeps, so that no sleeper is missed. */
    if (!wake_one(rt, AT_CONDVAR, NULL) && !wake_one(rt, AT_UNDERSTUDY, NULL))
        wake_one(rt, ANYWHERE, NULL);
}

/* Left step 2 of edge idle.announce, by an awake worker or, NULL, by another thread. */
static inline void fence_announce(const struct pawl_runtime *rt, const struct worker *worker)
{
    (void)rt; /* the model checker's fences know no runtime */
    if (PAWL_LIKELY(worker != NULL))
        fence_light(&rt->fences);
    else
        fence_full(); /* edge idle.alone: it is counted nowhere */
}

static inline void notify(struct pawl_runtime *rt, const struct worker *worker)
{
    noise_point("idle.announce.queued");
    fence_announce(rt, worker);
    if (PAWL_UNLIKELY(idle_wants_wake(&rt->idle)))
        wake_somebody(rt);
}

/* A task bound to one worker. Edge idle.announce with the inbox for the queue. */
static void push_inbox(struct worker *worker, struct pawl_task *task, const struct worker *caller)
{
    struct pawl_runtime *rt = worker->runtime;
    pawl__fifo_push(&worker->inbox, &task->link);
    noise_point("inbox.count.pushed");
    fetch_add_acq_rel_u64(&worker->inbox_count, 1);
    fence_announce(rt, caller);
    if (idle_is_asleep(&rt->idle, worker->index) && idle_claim(&rt->idle, worker->index, true))
        pawl__unpark(worker->parker);
}

/* Of the tasks that wait here this worker takes one, unless it has one in hand; if there are more, another worker is to
 * see to them. */
static void share(struct worker *worker)
{
    uint64_t waiting = queue_length(&worker->queue) + queue_slot_length(&worker->queue);
    if (waiting > (worker->handed != NULL ? 0 : 1))
        notify(worker->runtime, worker);
}

/* Edge park.seat: an empty seat is to be taken by somebody who sleeps on a condvar. Whoever was woken for that may have
 * found work instead, so each that leaves the driver or stops searching asks again. */
static void see_to_seat(struct pawl_runtime *rt, const struct worker *except)
{
    if (idle_sleeping(&rt->idle) > 0 && load_seq_cst_u32(&rt->driver.understudy.taken) == 0)
        wake_one(rt, AT_CONDVAR, except);
}

/* The task that was made ready before, if it is still there, goes to the ring; those that timers have woken stay. */
static __attribute__((noinline)) void put_before_due(struct worker *worker, struct pawl_task *task)
{
    void *former = queue_take_slot(&worker->queue);
    task->next = held_first(former);
    if (former != NULL && !held_is_chain(former))
        task->next->next = NULL;
    if (worker->slot_has_front && task->next != NULL) {
        struct pawl_task *front = task->next;
        task->next = front->next;
        push_ring(worker, front);
    }
    worker->slot_has_front = true;
    pawl__queue_fill_slot(&worker->queue, task);
}

static inline void put_slot(struct worker *worker, struct pawl_task *task)
{
    if (PAWL_UNLIKELY(worker_slot_is_due(worker))) {
        put_before_due(worker, task);
        return;
    }
    struct pawl_task *former = queue_put_slot(&worker->queue, task);
    if (former != NULL)
        push_ring(worker, former);
}

static void add_woken(struct worker *worker, struct pawl_task *task)
{
    task->next = NULL;
    if (worker->woken.count++ == 0)
        worker->woken.first = task;
    else
        worker->woken.last->next = task;
    worker->woken.last = task;
}

void pawl__worker_begin_round(struct worker *worker)
{
    worker->current.in_callback = true;
}

void pawl__worker_end_round(struct worker *worker)
{
    worker->current.in_callback = false;
    if (worker->woken.count == 0)
        return;
    worker->slot_has_front = worker->slot_has_front && queue_has_slot(&worker->queue); /* a thief may have had it */
    pawl__queue_append_to_slot(&worker->queue, worker->woken.first);
    store_relaxed_u32(&worker->slot_is_due, 1); /* relaxed: a hint for others */
    worker->woken.count = 0;
}

void pawl__schedule(struct pawl_runtime *rt, struct worker *worker, struct pawl_task *task)
{
    if (PAWL_UNLIKELY(task->worker >= 0)) {
        push_inbox(&rt->workers[task->worker], task, worker);
    } else if (worker == NULL) {
        pawl__inject_push(&rt->inject, task);
        notify(rt, NULL);
    } else if (PAWL_LIKELY(worker->current.task != NULL)) {
        put_slot(worker, task);
        notify(rt, worker);
    } else if (worker->current.in_callback && worker->woken.count < WORKER_WOKEN_MAX) {
        add_woken(worker, task);
    } else {
        push_ring(worker, task); /* between tasks: who got us here calls share once for all that became ready */
    }
}

/* ---- the driver and the clock ---- */

/* Edge park.seat, for the driver: if others sleep, the understudy is to look after it. */
static void leave_driver(struct pawl_runtime *rt)
{
    pawl__driver_unlock(&rt->driver);
    noise_point("park.seat.driver_left");
    if (idle_sleeping(&rt->idle) > 0)
        pawl__understudy_set_alarm(&rt->driver.understudy);
    see_to_seat(rt, NULL);
}

static void turn_driver(struct worker *worker, uint64_t now_ns, bool calm)
{
    struct pawl_runtime *rt = worker->runtime;
    if (PAWL_UNLIKELY(rt->clock.kind == PAWL_CLOCK_MANUAL))
        now_ns = pawl__manual_move(rt);
    pawl__worker_begin_round(worker);
    counter_add(&worker->counters.overdue, pawl__driver_turn(&rt->driver, now_ns, calm));
    pawl__worker_end_round(worker);
    leave_driver(rt);
    counter_add(&worker->counters.turns, 1);
    share(worker);
}

static void turn_own_shard(struct worker *worker, uint64_t now_ns)
{
    struct pawl_runtime *rt = worker->runtime;
    if (load_relaxed_u64(&worker->shard->next_deadline) > now_ns) /* relaxed: ours, or soon looked at again */
        return;
    if (rt->clock.kind == PAWL_CLOCK_MANUAL) /* the one shard is the driver's, for the sake of the order */
        return;
    pawl__worker_begin_round(worker);
    bool published = pawl__shard_turn(worker->shard, clock_tick_at(&rt->clock, now_ns));
    pawl__worker_end_round(worker);
    /* relaxed: an earlier one has been told of by who armed it */
    if (published && pawl__driver_deadline_moved(&rt->driver, load_relaxed_u64(&worker->shard->next_deadline), true))
        counter_add(&worker->counters.driver_wakes, 1);
    share(worker);
}

static void close_shards(struct worker *worker)
{
    pawl__worker_begin_round(worker);
    pawl__runtime_close_shards(worker->runtime);
    pawl__worker_end_round(worker);
    share(worker);
}

/* About 50 us from look to look. Only after many looks that came too soon does it look less often: a hundred short tasks
 * between two long ones are no reason to. */
static void adapt_clock_interval(struct worker *worker, uint64_t passed_ns)
{
    enum { SOON_NS = 25000, WANTED_NS = 50000, LATE_NS = 75000, SOON_LOOKS = 256 };
    worker->soon_looks = passed_ns < SOON_NS ? worker->soon_looks + 1 : 0;
    if (worker->soon_looks == SOON_LOOKS) {
        worker->soon_looks = 0;
        worker->clock_interval *= 2;
        if (worker->clock_interval > WORKER_CLOCK_INTERVAL_MAX)
            worker->clock_interval = WORKER_CLOCK_INTERVAL_MAX;
    } else if (passed_ns > LATE_NS) {
        worker->clock_interval = (unsigned)(worker->clock_interval * (uint64_t)WANTED_NS / passed_ns);
        if (worker->clock_interval == 0)
            worker->clock_interval = 1;
    }
}

void pawl__worker_look_at_clock(struct worker *worker)
{
    enum { DRIVER_INTERVAL_NS = 100000 };
    struct pawl_runtime *rt = worker->runtime;
    uint64_t real_ns = monotonic_now_ns(), now_ns = clock_beside_monotonic(&rt->clock, real_ns);
    adapt_clock_interval(worker, real_ns - worker->clock_read_ns);
    worker->until_clock = worker->clock_interval;
    if (worker->clock_interval == WORKER_CLOCK_INTERVAL_MAX && worker->until_inject > 1)
        worker->until_clock = worker->until_inject; /* both on one way home */
    worker->clock_read_ns = real_ns;
    turn_own_shard(worker, now_ns);
    if (real_ns - pawl__driver_turned_at(&rt->driver) >= DRIVER_INTERVAL_NS && pawl__driver_try_lock(&rt->driver))
        turn_driver(worker, now_ns, false);
    if (PAWL_UNLIKELY(runtime_phase(rt) >= PHASE_CANCELLING))
        close_shards(worker);
}

/* ---- running a task ---- */

/* AWAKE -> FINISHED. current.task is NULL: what wakes up goes to the ring. */
static void conclude(struct worker *worker, struct pawl_task *task)
{
    if (pawl__task_finish(task))
        share(worker);
    runtime_count_finished(worker->runtime, worker);
}

/* The same, when nothing of the task is on its stack any more; the stack is not the task's from here on. */
static void finish(struct worker *worker, struct pawl_task *task)
{
    stack_unreserve(&worker->runtime->stacks, &worker->stacks);
    task->stack = NULL;
    conclude(worker, task);
}

static void begin(struct worker *worker, struct pawl_task *task)
{
    task_begin(task);
    counter_add(&worker->counters.runs, 1);
    worker->current.budget->left = worker->current.budget->full;
    worker->slice_began_ns = 0;
    worker->current.task = task;
    worker->handed = NULL;
}

static void queue_again(struct worker *worker, struct pawl_task *task)
{
    pawl__schedule(worker->runtime, worker, task);
    share(worker);
}

static __attribute__((noinline)) void see_off_for_good(struct worker *worker, struct pawl_task *task)
{
    struct stack *stack = task->stack;
    finish(worker, task);
    stack_put(&worker->runtime->stacks, &worker->stacks, stack);
}

/* Sees off the task that has left its stack for the one we are on, if it was a task: only now may others have it. */
static inline void see_off(struct worker *worker)
{
    struct pawl_task *task = worker->current.task;
    if (task == NULL)
        return;
    noise_point("task.state.left");
    worker->current.task = NULL;
    if (PAWL_LIKELY(worker->leave == LEAVE_SUSPENDED)) {
        if (PAWL_UNLIKELY(task_suspend(task)))
            queue_again(worker, task);
    } else if (worker->leave == LEAVE_YIELDED) {
        task_yield(task);
        queue_again(worker, task);
    } else {
        see_off_for_good(worker, task);
    }
}

/* A stackless task: one call, on the home stack. */
static void run_poll(struct worker *worker, struct pawl_task *task)
{
    begin(worker, task);
    worker->current.in_poll = true;
    bool ended = pawl__poll(task);
    worker->current.in_poll = false;
    noise_point("task.state.polled");
    worker->current.task = NULL;
    if (ended) {
        stack_dismiss(&worker->runtime->stacks);
        conclude(worker, task);
    } else if (task_suspend(task)) {
        queue_again(worker, task);
    }
}

/* On the stack of the task that was handed. */
static void arrive(void)
{
    struct worker *worker = pawl__current()->worker;
    see_off(worker);
    begin(worker, worker->handed);
}

/* The rest of a chain was nowhere to be found while we had it in hand: as in pawl__worker_take_injected. */
static __attribute__((noinline)) struct pawl_task *take_due(struct worker *worker, void *held)
{
    struct pawl_task *task = worker_unchain(worker, held);
    noise_point("queue.slot.in_hand");
    if (held_is_chain(held))
        notify(worker->runtime, worker);
    return task;
}

static inline struct pawl_task *take_own_slot(struct worker *worker)
{
    void *held = queue_take_slot(&worker->queue);
    return PAWL_LIKELY(!worker_slot_is_due(worker)) ? held : take_due(worker, held);
}

static __attribute__((noinline)) struct pawl_task *next_from_ring(struct worker *worker)
{
    worker->slot_runs = 0;
    struct pawl_task *task = pawl__queue_pop(&worker->queue);
    return task != NULL ? task : take_own_slot(worker);
}

/* The slot first, but not for ever. */
static inline struct pawl_task *next_own_task(struct worker *worker)
{
    struct pawl_task *task;
    if (worker->slot_runs < WORKER_SLOT_RUNS_MAX && (task = take_own_slot(worker)) != NULL) {
        worker->slot_runs++;
        return task;
    }
    return next_from_ring(worker);
}

struct pawl_task *pawl__worker_next_own(struct worker *worker)
{
    return next_own_task(worker);
}

/* Handed: the next own task, if home has nothing to do before it. */
static inline struct pawl_task *hand_next(struct worker *worker)
{
    if (worker->until_home == 1)
        return NULL;
    worker->handed = next_own_task(worker);
    if (worker->handed != NULL)
        worker->until_home--;
    return worker->handed;
}

static bool take_stack(struct worker *worker, struct pawl_task *task);

/* At its first run it takes the stack that spawn reserved. false: it is stackless, or the kernel has no memory for it
 * now. */
static inline bool ready_stack(struct worker *worker, struct pawl_task *task)
{
    return PAWL_LIKELY(task_has_run(task)) || take_stack(worker, task);
}

/* Leaves the task's stack for that of the next one, which was handed, or for home, which sees to the rest. */
static inline void leave_for(struct worker *worker, struct pawl_task *next, struct pawl_task *task, enum leave why)
{
    bool directly = next != NULL && ready_stack(worker, next);
    worker->leave = why;
    pawl__context_switch(&task->stack->context, directly ? &next->stack->context : &worker->home,
                         why == LEAVE_FINISHED);
    arrive();
}

static inline void leave(struct pawl_task *task, enum leave why)
{
    struct worker *worker = pawl__current()->worker;
    leave_for(worker, hand_next(worker), task, why);
}

CONTEXT_SWITCHES void pawl__task_suspend(struct pawl_task *task)
{
    leave(task, LEAVE_SUSPENDED);
}

CONTEXT_SWITCHES void pawl__task_yield(struct pawl_task *task)
{
    leave(task, LEAVE_YIELDED);
}

/* The task has returned. The next one can begin on its stack, without a switch, if it has not run yet either. */
static CONTEXT_SWITCHES void end(struct pawl_task *task)
{
    struct worker *worker = pawl__current()->worker;
    struct stack *stack = task->stack;
    struct pawl_task *next = hand_next(worker);
    if (next == NULL || next->stack != NULL || stack->arena == NULL)
        leave_for(worker, next, task, LEAVE_FINISHED);
    worker->current.task = NULL;
    finish(worker, task);
    next->stack = stack;
    begin(worker, next);
}

/* The bottom of each stack. A task that suspended may return on another worker than it began on. */
static void stack_main(void *unused)
{
    (void)unused;
    arrive();
    for (;;) {
        struct pawl_task *task = current_task();
        task->value = task->fn(task->value);
        end(task);
    }
}

static __attribute__((noinline)) bool take_stack(struct worker *worker, struct pawl_task *task)
{
    if (task_is_stackless(task))
        return false;
    if (task->stack == NULL)
        task->stack = stack_take(&worker->runtime->stacks, &worker->stacks);
    if (task->stack == NULL)
        return false;
    pawl__context_prepare(&task->stack->context, stack_main, NULL);
    return true;
}

static CONTEXT_SWITCHES void run_on_stack(struct worker *worker, struct pawl_task *task)
{
    if (!ready_stack(worker, task)) {
        pawl__schedule(worker->runtime, NULL, task); /* later, when others have given stacks back */
        return;
    }
    unsigned until_home = worker->until_clock < worker->until_inject ? worker->until_clock : worker->until_inject;
    worker->handed = task;
    worker->until_home = until_home;
    pawl__context_switch(&worker->home, &task->stack->context, false);
    see_off(worker); /* not always the one that was resumed */
    worker->until_clock -= until_home - worker->until_home;
    worker->until_inject -= until_home - worker->until_home;
}

static void run(struct worker *worker, struct pawl_task *task)
{
    if (task_is_stackless(task))
        run_poll(worker, task);
    else
        run_on_stack(worker, task);
    if (--worker->until_clock == 0)
        pawl__worker_look_at_clock(worker);
}

/* ---- finding the next task ---- */

struct pawl_task *pawl__worker_take_injected(struct worker *worker)
{
    enum { BATCH_MAX = QUEUE_CAPACITY / 4 };
    struct pawl_task *tasks[BATCH_MAX];
    struct pawl_runtime *rt = worker->runtime;
    int64_t length = inject_length(&rt->inject);
    if (length <= 0)
        return NULL;
    int64_t share = length / rt->worker_count + 1;
    unsigned count = pawl__inject_pop(&rt->inject, tasks, share > BATCH_MAX ? BATCH_MAX : (unsigned)share);
    if (count == 0)
        return NULL;
    noise_point("inject.count.in_hand");
    for (unsigned i = 1; i < count; i++)
        push_ring(worker, tasks[i]);
    if (count > 1) /* in our hands they were nowhere to be found: whoever looked meanwhile may have gone to sleep */
        notify(rt, worker);
    counter_add(&worker->counters.injected, count);
    return tasks[0];
}

static struct pawl_task *take_inbox(struct worker *worker)
{
    if (load_acquire_u64(&worker->inbox_count) == 0)
        return NULL;
    struct fifo_node *node = pawl__fifo_pop(&worker->inbox);
    if (node == NULL)
        return NULL;
    fetch_add_acq_rel_u64(&worker->inbox_count, UINT64_MAX);
    return PAWL_CONTAINER_OF(node, struct pawl_task, link);
}

static struct pawl_task *take_from_outside(struct worker *worker)
{
    struct pawl_task *task = take_inbox(worker);
    return task != NULL ? task : pawl__worker_take_injected(worker);
}

/* Own tasks first; those from outside when there are none, and now and then before them. */
static struct pawl_task *next_task(struct worker *worker)
{
    struct pawl_task *task = worker->handed;
    if (task != NULL) {
        worker->handed = NULL;
        return task;
    }
    if (--worker->until_inject == 0) {
        worker->until_inject = WORKER_INJECT_INTERVAL;
        if ((task = take_from_outside(worker)) != NULL) {
            worker->handed = task; /* what waits here waits longer than share thought */
            share(worker);
            worker->handed = NULL;
            return task;
        }
    }
    task = next_own_task(worker);
    return task != NULL ? task : take_from_outside(worker);
}

/* A searcher has found work. The last one passes the search on if there is more, since whoever queued something
 * meanwhile relied on it: edge idle.announce, with the end of the search for the announcement. */
static void stop_searching(struct worker *worker)
{
    struct pawl_runtime *rt = worker->runtime;
    noise_point("idle.announce.found");
    bool last = idle_stop_searching(&rt->idle);
    worker->searching = false;
    noise_point("idle.announce.search_ended");
    see_to_seat(rt, NULL);
    if (!last || idle_sleeping(&rt->idle) == 0)
        return;
    pawl__fence_heavy(&rt->fences);
    if (pawl__work_anywhere(rt))
        notify(rt, worker);
}

/* ---- parking ---- */

struct parking {
    struct worker *worker;
    bool nobody_searches;
};

/* Edge idle.announce, right step 3. */
static bool last_look(void *context)
{
    const struct parking *parking = context;
    struct pawl_runtime *rt = parking->worker->runtime;
    enum phase phase = runtime_phase(rt);
    if (phase == PHASE_STOPPED || (phase == PHASE_CANCELLING && load_acquire_u32(&rt->closing) == 0))
        return true;
    return load_acquire_u64(&parking->worker->inbox_count) > 0 || (parking->nobody_searches && pawl__work_anywhere(rt));
}

/* Edge park.seat, for the understudy: somebody who sleeps on a condvar is to take the seat. */
static void seat_left(void *context)
{
    const struct parking *parking = context;
    see_to_seat(parking->worker->runtime, parking->worker); /* which may itself still count as asleep */
}

/* Between two sleeps. */
static void note_spell(struct worker *worker)
{
    if (monotonic_now_ns() - worker->woke_ns > WORKER_BRIEF_NS)
        worker->brief_spells = 0;
    else if (worker->brief_spells < WORKER_BRIEF_SPELLS)
        worker->brief_spells++;
}

static bool all_others_sleep(void *context)
{
    const struct parking *parking = context;
    struct pawl_runtime *rt = parking->worker->runtime;
    return idle_sleeping(&rt->idle) == rt->worker_count; /* not >: it may be -1 for a moment */
}

/* result: of pawl__park. */
static void count_as_awake(struct worker *worker, unsigned result)
{
    worker->searching = (result & (PARK_NOTIFIED | PARK_WORK)) != 0;
    if ((result & PARK_NOTIFIED) == 0 && !idle_claim(&worker->runtime->idle, worker->index, worker->searching)) {
        pawl__park_for_token(worker->parker);
        worker->searching = true;
    }
    fence_full(); /* edge idle.alone, step 2 of who wakes up */
}

static void park(struct worker *worker)
{
    struct pawl_runtime *rt = worker->runtime;
    struct parking parking = {.worker = worker};
    const struct park_host host = {
        .last_look = last_look, .seat_left = seat_left, .alone = all_others_sleep, .context = &parking};
    if (rt->hooks.before_park != NULL)
        rt->hooks.before_park(rt->hooks.context, (int)worker->index);
    note_spell(worker);
    parking.nobody_searches = idle_announce(&rt->idle, worker->index, worker->searching);
    noise_point("idle.announce.asleep");
    pawl__runtime_quiet(rt);
    unsigned result = pawl__park(worker->parker, &host);
    noise_point("idle.claim.awake");
    count_as_awake(worker, result);
    counter_add(&worker->counters.parks, 1);
    /* relaxed: only we write it */
    store_relaxed_u64(&worker->counters.rescues, worker->parker->rescues);
    if (rt->hooks.after_park != NULL)
        rt->hooks.after_park(rt->hooks.context, (int)worker->index);
    worker->clock_read_ns = worker->woke_ns = monotonic_now_ns();
    if ((result & PARK_DRIVER_HELD) != 0) { /* calm only if there is an understudy to see to the rest */
        bool calm = worker->brief_spells == WORKER_BRIEF_SPELLS && idle_sleeping(&rt->idle) > 0;
        turn_driver(worker, clock_beside_monotonic(&rt->clock, worker->clock_read_ns), calm);
    }
}

/* ---- the thread ---- */

static void set_up_thread(struct worker *worker)
{
    char name[TASK_NAME_SIZE];
    struct pawl_runtime *rt = worker->runtime;
    pawl__current_set(&worker->current);
    pawl__fatal_hook(&rt->hooks);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* else the kernel rounds each sleep up by 50 us */
    snprintf(name, sizeof name, "%.10s-%u", rt->name, worker->index);
    pthread_setname_np(pthread_self(), name);
    worker->clock_read_ns = monotonic_now_ns();
    if (rt->hooks.thread_start != NULL)
        rt->hooks.thread_start(rt->hooks.context, (int)worker->index);
}

static struct pawl_task *find_task(struct worker *worker)
{
    struct pawl_task *task = next_task(worker);
    if (task == NULL && !worker->searching)
        worker->searching = idle_try_search(&worker->runtime->idle);
    if (task == NULL && worker->searching)
        task = pawl__worker_search(worker);
    if (task != NULL && worker->searching)
        stop_searching(worker);
    return task;
}

void *pawl__worker_main(void *arg)
{
    struct worker *worker = arg;
    struct pawl_runtime *rt = worker->runtime;
    set_up_thread(worker);
    while (runtime_phase(rt) != PHASE_STOPPED) {
        struct pawl_task *task = find_task(worker);
        if (task != NULL) {
            run(worker, task);
            continue;
        }
        if (runtime_phase(rt) == PHASE_CANCELLING && load_acquire_u32(&rt->closing) == 0)
            close_shards(worker);
        else
            park(worker);
    }
    if (rt->hooks.thread_stop != NULL)
        rt->hooks.thread_stop(rt->hooks.context, (int)worker->index);
    pawl__current_set(NULL);
    return NULL;
}
