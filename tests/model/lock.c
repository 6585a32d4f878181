/* The library's own lock (base/lock.h), which all other scenarios take the checker's for; and the rooms for liburcu,
 * base/fifo.h and base/rcu.h, on what stands in for it (urcu.c).
 *
 * Edge lock.word: what the lock guards is plain data, so two holders at a time, or one that does not see what the last
 * one did, are a data race. A wake-up that is lost leaves a thread asleep: a deadlock, since no wait expires here.
 * Final states: everybody held the lock as often as they wanted to, the word says FREE, nobody sleeps.
 * Edge fifo.node: each node is popped once, after those that its pusher pushed before it, with what was written there.
 * Edge rcu.grace: who was found in a read section is freed after its end. */
#define PAWL_MODEL_LOCK /* the lock itself, not the checker's */
#include "base/lock.c"  /* NOLINT: compiled with the line above */

#include <stdlib.h>

#include "base/fifo.h"
#include "base/list.h"
#include "base/rcu.h"
#include "tools/model/model.h"

static struct lock lock;
static unsigned guarded, refused;

static void together(void (*first)(void *), void (*second)(void *), void (*third)(void *))
{
    unsigned t = model_spawn(second, NULL), u = third != NULL ? model_spawn(third, NULL) : t;
    first(NULL);
    model_join(t);
    if (third != NULL)
        model_join(u);
}

/* ---- the lock ---- */

static void holds(void *arg)
{
    (void)arg;
    lock_acquire(&lock);
    guarded++;
    lock_release(&lock);
}

static void holds_twice(void *arg)
{
    holds(arg);
    holds(arg);
}

static void expect_free(unsigned times)
{
    MODEL_ASSERT(guarded == times && load_relaxed_u32(&lock.word) == LOCK_FREE);
    MODEL_ASSERT(lock_try(&lock));
    lock_release(&lock);
}

static void two(void)
{
    together(holds, holds, NULL);
    expect_free(2);
}

static void two_twice(void)
{
    together(holds_twice, holds_twice, NULL);
    expect_free(4);
}

static void three(void)
{
    together(holds, holds, holds);
    expect_free(3);
}

static void tries(void *arg)
{
    (void)arg;
    if (!lock_try(&lock))
        return;
    guarded++;
    lock_release(&lock);
}

/* Fails only while another one holds it, or has just done so. */
static void try_against_one(void)
{
    together(holds, tries, NULL);
    MODEL_ASSERT(guarded == 1 || guarded == 2);
    model_outcome(guarded == 2 ? "taken" : "refused");
    expect_free(guarded);
}

static const char *const try_outcomes[] = {"taken", "refused", NULL};

static void try_against_two(void)
{
    together(holds, tries, holds);
    MODEL_ASSERT(guarded == 2 || guarded == 3);
    expect_free(guarded);
}

/* Two that only try: at least one gets it, since nobody else has it. */
static void two_try(void)
{
    together(tries, tries, NULL);
    MODEL_ASSERT(guarded == 1 || guarded == 2);
    expect_free(guarded);
}

/* The last holder frees the memory of the lock; the one before it may still be waking somebody. */
struct shared {
    struct lock lock;
    unsigned users;
};

static struct shared *shared;

static void leaves(void *arg)
{
    struct shared *s = shared;
    (void)arg;
    lock_acquire(&s->lock);
    bool last = --s->users == 0;
    lock_release(&s->lock);
    if (last)
        free(s);
}

static void last_one_frees(void)
{
    shared = malloc(sizeof *shared);
    *shared = (struct shared){.users = 3};
    together(leaves, leaves, leaves);
}

static bool ready; /* under `lock` */

static void makes_ready(void *arg)
{
    (void)arg;
    lock_acquire(&lock);
    ready = true;
    lock_release(&lock);
}

static void uses_when_ready(void *arg)
{
    (void)arg;
    lock_acquire(&lock);
    if (ready)
        guarded++;
    else
        refused++;
    lock_release(&lock);
}

static void handed_over(void)
{
    together(makes_ready, uses_when_ready, NULL);
    MODEL_ASSERT(guarded + refused == 1);
    model_outcome(guarded == 1 ? "ready" : "not yet");
    expect_free(guarded);
}

static const char *const ready_outcomes[] = {"ready", "not yet", NULL};

/* ---- fifo ---- */

enum { NODES_MAX = 5 };

