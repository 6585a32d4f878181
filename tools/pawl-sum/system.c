#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define OUT_OF_LINE __attribute__((noinline))

/* Opens the leading directories of *path, as many as fit into one call, relative to `at`; *path becomes the rest. */
static int open_leading_part(int at, const char **path)
{
    char part[PATH_MAX];
    const char *start = *path;
    const char *slash = memrchr(start, '/', PATH_MAX - 1);
    if (slash == NULL || slash == start)
        return -ENAMETOOLONG;
    memcpy(part, start, (size_t)(slash - start));
    part[slash - start] = '\0';
    while (*slash == '/')
        slash++;
    *path = slash;
    int fd = openat(at, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_relative(int at, const char *path, int flags)
{
    int fd = openat(at, *path == '\0' ? "." : path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

OUT_OF_LINE int system_open(const char *path, int flags)
{
    if (*path == '\0')
        return -ENOENT;
    int at = AT_FDCWD;
    while (strlen(path) >= PATH_MAX) {
        int next = open_leading_part(at, &path);
        if (at != AT_FDCWD)
            close(at);
        if (next < 0)
            return next;
        at = next;
    }
    int fd = open_relative(at, path, flags);
    if (at != AT_FDCWD)
        close(at);
    return fd;
}

/* openat2 is there since Linux 5.6 and knows RESOLVE_CACHED since 5.12; some sandboxes refuse it with EPERM. */
OUT_OF_LINE int system_open_cached(const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_CACHED};
    if (strlen(path) >= PATH_MAX)
        return -EAGAIN;
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0)
        return (int)fd;
    if (errno == ENOSYS || errno == EINVAL || errno == EPERM)
        return system_open(path, flags);
    return -errno;
}

OUT_OF_LINE int system_stat(const char *path, struct stat *out)
{
    if (strlen(path) < PATH_MAX)
        return stat(path, out) != 0 ? -errno : 0;
    int fd = system_open(path, O_PATH);
    if (fd < 0)
        return fd;
    int error = fstat(fd, out) != 0 ? -errno : 0;
    close(fd);
    return error;
}

OUT_OF_LINE int system_stat_fd(int fd, struct stat *out)
{
    return fstat(fd, out) != 0 ? -errno : 0;
}

OUT_OF_LINE int system_stat_at(int directory, const char *name, struct stat *out)
{
    return fstatat(directory, name, out, AT_SYMLINK_NOFOLLOW) != 0 ? -errno : 0;
}

OUT_OF_LINE ssize_t system_read(int fd, void *buffer, size_t size)
{
    for (;;) {
        ssize_t count = read(fd, buffer, size);
        if (count >= 0)
            return count;
        if (errno != EINTR)
            return -errno;
    }
}

/* File systems that cannot tell (EOPNOTSUPP: tmpfs, overlayfs and proc among them, depending on the kernel) are read.
 */
OUT_OF_LINE ssize_t system_read_cached(int fd, void *buffer, size_t size)
{
    struct iovec piece = {.iov_base = buffer, .iov_len = size};
    ssize_t count = preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
    if (count >= 0)
        return count;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL || errno == EPERM || errno == ESPIPE)
        return system_read(fd, buffer, size);
    return errno == EINTR ? -EAGAIN : -errno;
}

OUT_OF_LINE ssize_t system_entries(int fd, void *buffer, size_t size)
{
    ssize_t count = getdents64(fd, buffer, size);
    return count < 0 ? -errno : count;
}

OUT_OF_LINE int system_write(int fd, const void *bytes, size_t size)
{
    const char *next = bytes;
    while (size > 0) {
        ssize_t count = write(fd, next, size);
        if (count < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (count < 0 && errno != EINTR) {
            return -errno;
        } else if (count > 0) {
            next += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

OUT_OF_LINE int system_wait_readable(int fd, int timeout_ms)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    int ready = poll(&input, 1, timeout_ms);
    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    return ready;
}
