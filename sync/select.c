/* Select: a wait for each case, under one lead (sched/waiter.h).
 *
 * The cases are attempted, and if none can be done queued, under the locks of all their objects, which are taken in the
 * order of their addresses. So nothing happens between the first attempt and the last queueing, and whoever comes
 * later finds a waiter that waits for all: two selects that could serve each other never both initiate.
 * From there on the others act: each claims under its own lock, and the first is chosen. Who gives up claims for
 * nobody. Then the waits that were not chosen are withdrawn, one by one. */
#include <pawl/select.h>

#include "base/noise.h"
#include "base/random.h"
#include "sched/alarm.h"
#include "sched/join.h"
#include "sched/poll.h"
#include "sched/runtime.h"
#include "sync/channel.h"
#include "sync/notify.h"
#include "sync/oneshot.h"
#include "sync/token.h"

/* Access: C while it is pending; the first case's lead is that of all. */
struct case_private {
    uint64_t pending; /* 1: of a select_poll that has begun; the first case's only */
    struct waiter lead;
    union {
        struct wait wait;   /* .kind NULL: nothing to wait for */
        struct alarm alarm; /* of a case with a deadline, in a select_poll */
    } u;
};

_Static_assert(sizeof(struct case_private) <= sizeof((struct pawl_case *)0)->pawl_private, "it fits");

struct selection {
    struct pawl_case *cases;
    size_t count;
    uint8_t order[PAWL_CASES_MAX]; /* the cases that wait; see is_before */
    size_t waits;                  /* how many these are */
    uint64_t deadline_ns;          /* nearest of all */
    int at_deadline;               /* index of its case; or -ETIMEDOUT, the call's own */
};

static struct case_private *private_of(const struct pawl_case *c)
{
    return (struct case_private *)(uintptr_t)c->pawl_private;
}

static struct wait *wait_at(const struct selection *s, size_t index)
{
    return &private_of(&s->cases[index])->u.wait;
}

static struct waiter *lead_of(const struct selection *s)
{
    return &private_of(s->cases)->lead;
}

/* ---- joins ---- */

static int attempt_join(struct wait *wait, struct claimed *claimed)
{
    (void)claimed;
    return task_life(wait->object) == TASK_FINISHED ? 0 : -EAGAIN;
}

static int queue_join(struct wait *wait, struct claimed *claimed)
{
    (void)claimed;
    return pawl__task_add_waiter_locked(wait->object, &wait->waiter) ? WAIT_QUEUED : 0;
}

static const struct wait_kind join_kind = {.attempt = attempt_join, .queue = queue_join};

static struct wait wait_for_end(struct pawl_task *task)
{
    return (struct wait){.kind = &join_kind, .lock = &task->lock, .object = task};
}

/* ---- setting up ---- */

static struct wait wait_of_case(const struct pawl_case *c)
{
    switch (c->kind) {
    case PAWL_CASE_SEND:
        return pawl__channel_send_wait(c->object, c->data);
    case PAWL_CASE_RECEIVE:
        return pawl__channel_receive_wait(c->object, c->data);
    case PAWL_CASE_ONESHOT:
        return pawl__oneshot_wait(c->object, c->data);
    case PAWL_CASE_NOTIFY:
        return pawl__notify_wait(c->object);
    case PAWL_CASE_SEMAPHORE:
        return permits_wait(c->object, (uint32_t)c->number);
    case PAWL_CASE_TOKEN:
        return pawl__token_wait(c->object);
    case PAWL_CASE_JOIN:
        return wait_for_end(c->object);
    default:
        return (struct wait){.kind = NULL};
    }
}

static int check_case(const struct pawl_case *c)
{
    bool ok = c->object != NULL;
    switch (c->kind) {
    case PAWL_CASE_NONE:
    case PAWL_CASE_DEADLINE:
        return 0;
    case PAWL_CASE_SEND:
    case PAWL_CASE_RECEIVE:
        ok = ok && c->data != NULL;
        break;
    case PAWL_CASE_SEMAPHORE:
        ok = ok && c->number > 0 && c->number <= permits_limit(c->object);
        break;
    case PAWL_CASE_JOIN:
        return ok ? pawl__task_may_join(c->object) : -EINVAL;
    case PAWL_CASE_ONESHOT:
    case PAWL_CASE_NOTIFY:
    case PAWL_CASE_TOKEN:
        break;
    default:
        ok = false;
    }
    return ok ? 0 : -EINVAL;
}

