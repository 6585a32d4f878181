#include "time/wheel.h"

#include <assert.h>
#include <stdbool.h>

#include "base/assert.h"

enum { DIGIT_BITS = WHEEL_DIGIT_BITS, DIGIT_MASK = WHEEL_SLOTS - 1, NO_POSITION = WHEEL_PENDING };

static_assert(WHEEL_SLOTS == 64, "a bit of a word for each slot");
static_assert(sizeof(struct wheel_level) == WHEEL_SLOTS * sizeof(struct wheel_slot), "no gaps between levels");
static_assert(WHEEL_LEVELS_MAX * DIGIT_BITS < 64, "every level has a digit of its own in a tick");

static struct wheel_entry *entry_of(struct list_node *node)
{
    return PAWL_CONTAINER_OF(node, struct wheel_entry, link);
}

static struct wheel_slot *slot_at(const struct wheel *wheel, uint32_t position)
{
    return (struct wheel_slot *)wheel->levels + position; /* levels are slots without gaps */
}

static bool in_slot(const struct wheel_entry *entry)
{
    return entry->position < WHEEL_PENDING;
}

/* The digit of a tick that names its slot on a level. */
static unsigned digit_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
}

/* Where a tick within the span is filed. A tick that differs from elapsed above the top level's digit is on the ring,
 * less than a turn ahead. */
static uint32_t position_of(const struct wheel *wheel, uint64_t when)
{
    unsigned highest_bit = 63U - (unsigned)__builtin_clzll((when ^ wheel->elapsed) | DIGIT_MASK);
    unsigned level = highest_bit / DIGIT_BITS;
    if (level >= wheel->level_count)
        level = wheel->level_count - 1;
    return level * WHEEL_SLOTS + digit_of(when, level);
}

/* The occupied slot whose range comes first, or NO_POSITION. */
static uint32_t first_position(const struct wheel *wheel)
{
    for (unsigned level = 0; level < wheel->level_count; level++) {
        uint64_t occupied = wheel->occupied[level];
        if (occupied == 0)
            continue;
        unsigned current = digit_of(wheel->elapsed, level);
        uint64_t from_current = occupied >> current | occupied << (-current & DIGIT_MASK);
        unsigned distance = (unsigned)__builtin_ctzll(from_current);
        return level * WHEEL_SLOTS + ((current + distance) & DIGIT_MASK);
    }
    return NO_POSITION;
}

/* The first tick in the range of an occupied slot. */
static uint64_t slot_start(const struct wheel *wheel, uint32_t position)
{
    unsigned shift = position / WHEEL_SLOTS * DIGIT_BITS;
    uint64_t current = wheel->elapsed >> shift;
    uint64_t distance = (position - current) & DIGIT_MASK;
    return (current + distance) << shift;
}

static uint64_t cut_to_span(const struct wheel *wheel, uint64_t when)
{
    bool beyond = when > wheel->elapsed && when - wheel->elapsed > wheel->span && when != WHEEL_NEVER;
    return PAWL_UNLIKELY(beyond) ? wheel->elapsed + wheel->span : when;
}

static uint64_t deadline_of(const struct wheel *wheel, const struct wheel_entry *entry)
{
    return wheel->true_when != NULL ? wheel->true_when(entry) : entry->when;
}

/* Whether the entry would be filed under a later tick than it is. */
static bool is_overtaken(const struct wheel *wheel, const struct wheel_entry *entry)
{
    return cut_to_span(wheel, deadline_of(wheel, entry)) > entry->when;
}

static void set_vacant(struct wheel *wheel, uint32_t position)
{
    struct wheel_slot *slot = slot_at(wheel, position);

    slot->earliest = WHEEL_NEVER;
    slot->witness = NULL;
    wheel->occupied[position / WHEEL_SLOTS] &= ~(UINT64_C(1) << position % WHEEL_SLOTS);
}

static void file_in_slot(struct wheel *wheel, struct wheel_entry *entry)
{
    uint32_t position = position_of(wheel, entry->when);
    struct wheel_slot *slot = slot_at(wheel, position);

    entry->position = position;
    list_push_back(&slot->entries, &entry->link);
    wheel->occupied[position / WHEEL_SLOTS] |= UINT64_C(1) << position % WHEEL_SLOTS;
    if (entry->when <= slot->earliest) {
        slot->earliest = entry->when;
        slot->witness = entry;
    }
}

