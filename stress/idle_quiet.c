/* A million timers an hour ahead, and nothing to do: the runtime's threads must not run at all, whatever its clock.
 *
 * Over a window the kernel's own count of each of the runtime's threads (context switches, nanoseconds on a processor)
 * and the workers' counters have to stand still. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stress.h"

#define TIMERS 1000000
#define ARMING_TASKS 8
#define THREADS_MAX 4200
#define WINDOW_MAX_NS PAWL_SEC(5)
#define WINDOW_MIN_NS PAWL_MS(500)
#define SETTLE_NS PAWL_MS(300)
#define SETTLE_TRIES 20
#define LOOK_NS PAWL_MS(100)

enum { ARMED, CANCELLED, WINDOW_MS, THREADS, SWITCHES, CPU_NS, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [ARMED] = "armed",     [CANCELLED] = "cancelled", [WINDOW_MS] = "window_ms",
    [THREADS] = "threads", [SWITCHES] = "switches",   [CPU_NS] = "cpu_ns",
};

/* ---- what the kernel says of a thread ---- */

struct threads {
    int count;
    long ids[THREADS_MAX];
};

struct usage {
    uint64_t switches;
    uint64_t cpu_ns;
};

static void list_threads(struct threads *threads)
{
    DIR *directory = opendir("/proc/self/task");
    CHECK(directory != NULL, "/proc/self/task cannot be read");
    threads->count = 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        long id = strtol(entry->d_name, NULL, 10);
        if (id > 0 && threads->count < THREADS_MAX)
            threads->ids[threads->count++] = id;
    }
    closedir(directory);
}

static bool has_thread(const struct threads *threads, long id)
{
    for (int i = 0; i < threads->count; i++)
        if (threads->ids[i] == id)
            return true;
    return false;
}

/* Leaves those that are not in `others`. */
static void subtract_threads(struct threads *threads, const struct threads *others)
{
    int kept = 0;
    for (int i = 0; i < threads->count; i++)
        if (!has_thread(others, threads->ids[i]))
            threads->ids[kept++] = threads->ids[i];
    threads->count = kept;
}

static FILE *open_thread_file(long id, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/%s", id, name);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL, "%s cannot be read", path);
    return file;
}

static void add_switches(struct usage *usage, long id)
{
    char line[256];
    uint64_t switches;
    FILE *status = open_thread_file(id, "status");
    while (fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &switches) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &switches) == 1)
            usage->switches += switches;
    fclose(status);
}

static void add_cpu(struct usage *usage, long id)
{
    uint64_t cpu_ns = 0;
    FILE *schedstat = open_thread_file(id, "schedstat");
    if (fscanf(schedstat, "%" SCNu64, &cpu_ns) == 1)
        usage->cpu_ns += cpu_ns;
    fclose(schedstat);
}

static struct usage use_of(const struct threads *threads)
{
    struct usage usage = {0};
    for (int i = 0; i < threads->count; i++) {
        add_switches(&usage, threads->ids[i]);
        add_cpu(&usage, threads->ids[i]);
    }
    return usage;
}

/* ---- timers ---- */

struct share {
    struct pawl_timer *timers;
    int count;
    struct random random;
    struct pawl_runtime *rt; /* NULL in a task */
};

static void must_not_fire(struct pawl_timer *timer, void *arg, int status)
{
    (void)timer;
    (void)arg;
    CHECK(false, "a timer an hour ahead fired with %d", status);
}

static void *arm_share(void *arg)
{
    struct share *share = arg;
    for (int i = 0; i < share->count; i++) {
        uint64_t ahead_ns = PAWL_SEC(3600) + random_below(&share->random, PAWL_SEC(3600));
        pawl_timer_init(&share->timers[i], must_not_fire, NULL);
        int result = pawl_timer_arm(share->rt, &share->timers[i], pawl_now(share->rt) + ahead_ns);
        CHECK(result == 0, "pawl_timer_arm returned %d", result);
        count(ARMED);
    }
    return NULL;
}

/* Half of them from tasks, half from this thread. */
static void arm_all(struct pawl_runtime *rt, struct pawl_timer *timers, uint64_t seed)
{
    struct share shares[ARMING_TASKS + 1];
    struct pawl_task *tasks[ARMING_TASKS];
    int per_task = TIMERS / 2 / ARMING_TASKS;
    for (int i = 0; i < ARMING_TASKS; i++) {
        shares[i] = (struct share){timers + i * per_task, per_task, random_seeded(seed, (uint64_t)i), NULL};
        CHECK(pawl_spawn(rt, arm_share, &shares[i], &tasks[i]) == 0, "pawl_spawn did not return 0");
    }
    int armed = per_task * ARMING_TASKS;
    shares[ARMING_TASKS] = (struct share){timers + armed, TIMERS - armed, random_seeded(seed, ARMING_TASKS), rt};
    arm_share(&shares[ARMING_TASKS]);
    for (int i = 0; i < ARMING_TASKS; i++)
        CHECK(pawl_join(tasks[i], NULL) == 0, "pawl_join did not return 0");
}

