/* A hierarchical timing wheel: deadlines in ticks go in, entries whose deadline has come go out.
 *
 * Model:   Level 0 has 64 slots of one tick, every level above it 64 slots of 64 times the width. An entry lies on the
 *          level of the highest 6-bit digit in which its tick differs from `elapsed`, in the slot which that digit
 *          names: insert and remove cost the same however many entries there are. The top level is a ring. An entry
 *          beyond its span of 63 slots is filed at the end of the span and filed anew when that comes.
 *          Cascades are late. A slot above level 0 is opened when an entry in it is due, never because time has reached
 *          the slot. Until then `elapsed` waits just before it, so `elapsed` may lag behind now, and all that is
 *          armed meanwhile is filed relative to it.
 *          Invariant: every filed tick is later than `elapsed`, and `elapsed` is in the range of no occupied slot. So
 *          the place of an entry, computed anew at any moment, is where it lies; the lowest occupied level holds
 *          the next deadline, in its first occupied slot; and entries of one tick share one slot.
 * Time:    A tick is whatever the caller says, an instant a count of ticks; no clock is read. The wheel never runs
 *          backward: for a now before `elapsed` it stands still, and what was armed for an instant that it has passed
 *          waits for now to reach it. Every tick up to UINT64_MAX - 1 is a deadline.
 * Order:   Entries that were due when inserted come out first, the others by ascending tick, and those of one tick in
 *          the order in which they were filed under it.
 * Threads: Not thread-safe. Whoever guards the shard guards the wheel and every list that it has handed out. Only the
 *          true deadline of an entry may move meanwhile, and only to later: see wheel_true_when_fn.
 * Blocks:  No. insert and remove take constant time; earliest and settle look at WHEEL_SCAN_MAX entries at most; in
 *          advance an entry moves down at most once a level, unless time jumps by more than the span.
 * Errors:  None.
 * Memory:  Allocates nothing. Levels and entries are the caller's and stay where they are while in use.
 * Source:  G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7. */
#ifndef PAWL_TIME_WHEEL_H
#define PAWL_TIME_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* The tick that never comes. */
#define WHEEL_NEVER UINT64_MAX

#define WHEEL_LEVELS_MAX 10
#define WHEEL_DIGIT_BITS 6
#define WHEEL_SLOTS (1 << WHEEL_DIGIT_BITS)

/* Entries that one call of earliest or settle looks at, at most. In a slot with more of them whose earliest entry has
 * gone, the former deadline stands as a lower bound: the price of the limit is that the caller may wake too early,
 * once for that slot, which opening it then settles; it never wakes too late. */
#define WHEEL_SCAN_MAX 256

/* In the caller's timer. Fields are the wheel's; `when` may be read. */
struct wheel_entry {
    struct list_node link;
    uint64_t when;     /* the tick it is filed under: the deadline last read, cut to the span; or WHEEL_NEVER */
    uint32_t position; /* the index of its slot, or an enum wheel_position */
};

/* Where an entry is that lies in no slot. */
enum wheel_position {
    WHEEL_PENDING = WHEEL_LEVELS_MAX * WHEEL_SLOTS, /* was due when inserted: goes out first, once now is there */
    WHEEL_UNLIMITED,                                /* has no deadline */
    WHEEL_HANDED_OUT                                /* on a list that advance or drain filled */
};

struct wheel_slot {
    struct list entries;
    uint64_t earliest;           /* no entry here is earlier; WHEEL_NEVER when empty */
    struct wheel_entry *witness; /* NULL: removed, look again; its when == earliest: exact; later: a lower bound */
};

/* Storage for one level; aligned to a cache line, no slot crosses one. */
struct wheel_level {
    struct wheel_slot slots[WHEEL_SLOTS];
};

/* The deadline of an entry as it is now, never earlier than entry->when; WHEEL_NEVER: it has none any more. Called
 * whenever the entry is about to be handed out or moved, so that a deadline can be pushed later without the wheel's
 * guard, by storing it where this function reads it. */
typedef uint64_t wheel_true_when_fn(const struct wheel_entry *entry);

/* Access: C constant after init; everything else under the wheel's guard. */
struct wheel {
    uint64_t elapsed;                                 /* nothing filed is due up to here */
    uint64_t span;                                    /* C: no entry is filed further than this beyond elapsed */
    struct wheel_level *levels;                       /* C */
    wheel_true_when_fn *true_when;                    /* C: or NULL */
    unsigned level_count;                             /* C */
    size_t count;                                     /* entries in slots, pending and unlimited */
    uint64_t cascades;                                /* slots above level 0 that were opened, ever */
    uint64_t occupied[WHEEL_LEVELS_MAX];  /* bit i: slot i of the level has entries */
    struct list pending;
    uint64_t pending_earliest; /* no pending entry is earlier */
    struct list unlimited;
};

/* levels: level_count of them, 1 to WHEEL_LEVELS_MAX, in use until the wheel is. true_when NULL: deadlines never move
 * and none is further away than the span, 63 * 64^(level_count - 1) ticks; one that is would come out early. */
void pawl__wheel_init(struct wheel *wheel, struct wheel_level *levels, unsigned level_count, uint64_t now,
                      wheel_true_when_fn *true_when);

/* Before the first insert. */
static inline void pawl__wheel_entry_init(struct wheel_entry *entry)
{
    entry->link.next = entry->link.prev = NULL;
    entry->when = WHEEL_NEVER;
    entry->position = WHEEL_HANDED_OUT;
}

/* Takes an entry that is on no list. A tick at or before elapsed goes out with the next advance; WHEEL_NEVER only with
 * remove or drain. */
void pawl__wheel_insert(struct wheel *wheel, struct wheel_entry *entry, uint64_t when);

/* Takes an entry out, wherever it is: in the wheel or on a list that the wheel has handed out. */
void pawl__wheel_remove(struct wheel *wheel, struct wheel_entry *entry);

/* The tick at which something may be due: exact by the ticks entries are filed under, or a lower bound (see
 * WHEEL_SCAN_MAX). At or before elapsed: something is due at the next advance that gets there. WHEEL_NEVER: nothing
 * will be. */
uint64_t pawl__wheel_earliest(struct wheel *wheel);

/* As earliest, but for deadlines as they truly are: an entry that would come first and has been pushed later is filed
 * anew. To be called before a sleep, so that nobody wakes for a deadline that has moved. */
uint64_t pawl__wheel_settle(struct wheel *wheel);

/* Appends every entry whose true deadline is at or before now to `due`, and brings elapsed as near to now as it
 * gets without entering an occupied slot. */
void pawl__wheel_advance(struct wheel *wheel, uint64_t now, struct list *due);

/* Appends every entry to `out`, due or not, also those without a deadline. The wheel is empty then, and usable. */
void pawl__wheel_drain(struct wheel *wheel, struct list *out);

/* Entries in the wheel; those handed out no longer count. */
static inline size_t pawl__wheel_count(const struct wheel *wheel)
{
    return wheel->count;
}

/* For tests: the sentence of an invariant that does not hold, or NULL. Looks at everything. */
const char *pawl__wheel_check(const struct wheel *wheel);

#endif
