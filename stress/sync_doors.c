/* Doors: those who wait in a queue behind somebody who gives up must be let in.
 *
 * A door lets two in, or one who needs all of it: a semaphore of two permits, or a readers-writer lock. A host holds it
 * open until its guest has been in; meanwhile others want all of it, are refused since the host is there, and give up.
 * A guest that queued behind one of them, and is not let in when that one gives up, waits for ever: nobody else will
 * release anything, as the host waits for the guest. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "actors.h"

#define DOORS 4
#define PLAYERS_MAX 32

enum { OPERATIONS, HURRIED, CANCELLED, VISITS, FORCED, COUNTERS };
static const char *const counters[COUNTERS + 1] = {
    [OPERATIONS] = "operations", [HURRIED] = "hurried", [CANCELLED] = "cancelled",
    [VISITS] = "visits",         [FORCED] = "forced",
};

struct door {
    bool semaphore; /* constant; else it is the readers-writer lock */
    struct pawl_semaphore permits;
    struct pawl_rwlock lock;
    struct pawl_notify opened, visited;
    uint64_t openings; /* by the host, before it says so, as is the next */
    bool closed;
    uint64_t visits; /* by the guest, before it says so */
};

enum role { HOST, GUEST, BRUTE };
enum request { ENTER, FORCE, AWAIT_OPENED, AWAIT_VISITED };

struct player {
    struct actor actor; /* first */
    enum role role;
    struct door *door;
    enum request request; /* what comes next */
    bool done;
};

struct scene {
    struct cast cast; /* first */
    struct door doors[DOORS];
    struct player players[PLAYERS_MAX];
};

static struct player *player_of(struct actor *a)
{
    return (struct player *)(void *)a;
}

static void leave(struct door *d, uint32_t permits)
{
    if (d->semaphore)
        pawl_semaphore_release(&d->permits, permits);
    else
        pawl_rwlock_unlock(&d->lock);
}

/* ---- what to wait for ---- */

static bool next(struct actor *a)
{
    struct player *p = player_of(a);
    if (p->role == BRUTE && random_once_in(&a->random, 2))
        actor_pause(a);
    actor_hurry(a, p->role == BRUTE ? 1 : 4);
    if (a->quit || p->done)
        return false;
    if (!cast_is_over(a->cast) || p->role == GUEST || p->request == AWAIT_VISITED)
        return true;
    if (p->role == HOST) { /* the guest waits for it */
        p->door->closed = true;
        pawl_notify_one(&p->door->opened);
    }
    return false;
}

static int wait_for(struct actor *a, uint64_t deadline_ns)
{
    struct player *p = player_of(a);
    struct door *d = p->door;
    uint32_t permits = p->request == FORCE ? 2 : 1;
    if (p->request == AWAIT_OPENED || p->request == AWAIT_VISITED)
        return pawl_notify_wait_until(p->request == AWAIT_OPENED ? &d->opened : &d->visited, deadline_ns);
    if (d->semaphore)
        return pawl_semaphore_acquire_until(&d->permits, permits, deadline_ns);
    return (permits == 2 ? pawl_rwlock_write_until : pawl_rwlock_read_until)(&d->lock, deadline_ns);
}

static enum pawl_poll poll_for(struct actor *a, struct pawl_context *cx, int *status)
{
    struct player *p = player_of(a);
    struct door *d = p->door;
    uint32_t permits = p->request == FORCE ? 2 : 1;
    if (p->request == AWAIT_OPENED || p->request == AWAIT_VISITED)
        return pawl_notify_wait_poll(p->request == AWAIT_OPENED ? &d->opened : &d->visited, &a->wait, cx, status);
    if (d->semaphore)
        return pawl_semaphore_acquire_poll(&d->permits, permits, &a->wait, cx, status);
    return (permits == 2 ? pawl_rwlock_write_poll : pawl_rwlock_read_poll)(&d->lock, &a->wait, cx, status);
}

/* ---- what it came to ---- */

static void came_to_host(struct player *p)
{
    struct door *d = p->door;
    if (p->request == ENTER) {
        d->openings++;
        p->request = AWAIT_VISITED;
        pawl_notify_one(&d->opened);
    } else {
        CHECK(d->visits == d->openings, "a host was told of a visit that was not made");
        p->request = ENTER;
        leave(d, 1);
    }
}

static void came_to_guest(struct player *p)
{
    struct door *d = p->door;
    if (p->request == AWAIT_OPENED) {
        CHECK(d->closed || d->openings == d->visits + 1, "a guest was told of a door that is not open");
        p->done = d->closed;
        p->request = ENTER;
    } else {
        d->visits++;
        p->request = AWAIT_OPENED;
        leave(d, 1);
        pawl_notify_one(&d->visited);
        count(VISITS);
    }
}

static void came(struct actor *a, int status)
{
    struct player *p = player_of(a);
    CHECK(status == 0 || status == -ETIMEDOUT || status == -ECANCELED, "a door returned %d", status);
    if (status != 0)
        return;
    if (p->role == HOST) {
        came_to_host(p);
    } else if (p->role == GUEST) {
        came_to_guest(p);
    } else {
        CHECK(p->door->visits <= p->door->openings, "a door was forced while the guest was in");
        leave(p->door, 2);
        count(FORCED);
    }
}

/* ---- the round ---- */

static const struct play play = {
    .next = next,
    .wait = wait_for,
    .poll = poll_for,
    .came = came,
    .cancelled = CANCELLED,
    .hurried = HURRIED,
};

static void add_player(struct scene *scene, struct door *d, enum role role, enum request first)
{
    struct player *p = &scene->players[scene->cast.count];
    p->role = role;
    p->door = d;
    p->request = first;
    cast_add(&scene->cast, &p->actor);
}

static void check_door(struct door *d)
{
    CHECK(d->visits == d->openings, "of %" PRIu64 " visits %" PRIu64 " were made", d->openings, d->visits);
    CHECK(pawl_semaphore_available(&d->permits) == 2 && pawl_rwlock_fini(&d->lock) == 0, "a door was not left");
    CHECK(pawl_semaphore_fini(&d->permits) == 0 && pawl_notify_fini(&d->opened) == 0 &&
              pawl_notify_fini(&d->visited) == 0,
          "somebody waits still");
}

static void run(const struct round *round)
{
    struct scene *scene = stress_allocate(sizeof *scene);
    struct random *r = &scene->cast.random;
    *r = random_seeded(round->seed, UINT64_C(1) << 61);
    for (int i = 0; i < DOORS; i++) {
        struct door *d = &scene->doors[i];
        d->semaphore = random_once_in(r, 2);
        pawl_semaphore_init(&d->permits, 2);
        pawl_rwlock_init(&d->lock);
        pawl_notify_init(&d->opened);
        pawl_notify_init(&d->visited);
        add_player(scene, d, HOST, ENTER);
        add_player(scene, d, GUEST, AWAIT_OPENED);
        for (uint64_t brutes = 1 + random_below(r, 3); brutes > 0; brutes--)
            add_player(scene, d, BRUTE, FORCE);
    }
    cast_play(&scene->cast, round, &play);
    for (int i = 0; i < DOORS; i++)
        check_door(&scene->doors[i]);
    free(scene);
}

const struct scenario stress_sync_doors = {
    .name = "sync_doors",
    .about = "semaphores and readers-writer locks: who waits behind somebody that gives up is let in",
    .run = run,
    .counters = counters,
    .round_ns = PAWL_SEC(1),
    .workers_min = 1,
};
