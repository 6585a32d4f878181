/* Reads the entries of one directory, in the order the kernel gives them. */
#ifndef PAWL_SUM_DIRECTORY_H
#define PAWL_SUM_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "text.h"

#define DIRECTORY_BUFFER_SIZE ((size_t)64 * 1024)

/* mode: the S_IFMT part alone is sure to be there; 0 if the entry vanished before its kind was known. The name is
 * good during the call. `directory` is open for the system_*_at calls. false ends the reading. */
typedef bool directory_entry_fn(void *arg, int directory, const char *name, unsigned mode);

/* Calls fn for each entry but "." and "..". follow: if the path itself is a symbolic link. buffer: of
 * DIRECTORY_BUFFER_SIZE, aligned as malloc does. 0, or a negative errno once reading fails. Suspends if fn does, and,
 * unless reads is READS_INLINE, to read on the blocking pool; that is for tasks alone. */
int directory_each(const char *path, bool follow, enum reads reads, void *buffer, directory_entry_fn *fn, void *arg);

/* *path becomes directory + "/" + name, without a doubled slash and with a NUL behind its size. */
void directory_join(struct text *path, const char *directory, const char *name);

#endif
