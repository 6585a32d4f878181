/* A run of bytes that grows. Running out of memory ends the program with a word: there is nothing to go on with. */
#ifndef PAWL_SUM_TEXT_H
#define PAWL_SUM_TEXT_H

#include <stddef.h>

struct text {
    char *bytes; /* not terminated */
    size_t size;
    size_t capacity;
};

/* malloc and strdup that never return NULL. */
void *need_memory(size_t size);
char *need_string(const char *string);

void text_append(struct text *text, const void *bytes, size_t size);
void text_append_char(struct text *text, char c);
void text_append_string(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Two lower-case digits a byte. */
void text_append_hex(struct text *text, const unsigned char *bytes, size_t size);

/* Forgets the bytes and keeps the memory. */
void text_clear(struct text *text);

void text_fini(struct text *text);

#endif
