/* Reads a file a bufferful at a time. All but reader_try_fill block for as long as the disk takes: see file.c. */
#ifndef PAWL_SUM_READER_H
#define PAWL_SUM_READER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    /* Set by whoever makes it: */
    const char *path; /* NULL: standard input */
    bool follow;      /* a symbolic link */
    unsigned char *buffer;
    size_t capacity;
    const _Atomic int *stop;  /* looked at while standard input has nothing to say: not 0 */
    const _Atomic bool *late; /* the same: true */
    /* The reader's: */
    int fd;        /* -1: not open yet */
    uint64_t size; /* as fstat told it when the file was opened */
    uint64_t offset;
    /* Its answer: */
    size_t filled;
    bool end;         /* nothing comes after what was filled in */
    int error;        /* a negative errno, or 0 */
    const char *what; /* why it is refused where errno has no word for it, or NULL */
};

/* Fills the buffer; the first call opens the file, and refuses what is no regular file. */
void reader_fill(struct reader *reader);

/* The same as far as it goes without waiting for a disk; false: not a single byte. Not for standard input. */
bool reader_try_fill(struct reader *reader);

void reader_close(struct reader *reader);

/* "a FIFO", "a socket", ... for the S_IFMT part of a mode. */
const char *reader_kind(unsigned mode);

#endif
