/* Cancel token, for select. */
#ifndef PAWL_SYNC_TOKEN_H
#define PAWL_SYNC_TOKEN_H

#include <pawl/token.h>

#include "sync/wait.h"

struct wait pawl__token_wait(struct pawl_token *token);

#endif
