#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void end_for_want_of_memory(void)
{
    static const char word[] = "pawl-sum: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, word, sizeof word - 1);
    (void)ignored;
    _exit(1);
}

void *need_memory(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        end_for_want_of_memory();
    return memory;
}

char *need_string(const char *string)
{
    char *copy = strdup(string);
    if (copy == NULL)
        end_for_want_of_memory();
    return copy;
}

static void make_room(struct text *text, size_t size)
{
    size_t need = text->size + size;
    if (need <= text->capacity)
        return;
    size_t capacity = text->capacity < 256 ? 256 : text->capacity * 2;
    if (capacity < need)
        capacity = need;
    char *bytes = realloc(text->bytes, capacity);
    if (bytes == NULL)
        end_for_want_of_memory();
    text->bytes = bytes;
    text->capacity = capacity;
}

void text_append(struct text *text, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    make_room(text, size);
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

void text_append_char(struct text *text, char c)
{
    make_room(text, 1);
    text->bytes[text->size++] = c;
}

void text_append_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0) {
        make_room(text, (size_t)length + 1);
        vsnprintf(text->bytes + text->size, (size_t)length + 1, format, again);
        text->size += (size_t)length;
    }
    va_end(again);
}

void text_append_hex(struct text *text, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    make_room(text, size * 2);
    char *out = text->bytes + text->size;
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    text->size += size * 2;
}

void text_clear(struct text *text)
{
    text->size = 0;
}

void text_fini(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}
