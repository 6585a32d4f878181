/* Plain accesses, and the memory that scenarios allocate.
 *
 * Each byte that two steps touch has in a cell the last plain store and each thread's last load, with how many events
 * that thread had executed; an access is ordered after another if its thread knows more of the other's events than
 * that (C. Flanagan, S. Freund, FastTrack, PLDI 2009). Allocations are never reused within an execution, and lie in an
 * arena of the thread that makes them, so that addresses follow from the graph. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tools/model/checker.h"

enum { CELL_SLOTS = 1 << 18, CELLS_MAX = 1 << 16, ALLOCATIONS_MAX = 1 << 12, REDZONE = 16, NOBODY = 255 };
static const size_t arena_size = (size_t)1 << 30, map_size = (size_t)1 << 36;

/* Eight bytes of memory. */
struct cell {
    uint8_t writer[8];
    uint16_t written[8], read[8][THREADS_MAX];
    const void *writer_pc, *reader_pc[THREADS_MAX];
    bool freed, has_location;
};

struct cell_slot {
    uintptr_t granule;
    uint32_t generation, cell;
};

struct allocation {
    uintptr_t start;
    size_t size;
    uint16_t epoch;
    bool freed, direct;
    struct model_site site;
};

struct arena {
    char *memory, *map;
    size_t used, map_used;
    struct allocation *allocations; /* by address */
    unsigned count;
};

struct memory {
    struct arena arenas[THREADS_MAX];
    struct cell_slot *slots;
    struct cell *cells;
    uint32_t cell_count, generation;
};

/* At the same place in every run, if it is free: then a replay does the same with addresses, too. */
static void *reserve(size_t size)
{
    static uintptr_t next = UINT64_C(0x200000000000);
    uintptr_t here = next;
    next += (size + UINT64_C(0xffffffff)) & ~UINT64_C(0xffffffff);
    void *memory = mmap((void *)here, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    return memory;
}

void memory_init(void)
{
    struct memory *memory = checker_alloc(sizeof *memory);
    memset(memory, 0, sizeof *memory);
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        memory->arenas[t].memory = reserve(arena_size);
        memory->arenas[t].map = reserve(map_size);
        memory->arenas[t].allocations = reserve(ALLOCATIONS_MAX * sizeof(struct allocation));
    }
    memory->slots = reserve(CELL_SLOTS * sizeof *memory->slots);
    memory->cells = reserve(CELLS_MAX * sizeof *memory->cells);
    checker->memory = memory;
}

void memory_reset(void)
{
    struct memory *memory = checker->memory;
    memory->generation++;
    memory->cell_count = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        struct arena *arena = &memory->arenas[t];
        arena->used = 0;
        arena->count = 0;
        if (arena->map_used > 0)
            madvise(arena->map, arena->map_used, MADV_DONTNEED);
        arena->map_used = 0;
    }
}

/* ---- allocations ---- */

/* The arena that an address lies in, or NULL. */
static struct arena *arena_of(uintptr_t address)
{
    for (unsigned t = 0; t < THREADS_MAX; t++)
        if (address - (uintptr_t)checker->memory->arenas[t].memory < arena_size)
            return &checker->memory->arenas[t];
    return NULL;
}

