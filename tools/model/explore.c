/* The search: TruSt (see model.h). A graph is extended by the next event of the first thread that can go on.
 *
 *     a load      takes each store that it may read from, one now, the others in graphs left for later
 *     a store     takes each place in the modification order; and then, for each load that was there before it and
 *                 might have read from it (revisit): the graph without what was added after that load and is not
 *                 needed for the store, in which the load reads from it
 *
 * A revisit is made from one only of the graphs that differ in what it deletes: that in which all of it had been added
 * maximally, that is, loads read from the newest store, stores became the newest, choices were the default. So each
 * graph is visited once, and none is forgotten. */
#include <string.h>

#include "tools/model/checker.h"

void explore_push(struct image *image)
{
    if (checker->agenda_count == checker->agenda_capacity) {
        size_t capacity = checker->agenda_capacity == 0 ? 1024 : 2 * checker->agenda_capacity;
        struct image **agenda = checker_alloc(capacity * sizeof *agenda);
        if (checker->agenda_count > 0)
            memcpy(agenda, checker->agenda, checker->agenda_count * sizeof *agenda);
        checker_free(checker->agenda);
        checker->agenda = agenda;
        checker->agenda_capacity = capacity;
    }
    checker->agenda[checker->agenda_count++] = image;
}

/* Is one more deviation from the default schedule within the bound? */
static bool may_deviate(void)
{
    if (checker->follows)
        return false;
    if (checker->bound == 0 || checker->deviations < checker->bound)
        return true;
    checker->statistics.cut = true;
    return false;
}

static void push_whole(void)
{
    explore_push(graph_write_out_whole(checker->deviations + 1));
}

/* ---- following a replay string ---- */

static unsigned guide_number(void)
{
    unsigned number = 0;
    while (*checker->guide >= '0' && *checker->guide <= '9')
        number = number * 10 + (unsigned)(*checker->guide++ - '0');
    return number;
}

static void guide_expect(char kind)
{
    if (*checker->guide != kind)
        run_found(MODEL_CRASH, "the replay string does not fit this program: at '%.20s'", checker->guide);
    checker->guide++;
}

static event_ref guide_store(void)
{
    guide_expect('r');
    if (*checker->guide == 'i') {
        checker->guide++;
        return REF_INITIAL;
    }
    unsigned thread = guide_number();
    guide_expect('.');
    return ref_of(thread, guide_number());
}

/* ---- loads ---- */

static event_ref store_at(const struct location *location, unsigned position)
{
    return position == 0 ? REF_INITIAL : location->writes[position - 1];
}

/* A read-modify-write cannot read what one that it follows has read from already. */
static bool hopeless(const struct step *read, const struct location *location, unsigned position)
{
    return (read->event.flags & FLAG_UPDATE) != 0 && consistency_is_taken(location, position) &&
           vector_knows(&checker->running->porf, location->writes[position]);
}

void explore_read(struct step *read, bool (*satisfied)(uint64_t, uint64_t), uint64_t argument)
{
    bool awaits = (read->event.flags & FLAG_AWAIT) != 0;
    const struct location *location = &checker->locations[read->event.argument];
    unsigned newest = location->write_count, floor = consistency_read_floor(location, &checker->running->hb);
    if (checker->guide != NULL) {
        read->event.rf = guide_store();
        return;
    }
    if (checker->probing) {
        read->event.rf = newest == 0 ? REF_INITIAL : location->writes[newest - 1];
        return;
    }
    /* the newest that it can go on with; if there is none it waits, having read the newest */
    unsigned chosen = newest + 1;
    for (unsigned i = newest + 1; i > floor && chosen > newest; i--) {
        bool goes_on = satisfied == NULL || satisfied(graph_value(location, store_at(location, i - 1)), argument);
        if (goes_on ? !hopeless(read, location, i - 1) : !awaits)
            chosen = i - 1;
    }
    if (chosen > newest)
        chosen = newest;
    for (unsigned i = floor; i <= newest; i++) {
        bool goes_on = satisfied == NULL || satisfied(graph_value(location, store_at(location, i)), argument);
        if (i == chosen || (goes_on ? hopeless(read, location, i) : awaits && i != newest) || !may_deviate())
            continue;
        read->event.rf = store_at(location, i);
        push_whole();
    }
    read->event.rf = store_at(location, chosen);
    if (chosen != newest)
        checker->verified = false;
}

