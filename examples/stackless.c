/* Ten thousand conversations with a slow server, each a stackless task: a few dozen bytes instead of a stack.
 *
 * A stackless task is a function that is called again whenever something may have happened. What it has to remember
 * lies in its state, here a copy that Pawl keeps. It cannot suspend: where a task with a stack would wait, it leaves
 * its waker with whoever will know, looks, and returns PAWL_PENDING. In this order: an answer that came after a look
 * and before there was a waker would wake nobody. */
#include <pawl/pawl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define CONVERSATIONS 10000
#define QUESTIONS 3

/* A letter box of one place between a conversation and the server, a thread that knows nothing of tasks. */
struct box {
    struct pawl_waker asker;
    int question, answer;
    _Atomic enum { EMPTY, ASKED, ANSWERED } state;
};

static struct box boxes[CONVERSATIONS];
static _Atomic int talking = CONVERSATIONS;
static _Atomic int sum;

static void *serve(void *unused)
{
    (void)unused;
    while (atomic_load(&talking) > 0) {
        for (int i = 0; i < CONVERSATIONS; i++) {
            if (atomic_load(&boxes[i].state) != ASKED)
                continue;
            struct pawl_waker asker = boxes[i].asker; /* the box is the asker's again as soon as it is answered */
            boxes[i].answer = boxes[i].question * 2;
            atomic_store(&boxes[i].state, ANSWERED);
            pawl_waker_wake(&asker);
            pawl_waker_drop(&asker);
        }
    }
    return NULL;
}

struct conversation {
    struct box *box;
    int asked;
};

static void ask(struct conversation *c, struct pawl_context *cx)
{
    c->box->question = ++c->asked;
    pawl_waker_from(&c->box->asker, cx); /* the server's to drop */
    atomic_store(&c->box->state, ASKED);
}

static enum pawl_poll talk(struct pawl_context *cx, void *state)
{
    struct conversation *c = state;
    bool cancelled = pawl_context_cancelled(cx); /* the last call: nothing new is to be begun */
    if (atomic_load(&c->box->state) == ANSWERED) {
        atomic_fetch_add(&sum, c->box->answer);
        atomic_store(&c->box->state, EMPTY);
    }
    if (atomic_load(&c->box->state) == EMPTY && c->asked < QUESTIONS && !cancelled)
        ask(c, cx);
    if (atomic_load(&c->box->state) != EMPTY && !cancelled)
        return PAWL_PENDING; /* an answer from now on wakes us: the box has our waker */
    atomic_fetch_sub(&talking, 1);
    return PAWL_READY;
}

static void *talk_to_all(void *arg)
{
    struct pawl_task **tasks = calloc(CONVERSATIONS, sizeof *tasks);
    if (tasks == NULL)
        return NULL;
    for (int i = 0; i < CONVERSATIONS; i++) {
        struct conversation c = {.box = &boxes[i]};
        if (pawl_spawn_poll_copy(NULL, talk, &c, sizeof c, &tasks[i]) != 0)
            atomic_fetch_sub(&talking, 1);
    }
    for (int i = 0; i < CONVERSATIONS; i++)
        if (tasks[i] != NULL)
            pawl_join(tasks[i], NULL);
    free(tasks);
    return arg;
}

int main(void)
{
    pthread_t server;
    int expected = 0;
    if (pthread_create(&server, NULL, serve, NULL) != 0)
        return 1;
    int error = pawl_run(NULL, talk_to_all, NULL, NULL);
    pthread_join(server, NULL);
    for (int i = 1; i <= QUESTIONS; i++)
        expected += 2 * i * CONVERSATIONS;
    printf("%d conversations, the answers add up to %d\n", CONVERSATIONS, atomic_load(&sum));
    return error == 0 && atomic_load(&sum) == expected ? 0 : 1;
}
