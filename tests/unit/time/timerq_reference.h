/* A timer queue without a heap and without slots: arrays, searched from end to end at every question. Slow, and right
 * by inspection. And a walk, which takes a queue and its reference through the same steps and compares what comes out;
 * who walks, a property test or a fuzz target, chooses the steps. */
#ifndef PAWL_TESTS_TIMERQ_REFERENCE_H
#define PAWL_TESTS_TIMERQ_REFERENCE_H

#include <pawl/timerq.h>

#define REFERENCE_PENDING_MAX 2000
#define REFERENCE_ENDED_MAX 1500 /* some that the queue may have forgotten, too */
#define REFERENCE_REMEMBERED 1024

struct reference_timer {
    uint64_t id, deadline_ns, period_ns, wake_task;
    uint64_t number; /* of its setting */
    enum pawl_timer_state state;
};

struct timerq_walk {
    struct pawl_timerq *q;
    uint64_t now_ns;    /* the latest that the queue was told */
    size_t pending_max; /* no more are set at once */
    size_t pending_count;
    uint64_t set_count, ended_count;
    struct reference_timer pending[REFERENCE_PENDING_MAX];
    struct reference_timer ended[REFERENCE_ENDED_MAX]; /* a ring */
};

/* 0, or what create answered. */
int walk_init(struct timerq_walk *walk, uint64_t now_ns, size_t pending_max);
void walk_fini(struct timerq_walk *walk);

/* One step, of the kind `what` (any number), with one of the timers, and some length of time. The result is the
 * sentence that does not hold, or NULL. */
const char *walk_step(struct timerq_walk *walk, unsigned what, unsigned which, uint64_t ns);

#endif
