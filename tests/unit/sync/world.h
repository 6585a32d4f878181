/* A world of one object of each sort that a select can be about, and what selects among them. */
#ifndef TESTS_UNIT_SYNC_WORLD_H
#define TESTS_UNIT_SYNC_WORLD_H

#include "kinds.h"

/* rt: whose tasks it has; `target` is one that ends when `end` is set. */
struct world {
    struct pawl_runtime *rt;
    struct pawl_channel *full, *empty; /* of capacity 1; to send to, to receive from */
    struct pawl_oneshot oneshot;
    struct pawl_notify notify;
    struct pawl_semaphore semaphore;
    struct pawl_token *token;
    struct pawl_task *target; /* ends when it is told */
    struct event end;
    uint64_t sent, received;
    void *value, *result;
};

enum { SEND, RECEIVE, ONESHOT, NOTIFY, SEMAPHORE, TOKEN, JOIN, CASES };

void world_open(struct world *w, struct pawl_runtime *rt);
void world_close(struct world *w);

void case_of(struct world *w, struct pawl_case *c, int what);
void cases_of(struct world *w, struct pawl_case cases[CASES]);

/* Lets the case happen. */
void let(struct world *w, int what);

/* It has happened, and is used up; or it could have, and has not. */
void expect_happened(struct world *w, int what, bool happened);

struct selector {
    struct pawl_case cases[CASES];
    size_t count;
    uint64_t deadline_ns;
    int index;
    PAWL_ATOMIC(uint32_t) polls;
    struct event done;
    struct pawl_task *task;
};

/* Task or thread function. */
void *select_cases(void *selector);

void start_selector(struct pawl_runtime *rt, struct selector *s, bool polls);

#endif
