/* Known mistakes in lock-free structures, each with its mended twin.
 *
 *     name             what is broken                                                     reference
 *     deque_fence      take without its fence: an item is taken twice                     Chase, Lev 2005; Le et al.
 *     deque_bottom     take stores bottom relaxed: not in push's release sequence         P0982 (C++20)
 *     stack_reuse      a stack whose nodes come back at once: ABA                         Treiber 1986
 *     stack_free       a stack whose nodes are freed while another reads them             Michael 2004
 *     queue_link       the producer's link without release                                Vyukov, MPSC queue
 *     queue_exchange   its exchange of the head without order: an item is lost
 *     ring_tail        a ring of one producer and one consumer, tail relaxed              Lamport 1983
 *     ring_head        the same with head relaxed: a slot is overwritten while it is read
 *     completion       an object used after it was said to be done
 *
 * Le, Pop, Cohen, Zappa Nardelli: Correct and Efficient Work-Stealing for Weak Memory Models. PPoPP 2013. Theirs has
 * relaxed stores of bottom behind a release fence; here push's store itself releases, as ThreadSanitizer wants it. Then
 * every store of bottom has to: since C++20 a relaxed one does not continue what push began. */
#include <stdlib.h>

#include "tests/model/twins.h"

/* ---- the deque of Chase and Lev ---- */

enum { SLOTS = 4, ITEMS = 3 };

static _Atomic int slots[SLOTS], top, bottom, taken[ITEMS];
static int payload[ITEMS]; /* plain: handed over with the item */
static bool take_has_fence, take_releases;

static memory_order take_order(void)
{
    return take_releases ? memory_order_release : memory_order_relaxed;
}

static void push(int item)
{
    int b = atomic_load_explicit(&bottom, memory_order_relaxed);
    payload[item] = item;
    atomic_store_explicit(&slots[b % SLOTS], item, memory_order_relaxed);
    atomic_store_explicit(&bottom, b + 1, memory_order_release);
}

/* 0: none. */
static int take(void)
{
    int b = atomic_load_explicit(&bottom, memory_order_relaxed) - 1, item = 0;
    /* 1. store bottom  2. fence  3. load top */
    atomic_store_explicit(&bottom, b, take_order());
    if (take_has_fence)
        atomic_thread_fence(memory_order_seq_cst);
    int t = atomic_load_explicit(&top, memory_order_relaxed);
    if (t <= b)
        item = atomic_load_explicit(&slots[b % SLOTS], memory_order_relaxed);
    if (t == b && !atomic_compare_exchange_strong_explicit(&top, &t, t + 1, memory_order_seq_cst, memory_order_relaxed))
        item = 0;
    if (t >= b)
        atomic_store_explicit(&bottom, b + 1, take_order());
    return item;
}

static int steal(void)
{
    /* 1. load top, store it below  2. fence  3. load bottom */
    int t = atomic_load_explicit(&top, memory_order_acquire);
    atomic_thread_fence(memory_order_seq_cst);
    int b = atomic_load_explicit(&bottom, memory_order_acquire);
    if (t >= b)
        return 0;
    int item = atomic_load_explicit(&slots[t % SLOTS], memory_order_relaxed);
    return atomic_compare_exchange_strong_explicit(&top, &t, t + 1, memory_order_seq_cst, memory_order_relaxed) ? item
                                                                                                                : 0;
}

static void use(int item)
{
    if (item == 0)
        return;
    MODEL_ASSERT(payload[item] == item);
    MODEL_ASSERT(atomic_fetch_add_explicit(&taken[item], 1, memory_order_relaxed) == 0);
}

static void own_deque(void *unused)
{
    (void)unused;
    push(1);
    push(2);
    use(take());
    use(take());
}

static void steal_one(void *unused)
{
    (void)unused;
    use(steal());
}

static void work_and_steal(void)
{
    run_three(own_deque, steal_one, steal_one);
    for (int item; (item = take()) != 0;)
        use(item);
    MODEL_ASSERT(atomic_load(&taken[1]) == 1 && atomic_load(&taken[2]) == 1);
}

static void deque_fence(void)
{
    take_has_fence = mended;
    take_releases = true;
    work_and_steal();
}
TWINS(deque_fence, MODEL_ASSERT, "take without its fence: two get the last item", "take with its fence")

