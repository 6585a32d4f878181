/* Actors: coroutine tasks, stackless tasks and plain threads that do the same things to the same objects.
 *
 * A scenario says what an actor does as a sequence of waits: which comes next, how it is waited for in a blocking and
 * in a poll form, and what to do with what it came to. The actors do it, each in its own way. A wait may be in a hurry:
 * it has a deadline, its own or that of a pawl_timeout, or, in a stackless task, is given up after some polls.
 * Meanwhile the director, the round's own thread, cancels tasks at random; each cancelled one has a successor in the
 * same part, which finds everything as it was left. At the end nothing is hurried any more, so that a lost grant is an
 * actor that never ends.
 *
 * What an actor counts is kept to itself for a while: operations are cheaper than a shared counter. */
#ifndef STRESS_ACTORS_H
#define STRESS_ACTORS_H

#include "stress.h"

#define ACTORS_MAX 64

enum actor_kind { ACTOR_COROUTINE, ACTOR_STACKLESS, ACTOR_THREAD };

/* Access: C constant, P the one that plays the part, D the director, A any thread atomic */
struct actor {
    struct cast *cast;         /* C */
    unsigned index;            /* C in the cast */
    enum actor_kind kind;      /* C */
    struct random random;      /* P */
    struct pawl_wait wait;     /* P of the poll forms */
    uint64_t deadline_ns;      /* P of the present wait; PAWL_NEVER: no hurry */
    unsigned patience;         /* P in polls, if it is in a hurry */
    bool waiting;              /* P a stackless task's wait has begun */
    bool gave_up;              /* P the present outcome is that of having given a poll form up */
    bool quit;                 /* P it was cancelled */
    bool shielded;             /* P it waits although it was */
    uint64_t operations;       /* P not counted yet */
    struct pawl_task *task;    /* D */
    pthread_t thread;          /* D */
    _Atomic bool cancel_asked; /* A before the call */
};

/* What the actors do. */
struct play {
    /* Does what is to be done without waiting, and decides what to wait for, and in which hurry. false: it ends. */
    bool (*next)(struct actor *a);
    int (*wait)(struct actor *a, uint64_t deadline_ns);
    enum pawl_poll (*poll)(struct actor *a, struct pawl_context *cx, int *status);
    /* Gives the poll form up: what the wait comes to then. NULL: actor_cancel_wait. */
    int (*give_up)(struct actor *a);
    /* The wait came to this: 0 or more, -ETIMEDOUT if in a hurry, -ECANCELED, or an error of the object. */
    void (*came)(struct actor *a, int status);
    /* By the director, again and again. May be NULL. */
    void (*disturb)(struct cast *cast);
    /* By the director, when `over` is set and no task is cancelled any more. May be NULL. */
    void (*finish)(struct cast *cast);
    int cancelled, hurried; /* counters of what came to -ECANCELED and -ETIMEDOUT */
};

/* Access: as above */
struct cast {
    const struct round *round;        /* C */
    const struct play *play;          /* C */
    struct pawl_runtime *rt;          /* C */
    struct random random;             /* D */
    uint64_t successors;              /* D */
    _Atomic bool over;                /* A */
    unsigned count, threads;          /* C */
    struct actor *actors[ACTORS_MAX]; /* C */
};

/* Adds a part, of a kind drawn; threads are few, since each of their waits costs as much as hundreds of the others'.
 * The actor is the scenario's memory, zeroed. */
void cast_add(struct cast *cast, struct actor *a);

/* Plays until the round is over; on return every actor has ended. */
void cast_play(struct cast *cast, const struct round *round, const struct play *play);

static inline bool cast_is_over(const struct cast *cast)
{
    return atomic_load_explicit(&cast->over, memory_order_acquire);
}

/* Once in n times the present wait is in a hurry, never if n is 0; the deadline is near, now or past. By next. */
void actor_hurry(struct actor *a, uint64_t n);

/* What a wait that is given up comes to: -ETIMEDOUT, or what had happened already. */
int actor_cancel_wait(struct actor *a);
int actor_cancel_select(struct pawl_case *cases, size_t case_count);

/* Lets others come in between, where the actor can. */
void actor_pause(struct actor *a);

static inline void actor_count(struct actor *a)
{
    if (++a->operations >= 64) {
        count_more(0, a->operations);
        a->operations = 0;
    }
}

#endif
