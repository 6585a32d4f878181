/* Execution graphs: each thread's events in program order, the store that each load reads from (rf), each location's
 * stores in modification order (co), and in what order all of it was added (stamps).
 *
 * A graph that waits to be visited is written out as an image: events without what an execution computes anew. */
#include <stdlib.h>
#include <string.h>

#include "tools/model/checker.h"

void vector_join(struct vector *vector, const struct vector *other)
{
    for (unsigned i = 0; i < THREADS_MAX; i++)
        if (vector->at[i] < other->at[i])
            vector->at[i] = other->at[i];
}

/* ---- locations ---- */

enum { LOCATION_SLOTS = 1 << 14 };

static uint32_t *location_slot(uintptr_t address, unsigned size)
{
    uint64_t hash = ((uint64_t)address ^ (uint64_t)size << 56) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = hash >> 50;; i = (i + 1) % LOCATION_SLOTS) {
        uint32_t *slot = &checker->location_index[i];
        if (*slot == 0)
            return slot;
        const struct location *location = &checker->locations[*slot - 1];
        if (location->address == address && location->size == size)
            return slot;
    }
}

bool graph_find_location(uintptr_t address, unsigned size, uint32_t *location)
{
    uint32_t slot = *location_slot(address, size);
    *location = slot - 1;
    return slot != 0;
}

static uint64_t memory_value(uintptr_t address, unsigned size)
{
    uint64_t value = 0;
    if ((address & VIRTUAL) == 0)
        memcpy(&value, (const void *)address, size); /* little endian: the low bytes */
    return value;
}

static struct location *add_location(uint32_t *slot, uintptr_t address, unsigned size)
{
    if (checker->location_count == checker->location_capacity) {
        unsigned capacity = checker->location_capacity == 0 ? 256 : 2 * checker->location_capacity;
        struct location *locations = checker_alloc(capacity * sizeof *locations);
        memset(locations, 0, capacity * sizeof *locations);
        if (checker->location_count > 0)
            memcpy(locations, checker->locations, checker->location_count * sizeof *locations);
        checker_free(checker->locations);
        checker->locations = locations;
        checker->location_capacity = capacity;
    }
    if (checker->location_count >= LOCATION_SLOTS / 2)
        run_found(MODEL_CRASH, "more than %d atomic objects", LOCATION_SLOTS / 2);
    struct location *location = &checker->locations[checker->location_count];
    event_ref *writes = location->writes, *reads = location->reads; /* their memory serves again */
    *location = (struct location){.address = address,
                                  .size = (uint8_t)size,
                                  .writes = writes,
                                  .write_capacity = location->write_capacity,
                                  .reads = reads,
                                  .read_capacity = location->read_capacity};
    *slot = ++checker->location_count;
    return location;
}

uint32_t graph_location(uintptr_t address, unsigned size, const char *name)
{
    if (run_is_thread_local(address))
        run_found(MODEL_CRASH, "thread-local atomic objects are not modelled");
    uint32_t *slot = location_slot(address, size);
    struct location *location = *slot == 0 ? add_location(slot, address, size) : &checker->locations[*slot - 1];
    if (!location->seen) {
        location->seen = true;
        location->initial = memory_value(address, size);
        memory_mark_location(address, size);
    }
    if (location->name == NULL)
        location->name = name;
    return (uint32_t)(location - checker->locations);
}

static void grow(event_ref **refs, unsigned *capacity, unsigned count)
{
    if (count < *capacity)
        return;
    unsigned larger = *capacity == 0 ? 16 : 2 * *capacity;
    event_ref *copy = checker_alloc(larger * sizeof *copy);
    if (count > 0)
        memcpy(copy, *refs, count * sizeof *copy);
    checker_free(*refs);
    *refs = copy;
    *capacity = larger;
}

void graph_insert_write(struct location *location, unsigned position, event_ref write)
{
    grow(&location->writes, &location->write_capacity, location->write_count);
    memmove(&location->writes[position + 1], &location->writes[position],
            (location->write_count - position) * sizeof *location->writes);
    location->writes[position] = write;
    location->write_count++;
}

void graph_add_read(struct location *location, event_ref read)
{
    grow(&location->reads, &location->read_capacity, location->read_count);
    location->reads[location->read_count++] = read;
}

unsigned graph_position(const struct location *location, event_ref write)
{
    if (write == REF_INITIAL)
        return 0;
    for (unsigned i = location->write_count; i > 0; i--)
        if (location->writes[i - 1] == write)
            return i;
    abort();
}

uint64_t graph_value(const struct location *location, event_ref write)
{
    return write == REF_INITIAL ? location->initial : step_of(write)->event.value;
}

/* ---- images ---- */

struct image_location {
    uintptr_t address;
    const char *name;
    uint32_t write_count;
    uint8_t size;
};

struct image {
    unsigned deviations, location_count;
    uint32_t next_stamp;
    unsigned count[THREADS_MAX];
    struct event *events; /* thread after thread */
    struct image_location *locations;
    event_ref *writes; /* location after location */
};

static bool kept(const struct cut *cut, event_ref ref)
{
    return ref_index(ref) < cut->keep[ref_thread(ref)];
}

static struct image *allocate_image(size_t events, size_t locations, size_t writes)
{
    struct image *image = checker_alloc(sizeof *image + events * sizeof(struct event) +
                                        locations * sizeof(struct image_location) + writes * sizeof(event_ref));
    image->events = (struct event *)(image + 1);
    image->locations = (struct image_location *)(image->events + events);
    image->writes = (event_ref *)(image->locations + locations);
    return image;
}

