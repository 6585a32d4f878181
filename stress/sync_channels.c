/* Channels of all capacities, oneshots and selects over them, with deadlines and cancellation, closed at random.
 *
 * A lane is a channel that is closed now and then and replaced. Each producer numbers its items, per lane; one that was
 * not sent keeps its number for the next. So each receiver sees rising numbers from each producer, and all together
 * have had each number exactly once. Some items bring a parcel on the heap, which whoever receives it frees; some
 * parcels ask for a reply, over a oneshot or a channel that the asker frees as soon as it has it. Each lane has a
 * receiver that never leaves it for long: so every wait comes to an end. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "actors.h"
#include "goods.h"

#define LANES 6
#define PLAYERS_MAX 32
#define CASES 5
#define LENGTH_MAX 300 /* of an unbounded channel, if there is another lane */

enum { OPERATIONS, HURRIED, CANCELLED, CAME_BACK, SELECTED, PARCELS, REPLIES, GIVEN_UP, LANES_MADE, TOKENS, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [OPERATIONS] = "operations", [HURRIED] = "hurried", [CANCELLED] = "cancelled", [CAME_BACK] = "came_back",
    [SELECTED] = "selected",     [PARCELS] = "parcels", [REPLIES] = "replies",     [GIVEN_UP] = "given_up",
    [LANES_MADE] = "lanes_made", [TOKENS] = "tokens",
};

struct lane {
    pthread_mutex_t gate; /* never held for long */
    struct pipe *pipe;    /* L(gate) with a reference; NULL: it is over */
};

enum role { RECEIVER, SENDER };
enum request { RECEIVE, SEND, SELECT, REPLY };

struct player {
    struct actor actor; /* first */
    enum role role;
    size_t home;               /* of a receiver */
    enum request request;      /* REPLY, or SELECT with a reply: its last case */
    size_t lane;               /* of RECEIVE and SEND */
    struct pipe *pipes[LANES]; /* with a reference, or NULL */
    struct pawl_token *token;  /* likewise */
    struct reply *reply;       /* that it waits for, or NULL */
    void *answer;              /* which that comes to */
    struct item item;
    size_t case_count;
    struct pawl_case cases[CASES];
    struct item items[CASES];
    size_t lanes[CASES];
    struct tally sent[LANES];
    struct tally received[LANES][PLAYERS_MAX];
};

struct scene {
    struct cast cast; /* first */
    struct lane lanes[LANES];
    pthread_mutex_t gate;
    struct pawl_token *token; /* L(gate) */
    _Atomic int64_t parcels;
    struct player director; /* what it has received */
    struct player players[PLAYERS_MAX];
};

static struct scene *scene_of(const struct player *p)
{
    return (struct scene *)(void *)p->actor.cast;
}

static struct player *player_of(struct actor *a)
{
    return (struct player *)(void *)a;
}

/* ---- replies ---- */

static void take_reply(struct player *p)
{
    struct reply *reply = p->reply;
    CHECK(p->answer == reply, "a reply came as %p, expected %p", p->answer, (void *)reply);
    CHECK(reply->answer == p->item.word, "a reply was for something else");
    p->reply = NULL;
    reply_destroy(reply);
    count(REPLIES);
}

static void give_reply_up(struct player *p)
{
    struct reply *reply = p->reply;
    if (reply == NULL)
        return;
    count(GIVEN_UP);
    if (atomic_exchange(&reply->state, REPLY_GIVEN_UP) == REPLY_OPEN) {
        p->reply = NULL; /* the answerer's from here on */
        return;
    }
    p->answer = reply_await(reply);
    take_reply(p);
}

/* ---- items ---- */

static void item_fill(struct player *p, size_t lane, struct item *item)
{
    const struct pipe *pipe = p->pipes[lane];
    item->word = (uint64_t)p->actor.index << 48 | (p->sent[lane].last + 1);
    item->parcel = NULL;
    item->check = ~item->word;
    if (pipe->item_size < 16 || !random_once_in(&p->actor.random, 8))
        return;
    item->parcel = stress_allocate(sizeof *item->parcel);
    item->parcel->word = item->word;
    count(PARCELS);
    atomic_fetch_add(&scene_of(p)->parcels, 1);
}

static void parcel_free(struct player *p, struct parcel *parcel)
{
    if (parcel == NULL)
        return;
    free(parcel);
    atomic_fetch_sub(&scene_of(p)->parcels, 1);
}

