#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"

/* From here on the kernel is told that the file is read from end to end, for a longer read-ahead. */
#define ADVISE_SIZE (UINT64_C(1024) * 1024)

/* How often a wait for standard input looks whether it should end. */
#define INPUT_LOOK_MS 50

const char *reader_kind(unsigned mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a file";
    case S_IFDIR:
        return "a directory";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "of an unknown kind";
    }
}

/* Non-blocking, which means nothing for files but keeps a FIFO that has just taken a file's place from holding us. */
static int open_path(const struct reader *reader, bool cached)
{
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (reader->follow ? 0 : O_NOFOLLOW);
    return cached ? system_open_cached(reader->path, flags) : system_open(reader->path, flags);
}

/* What was just opened, or the error in its place. */
static void accept_file(struct reader *reader, int fd)
{
    if (fd < 0) {
        reader->error = fd;
        return;
    }
    reader->fd = fd;
    struct stat status;
    reader->error = system_stat_fd(reader->fd, &status);
    if (reader->error != 0)
        return;
    if (!S_ISREG(status.st_mode)) {
        reader->error = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
        reader->what = S_ISDIR(status.st_mode) ? NULL : "is not a regular file any more";
        return;
    }
    reader->size = (uint64_t)status.st_size;
    if (reader->size >= ADVISE_SIZE)
        (void)posix_fadvise(reader->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

/* A short read that ends where the file is known to end saves the read that would say so. Files of /proc have size 0
 * and are read until nothing comes. */
static void fill_from_file(struct reader *reader, bool cached)
{
    while (reader->filled < reader->capacity && !reader->end) {
        size_t room = reader->capacity - reader->filled;
        unsigned char *rest = reader->buffer + reader->filled;
        ssize_t count = cached ? system_read_cached(reader->fd, rest, room) : system_read(reader->fd, rest, room);
        if (count == -EAGAIN && cached)
            return;
        if (count < 0) {
            reader->error = (int)count;
            return;
        }
        reader->filled += (size_t)count;
        reader->offset += (uint64_t)count;
        reader->end = count == 0 || ((size_t)count < room && reader->offset == reader->size);
    }
}

static bool told_to_end(const struct reader *reader)
{
    return atomic_load_explicit(reader->stop, memory_order_relaxed) != 0 ||
           atomic_load_explicit(reader->late, memory_order_relaxed);
}

/* One read, since more may be long in coming; returns with nothing when it was told to end. */
static void fill_from_input(struct reader *reader)
{
    while (!told_to_end(reader)) {
        int ready = system_wait_readable(reader->fd, INPUT_LOOK_MS);
        ssize_t count = ready > 0 ? system_read(reader->fd, reader->buffer, reader->capacity) : ready;
        if (count < 0 && count != -EAGAIN) {
            reader->error = (int)count;
            return;
        }
        if (ready > 0 && count >= 0) {
            reader->filled = (size_t)count;
            reader->end = count == 0;
            return;
        }
    }
}

void reader_fill(struct reader *reader)
{
    reader->filled = 0;
    if (reader->path == NULL) {
        reader->fd = STDIN_FILENO;
        fill_from_input(reader);
        return;
    }
    if (reader->fd < 0)
        accept_file(reader, open_path(reader, false));
    if (reader->error == 0)
        fill_from_file(reader, false);
}

bool reader_try_fill(struct reader *reader)
{
    reader->filled = 0;
    if (reader->fd < 0) {
        int fd = open_path(reader, true);
        if (fd == -EAGAIN)
            return false;
        accept_file(reader, fd);
    }
    if (reader->error == 0)
        fill_from_file(reader, true);
    return reader->filled > 0 || reader->end || reader->error != 0;
}

void reader_close(struct reader *reader)
{
    if (reader->path != NULL && reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
}
