/* What goes through channels, and the channels it goes through: items that are numbered, parcels, replies and pipes. */
#ifndef STRESS_GOODS_H
#define STRESS_GOODS_H

#include "stress.h"

/* What is sent: the first 8, 16 or 24 bytes. */
struct item {
    uint64_t word;         /* producer << 48 | number */
    struct parcel *parcel; /* or NULL */
    uint64_t check;        /* of word */
};

struct parcel {
    uint64_t word;
    struct reply *reply; /* or NULL */
};

/* It is the asker's once it has its answer; if the asker gave up before, the answerer's. */
enum { REPLY_OPEN, REPLY_GIVEN_UP, REPLY_BEING_SENT };
struct reply {
    _Atomic int state;
    struct pawl_channel *channel; /* of capacity 1; NULL: it is a oneshot */
    struct pawl_oneshot oneshot;
    uint64_t answer;
};

/* A lane's channel, until nobody refers to it. */
struct pipe {
    struct pawl_channel *channel;
    size_t capacity, item_size;
    _Atomic uint64_t refs;
};

/* What a producer has sent into a lane, or what somebody has received of it. */
struct tally {
    uint64_t last, count, sum; /* sum of the numbers, mixed */
};

void tally_add(struct tally *tally, uint64_t number);

struct reply *reply_create(struct random *r);

/* With what was received, or before it was asked for. */
void reply_destroy(struct reply *reply);

/* By the answerer, who does not touch it any more. */
void reply_send(struct reply *reply, uint64_t answer);

/* The answer, which is being sent. Never for long. */
void *reply_await(struct reply *reply);

struct pipe *pipe_create(struct random *r);

/* The last one to drop it finds it closed and empty, and destroys it. NULL: nothing. */
void pipe_drop(struct pipe *pipe);

#endif
