/* Select: a server that waits for requests, for the moment to save its state, and for the order to stop, whichever
 * comes first. Exactly one of the cases happens each time; if several could, a random one does. */
#include <pawl/pawl.h>
#include <stdio.h>

#define REQUESTS 50
#define SAVE_NS PAWL_MS(2)

struct server {
    struct pawl_channel *requests, *answers;
    struct pawl_token *stop;
    int saves;
};

static void *serve(void *arg)
{
    struct server *server = arg;
    uint64_t save_ns = pawl_now(NULL) + SAVE_NS;
    int request;
    for (;;) {
        struct pawl_case cases[3];
        pawl_case_receive(&cases[0], server->requests, &request);
        pawl_case_deadline(&cases[1], save_ns);
        pawl_case_token(&cases[2], server->stop);
        switch (pawl_select(cases, 3)) {
        case 0:
            if (cases[0].status != 0)
                return NULL; /* closed: that happens each time from then on */
            request *= 2;
            pawl_channel_send(server->answers, &request); /* cancelled: so is the next select */
            break;
        case 1:
            server->saves++;
            save_ns += SAVE_NS;
            break;
        default: /* to stop; or a negative errno: cancelled */
            return NULL;
        }
    }
}

static void *use_server(void *arg)
{
    struct server *server = arg;
    struct pawl_task *task;
    int answer, right = 0;
    if (pawl_spawn(NULL, serve, server, &task) != 0)
        return NULL;
    for (int i = 0; i < REQUESTS; i++) {
        if (pawl_channel_send(server->requests, &i) != 0 || pawl_channel_receive(server->answers, &answer) != 0)
            break;
        right += answer == 2 * i;
        if (i % 10 == 0)
            pawl_sleep(SAVE_NS);
    }
    pawl_token_cancel(server->stop);
    pawl_join(task, NULL);
    printf("%d requests answered, state saved now and then\n", right);
    return right == REQUESTS && server->saves > 0 ? arg : NULL;
}

int main(void)
{
    struct server server = {.saves = 0};
    void *result;
    if (pawl_channel_create(&server.requests, 4, sizeof(int)) != 0 ||
        pawl_channel_create(&server.answers, 0, sizeof(int)) != 0 || pawl_token_create(&server.stop, NULL) != 0 ||
        pawl_run(NULL, use_server, &server, &result) != 0)
        return 1;
    pawl_channel_destroy(server.requests);
    pawl_channel_destroy(server.answers);
    pawl_token_drop(server.stop);
    return result != NULL ? 0 : 1;
}