/* It was sent, so all but its number is somebody else's. */
static void item_sent(struct player *p, size_t lane, const struct item *item)
{
    tally_add(&p->sent[lane], item->word & 0xffffffffffff);
}

static void item_back(struct player *p, struct item *item)
{
    if (item->parcel != NULL && item->parcel->reply != NULL) {
        reply_destroy(item->parcel->reply);
        p->reply = NULL;
    }
    parcel_free(p, item->parcel);
    count(CAME_BACK);
}

static void item_received(struct player *p, size_t lane, size_t item_size, const struct item *item, bool in_order)
{
    uint64_t producer = item->word >> 48, number = item->word & 0xffffffffffff;
    CHECK(producer < scene_of(p)->cast.count, "an item of nobody was received");
    struct tally *tally = &p->received[lane][producer];
    CHECK(!in_order || number > tally->last, "number %" PRIu64 " of a producer was received after %" PRIu64, number,
          tally->last);
    uint64_t last = tally->last;
    tally_add(tally, number);
    if (!in_order)
        tally->last = last;
    CHECK(item_size < 24 || item->check == ~item->word, "an item was received in pieces");
    if (item_size < 16 || item->parcel == NULL)
        return;
    CHECK(item->parcel->word == item->word, "a parcel came with another item");
    if (item->parcel->reply != NULL)
        reply_send(item->parcel->reply, item->word);
    parcel_free(p, item->parcel);
}

/* ---- lanes ---- */

/* NULL: it is over. */
static struct pipe *hold_pipe(struct player *p, size_t lane)
{
    struct lane *l = &scene_of(p)->lanes[lane];
    if (p->pipes[lane] != NULL)
        return p->pipes[lane];
    pthread_mutex_lock(&l->gate);
    struct pipe *pipe = l->pipe;
    if (pipe != NULL)
        atomic_fetch_add(&pipe->refs, 1);
    pthread_mutex_unlock(&l->gate);
    return p->pipes[lane] = pipe;
}

static void leave_pipe(struct player *p, size_t lane)
{
    pipe_drop(p->pipes[lane]);
    p->pipes[lane] = NULL;
}

/* By the director. */
static void replace_pipe(struct scene *scene, size_t lane, struct pipe *pipe)
{
    struct item item = {0};
    struct lane *l = &scene->lanes[lane];
    pthread_mutex_lock(&l->gate);
    struct pipe *old = l->pipe;
    l->pipe = pipe;
    pthread_mutex_unlock(&l->gate);
    pawl_channel_close(old->channel);
    CHECK(pawl_channel_try_send(old->channel, &item) == -EPIPE, "a closed channel took an item");
    size_t left = 0;
    for (; pawl_channel_try_receive(old->channel, &item) == 0; left++)
        item_received(&scene->director, lane, old->item_size, &item, false);
    CHECK(left <= old->capacity, "a channel of capacity %zu had %zu items left when it was closed", old->capacity,
          left);
    pipe_drop(old);
}

/* A lane to send into; LANES: it is over. Not one that is too long, if there is another. */
static size_t draw_lane_to_send(struct player *p)
{
    size_t start = random_below(&p->actor.random, LANES);
    for (size_t i = 0; i < LANES; i++) {
        size_t lane = (start + i) % LANES;
        const struct pipe *pipe = hold_pipe(p, lane);
        if (pipe == NULL)
            return LANES;
        if (pipe->capacity != PAWL_UNBOUNDED || pawl_channel_length(pipe->channel) < LENGTH_MAX)
            return lane;
    }
    return start;
}

/* ---- what to wait for ---- */

static void hold_token(struct player *p)
{
    struct scene *scene = scene_of(p);
    if (p->token != NULL)
        return;
    pthread_mutex_lock(&scene->gate);
    p->token = pawl_token_ref(scene->token);
    pthread_mutex_unlock(&scene->gate);
}

/* One that is switched off, as yet. */
static struct pawl_case *add_case(struct player *p, size_t lane)
{
    p->lanes[p->case_count] = lane;
    pawl_case_none(&p->cases[p->case_count]);
    return &p->cases[p->case_count++];
}

