/* RC11's axioms.
 *
 * Coherence and atomicity are kept by construction: explore.c offers a new load only stores that nothing known to it
 * has overwritten, and a new store only places after those. What is left is the order of what is sequentially
 * consistent: psc, the paper's, must have no cycle. It is looked for once an execution: extending a graph by the newest
 * store, or by a store that is the newest, cannot make one.
 *
 * Fences that come in pairs stand in the same order; an edge between two of them counts if one is heavy, and an edge
 * between a light one and anything else sequentially consistent counts if that is a heavy one. */
#include <string.h>

#include "tools/model/checker.h"

unsigned consistency_read_floor(const struct location *location, const struct vector *known)
{
    unsigned floor = 0;
    for (unsigned i = location->write_count; i > 0 && floor == 0; i--)
        if (vector_knows(known, location->writes[i - 1]))
            floor = i;
    for (unsigned i = 0; i < location->read_count; i++)
        if (vector_knows(known, location->reads[i])) {
            unsigned position = graph_position(location, step_of(location->reads[i])->event.rf);
            if (position > floor)
                floor = position;
        }
    return floor;
}

bool consistency_is_taken(const struct location *location, unsigned position)
{
    if (position >= location->write_count)
        return false;
    const struct step *next = step_of(location->writes[position]);
    event_ref before = position == 0 ? REF_INITIAL : location->writes[position - 1];
    return (next->event.flags & FLAG_UPDATE) != 0 && (next - 1)->event.rf == before;
}

/* ---- psc ----
 *
 * At each location loads and stores have keys: twice the store's place in the modification order, and one more for the
 * loads that read from it. Then x comes before y in extended coherence order (rf, co, fr and what they make) if its key
 * is smaller. The paper's psc between nodes a and b, which are sequentially consistent accesses or fences, comes to:
 *
 *     a hb b, if one of them is a fence; or
 *     both fences: at some location, an access after a (hb) has a smaller key than one before b (hb); or
 *     a fence, b a store: an access of that location after a has a smaller key; or
 *     b fence, a an access: a store to that location before b has a larger key; or
 *     both accesses: a po b, or of one location and a hb b, a co b or a fr b, or there are steps at other locations,
 *     x after a and y before b in program order, and x hb y. */

/* A node of psc. */
struct node {
    event_ref ref;
    const struct step *step;
    uint32_t *after, *before, *stored_before; /* a fence's, by location: smallest key after it, largest before it */
};

static bool is_fence(const struct step *step)
{
    return step->event.kind == EVENT_FENCE;
}

static bool is_memory(const struct step *step)
{
    return step->event.kind == EVENT_READ || step->event.kind == EVENT_WRITE;
}

static bool is_psc(const struct step *step)
{
    return (is_fence(step) || is_memory(step)) && step->event.order >= MODEL_SEQ_CST &&
           step->event.order != MODEL_PLAIN;
}

static bool happens_before(event_ref a, event_ref b)
{
    return a != b && vector_knows(&step_of(b)->hb, a);
}

static bool same_location(const struct step *a, const struct step *b)
{
    return is_memory(a) && is_memory(b) && a->event.argument == b->event.argument;
}

static uint32_t key_of(event_ref ref)
{
    return step_of(ref)->key;
}

static void set_keys(void)
{
    for (unsigned l = 0; l < checker->location_count; l++) {
        const struct location *location = &checker->locations[l];
        for (unsigned i = 0; i < location->write_count; i++)
            step_of(location->writes[i])->key = 2 * (i + 1);
        for (unsigned i = 0; i < location->read_count; i++) {
            event_ref from = step_of(location->reads[i])->event.rf;
            step_of(location->reads[i])->key = 1 + (from == REF_INITIAL ? 0 : key_of(from));
        }
    }
}

static void note_after(struct node *node)
{
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = checker->threads[t].executed; i > 0; i--) {
            const struct step *step = &checker->threads[t].steps[i - 1];
            if (!happens_before(node->ref, ref_of(t, i - 1)))
                break;
            if (is_memory(step) && step->key < node->after[step->event.argument])
                node->after[step->event.argument] = step->key;
        }
}

static void note_before(struct node *node)
{
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < node->step->hb.at[t]; i++) {
            const struct step *step = &checker->threads[t].steps[i];
            if (!is_memory(step))
                continue;
            if (step->key > node->before[step->event.argument])
                node->before[step->event.argument] = step->key;
            if (step->event.kind == EVENT_WRITE && step->key > node->stored_before[step->event.argument])
                node->stored_before[step->event.argument] = step->key;
        }
}

