/* One execution: threads as coroutines that hand the processor to each other at their events.
 *
 * First the graph is replayed: a thread may execute its next recorded event when what it depends on has been executed,
 * so the order is one of program order and reads-from. Then the graph is extended, always by the first thread that can
 * go on. A thread that can never go on stays where it is; its stack is left to the next execution. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tools/model/checker.h"

enum { STACK_SIZE = 256 * 1024 };

struct checker *checker;

/* Boost.Context's C interface. */
struct transfer {
    void *from;
    void *data;
};
extern struct transfer jump_fcontext(void *to, void *data);
extern void *make_fcontext(void *top, size_t size, void (*fn)(struct transfer));

/* ---- static data and thread-local data, put back before each execution ---- */

extern char __data_start[], _edata[], __bss_start[], _end[];

struct snapshot {
    char *data, *bss, *tls;
    size_t data_size, bss_size, tls_size;
    char *tls_block; /* this thread's, of the program itself */
};
static struct snapshot *snapshot; /* constant once there is one */

static int find_tls(struct dl_phdr_info *info, size_t size, void *context)
{
    struct snapshot *found = context;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS) {
            found->tls_block = info->dlpi_tls_data;
            found->tls_size = info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the first one is the program */
}

static void *copy_of(const void *from, size_t size)
{
    void *copy = checker_alloc(size + 1);
    memcpy(copy, from, size);
    return copy;
}

static void snapshot_take(void)
{
    struct snapshot *s = checker_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    dl_iterate_phdr(find_tls, s);
    snapshot = s; /* before the copy, which is to have it */
    s->data_size = (size_t)(_edata - __data_start);
    s->bss_size = (size_t)(_end - __bss_start);
    s->data = copy_of(__data_start, s->data_size);
    s->bss = copy_of(__bss_start, s->bss_size);
    s->tls = copy_of(s->tls_block, s->tls_size);
}

static void snapshot_restore(void)
{
    const struct snapshot *s = snapshot;
    memcpy(__data_start, s->data, s->data_size);
    memcpy(__bss_start, s->bss, s->bss_size);
    for (unsigned t = 0; t < THREADS_MAX; t++)
        memcpy(checker->threads[t].tls, s->tls, s->tls_size);
}

bool run_is_thread_local(uintptr_t address)
{
    return address - (uintptr_t)snapshot->tls_block < snapshot->tls_size;
}

void run_init(void)
{
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        struct thread *thread = &checker->threads[t];
        char *stack =
            mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0)
            abort();
        thread->stack = stack;
        thread->steps = mmap(NULL, EVENTS_MAX * sizeof *thread->steps, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (thread->steps == MAP_FAILED)
            abort();
    }
    checker->order = checker_alloc(THREADS_MAX * EVENTS_MAX * sizeof *checker->order);
    checker->location_index = checker_alloc((1 << 14) * sizeof *checker->location_index);
    snapshot_take();
    for (unsigned t = 0; t < THREADS_MAX; t++)
        checker->threads[t].tls = checker_alloc(snapshot->tls_size + 1);
}

/* ---- switching ---- */

static void to_scheduler(void)
{
    struct thread *thread = checker->running;
    (void)thread;
    struct transfer transfer = jump_fcontext(checker->scheduler, NULL);
    checker->scheduler = transfer.from;
}

static void to_thread(struct thread *thread)
{
    memcpy(snapshot->tls_block, thread->tls, snapshot->tls_size);
    errno = thread->error;
    checker->running = thread;
    struct transfer transfer = jump_fcontext(thread->context, thread);
    thread->context = transfer.from;
    memcpy(thread->tls, snapshot->tls_block, snapshot->tls_size);
    thread->error = errno;
    checker->running = NULL;
    checker->inside = false;
}

void run_end(void)
{
    checker->over = true;
    to_scheduler();
    abort();
}

void run_block(enum thread_status status)
{
    checker->running->status = status;
    to_scheduler();
    abort();
}

void run_found(enum model_verdict verdict, const char *format, ...)
{
    va_list arguments;
    if (!checker->verified && !checker->direct && !checker->follows && !consistency_check())
        run_end(); /* not an execution at all */
    if (checker->probing)
        run_end();
    checker->found = verdict;
    va_start(arguments, format);
    vsnprintf(checker->sentence, sizeof checker->sentence, format, arguments);
    va_end(arguments);
    run_end();
}

