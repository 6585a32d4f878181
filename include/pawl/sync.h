/* What tasks wait on: locks, permits, notifications, channels. Tasks, stackless tasks and plain threads alike.
 *
 * Defaults for these headers, exceptions are named at the function:
 *   Objects: live in the caller's memory, made by _init or a static initialiser, ended by _fini, but for those that are
 *            created and destroyed. An object may be fini'd by whoever was granted last, as soon as its call returned:
 *            those that gave (an unlock, a release, a send, the last to come to a barrier) do not touch it any more. The
 *            calls of others that wait, or have given up without being served, must have returned.
 *   Waiting: first in, first out. A waiting call has a form with a deadline (_until, an instant, last) and one for
 *            stackless tasks (_poll, see wait.h). An outcome that was obtained wins over a cancellation or a deadline
 *            that came at the same time: it is never lost.
 *   Others:  no other call here waits; those work from timer callbacks too. */
#ifndef PAWL_SYNC_H
#define PAWL_SYNC_H

#include <pawl/barrier.h>
#include <pawl/broadcast.h>
#include <pawl/channel.h>
#include <pawl/mutex.h>
#include <pawl/notify.h>
#include <pawl/oneshot.h>
#include <pawl/rwlock.h>
#include <pawl/select.h>
#include <pawl/semaphore.h>
#include <pawl/token.h>
#include <pawl/wait.h>

#endif
