/* Mutexes, readers-writer locks, semaphores, condition variables and notifications, waited for by all kinds of actors,
 * with deadlines and cancellation.
 *
 * What a lock guards is plain memory that is counted twice, under it and by each actor for itself; what a condition
 * variable tells of is a stock that producers fill and consumers empty; pairs tell each other with notifications whose
 * turn it is. At the end each consumer is given one last item, and each pair one last turn: a signal or a notification
 * that was lost is an actor that never ends, and a permit that was lost is missing in the count.
 * Boxes are locks on the heap, of which whoever was granted last makes an end as soon as it has let go. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "actors.h"
#include "boxes.h"

#define TABLES 4
#define PERMITS 8
#define STOCK_MAX 64
#define PLAYERS_MAX 40
#define CASES 4

enum { OPERATIONS, HURRIED, CANCELLED, SIGNALS, TURNS, TOLD, BOXES, ORPHANS, CLOSED, CHILDREN, RAN, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [OPERATIONS] = "operations", [HURRIED] = "hurried", [CANCELLED] = "cancelled",
    [SIGNALS] = "signals",       [TURNS] = "turns",     [TOLD] = "told",
    [BOXES] = "boxes",           [ORPHANS] = "orphans", [CLOSED] = "closed",
    [CHILDREN] = "children",     [RAN] = "ran",
};

struct table {
    struct pawl_mutex mutex;
    struct pawl_condition stocked;
    uint64_t value;                     /* guarded by the mutex, as the next three are */
    uint64_t stock, produced, consumed; /* produced = stock + consumed */
    struct pawl_rwlock rwlock;
    uint64_t left, right; /* guarded by it: equal */
    struct pawl_semaphore semaphore;
    _Atomic int64_t held; /* of its permits, at least */
    struct pawl_notify turn[2];
    uint64_t ball; /* whoever has the turn */
    struct pawl_notify bell;
};

enum role { GENERAL, CONSUMER, PARTNER };
enum request { NOTHING, LOCK, WAIT, READ, WRITE, ACQUIRE, EITHER, TURN, BELL, BOX };

struct player {
    struct actor actor; /* first */
    enum role role;
    unsigned side;        /* of a partner */
    struct table *home;   /* of a consumer and a partner */
    struct table *table;  /* of the present request */
    enum request request; /* WAIT: with the mutex held, unless it has begun */
    struct table *other;  /* of EITHER */
    uint32_t permits;
    struct pawl_case cases[CASES]; /* of EITHER: permits of one table or the other, the bell, or a task's end */
    struct pawl_task *child;       /* a handle, or NULL */
    void *result;                  /* the child's */
    struct box *box;               /* with a reference, or NULL */
    bool done;                     /* it had its last item, or turn */
    uint64_t values[TABLES], lefts[TABLES]; /* added */
};

struct scene {
    struct cast cast; /* first */
    struct table tables[TABLES];
    struct shelf shelf; /* one, for many to want its box */
    struct player players[PLAYERS_MAX];
};

static struct scene *scene_of(struct player *p)
{
    return (struct scene *)(void *)p->actor.cast;
}

static struct player *player_of(struct actor *a)
{
    return (struct player *)(void *)a;
}

/* ---- what to wait for ---- */

static bool next_of_consumer(struct player *p)
{
    p->table = p->home;
    if (p->request == WAIT && p->actor.quit) {
        pawl_mutex_unlock(&p->table->mutex);
        p->request = NOTHING;
    }
    if (p->request != WAIT)
        p->request = LOCK;
    actor_hurry(&p->actor, 4);
    return !p->actor.quit && !p->done;
}

static bool next_of_partner(struct player *p)
{
    p->table = p->home;
    p->request = TURN;
    actor_hurry(&p->actor, 4);
    return !p->actor.quit && !p->done;
}

static void *return_soon(void *arg)
{
    pawl_yield();
    count(RAN);
    return arg;
}

static void draw_either(struct player *p)
{
    struct random *r = &p->actor.random;
    p->other = &scene_of(p)->tables[random_below(r, TABLES)];
    pawl_case_semaphore(&p->cases[0], &p->table->semaphore, p->permits);
    pawl_case_semaphore(&p->cases[1], &p->other->semaphore, p->permits);
    pawl_case_notify(&p->cases[2], &p->table->bell);
    pawl_case_none(&p->cases[3]);
    if (!random_once_in(r, 8))
        return;
    CHECK(pawl_spawn(p->actor.cast->rt, return_soon, p, &p->child) == 0, "a child could not be spawned");
    pawl_case_join(&p->cases[3], p->child, &p->result);
    count(CHILDREN);
}

