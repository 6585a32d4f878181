/* Channel, for select. */
#ifndef PAWL_SYNC_CHANNEL_H
#define PAWL_SYNC_CHANNEL_H

#include <pawl/channel.h>

#include "sync/wait.h"

struct wait pawl__channel_send_wait(struct pawl_channel *c, const void *item);
struct wait pawl__channel_receive_wait(struct pawl_channel *c, void *item);

#endif
