/* RC11's axioms.
 *
 * Coherence and atomicity are kept by construction: explore.c offers a new load only stores that nothing known to it
 * has overwritten, and a new store only places after those. What is left is the order of what is sequentially
 * consistent: psc, the paper's, must have no cycle. It is looked for once an execution: extending a graph by the newest
 * store, or by a store that is the newest, cannot make one.
 *
 * Fences that come in pairs stand in the same order; an edge between two of them counts if one is heavy, and an edge
 * between a light one and anything else sequentially consistent counts if that is a heavy one. */
#include <stdlib.h>
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

/* ---- psc ---- */

/* The execution's events, numbered thread after thread. */
struct matrix {
    unsigned count, words;
    event_ref *ref;
    unsigned first[THREADS_MAX];
    unsigned *different_after, *different_before; /* nearest event of the thread on another object; count: none */
    uint64_t *scb;                                /* a row an event */
    uint64_t *eco;
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

static bool happens_before(const struct matrix *m, unsigned a, unsigned b)
{
    return a != b && vector_knows(&step_of(m->ref[b])->hb, m->ref[a]);
}

static bool same_object(const struct step *a, const struct step *b)
{
    return is_memory(a) && is_memory(b) && a->event.argument == b->event.argument;
}

static void add(uint64_t *row, unsigned i)
{
    row[i / 64] |= UINT64_C(1) << i % 64;
}

static bool has(const uint64_t *row, unsigned i)
{
    return (row[i / 64] >> i % 64 & 1) != 0;
}

static void number_events(struct matrix *m)
{
    m->count = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        m->first[t] = m->count;
        for (unsigned i = 0; i < checker->threads[t].executed; i++)
            m->ref[m->count++] = ref_of(t, i);
    }
    m->words = (m->count + 63) / 64;
    for (unsigned i = 0; i < m->count; i++) {
        unsigned j = i;
        while (j < m->count && ref_thread(m->ref[j]) == ref_thread(m->ref[i]) &&
               (j == i || same_object(step_of(m->ref[i]), step_of(m->ref[j]))))
            j++;
        m->different_after[i] = j < m->count && ref_thread(m->ref[j]) == ref_thread(m->ref[i]) ? j : m->count;
        for (j = i; j != UINT32_MAX && ref_thread(m->ref[j]) == ref_thread(m->ref[i]) &&
                    (j == i || same_object(step_of(m->ref[i]), step_of(m->ref[j])));)
            j--;
        m->different_before[i] = j != UINT32_MAX && ref_thread(m->ref[j]) == ref_thread(m->ref[i]) ? j : m->count;
    }
}

static unsigned number_of(const struct matrix *m, event_ref ref)
{
    return m->first[ref_thread(ref)] + ref_index(ref);
}

/* Extended coherence order from x, with and without reads-from: what comes after x at its location. */
static void fill_coherence(const struct matrix *m, unsigned x, uint64_t *scb, uint64_t *eco)
{
    const struct step *step = step_of(m->ref[x]);
    if (!is_memory(step))
        return;
    const struct location *location = &checker->locations[step->event.argument];
    bool write = step->event.kind == EVENT_WRITE;
    unsigned position = graph_position(location, write ? m->ref[x] : step->event.rf);
    for (unsigned i = position; i < location->write_count; i++) {
        if (ref_index(location->writes[i]) >= checker->threads[ref_thread(location->writes[i])].executed)
            continue;
        unsigned y = number_of(m, location->writes[i]);
        add(scb, y); /* co, fr */
        add(eco, y);
    }
    for (unsigned i = 0; i < location->read_count; i++) {
        unsigned from = graph_position(location, step_of(location->reads[i])->event.rf);
        if (from > position || (write && from == position))
            add(eco, number_of(m, location->reads[i])); /* rf, co;rf, fr;rf */
    }
}

/* scb: program order, happens-before at one location or between steps at different ones, co, fr. */
static void fill_row(const struct matrix *m, unsigned x)
{
    uint64_t *scb = m->scb + (size_t)x * m->words, *eco = m->eco + (size_t)x * m->words;
    const struct step *step = step_of(m->ref[x]);
    for (unsigned y = 0; y < m->count; y++) {
        unsigned after = m->different_after[x], before = m->different_before[y];
        bool same_thread = ref_thread(m->ref[x]) == ref_thread(m->ref[y]);
        if ((same_thread && y > x) || (same_object(step, step_of(m->ref[y])) && happens_before(m, x, y)) ||
            (after < m->count && before < m->count && happens_before(m, after, before)))
            add(scb, y);
    }
    fill_coherence(m, x, scb, eco);
}

