#include "directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pawl/pawl.h>

#include "system.h"

/* Most file systems tell the kind with the name; the others are asked. */
static unsigned mode_of(int directory, const struct dirent64 *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return (unsigned)DTTOIF(entry->d_type);
    struct stat status;
    return system_stat_at(directory, entry->d_name, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static bool each_in_buffer(int fd, const char *buffer, size_t size, directory_entry_fn *fn, void *arg)
{
    for (size_t at = 0; at < size;) {
        const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
        at += entry->d_reclen;
        if (!is_dots(entry->d_name) && !fn(arg, fd, entry->d_name, mode_of(fd, entry)))
            return false;
    }
    return true;
}

/* One directory that is being read. */
struct reading {
    const char *path;
    int flags;
    void *buffer;
    int fd;       /* -1: not open yet */
    ssize_t size; /* of what is in the buffer; 0: the end; or a negative errno */
};

static void *read_entries(void *arg)
{
    struct reading *reading = arg;
    if (reading->fd < 0)
        reading->fd = system_open(reading->path, reading->flags);
    reading->size = reading->fd < 0 ? reading->fd : system_entries(reading->fd, reading->buffer, DIRECTORY_BUFFER_SIZE);
    return NULL;
}

/* A directory that is not in memory by name will not be so by content: it is read on the pool to its end. */
static bool needs_pool(struct reading *reading, enum reads reads)
{
    if (reads == READS_AUTO)
        reading->fd = system_open_cached(reading->path, reading->flags);
    return reads == READS_POOL || (reads == READS_AUTO && reading->fd == -EAGAIN);
}

int directory_each(const char *path, bool follow, enum reads reads, void *buffer, directory_entry_fn *fn, void *arg)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
    struct reading reading = {.path = path, .flags = flags, .buffer = buffer, .fd = -1};
    bool pool = needs_pool(&reading, reads);
    do {
        if (!pool || pawl_block(read_entries, &reading, NULL) != 0)
            read_entries(&reading);
    } while (reading.size > 0 && each_in_buffer(reading.fd, buffer, (size_t)reading.size, fn, arg));
    if (reading.fd >= 0)
        close(reading.fd);
    return reading.size < 0 ? (int)reading.size : 0;
}

void directory_join(struct text *path, const char *directory, const char *name)
{
    text_clear(path);
    text_append_string(path, directory);
    if (path->size > 0 && path->bytes[path->size - 1] != '/')
        text_append_char(path, '/');
    text_append_string(path, name);
    text_append_char(path, '\0');
    path->size--;
}