static void deque_bottom(void)
{
    take_has_fence = true;
    take_releases = mended;
    work_and_steal();
}
TWINS(deque_bottom, MODEL_RACE, "take stores bottom relaxed: a thief gets an item without its data",
      "every store of bottom releases")

/* ---- a stack ----
 *
 * Nodes are 1, 2, 3; 0 is none. head: a node; above it, in the mended twin, the number of changes. */

enum { NODES = 4, TAG = 16 };

static _Atomic int head, next[NODES], owned[NODES];

static int changed(int old, int node)
{
    return mended ? (old / TAG + 1) * TAG + node : node;
}

static int pop_node(void)
{
    int old = atomic_load_explicit(&head, memory_order_acquire), node, after;
    do {
        node = old % TAG;
        if (node == 0)
            return 0;
        after = atomic_load_explicit(&next[node], memory_order_relaxed);
    } while (!atomic_compare_exchange_strong_explicit(&head, &old, changed(old, after), memory_order_acq_rel,
                                                      memory_order_acquire));
    MODEL_ASSERT(atomic_exchange_explicit(&owned[node], 1, memory_order_relaxed) == 0);
    return node;
}

static void push_node(int node)
{
    int old = atomic_load_explicit(&head, memory_order_relaxed);
    atomic_store_explicit(&owned[node], 0, memory_order_relaxed);
    do
        atomic_store_explicit(&next[node], old % TAG, memory_order_relaxed);
    while (!atomic_compare_exchange_strong_explicit(&head, &old, changed(old, node), memory_order_release,
                                                    memory_order_relaxed));
}

static void pop_one(void *unused)
{
    (void)unused;
    pop_node();
}

static void pop_two_push_first(void *unused)
{
    (void)unused;
    int first = pop_node();
    pop_node();
    if (first != 0)
        push_node(first);
}

static void stack_reuse(void)
{
    for (int node = 1; node < NODES; node++) {
        atomic_store(&owned[node], 1);
        push_node(node);
    }
    run_two(pop_one, pop_two_push_first);
    while (pop_node() != 0)
        ;
    for (int node = 1; node < NODES; node++)
        MODEL_ASSERT(atomic_load(&owned[node]) == 1);
}
TWINS(stack_reuse, MODEL_ASSERT, "ABA: the node is back, but not its successor", "a count of changes beside the head")

struct cell {
    struct cell *_Atomic next;
};
static struct cell *_Atomic cells, *_Atomic limbo;

static void push_cell(struct cell *_Atomic *list, struct cell *cell)
{
    struct cell *old = atomic_load_explicit(list, memory_order_relaxed);
    do
        atomic_store_explicit(&cell->next, old, memory_order_relaxed);
    while (!atomic_compare_exchange_strong_explicit(list, &old, cell, memory_order_release, memory_order_relaxed));
}

static struct cell *pop_cell(struct cell *_Atomic *list)
{
    struct cell *old = atomic_load_explicit(list, memory_order_acquire);
    while (old != NULL &&
           !atomic_compare_exchange_strong_explicit(list, &old, atomic_load_explicit(&old->next, memory_order_relaxed),
                                                    memory_order_acq_rel, memory_order_acquire))
        ;
    return old;
}

static void pop_and_free(void *unused)
{
    (void)unused;
    struct cell *cell = pop_cell(&cells);
    if (!mended)
        free(cell);
    else if (cell != NULL)
        push_cell(&limbo, cell);
}

static void stack_free(void)
{
    for (int i = 0; i < 2; i++)
        push_cell(&cells, malloc(sizeof(struct cell)));
    run_two(pop_and_free, pop_and_free);
    for (struct cell *cell; (cell = pop_cell(&limbo)) != NULL;)
        free(cell);
}
TWINS(stack_free, MODEL_MEMORY, "popped and freed while another reads its successor", "freed when all have finished")

/* ---- the queue of many producers and one consumer ---- */

struct node {
    struct node *_Atomic next;
    int value; /* plain */
};
static struct node stub, nodes[2], *tail = &stub;
static struct node *_Atomic queue_head;
static bool link_releases, exchange_orders;

static void enqueue(struct node *node)
{
    atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
    struct node *former =
        atomic_exchange_explicit(&queue_head, node, exchange_orders ? memory_order_acq_rel : memory_order_relaxed);
    atomic_store_explicit(&former->next, node, link_releases ? memory_order_release : memory_order_relaxed);
}

