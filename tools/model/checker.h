/* The checker's insides: what its parts share.
 *
 *     explore.c      the search: a stack of execution graphs yet to be visited
 *     run.c          one execution: threads as coroutines, replay of a graph, then its extension
 *     graph.c        events, locations, clocks; a graph cut down and written out
 *     consistency.c  what a load may return, where a store may stand, and the order of what is sequentially consistent
 *     ops.c          atomic operations and everything that is made of them: mutexes, condition variables, futexes, time
 *     memory.c       plain accesses, allocations
 *     report.c       what a person reads; replay strings
 *     tsan.c         the entry points that the compiler's instrumentation calls
 *     posix.c        the calls of the C library that scenarios make
 *     kernel.c       descriptors, futexes, membarrier
 *
 * All of it runs on one thread of the operating system. Nothing here is thread-local, and nothing that changes is
 * static but the pointer `checker`: a scenario's static data are put back before each execution, ours with them. */
#ifndef PAWL_MODEL_CHECKER_H
#define PAWL_MODEL_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/model/atomic.h"
#include "tools/model/model.h"

enum { THREADS_MAX = 8, EVENTS_MAX = 4000 /* a thread */, CHOICES_MAX = 64 };

/* How much of each thread's events something knows of: those with an index below at[thread]. */
struct vector {
    uint16_t at[THREADS_MAX];
};

enum event_kind { EVENT_READ, EVENT_WRITE, EVENT_FENCE, EVENT_CHOICE, EVENT_SPAWN, EVENT_JOIN, EVENT_END };

/* An event's name: thread << 16 | index. */
typedef uint32_t event_ref;
#define REF_INITIAL UINT32_MAX /* the store that was there before */

static inline event_ref ref_of(unsigned thread, unsigned index)
{
    return thread << 16 | index;
}
static inline unsigned ref_thread(event_ref ref)
{
    return ref >> 16;
}
static inline unsigned ref_index(event_ref ref)
{
    return ref & 0xffff;
}

enum {
    FLAG_UPDATE = 1, /* a load followed by its store, or that store: one read-modify-write */
    FLAG_AWAIT = 2   /* a load that goes on only with certain values */
};

/* What is kept of an event from one execution to the next. */
struct event {
    uint64_t value;    /* loaded or stored; recomputed by each execution */
    uint32_t stamp;    /* order of addition */
    event_ref rf;      /* READ: the store it reads from */
    uint32_t argument; /* READ, WRITE: location; CHOICE: what was chosen; SPAWN, JOIN: the thread */
    uint8_t kind, order, flags, choices;
};

/* An event as this execution has it. */
struct step {
    struct event event;
    struct vector before, hb, porf, release; /* known before; after; by po and rf alone; to whoever reads from it */
    uint32_t key;                            /* consistency.c's */
    struct model_site site;
};

struct location {
    uintptr_t address; /* with VIRTUAL set: no memory of its own */
    uint8_t size;
    bool seen; /* `initial` is this execution's */
    uint64_t initial;
    const char *name;
    bool named; /* by its symbol, if it has one */
    unsigned write_count, write_capacity;
    event_ref *writes; /* in modification order */
    unsigned read_count, read_capacity;
    event_ref *reads;                                  /* executed so far */
    uint16_t stored[THREADS_MAX], loaded[THREADS_MAX]; /* each thread's last access: its index + 1; 0: none */
    struct model_site sites[THREADS_MAX];
};
#define VIRTUAL ((uintptr_t)1 << 63)

enum thread_status {
    THREAD_UNUSED,
    THREAD_RUNNABLE,
    THREAD_AWAITING, /* its last load read a value that it cannot go on with */
    THREAD_SPINNING, /* model_yield: another round is pointless */
    THREAD_JOINING,
    THREAD_FINISHED
};

struct thread {
    enum thread_status status;
    void (*fn)(void *);
    void *arg, *result;
    void *(*pthread_fn)(void *);
    char *stack, *tls;
    int error;                   /* its errno */
    void *context;               /* where it goes on */
    unsigned recorded, executed; /* events of the graph, and how many of them have been executed */
    struct step *steps;
    struct vector hb, porf, pending, fence; /* pending: an acquire fence would take it over; fence: a release fence's */
    unsigned joining;
    unsigned spurious, expirations, pauses; /* used up */
    bool paused;                            /* goes last until its next event */
    unsigned round_start;                   /* first event of the round that model_yield would end */
    bool timed;                             /* awaiting with a timeout that another execution lets expire */
    uint32_t other; /* awaiting one of two locations: another execution awaits this one, if it is not 0 */
    bool (*satisfied)(uint64_t value, uint64_t argument); /* awaiting */
    uint64_t satisfied_argument;
    unsigned plain_count;
    uint32_t plain[1024]; /* locations written by plain stores since the last event */
};

