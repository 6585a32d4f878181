/* Everything that can be waited for, as one table, for the claims that hold for all of it; and parties that wait. */
#ifndef TESTS_UNIT_SYNC_KINDS_H
#define TESTS_UNIT_SYNC_KINDS_H

#include <stdlib.h>

#include "tests/support/valgrind.h"
#include "tests/unit/sched/harness.h"

enum { PARTIES_MAX = 8 };

/* Who goes on after one grant: the first in the queue; all, one after the other since each gives back what it had; all
 * at once. */
enum reach { REACHES_ONE, REACHES_ALL_IN_TURN, REACHES_ALL };

/* One object of a kind, and what is needed beside it. */
struct object {
    const struct kind *kind;
    bool granted; /* at least once */
    struct pawl_mutex mutex;
    struct pawl_condition condition;
    struct pawl_rwlock rwlock;
    struct pawl_semaphore semaphore;
    struct pawl_notify notify;
    struct pawl_barrier barrier;
    struct pawl_once once;
    struct pawl_oneshot oneshot;
    struct pawl_channel *channel;
    struct pawl_broadcast *broadcast;
    struct pawl_broadcast_receiver receivers[PARTIES_MAX];
    struct pawl_watch *watch;
    struct pawl_token *token;
    struct event running, may_end; /* once: its function */
    pthread_t runner;
};

/* One that waits: a task, a stackless task, or a thread. */
struct party {
    struct object *object;
    int who;              /* below PARTIES_MAX */
    uint64_t deadline_ns; /* PAWL_NEVER: the call without one */
    bool shielded;
    struct pawl_wait wait;
    struct pawl_case cases[3];
    bool prepared; /* a poll form's first call was made */
    uint64_t item;
    uint64_t version;
    int status;    /* what it came to */
    uint32_t rank; /* so many came to theirs before */
    PAWL_ATOMIC(uint32_t) polls;
    struct event done;
    struct pawl_task *task;
};

struct kind {
    const char *name;
    enum reach reach;
    bool gives_back;                /* what was granted may be given up by pawl_wait_cancel, and goes to the next */
    bool not_kept;                  /* a grant is nothing when nobody waits */
    bool two_parties;               /* two that wait are one too many */
    bool granted_once;              /* whoever comes later gets -EPIPE */
    bool has_thread;                /* ended by close */
    bool held;                      /* must be granted once before it can be closed */
    void (*open)(struct object *o); /* who waits has to wait */
    void (*close)(struct object *o);
    int (*wait)(struct party *p);
    int (*wait_until)(struct party *p, uint64_t deadline_ns);
    enum pawl_poll (*poll)(struct party *p, struct pawl_context *cx, int *status);
    int (*cancel)(struct party *p);  /* NULL: pawl_wait_cancel */
    void (*grant)(struct object *o); /* by the thread that opened it */
    void (*after)(struct party *p);  /* gives back what was granted; NULL: nothing to give */
};

extern const struct kind kinds[];
extern const size_t kind_count;

#define FOR_EACH_KIND(kind) for (const struct kind *kind = kinds; kind < kinds + kind_count; kind++)

struct object *object_open(const struct kind *kind);
void object_grant(struct object *o);
void object_close(struct object *o);

struct party party_of(struct object *o, int who);

/* Task or thread function: waits, and notes what it came to. Returns the status. */
void *party_wait(void *party);

/* Poll function: the same. */
enum pawl_poll party_poll(struct pawl_context *cx, void *party);
int party_cancel(struct party *p);
void party_note(struct party *p, int status);

/* Until nothing runs any more: who is to wait does. */
void settle(struct pawl_runtime *rt);

/* Spawns it, and returns when it waits (or is done). */
void party_start(struct pawl_runtime *rt, struct party *p);
void party_start_poll(struct pawl_runtime *rt, struct party *p);

/* How many wait for a mutex, condition variable, readers-writer lock, semaphore or notify. */
size_t permits_waiting(void *object);

/* Until so many do. */
void permits_await(void *object, size_t count);

/* Begins a test that is to end by SIGABRT and starts threads: memcheck takes their memory for lost then. */
static inline void abort_under_valgrind(void)
{
    if (RUNNING_ON_VALGRIND)
        abort();
}

/* Its status, after its end. */
int party_join(struct party *p);

#endif
