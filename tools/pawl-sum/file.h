/* The task of one file. */
#ifndef PAWL_SUM_FILE_H
#define PAWL_SUM_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct sum;

/* Of a file found on the way, given as a PATH (symbolic links are followed then), or standard input. */
enum file_origin { FILE_FOUND, FILE_GIVEN, FILE_STANDARD_INPUT };

/* Spawns it, and ends at once where that fails by summing in place. The caller has a permit of sum->window for it,
 * which the task gives back as the last thing it does. The name is copied. */
void file_spawn(struct sum *sum, enum file_origin origin, const char *name, size_t length);

#endif
