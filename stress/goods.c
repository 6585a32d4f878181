#include "goods.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

static uint64_t mix(uint64_t number)
{
    number *= UINT64_C(0x9E3779B97F4A7C15);
    return number ^ number >> 29;
}

void tally_add(struct tally *tally, uint64_t number)
{
    tally->last = number;
    tally->count++;
    tally->sum += mix(number);
}

struct reply *reply_create(struct random *r)
{
    struct reply *reply = stress_allocate(sizeof *reply);
    if (random_once_in(r, 2))
        CHECK(pawl_channel_create(&reply->channel, 1, sizeof(void *)) == 0, "a channel could not be created");
    else
        CHECK(pawl_oneshot_init(&reply->oneshot) == 0, "a oneshot could not be made");
    return reply;
}

void reply_destroy(struct reply *reply)
{
    if (reply->channel != NULL)
        pawl_channel_destroy(reply->channel);
    else
        CHECK(pawl_oneshot_fini(&reply->oneshot) == 0, "somebody waits for a reply that was received");
    free(reply);
}

void reply_send(struct reply *reply, uint64_t answer)
{
    if (atomic_exchange(&reply->state, REPLY_BEING_SENT) == REPLY_GIVEN_UP) {
        reply_destroy(reply);
        return;
    }
    void *value = reply;
    reply->answer = answer;
    int result = reply->channel != NULL ? pawl_channel_try_send(reply->channel, &value)
                                        : pawl_oneshot_send(&reply->oneshot, value);
    CHECK(result == 0, "a reply could not be sent: %d", result);
}

void *reply_await(struct reply *reply)
{
    void *answer = NULL;
    while ((reply->channel != NULL ? pawl_channel_try_receive(reply->channel, &answer)
                                   : pawl_oneshot_try_receive(&reply->oneshot, &answer)) == -EAGAIN)
        sched_yield();
    return answer;
}

struct pipe *pipe_create(struct random *r)
{
    static const size_t capacities[] = {0, 0, 1, 2, 7, 64, PAWL_UNBOUNDED};
    struct pipe *pipe = stress_allocate(sizeof *pipe);
    pipe->capacity = capacities[random_below(r, sizeof capacities / sizeof *capacities)];
    pipe->item_size = 8 + 8 * random_below(r, 3);
    atomic_init(&pipe->refs, 1);
    CHECK(pawl_channel_create(&pipe->channel, pipe->capacity, pipe->item_size) == 0, "a channel could not be created");
    return pipe;
}

void pipe_drop(struct pipe *pipe)
{
    struct item item;
    if (pipe == NULL || atomic_fetch_sub(&pipe->refs, 1) > 1)
        return;
    CHECK(pawl_channel_try_receive(pipe->channel, &item) == -EPIPE, "a closed and emptied channel gave an item");
    pawl_channel_destroy(pipe->channel);
    free(pipe);
}