/* ---- threads ---- */

static const struct model_site end_site = {.file = "", .what = "ends"};

static void entry(struct transfer transfer)
{
    struct thread *thread = transfer.data;
    checker->scheduler = transfer.from;
    if (thread->pthread_fn != NULL)
        thread->result = thread->pthread_fn(thread->arg);
    else
        thread->fn(thread->arg);
    checker->inside = true;
    if (!checker->direct) {
        ops_flush_plain();
        struct step *step = run_turn(EVENT_END, &end_site);
        if (step == NULL)
            step = run_append(EVENT_END, &end_site);
        run_executed(step);
    }
    thread->status = THREAD_FINISHED;
    to_scheduler();
    abort();
}

static void thread_start(struct thread *thread)
{
    char *top = thread->stack + STACK_SIZE;
    thread->status = THREAD_RUNNABLE;
    thread->context = make_fcontext(top, STACK_SIZE - 4096, entry);
}

unsigned run_spawn(void (*fn)(void *), void *(*pthread_fn)(void *), void *arg, const struct model_site *site)
{
    checker->direct = false;
    ops_flush_plain();
    struct step *step = run_turn(EVENT_SPAWN, site);
    if (step == NULL) {
        unsigned free = 1;
        while (free < THREADS_MAX && checker->threads[free].status != THREAD_UNUSED)
            free++;
        if (free == THREADS_MAX)
            run_found(MODEL_CRASH, "more than %d threads in all", THREADS_MAX);
        step = run_append(EVENT_SPAWN, site);
        step->event.argument = free;
    }
    if (checker->guide != NULL && *checker->guide == 's')
        step->event.argument = (uint32_t)strtoul(checker->guide + 1, (char **)(uintptr_t)&checker->guide, 10);
    struct thread *parent = checker->running, *child = &checker->threads[step->event.argument];
    run_executed(step);
    child->fn = fn;
    child->pthread_fn = pthread_fn;
    child->arg = arg;
    child->hb = parent->hb;
    child->porf = parent->porf;
    thread_start(child);
    return thread_id(child);
}

void *run_join(unsigned id, const struct model_site *site)
{
    struct thread *child = &checker->threads[id];
    ops_flush_plain();
    checker->running->joining = id;
    checker->running->status = THREAD_JOINING;
    struct step *step = run_turn(EVENT_JOIN, site);
    checker->running->status = THREAD_RUNNABLE;
    if (step == NULL) {
        step = run_append(EVENT_JOIN, site);
        step->event.argument = id;
    }
    vector_join(&checker->running->hb, &child->hb);
    vector_join(&checker->running->porf, &child->porf);
    run_executed(step);
    return child->result;
}

/* ---- whose turn it is ---- */

static bool executed(event_ref ref)
{
    return ref == REF_INITIAL || checker->threads[ref_thread(ref)].executed > ref_index(ref);
}

/* Can this thread execute its next recorded event? */
static bool can_replay(const struct thread *thread)
{
    if (thread->executed == thread->recorded)
        return false;
    const struct event *next = &thread->steps[thread->executed].event;
    if (next->kind == EVENT_READ)
        return executed(next->rf);
    if (next->kind == EVENT_JOIN)
        return checker->threads[next->argument].status == THREAD_FINISHED;
    return true;
}

static bool can_extend(const struct thread *thread)
{
    if (thread->status == THREAD_JOINING)
        return checker->threads[thread->joining].status == THREAD_FINISHED;
    return thread->status == THREAD_RUNNABLE;
}

static struct thread *guided(void)
{
    if (*checker->guide < '0' || *checker->guide >= '0' + THREADS_MAX)
        return NULL;
    struct thread *thread = &checker->threads[*checker->guide - '0'];
    return can_extend(thread) ? thread : NULL;
}

static struct thread *pick(void)
{
    if (checker->guide != NULL)
        return guided();
    struct thread *paused = NULL;
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        struct thread *thread = &checker->threads[t];
        bool started = thread->status == THREAD_RUNNABLE || thread->status == THREAD_JOINING;
        if (checker->replay_left > 0 ? !started || !can_replay(thread) : !can_extend(thread))
            continue;
        if (checker->replay_left > 0 || !thread->paused)
            return thread;
        if (paused == NULL)
            paused = thread;
    }
    return paused;
}

