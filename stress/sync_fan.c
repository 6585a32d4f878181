/* What tells many at once: broadcasts and watches, barriers with a once, and trees of tokens, with deadlines and
 * cancellation.
 *
 * A station is a broadcast and a watch, closed now and then and replaced by others. Listeners count what they received
 * and what they missed: together that is what was sent since they subscribed. The values of a watch are numbered like
 * its versions. The parties of a barrier write and read plain memory on either side of it, and stop together. Gardeners
 * plant tokens below tokens and cut them down: whatever is below a cancelled one is cancelled, and nothing else. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"
#include "station.h"

#define STATIONS 3
#define GROUPS 2
#define PARTIES 3
#define SLOTS 8
#define TREE 8
#define PLAYERS_MAX 40

enum { OPERATIONS, HURRIED, CANCELLED, SENT, MISSED, VALUES, PASSES, TOKENS, CUT, STATIONS_MADE, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [OPERATIONS] = "operations",
    [HURRIED] = "hurried",
    [CANCELLED] = "cancelled",
    [SENT] = "sent",
    [MISSED] = "missed",
    [VALUES] = "values",
    [PASSES] = "passes",
    [TOKENS] = "tokens",
    [CUT] = "cut",
    [STATIONS_MADE] = "stations_made",
};

struct group {
    struct pawl_barrier first, second;
    struct pawl_once once;
    /* plain: written and read on different sides of a barrier */
    uint64_t rounds[PARTIES];
    uint64_t value; /* times that the once was done */
    uint64_t leaders;
    bool last;
};

enum role { LISTENER, PARTY, GARDENER };
enum request { RECEIVE, WATCH, FIRST, SECOND, ONCE, TOKEN };

struct player {
    struct actor actor; /* first */
    enum role role;
    enum request request; /* of a party: what comes next */
    bool done;
    /* listeners */
    size_t home;
    struct station *station;          /* that it listens to, with a reference; or NULL */
    struct station *others[STATIONS]; /* that it sends to; likewise */
    struct pawl_broadcast_receiver receiver;
    struct record record;
    uint64_t lasts[PLAYERS_MAX]; /* numbers it has seen of each */
    uint64_t number;             /* of its own */
    struct item item;
    uint64_t missed, version, version_before;
    bool watch_closed;
    /* parties */
    struct group *group;
    unsigned side;
    /* gardeners */
    struct pawl_token *parent, *token;
};