/* The last allocation that starts at or before an address, or NULL. */
static struct allocation *allocation_before(const struct arena *arena, uintptr_t address)
{
    unsigned low = 0, high = arena->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (arena->allocations[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &arena->allocations[low - 1];
}

void *memory_alloc(size_t size, size_t alignment, const struct model_site *site)
{
    struct arena *arena = &checker->memory->arenas[self()];
    if (alignment < 16)
        alignment = 16;
    uintptr_t start = ((uintptr_t)arena->memory + arena->used + REDZONE + alignment - 1) & ~(alignment - 1);
    if (start + size + REDZONE > (uintptr_t)arena->memory + arena_size)
        return NULL;
    if (arena->count == ALLOCATIONS_MAX)
        run_found(MODEL_LIVELOCK, "more than %d allocations", ALLOCATIONS_MAX);
    arena->used = start + size - (uintptr_t)arena->memory;
    arena->allocations[arena->count++] = (struct allocation){.start = start,
                                                             .size = size,
                                                             .epoch = (uint16_t)checker->running->executed,
                                                             .direct = checker->direct,
                                                             .site = *site};
    memset((void *)start, 0xa5, size < 4096 ? size : 4096);
    return (void *)start;
}

void *memory_map(size_t size)
{
    struct arena *arena = &checker->memory->arenas[self()];
    size_t start = (arena->map_used + 65535) & ~(size_t)65535;
    if (start + size > map_size)
        return NULL;
    arena->map_used = start + size;
    return arena->map + start;
}

static struct allocation *allocation_at(void *memory)
{
    struct arena *arena = arena_of((uintptr_t)memory);
    struct allocation *allocation = arena == NULL ? NULL : allocation_before(arena, (uintptr_t)memory);
    return allocation == NULL || allocation->start != (uintptr_t)memory ? NULL : allocation;
}

size_t memory_size(void *memory)
{
    struct allocation *allocation = allocation_at(memory);
    return allocation == NULL ? 0 : allocation->size;
}

bool memory_leaked(char *sentence, size_t size)
{
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        const struct arena *arena = &checker->memory->arenas[t];
        for (unsigned i = 0; i < arena->count; i++) {
            const struct allocation *a = &arena->allocations[i];
            char place[256];
            if (a->freed)
                continue;
            report_pc(place, sizeof place, a->site.pc);
            snprintf(sentence, size, "%zu bytes are still allocated, by thread %u at %s", a->size, t, place);
            return true;
        }
    }
    return false;
}

/* ---- cells ---- */

static void fill_cell(struct cell *cell, uintptr_t granule)
{
    memset(cell, 0, sizeof *cell);
    memset(cell->writer, NOBODY, sizeof cell->writer);
    const struct arena *arena = arena_of(granule);
    if (arena == NULL)
        return;
    const struct allocation *allocation = allocation_before(arena, granule + 7);
    if (allocation == NULL)
        return;
    cell->freed = allocation->freed;
    if (!allocation->direct)
        for (unsigned i = 0; i < 8; i++) {
            cell->writer[i] = (uint8_t)(arena - checker->memory->arenas);
            cell->written[i] = allocation->epoch;
        }
    cell->writer_pc = allocation->site.pc;
}

/* NULL: there is none, and create is false. */
static struct cell *find_cell(uintptr_t granule, bool create)
{
    struct memory *memory = checker->memory;
    for (size_t i = (granule >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 46;; i = (i + 1) % CELL_SLOTS) {
        struct cell_slot *slot = &memory->slots[i];
        if (slot->generation == memory->generation && slot->granule == granule)
            return &memory->cells[slot->cell];
        if (slot->generation == memory->generation)
            continue;
        if (!create)
            return NULL;
        if (memory->cell_count == CELLS_MAX)
            run_found(MODEL_CRASH, "an execution touches more than %d words of memory", CELLS_MAX);
        *slot = (struct cell_slot){granule, memory->generation, memory->cell_count};
        struct cell *cell = &memory->cells[memory->cell_count++];
        fill_cell(cell, granule);
        return cell;
    }
}

/* ---- races ---- */

static bool ordered(unsigned thread, uint16_t epoch)
{
    return thread == NOBODY || thread == self() || checker->running->hb.at[thread] > epoch;
}

_Noreturn static void race(const char *what, const void *pc, const char *other, unsigned thread, const void *other_pc)
{
    char here[200], there[200];
    report_pc(here, sizeof here, pc);
    report_pc(there, sizeof there, other_pc);
    run_found(MODEL_RACE, "%s by thread %u at %s is not ordered after %s by thread %u at %s", what, self(), here, other,
              thread, there);
}

_Noreturn static void race_site(const char *what, const void *pc, const char *other, unsigned thread,
                                const struct model_site *site)
{
    char here[200];
    if (site->file == NULL)
        race(what, pc, other, thread, site->pc);
    report_pc(here, sizeof here, pc);
    run_found(MODEL_RACE, "%s by thread %u at %s is not ordered after %s by thread %u at %s:%d", what, self(), here,
              other, thread, site->file, site->line);
}

static void check_byte(const struct cell *cell, unsigned byte, bool write, const char *what, const void *pc)
{
    if (!ordered(cell->writer[byte], cell->written[byte]))
        race(what, pc, "a plain store", cell->writer[byte], cell->writer_pc);
    for (unsigned t = 0; t < THREADS_MAX && write; t++)
        if (cell->read[byte][t] > 0 && !ordered(t, (uint16_t)(cell->read[byte][t] - 1)))
            race(what, pc, "a plain load", t, cell->reader_pc[t]);
}

/* Calls visit for each atomic object that has one of these bytes, which are of one granule. */
static void each_location(uintptr_t address, size_t size, void (*visit)(uint32_t, bool, const char *, const void *),
                          bool write, const char *what, const void *pc)
{
    static const unsigned sizes[] = {1, 2, 4, 8};
    uintptr_t granule = address & ~(uintptr_t)7;
    for (unsigned i = 0; i < 4; i++)
        for (uintptr_t at = granule; at < granule + 8; at += sizes[i]) {
            uint32_t location;
            if (at < address + size && at + sizes[i] > address && graph_find_location(at, sizes[i], &location))
                visit(location, write, what, pc);
        }
}

static void check_atomics(uint32_t index, bool write, const char *what, const void *pc)
{
    const struct location *location = &checker->locations[index];
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        if (location->stored[t] > 0 && !ordered(t, (uint16_t)(location->stored[t] - 1)))
            race_site(what, pc, "an atomic store", t, &location->sites[t]);
        if (write && location->loaded[t] > 0 && !ordered(t, (uint16_t)(location->loaded[t] - 1)))
            race_site(what, pc, "an atomic load", t, &location->sites[t]);
    }
}

static void stored_plainly(uint32_t location, bool write, const char *what, const void *pc)
{
    check_atomics(location, write, what, pc);
    if (write)
        ops_plain_store(location);
}

static void check_alive(const struct cell *cell, uintptr_t address, const void *pc)
{
    char here[200];
    if (cell->freed) {
        report_pc(here, sizeof here, pc);
        run_found(MODEL_MEMORY, "use after free by thread %u at %s", self(), here);
    }
    const struct arena *arena = arena_of(address);
    if (arena == NULL)
        return;
    const struct allocation *allocation = allocation_before(arena, address);
    if (allocation == NULL || address >= allocation->start + allocation->size) {
        report_pc(here, sizeof here, pc);
        run_found(MODEL_MEMORY, "access outside any allocation by thread %u at %s", self(), here);
    }
}

static void plain_byte(struct cell *cell, unsigned byte, bool write, const void *pc)
{
    uint16_t epoch = (uint16_t)checker->running->executed;
    check_byte(cell, byte, write, write ? "a plain store" : "a plain load", pc);
    if (write) {
        cell->writer[byte] = (uint8_t)self();
        cell->written[byte] = epoch;
        cell->writer_pc = pc;
    } else {
        cell->read[byte][self()] = (uint16_t)(epoch + 1);
        cell->reader_pc[self()] = pc;
    }
}

static void plain_granule(uintptr_t address, size_t size, bool write, const void *pc)
{
    struct cell *cell = find_cell(address & ~(uintptr_t)7, true);
    check_alive(cell, address, pc);
    for (uintptr_t at = address; at < address + size; at++)
        plain_byte(cell, at & 7, write, pc);
    if (cell->has_location)
        each_location(address, size, stored_plainly, write, write ? "a plain store" : "a plain load", pc);
}

void memory_plain(uintptr_t address, size_t size, bool write, const void *pc)
{
    while (size > 0) {
        size_t here = 8 - (address & 7);
        if (here > size)
            here = size;
        plain_granule(address, here, write, pc);
        address += here;
        size -= here;
    }
}

void memory_mark_location(uintptr_t address, size_t size)
{
    (void)size;
    if ((address & VIRTUAL) == 0)
        find_cell(address & ~(uintptr_t)7, true)->has_location = true;
}

void memory_atomic(uintptr_t address, size_t size, bool write, const struct model_site *site)
{
    struct cell *cell = find_cell(address & ~(uintptr_t)7, true);
    uint16_t epoch = (uint16_t)(checker->running->executed - 1); /* the event itself is counted */
    const void *pc = site->pc;
    unsigned first = (unsigned)(address & 7);
    check_alive(cell, address, pc);
    for (unsigned byte = first; byte < first + size; byte++)
        check_byte(cell, byte, write, write ? "an atomic store" : "an atomic load", pc);
    uint32_t index;
    if (!graph_find_location(address, (unsigned)size, &index))
        return;
    struct location *location = &checker->locations[index];
    if (write)
        location->stored[self()] = (uint16_t)(epoch + 1);
    else
        location->loaded[self()] = (uint16_t)(epoch + 1);
    location->sites[self()] = *site;
}

void memory_free(void *memory, const struct model_site *site)
{
    struct allocation *allocation = allocation_at(memory);
    if (allocation == NULL)
        run_found(MODEL_MEMORY, "free of what was not allocated, by thread %u", self());
    if (allocation->freed)
        run_found(MODEL_MEMORY, "double free by thread %u", self());
    allocation->freed = true;
    if (checker->direct)
        return;
    for (uintptr_t granule = allocation->start; granule < allocation->start + allocation->size; granule += 8) {
        struct cell *cell = find_cell(granule, false);
        if (cell == NULL)
            continue;
        for (unsigned byte = 0; byte < 8; byte++)
            check_byte(cell, byte, true, "a free", site->pc);
        if (cell->has_location)
            each_location(granule, 8, check_atomics, true, "a free", site->pc);
        cell->freed = true;
    }
}