/* May an edge between these two count? */
static bool pair_counts(const struct step *a, const struct step *b)
{
    if (a->event.order == MODEL_LIGHT || b->event.order == MODEL_LIGHT)
        return a->event.order == MODEL_HEAVY || b->event.order == MODEL_HEAVY;
    return true;
}

/* Is there an edge of psc_base or psc_F from a to b? `reach`: what scb or eco leads to from a. */
static bool has_edge(const struct matrix *m, unsigned a, unsigned b, const uint64_t *by_scb, const uint64_t *by_eco)
{
    const struct step *from = step_of(m->ref[a]), *to = step_of(m->ref[b]);
    if (!pair_counts(from, to))
        return false;
    if (has(by_scb, b))
        return true;
    if (!is_fence(to))
        return false;
    if (is_fence(from) && happens_before(m, a, b))
        return true;
    for (unsigned y = 0; y < m->count; y++)
        if (happens_before(m, y, b) && (has(by_scb, y) || (is_fence(from) && has(by_eco, y))))
            return true;
    return false;
}

static void collect(const struct matrix *m, unsigned a, uint64_t *by_scb, uint64_t *by_eco)
{
    memset(by_scb, 0, m->words * sizeof *by_scb);
    memset(by_eco, 0, m->words * sizeof *by_eco);
    for (unsigned x = 0; x < m->count; x++) {
        if (x != a && !(is_fence(step_of(m->ref[a])) && happens_before(m, a, x)))
            continue;
        for (unsigned w = 0; w < m->words; w++) {
            by_scb[w] |= m->scb[(size_t)x * m->words + w];
            if (x != a)
                by_eco[w] |= m->eco[(size_t)x * m->words + w];
        }
    }
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

static bool psc_has_cycle(struct matrix *m, const unsigned *nodes, unsigned node_count)
{
    bool *edges = checker_alloc((size_t)node_count * node_count);
    uint64_t *by_scb = checker_alloc(2 * m->words * sizeof *by_scb), *by_eco = by_scb + m->words;
    for (unsigned i = 0; i < node_count; i++) {
        collect(m, nodes[i], by_scb, by_eco);
        for (unsigned j = 0; j < node_count; j++)
            edges[i * node_count + j] = i != j && has_edge(m, nodes[i], nodes[j], by_scb, by_eco);
    }
    bool cycle = has_cycle(edges, node_count);
    checker_free(edges);
    checker_free(by_scb);
    return cycle;
}

/* Which rows has a search from these nodes need of: the nodes themselves and, if one is a fence, what follows it. */
static void fill_rows(struct matrix *m, const unsigned *nodes, unsigned node_count)
{
    for (unsigned x = 0; x < m->count; x++) {
        bool needed = false;
        for (unsigned i = 0; i < node_count && !needed; i++)
            needed = nodes[i] == x ||
                     (is_fence(step_of(m->ref[nodes[i]])) && happens_before(m, nodes[i], x));
        if (needed)
            fill_row(m, x);
    }
}

bool consistency_check(void)
{
    unsigned total = 0, psc = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < checker->threads[t].executed; i++, total++)
            psc += is_psc(&checker->threads[t].steps[i]);
    if (psc < 2)
        return true;
    size_t words = (total + 63) / 64;
    struct matrix m = {.ref = checker_alloc(total * sizeof *m.ref),
                       .different_after = checker_alloc(2 * total * sizeof *m.different_after),
                       .scb = checker_alloc(2 * total * words * sizeof *m.scb)};
    unsigned *nodes = checker_alloc(psc * sizeof *nodes), node_count = 0;
    m.different_before = m.different_after + total;
    m.eco = m.scb + total * words;
    memset(m.scb, 0, 2 * total * words * sizeof *m.scb);
    number_events(&m);
    for (unsigned x = 0; x < total; x++)
        if (is_psc(step_of(m.ref[x])))
            nodes[node_count++] = x;
    fill_rows(&m, nodes, node_count);
    bool consistent = !psc_has_cycle(&m, nodes, node_count);
    checker_free(nodes);
    checker_free(m.scb);
    checker_free(m.different_after);
    checker_free(m.ref);
    return consistent;
}