static const char *const kind_names[] = {"a load", "a store", "a fence", "a choice", "a start", "a join", "an end"};

struct step *run_turn(enum event_kind kind, const struct model_site *site)
{
    struct thread *thread = checker->running;
    if (checker->probing) {
        if (kind != EVENT_READ && kind != EVENT_FENCE && kind != EVENT_CHOICE)
            run_end(); /* it has left the loop */
        return NULL;
    }
    for (;;) {
        if (checker->guide != NULL) {
            if (guided() == thread) {
                checker->guide++;
                return NULL;
            }
        } else if (checker->replay_left > 0) {
            if (can_replay(thread))
                break;
        } else if (pick() == thread) {
            return NULL;
        }
        to_scheduler();
        checker->inside = true;
    }
    struct step *step = &thread->steps[thread->executed];
    if (step->event.kind != kind)
        run_found(MODEL_CRASH,
                  "thread %u does %s at %s:%d where an execution like this one had %s: something else than atomics "
                  "decides what it does",
                  self(), kind_names[kind], site->file != NULL ? site->file : "?", site->line,
                  kind_names[step->event.kind]);
    step->site = *site;
    step->before = thread->hb;
    thread->executed++;
    checker->replay_left--;
    thread->hb.at[self()] = thread->porf.at[self()] = (uint16_t)thread->executed;
    return step;
}

struct step *run_append(enum event_kind kind, const struct model_site *site)
{
    struct thread *thread = checker->running;
    if (thread->executed == EVENTS_MAX)
        run_found(MODEL_LIVELOCK, "thread %u has taken %d steps", self(), EVENTS_MAX);
    struct step *step = &thread->steps[thread->executed++];
    thread->recorded = thread->executed;
    *step = (struct step){.site = *site, .before = thread->hb};
    step->event.kind = (uint8_t)kind;
    step->event.stamp = checker->next_stamp++;
    thread->hb.at[self()] = thread->porf.at[self()] = (uint16_t)thread->executed;
    return step;
}

/* The replay has ended: is the changed graph one that the model allows? */
static void verify(void)
{
    if (checker->verified || checker->replay_left > 0 || checker->follows)
        return;
    if (!consistency_check())
        run_end();
    checker->verified = true;
}

void run_spin(void)
{
    checker->running->status = THREAD_SPINNING;
    to_scheduler();
    checker->inside = true;
    checker->running->round_start = checker->running->executed;
}

/* The replay string's next token; where it ends the default schedule goes on. */
static void follow_on(const struct step *step)
{
    if (checker->guide == NULL)
        return;
    if (step->event.kind != EVENT_READ && step->event.kind != EVENT_WRITE && *checker->guide == 'x')
        checker->guide++;
    if (*checker->guide == ',')
        checker->guide++;
    if (*checker->guide == '\0' || *checker->guide == '\n')
        checker->guide = NULL;
}

void run_executed(struct step *step)
{
    struct thread *thread = checker->running;
    step->hb = thread->hb;
    step->porf = thread->porf;
    thread->paused = false;
    unsigned index = (unsigned)(step - thread->steps);
    checker->order[checker->order_count++] = ref_of(self(), index);
    follow_on(step);
    if (step->event.kind != EVENT_READ && step->event.kind != EVENT_FENCE && step->event.kind != EVENT_CHOICE)
        thread->round_start = index + 1;
    verify();
}

/* ---- how it ended ---- */

static uint64_t newest_value(uint32_t index)
{
    const struct location *location = &checker->locations[index];
    unsigned newest = location->write_count;
    return newest == 0 ? location->initial : graph_value(location, location->writes[newest - 1]);
}

/* Could this thread go on in another execution of the same graph? */
static bool would_go_on(const struct thread *thread)
{
    if (thread->status == THREAD_AWAITING)
        return thread->timed ||
               thread->satisfied(newest_value(thread->steps[thread->executed - 1].event.argument),
                                 thread->satisfied_argument) ||
               thread->satisfied(newest_value(thread->other), thread->satisfied_argument);
    return false;
}

/* Would another round, which sees the newest of everything, end in model_yield again? */
static bool spins_on(struct thread *thread)
{
    thread->status = THREAD_RUNNABLE;
    checker->probing = true;
    to_thread(thread);
    bool left = checker->over || thread->status != THREAD_SPINNING;
    checker->over = checker->probing = false;
    return !left;
}

