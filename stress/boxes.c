#include "boxes.h"

#include <stdlib.h>

struct orphan {
    struct box *box;
    struct orphan *next;
};

struct box *box_create(struct random *r)
{
    struct box *box = stress_allocate(sizeof *box);
    box->kind = (enum box_kind)random_below(r, BOX_KINDS);
    atomic_init(&box->refs, 1);
    if (box->kind == BOX_MUTEX)
        pawl_mutex_init(&box->u.mutex);
    else if (box->kind == BOX_RWLOCK)
        pawl_rwlock_init(&box->u.rwlock);
    else
        pawl_semaphore_init(&box->u.semaphore, 1);
    return box;
}

static void box_destroy(struct box *box)
{
    int result;
    if (box->kind == BOX_MUTEX)
        result = pawl_mutex_fini(&box->u.mutex);
    else if (box->kind == BOX_RWLOCK)
        result = pawl_rwlock_fini(&box->u.rwlock);
    else
        result = pawl_semaphore_fini(&box->u.semaphore);
    CHECK(result == 0, "a lock that all have let go of returned %d from fini", result);
    free(box);
}

int box_lock(struct box *box, uint64_t deadline_ns)
{
    if (box->kind == BOX_MUTEX)
        return pawl_mutex_lock_until(&box->u.mutex, deadline_ns);
    if (box->kind == BOX_RWLOCK)
        return pawl_rwlock_write_until(&box->u.rwlock, deadline_ns);
    return pawl_semaphore_acquire_until(&box->u.semaphore, 1, deadline_ns);
}

enum pawl_poll box_lock_poll(struct box *box, struct pawl_wait *wait, struct pawl_context *cx, int *status)
{
    if (box->kind == BOX_MUTEX)
        return pawl_mutex_lock_poll(&box->u.mutex, wait, cx, status);
    if (box->kind == BOX_RWLOCK)
        return pawl_rwlock_write_poll(&box->u.rwlock, wait, cx, status);
    return pawl_semaphore_acquire_poll(&box->u.semaphore, 1, wait, cx, status);
}

static void box_unlock(struct box *box)
{
    if (box->kind == BOX_MUTEX)
        pawl_mutex_unlock(&box->u.mutex);
    else if (box->kind == BOX_RWLOCK)
        pawl_rwlock_unlock(&box->u.rwlock);
    else
        pawl_semaphore_release(&box->u.semaphore, 1);
}

void box_leave(struct box *box)
{
    bool late = box->kind == BOX_CLOSABLE;
    box->value++;
    bool last = !late && atomic_fetch_sub(&box->refs, 1) == 1;
    box_unlock(box);
    if (late)
        last = atomic_fetch_sub(&box->refs, 1) == 1;
    if (last)
        box_destroy(box);
}

void box_abandon(struct shelf *shelf, struct box *box)
{
    if (box->kind == BOX_CLOSABLE) {
        if (atomic_fetch_sub(&box->refs, 1) == 1)
            box_destroy(box);
        return;
    }
    struct orphan *orphan = stress_allocate(sizeof *orphan);
    orphan->box = box;
    pthread_mutex_lock(&shelf->gate);
    orphan->next = shelf->orphans;
    shelf->orphans = orphan;
    pthread_mutex_unlock(&shelf->gate);
}

/* By the director, without the gate. */
static void box_drop(struct box *box)
{
    if (box->kind == BOX_CLOSABLE) {
        pawl_semaphore_close(&box->u.semaphore);
        if (atomic_fetch_sub(&box->refs, 1) == 1)
            box_destroy(box);
        return;
    }
    CHECK(box_lock(box, PAWL_NEVER) == 0, "the director could not lock a box");
    box_leave(box);
}

void shelf_init(struct shelf *shelf)
{
    *shelf = (struct shelf){.box = NULL};
    pthread_mutex_init(&shelf->gate, NULL);
}

void shelf_fini(struct shelf *shelf)
{
    pthread_mutex_destroy(&shelf->gate);
}

struct box *shelf_take(struct shelf *shelf)
{
    pthread_mutex_lock(&shelf->gate);
    struct box *box = shelf->box;
    if (box != NULL)
        atomic_fetch_add(&box->refs, 1);
    pthread_mutex_unlock(&shelf->gate);
    return box;
}

void shelf_replace(struct shelf *shelf, struct box *box)
{
    pthread_mutex_lock(&shelf->gate);
    struct box *old = shelf->box;
    struct orphan *orphan = shelf->orphans;
    shelf->box = box;
    shelf->orphans = NULL;
    pthread_mutex_unlock(&shelf->gate);
    if (old != NULL)
        box_drop(old);
    while (orphan != NULL) {
        struct orphan *next = orphan->next;
        box_drop(orphan->box);
        free(orphan);
        orphan = next;
    }
}
