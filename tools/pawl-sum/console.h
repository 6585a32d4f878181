/* Standard error: messages, and at most one status line that they do not garble. Threads: any. Blocks: on the write. */
#ifndef PAWL_SUM_CONSOLE_H
#define PAWL_SUM_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>

#include "text.h"

struct console {
    bool terminal; /* constant */
    pthread_mutex_t lock;
    bool status_shown; /* under lock */
};

void console_init(struct console *console);
void console_fini(struct console *console);

/* "pawl-sum: NAME: what", the name quoted where it must be; name NULL: "pawl-sum: what". */
void console_say(struct console *console, const char *name, const char *what);

/* Lines as they are. */
void console_print(struct console *console, const struct text *lines);

/* On a terminal `line` replaces the status line, cut to its width; elsewhere it is a line like any other. */
void console_status(struct console *console, const char *line);
void console_status_clear(struct console *console);

#endif