static void add_receive(struct player *p, size_t lane)
{
    struct item *item = &p->items[p->case_count];
    struct pawl_case *c = add_case(p, lane);
    const struct pipe *pipe = hold_pipe(p, lane);
    if (pipe != NULL)
        pawl_case_receive(c, pipe->channel, item);
}

static void add_send(struct player *p, size_t lane)
{
    struct item *item = &p->items[p->case_count];
    struct pawl_case *c = add_case(p, lane);
    const struct pipe *pipe = hold_pipe(p, lane);
    if (pipe == NULL)
        return;
    item_fill(p, lane, item);
    pawl_case_send(c, pipe->channel, item);
}

static void begin_select(struct player *p)
{
    p->request = SELECT;
    p->case_count = 0;
}

/* A way out, or two, besides the others. */
static void end_select(struct player *p)
{
    struct random *r = &p->actor.random;
    hold_token(p);
    pawl_case_token(add_case(p, LANES), p->token);
    if (random_once_in(r, 4))
        pawl_case_deadline(add_case(p, LANES), pawl_now(NULL) + random_below(r, PAWL_US(100)));
    actor_hurry(&p->actor, 4);
}

static void draw_receive(struct player *p)
{
    struct random *r = &p->actor.random;
    uint64_t drawn = random_below(r, 16);
    if (drawn < 4) { /* its home among them: nobody waits long for it there */
        begin_select(p);
        add_receive(p, random_below(r, LANES));
        add_receive(p, p->home);
        add_receive(p, random_below(r, LANES));
        end_select(p);
        return;
    }
    p->request = RECEIVE;
    p->lane = drawn < 6 ? random_below(r, LANES) : p->home;
    actor_hurry(&p->actor, p->lane == p->home ? 4 : 1);
}

static void draw_send(struct player *p)
{
    struct random *r = &p->actor.random;
    size_t lane = draw_lane_to_send(p);
    if (lane == LANES)
        return;
    if (random_once_in(r, 4)) {
        begin_select(p);
        add_send(p, lane);
        add_send(p, (lane + 1 + random_below(r, LANES - 1)) % LANES);
        add_receive(p, random_below(r, LANES));
        end_select(p);
        return;
    }
    p->request = SEND;
    p->lane = lane;
    item_fill(p, lane, &p->item);
    if (p->item.parcel != NULL && random_once_in(r, 2))
        p->item.parcel->reply = p->reply = reply_create(r);
    actor_hurry(&p->actor, 4);
}

static void draw_reply(struct player *p)
{
    actor_hurry(&p->actor, 16);
    p->request = REPLY;
    if (cast_is_over(p->actor.cast) || !random_once_in(&p->actor.random, 4))
        return;
    begin_select(p);
    if (p->reply->channel != NULL)
        pawl_case_receive(add_case(p, LANES), p->reply->channel, &p->answer);
    else
        pawl_case_oneshot(add_case(p, LANES), &p->reply->oneshot, &p->answer);
    end_select(p);
}

/* Without waiting, as many as there are, but not for long. */
static void try_some(struct player *p)
{
    size_t lane = random_below(&p->actor.random, LANES);
    for (int i = 0; i < 8; i++) {
        struct pipe *pipe = hold_pipe(p, lane);
        if (pipe == NULL)
            return;
        struct item item;
        int result;
        if (p->role == RECEIVER) {
            result = pawl_channel_try_receive(pipe->channel, &item);
            if (result == 0)
                item_received(p, lane, pipe->item_size, &item, true);
        } else {
            item_fill(p, lane, &item);
            result = pawl_channel_try_send(pipe->channel, &item);
            if (result == 0)
                item_sent(p, lane, &item);
            else
                item_back(p, &item);
        }
        CHECK(result == 0 || result == -EAGAIN || result == -EPIPE, "a call that does not wait returned %d", result);
        if (result == -EPIPE)
            leave_pipe(p, lane);
        if (result != 0)
            return;
        actor_count(&p->actor);
    }
}

static void leave(struct player *p)
{
    give_reply_up(p);
    for (size_t lane = 0; lane < LANES; lane++)
        leave_pipe(p, lane);
    pawl_token_drop(p->token);
    p->token = NULL;
}