static bool is_stuck(const struct thread *thread)
{
    return thread->status == THREAD_AWAITING || thread->status == THREAD_SPINNING || thread->status == THREAD_JOINING;
}

/* Adds what one thread is stuck at to a sentence of so many characters; returns how many there are then. */
static size_t describe_stuck(char *text, size_t size, size_t length, const struct thread *thread)
{
    char place[200] = "?";
    const char *separator = length > 0 ? ";" : "";
    if (thread->executed > 0)
        report_place(place, sizeof place, &thread->steps[thread->executed - 1].site);
    if (thread->status == THREAD_JOINING)
        length += (size_t)snprintf(text + length, size - length, "%s thread %u joins thread %u", separator,
                                   thread_id(thread), thread->joining);
    else
        length += (size_t)snprintf(text + length, size - length, "%s thread %u %s at %s", separator, thread_id(thread),
                                   thread->status == THREAD_SPINNING ? "spins" : "waits", place);
    return length < size ? length : size - 1;
}

static void judge_stuck(void)
{
    char text[400] = "";
    size_t length = 0;
    bool spins = false;
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        struct thread *thread = &checker->threads[t];
        if (thread->status == THREAD_SPINNING ? !spins_on(thread)
                                              : thread->status == THREAD_AWAITING && would_go_on(thread))
            return; /* visited elsewhere */
    }
    for (unsigned t = 0; t < THREADS_MAX; t++)
        if (is_stuck(&checker->threads[t])) {
            spins |= checker->threads[t].status == THREAD_SPINNING;
            length = describe_stuck(text, sizeof text, length, &checker->threads[t]);
        }
    checker->found = spins ? MODEL_LIVELOCK : MODEL_DEADLOCK;
    snprintf(checker->sentence, sizeof checker->sentence, "nobody can go on:%s", text);
}

static void judge(void)
{
    bool complete = true;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        complete &= checker->threads[t].status == THREAD_UNUSED || checker->threads[t].status == THREAD_FINISHED;
    if (!complete) {
        checker->statistics.blocked++;
        judge_stuck();
        return;
    }
    checker->statistics.executions++;
    if (memory_leaked(checker->sentence, sizeof checker->sentence))
        checker->found = MODEL_LEAK;
}

static void scenario_main(void *arg)
{
    (void)arg;
    checker->inside = false;
    checker->scenario->run();
}

static void reset(void)
{
    snapshot_restore();
    memory_reset();
    posix_reset();
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        struct thread *thread = &checker->threads[t];
        struct step *steps = thread->steps;
        char *stack = thread->stack, *tls = thread->tls;
        unsigned recorded = thread->recorded;
        *thread = (struct thread){.steps = steps, .stack = stack, .tls = tls, .recorded = recorded};
    }
    checker->time_base = UINT64_C(1000000000000);
    checker->direct = true;
    checker->over = false;
    checker->found = MODEL_CLEAN;
    checker_free(checker->outcome);
    checker->outcome = NULL;
}

void run_execute(const struct image *image)
{
    if (image == NULL)
        graph_clear();
    else
        graph_read_in(image);
    checker->verified = image == NULL;
    reset();
    checker->threads[0].fn = scenario_main;
    thread_start(&checker->threads[0]);
    struct thread *next;
    while (!checker->over && (next = pick()) != NULL)
        to_thread(next);
    if (checker->over && checker->found == MODEL_CLEAN) {
        checker->statistics.pruned++;
        return;
    }
    if (checker->found == MODEL_CLEAN && checker->guide != NULL) {
        checker->found = MODEL_CRASH;
        snprintf(checker->sentence, sizeof checker->sentence, "the replay string does not fit this program: at '%.30s'",
                 checker->guide);
    }
    if (checker->found == MODEL_CLEAN && checker->replay_left > 0) {
        checker->found = MODEL_CRASH;
        snprintf(checker->sentence, sizeof checker->sentence, "an execution could not be repeated");
    }
    if (checker->found == MODEL_CLEAN && !checker->follows && !checker->verified && !consistency_check()) {
        checker->statistics.pruned++;
        return;
    }
    if (checker->found == MODEL_CLEAN)
        judge();
    if (checker->order_count > checker->statistics.events_max)
        checker->statistics.events_max = checker->order_count;
}