static void draw_request(struct player *p)
{
    static const enum request usual[16] = {LOCK, LOCK,  LOCK,   LOCK,   READ,    READ,    READ, READ,
                                           READ, WRITE, EITHER, EITHER, ACQUIRE, ACQUIRE, BOX,  BELL};
    struct random *r = &p->actor.random;
    p->table = &scene_of(p)->tables[random_below(r, TABLES)];
    p->request = usual[random_below(r, 16)];
    p->permits = 1 + (uint32_t)random_below(r, random_once_in(r, 8) ? PERMITS : 3);
    actor_hurry(&p->actor, p->request == BELL ? 1 : 4);
    if (p->request == BOX && (p->box = shelf_take(&scene_of(p)->shelf)) == NULL)
        p->request = LOCK;
    if (p->request == EITHER)
        draw_either(p);
}

static bool next(struct actor *a)
{
    struct player *p = player_of(a);
    if (p->role == CONSUMER)
        return next_of_consumer(p);
    if (p->role == PARTNER)
        return next_of_partner(p);
    if (a->quit || cast_is_over(a->cast)) {
        if (p->box != NULL)
            box_abandon(&scene_of(p)->shelf, p->box);
        p->box = NULL;
        return false;
    }
    if (p->box == NULL)
        draw_request(p);
    else /* it was in a hurry, but its reference is best given up with the lock */
        actor_hurry(a, 0);
    return true;
}

static int wait_for(struct actor *a, uint64_t deadline_ns)
{
    struct player *p = player_of(a);
    struct table *t = p->table;
    switch (p->request) {
    case LOCK:
        return pawl_mutex_lock_until(&t->mutex, deadline_ns);
    case WAIT:
        return pawl_condition_wait_until(&t->stocked, &t->mutex, deadline_ns);
    case READ:
        return pawl_rwlock_read_until(&t->rwlock, deadline_ns);
    case WRITE:
        return pawl_rwlock_write_until(&t->rwlock, deadline_ns);
    case ACQUIRE:
        return pawl_semaphore_acquire_until(&t->semaphore, p->permits, deadline_ns);
    case EITHER:
        return pawl_select_until(p->cases, CASES, deadline_ns);
    case TURN:
        return pawl_notify_wait_until(&t->turn[p->side], deadline_ns);
    case BELL:
        return pawl_notify_wait_until(&t->bell, deadline_ns);
    default:
        return box_lock(p->box, deadline_ns);
    }
}

static enum pawl_poll poll_for(struct actor *a, struct pawl_context *cx, int *status)
{
    struct player *p = player_of(a);
    struct table *t = p->table;
    switch (p->request) {
    case LOCK:
        return pawl_mutex_lock_poll(&t->mutex, &a->wait, cx, status);
    case WAIT:
        return pawl_condition_wait_poll(&t->stocked, &t->mutex, &a->wait, cx, status);
    case READ:
        return pawl_rwlock_read_poll(&t->rwlock, &a->wait, cx, status);
    case WRITE:
        return pawl_rwlock_write_poll(&t->rwlock, &a->wait, cx, status);
    case ACQUIRE:
        return pawl_semaphore_acquire_poll(&t->semaphore, p->permits, &a->wait, cx, status);
    case EITHER:
        return pawl_select_poll(p->cases, CASES, cx, status);
    case TURN:
        return pawl_notify_wait_poll(&t->turn[p->side], &a->wait, cx, status);
    case BELL:
        return pawl_notify_wait_poll(&t->bell, &a->wait, cx, status);
    default:
        return box_lock_poll(p->box, &a->wait, cx, status);
    }
}

static int give_up(struct actor *a)
{
    struct player *p = player_of(a);
    return p->request == EITHER ? actor_cancel_select(p->cases, CASES) : actor_cancel_wait(a);
}

/* ---- what is done with it ---- */

/* The mutex is held. */
static void produce(struct player *p, struct table *t)
{
    uint64_t more = t->stock < STOCK_MAX ? 1 + random_below(&p->actor.random, 3) : 0;
    t->stock += more;
    t->produced += more;
    pawl_mutex_unlock(&t->mutex);
    if (more == 1)
        pawl_condition_signal(&t->stocked);
    else if (more > 1)
        pawl_condition_broadcast(&t->stocked);
    count_more(SIGNALS, more > 0);
}

static void hold_mutex(struct player *p, struct table *t)
{
    struct random *r = &p->actor.random;
    size_t which = (size_t)(t - scene_of(p)->tables);
    t->value++;
    p->values[which]++;
    if (random_once_in(r, 16))
        actor_pause(&p->actor);
    if (random_once_in(r, 3))
        produce(p, t);
    else
        pawl_mutex_unlock(&t->mutex);
}