static int check(const struct pawl_case *cases, size_t count)
{
    int error = cases == NULL || count == 0 || count > PAWL_CASES_MAX ? -EINVAL : 0;
    for (size_t i = 0; error == 0 && i < count; i++)
        error = check_case(&cases[i]);
    return error;
}

/* By their locks. Of several waits for one semaphore the smallest is the first: in the queue it would have to wait for
 * those before it, and what suffices for it alone would never be had. */
static bool is_before(const struct wait *wait, const struct wait *other)
{
    return wait->lock != other->lock ? wait->lock < other->lock : wait->count < other->count;
}

/* Insertion: there are few, and often in order already. */
static void add_in_order(struct selection *s, size_t index)
{
    size_t at = s->waits++;
    for (; at > 0 && is_before(wait_at(s, index), wait_at(s, s->order[at - 1])); at--)
        s->order[at] = s->order[at - 1];
    s->order[at] = (uint8_t)index;
}

static void find_deadline(struct selection *s, uint64_t deadline_ns)
{
    s->deadline_ns = deadline_ns;
    s->at_deadline = -ETIMEDOUT;
    for (size_t i = s->count; i-- > 0;) {
        const struct pawl_case *c = &s->cases[i];
        if (c->kind == PAWL_CASE_DEADLINE && c->number <= s->deadline_ns) {
            s->deadline_ns = c->number;
            s->at_deadline = (int)i;
        }
    }
}

/* What can be found again at each poll. */
static void look(struct selection *s, struct pawl_case *cases, size_t count, uint64_t deadline_ns)
{
    s->cases = cases;
    s->count = count;
    s->waits = 0;
    find_deadline(s, deadline_ns);
}

static void set_up(struct selection *s, struct pawl_case *cases, size_t count, uint64_t deadline_ns)
{
    look(s, cases, count, deadline_ns);
    waiter_init(lead_of(s));
    for (size_t i = 0; i < count; i++) {
        struct wait *wait = wait_at(s, i);
        *wait = wait_of_case(&cases[i]);
        cases[i].status = 0;
        if (wait->kind == NULL)
            continue;
        wait->waiter.lead = lead_of(s);
        wait->waiter.number = (uint32_t)i + 1;
        add_in_order(s, i);
    }
}

/* ---- beginning, under all locks ---- */

static bool same_lock_as_former(const struct selection *s, size_t i)
{
    return i > 0 && wait_at(s, s->order[i - 1])->lock == wait_at(s, s->order[i])->lock;
}

static void lock_all(const struct selection *s)
{
    for (size_t i = 0; i < s->waits; i++)
        if (!same_lock_as_former(s, i))
            lock_acquire(wait_at(s, s->order[i])->lock);
}

static void unlock_all(const struct selection *s)
{
    for (size_t i = s->waits; i-- > 0;)
        if (!same_lock_as_former(s, i))
            lock_release(wait_at(s, s->order[i])->lock);
}

/* An order to try things in, shuffled as far as it is used: of what can be done each is as likely. */
struct shuffle {
    struct random random;
    size_t count;
    uint8_t order[PAWL_CASES_MAX];
};

static void shuffle_init(struct shuffle *shuffle, size_t count)
{
    struct current *current = pawl__current();
    bool inside = current != NULL && current->worker != NULL;
    random_init(&shuffle->random, inside ? random_next(&current->worker->random) : monotonic_now_ns(), 0);
    shuffle->count = count;
    for (size_t i = 0; i < count; i++)
        shuffle->order[i] = (uint8_t)i;
}

/* The i-th, in turn. */
static size_t shuffle_next(struct shuffle *shuffle, size_t i)
{
    size_t j = i + random_below(&shuffle->random, (uint32_t)(shuffle->count - i));
    uint8_t next = shuffle->order[j];
    shuffle->order[j] = shuffle->order[i];
    return next;
}

/* The index of a case that is done now, or -EAGAIN. */
static int attempt_all(const struct selection *s, struct claimed *claimed)
{
    struct shuffle shuffle;
    shuffle_init(&shuffle, s->waits);
    for (size_t i = 0; i < s->waits; i++) {
        size_t index = s->order[shuffle_next(&shuffle, i)];
        struct wait *wait = wait_at(s, index);
        int result = wait->kind->attempt(wait, claimed);
        if (result == -EAGAIN)
            continue;
        s->cases[index].status = result;
        return (int)index;
    }
    return -EAGAIN;
}