/* A graph written out; see graph.c. */
struct image;

struct statistics {
    uint64_t executions, blocked, pruned, events_max;
    bool cut; /* by the bound */
};

struct checker {
    const struct model_scenario *scenario;
    struct thread threads[THREADS_MAX];
    struct thread *running; /* NULL: the scheduler */
    void *scheduler;        /* where the scheduler goes on */
    bool inside;            /* the checker's own code, though on a thread's stack */
    bool direct;            /* one thread so far: no events */

    struct location *locations;
    unsigned location_count, location_capacity;
    uint32_t *location_index; /* hash table: location + 1 */
    uint32_t next_stamp;
    unsigned deviations;
    unsigned replay_left; /* recorded events not yet executed */
    bool verified;        /* the replayed graph was found consistent */
    event_ref *order;     /* events as executed */
    unsigned order_count;

    bool probing; /* the execution is over; a spinning thread takes one more round */
    bool over;    /* the execution is to end now */
    enum model_verdict found;
    char sentence[512];
    char *outcome;

    struct image **agenda;
    size_t agenda_count, agenda_capacity;
    struct statistics statistics;
    struct memory *memory;
    struct posix *posix;
    uint64_t time_base;

    unsigned bound;
    const char *guide; /* what is left of the replay string that is followed, or NULL */
    bool follows;      /* one execution only: there was a replay string */
    bool verbose, json, quiet;
    uint64_t progress_shown;
    char **outcomes;
    size_t outcome_count;
    uint64_t *hashes; /* of complete executions, if duplicates are looked for */
    size_t hash_count, hash_capacity;
    bool find_duplicates;
    uint64_t duplicates;
};

extern struct checker *checker;

/* ---- run.c ---- */

