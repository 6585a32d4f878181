#include "stress/chores.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct item {
    struct chores *chores;
    struct random random;
    uint64_t id;
    unsigned depth; /* a task may spawn so many generations */
    struct pawl_timer timer;
};

void chores_init(struct chores *chores, struct pawl_runtime *rt)
{
    *chores = (struct chores){.rt = rt, .ledger = stress_ledger_create(CHORES_ITEMS_MAX)};
}

/* NULL: the ledger is full. */
static struct item *item_create(struct chores *chores, struct random *r)
{
    uint64_t id;
    if (pawl_ledger_issue(chores->ledger, &id) != 0)
        return NULL;
    struct item *item = stress_allocate(sizeof *item);
    item->chores = chores;
    item->id = id;
    item->random = random_seeded(random_next(r), id);
    return item;
}

/* The item's function has been called. */
static void settle(struct item *item)
{
    int result = pawl_ledger_settle(item->chores->ledger, item->id);
    CHECK(result == 0, "item %" PRIu64 " came twice, or although it was refused", item->id);
}

/* What the call that was to accept the item returned. True if it has. The item is not to be touched after that. */
static bool note_answer(struct chores *chores, struct item *item, uint64_t id, int result, const char *call)
{
    if (result == 0) {
        atomic_fetch_add(&chores->accepted, 1);
        return true;
    }
    CHECK(result == atomic_load(&chores->allowed), "%s returned %d", call, result);
    CHECK(pawl_ledger_refuse(chores->ledger, id) == 0, "item %" PRIu64 " came although %s returned %d", id, call,
          result);
    atomic_fetch_add(&chores->refused, 1);
    free(item);
    return false;
}

/* ---- timers ---- */

static void check_status(const struct chores *chores, int status)
{
    CHECK(status == 0 || (status == -ESHUTDOWN && atomic_load(&chores->closing)), "a callback got status %d", status);
}

static void ring(struct pawl_timer *timer, void *arg, int status)
{
    struct item *item = arg;
    (void)timer;
    check_status(item->chores, status);
    settle(item);
    free(item);
}

static void call_after(void *arg, int status)
{
    struct item *item = arg;
    check_status(item->chores, status);
    settle(item);
    free(item);
}

static uint64_t draw_delay(struct random *r)
{
    return random_once_in(r, 4) ? PAWL_SEC(1000) : PAWL_US(random_below(r, 300));
}

static void arm_timer(struct chores *chores, struct pawl_runtime *rt, struct random *r)
{
    struct item *item = item_create(chores, r);
    if (item == NULL)
        return;
    uint64_t id = item->id;
    pawl_timer_init(&item->timer, ring, item);
    int result = pawl_timer_arm(rt, &item->timer, pawl_now(NULL) + draw_delay(r));
    CHECK(result == 0, "pawl_timer_arm, which needs nothing, returned %d", result);
    note_answer(chores, item, id, result, "pawl_timer_arm");
}

static void ask_after(struct chores *chores, struct pawl_runtime *rt, struct random *r)
{
    struct item *item = item_create(chores, r);
    if (item == NULL)
        return;
    uint64_t id = item->id;
    note_answer(chores, item, id, pawl_after(rt, draw_delay(r), call_after, item, NULL), "pawl_after");
}

/* ---- tasks ---- */

static void *work(void *arg);

/* Spawns; true, and the handle, if it was accepted. */
static bool start(struct chores *chores, struct pawl_runtime *rt, struct random *r, unsigned depth,
                  struct pawl_task **task)
{
    struct pawl_task_options o;
    struct item *item = item_create(chores, r);
    if (item == NULL)
        return false;
    uint64_t id = item->id;
    item->depth = depth;
    pawl_task_options_init(&o);
    o.name = "chore";
    if (random_once_in(r, 3))
        o.stack_size = (size_t)64 * 1024;
    return note_answer(chores, item, id, pawl_spawn_with(rt, &o, work, item, task), "pawl_spawn_with");
}

static void *be_called(void *arg)
{
    settle(arg);
    return arg;
}

/* The item is the caller's, whether the function is called or not. */
static void block(struct chores *chores, struct random *r)
{
    void *value = NULL;
    struct item *item = item_create(chores, r);
    if (item == NULL)
        return;
    int result = pawl_block(be_called, item, &value);
    if (result == 0) {
        CHECK(value == item, "pawl_block delivered another result");
        atomic_fetch_add(&chores->accepted, 1);
    } else {
        int allowed = atomic_load(&chores->allowed_block);
        CHECK(result == allowed, "pawl_block returned %d", result);
        CHECK(pawl_ledger_refuse(chores->ledger, item->id) == 0, "a function was called although pawl_block failed");
        atomic_fetch_add(&chores->refused, 1);
    }
    free(item);
}

static void spawn_and_join(struct item *item)
{
    struct pawl_task *child;
    void *value = NULL;
    if (item->depth == 0 || !start(item->chores, NULL, &item->random, item->depth - 1, &child))
        return;
    CHECK(pawl_join(child, &value) == 0 && value == item->chores, "pawl_join failed");
}

static void *work(void *arg)
{
    struct item *item = arg;
    struct chores *chores = item->chores;
    settle(item);
    for (uint64_t steps = random_below(&item->random, 5); steps > 0; steps--) {
        switch (random_below(&item->random, 6)) {
        case 0:
            CHECK(pawl_sleep(PAWL_US(random_below(&item->random, 100))) == 0, "pawl_sleep did not return 0");
            break;
        case 1:
            block(chores, &item->random);
            break;
        case 2:
            arm_timer(chores, NULL, &item->random);
            break;
        case 3:
            ask_after(chores, NULL, &item->random);
            break;
        default:
            spawn_and_join(item);
            break;
        }
    }
    free(item);
    return chores;
}

/* ---- for the scenarios ---- */

void chores_do(struct chores *chores, uint64_t seed, uint64_t tasks)
{
    struct random r = random_seeded(seed, 0);
    struct pawl_task **handles = stress_allocate(tasks * sizeof *handles);
    uint64_t accepted = 0;
    for (uint64_t i = 0; i < tasks; i++) {
        accepted += start(chores, chores->rt, &r, 2, &handles[accepted]);
        if (random_once_in(&r, 8))
            arm_timer(chores, chores->rt, &r);
        if (random_once_in(&r, 8))
            ask_after(chores, chores->rt, &r);
    }
    for (uint64_t i = 0; i < accepted; i++) {
        void *value = NULL;
        CHECK(pawl_join(handles[i], &value) == 0 && value == chores, "pawl_join from a thread failed");
    }
    free(handles);
}

void chores_end(struct chores *chores, uint64_t grace_ns)
{
    atomic_store(&chores->closing, true);
    stress_runtime_shutdown(chores->rt, grace_ns);
    stress_ledger_check(chores->ledger, "chores");
    stress_runtime_destroy(chores->rt);
}