struct scene {
    struct cast cast; /* first */
    pthread_mutex_t gate;
    struct station *stations[STATIONS]; /* L(gate) with a reference; NULL: it is over */
    struct pawl_token *slots[SLOTS];    /* L(gate) with a reference, or NULL */
    struct group groups[GROUPS];
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

/* ---- stations ---- */

/* NULL: it is over. */
static struct station *station_hold(struct scene *scene, size_t which)
{
    pthread_mutex_lock(&scene->gate);
    struct station *s = scene->stations[which];
    if (s != NULL)
        atomic_fetch_add(&s->refs, 1);
    pthread_mutex_unlock(&scene->gate);
    return s;
}

static void send_somewhere(struct player *p)
{
    struct random *r = &p->actor.random;
    size_t which = random_below(r, STATIONS);
    if (p->others[which] == NULL && (p->others[which] = station_hold(scene_of(p), which)) == NULL)
        return;
    if (random_once_in(r, 2))
        count_more(VALUES, station_send_value(p->others[which], false));
    for (uint64_t i = random_once_in(r, 16) ? random_below(r, 20) : 1; i > 0; i--) {
        if (station_send_item(p->others[which], p->actor.index, &p->number)) {
            count(SENT);
            continue;
        }
        station_drop(p->others[which]);
        p->others[which] = NULL;
        return;
    }
}

/* ---- listeners ---- */

static bool tune_in(struct player *p)
{
    struct station *s = station_hold(scene_of(p), p->home);
    if (s == NULL)
        return false;
    p->station = s;
    p->record = (struct record){.from_min = atomic_load(&s->sent)};
    CHECK(pawl_broadcast_subscribe(s->broadcast, &p->receiver) == 0, "a listener could not subscribe");
    p->record.from_max = atomic_load(&s->begun);
    memset(p->lasts, 0, sizeof p->lasts);
    p->version = 0;
    p->watch_closed = false;
    return true;
}

static void tune_out(struct player *p)
{
    for (size_t i = 0; i < STATIONS; i++) {
        station_drop(p->others[i]);
        p->others[i] = NULL;
    }
    station_drop(p->station);
    p->station = NULL;
}

static bool next_of_listener(struct player *p)
{
    struct random *r = &p->actor.random;
    if (p->actor.quit || (p->station == NULL && !tune_in(p))) {
        tune_out(p);
        return false;
    }
    send_somewhere(p);
    if (random_once_in(r, 64))
        actor_pause(&p->actor);
    bool watch = !p->watch_closed && !cast_is_over(p->actor.cast) && random_once_in(r, 4);
    p->request = watch ? WATCH : RECEIVE;
    p->missed = 0;
    p->version_before = p->version;
    actor_hurry(&p->actor, 4);
    return true;
}

static void have_item(struct player *p)
{
    uint64_t producer = p->item.word >> 48, number = p->item.word & 0xffffffffffff;
    CHECK(producer < PLAYERS_MAX, "an item of nobody was received");
    CHECK(number > p->lasts[producer], "number %" PRIu64 " was received after %" PRIu64, number, p->lasts[producer]);
    CHECK(p->station->item_size < 16 || p->item.check == ~p->item.word, "an item was received in pieces");
    p->lasts[producer] = number;
    p->record.total += 1 + p->missed;
    if (p->missed > 0)
        count_more(MISSED, p->missed);
}

static void have_value(struct player *p)
{
    CHECK(p->version > p->version_before, "version %" PRIu64 " came after %" PRIu64, p->version, p->version_before);
    CHECK(p->item.check == ~p->item.word && p->item.word + 1 == p->version, "a value came with another version");
}

static void came_to_listener(struct player *p, int status)
{
    CHECK(status == 0 || status == -EPIPE || status == -ETIMEDOUT || status == -ECANCELED,
          "a broadcast or a watch returned %d", status);
    if (status == 0 && p->request == RECEIVE) {
        have_item(p);
    } else if (status == 0) {
        have_value(p);
    } else if (status == -EPIPE && p->request == WATCH) {
        p->watch_closed = true;
    } else if (status == -EPIPE) {
        p->record.complete = true;
        p->station->records[p->actor.index] = p->record;
        station_drop(p->station);
        p->station = NULL;
    }
}

/* ---- parties ---- */

static int do_once(void *arg)
{
    struct player *p = arg;
    if (p->actor.kind != ACTOR_STACKLESS && random_once_in(&p->actor.random, 4))
        actor_pause(&p->actor);
    if (random_once_in(&p->actor.random, 4))
        return -EAGAIN;
    p->group->value++;
    return 0;
}

static void came_to_first(struct player *p, bool leads)
{
    struct group *group = p->group;
    for (int i = 0; i < PARTIES; i++)
        CHECK(group->rounds[i] == group->rounds[p->side], "a party came through a barrier without the others");
    if (leads) {
        group->leaders++;
        group->value = 0;
        CHECK(pawl_once_fini(&group->once) == 0, "a once that all have come from is running");
        pawl_once_init(&group->once);
        group->last = cast_is_over(p->actor.cast);
    }
    p->request = SECOND;
    count(PASSES);
}

static void came_to_party(struct player *p, int status)
{
    CHECK(status >= 0 || status == -ETIMEDOUT || status == -ECANCELED || (p->request == ONCE && status == -EAGAIN),
          "a barrier or a once returned %d", status);
    if (status < 0)
        return;
    if (p->request == FIRST) {
        came_to_first(p, status == 1);
    } else if (p->request == SECOND) {
        p->done = p->group->last;
        p->request = ONCE;
    } else {
        CHECK(pawl_once_done(&p->group->once) && p->group->value == 1, "a once was done %" PRIu64 " times",
              p->group->value);
        p->group->rounds[p->side]++;
        p->request = FIRST;
    }
}

/* ---- gardeners ---- */

static struct pawl_token *take_slot(struct player *p)
{
    struct scene *scene = scene_of(p);
    size_t which = random_below(&p->actor.random, SLOTS);
    pthread_mutex_lock(&scene->gate);
    struct pawl_token *token = pawl_token_ref(scene->slots[which]);
    pthread_mutex_unlock(&scene->gate);
    return token;
}

/* Takes the reference over. */
static void put_into_slot(struct player *p, struct pawl_token *token)
{
    struct scene *scene = scene_of(p);
    size_t which = random_below(&p->actor.random, SLOTS);
    pthread_mutex_lock(&scene->gate);
    struct pawl_token *old = scene->slots[which];
    scene->slots[which] = token;
    pthread_mutex_unlock(&scene->gate);
    pawl_token_drop(old);
}

static struct pawl_token *plant(struct pawl_token *parent)
{
    struct pawl_token *token = NULL;
    bool cancelled = pawl_token_cancelled(parent);
    CHECK(pawl_token_create(&token, parent) == 0, "a token could not be created");
    CHECK(!cancelled || pawl_token_cancelled(token), "the child of a cancelled token is not");
    count(TOKENS);
    return token;
}

static void cut_some(struct player *p)
{
    struct pawl_token *token = take_slot(p);
    pawl_token_cancel(token);
    CHECK(token == NULL || pawl_token_cancelled(token), "a token that was cancelled is not");
    pawl_token_drop(token);
    count(CUT);
}

/* A tree of its own: what is cancelled is exactly what is below. */
static void grow_tree(struct random *r)
{
    struct pawl_token *tokens[TREE];
    size_t parents[TREE], cut = random_below(r, TREE);
    bool below[TREE] = {false};
    for (size_t i = 0; i < TREE; i++) {
        parents[i] = i == 0 ? 0 : random_below(r, i);
        tokens[i] = plant(i == 0 ? NULL : tokens[parents[i]]);
    }
    size_t dropped = random_below(r, TREE);
    if (dropped != cut) { /* its children hold it, if there are any */
        pawl_token_drop(tokens[dropped]);
        tokens[dropped] = NULL;
    }
    pawl_token_cancel(tokens[cut]);
    for (size_t i = 0; i < TREE; i++) {
        below[i] = i == cut || (i > 0 && below[parents[i]]);
        CHECK(tokens[i] == NULL || pawl_token_cancelled(tokens[i]) == below[i], "the wrong tokens were cancelled");
    }
    for (size_t i = 0; i < TREE; i++)
        pawl_token_drop(tokens[i]);
}

static void clear(struct player *p)
{
    pawl_token_drop(p->parent);
    pawl_token_drop(p->token);
    p->parent = p->token = NULL;
}

static bool next_of_gardener(struct player *p)
{
    struct random *r = &p->actor.random;
    if (p->actor.quit || cast_is_over(p->actor.cast)) {
        clear(p);
        return false;
    }
    actor_pause(&p->actor);
    if (random_once_in(r, 8))
        grow_tree(r);
    if (random_once_in(r, 2)) {
        struct pawl_token *parent = random_once_in(r, 4) ? NULL : take_slot(p);
        put_into_slot(p, plant(parent));
        pawl_token_drop(parent);
    }
    if (random_once_in(r, 3))
        cut_some(p);
    p->request = TOKEN;
    if (p->token == NULL) {
        p->parent = take_slot(p);
        p->token = plant(p->parent);
    }
    /* what its parent is, it will be */
    actor_hurry(&p->actor, pawl_token_cancelled(p->parent) ? 8 : 1);
    if (cast_is_over(p->actor.cast) && !pawl_token_cancelled(p->parent))
        pawl_token_cancel(p->token);
    return true;
}

static void came_to_gardener(struct player *p, int status)
{
    CHECK(status == 0 || status == -ETIMEDOUT || status == -ECANCELED, "a token returned %d", status);
    bool cancelled = pawl_token_cancelled(p->token);
    CHECK(status != 0 || cancelled, "a token that is not cancelled told of it");
    CHECK(!cancelled || pawl_token_cancelled(p->parent) || cast_is_over(p->actor.cast),
          "a token was cancelled before its parent");
    if (status == 0 || random_once_in(&p->actor.random, 4))
        clear(p);
}

/* ---- what all do ---- */

static bool next(struct actor *a)
{
    struct player *p = player_of(a);
    if (p->role == LISTENER)
        return next_of_listener(p);
    if (p->role == GARDENER)
        return next_of_gardener(p);
    if (random_once_in(&a->random, 16))
        actor_pause(a);
    actor_hurry(a, 3);
    return !a->quit && !p->done;
}

static int wait_for(struct actor *a, uint64_t deadline_ns)
{
    struct player *p = player_of(a);
    switch (p->request) {
    case RECEIVE:
        return pawl_broadcast_receive_until(&p->receiver, &p->item, &p->missed, deadline_ns);
    case WATCH:
        return pawl_watch_wait_until(p->station->watch, &p->item, &p->version, deadline_ns);
    case FIRST:
        return pawl_barrier_wait_until(&p->group->first, deadline_ns);
    case SECOND:
        return pawl_barrier_wait_until(&p->group->second, deadline_ns);
    case ONCE:
        return pawl_once_call_until(&p->group->once, do_once, p, deadline_ns);
    default:
        return pawl_token_wait_until(p->token, deadline_ns);
    }
}

static enum pawl_poll poll_for(struct actor *a, struct pawl_context *cx, int *status)
{
    struct player *p = player_of(a);
    switch (p->request) {
    case RECEIVE:
        return pawl_broadcast_receive_poll(&p->receiver, &p->item, &p->missed, &a->wait, cx, status);
    case WATCH:
        return pawl_watch_wait_poll(p->station->watch, &p->item, &p->version, &a->wait, cx, status);
    case FIRST:
        return pawl_barrier_wait_poll(&p->group->first, &a->wait, cx, status);
    case SECOND:
        return pawl_barrier_wait_poll(&p->group->second, &a->wait, cx, status);
    case ONCE:
        return pawl_once_call_poll(&p->group->once, do_once, p, &a->wait, cx, status);
    default:
        return pawl_token_wait_poll(p->token, &a->wait, cx, status);
    }
}

static void came(struct actor *a, int status)
{
    struct player *p = player_of(a);
    if (p->role == LISTENER)
        came_to_listener(p, status);
    else if (p->role == PARTY)
        came_to_party(p, status);
    else
        came_to_gardener(p, status);
}

/* ---- the round ---- */

/* s NULL: it is over; one last value is to end all waits for the watch then, since no other will come. */
static void replace_station(struct scene *scene, size_t which, struct station *s)
{
    pthread_mutex_lock(&scene->gate);
    struct station *old = scene->stations[which];
    scene->stations[which] = s;
    pthread_mutex_unlock(&scene->gate);
    pawl_broadcast_close(old->broadcast);
    if (s != NULL)
        pawl_watch_close(old->watch);
    else
        station_send_value(old, true);
    station_drop(old);
}

static void disturb(struct cast *cast)
{
    struct scene *scene = (struct scene *)(void *)cast;
    static const uint64_t nobody = PLAYERS_MAX - 1;
    size_t which = random_below(&cast->random, STATIONS);
    station_send_item(scene->stations[which], nobody,
                      &scene->players[nobody].number); /* lest all listen and none sends */
    if (random_once_in(&cast->random, 8)) {
        replace_station(scene, which, station_create(&cast->random));
        count(STATIONS_MADE);
    }
}

static void finish(struct cast *cast)
{
    for (size_t i = 0; i < STATIONS; i++)
        replace_station((struct scene *)(void *)cast, i, NULL);
}

static const struct play play = {
    .next = next,
    .wait = wait_for,
    .poll = poll_for,
    .came = came,
    .disturb = disturb,
    .finish = finish,
    .cancelled = CANCELLED,
    .hurried = HURRIED,
};

static struct player *add_player(struct scene *scene, enum role role)
{
    struct player *p = &scene->players[scene->cast.count];
    p->role = role;
    cast_add(&scene->cast, &p->actor);
    return p;
}

static void add_group(struct scene *scene, struct group *group)
{
    pawl_barrier_init(&group->first, PARTIES);
    pawl_barrier_init(&group->second, PARTIES);
    pawl_once_init(&group->once);
    for (unsigned side = 0; side < PARTIES; side++) {
        struct player *p = add_player(scene, PARTY);
        p->group = group;
        p->side = side;
        p->request = FIRST;
    }
}

static void check_group(struct group *group)
{
    for (int i = 0; i < PARTIES; i++)
        CHECK(group->rounds[i] + 1 == group->leaders, "a party came %" PRIu64 " times, of which %" PRIu64 " were led",
              group->rounds[i] + 1, group->leaders);
    CHECK(pawl_barrier_fini(&group->first) == 0 && pawl_barrier_fini(&group->second) == 0 &&
              pawl_once_fini(&group->once) == 0,
          "somebody waits still");
}

static void run(const struct round *round)
{
    struct scene *scene = stress_allocate(sizeof *scene);
    struct random *r = &scene->cast.random;
    *r = random_seeded(round->seed, UINT64_C(1) << 61);
    pthread_mutex_init(&scene->gate, NULL);
    for (int i = 0; i < STATIONS; i++)
        scene->stations[i] = station_create(r);
    for (uint64_t listeners = 4 + random_below(r, 12); listeners > 0; listeners--)
        add_player(scene, LISTENER)->home = random_below(r, STATIONS);
    for (int i = 0; i < GROUPS; i++)
        add_group(scene, &scene->groups[i]);
    for (uint64_t gardeners = 1 + random_below(r, 2); gardeners > 0; gardeners--)
        add_player(scene, GARDENER);
    cast_play(&scene->cast, round, &play);
    for (int i = 0; i < GROUPS; i++)
        check_group(&scene->groups[i]);
    for (int i = 0; i < SLOTS; i++)
        pawl_token_drop(scene->slots[i]);
    pthread_mutex_destroy(&scene->gate);
    free(scene);
}

const struct scenario stress_sync_fan = {
    .name = "sync_fan",
    .about =
        "broadcasts, watches, barriers and tokens with deadlines and cancellation; all are told, and of everything",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