unsigned explore_choice(struct step *choice, unsigned count, bool deviates)
{
    if (checker->guide != NULL) {
        guide_expect('c');
        return guide_number();
    }
    for (unsigned i = 1; i < count && !checker->follows && !checker->probing && (!deviates || may_deviate()); i++) {
        choice->event.argument = i;
        explore_push(graph_write_out_whole(checker->deviations + deviates));
    }
    return 0;
}

/* ---- stores ---- */

/* Had it been added before `step`, or is it needed for the store? */
static bool is_previous(const struct step *step, event_ref ref, const struct vector *needed)
{
    return step_of(ref)->event.stamp <= step->event.stamp || vector_knows(needed, ref);
}

static bool reads_early(const struct location *location, const struct step *step, event_ref write,
                        const struct vector *needed)
{
    for (unsigned i = 0; i < location->read_count; i++)
        if (step_of(location->reads[i])->event.rf == write && is_previous(step, location->reads[i], needed))
            return true;
    return false;
}

/* See the head of this file. */
static bool added_maximally(const struct step *step, event_ref ref, event_ref revisiting, const struct vector *needed)
{
    if (step->event.kind == EVENT_CHOICE)
        return step->event.argument == 0;
    if (step->event.kind != EVENT_READ && step->event.kind != EVENT_WRITE)
        return true;
    const struct location *location = &checker->locations[step->event.argument];
    bool read = step->event.kind == EVENT_READ;
    event_ref write = read ? step->event.rf : ref;
    if (read && write != REF_INITIAL && !is_previous(step, write, needed))
        return false;
    if (!read && reads_early(location, step, ref, needed))
        return false;
    for (unsigned i = location->write_count; i > graph_position(location, write); i--)
        if (location->writes[i - 1] != revisiting && is_previous(step, location->writes[i - 1], needed))
            return false;
    return true;
}

/* What is left if `read` is to read from `write`: false if some of the rest was not added maximally. */
static bool cut_for_revisit(struct cut *cut, event_ref read, event_ref write)
{
    const struct vector *needed = &step_of(write)->porf;
    uint32_t stamp = step_of(read)->event.stamp;
    *cut = (struct cut){.revisit = true, .read = read, .write = write};
    if (!added_maximally(step_of(read), read, write, needed))
        return false;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < checker->threads[t].executed; i++) {
            const struct step *step = &checker->threads[t].steps[i];
            if (step->event.stamp <= stamp || needed->at[t] > i)
                cut->keep[t] = i + 1;
            else if (!added_maximally(step, ref_of(t, i), write, needed))
                return false;
        }
    return true;
}

static bool is_kept(const struct cut *cut, event_ref ref)
{
    return ref_index(ref) < cut->keep[ref_thread(ref)];
}

/* One past the last store, among those kept but `except`, that is known; or that a kept load which is known read
 * from. A position among the kept. */
static unsigned floor_among_kept(const struct location *location, const struct cut *cut, const struct vector *known)
{
    unsigned floor = 0, position = 0;
    for (unsigned i = 0; i < location->write_count; i++) {
        event_ref write = location->writes[i];
        if (!is_kept(cut, write) || write == cut->write)
            continue;
        position++;
        bool seen = vector_knows(known, write);
        for (unsigned r = 0; r < location->read_count && !seen; r++)
            seen = location->reads[r] != cut->read && is_kept(cut, location->reads[r]) &&
                   vector_knows(known, location->reads[r]) && step_of(location->reads[r])->event.rf == write;
        if (seen)
            floor = position;
    }
    return floor;
}