static bool next(struct actor *a)
{
    struct player *p = player_of(a);
    if (a->quit || (p->reply == NULL && cast_is_over(a->cast))) {
        leave(p);
        return false;
    }
    if (random_once_in(&a->random, 8))
        try_some(p);
    if (random_once_in(&a->random, 32))
        actor_pause(a);
    if (p->reply != NULL) {
        draw_reply(p);
        return true;
    }
    p->lane = LANES;
    p->request = SEND;
    if (p->role == RECEIVER)
        draw_receive(p);
    else
        draw_send(p);
    if (p->request == SELECT || (p->lane < LANES && hold_pipe(p, p->lane) != NULL))
        return true;
    leave(p);
    return false;
}

static int wait_for(struct actor *a, uint64_t deadline_ns)
{
    struct player *p = player_of(a);
    switch (p->request) {
    case RECEIVE:
        return pawl_channel_receive_until(p->pipes[p->lane]->channel, &p->item, deadline_ns);
    case SEND:
        return pawl_channel_send_until(p->pipes[p->lane]->channel, &p->item, deadline_ns);
    case SELECT:
        return pawl_select_until(p->cases, p->case_count, deadline_ns);
    default:
        if (p->reply->channel != NULL)
            return pawl_channel_receive_until(p->reply->channel, &p->answer, deadline_ns);
        return pawl_oneshot_receive_until(&p->reply->oneshot, &p->answer, deadline_ns);
    }
}

static enum pawl_poll poll_for(struct actor *a, struct pawl_context *cx, int *status)
{
    struct player *p = player_of(a);
    switch (p->request) {
    case RECEIVE:
        return pawl_channel_receive_poll(p->pipes[p->lane]->channel, &p->item, &a->wait, cx, status);
    case SEND:
        return pawl_channel_send_poll(p->pipes[p->lane]->channel, &p->item, &a->wait, cx, status);
    case SELECT:
        return pawl_select_poll(p->cases, p->case_count, cx, status);
    default:
        if (p->reply->channel != NULL)
            return pawl_channel_receive_poll(p->reply->channel, &p->answer, &a->wait, cx, status);
        return pawl_oneshot_receive_poll(&p->reply->oneshot, &p->answer, &a->wait, cx, status);
    }
}

static int give_up(struct actor *a)
{
    struct player *p = player_of(a);
    return p->request == SELECT ? actor_cancel_select(p->cases, p->case_count) : actor_cancel_wait(a);
}

/* ---- what it came to ---- */

static void came_to_case(struct player *p, size_t index)
{
    const struct pawl_case *c = &p->cases[index];
    size_t lane = p->lanes[index];
    struct item *item = &p->items[index];
    bool closed = c->status == -EPIPE;
    CHECK(c->status == 0 || (closed && lane < LANES), "a case of a select came to %d", c->status);
    count(SELECTED);
    if (c->kind == PAWL_CASE_TOKEN) {
        CHECK(pawl_token_cancelled(p->token), "a token that nobody cancelled told of it");
        pawl_token_drop(p->token);
        p->token = NULL;
    } else if (c->kind == PAWL_CASE_DEADLINE) {
        CHECK(pawl_now(NULL) >= c->number, "a case came before its deadline");
        count(HURRIED);
    } else if (lane == LANES) {
        take_reply(p);
    } else if (closed) {
        if (c->kind == PAWL_CASE_SEND)
            item_back(p, item);
        leave_pipe(p, lane);
    } else if (c->kind == PAWL_CASE_SEND) {
        item_sent(p, lane, item);
    } else {
        item_received(p, lane, p->pipes[lane]->item_size, item, true);
    }
}

static void came_to_select(struct player *p, int index)
{
    CHECK(index == -ETIMEDOUT || index == -ECANCELED || (index >= 0 && (size_t)index < p->case_count),
          "a select returned %d", index);
    for (size_t i = 0; i < p->case_count; i++)
        if (p->cases[i].kind == PAWL_CASE_SEND && (int)i != index)
            item_back(p, &p->items[i]);
    if (index >= 0)
        came_to_case(p, (size_t)index);
}

static void came(struct actor *a, int status)
{
    struct player *p = player_of(a);
    if (p->request == SELECT) {
        came_to_select(p, status);
        return;
    }
    CHECK(status == 0 || status == -ECANCELED || status == -ETIMEDOUT || (status == -EPIPE && p->request != REPLY),
          "a channel or a oneshot returned %d", status);
    if (p->request == REPLY && status == 0)
        take_reply(p);
    else if (p->request == REPLY)
        return;
    else if (p->request == SEND && status == 0)
        item_sent(p, p->lane, &p->item);
    else if (p->request == SEND)
        item_back(p, &p->item);
    else if (status == 0)
        item_received(p, p->lane, p->pipes[p->lane]->item_size, &p->item, true);
    if (status == -EPIPE)
        leave_pipe(p, p->lane);
}

