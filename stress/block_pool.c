/* Blocking calls from many tasks, at the cap of the blocking pool, with cancellations.
 *
 * Conserved: pawl_block returns 0 and its function was called once, or returns an error and it is never called. No more
 * functions run at once than the pool may have threads. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "stress.h"

#define MANAGERS 3
#define TASKS_PER_MANAGER 12
#define BLOCKS_MAX 12
#define CAP_MAX 6

enum { TASKS, BLOCKS, CALLED, CANCELLED, NESTED, SPAWNED, SPAWNED_RUN, INSIDE_MAX, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [TASKS] = "tasks",   [BLOCKS] = "blocks",   [CALLED] = "called",           [CANCELLED] = "cancelled",
    [NESTED] = "nested", [SPAWNED] = "spawned", [SPAWNED_RUN] = "spawned_run", [INSIDE_MAX] = "inside_max",
};

struct pool {
    const struct round *round;
    struct pawl_runtime *rt;
    uint64_t cap;
    _Atomic uint64_t inside;
};

/* In the heap and freed at once, so that a call too late is a touch of freed memory. */
struct errand {
    struct pool *pool;
    struct random random;
    uint64_t calls;
};

struct client {
    struct pool *pool;
    struct random random;
    void *token;
};

static void *run_in_place(void *arg)
{
    count(NESTED);
    return arg;
}

static void *run_spawned(void *arg)
{
    count(SPAWNED_RUN);
    return arg;
}

/* What a blocking function may do besides blocking. */
static void use_runtime(struct errand *errand)
{
    struct pawl_task *task;
    void *value = NULL;
    switch (random_below(&errand->random, 8)) {
    case 0:
        CHECK(pawl_block(run_in_place, errand, &value) == 0 && value == errand,
              "pawl_block in a blocking function failed");
        break;
    case 1:
        count(SPAWNED);
        CHECK(pawl_spawn(NULL, run_spawned, errand->pool, &task) == 0, "pawl_spawn did not return 0");
        CHECK(pawl_join(task, &value) == 0 && value == errand->pool, "pawl_join in a blocking function failed");
        break;
    case 2:
        count(SPAWNED);
        CHECK(pawl_spawn(NULL, run_spawned, NULL, NULL) == 0, "pawl_spawn did not return 0");
        break;
    case 3:
        CHECK(pawl_sleep(PAWL_US(random_below(&errand->random, 200))) == 0, "pawl_sleep did not return 0");
        break;
    default:
        break;
    }
}

static void *run_errand(void *arg)
{
    struct errand *errand = arg;
    struct pool *pool = errand->pool;
    uint64_t inside = atomic_fetch_add(&pool->inside, 1) + 1;
    CHECK(inside <= pool->cap, "%" PRIu64 " blocking functions run at once, %" PRIu64 " may", inside, pool->cap);
    stress_count_max(INSIDE_MAX, inside);
    CHECK(pawl_current() == pool->rt, "pawl_current in a blocking function is another runtime");
    CHECK(pawl_worker_index() == -1, "a blocking function runs on worker %d", pawl_worker_index());
    errand->calls++;
    count(CALLED);
    use_runtime(errand);
    if (random_once_in(&errand->random, 2))
        stress_sleep(PAWL_US(random_below(&errand->random, 300)));
    atomic_fetch_sub(&pool->inside, 1);
    return errand;
}

/* True if the task is to end. */
static bool block_once(struct client *client)
{
    struct random *r = &client->random;
    bool shielded = random_once_in(r, 8);
    struct errand *errand = stress_allocate(sizeof *errand);
    void *value = NULL;
    *errand = (struct errand){.pool = client->pool, .random = random_seeded(random_next(r), 0)};
    if (shielded)
        pawl_shield_begin();
    bool was_cancelled = pawl_cancelled();
    int result = pawl_block(run_errand, errand, &value);
    count(BLOCKS);
    if (result == 0) {
        CHECK(!was_cancelled, "pawl_block of a cancelled task returned 0");
        CHECK(errand->calls == 1, "a blocking function was called %" PRIu64 " times", errand->calls);
        CHECK(value == errand, "pawl_block delivered another result");
    } else {
        CHECK(result == -ECANCELED && pawl_cancelled(), "pawl_block returned %d", result);
        CHECK(errand->calls == 0, "a blocking function was called although pawl_block returned %d", result);
    }
    if (shielded)
        pawl_shield_end();
    free(errand);
    return result != 0;
}

