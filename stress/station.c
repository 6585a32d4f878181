#include "station.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct station *station_create(struct random *r)
{
    static const size_t capacities[] = {1, 2, 7, 64, 1000};
    static const struct item initial = {0, ~UINT64_C(0)};
    struct station *s = stress_allocate(sizeof *s);
    s->item_size = 8 + 8 * random_below(r, 2);
    atomic_init(&s->refs, 1);
    pthread_mutex_init(&s->gate, NULL);
    CHECK(pawl_broadcast_create(&s->broadcast, capacities[random_below(r, 5)], s->item_size) == 0 &&
              pawl_watch_create(&s->watch, &initial, sizeof initial) == 0,
          "a broadcast or a watch could not be created");
    return s;
}

void station_drop(struct station *s)
{
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    uint64_t sent = atomic_load(&s->sent), version;
    struct item value;
    for (int i = 0; i < ACTORS_MAX; i++) {
        const struct record *record = &s->records[i];
        CHECK(
            !record->complete || (record->from_min + record->total <= sent && record->from_max + record->total >= sent),
            "a listener had %" PRIu64 " items of %" PRIu64 ", of which %" PRIu64 " to %" PRIu64 " were before its time",
            record->total, sent, record->from_min, record->from_max);
    }
    CHECK(pawl_watch_read(s->watch, &value, &version) == 0 && value.word == s->value && version == s->value + 1,
          "the last value of a watch is not the last one sent");
    pawl_broadcast_destroy(s->broadcast);
    pawl_watch_destroy(s->watch);
    pthread_mutex_destroy(&s->gate);
    free(s);
}

bool station_send_value(struct station *s, bool last)
{
    pthread_mutex_lock(&s->gate);
    struct item value = {s->value + 1, ~(s->value + 1)};
    int result = s->last ? -EPIPE : pawl_watch_send(s->watch, &value);
    if (result == 0)
        s->value++;
    s->last |= last;
    pthread_mutex_unlock(&s->gate);
    CHECK(result == 0 || result == -EPIPE, "pawl_watch_send returned %d", result);
    return result == 0;
}

bool station_send_item(struct station *s, uint64_t producer, uint64_t *number)
{
    struct item item = {producer << 48 | (*number + 1), 0};
    item.check = ~item.word;
    atomic_fetch_add(&s->begun, 1);
    int result = pawl_broadcast_send(s->broadcast, &item);
    CHECK(result == 0 || result == -EPIPE, "pawl_broadcast_send returned %d", result);
    if (result != 0)
        return false;
    atomic_fetch_add(&s->sent, 1);
    ++*number;
    return true;
}
