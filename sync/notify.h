/* Notify, for select. */
#ifndef PAWL_SYNC_NOTIFY_H
#define PAWL_SYNC_NOTIFY_H

#include "sync/permits.h"

struct wait pawl__notify_wait(struct pawl_notify *n);

#endif
