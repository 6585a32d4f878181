/* Oneshot, for select. */
#ifndef PAWL_SYNC_ONESHOT_H
#define PAWL_SYNC_ONESHOT_H

#include <pawl/oneshot.h>

#include "sync/wait.h"

/* For the value that o will have; object and item are what they are named in struct wait. */
struct wait pawl__oneshot_wait(struct pawl_oneshot *o, void **value);

#endif
