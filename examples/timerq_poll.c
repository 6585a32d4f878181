/* A program with a loop of its own, around poll(2), and no runtime: pawl/timerq.h tells it how long to wait and whom to
 * resume. Its tasks are functions that are called again where they left off; they sleep, wait for input with a timeout,
 * and take turns on the one thread there is. */
#include <errno.h>
#include <pawl/timerq.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SLEEPERS = 3, SERVER = SLEEPERS, CLIENT, HEART, TASKS };
enum { SLEEPS = 4, READY_MAX = 2 }; /* a small array: tick is called until it is not filled */

struct task {
    void (*run)(struct task *task);
    int line; /* where to go on; 0: from the start */
    int done;
    int round;
    uint64_t timer, asked_ns; /* of the sleep or the timeout that it is in */
};

static struct pawl_timerq *timers;
static struct task tasks[TASKS];
static int request[2], answer[2]; /* pipes */
static int sleeps, early, answers, timeouts, beats;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return PAWL_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

/* A task is woken by its index. */
static void wake_after(struct task *task, uint64_t delay_ns)
{
    task->asked_ns = now() + delay_ns;
    if (pawl_timerq_set(timers, now(), delay_ns, (uint64_t)(task - tasks), &task->timer) != 0)
        task->done = 1;
}

/* Leaves the task's function until it is resumed. Locals do not survive it, so what a task remembers is in its struct.
 */
#define BEGIN(task)                                                                                                    \
    switch ((task)->line) {                                                                                            \
    case 0:
#define SUSPEND(task)                                                                                                  \
    do {                                                                                                               \
        (task)->line = __LINE__;                                                                                       \
        return;                                                                                                        \
    case __LINE__:;                                                                                                    \
    } while (0)
#define SLEEP(task, delay_ns)                                                                                          \
    do {                                                                                                               \
        wake_after(task, delay_ns);                                                                                    \
        SUSPEND(task);                                                                                                 \
    } while (0)
#define END(task)                                                                                                      \
    }                                                                                                                  \
    (task)->done = 1

static void sleep_often(struct task *task)
{
    BEGIN(task);
    for (; task->round < SLEEPS; task->round++) {
        SLEEP(task, PAWL_MS(2 + (task - tasks))); /* the others go on meanwhile */
        sleeps++;
        early += now() < task->asked_ns;
    }
    END(task);
}

/* Answers the first request after a while, and forgets the second. */
static void serve(struct task *task)
{
    char byte;
    BEGIN(task);
    SUSPEND(task); /* until there is a request */
    if (read(request[0], &byte, 1) == 1)
        SLEEP(task, PAWL_MS(3));
    if (write(answer[1], "a", 1) != 1)
        perror("write");
    END(task);
}

/* Whichever comes first, the answer or the timeout, resumes it; then it does without the other. */
static void ask(struct task *task)
{
    char byte;
    enum pawl_timer_state state;
    BEGIN(task);
    for (; task->round < 2; task->round++) {
        if (write(request[1], "?", 1) != 1)
            break;
        wake_after(task, task->round == 0 ? PAWL_SEC(60) : PAWL_MS(20));
        SUSPEND(task);
        if (pawl_timerq_state(timers, task->timer, &state) == 0 && state == PAWL_TIMER_FIRED)
            timeouts++;
        else if (pawl_timerq_cancel(timers, task->timer) == 0 && read(answer[0], &byte, 1) == 1)
            answers++;
    }
    END(task);
}

/* Resumed by an interval, as long as there is somebody else. */
static void beat(struct task *task)
{
    beats++;
    for (struct task *other = tasks; other < task; other++)
        if (!other->done)
            return;
    task->done = pawl_timerq_cancel(timers, task->timer) == 0;
}

static void resume(size_t index)
{
    if (!tasks[index].done)
        tasks[index].run(&tasks[index]);
}

/* Rounded up: a loop that wakes too early would turn for nothing. */
static int poll_timeout_ms(uint64_t until_ns)
{
    if (until_ns == PAWL_NEVER)
        return -1;
    return until_ns > PAWL_SEC(3600) ? 3600000 : (int)((until_ns + 999999) / 1000000);
}

static void loop(void)
{
    uint64_t ready[READY_MAX];
    while (!tasks[HEART].done) {
        struct pollfd fds[] = {{.fd = tasks[SERVER].done ? -1 : request[0], .events = POLLIN},
                               {.fd = answer[0], .events = POLLIN}};
        if (poll(fds, 2, poll_timeout_ms(pawl_timerq_until_next(timers, now()))) < 0 && errno != EINTR)
            return;
        if (fds[0].revents & POLLIN)
            resume(SERVER);
        if (fds[1].revents & POLLIN)
            resume(CLIENT);
        size_t count;
        do {
            count = pawl_timerq_tick(timers, now(), ready, READY_MAX);
            for (size_t i = 0; i < count; i++)
                resume(ready[i]);
        } while (count == READY_MAX);
    }
}

int main(void)
{
    if (pawl_timerq_create(&timers) != 0 || pipe(request) != 0 || pipe(answer) != 0)
        return 1;
    for (size_t i = 0; i < TASKS; i++) {
        tasks[i].run = i < SLEEPERS ? sleep_often : i == SERVER ? serve : i == CLIENT ? ask : beat;
        if (i != HEART)
            resume(i); /* to where it first waits */
    }
    if (pawl_timerq_interval(timers, now(), PAWL_MS(1), HEART, &tasks[HEART].timer) != 0)
        return 1;
    loop();
    printf("%d sleeps, %d of them too short; %d answer, %d timeout; %zu timers left\n", sleeps, early, answers,
           timeouts, pawl_timerq_pending(timers));
    int good = sleeps == SLEEPERS * SLEEPS && early == 0 && answers == 1 && timeouts == 1 && beats > 0 &&
               pawl_timerq_pending(timers) == 0;
    pawl_timerq_destroy(timers);
    return good ? 0 : 1;
}
