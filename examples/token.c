/* Cancel tokens: a request is given up, and with it everything that was begun for it, but not the requests beside it.
 *
 * Unlike pawl_task_cancel a token says nothing to a task by itself: who is willing to be interrupted waits for its own
 * work and for the token, here in a select. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdio.h>

#define STEPS 3

struct step {
    struct pawl_token *token; /* its own reference */
    struct pawl_notify finished;
    int result;
};

static void *work(void *arg)
{
    struct step *step = arg;
    struct pawl_case cases[2];
    pawl_case_notify(&cases[0], &step->finished);
    pawl_case_token(&cases[1], step->token);
    step->result = pawl_select(cases, 2) == 0 ? 0 : -ECANCELED;
    pawl_token_drop(step->token);
    return NULL;
}

/* Begins the steps of a request, each with a token below the request's. */
static int begin(struct pawl_token *request, struct step *steps, struct pawl_task **tasks)
{
    for (int i = 0; i < STEPS; i++) {
        pawl_notify_init(&steps[i].finished);
        if (pawl_token_create(&steps[i].token, request) != 0 || pawl_spawn(NULL, work, &steps[i], &tasks[i]) != 0)
            return -1;
    }
    return 0;
}

static void *serve(void *arg)
{
    struct step(*steps)[STEPS] = arg;
    struct pawl_token *server, *requests[2];
    struct pawl_task *tasks[2][STEPS];
    int given_up = 0, finished = 0;
    if (pawl_token_create(&server, NULL) != 0)
        return NULL;
    for (int i = 0; i < 2; i++)
        if (pawl_token_create(&requests[i], server) != 0 || begin(requests[i], steps[i], tasks[i]) != 0)
            return NULL;
    pawl_token_cancel(requests[0]); /* its client has gone */
    for (int i = 0; i < STEPS; i++)
        pawl_notify_one(&steps[1][i].finished);
    for (int i = 0; i < 2 * STEPS; i++) {
        pawl_join(tasks[i / STEPS][i % STEPS], NULL);
        given_up += steps[i / STEPS][i % STEPS].result == -ECANCELED;
        finished += steps[i / STEPS][i % STEPS].result == 0;
    }
    bool server_goes_on = !pawl_token_cancelled(server);
    for (int i = 0; i < 2; i++)
        pawl_token_drop(requests[i]);
    pawl_token_drop(server);
    printf("%d steps given up, %d finished\n", given_up, finished);
    return given_up == STEPS && finished == STEPS && server_goes_on ? arg : NULL;
}

int main(void)
{
    struct step steps[2][STEPS]; /* here: when pawl_run has returned no task is left */
    void *result;
    return pawl_run(NULL, serve, steps, &result) == 0 && result == steps ? 0 : 1;
}