static void file_entry(struct wheel *wheel, struct wheel_entry *entry, uint64_t when)
{
    entry->when = when;
    if (PAWL_UNLIKELY(when <= wheel->elapsed)) {
        entry->position = WHEEL_PENDING;
        list_push_back(&wheel->pending, &entry->link);
        if (when < wheel->pending_earliest)
            wheel->pending_earliest = when;
    } else if (PAWL_UNLIKELY(when == WHEEL_NEVER)) {
        entry->position = WHEEL_UNLIMITED;
        list_push_back(&wheel->unlimited, &entry->link);
    } else {
        entry->when = cut_to_span(wheel, when);
        file_in_slot(wheel, entry);
    }
}

static void take_from_slot(struct wheel *wheel, struct wheel_entry *entry)
{
    struct wheel_slot *slot = slot_at(wheel, entry->position);

    list_remove(&entry->link);
    if (list_empty(&slot->entries))
        set_vacant(wheel, entry->position);
    else if (slot->witness == entry)
        slot->witness = NULL;
}

static void empty_slot(struct wheel *wheel, uint32_t position, struct list *into)
{
    list_splice_back(into, &slot_at(wheel, position)->entries);
    set_vacant(wheel, position);
}

static void empty_all_slots(struct wheel *wheel, struct list *into)
{
    for (uint32_t position; (position = first_position(wheel)) != NO_POSITION;)
        empty_slot(wheel, position, into);
}

static void hand_out(struct wheel *wheel, struct wheel_entry *entry, struct list *out)
{
    entry->position = WHEEL_HANDED_OUT;
    list_push_back(out, &entry->link);
    wheel->count--;
}

void pawl__wheel_init(struct wheel *wheel, struct wheel_level *levels, unsigned level_count, uint64_t now,
                      wheel_true_when_fn *true_when)
{
    PAWL_ASSERT(level_count >= 1 && level_count <= WHEEL_LEVELS_MAX);
    *wheel = (struct wheel){
        .elapsed = now < WHEEL_NEVER ? now : WHEEL_NEVER - 1,
        .span = (uint64_t)DIGIT_MASK << (level_count - 1) * DIGIT_BITS,
        .levels = levels,
        .true_when = true_when,
        .level_count = level_count,
        .pending_earliest = WHEEL_NEVER,
    };
    list_init(&wheel->pending);
    list_init(&wheel->unlimited);
    for (uint32_t position = 0; position < level_count * WHEEL_SLOTS; position++) {
        list_init(&slot_at(wheel, position)->entries);
        set_vacant(wheel, position);
    }
}

void pawl__wheel_insert(struct wheel *wheel, struct wheel_entry *entry, uint64_t when)
{
    PAWL_DASSERT(!list_linked(&entry->link));
    wheel->count++;
    file_entry(wheel, entry, when);
}

void pawl__wheel_remove(struct wheel *wheel, struct wheel_entry *entry)
{
    PAWL_DASSERT(list_linked(&entry->link));
    if (PAWL_LIKELY(in_slot(entry)))
        take_from_slot(wheel, entry);
    else
        list_remove(&entry->link);
    wheel->count -= entry->position != WHEEL_HANDED_OUT;
}

/* Looks for the earliest entry of an occupied slot that has no witness, or one that is_overtaken, and ends at the
 * first entry that equals the lower bound. With refile, overtaken entries are filed anew on the way; those which stay
 * in this slot go to its end and are met again there. *budget: entries that may still be looked at. Once it is spent,
 * the earliest of those seen becomes the witness that the slot was tried, and the lower bound stands. */
static void seek_witness(struct wheel *wheel, struct wheel_slot *slot, bool refile, unsigned *budget)
{
    struct list_node *end = &slot->entries.head;
    struct list_node *at = end->next;
    struct wheel_entry *first = NULL;

    for (; at != end && *budget > 0; --*budget) {
        struct wheel_entry *entry = entry_of(at);
        if (refile && is_overtaken(wheel, entry)) {
            struct list_node *before = at->prev;
            take_from_slot(wheel, entry);
            file_entry(wheel, entry, deadline_of(wheel, entry));
            at = before->next;
            continue;
        }
        if (first == NULL || entry->when < first->when)
            first = entry;
        if (entry->when == slot->earliest)
            break;
        at = at->next;
    }
    if (first == NULL)
        return;
    slot->witness = first;
    if (at == end)
        slot->earliest = first->when;
}