struct item {
    struct fifo_node node;
    unsigned pusher, number; /* plain */
};

static struct fifo fifo, other_fifo;
static struct lock poppers;
static struct item items[NODES_MAX];
static unsigned popped, next_of[3]; /* under `poppers` */

static void push(struct fifo *to, unsigned i, unsigned pusher, unsigned number)
{
    items[i].pusher = pusher;
    items[i].number = number;
    pawl__fifo_push(to, &items[i].node);
}

static struct item *pop(void)
{
    struct fifo_node *node = pawl__fifo_pop(&fifo);
    if (node == NULL)
        return NULL;
    struct item *item = PAWL_CONTAINER_OF(node, struct item, node);
    MODEL_ASSERT(item->number == next_of[item->pusher]); /* in its pusher's order, and once */
    next_of[item->pusher]++;
    item->number = 99;
    popped++;
    return item;
}

static void pushes_two(void *arg)
{
    (void)arg;
    push(&fifo, 0, 0, 0);
    push(&fifo, 1, 0, 1);
}

static void pushes_two_more(void *arg)
{
    (void)arg;
    push(&fifo, 2, 1, 0);
    push(&fifo, 3, 1, 1);
}

static void pops_two(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 2; i++) {
        lock_acquire(&poppers);
        pop();
        lock_release(&poppers);
    }
}

static void pop_the_rest(unsigned count)
{
    while (pop() != NULL)
        ;
    MODEL_ASSERT(popped == count && pawl__fifo_pop(&fifo) == NULL);
}

static void one_pusher(void)
{
    pawl__fifo_init(&fifo);
    together(pops_two, pushes_two, NULL);
    pop_the_rest(2);
}

static void pushes_one(void *arg)
{
    (void)arg;
    push(&fifo, 2, 1, 0);
}

static void two_pushers(void)
{
    pawl__fifo_init(&fifo);
    together(pops_two, pushes_two, pushes_one);
    pop_the_rest(3);
}

/* What comes to the end of an emptied queue. */
static void two_poppers(void)
{
    pawl__fifo_init(&fifo);
    push(&fifo, 4, 2, 0);
    together(pops_two, pushes_one, pops_two);
    pop_the_rest(2);
}

static void splices(void *arg)
{
    (void)arg;
    pawl__fifo_init(&other_fifo);
    push(&other_fifo, 2, 1, 0);
    push(&other_fifo, 3, 1, 1);
    pawl__fifo_splice(&fifo, &other_fifo);
    pawl__fifo_splice(&fifo, &other_fifo); /* empty by now */
    push(&other_fifo, 4, 1, 2);            /* and of use again */
    pawl__fifo_splice(&fifo, &other_fifo);
}

static void splice(void)
{
    pawl__fifo_init(&fifo);
    together(splices, pushes_two, NULL);
    pop_the_rest(5);
}

static void splices_one_batch(void *arg)
{
    (void)arg;
    pawl__fifo_init(&other_fifo);
    push(&other_fifo, 2, 1, 0);
    push(&other_fifo, 3, 1, 1);
    pawl__fifo_splice(&fifo, &other_fifo);
}

static void splice_against_pop(void)
{
    pawl__fifo_init(&fifo);
    push(&fifo, 0, 0, 0);
    together(splices_one_batch, pops_two, NULL);
    pop_the_rest(3);
}

static void three_parties(void)
{
    pawl__fifo_init(&fifo);
    together(pops_two, pushes_two, pushes_two_more);
    pop_the_rest(4);
}

/* A node is pushed again by who popped it, while others are pushed. */
static void pops_and_pushes_again(void *arg)
{
    (void)arg;
    lock_acquire(&poppers);
    struct item *item = pop();
    lock_release(&poppers);
    MODEL_ASSERT(item == &items[0]);
    push(&fifo, 0, 2, 0);
}

static void pushed_again(void)
{
    pawl__fifo_init(&fifo);
    push(&fifo, 0, 0, 0);
    push(&fifo, 1, 0, 1);
    together(pops_and_pushes_again, pushes_one, NULL);
    pop_the_rest(4);
}

/* The owner's count says how many may be popped: who has seen it finds so many, even if a push is half done. */
static PAWL_ATOMIC(uint32_t) count;

static void pushes_and_counts(void *arg)
{
    (void)arg;
    push(&fifo, 0, 0, 0);
    fetch_add_acq_rel_u32(&count, 1);
}

