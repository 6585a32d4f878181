#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pawl/runtime.h>

#include "base/assert.h"

static _Thread_local const struct pawl_hooks *thread_hooks;

void pawl__fatal_hook(const struct pawl_hooks *hooks)
{
    thread_hooks = hooks;
}

_Noreturn void pawl__fatal(const char *sentence)
{
    /* volatile: stays readable in a core dump */
    const char *volatile violated = sentence;
    if (thread_hooks != NULL && thread_hooks->fatal_error != NULL)
        thread_hooks->fatal_error(thread_hooks->context, violated);
#ifdef PAWL_DEBUG
    if (write(STDERR_FILENO, violated, strlen(violated)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
        abort();
#endif
    abort();
}