/* The mutex is held: takes an item, or goes on waiting for one, if that is what it was doing. */
static void consume(struct player *p, struct table *t, bool go_on)
{
    if (t->stock == 0 && go_on) {
        p->request = WAIT;
        return;
    }
    if (t->stock > 0) {
        t->stock--;
        t->consumed++;
        p->done = cast_is_over(p->actor.cast);
    }
    p->request = NOTHING;
    pawl_mutex_unlock(&t->mutex);
}

static void came_to_consumer(struct player *p, int status)
{
    struct table *t = p->table;
    bool waited = p->request == WAIT, held = waited ? status != -ENOLCK && !p->actor.gave_up : status == 0;
    if (held) {
        consume(p, t, status == 0);
        return;
    }
    p->request = NOTHING;
    p->actor.quit = p->actor.quit || status == -ENOLCK; /* only the last poll of a cancelled task cannot wait for m */
}

static void hold_read(struct player *p, struct table *t)
{
    CHECK(t->left == t->right, "a reader saw what a writer was at");
    if (random_once_in(&p->actor.random, 16))
        actor_pause(&p->actor);
    CHECK(t->left == t->right, "a writer wrote what a reader had");
    pawl_rwlock_unlock(&t->rwlock);
}

static void hold_write(struct player *p, struct table *t)
{
    t->left++;
    p->lefts[t - scene_of(p)->tables]++;
    if (random_once_in(&p->actor.random, 16))
        actor_pause(&p->actor);
    t->right++;
    if (random_once_in(&p->actor.random, 4)) {
        pawl_rwlock_downgrade(&t->rwlock);
        hold_read(p, t);
    } else {
        pawl_rwlock_unlock(&t->rwlock);
    }
}

static void hold_permits(struct player *p, struct table *t)
{
    int64_t held = atomic_fetch_add_explicit(&t->held, p->permits, memory_order_relaxed) + p->permits;
    CHECK(held <= PERMITS, "%" PRId64 " of %d permits are held", held, PERMITS);
    if (random_once_in(&p->actor.random, 8))
        actor_pause(&p->actor);
    atomic_fetch_sub_explicit(&t->held, p->permits, memory_order_relaxed);
    pawl_semaphore_release(&t->semaphore, p->permits);
}

static void have_turn(struct player *p, struct table *t)
{
    p->done = cast_is_over(p->actor.cast);
    if (!p->done) {
        CHECK(t->ball % 2 == p->side, "a partner was told out of turn");
        t->ball++;
        count(TURNS);
    }
    pawl_notify_one(&t->turn[1 - p->side]);
}

static void ring(struct player *p, struct table *t)
{
    if (random_once_in(&p->actor.random, 2))
        pawl_notify_one(&t->bell);
    else
        pawl_notify_all(&t->bell);
}

static void came_to_either(struct player *p, int index)
{
    CHECK(index == -ETIMEDOUT || index == -ECANCELED || (index >= 0 && index < CASES), "a select returned %d", index);
    CHECK(index < 0 || p->cases[index].status == 0, "a case of a select came to %d", p->cases[index].status);
    if (index == 0)
        hold_permits(p, p->table);
    else if (index == 1)
        hold_permits(p, p->other);
    else if (index == 2)
        ring(p, p->table);
    else if (index == 3)
        CHECK(p->child != NULL && p->result == p, "a select joined another task");
    if (index != 3)
        pawl_detach(p->child);
    p->child = NULL;
}

static void came_to_box(struct player *p, int status)
{
    if (status == -ETIMEDOUT)
        return;
    if (status == 0 && random_once_in(&p->actor.random, 2))
        actor_pause(&p->actor);
    if (status == 0)
        box_leave(p->box);
    else
        box_abandon(&scene_of(p)->shelf, p->box);
    count_more(CLOSED, status == -EPIPE);
    count_more(ORPHANS, status == -ECANCELED);
    CHECK(status == 0 || status == -ECANCELED || status == -EPIPE, "a lock returned %d", status);
    p->box = NULL;
}

static void came(struct actor *a, int status)
{
    struct player *p = player_of(a);
    struct table *t = p->table;
    if (p->role == CONSUMER) {
        came_to_consumer(p, status);
        return;
    }
    if (p->request == BOX || p->request == EITHER) {
        (p->request == BOX ? came_to_box : came_to_either)(p, status);
        return;
    }
    CHECK(status == 0 || status == -ECANCELED || status == -ETIMEDOUT, "a lock returned %d", status);
    if (p->request == BELL) {
        count_more(TOLD, status == 0);
        ring(p, t);
    } else if (status != 0) {
        return;
    } else if (p->request == LOCK) {
        hold_mutex(p, t);
    } else if (p->request == READ) {
        hold_read(p, t);
    } else if (p->request == WRITE) {
        hold_write(p, t);
    } else if (p->request == ACQUIRE) {
        hold_permits(p, t);
    } else {
        have_turn(p, t);
    }
}

/* ---- the round ---- */