static void pushes_one_and_counts(void *arg)
{
    pushes_one(arg);
    fetch_add_acq_rel_u32(&count, 1);
}

static void pops_what_is_counted(void *arg)
{
    (void)arg;
    lock_acquire(&poppers);
    if (fetch_add_acq_rel_u32(&count, 0) > 0)
        MODEL_ASSERT(pop() != NULL);
    lock_release(&poppers);
}

static void counted(void)
{
    pawl__fifo_init(&fifo);
    together(pops_what_is_counted, pushes_and_counts, pushes_one_and_counts);
    pop_the_rest(2);
}

/* ---- rcu ---- */

static PAWL_ATOMIC(void *) published;

static void reads(void *arg)
{
    (void)arg;
    pawl__rcu_enter();
    const unsigned *found = load_acquire_ptr(&published);
    if (found != NULL)
        MODEL_ASSERT(*found == 1);
    pawl__rcu_exit();
}

/* A section in a section ends with the outer one. */
static void reads_nested(void *arg)
{
    pawl__rcu_enter();
    const unsigned *found = load_acquire_ptr(&published);
    reads(arg);
    if (found != NULL)
        MODEL_ASSERT(*found == 1);
    pawl__rcu_exit();
}

static void publish(void)
{
    unsigned *value = malloc(sizeof *value);
    *value = 1;
    store_release_ptr(&published, value);
}

static void unpublishes_and_frees(void *arg)
{
    (void)arg;
    unsigned *value = exchange_acq_rel_ptr(&published, NULL);
    pawl__rcu_synchronize();
    *value = 2; /* no reader is there to see it */
    free(value);
}

/* Publishes anew: readers find one or the other. */
static void replaces_and_frees(void *arg)
{
    (void)arg;
    unsigned *value = load_relaxed_ptr(&published);
    publish();
    pawl__rcu_synchronize();
    *value = 2;
    free(value);
}

static void one_reader(void)
{
    publish();
    together(unpublishes_and_frees, reads, NULL);
}

static void two_readers(void)
{
    publish();
    together(unpublishes_and_frees, reads, reads);
}

static void nested_reader(void)
{
    publish();
    together(unpublishes_and_frees, reads_nested, NULL);
}

static void replaced(void)
{
    publish();
    together(replaces_and_frees, reads, NULL);
    free(load_relaxed_ptr(&published));
}

#define SCENARIO(fn, words, ...)                                                                                       \
    {                                                                                                                  \
        .name = #fn, .about = words, .run = fn, __VA_ARGS__                                                            \
    }

int main(int argc, char **argv)
{
    static const struct model_scenario all[] = {
        SCENARIO(two, "two threads hold the lock once", .spurious = 1),
        SCENARIO(two_twice, "two threads hold the lock twice"),
        SCENARIO(three, "three threads hold the lock once"),
        SCENARIO(try_against_one, "one tries while one holds", .outcomes = try_outcomes),
        SCENARIO(try_against_two, "one tries while two hold"),
        SCENARIO(two_try, "two only try"),
        SCENARIO(last_one_frees, "the last holder frees the lock"),
        SCENARIO(handed_over, "what one wrote the next one sees", .outcomes = ready_outcomes),
        SCENARIO(one_pusher, "fifo: push against pop"),
        SCENARIO(two_pushers, "fifo: two push, one pops"),
        SCENARIO(two_poppers, "fifo: one pushes, two pop in turn"),
        SCENARIO(splice, "fifo: splice against push"),
        SCENARIO(splice_against_pop, "fifo: splice against pop"),
        SCENARIO(three_parties, "fifo: pushes from two threads against pop"),
        SCENARIO(pushed_again, "fifo: a node is pushed again"),
        SCENARIO(counted, "fifo: as many as are counted can be popped"),
        SCENARIO(one_reader, "rcu: one reader against reclaiming"),
        SCENARIO(two_readers, "rcu: two readers against reclaiming"),
        SCENARIO(nested_reader, "rcu: a section in a section"),
        SCENARIO(replaced, "rcu: replacing what is read"),
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    const struct model_scenario *scenarios[COUNT + 1] = {NULL};
    for (unsigned i = 0; i < COUNT; i++)
        scenarios[i] = &all[i];
    return model_main(argc, argv, scenarios);
}
