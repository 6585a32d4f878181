/* Ledger of include/pawl/testing.h: a word an item.
 *
 *     word = settled << 16 | refused << 1 | issued
 *
 * Every step adds to the word and looks at what it was, so the end value tells all: exactly one outcome of an issued
 * item is 1 << 16 | 1, or 1 << 1 | 1. All relaxed: a ledger that ordered its callers would hide from ThreadSanitizer
 * that nothing else does. Who checks has joined or otherwise waited for the others. */
#include <errno.h>
#include <pawl/testing.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"

#define ISSUED UINT32_C(1)
#define REFUSED (UINT32_C(1) << 1)
#define SETTLED (UINT32_C(1) << 16)
#define TIMES(word) ((word) >> 16)

/* Access: C constant after creation, A any thread atomic */
struct pawl_ledger {
    uint64_t capacity;                                       /* C */
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) asked;   /* A times that an item was asked for */
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint64_t) strays;  /* A outcomes of items that do not exist */
    PAWL_ATOMIC(uint64_t) last_stray;                        /* A one of them */
    _Alignas(PAWL_CACHE_LINE) PAWL_ATOMIC(uint32_t) words[]; /* A capacity of them */
};

static uint64_t items_issued(const struct pawl_ledger *ledger)
{
    uint64_t asked = load_relaxed_u64(&ledger->asked);
    return asked < ledger->capacity ? asked : ledger->capacity;
}

int pawl_ledger_create(struct pawl_ledger **out, uint64_t capacity)
{
    if (out == NULL || capacity == 0 || capacity > SIZE_MAX / 8)
        return -EINVAL;
    size_t size = sizeof(struct pawl_ledger) + capacity * sizeof(uint32_t);
    size = (size + PAWL_CACHE_LINE - 1) / PAWL_CACHE_LINE * PAWL_CACHE_LINE;
    struct pawl_ledger *ledger = aligned_alloc(PAWL_CACHE_LINE, size);
    if (ledger == NULL)
        return -ENOMEM;
    memset(ledger, 0, size);
    ledger->capacity = capacity;
    *out = ledger;
    return 0;
}

void pawl_ledger_destroy(struct pawl_ledger *ledger)
{
    free(ledger);
}

int pawl_ledger_issue(struct pawl_ledger *ledger, uint64_t *id)
{
    if (ledger == NULL || id == NULL)
        return -EINVAL;
    uint64_t index = fetch_add_relaxed_u64(&ledger->asked, 1);
    if (index >= ledger->capacity)
        return -ENOSPC;
    fetch_add_relaxed_u32(&ledger->words[index], ISSUED);
    *id = index + 1;
    return 0;
}

static int add_outcome(struct pawl_ledger *ledger, uint64_t id, uint32_t outcome)
{
    if (ledger == NULL)
        return -EINVAL;
    if (id == 0 || id > items_issued(ledger)) {
        fetch_add_relaxed_u64(&ledger->strays, 1);
        store_relaxed_u64(&ledger->last_stray, id);
        return -ENOENT;
    }
    return fetch_add_relaxed_u32(&ledger->words[id - 1], outcome) == ISSUED ? 0 : -EALREADY;
}

int pawl_ledger_settle(struct pawl_ledger *ledger, uint64_t id)
{
    return add_outcome(ledger, id, SETTLED);
}

int pawl_ledger_refuse(struct pawl_ledger *ledger, uint64_t id)
{
    return add_outcome(ledger, id, REFUSED);
}

/* ---- checking ---- */

struct finding {
    const char *text;
    uint64_t count, first;
};

enum { LOST, DOUBLED, CAME_THOUGH_REFUSED, STRAY, FINDINGS };

static void find(struct finding *finding, uint64_t id)
{
    if (finding->count++ == 0)
        finding->first = id;
}

static void judge(struct finding *findings, uint64_t id, uint32_t word)
{
    bool refused = (word & (SETTLED - 1)) >> 1 != 0;
    if (word == ISSUED)
        find(&findings[LOST], id);
    else if (refused && TIMES(word) > 0)
        find(&findings[CAME_THOUGH_REFUSED], id);
    else if (word != (ISSUED | SETTLED) && word != (ISSUED | REFUSED))
        find(&findings[DOUBLED], id);
}

/* Appends; `used` goes on counting where there is no room. */
__attribute__((format(printf, 4, 5))) static void say(char *sentence, size_t size, size_t *used, const char *format,
                                                      ...)
{
    va_list arguments;
    size_t from = *used < size ? *used : size;
    va_start(arguments, format);
    *used += (size_t)vsnprintf(size == 0 ? NULL : sentence + from, size - from, format, arguments);
    va_end(arguments);
}

uint64_t pawl_ledger_check(const struct pawl_ledger *ledger, char *sentence, size_t size)
{
    struct finding findings[FINDINGS] = {
        [LOST] = {.text = "lost"},
        [DOUBLED] = {.text = "more than once"},
        [CAME_THOUGH_REFUSED] = {.text = "though refused"},
        [STRAY] = {.text = "never issued"},
    };
    uint64_t issued = ledger == NULL ? 0 : items_issued(ledger), faults = 0;
    size_t used = 0;
    for (uint64_t i = 0; i < issued; i++)
        judge(findings, i + 1, load_relaxed_u32(&ledger->words[i]));
    if (ledger != NULL)
        findings[STRAY].count = load_relaxed_u64(&ledger->strays);
    if (findings[STRAY].count > 0)
        findings[STRAY].first = load_relaxed_u64(&ledger->last_stray);
    say(sentence, size, &used, "%" PRIu64 " issued", issued);
    for (int i = 0; i < FINDINGS; i++) {
        faults += findings[i].count;
        if (findings[i].count > 0)
            say(sentence, size, &used, ", %" PRIu64 " %s (%" PRIu64 ")", findings[i].count, findings[i].text,
                findings[i].first);
    }
    if (faults == 0)
        say(sentence, size, &used, ", each came exactly once");
    return faults;
}
