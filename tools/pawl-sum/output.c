#include "output.h"

#include <errno.h>
#include <unistd.h>

#include "system.h"

#define FLUSH_SIZE ((size_t)64 * 1024)

void output_init(struct output *output)
{
    *output = (struct output){.terminal = isatty(STDOUT_FILENO) == 1};
    pthread_mutex_init(&output->lock, NULL);
}

void output_fini(struct output *output)
{
    pthread_mutex_destroy(&output->lock);
    text_fini(&output->pending);
}

static int flush_locked(struct output *output)
{
    if (output->error == 0)
        output->error = system_write(STDOUT_FILENO, output->pending.bytes, output->pending.size);
    text_clear(&output->pending);
    return output->error;
}

int output_lines(struct output *output, const struct text *lines)
{
    pthread_mutex_lock(&output->lock);
    text_append(&output->pending, lines->bytes, lines->size);
    if (output->terminal || output->pending.size >= FLUSH_SIZE)
        flush_locked(output);
    int error = output->error;
    pthread_mutex_unlock(&output->lock);
    return error;
}

int output_flush(struct output *output)
{
    pthread_mutex_lock(&output->lock);
    int error = flush_locked(output);
    pthread_mutex_unlock(&output->lock);
    return error;
}

int output_close(struct output *output)
{
    pthread_mutex_lock(&output->lock);
    int error = flush_locked(output);
    if (close(STDOUT_FILENO) != 0 && error == 0)
        error = output->error = -errno;
    pthread_mutex_unlock(&output->lock);
    return error;
}
