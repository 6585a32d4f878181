/* Signals that ask for an end, taken by a plain thread.
 *
 * SIGINT and SIGTERM, and SIGHUP unless it was ignored (nohup), are blocked before any other thread exists and so are
 * never delivered elsewhere. The first stops the run; should a call in the kernel hold that up (a dead network file
 * system, a pipe that nobody reads), a second one or two seconds end the program all the same. SIGUSR1 is how the run
 * tells the thread that it is over. */
#ifndef PAWL_SUM_INTERRUPT_H
#define PAWL_SUM_INTERRUPT_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

struct sum;

struct interrupt {
    sigset_t signals;
    _Atomic bool over; /* the run has ended: the thread may */
    struct sum *sum;
    pthread_t thread;
};

/* Before any thread is started. Ignores SIGPIPE too: a closed pipe is an error of write. */
void interrupt_block(struct interrupt *interrupt);

/* 0, or a negative errno. */
int interrupt_start(struct interrupt *interrupt, struct sum *sum);
void interrupt_end(struct interrupt *interrupt);

#endif