/* The first deadline filed in an occupied slot, or a lower bound. */
static uint64_t slot_earliest(struct wheel *wheel, uint32_t position)
{
    struct wheel_slot *slot = slot_at(wheel, position);
    unsigned budget = WHEEL_SCAN_MAX;

    if (slot->witness == NULL)
        seek_witness(wheel, slot, false, &budget);
    return slot->earliest;
}

uint64_t pawl__wheel_earliest(struct wheel *wheel)
{
    if (!list_empty(&wheel->pending))
        return wheel->pending_earliest;
    uint32_t position = first_position(wheel);
    return position != NO_POSITION ? slot_earliest(wheel, position) : WHEEL_NEVER;
}

uint64_t pawl__wheel_settle(struct wheel *wheel)
{
    unsigned budget = WHEEL_SCAN_MAX;

    if (!list_empty(&wheel->pending))
        return wheel->pending_earliest;
    for (;;) {
        uint32_t position = first_position(wheel);
        if (position == NO_POSITION)
            return WHEEL_NEVER;
        struct wheel_slot *slot = slot_at(wheel, position);
        struct wheel_entry *witness = slot->witness;
        bool tried = witness != NULL && witness->when > slot->earliest;
        bool exact = witness != NULL && !tried && !is_overtaken(wheel, witness);
        if (tried || exact || budget == 0)
            return slot->earliest;
        seek_witness(wheel, slot, true, &budget);
    }
}

/* Entries lie wherever their owners have them: most are cache misses, and each is found by the one before it. So a
 * second walk from the other end, up to the middle, fetches one half of them while the other is worked on. */
static struct list_node *fetch_ahead(struct list_node *ahead, const struct list_node *node)
{
    return ahead == node || ahead->prev == node ? NULL : ahead->prev;
}

/* Empties `from`: entries due at now, which is elapsed or before it, are handed out, the others filed by their true
 * deadline. */
static void release(struct wheel *wheel, struct list *from, uint64_t now, struct list *due)
{
    struct list_node *ahead = from->head.prev;
    for (struct list_node *node; (node = list_first(from)) != NULL;) {
        if (ahead != NULL)
            ahead = fetch_ahead(ahead, node);
        list_remove(node);
        struct wheel_entry *entry = entry_of(node);
        uint64_t when = deadline_of(wheel, entry);
        if (when <= now)
            hand_out(wheel, entry, due);
        else
            file_entry(wheel, entry, when);
    }
}

/* Brings elapsed into the range of the first occupied slot, to the first deadline there. What is not due at that tick
 * ends up on lower levels, or at the top level in another slot. */
static void open_slot(struct wheel *wheel, uint32_t position, struct list *due)
{
    struct list opened;

    PAWL_DASSERT(slot_at(wheel, position)->earliest > wheel->elapsed);
    list_init(&opened);
    wheel->elapsed = slot_at(wheel, position)->earliest;
    wheel->cascades += position >= WHEEL_SLOTS;
    empty_slot(wheel, position, &opened);
    release(wheel, &opened, wheel->elapsed, due);
}

/* Hands out what is due, slot by slot, and brings elapsed toward now. */
static void turn(struct wheel *wheel, uint64_t now, struct list *due)
{
    uint32_t position;

    while ((position = first_position(wheel)) != NO_POSITION && slot_earliest(wheel, position) <= now)
        open_slot(wheel, position, due);
    if (position != NO_POSITION && slot_start(wheel, position) <= now)
        now = slot_start(wheel, position) - 1;
    if (now > wheel->elapsed)
        wheel->elapsed = now;
}

/* Brings elapsed to the first true deadline in the slots, at most to now, and then onward for what the span reaches
 * from there. Otherwise an entry far beyond the span would be filed again and again on the way. */