/* The nearest step in program order, forward or backward, that is not at the location of `ref`; false: none. */
static bool nearest_elsewhere(event_ref ref, int direction, event_ref *found)
{
    const struct thread *thread = &checker->threads[ref_thread(ref)];
    for (int i = (int)ref_index(ref) + direction; i >= 0 && i < (int)thread->executed; i += direction)
        if (!same_location(step_of(ref), &thread->steps[i])) {
            *found = ref_of(ref_thread(ref), (unsigned)i);
            return true;
        }
    return false;
}

static bool access_before_access(const struct node *a, const struct node *b)
{
    event_ref x, y;
    if (ref_thread(a->ref) == ref_thread(b->ref))
        return ref_index(a->ref) < ref_index(b->ref);
    if (same_location(a->step, b->step) &&
        (happens_before(a->ref, b->ref) || (b->step->event.kind == EVENT_WRITE && a->step->key < b->step->key)))
        return true;
    return nearest_elsewhere(a->ref, 1, &x) && nearest_elsewhere(b->ref, -1, &y) && happens_before(x, y);
}

static bool fence_before_fence(const struct node *a, const struct node *b)
{
    for (unsigned l = 0; l < checker->location_count; l++)
        if (a->after[l] < b->before[l])
            return true;
    return false;
}

/* Does the pair count at all? See the head of this file. */
static bool pair_counts(const struct step *a, const struct step *b)
{
    if (a->event.order == MODEL_LIGHT || b->event.order == MODEL_LIGHT)
        return a->event.order == MODEL_HEAVY || b->event.order == MODEL_HEAVY;
    return true;
}

static bool has_edge(const struct node *a, const struct node *b)
{
    bool from_fence = is_fence(a->step), to_fence = is_fence(b->step);
    if (!pair_counts(a->step, b->step))
        return false;
    if (!from_fence && !to_fence)
        return access_before_access(a, b);
    if (happens_before(a->ref, b->ref))
        return true;
    if (from_fence && to_fence)
        return fence_before_fence(a, b);
    if (from_fence)
        return b->step->event.kind == EVENT_WRITE && a->after[b->step->event.argument] < b->step->key;
    return b->stored_before[a->step->event.argument] > a->step->key;
}

static bool has_cycle(const bool *edges, unsigned count)
{
    enum { NEW, OPEN, CLOSED };
    unsigned char *state = checker_alloc(count);
    unsigned *stack = checker_alloc((count + 1) * 2 * sizeof *stack), depth = 0;
    bool cycle = false;
    memset(state, NEW, count);
    for (unsigned root = 0; root < count && !cycle; root++) {
        if (state[root] != NEW)
            continue;
        stack[0] = root;
        stack[1] = 0;
        depth = 1;
        state[root] = OPEN;
        while (depth > 0 && !cycle) {
            unsigned node = stack[2 * depth - 2], next = stack[2 * depth - 1]++;
            if (next == count) {
                state[node] = CLOSED;
                depth--;
            } else if (edges[node * count + next] && state[next] == OPEN) {
                cycle = true;
            } else if (edges[node * count + next] && state[next] == NEW) {
                state[next] = OPEN;
                stack[2 * depth] = next;
                stack[2 * depth + 1] = 0;
                depth++;
            }
        }
    }
    checker_free(state);
    checker_free(stack);
    return cycle;
}

static struct node *make_nodes(unsigned count)
{
    unsigned n = 0, locations = checker->location_count;
    struct node *nodes = checker_alloc(count * (sizeof *nodes + 3 * locations * sizeof(uint32_t)));
    uint32_t *keys = (uint32_t *)(nodes + count);
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < checker->threads[t].executed; i++) {
            struct node *node = &nodes[n];
            if (!is_psc(&checker->threads[t].steps[i]))
                continue;
            *node = (struct node){.ref = ref_of(t, i), .step = &checker->threads[t].steps[i]};
            n++;
            if (!is_fence(node->step))
                continue;
            node->after = keys;
            node->before = keys + locations;
            node->stored_before = keys + 2 * locations;
            keys += 3 * locations;
            memset(node->after, 0xff, locations * sizeof *node->after);
            memset(node->before, 0, 2 * locations * sizeof *node->before);
            note_after(node);
            note_before(node);
        }
    return nodes;
}

bool consistency_check(void)
{
    unsigned count = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < checker->threads[t].executed; i++)
            count += is_psc(&checker->threads[t].steps[i]);
    if (count < 2)
        return true;
    set_keys();
    struct node *nodes = make_nodes(count);
    bool *edges = checker_alloc((size_t)count * count);
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < count; j++)
            edges[i * count + j] = i != j && has_edge(&nodes[i], &nodes[j]);
    bool cycle = has_cycle(edges, count);
    checker_free(edges);
    checker_free(nodes);
    return !cycle;
}
