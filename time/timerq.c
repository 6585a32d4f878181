/* The heap has four children a node: it is half as deep as a binary one, and children are compared side by side.
 *
 *   nodes   The heap, in [0, count). Behind it, up to capacity, nodes name the slots that are free: each slot is named
 *           by one node, always.
 *   slots   What else there is to a timer, and where its node is. A slot does not move while its timer pends.
 *   ended   The last ENDED_KEPT that ended, a ring. Those whose ids have the same bucket are a chain, newest first.
 *
 * An id is the number of the setting, which tells it from its slot's earlier users, above the slot's index plus one. */
#include <errno.h>
#include <pawl/timerq.h>
#include <stdlib.h>

enum {
    ARITY = 4,
    CAPACITY_FIRST = 64,
    CAPACITY_KEPT = 1024, /* is not given back when nothing is pending */
    ENDED_KEPT = 1024     /* a power of two */
};

/* All that is compared. With the number in the slot, four nodes fill a cache line; that measured no faster, and half as
 * fast where many deadlines are equal. */
struct node {
    uint64_t deadline_ns; /* PAWL_NEVER: never due */
    uint64_t number;      /* of its setting */
    uint32_t slot;
};

/* What sifting and cancelling look at comes first, and so shares a cache line. */
struct slot {
    uint64_t id;       /* 0: free */
    uint32_t position; /* of its node */
    uint64_t wake_task;
    uint64_t period_ns; /* 0: fires once */
};

struct ended {
    uint64_t id;
    uint64_t older; /* the number of the one of this bucket that ended before it; 0: none */
    enum pawl_timer_state state;
};

struct pawl_timerq {
    uint64_t now_ns;      /* the latest seen */
    uint64_t set_count;   /* ever */
    uint64_t ended_count; /* ever: the number of the one that ended last */
    size_t count, capacity;
    struct node *nodes;
    struct slot *slots;
    uint64_t newest[ENDED_KEPT]; /* by bucket: the number of the last that ended */
    struct ended ended[ENDED_KEPT];
};

static uint64_t latest(const struct pawl_timerq *q, uint64_t now_ns)
{
    return now_ns > q->now_ns ? now_ns : q->now_ns;
}

/* ---- the heap ---- */

static bool is_before(const struct node *a, const struct node *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->number < b->number;
}

static void put(struct pawl_timerq *q, size_t position, struct node node)
{
    q->nodes[position] = node;
    q->slots[node.slot].position = (uint32_t)position;
}

/* Files the node at the position, a hole, or as far above it as it belongs. */
static void sift_up(struct pawl_timerq *q, size_t position, struct node node)
{
    while (position > 0) {
        size_t parent = (position - 1) / ARITY;
        if (!is_before(&node, &q->nodes[parent]))
            break;
        put(q, position, q->nodes[parent]);
        position = parent;
    }
    put(q, position, node);
}

static size_t earliest_of(const struct pawl_timerq *q, size_t first, size_t end)
{
    size_t earliest = first;
    for (size_t i = first + 1; i < end; i++)
        if (is_before(&q->nodes[i], &q->nodes[earliest]))
            earliest = i;
    return earliest;
}

static void sift_down(struct pawl_timerq *q, size_t position, struct node node)
{
    for (size_t first; (first = position * ARITY + 1) < q->count;) {
        size_t child = earliest_of(q, first, q->count - first < ARITY ? q->count : first + ARITY);
        if (!is_before(&q->nodes[child], &node))
            break;
        put(q, position, q->nodes[child]);
        position = child;
    }
    put(q, position, node);
}

/* Takes the node out, and frees its slot. */
static void take_out(struct pawl_timerq *q, size_t position)
{
    uint32_t slot = q->nodes[position].slot;
    struct node last = q->nodes[--q->count];
    if (position < q->count) {
        if (position > 0 && is_before(&last, &q->nodes[(position - 1) / ARITY]))
            sift_up(q, position, last);
        else
            sift_down(q, position, last);
    }
    q->nodes[q->count].slot = slot;
    q->slots[slot].id = 0;
}

/* ---- memory ---- */