static struct node *dequeue(void)
{
    struct node *node = atomic_load_explicit(&tail->next, memory_order_acquire);
    if (node != NULL)
        tail = node;
    return node;
}

static void produce(void *node)
{
    ((struct node *)node)->value = 1;
    enqueue(node);
}

static void produce_first(void *unused)
{
    (void)unused;
    produce(&nodes[0]);
}

static void produce_second(void *unused)
{
    (void)unused;
    produce(&nodes[1]);
}

static int consumed;

static void consume(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        struct node *node = dequeue();
        consumed += node == NULL ? 0 : node->value;
    }
}

static void produce_and_consume(void)
{
    atomic_store(&queue_head, &stub);
    run_three(produce_first, produce_second, consume);
    for (struct node *node; (node = dequeue()) != NULL;)
        consumed += node->value;
    MODEL_ASSERT(consumed == 2);
}

static void queue_link(void)
{
    link_releases = mended;
    exchange_orders = true;
    produce_and_consume();
}
TWINS(queue_link, MODEL_RACE, "the link is stored relaxed: a node without its value", "the link's store releases")

static void queue_exchange(void)
{
    link_releases = true;
    exchange_orders = mended;
    produce_and_consume();
}
TWINS(queue_exchange, MODEL_ASSERT, "a relaxed exchange: a node's link is overwritten by its own initialisation",
      "an acq_rel exchange")

/* ---- a ring of two slots ---- */

enum { RING = 2, SENT = 3 };

static int ring[RING]; /* plain */
static _Atomic int ring_head_index, ring_tail_index;
static bool tail_releases, head_releases;

static void send_all(void *unused)
{
    (void)unused;
    for (int i = 0; i < SENT; i++) {
        /* edge head: the consumer's store is our licence to overwrite the slot */
        while (i - atomic_load_explicit(&ring_head_index, memory_order_acquire) == RING)
            model_yield();
        ring[i % RING] = i;
        /* edge tail: hands the slot over */
        atomic_store_explicit(&ring_tail_index, i + 1, tail_releases ? memory_order_release : memory_order_relaxed);
    }
}

static void receive_all(void *unused)
{
    (void)unused;
    for (int i = 0; i < SENT; i++) {
        while (atomic_load_explicit(&ring_tail_index, memory_order_acquire) == i)
            model_yield();
        MODEL_ASSERT(ring[i % RING] == i);
        atomic_store_explicit(&ring_head_index, i + 1, head_releases ? memory_order_release : memory_order_relaxed);
    }
}

static void ring_tail(void)
{
    tail_releases = mended;
    head_releases = true;
    run_two(send_all, receive_all);
}
TWINS(ring_tail, MODEL_RACE, "the producer's index is stored relaxed", "both indexes' stores release")

static void ring_head(void)
{
    tail_releases = true;
    head_releases = mended;
    run_two(send_all, receive_all);
}
TWINS(ring_head, MODEL_RACE, "the consumer's index is stored relaxed", "both indexes' stores release")

/* ---- who may touch what is done ---- */

struct completion {
    _Atomic int done;
    int observers;
};
static struct completion *pending;

static void complete(void *unused)
{
    (void)unused;
    struct completion *completion = pending;
    int observers = completion->observers;
    atomic_store_explicit(&completion->done, 1, memory_order_release);
    /* its waiter's from here on */
    MODEL_ASSERT((mended ? observers : completion->observers) == 1);
}

static void await_completion(void *unused)
{
    (void)unused;
    struct completion *completion = pending;
    while (atomic_load_explicit(&completion->done, memory_order_acquire) == 0)
        model_yield();
    free(completion);
}

static void completion(void)
{
    pending = malloc(sizeof *pending);
    atomic_init(&pending->done, 0);
    pending->observers = 1;
    run_two(complete, await_completion);
}
TWINS(completion, MODEL_RACE, "looked at after it was said to be done, when it may be freed", "looked at before")

#define BOTH(id) &id##_broken, &id##_mended

static const struct model_scenario *const scenarios[] = {
    BOTH(deque_fence),    BOTH(deque_bottom), BOTH(stack_reuse), BOTH(stack_free), BOTH(queue_link),
    BOTH(queue_exchange), BOTH(ring_tail),    BOTH(ring_head),   BOTH(completion), NULL,
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios);
}
