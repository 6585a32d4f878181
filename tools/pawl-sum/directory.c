#include "directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int directory_each(const char *path, bool follow, void *buffer, directory_entry_fn *fn, void *arg)
{
    int fd = system_open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return fd;
    ssize_t size = 0;
    while ((size = system_entries(fd, buffer, DIRECTORY_BUFFER_SIZE)) > 0)
        if (!each_in_buffer(fd, buffer, (size_t)size, fn, arg))
            break;
    close(fd);
    return size < 0 ? (int)size : 0;
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
