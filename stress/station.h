/* Stations: a broadcast and a watch, for many who send and listen, and what is known of who has had what. */
#ifndef STRESS_STATION_H
#define STRESS_STATION_H

#include "actors.h"

/* Of a broadcast, 8 or 16 bytes of it; and of a watch. */
struct item {
    uint64_t word; /* producer << 48 | number; of a watch: a number from 0 */
    uint64_t check;
};

/* What a listener has had when the broadcast was closed and empty. */
struct record {
    bool complete;
    uint64_t total;              /* received and missed */
    uint64_t from_min, from_max; /* how many had been sent when it subscribed */
};

struct station {
    struct pawl_broadcast *broadcast;
    struct pawl_watch *watch;
    size_t item_size;
    _Atomic uint64_t refs;
    _Atomic uint64_t begun, sent; /* items */
    pthread_mutex_t gate;         /* of who sends a value */
    uint64_t value;               /* L(gate) the latest */
    bool last;                    /* L(gate) no other will come */
    struct record records[ACTORS_MAX];
};

struct station *station_create(struct random *r);

/* The last one to leave sees what was sent. NULL: nothing. */
void station_drop(struct station *s);

/* false: it is closed, or had its last value. */
bool station_send_value(struct station *s, bool last);

/* number: the producer's last, and then this one's. false: it is closed. */
bool station_send_item(struct station *s, uint64_t producer, uint64_t *number);

#endif
