/* File names are any bytes but NUL and '/'; these write them so that each reader gets them back. */
#ifndef PAWL_SUM_ESCAPE_H
#define PAWL_SUM_ESCAPE_H

#include <stdbool.h>

#include "text.h"

/* For a line of sums, as GNU sha256sum: backslash, newline and carriage return become \\, \n and \r, and a line whose
 * name has any of them starts with a backslash. */
bool escape_sum_needed(const char *name);
void escape_sum(struct text *out, const char *name);

/* For people and terminals: as it is if every byte is plain or valid, printable UTF-8, else quoted as a shell reads it
 * ('a b', 'it'\''s', 'a'$'\n''b'), so that no name can send a terminal a control sequence. */
void escape_shell(struct text *out, const char *name);

/* For JSON, with the quotes. Each byte that is not part of valid UTF-8 becomes U+FFFD; true if there was none. */
bool escape_json(struct text *out, const char *name);

#endif
