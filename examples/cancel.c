/* Cancelling a task, and cleaning up although one is cancelled.
 *
 * Cancellation interrupts nothing but waiting: from then on each suspending call of the task returns -ECANCELED. A task
 * that needs to wait once more, to say goodbye to somebody, puts a shield around that. It is joined as usual and
 * delivers its result. */
#include <errno.h>
#include <pawl/pawl.h>
#include <stdio.h>

struct session {
    int messages;
    int goodbye; /* result of the farewell */
};

static void *hold_session(void *arg)
{
    struct session *session = arg;
    int result;
    while ((result = pawl_sleep(PAWL_MS(1))) == 0)
        session->messages++;
    if (result != -ECANCELED)
        return NULL;

    pawl_shield_begin();
    session->goodbye = pawl_sleep(PAWL_MS(5)); /* stands for a farewell over the network */
    pawl_shield_end();

    /* outside the shield nothing waits any more */
    return pawl_sleep(PAWL_MS(1)) == -ECANCELED ? session : NULL;
}

static void *end_session(void *arg)
{
    struct session session = {.goodbye = -EIO};
    struct pawl_task *task;
    void *result = NULL;
    if (pawl_spawn(NULL, hold_session, &session, &task) != 0)
        return NULL;
    pawl_sleep(PAWL_MS(50));
    pawl_task_cancel(task);
    pawl_join(task, &result);
    printf("cancelled after some messages; goodbye %s\n", session.goodbye == 0 ? "said" : "not said");
    return result == &session && session.messages > 0 && session.goodbye == 0 ? arg : NULL;
}

int main(void)
{
    void *result;
    int marker;
    if (pawl_run(NULL, end_session, &marker, &result) != 0)
        return 1;
    return result == &marker ? 0 : 1;
}