static bool grow(struct pawl_timerq *q)
{
    size_t capacity = q->capacity == 0 ? CAPACITY_FIRST : q->capacity * 2;
    if (capacity > UINT32_MAX)
        return false;
    struct node *nodes = realloc(q->nodes, capacity * sizeof *nodes);
    if (nodes == NULL)
        return false;
    q->nodes = nodes; /* larger than it need be, if the slots cannot follow */
    struct slot *slots = realloc(q->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    q->slots = slots;
    for (; q->capacity < capacity; q->capacity++) {
        nodes[q->capacity].slot = (uint32_t)q->capacity;
        slots[q->capacity].id = 0;
    }
    return true;
}

static void give_back(struct pawl_timerq *q)
{
    free(q->nodes);
    free(q->slots);
    q->nodes = NULL;
    q->slots = NULL;
    q->capacity = 0;
}

/* ---- ids ---- */

static struct slot *find(const struct pawl_timerq *q, uint64_t id)
{
    size_t index = (uint32_t)(id - 1);
    return id != 0 && index < q->capacity && q->slots[index].id == id ? &q->slots[index] : NULL;
}

/* Settings have consecutive numbers: those that end at about the same time share few buckets. */
static size_t bucket_of(uint64_t id)
{
    return (id >> 32) % ENDED_KEPT;
}

static void remember(struct pawl_timerq *q, uint64_t id, enum pawl_timer_state state)
{
    uint64_t *newest = &q->newest[bucket_of(id)];
    q->ended_count++;
    q->ended[q->ended_count % ENDED_KEPT] = (struct ended){id, *newest, state};
    *newest = q->ended_count;
}

static const struct ended *recall(const struct pawl_timerq *q, uint64_t id)
{
    for (uint64_t n = q->newest[bucket_of(id)]; n != 0 && q->ended_count - n < ENDED_KEPT;) {
        const struct ended *ended = &q->ended[n % ENDED_KEPT];
        if (ended->id == id)
            return ended;
        n = ended->older;
    }
    return NULL;
}

static void end(struct pawl_timerq *q, const struct slot *slot, enum pawl_timer_state state)
{
    remember(q, slot->id, state);
    take_out(q, slot->position);
    if (q->count == 0 && q->capacity > CAPACITY_KEPT)
        give_back(q);
}

/* ---- the calls ---- */

int pawl_timerq_create(struct pawl_timerq **out)
{
    if (out == NULL)
        return -EINVAL;
    struct pawl_timerq *q = calloc(1, sizeof *q);
    if (q == NULL)
        return -ENOMEM;
    *out = q;
    return 0;
}

void pawl_timerq_destroy(struct pawl_timerq *q)
{
    if (q == NULL)
        return;
    give_back(q);
    free(q);
}

static int add(struct pawl_timerq *q, uint64_t now_ns, uint64_t delay_ns, struct slot timer, uint64_t *id)
{
    if (q == NULL)
        return -EINVAL;
    if (q->count == q->capacity && !grow(q))
        return -ENOMEM;
    q->now_ns = latest(q, now_ns);
    uint32_t slot = q->nodes[q->count].slot;
    struct node node = {pawl_saturating_add(q->now_ns, delay_ns), ++q->set_count, slot};
    timer.id = node.number << 32 | (slot + UINT64_C(1));
    q->slots[slot] = timer;
    sift_up(q, q->count++, node);
    if (id != NULL)
        *id = timer.id;
    return 0;
}

int pawl_timerq_set(struct pawl_timerq *q, uint64_t now_ns, uint64_t delay_ns, uint64_t wake_task, uint64_t *id)
{
    return add(q, now_ns, delay_ns, (struct slot){.wake_task = wake_task}, id);
}

int pawl_timerq_interval(struct pawl_timerq *q, uint64_t now_ns, uint64_t period_ns, uint64_t wake_task, uint64_t *id)
{
    if (period_ns == 0)
        return -EINVAL;
    return add(q, now_ns, period_ns, (struct slot){.wake_task = wake_task, .period_ns = period_ns}, id);
}

int pawl_timerq_cancel(struct pawl_timerq *q, uint64_t id)
{
    if (q == NULL)
        return -EINVAL;
    struct slot *slot = find(q, id);
    if (slot == NULL)
        return recall(q, id) != NULL ? -EALREADY : -ENOENT;
    end(q, slot, PAWL_TIMER_CANCELLED);
    return 0;
}

int pawl_timerq_state(const struct pawl_timerq *q, uint64_t id, enum pawl_timer_state *state)
{
    if (q == NULL || state == NULL)
        return -EINVAL;
    if (find(q, id) != NULL) {
        *state = PAWL_TIMER_PENDING;
        return 0;
    }
    const struct ended *ended = recall(q, id);
    if (ended == NULL)
        return -ENOENT;
    *state = ended->state;
    return 0;
}

/* Files an interval under the first point of its grid after now. */
static void go_on(struct pawl_timerq *q, struct node node, uint64_t period_ns)
{
    uint64_t missed_ns = (q->now_ns - node.deadline_ns) / period_ns * period_ns;
    node.deadline_ns = pawl_saturating_add(node.deadline_ns + missed_ns, period_ns);
    sift_down(q, 0, node);
}

static bool is_due(const struct pawl_timerq *q)
{
    return q->count > 0 && q->nodes[0].deadline_ns <= q->now_ns && q->nodes[0].deadline_ns != PAWL_NEVER;
}

size_t pawl_timerq_tick(struct pawl_timerq *q, uint64_t now_ns, uint64_t *wake_tasks, size_t capacity)
{
    size_t woken = 0;
    if (q == NULL)
        return 0;
    if (wake_tasks == NULL)
        capacity = 0;
    q->now_ns = latest(q, now_ns);
    while (is_due(q)) {
        const struct slot *slot = &q->slots[q->nodes[0].slot];
        if (slot->wake_task != PAWL_TIMERQ_NO_TASK) {
            if (woken == capacity)
                break;
            wake_tasks[woken++] = slot->wake_task;
        }
        if (slot->period_ns == 0)
            end(q, slot, PAWL_TIMER_FIRED);
        else
            go_on(q, q->nodes[0], slot->period_ns);
    }
    return woken;
}

uint64_t pawl_timerq_until_next(const struct pawl_timerq *q, uint64_t now_ns)
{
    if (q == NULL || q->count == 0 || q->nodes[0].deadline_ns == PAWL_NEVER)
        return PAWL_NEVER;
    uint64_t now = latest(q, now_ns);
    return q->nodes[0].deadline_ns > now ? q->nodes[0].deadline_ns - now : 0;
}

size_t pawl_timerq_pending(const struct pawl_timerq *q)
{
    return q != NULL ? q->count : 0;
}