static void write_out_events(struct image *image, const struct cut *cut)
{
    struct event *out = image->events;
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        image->count[t] = cut->keep[t];
        for (unsigned i = 0; i < cut->keep[t]; i++, out++) {
            *out = checker->threads[t].steps[i].event;
            if (cut->revisit && ref_of(t, i) == cut->read) {
                out->rf = cut->write;
                out->flags &= (uint8_t)~FLAG_UPDATE;
            }
        }
    }
}

static void write_out_stores(struct image *image, const struct cut *cut)
{
    event_ref *out = image->writes;
    uint32_t revisited = cut->revisit ? step_of(cut->write)->event.argument : UINT32_MAX;
    for (unsigned l = 0; l < image->location_count; l++) {
        const struct location *location = &checker->locations[l];
        event_ref *first = out;
        for (unsigned i = 0; i <= location->write_count; i++) {
            if (l == revisited && (unsigned)(out - first) == cut->position)
                *out++ = cut->write;
            if (i < location->write_count && kept(cut, location->writes[i]) &&
                !(l == revisited && location->writes[i] == cut->write))
                *out++ = location->writes[i];
        }
        image->locations[l] =
            (struct image_location){location->address, location->name, (uint32_t)(out - first), location->size};
    }
}

struct image *graph_write_out(const struct cut *cut, unsigned deviations)
{
    size_t events = 0, writes = 1;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        events += cut->keep[t];
    for (unsigned l = 0; l < checker->location_count; l++)
        writes += checker->locations[l].write_count;
    struct image *image = allocate_image(events, checker->location_count, writes);
    image->deviations = deviations;
    image->next_stamp = checker->next_stamp;
    image->location_count = checker->location_count;
    write_out_events(image, cut);
    write_out_stores(image, cut);
    return image;
}

struct image *graph_write_out_whole(unsigned deviations)
{
    struct cut cut = {.revisit = false};
    for (unsigned t = 0; t < THREADS_MAX; t++)
        cut.keep[t] = checker->threads[t].executed;
    return graph_write_out(&cut, deviations);
}

void graph_clear(void)
{
    memset(checker->location_index, 0, LOCATION_SLOTS * sizeof *checker->location_index);
    checker->location_count = 0;
    checker->next_stamp = 1;
    checker->deviations = 0;
    checker->replay_left = 0;
    checker->order_count = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        checker->threads[t].recorded = checker->threads[t].executed = 0;
}

void graph_read_in(const struct image *image)
{
    graph_clear();
    checker->next_stamp = image->next_stamp;
    checker->deviations = image->deviations;
    const struct event *event = image->events;
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        struct thread *thread = &checker->threads[t];
        thread->recorded = image->count[t];
        checker->replay_left += image->count[t];
        for (unsigned i = 0; i < image->count[t]; i++)
            thread->steps[i].event = *event++;
    }
    const event_ref *write = image->writes;
    for (unsigned l = 0; l < image->location_count; l++) {
        const struct image_location *from = &image->locations[l];
        struct location *location = add_location(location_slot(from->address, from->size), from->address, from->size);
        location->name = from->name;
        for (unsigned i = 0; i < from->write_count; i++)
            graph_insert_write(location, i, *write++);
    }
}

void graph_free(struct image *image)
{
    checker_free(image);
}

/* ---- what makes two executions the same ---- */

uint64_t graph_hash(void)
{
    uint64_t hash = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < checker->threads[t].executed; i++) {
            const struct event *event = &checker->threads[t].steps[i].event;
            uint64_t word = (uint64_t)ref_of(t, i) << 32 ^ event->kind;
            if (event->kind == EVENT_READ)
                word ^= (uint64_t)event->rf << 3;
            else if (event->kind == EVENT_WRITE)
                word ^= (uint64_t)graph_position(&checker->locations[event->argument], ref_of(t, i)) << 3;
            else
                word ^= (uint64_t)event->argument << 3;
            word = (word ^ word >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
            hash += word ^ word >> 29; /* the same in whatever order */
        }
    return hash;
}

/* ---- replay strings ----
 *
 * One token an event, in the order in which they were executed: the thread's digit, then r and the store read from (i
 * for the initial one, else thread.index), w and the position among the stores so far, c and what was chosen, s and
 * the thread started, or x. The events' kinds follow from the program. */

static unsigned position_then(const bool *stored, const struct location *location, event_ref write)
{
    unsigned position = 0;
    for (unsigned i = 0; location->writes[i] != write; i++)
        position += stored[ref_thread(location->writes[i]) * EVENTS_MAX + ref_index(location->writes[i])];
    return position;
}

void graph_print_replay(FILE *out)
{
    bool *stored = checker_alloc(THREADS_MAX * EVENTS_MAX);
    memset(stored, 0, THREADS_MAX * EVENTS_MAX);
    for (unsigned i = 0; i < checker->order_count; i++) {
        event_ref ref = checker->order[i];
        const struct event *event = &step_of(ref)->event;
        fprintf(out, "%u", ref_thread(ref));
        if (event->kind == EVENT_READ && event->rf == REF_INITIAL)
            fputs("ri", out);
        else if (event->kind == EVENT_READ)
            fprintf(out, "r%u.%u", ref_thread(event->rf), ref_index(event->rf));
        else if (event->kind == EVENT_WRITE)
            fprintf(out, "w%u", position_then(stored, &checker->locations[event->argument], ref));
        else if (event->kind == EVENT_CHOICE)
            fprintf(out, "c%u", event->argument);
        else if (event->kind == EVENT_SPAWN)
            fprintf(out, "s%u", event->argument);
        else
            fputc('x', out);
        fputc(i + 1 < checker->order_count ? ',' : '\n', out);
        stored[ref_thread(ref) * EVENTS_MAX + ref_index(ref)] = true;
    }
    checker_free(stored);
}
