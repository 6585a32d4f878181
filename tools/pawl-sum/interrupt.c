#include "interrupt.h"

#include <time.h>
#include <unistd.h>

#include "sum.h"

#define GRACE_SECONDS 2

void interrupt_block(struct interrupt *interrupt)
{
    sigemptyset(&interrupt->signals);
    sigaddset(&interrupt->signals, SIGINT);
    sigaddset(&interrupt->signals, SIGTERM);
    sigaddset(&interrupt->signals, SIGUSR1);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(&interrupt->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &interrupt->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool is_over(struct interrupt *interrupt)
{
    return atomic_load_explicit(&interrupt->over, memory_order_acquire);
}

static void *run(void *arg)
{
    struct interrupt *interrupt = arg;
    int number = 0;
    while (sigwait(&interrupt->signals, &number) != 0 || number == SIGUSR1)
        if (is_over(interrupt))
            return NULL;
    sum_stop(interrupt->sum, number);
    struct timespec grace = {.tv_sec = GRACE_SECONDS};
    (void)sigtimedwait(&interrupt->signals, NULL, &grace);
    if (is_over(interrupt))
        return NULL;
    static const char word[] = "pawl-sum: interrupted while a call to the system does not return; output may be cut\n";
    ssize_t ignored = write(STDERR_FILENO, word, sizeof word - 1);
    (void)ignored;
    _exit(128 + number);
}

int interrupt_start(struct interrupt *interrupt, struct sum *sum)
{
    interrupt->sum = sum;
    atomic_init(&interrupt->over, false);
    return -pthread_create(&interrupt->thread, NULL, run, interrupt);
}

void interrupt_end(struct interrupt *interrupt)
{
    atomic_store_explicit(&interrupt->over, true, memory_order_release);
    pthread_kill(interrupt->thread, SIGUSR1);
    pthread_join(interrupt->thread, NULL);
}