/* ---- the round ---- */

static void replace_token(struct scene *scene)
{
    struct pawl_token *token = NULL;
    CHECK(pawl_token_create(&token, NULL) == 0, "a token could not be created");
    pthread_mutex_lock(&scene->gate);
    struct pawl_token *old = scene->token;
    scene->token = token;
    pthread_mutex_unlock(&scene->gate);
    pawl_token_cancel(old);
    pawl_token_drop(old);
    count(TOKENS);
}

static void disturb(struct cast *cast)
{
    struct scene *scene = (struct scene *)(void *)cast;
    if (random_once_in(&cast->random, 4)) {
        replace_pipe(scene, random_below(&cast->random, LANES), pipe_create(&cast->random));
        count(LANES_MADE);
    }
    if (random_once_in(&cast->random, 4))
        replace_token(scene);
}

/* Whoever did not see yet that it is over finds no lane any more, and in a select nothing but the token: so that one is
 * cancelled for good. */
static void finish(struct cast *cast)
{
    struct scene *scene = (struct scene *)(void *)cast;
    for (size_t lane = 0; lane < LANES; lane++)
        replace_pipe(scene, lane, NULL);
    pawl_token_cancel(scene->token);
}

static const struct play play = {
    .next = next,
    .wait = wait_for,
    .poll = poll_for,
    .give_up = give_up,
    .came = came,
    .disturb = disturb,
    .finish = finish,
    .cancelled = CANCELLED,
    .hurried = HURRIED,
};

static void check_lane(const struct scene *scene, size_t lane)
{
    for (unsigned i = 0; i < scene->cast.count; i++) {
        const struct tally *sent = &scene->players[i].sent[lane];
        struct tally received = scene->director.received[lane][i];
        for (unsigned j = 0; j < scene->cast.count; j++) {
            received.count += scene->players[j].received[lane][i].count;
            received.sum += scene->players[j].received[lane][i].sum;
        }
        CHECK(received.count == sent->count, "of %" PRIu64 " items %" PRIu64 " were received", sent->count,
              received.count);
        CHECK(received.sum == sent->sum, "an item was received twice, and another one never");
    }
}

static void add_player(struct scene *scene, enum role role, size_t home)
{
    struct player *p = &scene->players[scene->cast.count];
    p->role = role;
    p->home = home;
    cast_add(&scene->cast, &p->actor);
}

static void run(const struct round *round)
{
    struct scene *scene = stress_allocate(sizeof *scene);
    struct random *r = &scene->cast.random;
    *r = random_seeded(round->seed, UINT64_C(1) << 61);
    scene->director.actor.cast = &scene->cast;
    pthread_mutex_init(&scene->gate, NULL);
    CHECK(pawl_token_create(&scene->token, NULL) == 0, "a token could not be created");
    for (size_t lane = 0; lane < LANES; lane++) {
        pthread_mutex_init(&scene->lanes[lane].gate, NULL);
        scene->lanes[lane].pipe = pipe_create(r);
        add_player(scene, RECEIVER, lane);
    }
    for (uint64_t receivers = random_below(r, 6); receivers > 0; receivers--)
        add_player(scene, RECEIVER, random_below(r, LANES));
    for (uint64_t senders = 4 + random_below(r, 12); senders > 0; senders--)
        add_player(scene, SENDER, 0);
    cast_play(&scene->cast, round, &play);
    for (size_t lane = 0; lane < LANES; lane++) {
        check_lane(scene, lane);
        pthread_mutex_destroy(&scene->lanes[lane].gate);
    }
    CHECK(atomic_load(&scene->parcels) == 0, "%" PRId64 " parcels were lost", atomic_load(&scene->parcels));
    pawl_token_drop(scene->token);
    pthread_mutex_destroy(&scene->gate);
    free(scene);
}

const struct scenario stress_sync_channels = {
    .name = "sync_channels",
    .about = "channels, oneshots and selects with deadlines, cancellation and closing; each item comes exactly once",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