void run_init(void);
void run_execute(const struct image *image); /* one execution, extended to its end */
unsigned run_spawn(void (*fn)(void *), void *(*pthread_fn)(void *), void *arg, const struct model_site *site);
void *run_join(unsigned thread, const struct model_site *site);
/* Waits until the running thread may execute its next event. NULL: it is to be a new one. */
struct step *run_turn(enum event_kind kind, const struct model_site *site);
struct step *run_append(enum event_kind kind, const struct model_site *site);
void run_executed(struct step *step);
/* Ends this execution from within a thread. */
_Noreturn void run_end(void);
_Noreturn void run_found(enum model_verdict verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void run_block(enum thread_status status);
/* Blocks; goes on only to be probed, see spins_on. */
void run_spin(void);
static inline unsigned thread_id(const struct thread *thread)
{
    return (unsigned)(thread - checker->threads);
}
bool run_is_thread_local(uintptr_t address);
static inline unsigned self(void)
{
    return thread_id(checker->running);
}

/* ---- graph.c ---- */

static inline bool vector_knows(const struct vector *vector, event_ref ref)
{
    return vector->at[ref_thread(ref)] > ref_index(ref);
}
void vector_join(struct vector *vector, const struct vector *other);
static inline struct step *step_of(event_ref ref)
{
    return &checker->threads[ref_thread(ref)].steps[ref_index(ref)];
}
uint32_t graph_location(uintptr_t address, unsigned size, const char *name);
bool graph_find_location(uintptr_t address, unsigned size, uint32_t *location);
void graph_insert_write(struct location *location, unsigned position, event_ref write);
void graph_add_read(struct location *location, event_ref read);
/* The number of stores before and including it: 0 for the initial one. */
unsigned graph_position(const struct location *location, event_ref write);
uint64_t graph_value(const struct location *location, event_ref write);

/* Part of a graph: keep[t] events of each thread. If `write` is given it stands at `position` (counted among the
 * stores kept) and `read` reads from it. */
struct cut {
    unsigned keep[THREADS_MAX];
    bool revisit;
    event_ref read, write;
    unsigned position;
};
struct image *graph_write_out(const struct cut *cut, unsigned deviations);
struct image *graph_write_out_whole(unsigned deviations);
void graph_read_in(const struct image *image);
void graph_free(struct image *image);
void graph_clear(void);
uint64_t graph_hash(void);
void graph_print_replay(FILE *out);

/* ---- consistency.c ---- */

/* The stores that a new load may read from are those at this position and after. */
unsigned consistency_read_floor(const struct location *location, const struct vector *known);
/* Is the store at `position` followed by the store of a read-modify-write that read from it? */
bool consistency_is_taken(const struct location *location, unsigned position);
/* No cycle among the sequentially consistent accesses and fences of the execution so far. */
bool consistency_check(void);

/* ---- explore.c ---- */

void explore_push(struct image *image);
/* Decides what a new load reads from; pushes the alternatives. satisfied: of a load that awaits or that may update, is
 * this a value for it? NULL: any is. */
void explore_read(struct step *read, bool (*satisfied)(uint64_t, uint64_t), uint64_t argument);
/* Decides where a new store stands; pushes the alternatives, and the loads that might have read from it. */
void explore_write(struct step *write);
/* deviates: not to take the first one counts as a deviation from the default schedule. */
unsigned explore_choice(struct step *choice, unsigned count, bool deviates);

/* ---- ops.c ---- */

uint64_t ops_load(uint32_t location, enum model_order order, const struct model_site *site);
void ops_store(uint32_t location, uint64_t value, enum model_order order, const struct model_site *site);
/* Returns the old value. stores: does it store at all, given what it read? NULL: yes. If not it is a relaxed load. */
typedef uint64_t update_fn(uint64_t old, uint64_t argument);
uint64_t ops_update(uint32_t location, enum model_order order, bool (*stores)(uint64_t, uint64_t), update_fn *apply,
                    uint64_t argument, const struct model_site *site);
/* timed: in another execution it expires. other: in another one this location is awaited instead; or the same. */
uint64_t ops_await(uint32_t location, enum model_order order, bool (*satisfied)(uint64_t, uint64_t), uint64_t argument,
                   bool timed, uint32_t other, const struct model_site *site);
unsigned ops_choose(unsigned count, bool deviates, const struct model_site *site);
void ops_plain_store(uint32_t location);
void ops_flush_plain(void);
uint32_t ops_virtual(const volatile void *address, unsigned size, const char *name);
void ops_lock(const volatile void *mutex, const struct model_site *site);
bool ops_try_lock(const volatile void *mutex, const struct model_site *site);
void ops_unlock(const volatile void *mutex, const struct model_site *site);
/* A queue of waiting threads, for futexes and condition variables. */
void ops_queue_join(const volatile void *key, const struct model_site *site);
enum wait_end { WAIT_WOKEN, WAIT_SPURIOUS, WAIT_EXPIRED, WAIT_WOKEN_LATE /* woken after it had given up */ };
enum wait_end ops_queue_wait(const volatile void *key, uint64_t deadline_ns, const struct model_site *site);
bool ops_may_expire(void);
/* false: it had been woken. */
bool ops_queue_leave(const volatile void *key, const struct model_site *site);
/* Returns how many. */
unsigned ops_queue_wake(const volatile void *key, unsigned count, const struct model_site *site);
uint64_t ops_now(const struct model_site *site);
void ops_now_at_least(uint64_t ns, const struct model_site *site);

/* ---- memory.c ---- */

void memory_init(void);
void memory_reset(void);
void *memory_alloc(size_t size, size_t alignment, const struct model_site *site);
void memory_free(void *memory, const struct model_site *site);
size_t memory_size(void *memory);
void *memory_map(size_t size);
void memory_plain(uintptr_t address, size_t size, bool write, const void *pc);
void memory_atomic(uintptr_t address, size_t size, bool write, const struct model_site *site);
void memory_mark_location(uintptr_t address, size_t size);
bool memory_leaked(char *sentence, size_t size);

/* ---- report.c ---- */

void report_execution(FILE *out);
void report_place(char *text, size_t size, const struct model_site *site);
const char *report_verdict(enum model_verdict verdict);
void report_pc(char *text, size_t size, const void *pc);

/* ---- posix.c, kernel.c ---- */

void posix_init(void);
void posix_reset(void);
void *checker_alloc(size_t size); /* of the checker's own; never NULL */
void checker_free(void *memory);

#endif
