#include "console.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "escape.h"
#include "system.h"

static const char erase_line[] = "\r\033[K";

void console_init(struct console *console)
{
    *console = (struct console){.terminal = isatty(STDERR_FILENO) == 1};
    pthread_mutex_init(&console->lock, NULL);
}

void console_fini(struct console *console)
{
    pthread_mutex_destroy(&console->lock);
}

/* Where standard error does not take it there is nobody left to tell. */
static void write_locked(struct console *console, const struct text *text)
{
    if (console->status_shown)
        (void)system_write(STDERR_FILENO, erase_line, sizeof erase_line - 1);
    console->status_shown = false;
    (void)system_write(STDERR_FILENO, text->bytes, text->size);
}

void console_print(struct console *console, const struct text *lines)
{
    pthread_mutex_lock(&console->lock);
    write_locked(console, lines);
    pthread_mutex_unlock(&console->lock);
}

void console_say(struct console *console, const char *name, const char *what)
{
    struct text line = {0};
    text_append_string(&line, "pawl-sum: ");
    if (name != NULL) {
        escape_shell(&line, name);
        text_append_string(&line, ": ");
    }
    text_append_string(&line, what);
    text_append_char(&line, '\n');
    console_print(console, &line);
    text_fini(&line);
}

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

void console_status(struct console *console, const char *line)
{
    struct text text = {0};
    size_t length = strlen(line);
    if (console->terminal) {
        size_t columns = terminal_columns();
        text_append_string(&text, erase_line);
        text_append(&text, line, length < columns ? length : columns - 1);
    } else {
        text_append(&text, line, length);
        text_append_char(&text, '\n');
    }
    pthread_mutex_lock(&console->lock);
    (void)system_write(STDERR_FILENO, text.bytes, text.size);
    console->status_shown = console->terminal;
    pthread_mutex_unlock(&console->lock);
    text_fini(&text);
}

void console_status_clear(struct console *console)
{
    static const struct text nothing;
    console_print(console, &nothing);
}
