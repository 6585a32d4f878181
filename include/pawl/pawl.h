/* All of Pawl, a work-stealing task scheduler with sharded timers, but testing.h, which is for test suites. */
#ifndef PAWL_PAWL_H
#define PAWL_PAWL_H

#include <pawl/base.h>
#include <pawl/metrics.h>
#include <pawl/poll.h>
#include <pawl/runtime.h>
#include <pawl/sync.h>
#include <pawl/task.h>
#include <pawl/time.h>
#include <pawl/timerq.h>

#endif