static void withdraw_locked(struct wait *wait, struct claimed *claimed)
{
    list_remove(&wait->waiter.link);
    if (wait->kind->withdrawn != NULL)
        wait->kind->withdrawn(wait, claimed);
}

/* WAIT_QUEUED; or the index of a case that is done after all, and nothing is queued. */
static int queue_all(const struct selection *s, struct claimed *claimed)
{
    for (size_t i = 0; i < s->waits; i++) {
        struct wait *wait = wait_at(s, s->order[i]);
        int result = wait->kind->queue(wait, claimed);
        if (result == WAIT_QUEUED)
            continue;
        s->cases[s->order[i]].status = result;
        for (size_t j = i; j-- > 0;)
            withdraw_locked(wait_at(s, s->order[j]), claimed);
        return s->order[i];
    }
    return WAIT_QUEUED;
}

/* Most often something can be done. So the cases are attempted one by one first, each under its own lock only, before
 * anything is set up: -EAGAIN says no more than that it is time to look at all of them at once. */
static int attempt_each(struct pawl_case *cases, size_t count)
{
    struct shuffle shuffle;
    shuffle_init(&shuffle, count);
    for (size_t i = 0; i < count; i++) {
        size_t index = shuffle_next(&shuffle, i);
        struct wait wait = wait_of_case(&cases[index]);
        struct claimed claimed = {NULL, NULL};
        if (wait.kind == NULL)
            continue;
        lock_acquire(wait.lock);
        int result = wait.kind->attempt(&wait, &claimed);
        lock_release(wait.lock);
        waiters_grant(&claimed, OUTCOME_GRANTED);
        if (result == -EAGAIN || result == WAIT_PREPARE)
            continue;
        cases[index].status = result;
        return (int)index;
    }
    return -EAGAIN;
}

/* The index of the case that is done, WAIT_QUEUED, -EAGAIN if it may not queue, or an errno. */
static int begin(const struct selection *s, bool may_queue)
{
    for (;;) {
        struct claimed claimed = {NULL, NULL};
        lock_all(s);
        int index = attempt_all(s, &claimed);
        if (index == -EAGAIN && may_queue)
            index = queue_all(s, &claimed);
        unlock_all(s);
        noise_point("select.begun");
        waiters_grant(&claimed, OUTCOME_GRANTED);
        if (index < 0 || index == WAIT_QUEUED || s->cases[index].status != WAIT_PREPARE)
            return index;
        s->cases[index].status = 0;
        int error = wait_at(s, (size_t)index)->kind->prepare(wait_at(s, (size_t)index));
        if (error != 0)
            return error;
    }
}

/* ---- ending ---- */

/* But the one with that index, whose object may be gone; -1: all. */
static void withdraw_all_but(const struct selection *s, int index)
{
    for (size_t i = 0; i < s->count; i++)
        if ((int)i != index && s->cases[i].kind != PAWL_CASE_DEADLINE && wait_at(s, i)->kind != NULL)
            pawl__wait_withdraw(wait_at(s, i));
}

/* No case is chosen, and none will be. false: one was before. */
static bool leave(const struct selection *s)
{
    if (!waiter_leave(lead_of(s)))
        return false;
    withdraw_all_but(s, -1);
    return true;
}

/* The outcome is there: which case it is. */
static int chosen_of(const struct selection *s)
{
    int outcome = waiter_outcome(lead_of(s));
    int index = (int)load_relaxed_u32(&lead_of(s)->chosen) - 1; /* relaxed: it was chosen before the outcome came */
    s->cases[index].status = outcome < 0 ? outcome : 0;
    withdraw_all_but(s, index);
    return index;
}

/* What a case does beyond its status, once it has happened; index may be an errno. */
static int finish(const struct pawl_case *cases, int index)
{
    if (index < 0 || index == WAIT_QUEUED || cases[index].kind != PAWL_CASE_JOIN)
        return index;
    void *result = pawl__task_take_result(cases[index].object);
    if (cases[index].data != NULL)
        *(void **)cases[index].data = result;
    return index;
}

static int end(const struct selection *s)
{
    struct waiter *lead = lead_of(s);
    int error = pawl__deadline_passed(lead->task, s->deadline_ns);
    if (error == 0)
        error = pawl__waiter_wait(lead, s->deadline_ns, true);
    noise_point("waiter.chosen.ended");
    if (error != 0 && leave(s))
        return error == -ETIMEDOUT ? s->at_deadline : pawl__cut_short(lead->task, error);
    if (error != 0)
        pawl__waiter_wait(lead, PAWL_NEVER, false);
    return chosen_of(s);
}

