/* What happens beside the sums: every fifth of a second output is flushed and the progress line drawn anew.
 *
 * For the time left somebody must know how much there is: while progress is shown a scout walks the same trees on a
 * blocking thread and adds up sizes. Until it is through the line has no time left. */
#ifndef PAWL_SUM_PROGRESS_H
#define PAWL_SUM_PROGRESS_H

#include <stdbool.h>

struct pawl_task;
struct sum;

struct progress;

/* In a task; progress_end once for each. */
struct progress *progress_begin(struct sum *sum);
void progress_end(struct progress *progress);

#endif