/* The stores of `location` that are kept, but for the one that revisits. */
static unsigned kept_stores(const struct location *location, const struct cut *cut, event_ref *stores)
{
    unsigned count = 0;
    for (unsigned i = 0; i < location->write_count; i++)
        if (is_kept(cut, location->writes[i]) && location->writes[i] != cut->write)
            stores[count++] = location->writes[i];
    return count;
}

/* Would a store at this position part a read-modify-write from what it read? */
static bool parts_update(const event_ref *stores, unsigned count, unsigned position)
{
    if (position == count)
        return false;
    const struct step *next = step_of(stores[position]);
    return (next->event.flags & FLAG_UPDATE) != 0 &&
           (next - 1)->event.rf == (position == 0 ? REF_INITIAL : stores[position - 1]);
}

/* A thread that waits for a store and gets one is no deviation: by default nobody waits for ever. */
static bool is_waiting(event_ref read)
{
    const struct thread *thread = &checker->threads[ref_thread(read)];
    return thread->status == THREAD_AWAITING && ref_index(read) == thread->executed - 1;
}

static void revisit(struct step *write, event_ref read)
{
    event_ref ref = ref_of(self(), (unsigned)(write - checker->running->steps));
    const struct location *location = &checker->locations[write->event.argument];
    struct cut cut;
    bool waiting = is_waiting(read);
    if (checker->follows || !cut_for_revisit(&cut, read, ref) || (!waiting && !may_deviate()))
        return;
    event_ref *stores = checker_alloc((location->write_count + 1) * sizeof *stores);
    unsigned count = kept_stores(location, &cut, stores), first, last = count;
    unsigned known = floor_among_kept(location, &cut, &write->before);
    unsigned known_to_read = floor_among_kept(location, &cut, &step_of(read)->before);
    first = known > known_to_read ? known : known_to_read;
    if ((write->event.flags & FLAG_UPDATE) != 0) { /* right after what it read */
        event_ref from = (write - 1)->event.rf;
        unsigned after = 0;
        while (from != REF_INITIAL && stores[after] != from)
            after++;
        last = after + (from != REF_INITIAL);
        if (first < last)
            first = last;
    }
    for (unsigned position = first; position <= last; position++)
        if (!parts_update(stores, count, position)) {
            cut.position = position;
            explore_push(graph_write_out(&cut, checker->deviations + !waiting));
        }
    checker_free(stores);
}

static void revisit_all(struct step *write)
{
    const struct location *location = &checker->locations[write->event.argument];
    for (unsigned i = 0; i < location->read_count; i++)
        if (!vector_knows(&write->porf, location->reads[i]))
            revisit(write, location->reads[i]);
}

static void place_update(struct step *write, event_ref ref, unsigned floor)
{
    struct location *location = &checker->locations[write->event.argument];
    unsigned position = graph_position(location, (write - 1)->event.rf);
    if (position < floor || consistency_is_taken(location, position))
        run_end(); /* lives on in its revisits only */
    if (position != location->write_count)
        checker->verified = false;
    graph_insert_write(location, position, ref);
}

static void place(struct step *write, event_ref ref, unsigned floor)
{
    struct location *location = &checker->locations[write->event.argument];
    unsigned newest = location->write_count;
    for (unsigned i = floor; i < newest && write->event.order != MODEL_PLAIN; i++) {
        if (consistency_is_taken(location, i) || !may_deviate())
            continue;
        graph_insert_write(location, i, ref);
        push_whole();
        memmove(&location->writes[i], &location->writes[i + 1], (newest - i) * sizeof *location->writes);
        location->write_count--;
    }
    graph_insert_write(location, newest, ref);
}

void explore_write(struct step *write)
{
    event_ref ref = ref_of(self(), (unsigned)(write - checker->running->steps));
    struct location *location = &checker->locations[write->event.argument];
    if (checker->guide != NULL) {
        guide_expect('w');
        unsigned position = guide_number();
        graph_insert_write(location, position < location->write_count ? position : location->write_count, ref);
        return;
    }
    unsigned floor = consistency_read_floor(location, &write->before);
    revisit_all(write);
    if ((write->event.flags & FLAG_UPDATE) != 0)
        place_update(write, ref, floor);
    else
        place(write, ref, floor);
}