static void cancel_all(struct pawl_timer *timers)
{
    for (int i = 0; i < TIMERS; i++) {
        int result = pawl_timer_cancel(&timers[i]);
        CHECK(result == 0, "a timer an hour ahead: pawl_timer_cancel returned %d", result);
        count(CANCELLED);
    }
}

/* ---- the window ---- */

static struct pawl_metrics read_metrics(const struct pawl_runtime *rt)
{
    struct pawl_metrics m;
    CHECK(pawl_metrics_total(rt, &m, sizeof m) == 0, "pawl_metrics_total did not return 0");
    return m;
}

static uint64_t window_length(const struct round *round)
{
    uint64_t now_ns = pawl_now(NULL);
    uint64_t left_ns = now_ns < round->until_ns ? round->until_ns - now_ns : 0;
    if (left_ns > WINDOW_MAX_NS)
        return WINDOW_MAX_NS;
    return left_ns < WINDOW_MIN_NS ? WINDOW_MIN_NS : left_ns;
}

/* What the threads have used since *last, after a while, which becomes *last. */
static struct usage use_since(struct usage *last, const struct threads *threads, uint64_t duration_ns)
{
    stress_sleep(duration_ns);
    struct usage now = use_of(threads);
    struct usage used = {now.switches - last->switches, now.cpu_ns - last->cpu_ns};
    *last = now;
    return used;
}

static bool is_zero(struct usage usage)
{
    return usage.switches == 0 && usage.cpu_ns == 0;
}

/* The last of the arming may still be on its way through a busy machine. */
static void settle(const struct threads *threads)
{
    struct usage last = use_of(threads);
    for (int i = 0; i < SETTLE_TRIES; i++)
        if (is_zero(use_since(&last, threads, SETTLE_NS)))
            return;
    stress_fail("an idle runtime has not come to rest in %d times %d ms", SETTLE_TRIES, (int)(SETTLE_NS / PAWL_MS(1)));
}

static void watch_window(const struct round *round, const struct pawl_runtime *rt, const struct threads *threads)
{
    uint64_t length_ns = window_length(round), watched_ns = 0;
    struct pawl_metrics before = read_metrics(rt);
    struct usage last = use_of(threads);
    count_more(THREADS, (uint64_t)threads->count);
    for (; watched_ns < length_ns; watched_ns += LOOK_NS) {
        struct usage usage = use_since(&last, threads, LOOK_NS);
        count_more(SWITCHES, usage.switches);
        count_more(CPU_NS, usage.cpu_ns);
        count_more(WINDOW_MS, LOOK_NS / PAWL_MS(1));
        CHECK(is_zero(usage),
              "%" PRIu64 " ms into the window the %d threads of an idle runtime made %" PRIu64
              " context switches and ran for %" PRIu64 " ns",
              watched_ns / PAWL_MS(1), threads->count, usage.switches, usage.cpu_ns);
    }
    struct pawl_metrics after = read_metrics(rt);
    CHECK(memcmp(&before, &after, sizeof before) == 0,
          "an idle runtime's counters moved: %" PRIu64 " parks, %" PRIu64 " driver turns, %" PRIu64 " task runs",
          after.parks - before.parks, after.driver_turns - before.driver_turns, after.task_runs - before.task_runs);
}

static void run(const struct round *round)
{
    static const enum pawl_clock clocks[] = {PAWL_CLOCK_MONOTONIC, PAWL_CLOCK_MONOTONIC, PAWL_CLOCK_BOOTTIME,
                                             PAWL_CLOCK_MANUAL};
    static struct threads threads, others;
    struct pawl_timer *timers = stress_allocate(TIMERS * sizeof *timers);
    struct pawl_options o;
    stress_options(&o, round);
    o.clock = clocks[round->seed % 4];
    list_threads(&others);
    struct pawl_runtime *rt = stress_runtime_create(&o);
    arm_all(rt, timers, round->seed);
    CHECK(pawl_runtime_wait_idle(rt, PAWL_NEVER) == 0, "pawl_runtime_wait_idle did not return 0");
    list_threads(&threads);
    subtract_threads(&threads, &others);
    CHECK(threads.count >= round->workers, "%d threads for %d workers", threads.count, round->workers);
    settle(&threads);
    watch_window(round, rt, &threads);
    cancel_all(timers);
    stress_runtime_shutdown(rt, 0);
    stress_runtime_destroy(rt);
    free(timers);
}

const struct scenario stress_idle_quiet = {
    .name = "idle_quiet",
    .about = "a million timers an hour ahead: no context switch, no processor time",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(7),
    .workers_min = 1,
    .plain_only = true,
    .no_noise = true,
};
