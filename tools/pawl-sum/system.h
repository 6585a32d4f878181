/* System calls that return a negative errno.
 *
 * They are kept out of line on purpose: a task may go on on another thread after it was suspended, while the compiler
 * may keep the address of errno for as long as it sees one function. None of these suspends. All may block. */
#ifndef PAWL_SUM_SYSTEM_H
#define PAWL_SUM_SYSTEM_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* open(2) for a path of any length: one that the kernel would refuse is opened piece by piece. */
int system_open(const char *path, int flags);

/* The same if that takes no waiting for a disk, else -EAGAIN. A kernel that cannot tell opens it. */
int system_open_cached(const char *path, int flags);

/* stat(2) for a path of any length; symbolic links are followed. */
int system_stat(const char *path, struct stat *out);

int system_stat_fd(int fd, struct stat *out);
int system_stat_at(int directory, const char *name, struct stat *out); /* a symbolic link is not followed */
ssize_t system_read(int fd, void *buffer, size_t size);                /* goes on after EINTR */
ssize_t system_read_cached(int fd, void *buffer, size_t size);         /* -EAGAIN: it is not in memory */
ssize_t system_entries(int fd, void *buffer, size_t size);             /* getdents64(2) */
int system_write(int fd, const void *bytes, size_t size);              /* all of it */
int system_wait_readable(int fd, int timeout_ms); /* 1: readable, at its end or in error; 0: not yet */

#endif
