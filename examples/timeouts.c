/* A timeout for each operation: armed before it, cancelled after it. Most timeouts never fire.
 *
 * The timer lives in the operation's own memory, here on the task's stack. Its callback runs on a worker, perhaps at
 * the same time as the task, so the memory may only go after pawl_timer_cancel_sync: then the callback is not running
 * and will not run. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdio.h>

#define REQUESTS 20
#define TIMEOUT_NS PAWL_MS(100)

struct request {
    int number;
    uint64_t server_takes_ns;
    int result; /* 0 or -ETIMEDOUT */
};

/* Stands for an exchange over the network: it only takes its time. */
static int exchange(const struct request *request)
{
    return pawl_sleep(request->server_takes_ns);
}

/* Ends the task's wait; status is -ESHUTDOWN if the runtime ends first, which ends it anyhow. */
static void give_up(struct pawl_timer *timer, void *task, int status)
{
    (void)timer;
    if (status == 0)
        pawl_task_cancel(task);
}

static void *serve(void *arg)
{
    struct request *request = arg;
    struct pawl_timer timeout;
    pawl_timer_init(&timeout, give_up, pawl_self());
    request->result = pawl_timer_arm(NULL, &timeout, pawl_now(NULL) + TIMEOUT_NS);
    if (request->result != 0)
        return NULL;
    request->result = exchange(request);
    pawl_timer_cancel_sync(&timeout);
    if (request->result == -ECANCELED)
        request->result = -ETIMEDOUT;
    return NULL;
}

static void *serve_all(void *arg)
{
    struct request *requests = arg;
    struct pawl_task *tasks[REQUESTS];
    for (int i = 0; i < REQUESTS; i++) {
        /* each seventh server is too slow */
        requests[i] = (struct request){i, i % 7 == 6 ? PAWL_SEC(10) : PAWL_US(100 * i), 0};
        if (pawl_spawn(NULL, serve, &requests[i], &tasks[i]) != 0) {
            requests[i].result = -EAGAIN;
            tasks[i] = NULL;
        }
    }
    for (int i = 0; i < REQUESTS; i++)
        pawl_join(tasks[i], NULL);
    return NULL;
}

int main(void)
{
    struct request requests[REQUESTS];
    int answered = 0, timed_out = 0;
    if (pawl_run(NULL, serve_all, requests, NULL) != 0)
        return 1;
    for (int i = 0; i < REQUESTS; i++) {
        answered += requests[i].result == 0;
        timed_out += requests[i].result == -ETIMEDOUT;
    }
    printf("%d answered, %d timed out\n", answered, timed_out);
    return answered == 18 && timed_out == 2 ? 0 : 1;
}