int pawl_select_until(struct pawl_case *cases, size_t count, uint64_t deadline_ns)
{
    struct selection s;
    int error = await_enter();
    if (error != 0 || (error = check(cases, count)) != 0)
        return error;
    int index = attempt_each(cases, count);
    if (index == -EAGAIN) {
        set_up(&s, cases, count, deadline_ns);
        index = begin(&s, true);
    }
    return finish(cases, index == WAIT_QUEUED ? end(&s) : index);
}

int pawl_select(struct pawl_case *cases, size_t count)
{
    return pawl_select_until(cases, count, PAWL_NEVER);
}

int pawl_select_try(struct pawl_case *cases, size_t count)
{
    struct selection s;
    int error = check(cases, count);
    if (error != 0)
        return error;
    set_up(&s, cases, count, PAWL_NEVER);
    int index = begin(&s, false);
    if (index == -EAGAIN && s.at_deadline >= 0 && s.deadline_ns <= wait_now_ns(current_task()))
        index = s.at_deadline;
    return finish(cases, index);
}

/* ---- the poll form ---- */

/* The nearest deadline has an alarm, in the private part of its case. */
static struct alarm *alarm_of(const struct selection *s)
{
    return s->at_deadline < 0 ? NULL : &private_of(&s->cases[s->at_deadline])->u.alarm;
}

static void stop(const struct selection *s, struct pawl_task *task)
{
    private_of(s->cases)->pending = 0;
    if (alarm_of(s) != NULL)
        pawl__alarm_stop(alarm_of(s), task);
}

/* Somebody chose: which case it is. */
static int await_chosen(const struct selection *s, struct pawl_task *task)
{
    pawl__waiter_await_grant(lead_of(s));
    stop(s, task);
    return finish(s->cases, chosen_of(s));
}

static bool deadline_came(const struct selection *s, struct pawl_task *task)
{
    return alarm_of(s) != NULL && pawl__alarm_rang(alarm_of(s), task);
}

/* PENDING, or *index. */
static enum pawl_poll poll_pending(const struct selection *s, struct pawl_task *task, int *index)
{
    if (waiter_outcome(lead_of(s)) == OUTCOME_NONE) {
        int error = pawl__interruption(task);
        if (error == 0 && !deadline_came(s, task))
            return PAWL_PENDING;
        if (leave(s)) {
            stop(s, task);
            *index = error != 0 ? error : s->at_deadline;
            return PAWL_READY;
        }
    }
    *index = await_chosen(s, task);
    return PAWL_READY;
}

enum pawl_poll pawl_select_poll(struct pawl_case *cases, size_t count, struct pawl_context *cx, int *index)
{
    struct selection s;
    if ((*index = pawl__poll_belongs(cx)) != 0 || (*index = check(cases, count)) != 0)
        return PAWL_READY;
    if (private_of(cases)->pending != 0) {
        look(&s, cases, count, PAWL_NEVER);
        *index = -EINVAL;
        return lead_of(&s)->task == cx->task ? poll_pending(&s, cx->task, index) : PAWL_READY;
    }
    if ((*index = pawl__poll_enter(cx)) != 0)
        return *index == POLL_LATER ? PAWL_PENDING : PAWL_READY;
    set_up(&s, cases, count, PAWL_NEVER);
    *index = finish(cases, begin(&s, true));
    if (*index != WAIT_QUEUED)
        return PAWL_READY;
    private_of(cases)->pending = 1;
    if (alarm_of(&s) != NULL)
        pawl__alarm_start(alarm_of(&s), cx->task, s.deadline_ns);
    return PAWL_PENDING;
}

int pawl_select_cancel(struct pawl_case *cases, size_t count, int *index)
{
    struct selection s;
    if (cases == NULL || count == 0 || count > PAWL_CASES_MAX)
        return -EINVAL;
    if (private_of(cases)->pending == 0)
        return 0;
    look(&s, cases, count, PAWL_NEVER);
    struct pawl_task *task = lead_of(&s)->task;
    if (leave(&s)) {
        stop(&s, task);
        return 0;
    }
    int chosen = await_chosen(&s, task);
    if (index != NULL)
        *index = chosen;
    return -EALREADY;
}