static void *serve_client(void *arg)
{
    struct client *client = arg;
    void *token = client->token;
    for (uint64_t blocks = 1 + random_below(&client->random, BLOCKS_MAX); blocks > 0; blocks--) {
        if (block_once(client))
            break;
        pawl_noise_point(__func__);
    }
    free(client);
    return token;
}

/* ---- managers: plain threads that keep a number of tasks at it ---- */

struct manager {
    struct pool *pool;
    uint64_t index;
    pthread_t thread;
};

struct handle {
    struct pawl_task *task;
    void *token;
};

static void hire(struct pool *pool, struct handle *handle, struct random *r)
{
    struct client *client = stress_allocate(sizeof *client);
    *client = (struct client){pool, random_seeded(random_next(r), 0), (void *)(uintptr_t)(random_next(r) | 1)};
    handle->token = client->token;
    count(TASKS);
    CHECK(pawl_spawn(pool->rt, serve_client, client, &handle->task) == 0, "pawl_spawn did not return 0");
}

static void dismiss(const struct handle *handle, struct random *r)
{
    void *value = NULL;
    if (random_once_in(r, 3)) {
        int result = pawl_task_cancel(handle->task);
        CHECK(result == 0 || result == -EALREADY, "pawl_task_cancel returned %d", result);
        count(CANCELLED);
    }
    CHECK(pawl_join(handle->task, &value) == 0 && value == handle->token, "pawl_join delivered another result");
}

static void *manage(void *arg)
{
    const struct manager *manager = arg;
    struct handle handles[TASKS_PER_MANAGER];
    struct random r = random_seeded(manager->pool->round->seed, manager->index);
    void *value = NULL;
    for (int i = 0; i < TASKS_PER_MANAGER; i++)
        hire(manager->pool, &handles[i], &r);
    while (!round_is_over(manager->pool->round)) {
        struct handle *handle = &handles[random_below(&r, TASKS_PER_MANAGER)];
        dismiss(handle, &r);
        hire(manager->pool, handle, &r);
        pawl_noise_point(__func__);
        CHECK(pawl_block(run_in_place, handle, &value) == 0 && value == handle, "pawl_block in a plain thread failed");
    }
    for (int i = 0; i < TASKS_PER_MANAGER; i++)
        dismiss(&handles[i], &r);
    return NULL;
}

static void run(const struct round *round)
{
    struct random r = random_seeded(round->seed, 1000);
    struct pool pool = {.round = round, .cap = 1 + random_below(&r, CAP_MAX)};
    struct manager managers[MANAGERS];
    struct pawl_options o;
    stress_options(&o, round);
    o.blocking_threads_max = (unsigned)pool.cap;
    pool.rt = stress_runtime_create(&o);
    for (uint64_t i = 0; i < MANAGERS; i++) {
        managers[i].pool = &pool;
        managers[i].index = i;
        stress_thread_start(&managers[i].thread, manage, &managers[i]);
    }
    for (uint64_t i = 0; i < MANAGERS; i++)
        stress_thread_join(managers[i].thread);
    stress_wait_equal(SPAWNED, SPAWNED_RUN, "waiting for tasks that blocking functions spawned");
    stress_runtime_shutdown(pool.rt, PAWL_SEC(60));
    CHECK(atomic_load(&pool.inside) == 0, "a blocking function runs after the shutdown");
    stress_runtime_destroy(pool.rt);
}

const struct scenario stress_block_pool = {
    .name = "block_pool",
    .about = "pawl_block from many tasks at the pool's cap, with cancels",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