static void disturb(struct cast *cast)
{
    struct scene *scene = (struct scene *)(void *)cast;
    shelf_replace(&scene->shelf, box_create(&cast->random));
    count(BOXES);
}

/* An item for each consumer, and a turn for each pair, which has one on its way. */
static void finish(struct cast *cast)
{
    struct scene *scene = (struct scene *)(void *)cast;
    for (unsigned i = 0; i < cast->count; i++) {
        struct player *p = player_of(cast->actors[i]);
        if (p->role != CONSUMER)
            continue;
        CHECK(pawl_mutex_lock(&p->home->mutex) == 0, "the director could not lock a mutex");
        p->home->stock++;
        p->home->produced++;
        pawl_mutex_unlock(&p->home->mutex);
        pawl_condition_signal(&p->home->stocked);
    }
    shelf_replace(&scene->shelf, NULL);
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

static void lay_table(struct table *t)
{
    pawl_mutex_init(&t->mutex);
    pawl_condition_init(&t->stocked);
    pawl_rwlock_init(&t->rwlock);
    pawl_semaphore_init(&t->semaphore, PERMITS);
    pawl_notify_init(&t->turn[0]);
    pawl_notify_init(&t->turn[1]);
    pawl_notify_init(&t->bell);
    pawl_notify_one(&t->turn[0]);
}

static void clear_table(const struct scene *scene, size_t which)
{
    struct table *t = (struct table *)&scene->tables[which];
    uint64_t values = 0, lefts = 0;
    for (unsigned i = 0; i < scene->cast.count; i++) {
        values += scene->players[i].values[which];
        lefts += scene->players[i].lefts[which];
    }
    CHECK(pawl_mutex_try_lock(&t->mutex), "the mutex is held by nobody");
    CHECK(t->value == values, "%" PRIu64 " additions under a mutex came to %" PRIu64, values, t->value);
    CHECK(t->produced == t->consumed + t->stock,
          "of %" PRIu64 " items %" PRIu64 " were consumed and %" PRIu64 " are left", t->produced, t->consumed,
          t->stock);
    pawl_mutex_unlock(&t->mutex);
    CHECK(pawl_rwlock_try_write(&t->rwlock), "the readers-writer lock is held by nobody");
    CHECK(t->left == lefts && t->right == lefts, "additions were lost under a readers-writer lock");
    pawl_rwlock_unlock(&t->rwlock);
    CHECK(pawl_semaphore_available(&t->semaphore) == PERMITS, "of %d permits %" PRIu32 " are left", PERMITS,
          pawl_semaphore_available(&t->semaphore));
    CHECK(pawl_mutex_fini(&t->mutex) == 0 && pawl_condition_fini(&t->stocked) == 0 &&
              pawl_rwlock_fini(&t->rwlock) == 0 && pawl_semaphore_fini(&t->semaphore) == 0 &&
              pawl_notify_fini(&t->turn[0]) == 0 && pawl_notify_fini(&t->turn[1]) == 0 &&
              pawl_notify_fini(&t->bell) == 0,
          "somebody waits still");
}

static void add_player(struct scene *scene, enum role role, struct table *home, unsigned side)
{
    struct player *p = &scene->players[scene->cast.count];
    p->role = role;
    p->home = home;
    p->side = side;
    cast_add(&scene->cast, &p->actor);
}

static void run(const struct round *round)
{
    struct scene *scene = stress_allocate(sizeof *scene);
    struct random *r = &scene->cast.random;
    *r = random_seeded(round->seed, UINT64_C(1) << 61);
    bool partners = random_once_in(r, 3); /* they are fast: most that happens is theirs, where there are any */
    for (int i = 0; i < TABLES; i++) {
        struct table *t = &scene->tables[i];
        lay_table(t);
        for (unsigned side = 0; i == 0 && partners && side < 2; side++)
            add_player(scene, PARTNER, t, side);
        for (uint64_t consumers = 1 + random_below(r, 2); consumers > 0; consumers--)
            add_player(scene, CONSUMER, t, 0);
    }
    for (uint64_t general = 4 + random_below(r, 12); general > 0; general--)
        add_player(scene, GENERAL, NULL, 0);
    shelf_init(&scene->shelf);
    cast_play(&scene->cast, round, &play);
    shelf_replace(&scene->shelf, NULL); /* what the last ones left there */
    shelf_fini(&scene->shelf);
    CHECK(counted(RAN) == counted(CHILDREN), "of %" PRIu64 " children %" PRIu64 " ran", counted(CHILDREN),
          counted(RAN));
    for (size_t i = 0; i < TABLES; i++)
        clear_table(scene, i);
    free(scene);
}

const struct scenario stress_sync_permits = {
    .name = "sync_permits",
    .about = "locks, semaphores, conditions and notifications with deadlines and cancellation; no permit is lost",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