static void leap(struct wheel *wheel, uint64_t now, struct list *due)
{
    struct list all;
    uint64_t first = now;

    list_init(&all);
    empty_all_slots(wheel, &all);
    for (struct list_node *node = all.head.next; node != &all.head; node = node->next) {
        uint64_t when = deadline_of(wheel, entry_of(node));
        if (when < first)
            first = when;
    }
    wheel->elapsed = first;
    release(wheel, &all, wheel->elapsed, due);
    turn(wheel, now - first < wheel->span ? now : first + wheel->span - 1, due);
}

void pawl__wheel_advance(struct wheel *wheel, uint64_t now, struct list *due)
{
    if (now == WHEEL_NEVER)
        now--;
    /* for a clock that went back: what was due by elapsed, but is not by now, pends on */
    struct list pending;
    list_init(&pending);
    list_splice_back(&pending, &wheel->pending);
    wheel->pending_earliest = WHEEL_NEVER;
    release(wheel, &pending, now < wheel->elapsed ? now : wheel->elapsed, due);
    while (now > wheel->elapsed && now - wheel->elapsed > wheel->span && first_position(wheel) != NO_POSITION)
        leap(wheel, now, due);
    turn(wheel, now, due);
}

void pawl__wheel_drain(struct wheel *wheel, struct list *out)
{
    struct list all;

    list_init(&all);
    list_splice_back(&all, &wheel->pending);
    empty_all_slots(wheel, &all);
    list_splice_back(&all, &wheel->unlimited);
    for (struct list_node *node; (node = list_pop_front(&all)) != NULL;)
        hand_out(wheel, entry_of(node), out);
}

static const char *check_entry(const struct wheel *wheel, const struct wheel_entry *entry, uint32_t position)
{
    if (entry->position != position)
        return "an entry knows where it lies";
    if (position == WHEEL_PENDING)
        return entry->when <= wheel->elapsed ? NULL : "a pending entry is due";
    if (position == WHEEL_UNLIMITED)
        return entry->when == WHEEL_NEVER ? NULL : "an unlimited entry has no deadline";
    if (entry->when <= wheel->elapsed)
        return "a filed tick is later than elapsed";
    if (entry->when - wheel->elapsed > wheel->span)
        return "a filed tick is within the span";
    if (position_of(wheel, entry->when) != position)
        return "an entry lies where its tick, filed now, would";
    if (entry->when < slot_at(wheel, position)->earliest)
        return "no entry of a slot is earlier than its earliest";
    return NULL;
}

static const char *check_list(const struct wheel *wheel, const struct list *list, uint32_t position, size_t *count)
{
    const struct list_node *end = &list->head;

    for (const struct list_node *node = end->next; node != end; node = node->next) {
        const struct wheel_entry *entry = PAWL_CONTAINER_OF(node, struct wheel_entry, link);
        const char *broken = check_entry(wheel, entry, position);
        if (broken != NULL)
            return broken;
        if (node->next->prev != node || node->prev->next != node)
            return "neighbours in a list point to each other";
        ++*count;
    }
    return NULL;
}

static const char *check_slot(const struct wheel *wheel, uint32_t position, size_t *count)
{
    const struct wheel_slot *slot = slot_at(wheel, position);
    bool marked = wheel->occupied[position / WHEEL_SLOTS] >> position % WHEEL_SLOTS & 1;

    if (marked == list_empty(&slot->entries))
        return "a slot is marked occupied if and only if it has entries";
    if (!marked && (slot->earliest != WHEEL_NEVER || slot->witness != NULL))
        return "an empty slot has no earliest entry";
    if (slot->witness != NULL && slot->witness->position != position)
        return "the witness of a slot lies in it";
    if (slot->witness != NULL && slot->witness->when < slot->earliest)
        return "the witness of a slot is no earlier than its earliest";
    return check_list(wheel, &slot->entries, position, count);
}

const char *pawl__wheel_check(const struct wheel *wheel)
{
    size_t count = 0;
    const char *broken = check_list(wheel, &wheel->pending, WHEEL_PENDING, &count);

    if (broken == NULL)
        broken = check_list(wheel, &wheel->unlimited, WHEEL_UNLIMITED, &count);
    for (uint32_t position = 0; broken == NULL && position < wheel->level_count * WHEEL_SLOTS; position++)
        broken = check_slot(wheel, position, &count);
    if (broken == NULL && count != wheel->count)
        broken = "count is the number of entries";
    return broken;
}
